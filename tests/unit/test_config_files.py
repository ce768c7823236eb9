"""The files for Asterisk: what is in them, and that no value can put anything else in."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.asterisk.config_files import (
    CEL_COLUMNS,
    EVENTS,
    Directories,
    FallbackQueue,
    MusicClass,
    PbxConfig,
    PhoneAccount,
    TrunkConfig,
    installed_modules,
    render,
    render_includes,
    write,
)
from callcenter.asterisk.errors import AsteriskSetupError
from callcenter.asterisk.installation import Installation, parse_version, private_directories
from callcenter.asterisk.module_list import missing_modules, modules_to_load

BASE = Path("/srv/pbx")
DIRECTORIES = Directories(
    etc=BASE / "etc",
    modules=BASE / "modules",
    data=BASE / "data",
    agi=BASE / "agi",
    moh=BASE / "moh",
    var=BASE / "var",
    spool=BASE / "spool",
    run=BASE / "run",
    log=BASE / "log",
)
CONFIG = PbxConfig(
    directories=DIRECTORIES,
    ami_secret="ami-secret",
    media_address="127.0.0.1",
    trunks=(
        TrunkConfig(name="trunk-a", match=("127.0.0.2",)),
        TrunkConfig(name="trunk-b", match=("192.0.2.0/24", "2001:db8::1"), trust_asserted_identity=True),
    ),
    phones=(PhoneAccount(agent_id="1001", secret="one"), PhoneAccount(agent_id="1002", secret="two")),
    fallback_queues=(FallbackQueue(name="sales", members=("PJSIP/1001", "PJSIP/1002")),),
    demo_caller_secret="demo",
)

#: What would end a line, open a section or begin a comment in one of Asterisk's files, or leave a dialplan argument.
BREAKERS = ["\n", "\r", "\0", ";", "\u2028", "\x85", "[", "]", "#include x", "$", "{", ",", '"', " ", "=>", "|"]


def lines_of(text: str) -> list[str]:
    """The lines that Asterisk reads: no comments, no blanks."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(";")]


