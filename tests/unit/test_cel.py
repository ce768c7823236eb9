"""The channel log on disk: whatever state it is in, each call comes out of it once, whole and in order."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callcenter.app.recovery import MissedCall, MissedTalk
from callcenter.asterisk import cel
from callcenter.asterisk.cel import CelFolder, ChannelLog, Position, position_of, read_new, rotated_path
from callcenter.asterisk.config_files import CEL_COLUMNS
from callcenter.domain.events import Side
from callcenter.domain.ids import OfferId
from callcenter.domain.numbers import Number

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
C, A = "cc1-1700000000.1", "cc1-1700000000.1-1001-1700000005000"
CALLER, AGENT = "PJSIP/trunk-00000001", "PJSIP/1001-00000002"


def line(event: str, seconds: float, leg: str = C, *, extra: object = "", **fields: str) -> str:
    values = dict.fromkeys(CEL_COLUMNS, "") | {
        "event": event,
        "time": f"{(T0 + timedelta(seconds=seconds)).timestamp():.6f}",
        "uniqueid": leg,
        "linkedid": C,
        "channel": CALLER if leg == C else AGENT,
        "context": "cc-inbound" if event == "CHAN_START" and leg == C else "cc-agent",
        "extra": json.dumps(extra) if extra else "",
    }
    values |= fields
    return ",".join('"{}"'.format(value.replace('"', '""')) for value in values.values()) + "\n"


def start(seconds: float = 0, leg: str = C, **fields: str) -> str:
    return line("CHAN_START", seconds, leg, exten="4000", caller_number="13800138000", **fields)


def enter(seconds: float, leg: str, bridge: str = "b1") -> str:
    return line("BRIDGE_ENTER", seconds, leg, extra={"bridge_id": bridge})


def leave(seconds: float, leg: str, bridge: str = "b1") -> str:
    return line("BRIDGE_EXIT", seconds, leg, extra={"bridge_id": bridge})


def hang_up(seconds: float, leg: str = C, source: str = CALLER, cause: int = 16) -> str:
    return line("HANGUP", seconds, leg, extra={"hangupcause": cause, "hangupsource": source, "dialstatus": ""})


def talked(side: str = AGENT) -> list[str]:
    """The log of a talk, as Asterisk writes it."""
    return [
        start(0),
        start(5, A),
        enter(9, C),
        enter(9.25, A),
        leave(60, A),
        leave(60.25, C),
        hang_up(60.5, A, side),
        hang_up(61, C, side),
    ]


def read_ani(raw: str, presentation: str) -> Number:
    return Number(raw=raw)


def missed(path: Path, position: str | None = None) -> tuple[list[MissedCall], str]:
    calls, after = asyncio.run(ChannelLog(path, read_ani).missed(position))
    return [call for call in calls if call.arrival is not None or call.talks], after


def folded(lines: Iterable[str], tmp_path: Path) -> list[dict[str, str]]:
    path = tmp_path / "x.csv"
    path.write_text("".join(lines), "utf-8")
    return read_new(path, Position())[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "callcenter.csv"


def test_a_call_that_came_and_went(path: Path) -> None:
    path.write_text(start(1, caller_name='Wang, "Xiaoming"') + hang_up(20))
    ((call,), _) = missed(path)
    assert call.arrival is not None
    assert (call.arrival.at, call.arrival.dnis, call.arrival.ani.raw) == (
        T0 + timedelta(seconds=1),
        "4000",
        "13800138000",
    )
    assert call.arrival.caller_name == 'Wang, "Xiaoming"'
    assert (call.ended_at, call.side, call.cause) == (T0 + timedelta(seconds=20), Side.CALLER, 16)
    assert (call.answered, call.talks) == (False, ())


@pytest.mark.parametrize(("source", "side"), [(AGENT, Side.AGENT), (CALLER, Side.CALLER), ("dialplan/builtin", None)])
def test_a_talk_has_its_times_its_agent_s_leg_and_its_side(path: Path, source: str, side: Side | None) -> None:
    path.write_text("".join(talked(source)))
    ((call,), _) = missed(path)
    talk = MissedTalk(offer_id=OfferId(A), began_at=T0 + timedelta(seconds=9.25), ended_at=T0 + timedelta(seconds=60))
    assert (call.talks, call.side, call.answered) == ((talk,), side, True)


def test_a_talk_that_goes_on_is_told_without_an_end(path: Path) -> None:
    path.write_text("".join(talked()[:4]))
    ((call,), _) = missed(path)
    assert call.ended_at is None
    assert [(talk.offer_id, talk.ended_at) for talk in call.talks] == [(A, None)]


def test_whoever_shares_no_bridge_with_the_caller_is_not_his_agent(path: Path) -> None:
    other = "cc1-1700000000.12-1002-1700000005000"  # It begins with the caller's id, but is another's.
    path.write_text("".join([start(0), enter(1, C, "b1"), enter(2, A, "b2"), enter(2, other, "b1"), hang_up(9)]))
    ((call,), _) = missed(path)
    assert (call.answered, call.talks) == (True, ())


def test_reading_goes_on_where_it_stopped(path: Path) -> None:
    path.write_text(start(0) + hang_up(5))
    first, position = missed(path)
    assert len(first) == 1
    assert missed(path, position) == ([], position)
    with path.open("a") as file:
        file.write(start(10, "cc1-1700000000.2", context="cc-inbound") + hang_up(15, "cc1-1700000000.2"))
    second, _ = missed(path, position)
    assert [call.interaction_id for call in second] == ["cc1-1700000000.2"]


def test_a_half_written_line_waits_for_its_other_half(path: Path) -> None:
    text = start(0) + hang_up(5)
    path.write_text(text[:-20])
    calls, position = missed(path)
    assert calls == []
    assert position_of(position).offset == len(start(0))
    path.write_text(text)
    rows, after = read_new(path, position_of(position))
    assert [row["event"] for row in rows] == ["HANGUP"]
    assert after.offset == len(text)


@pytest.mark.parametrize(
    "garbage",
    [
        "\n",
        '"HANGUP","17\n',
        "no comma at all\n",
        '"unclosed, and on\n',
        "\x00\x01\x02\n",
        ",,,,,,,,,,,\n",
        '"HANGUP","not a time","cc1-1700000000.1","","","","","","","","","{"\n',
        '"' + "x" * 200_000 + '"\n',
    ],
)
def test_a_line_of_garbage_spoils_no_other(path: Path, garbage: str) -> None:
    path.write_text(start(0) + garbage + hang_up(5) + garbage)
    ((call,), position) = missed(path)
    assert (call.side, call.cause) == (Side.CALLER, 16)
    assert position_of(position).offset == path.stat().st_size


def test_bytes_that_are_no_text_and_signs_that_look_like_line_ends_spoil_nothing(path: Path) -> None:
    name = "Li\u2028Wei\x85\x0bx"
    path.write_bytes(start(0, caller_name=name).encode() + b"\xff\xfe\n" + hang_up(5).encode())
    ((call,), _) = missed(path)
    assert call.arrival is not None
    assert call.arrival.caller_name == name


@pytest.mark.parametrize("extra", ["", "[]", "{", "null", '{"hangupcause":"x","hangupsource":3}', "[" * 5000])
def test_a_hang_up_that_cannot_be_read_is_still_a_hang_up(path: Path, extra: str) -> None:
    path.write_text(start(0) + line("HANGUP", 5).replace('""\n', '"{}"\n'.format(extra.replace('"', '""'))))
    ((call,), _) = missed(path)
    assert (call.ended_at, call.side, call.cause) == (T0 + timedelta(seconds=5), None, None)


def test_a_log_that_is_not_there_has_nothing_and_is_read_from_its_begin_later(path: Path) -> None:
    assert missed(path, None) == ([], "0:0")
    path.write_text(start(0) + hang_up(5))
    assert len((missed(path, "0:0"))[0]) == 1


def test_another_file_of_the_same_name_is_read_from_its_begin(path: Path) -> None:
    path.write_text(start(0) + hang_up(5))
    _, position = missed(path)
    path.rename(path.with_name("elsewhere"))
    path.write_text(start(0, "cc1-1700000000.2", context="cc-inbound") + hang_up(5, "cc1-1700000000.2"))
    assert len((missed(path, position))[0]) == 1


def test_a_file_cut_short_is_read_from_its_begin(path: Path) -> None:
    path.write_text(start(0) + hang_up(5) + start(6) + hang_up(7))
    _, position = missed(path)
    path.write_text(start(0) + hang_up(5))
    assert len((missed(path, position))[0]) == 1


def test_what_a_log_put_aside_still_has_is_read_before_the_new_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(start(0))
    _, position = missed(path)
    with path.open("a") as file:
        file.write(hang_up(5))
    monkeypatch.setattr(cel, "ROTATE_BYTES", 10)
    log = ChannelLog(path, read_ani)
    assert asyncio.run(log.end()) == "0:0"
    assert rotated_path(path).exists()
    calls, after = asyncio.run(log.missed(position))
    assert [call.ended_at for call in calls] == [T0 + timedelta(seconds=5)]
    assert after == "0:0"  # Asterisk has not begun the new one yet.
    path.write_text(start(10) + hang_up(15))
    calls, _ = asyncio.run(log.missed(position))
    assert [call.ended_at for call in calls] == [T0 + timedelta(seconds=5), T0 + timedelta(seconds=15)]


def test_a_log_longer_than_one_reading_is_read_to_its_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel, "CHUNK_BYTES", 700)
    legs = [f"cc1-1700000000.{n}" for n in range(1, 40)]
    path.write_text("".join(start(0, leg, context="cc-inbound") + hang_up(5, leg) for leg in legs))
    calls, position = missed(path)
    assert [call.interaction_id for call in calls] == legs
    assert position_of(position).offset == path.stat().st_size


def test_a_log_that_grows_while_it_is_read_gives_no_call_twice_and_loses_none(path: Path) -> None:
    legs = [f"cc1-1700000000.{n}" for n in range(1, 30)]
    text = "".join(start(0, leg, context="cc-inbound") + hang_up(5, leg) for leg in legs)
    folder, position, seen = CelFolder(read_ani), Position(), []
    for end in [*range(0, len(text), 97), len(text)]:
        _append_to(path, text, end)
        rows, position = read_new(path, position)
        seen += [call.interaction_id for call in folder.take(rows)]
    assert seen == legs


def _append_to(path: Path, text: str, end: int) -> None:
    with path.open("a") as file:
        file.write(text[file.tell() : end])


@pytest.mark.parametrize("text", [None, "", "x", "1:", ":1", "-1:5", "1:2:3", "9" * 5000])
def test_a_position_that_cannot_be_read_is_the_begin(text: str | None) -> None:
    assert position_of(text) == Position()


def test_legs_of_asterisk_s_own_doing_are_passed_over(tmp_path: Path) -> None:
    rows = folded([start(0), hang_up(3, C, "").replace(CALLER, "Surrogate/x"), hang_up(9)], tmp_path)
    assert [call.ended_at for call in CelFolder(read_ani).take(rows)] == [T0 + timedelta(seconds=9)]


# ---- callbacks, and what goes out

CUSTOMER, OFFER = "cb-cc1-1700000000.1-2.", "cb-cc1-1700000000.1-1001-1700000005000"


def answered(seconds: float, leg: str) -> str:
    return line("ANSWER", seconds, leg)


def called(seconds: float, leg: str) -> str:
    """A channel that goes out by a trunk begins in the trunk's context, as a caller's does."""
    return line("CHAN_START", seconds, leg, context="cc-inbound", exten="s")


def test_what_goes_out_by_a_trunk_is_no_call_that_came(path: Path) -> None:
    path.write_text(called(0, A) + hang_up(5, A) + called(6, "cc1-1700000000.9") + hang_up(7, "cc1-1700000000.9"))
    calls, _ = asyncio.run(ChannelLog(path, read_ani).missed(None))
    assert [call.arrival for call in calls] == [None, None]


def test_an_attempt_in_vain_ends_no_callback(path: Path) -> None:
    path.write_text(called(0, CUSTOMER) + hang_up(30, CUSTOMER))
    calls, _ = asyncio.run(ChannelLog(path, read_ani).missed(None))
    assert calls == []


@pytest.mark.parametrize("first", [CUSTOMER, OFFER])
def test_the_talk_of_a_callback_belongs_to_the_callback(path: Path, first: str) -> None:
    second = OFFER if first == CUSTOMER else CUSTOMER
    log = [called(0, OFFER), called(5, CUSTOMER), answered(8, CUSTOMER), enter(9, first), enter(9.25, second)]
    log += [leave(60, OFFER), leave(60.25, CUSTOMER), hang_up(60.5, OFFER, AGENT), hang_up(61, CUSTOMER, AGENT)]
    path.write_text("".join(log))
    ((call,), _) = missed(path)
    assert (call.interaction_id, call.answered, call.arrival) == ("cb-cc1-1700000000.1", True, None)
    assert [talk.offer_id for talk in call.talks] == [OFFER]


def test_a_customer_who_left_his_place_has_left_the_callback(path: Path) -> None:
    path.write_text(called(0, CUSTOMER) + answered(8, CUSTOMER) + hang_up(61, CUSTOMER))
    ((call,), _) = asyncio.run(ChannelLog(path, read_ani).missed(None))
    assert (call.interaction_id, call.answered, call.ended_at) == (
        "cb-cc1-1700000000.1",
        False,
        T0 + timedelta(seconds=61),
    )
