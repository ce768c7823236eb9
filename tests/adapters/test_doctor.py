"""The doctor's look at Asterisk: a real one with this or that taken away, and scripted ones of every age."""

import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from callcenter.asterisk.config_files import FallbackQueue, PbxConfig, PhoneAccount, TrunkConfig, installed_modules
from callcenter.asterisk.examination import Finding, Level, Wanted, examine_asterisk
from callcenter.asterisk.installation import find_installation, private_directories
from callcenter.asterisk.process import PrivateAsterisk
from callcenter.doctor import examine
from callcenter.settings import load
from tests.adapters.ami_peer import SECRET, Action, AmiPeer, block, success
from tests.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TOOLS = Path(os.environ.get("CALLCENTER_TOOLS_DIR", Path(__file__).parents[2] / ".tools"))
SOON = timedelta(milliseconds=500)


async def looked_at(wanted: Wanted) -> dict[str, Finding]:
    return {finding.name: finding async for finding in examine_asterisk(wanted)}


def failed(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.level is Level.FAIL]


# ---- scripted ones


def at(peer: AmiPeer, secret: str = SECRET) -> Wanted:
    return Wanted(
        host="127.0.0.1",
        port=peer.port,
        user="callcenter",
        secret=secret,
        question_address="127.0.0.1:4573",
        connect_limit=SOON,
    )


def denied(action: Action) -> str:
    return block("Response: Error", f"ActionID: {action['actionid']}", "Message: Permission denied")


@asynccontextmanager
async def asterisk_of(version: str) -> AsyncIterator[AmiPeer]:
    """Tells its version, and nothing else."""
    async with AmiPeer() as peer:
        peer.answers |= dict.fromkeys(("showdialplan", "queuesummary", "originate", "modulecheck", "getvar"), denied)
        peer.answers["listcommands"] = success
        peer.answers["coresettings"] = lambda action: block(
            "Response: Success", f"ActionID: {action['actionid']}", f"AsteriskVersion: {version}"
        )
        yield peer


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("16.28.0~dfsg", Level.FAIL),
        ("18.26.4", Level.FAIL),
        ("certified-18.9-cert12", Level.FAIL),
        ("a nightly one", Level.FAIL),
        ("20.17.0", Level.OK),
        ("certified-20.7-cert4", Level.OK),
        ("22.10.1+dfsg+~cs6.17", Level.OK),
        ("23.0.0", Level.OK),
    ],
)
async def test_what_is_older_than_20_is_refused(version: str, level: Level) -> None:
    async with asterisk_of(version) as peer:
        findings = await looked_at(at(peer))
    assert findings["version"].level is level
    assert (findings["version"].mend == "install Asterisk 20 or newer") is (level is Level.FAIL)


async def test_a_wrong_secret_is_told_at_once_and_not_shown() -> None:
    async with AmiPeer() as peer:
        findings = await looked_at(at(peer, secret="not-the-secret"))
    assert failed(findings) == ["asterisk"] == list(findings)
    assert "'callcenter'" in findings["asterisk"].detail
    assert "CALLCENTER_ASTERISK_AMI_SECRET" in findings["asterisk"].mend
    assert "not-the-secret" not in str(findings["asterisk"])


async def test_no_asterisk_and_a_silent_one_are_told() -> None:
    (port,) = free_ports(1)
    async with AmiPeer(booted=False) as peer:
        for wanted in (at(peer), replace(at(peer), port=port)):
            findings = await looked_at(wanted)
            assert failed(findings) == ["asterisk"] == list(findings)
            assert findings["asterisk"].mend.startswith("start Asterisk")


async def test_what_the_account_may_not_ask_is_said_and_not_called_well() -> None:
    async with asterisk_of("22.10.1") as peer:
        findings = await looked_at(at(peer))
    assert findings["rights"].level is Level.FAIL
    assert "Originate" in findings["rights"].detail
    assert findings["dialplan"].level is Level.UNKNOWN
    assert "events" not in findings
    assert peer.count("Originate") == 0


# ---- a real one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk() -> AsyncIterator[PrivateAsterisk]:
    if not (TOOLS / "asterisk" / "install.json").exists():
        pytest.skip("there is no Asterisk; run scripts/get-asterisk")
    installation = find_installation(TOOLS)
    sip, http, ami, agi = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="cc-doctor-", dir="/tmp") as base:
        config = PbxConfig(
            directories=private_directories(Path(base), installation),
            ami_secret=SECRET,
            sip_port=sip,
            http_port=http,
            ami_port=ami,
            fastagi_port=agi,
            media_address="127.0.0.1",
            rtp_start=31500,
            rtp_end=31999,
            phones=(PhoneAccount(agent_id="1001", secret=SECRET),),
            trunks=(TrunkConfig(name="carrier", match=("127.0.0.2",)),),
            fallback_queues=(FallbackQueue(name="sales", members=()), FallbackQueue(name="default", members=())),
            modules_present=installed_modules(installation.modules_dir),
        )
        process = PrivateAsterisk(installation, config)
        await process.start()
        try:
            yield process
        finally:
            await process.stop()


