"""The private Asterisk, for real: it boots clean, it refuses clearly, and it leaves nothing behind."""

import asyncio
import os
import re
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callcenter.asterisk.config_files import (
    FallbackQueue,
    PbxConfig,
    PhoneAccount,
    TrunkConfig,
    installed_modules,
)
from callcenter.asterisk.errors import AsteriskProcessError, AsteriskSetupError
from callcenter.asterisk.installation import Installation, find_installation, private_directories
from callcenter.asterisk.module_list import missing_modules
from callcenter.asterisk.process import PrivateAsterisk, stop_left_over
from tests.ports import free_ports

pytestmark = pytest.mark.e2e

TOOLS = Path(os.environ.get("CALLCENTER_TOOLS_DIR", Path(__file__).parents[2] / ".tools"))


@pytest.fixture(scope="module")
def installation() -> Installation:
    if not (TOOLS / "asterisk" / "install.json").exists():
        pytest.skip("there is no Asterisk; run scripts/get-asterisk")
    return find_installation(TOOLS)


def config_in(base: Path, installation: Installation) -> PbxConfig:
    sip, ami, http = free_ports(3)
    return PbxConfig(
        directories=private_directories(base, installation),
        ami_secret="adapter-secret",
        sip_port=sip,
        ami_port=ami,
        http_port=http,
        fastagi_port=14573,
        rtp_start=20000,
        rtp_end=20999,
        media_address="127.0.0.1",
        trunks=(TrunkConfig(name="trunk-demo", match=("127.0.0.2",)),),
        phones=(PhoneAccount(agent_id="1001", secret="phone-secret"),),
        fallback_queues=(FallbackQueue(name="sales", members=("PJSIP/1001",)),),
        demo_caller_secret="demo-secret",
        modules_present=installed_modules(installation.modules_dir),
    )


@pytest.fixture
def base() -> Iterator[Path]:
    """A short directory: pytest's own are too deep for a control socket."""
    path = Path("/tmp") / f"cc-test-{os.getpid()}-{os.urandom(3).hex()}"
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def asterisk(base: Path, installation: Installation) -> AsyncIterator[PrivateAsterisk]:
    machine = PrivateAsterisk(installation, config_in(base, installation))
    yield machine
    await machine.kill()


def processes_of(base: Path) -> list[int]:
    """Every process that has one of our files on its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(base) in command:
                found.append(int(entry.name))
    return found


async def manager_says(config: PbxConfig, secret: str, *actions: str) -> str:
    """Logs in over a plain socket, sends the actions, logs off, and returns all that was said."""
    reader, writer = await asyncio.open_connection(config.ami_bind, config.ami_port)
    login = f"Action: Login\r\nUsername: {config.ami_user}\r\nSecret: {secret}\r\n\r\n"
    writer.write((login + "".join(f"{action}\r\n\r\n" for action in (*actions, "Action: Logoff"))).encode())
    async with asyncio.timeout(10):
        said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said.decode()


async def until_it_says(asterisk: PrivateAsterisk, command: str, words: str) -> None:
    """Asks again until the words are in the answer; a reload is done in Asterisk's own time."""
    async with asyncio.timeout(10):
        while True:
            if words in await asterisk.cli(command):
                return
            await asyncio.sleep(0.1)


async def test_it_boots_without_an_error_and_stops_without_a_trace(asterisk: PrivateAsterisk, base: Path) -> None:
    config = asterisk.config
    await asterisk.start()
    assert len(processes_of(base)) == 1
    logged = (config.directories.log / "messages.log").read_text()
    assert not re.findall(r"^.*\b(?:ERROR|WARNING)\b.*$", logged, re.MULTILINE)

    endpoints = await asterisk.cli("pjsip show endpoints")
    for name in ("1001", "1001w", "trunk-demo", "cc-out", "demo-caller"):
        assert re.search(rf"Endpoint:\s+{name}\b", endpoints), name
    dialplan = await asterisk.cli("dialplan show")
    for context in ("cc-inbound", "cc-call", "cc-agent", "cc-after", "cc-from-agent", "cc-music", "cc-back"):
        assert f"Context '{context}'" in dialplan, context
    assert "cc-fallback-sales" in await asterisk.cli("queue show")
    assert "default" in await asterisk.cli("moh show classes")
    assert "CEL Logging: Enabled" in await asterisk.cli("cel show status")

    await asterisk.stop()
    assert asterisk.pid is None
    assert processes_of(base) == []
    for kind, port in ((socket.SOCK_DGRAM, config.sip_port), (socket.SOCK_STREAM, config.ami_port)):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


async def test_the_manager_account_works_and_its_rights_end_where_they_should(asterisk: PrivateAsterisk) -> None:
    await asterisk.start()
    said = await manager_says(
        asterisk.config,
        "adapter-secret",
        "Action: Setvar\r\nVariable: CC_HEARTBEAT\r\nValue: 1234567890\r\nActionID: beat",
        "Action: Getvar\r\nVariable: CC_HEARTBEAT\r\nActionID: read",
        "Action: Status\r\nVariables: CC_ID,SHARED(CC_SERVED)\r\nActionID: all",
        "Action: Command\r\nCommand: core show version\r\nActionID: shell",
        "Action: UpdateConfig\r\nSrcFilename: manager.conf\r\nActionID: files",
    )
    replies = {m[1]: m[0] for m in re.findall(r"Response: (\w+)\r\nActionID: (\w+)", said)}
    assert replies == {"beat": "Success", "read": "Success", "all": "Success", "shell": "Error", "files": "Error"}
    assert "Value: 1234567890" in said
    refused = await manager_says(asterisk.config, "wrong")
    assert "Authentication failed" in refused