def sections_of(text: str) -> list[tuple[str, dict[str, str]]]:
    """PJSIP's sections in order, each with its settings; a repeated setting keeps its last value."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in lines_of(text):
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif found and "=" in line:
            name, _, value = line.partition("=")
            found[-1][1][name.strip()] = value.strip()
    return found


def section(text: str, name: str, kind: str) -> dict[str, str]:
    return next(values for title, values in sections_of(text) if title == name and values.get("type") == kind)


def test_every_file_is_rendered_to_the_end() -> None:
    for name, text in (render(CONFIG) | render_includes(CONFIG)).items():
        assert "{{" not in text, name
        assert "{%" not in text, name
        assert text.endswith("\n"), name
        assert "None" not in text, name


def test_includes_lead_to_files_that_are_written() -> None:
    files = render(CONFIG)
    wanted = {match for text in files.values() for match in re.findall(r"^#include (\S+)$", text, re.MULTILINE)}
    assert wanted == {
        "pjsip_callcenter.conf",
        "manager_callcenter.conf",
        "queues_callcenter.conf",
        "extensions_callcenter.conf",
    }
    assert wanted <= files.keys()


def test_the_set_for_an_asterisk_one_has_brings_no_general_files() -> None:
    names = set(render_includes(CONFIG))
    assert names == {
        "pjsip_callcenter.conf",
        "manager_callcenter.conf",
        "queues_callcenter.conf",
        "extensions_callcenter.conf",
        "cel_custom_callcenter.conf",
        "README.txt",
    }
    readme = render_includes(CONFIG)["README.txt"]
    assert all(f"#include {name}" in readme for name in names - {"README.txt"})


def test_every_directory_is_private() -> None:
    text = render(CONFIG)["asterisk.conf"]
    paths = re.findall(r"^ast\w+dir => (\S+)$", text, re.MULTILINE)
    assert len(paths) == 11
    assert all(path.startswith(str(BASE)) for path in paths)


def test_an_agent_has_a_sip_phone_and_a_browser_with_one_secret() -> None:
    text = render(CONFIG)["pjsip_callcenter.conf"]
    assert section(text, "1001", "auth") == {
        "type": "auth",
        "auth_type": "userpass",
        "username": "1001",
        "password": "one",
    }
    assert section(text, "1001w", "auth")["password"] == "one"
    assert "webrtc" not in section(text, "1001", "endpoint")
    assert section(text, "1001w", "endpoint")["webrtc"] == "yes"
    for name in ("1001", "1001w"):
        assert section(text, name, "endpoint")["context"] == "cc-from-agent"


def test_asserted_identity_counts_only_from_the_marked_trunk() -> None:
    text = render(CONFIG)["pjsip_callcenter.conf"]
    assert section(text, "trunk-a", "endpoint")["trust_id_inbound"] == "no"
    assert section(text, "trunk-b", "endpoint")["trust_id_inbound"] == "yes"
    assert "match = 192.0.2.0/24" in lines_of(text)
    assert "match = 2001:db8::1" in lines_of(text)


def test_only_trunks_and_the_demo_phone_reach_the_callers_dialplan() -> None:
    text = render(CONFIG)["pjsip_callcenter.conf"]
    inbound = {name for name, values in sections_of(text) if values.get("context") == "cc-inbound"}
    assert inbound == {"trunk-a", "trunk-b", "demo-caller"}


def test_callers_are_never_told_who_the_agent_is() -> None:
    endpoints = [v for _, v in sections_of(render(CONFIG)["pjsip_callcenter.conf"]) if v.get("type") == "endpoint"]
    assert len(endpoints) == 8
    assert all(values["send_connected_line"] == "no" for values in endpoints)
    assert all(int(values["rtp_timeout"]) > 0 and values["timers"] == "yes" for values in endpoints)


def test_without_a_demo_secret_there_is_no_demo_phone() -> None:
    files = render(replace(CONFIG, demo_caller_secret=None))
    assert "demo-caller" not in "".join(files.values())
    assert "X-Demo-ANI" not in "".join(line for text in files.values() for line in lines_of(text))


def test_the_question_carries_its_arguments_in_the_agreed_order() -> None:
    text = render(CONFIG)["extensions_callcenter.conf"]
    assert (
        "AGI(agi://127.0.0.1:4573/call,${CC_ID},${CC_STATE},${CC_DNIS},${CC_ANI},${CC_NAME},${CC_PRES},${CC_TRUNK},"
        "${CC_FROM},${CC_ENTERED},${CC_QUESTION},${CC_AWAY_SINCE},${CC_TRANSFER},,${CC_PRESSED})"
    ) in text


def test_the_dialplan_never_looks_at_agistatus() -> None:
    assert not [line for line in lines_of(render(CONFIG)["extensions_callcenter.conf"]) if "AGISTATUS" in line]


def test_an_agent_is_bridged_by_name_because_one_uniqueid_may_begin_another() -> None:
    bridges = [line for line in lines_of(render(CONFIG)["extensions_callcenter.conf"]) if "Bridge(" in line]
    assert len(bridges) >= 8
    by_name = re.compile(r"same => n(\(\w+\))?,Bridge\(\$\{SHARED\(CC_CHANNEL,\$\{CC_[A-Z_]+\}\)\}\)")
    assert [line for line in bridges if not by_name.fullmatch(line)] == []


def test_what_a_caller_can_choose_is_encoded_before_it_is_used() -> None:
    text = "\n".join(lines_of(render(CONFIG)["extensions_callcenter.conf"]))
    for source in ("CALLERID(num)", "CALLERID(name)", "CALLERID(pres)", "CHANNEL(pjsip,remote_uri)", "EXTEN:0:80"):
        uses = [match.start() for match in re.finditer(re.escape("${" + source), text)]
        assert uses, source
        for use in uses:
            assert text[:use].endswith("URIENCODE("), source


def test_every_goto_has_its_label() -> None:
    context, labels, targets = "", set[tuple[str, str]](), list[tuple[str, str]]()
    for line in lines_of(render(CONFIG)["extensions_callcenter.conf"]):
        if line.startswith("["):
            context = line.strip("[]")
        labels |= {(context, label) for label in re.findall(r"^same => n\((\w+)\),", line)}
        targets += [(context, label) for label in re.findall(r"\?(\w+)\)$", line)]
        targets += [(context, label) for label in re.findall(r"^same => n[^,]*,Goto\((\w+)\)$", line)]
    assert len(targets) > 15
    assert set(targets) <= labels


def test_a_hang_up_is_not_taken_for_a_dialled_number() -> None:
    text = render(CONFIG)["extensions_callcenter.conf"]
    for context in ("cc-inbound", "cc-from-agent"):
        body = text.split(f"[{context}]")[1].split("\n[")[0]
        assert re.search(r"^exten => h,1,", body, re.MULTILINE)


def test_the_manager_account_may_do_the_least() -> None:
    lines = lines_of(render(CONFIG)["manager_callcenter.conf"])
    assert "read = system,call,user,reporting" in lines
    assert "write = call,originate,reporting" in lines
    assert "deny = 0.0.0.0/0.0.0.0" in lines
    assert [line for line in lines if line.startswith("permit")] == ["permit = 127.0.0.0/8"]


def test_the_event_filter_lets_through_what_is_listed_and_nothing_else() -> None:
    line = next(line for line in lines_of(render(CONFIG)["manager_callcenter.conf"]) if line.startswith("eventfilter"))
    pattern = re.compile(line.partition("=")[2].strip())
    for name in EVENTS:
        assert pattern.search(f"Event: {name}\r\nPrivilege: call,all\r\n")
    for name in ("VarSet", "Newexten", "RTCPSent", "BridgeEnterX", "DTMFEnd", "CEL"):
        assert not pattern.search(f"Event: {name}\r\nPrivilege: x\r\nUserField: Event: Hangup \r\n")


def test_cel_writes_the_documented_columns() -> None:
    line = next(line for line in lines_of(render(CONFIG)["cel_custom.conf"]) if line.startswith("callcenter.csv"))
    assert re.findall(r"\$\{CSV_QUOTE\(\$\{([^}]+)\}\)\}", line) == list(CEL_COLUMNS.values())


def test_optional_modules_load_only_where_they_exist() -> None:
    assert "res_cdrel_custom.so" not in modules_to_load(frozenset())
    assert "res_cdrel_custom.so" in modules_to_load(frozenset({"res_cdrel_custom.so"}))
    assert "chan_pjsip.so" in modules_to_load(frozenset())
    assert "app_queue.so" in missing_modules(frozenset({"chan_pjsip.so"}))


def test_browsers_get_opus_only_where_it_can_be_decoded() -> None:
    assert CONFIG.webrtc_codecs == ("alaw", "ulaw", "g722")
    able = replace(CONFIG, modules_present=frozenset({"codec_opus_open_source.so"}))
    assert able.webrtc_codecs == ("alaw", "ulaw", "g722", "opus")


def test_the_default_music_class_can_be_replaced() -> None:
    own = replace(CONFIG, music_classes=(MusicClass(name="default", directory=Path("/srv/own")),))
    assert "directory = /srv/own" in render(own)["musiconhold.conf"]
    assert "/srv/pbx/moh" not in render(own)["musiconhold.conf"]


@given(breaker=st.sampled_from(BREAKERS), before=st.text("ab1", max_size=4), after=st.text("ab1", max_size=4))
def test_no_name_or_secret_can_break_out_of_its_line(breaker: str, before: str, after: str) -> None:
    bad = f"{before}{breaker}{after}"
    configs = [
        replace(CONFIG, system_name=bad),
        replace(CONFIG, ami_user=bad),
        replace(CONFIG, language=bad),
        replace(CONFIG, fastagi_host=bad) if breaker not in "[]" else replace(CONFIG, sip_bind=bad),
        replace(CONFIG, media_address=bad),
        replace(CONFIG, codecs=(bad,)),
        replace(CONFIG, emergency_agi=f"/{bad}"),
        replace(CONFIG, ami_permit=(bad,)),
        replace(CONFIG, directories=replace(DIRECTORIES, log=Path(f"/srv/{bad}"))),
        replace(CONFIG, music_classes=(MusicClass(name=bad, directory=BASE),)),
        replace(CONFIG, trunks=(TrunkConfig(name=bad, match=("127.0.0.2",)),)),
        replace(CONFIG, trunks=(TrunkConfig(name="t", match=(bad,)),)),
        replace(CONFIG, phones=(PhoneAccount(agent_id=bad, secret="x"),)),
        replace(CONFIG, fallback_queues=(FallbackQueue(name=bad, members=()),)),
        replace(CONFIG, fallback_queues=(FallbackQueue(name="q", members=(f"PJSIP/{bad}",)),)),
    ]
    for config in configs:
        with pytest.raises(AsteriskSetupError):
            render(config)


@given(breaker=st.sampled_from(["\n", "\r", "\0", ";", " ", "\\", "é", "\u2028"]))
def test_no_secret_can_break_out_and_none_is_shown(breaker: str) -> None:
    bad = f"hush{breaker}hush"
    for config in (
        replace(CONFIG, ami_secret=bad),
        replace(CONFIG, demo_caller_secret=bad),
        replace(CONFIG, phones=(PhoneAccount(agent_id="1001", secret=bad),)),
        replace(CONFIG, trunks=(TrunkConfig(name="t", match=("192.0.2.1",), username="u", secret=bad),)),
    ):
        with pytest.raises(AsteriskSetupError) as caught:
            render(config)
        assert "hush" not in str(caught.value)
        assert "hush" not in repr(config)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ami_secret": ""}, "ami_secret is empty"),
        ({"sip_port": 0}, "sip_port is 0"),
        ({"ami_port": 8088}, "http_port and ami_port"),
        ({"rtp_start": 5000, "rtp_end": 6000}, "sip_port 5060 lies within"),
        ({"rtp_start": 10000, "rtp_end": 10001}, "too short"),
        ({"sip_bind": "localhost"}, "sip_bind is 'localhost'"),
        ({"codecs": ()}, "codecs is empty"),
        ({"session_expires_seconds": 60}, "no less than 90"),
        ({"apology_after_seconds": 90}, "the apology comes first"),
        ({"trunks": (TrunkConfig(name="t", match=()),)}, "trunk t has no match"),
        ({"trunks": (TrunkConfig(name="t", match=("pbx.example",)),)}, "must be an IP address"),
        ({"trunks": (TrunkConfig(name="cc-out", match=("192.0.2.1",)),)}, "taken by callcenter itself"),
        ({"trunks": (TrunkConfig(name="t", match=("192.0.2.1",), username="u"),)}, "only one of username and secret"),
        ({"trunks": (TrunkConfig(name="1001", match=("192.0.2.1",)),)}, "there are two"),
        (
            {"phones": (PhoneAccount(agent_id="1", secret="x"), PhoneAccount(agent_id="1w", secret="x"))},
            "there are two",
        ),
    ],
)
def test_a_wrong_value_is_named(changed: dict[str, object], words: str) -> None:
    with pytest.raises(AsteriskSetupError, match=re.escape(words)):
        render(replace(CONFIG, **changed))  # type: ignore[arg-type]


def test_a_fallback_member_behind_a_trunk_rings_whatever_the_trunk_does() -> None:
    members = ("PJSIP/1001", "PJSIP/1002w", "PJSIP/+442079460000@trunk-a", "PJSIP/cc-out/sip:desk@192.0.2.7")
    queue = FallbackQueue(name="sales", members=members)
    lines = lines_of(render(replace(CONFIG, fallback_queues=(queue,)))["queues_callcenter.conf"])
    assert [line for line in lines if line.startswith("member")] == [
        "member => PJSIP/1001",
        "member => PJSIP/1002w",
        "member => PJSIP/+442079460000@trunk-a,0,,Custom:cc-unknown",
        "member => PJSIP/cc-out/sip:desk@192.0.2.7,0,,Custom:cc-unknown",
    ]


def test_a_trunk_for_calls_out_has_its_address_and_its_login() -> None:
    trunk = TrunkConfig(
        name="out",
        match=("192.0.2.1",),
        contact="sip:192.0.2.1:5060",
        username="me",
        secret="pw",
        outbound_proxy="sip:192.0.2.9",
    )
    text = render(replace(CONFIG, trunks=(trunk,)))["pjsip_callcenter.conf"]
    assert section(text, "out", "endpoint")["aors"] == "out"
    assert section(text, "out", "endpoint")["outbound_auth"] == "out"
    assert section(text, "out", "endpoint")["outbound_proxy"] == r"sip:192.0.2.9\;lr"
    assert section(text, "out", "aor")["contact"] == "sip:192.0.2.1:5060"
    assert section(text, "out", "auth")["username"] == "me"


def test_write_keeps_secrets_private_and_touches_only_what_changed(tmp_path: Path) -> None:
    directory = tmp_path / "etc"
    first = write(render(CONFIG), directory)
    assert set(first) == set(render(CONFIG))
    for name in ("manager_callcenter.conf", "pjsip_callcenter.conf"):
        assert (directory / name).stat().st_mode & 0o777 == 0o600
    assert write(render(CONFIG), directory) == ()
    more = replace(CONFIG, phones=(*CONFIG.phones, PhoneAccount(agent_id="1003", secret="three")))
    assert write(render(more), directory) == ("pjsip_callcenter.conf",)
    assert not list(directory.glob(".*"))


def test_write_mends_a_mode_that_others_could_read(tmp_path: Path) -> None:
    write(render(CONFIG), tmp_path)
    (tmp_path / "pjsip_callcenter.conf").chmod(0o644)
    assert write(render(CONFIG), tmp_path) == ("pjsip_callcenter.conf",)
    assert (tmp_path / "pjsip_callcenter.conf").stat().st_mode & 0o777 == 0o600


def test_a_directory_without_asterisk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AsteriskSetupError, match="get-asterisk"):
        installed_modules(tmp_path)


@pytest.mark.parametrize(
    ("text", "version"),
    [("Asterisk 22.10.1+dfsg+~cs6", (22, 10, 1)), ("Asterisk 20.6.0~dfsg", (20, 6, 0)), ("Asterisk 21.0", (21, 0, 0))],
)
def test_versions_are_read(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(AsteriskSetupError, match="not a version"):
        parse_version("command not found")


def test_the_run_directory_moves_when_its_path_would_be_too_long() -> None:
    facts = Installation(launcher=BASE, version="22", modules_dir=BASE, data_dir=BASE, moh_dir=BASE)
    assert private_directories(Path("/srv/x"), facts).run == Path("/srv/x/run")
    deep = Path("/srv") / ("d" * 120)
    run = private_directories(deep, facts).run
    assert len(str(run / "asterisk.ctl")) < 100
    assert run == private_directories(deep, facts).run
    assert run != private_directories(deep / "other", facts).run