@pytest.fixture
def wanted(asterisk: PrivateAsterisk) -> Wanted:
    config = asterisk.config
    return Wanted(
        host="127.0.0.1",
        port=config.ami_port,
        user="callcenter",
        secret=SECRET,
        question_address=f"127.0.0.1:{config.fastagi_port}",
        queues=("sales",),
        phones=("1001",),
        trunks=("carrier",),
    )


@asynccontextmanager
async def changed(asterisk: PrivateAsterisk, name: str, old: str, new: str, reload: str) -> AsyncIterator[None]:
    """One file with `old` replaced (all of it when empty), loaded, and put right again."""
    path = asterisk.config.directories.etc / name
    text = path.read_text()
    path.write_text(text.replace(old, new) if old else new)
    await asterisk.cli(reload)
    try:
        yield
    finally:
        path.write_text(text)
        await asterisk.cli(reload)


async def test_a_right_asterisk_is_found_well_and_the_unseen_modules_are_named(
    asterisk: PrivateAsterisk, wanted: Wanted
) -> None:
    findings = await looked_at(wanted)
    assert {name: finding.level for name, finding in findings.items() if finding.level is not Level.OK} == {
        "modules": Level.UNKNOWN
    }
    assert "res_agi.so" in findings["modules"].mend
    assert "0 calls processed" in await asterisk.cli("core show channels count")


async def test_with_the_right_to_ask_every_module_is_looked_at(asterisk: PrivateAsterisk, wanted: Wanted) -> None:
    async with changed(
        asterisk, "manager_callcenter.conf", "write = call", "write = system,call", "module reload manager"
    ):
        assert (await looked_at(wanted))["modules"].level is Level.OK
        await asterisk.cli("module unload app_playback.so")
        try:
            modules = (await looked_at(wanted))["modules"]
        finally:
            await asterisk.cli("module load app_playback.so")
    assert modules.level is Level.FAIL
    assert modules.detail == "not loaded: app_playback.so"


async def test_a_module_that_shows_by_its_function_is_missed(asterisk: PrivateAsterisk, wanted: Wanted) -> None:
    await asterisk.cli("module unload func_logic.so")
    try:
        findings = await looked_at(wanted)
    finally:
        await asterisk.cli("module load func_logic.so")
    assert failed(findings) == ["modules"]
    assert findings["modules"].detail == "not loaded: func_logic.so"


@pytest.mark.parametrize(
    ("old", "new", "name", "told"),
    [
        ("write = call,originate,", "write = call,", "rights", "Originate"),
        ("write = call,originate,reporting", "write = originate,reporting", "rights", "Setvar"),
        ("read = system,call,", "read = system,", "events", "is not reported"),
    ],
)
async def test_a_missing_right_is_named(
    asterisk: PrivateAsterisk, wanted: Wanted, old: str, new: str, name: str, told: str
) -> None:
    async with changed(asterisk, "manager_callcenter.conf", old, new, "module reload manager"):
        findings = await looked_at(wanted)
    assert failed(findings) == [name]
    assert told in findings[name].detail
    assert "manager_callcenter.conf" in findings[name].mend


async def test_files_that_are_not_included_are_named(asterisk: PrivateAsterisk, wanted: Wanted) -> None:
    async with changed(asterisk, "extensions_callcenter.conf", "", "; empty\n", "dialplan reload"):
        findings = await looked_at(wanted)
    assert failed(findings) == ["dialplan"]
    assert "[cc-inbound]" in findings["dialplan"].detail
    async with changed(asterisk, "queues_callcenter.conf", "", "; empty\n", "module reload app_queue.so"):
        findings = await looked_at(wanted)
    assert failed(findings) == ["fallback queues"]
    assert "cc-fallback-sales, cc-fallback-default" in findings["fallback queues"].detail


async def test_files_that_are_older_than_the_business_are_told(wanted: Wanted) -> None:
    newer = replace(wanted, phones=("1001", "1002"), queues=("sales", "new"), question_address="127.0.0.1:1")
    findings = await looked_at(newer)
    assert failed(findings) == ["dialplan", "endpoints", "fallback queues"]
    assert "the server listens at 127.0.0.1:1" in findings["dialplan"].detail
    assert "does not know 1002" in findings["endpoints"].detail
    assert "cc-fallback-new" in findings["fallback queues"].detail


# ---- beside Asterisk


async def test_a_taken_port_and_a_closed_directory_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        web = holder.getsockname()[1]
        agi, ami, http = free_ports(3)
        environment = {
            "CALLCENTER_SERVER_PORT": str(web),
            "CALLCENTER_ASTERISK_FASTAGI_PORT": str(agi),
            "CALLCENTER_ASTERISK_AMI_PORT": str(ami),
            "CALLCENTER_SIP_HTTP_PORT": str(http),
            "CALLCENTER_ASTERISK_AMI_SECRET": "changeme",
            "CALLCENTER_SERVER_DATA_DIRECTORY": str(tmp_path / "file" / "data"),
            "CALLCENTER_FLOWS_SOUND_DIRECTORY": str(tmp_path),
        }
        findings = {finding.name: finding async for finding in examine(load(None, environment))}
    assert failed(findings) == ["settings", "data directory", "ports", "database", "asterisk", "browser phones"]
    assert f"TCP 127.0.0.1:{web} cannot be had" in findings["ports"].detail
    assert "server.port" in findings["ports"].mend
    assert all(findings[name].mend for name in failed(findings))