async def test_a_taken_port_is_named_and_nothing_is_started(asterisk: PrivateAsterisk, base: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", asterisk.config.sip_port))
        with pytest.raises(AsteriskProcessError, match=rf"UDP port {asterisk.config.sip_port} .*\(sip_port\)"):
            await asterisk.start()
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", asterisk.config.ami_port))
        taker.listen()
        with pytest.raises(AsteriskProcessError, match=rf"TCP port {asterisk.config.ami_port} .*\(ami_port\)"):
            await asterisk.start()
    assert processes_of(base) == []


async def test_a_second_one_in_the_same_directories_is_refused(
    asterisk: PrivateAsterisk, installation: Installation
) -> None:
    await asterisk.start()
    second = PrivateAsterisk(installation, asterisk.config)
    with pytest.raises(AsteriskProcessError, match=f"process {asterisk.pid}"):
        await second.start()
    assert second.pid is None
    assert "transport-udp" in await asterisk.cli("pjsip show transports")


async def test_after_a_kill_it_starts_again(asterisk: PrivateAsterisk, base: Path) -> None:
    await asterisk.start()
    await asterisk.kill()
    assert processes_of(base) == []
    await asterisk.start()
    assert "fully booted" in await asterisk.cli("core waitfullybooted")


async def test_a_frozen_one_is_killed(base: Path, installation: Installation) -> None:
    machine = PrivateAsterisk(installation, config_in(base, installation), stop_timeout=timedelta(seconds=1))
    await machine.start()
    assert machine.pid is not None
    os.kill(machine.pid, signal.SIGSTOP)
    await machine.stop()
    assert processes_of(base) == []


async def test_one_left_over_by_a_crash_is_found_and_stopped(asterisk: PrivateAsterisk, base: Path) -> None:
    await asterisk.start()
    # Another process would know it by its directories alone.
    assert await stop_left_over(asterisk.installation, asterisk.config.directories)
    assert await asterisk.wait() == 0
    assert processes_of(base) == []
    assert not await stop_left_over(asterisk.installation, asterisk.config.directories)


async def test_a_new_phone_needs_no_restart(asterisk: PrivateAsterisk) -> None:
    await asterisk.start()
    before = asterisk.pid
    phones = (*asterisk.config.phones, PhoneAccount(agent_id="1002", secret="another"))
    queues = (FallbackQueue(name="sales", members=("PJSIP/1001", "PJSIP/1002")),)
    changed = await asterisk.apply(replace(asterisk.config, phones=phones, fallback_queues=queues))
    assert changed == ("pjsip_callcenter.conf", "queues_callcenter.conf")
    await until_it_says(asterisk, "pjsip show endpoints", "1002w")
    await until_it_says(asterisk, "queue show cc-fallback-sales", "PJSIP/1002")
    assert asterisk.pid == before


async def test_under_a_deep_path_the_control_socket_still_works(base: Path, installation: Installation) -> None:
    machine = PrivateAsterisk(installation, config_in(base / ("deep" * 30), installation))
    try:
        await machine.start()
        assert "fully booted" in await machine.cli("core waitfullybooted")
    finally:
        await machine.stop()
        shutil.rmtree(machine.config.directories.run)


async def test_prompts_are_sounds_of_their_language(base: Path, installation: Installation) -> None:
    for language in ("en", "zh"):
        (base / "prompts" / language).mkdir(parents=True)
        (base / "prompts" / language / "welcome.wav").write_bytes(b"")
    machine = PrivateAsterisk(installation, config_in(base / "run-here", installation), prompts=base / "prompts")
    try:
        await machine.start()
        sounds = machine.config.directories.data / "sounds"
        assert (sounds / "zh" / "callcenter" / "welcome.wav").exists()
        assert (sounds / "en" / "callcenter" / "welcome.wav").exists()
        assert (sounds / "en" / "vm-goodbye.wav").exists()
    finally:
        await machine.stop()


async def test_a_wrong_configuration_starts_nothing(base: Path, installation: Installation) -> None:
    config = replace(config_in(base, installation), ami_secret="two\nlines")
    machine = PrivateAsterisk(installation, config)
    with pytest.raises(AsteriskSetupError, match="ami_secret"):
        await machine.start()
    assert os.listdir(base) == []


async def test_an_asterisk_that_dies_at_once_is_reported_with_its_last_words(
    base: Path, installation: Installation
) -> None:
    broken = base / "broken"
    broken.write_text(f'#!/bin/sh\n[ "$1" = -V ] && exec {installation.launcher} -V\necho no luck today\nexit 3\n')
    broken.chmod(0o755)
    machine = PrivateAsterisk(replace(installation, launcher=broken), config_in(base, installation))
    with pytest.raises(AsteriskProcessError, match=r"code 3 .*no luck today"):
        await machine.start()
    assert machine.pid is None


async def test_an_old_version_is_refused(base: Path, installation: Installation) -> None:
    old = base / "old"
    old.write_text("#!/bin/sh\necho Asterisk 18.10.0\n")
    old.chmod(0o755)
    machine = PrivateAsterisk(replace(installation, launcher=old), config_in(base, installation))
    with pytest.raises(AsteriskSetupError, match=r"18\.10\.0 is too old; 20"):
        await machine.start()


def test_the_installation_has_every_module_that_is_needed(installation: Installation) -> None:
    assert missing_modules(installed_modules(installation.modules_dir)) == ()


def test_without_an_installation_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(AsteriskSetupError, match="run scripts/get-asterisk"):
        find_installation(tmp_path)
