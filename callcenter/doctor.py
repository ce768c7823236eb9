"""Examines what the server needs of the machine, and says how to mend what is wrong."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from callcenter.asterisk.ami import AmiClient, AmiPhase, AmiState
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.errors import AmiActionFailed, AmiAuthenticationError, AmiError, AsteriskSetupError
from callcenter.asterisk.installation import OLDEST_MAJOR, parse_version
from callcenter.asterisk.synthesis import EspeakSynthesiser
from callcenter.bootstrap import load_lines
from callcenter.domain.errors import CallcenterError
from callcenter.ivr.faults import FlowError
from callcenter.settings import Settings, SettingsError, check_runnable
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.schema import check_schema

AMI_LIMIT: Final = timedelta(seconds=8)
ACTION_LIMIT: Final = timedelta(seconds=5)
FREE_BYTES: Final = 1 << 30
#: What the dialplan and the phones need, by the module that brings it.
MODULES: Final = (
    "res_agi.so",
    "chan_pjsip.so",
    "res_pjsip.so",
    "res_pjsip_session.so",
    "app_queue.so",
    "app_playback.so",
    "app_bridgewait.so",
    "func_shared.so",
    "func_groupcount.so",
    "res_musiconhold.so",
    "cel_custom.so",
)
OPTIONAL_MODULES: Final = frozenset({"app_bridgewait.so", "cel_custom.so"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `mend` says what to do when it is not well."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; what cannot be looked at is a finding, never an exception."""
    findings = [_settings(settings), *_programs(), _disk(settings), *_ports(settings)]
    findings += [finding async for finding in _database(settings)]
    findings += [finding async for finding in _asterisk(settings)]
    return findings


def _settings(settings: Settings) -> Finding:
    try:
        check_runnable(settings)
    except SettingsError as error:
        return Finding(name="settings", ok=False, detail=error.lines[0], mend="see config/callcenter.toml")
    return Finding(name="settings", ok=True, detail="complete")


def _programs() -> list[Finding]:
    problems = EspeakSynthesiser().problems()
    if not problems:
        return [Finding(name="prompts", ok=True, detail="espeak-ng and sox are here")]
    return [
        Finding(name="prompts", ok=False, detail=problem, mend="apt-get install espeak-ng sox") for problem in problems
    ]


def _disk(settings: Settings) -> Finding:
    directory = settings.server.data_directory
    existing = next((place for place in (directory, *directory.parents) if place.exists()), directory)
    free = shutil.disk_usage(existing).free
    detail = f"{free // (1 << 20)} MiB free under {existing}"
    return Finding(name="disk", ok=free > FREE_BYTES, detail=detail, mend="free at least 1 GiB")


def _ports(settings: Settings) -> list[Finding]:
    wanted = (
        ("web port", settings.server.bind, settings.server.port, "server.port"),
        ("question port", settings.asterisk.fastagi_bind, settings.asterisk.fastagi_port, "asterisk.fastagi_port"),
    )
    return [_port(name, address, port, setting) for name, address, port, setting in wanted]


def _port(name: str, address: str, port: int, setting: str) -> Finding:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            mend = f"fine if the server runs already; otherwise stop what uses it or set another {setting}"
            return Finding(name=name, ok=False, detail=f"{address}:{port}: {error.strerror}", mend=mend)
    return Finding(name=name, ok=True, detail=f"{address}:{port} is free")


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        database = Database(settings.database_url)
    except CallcenterError as error:
        yield Finding(name="database", ok=False, detail=str(error), mend="set database.url")
        return
    try:
        await check_schema(database)
        yield Finding(name="database", ok=True, detail=database.url_for_people)
        lines = await load_lines(settings, StoredConfiguration(database))
        yield Finding(name="flows", ok=True, detail=", ".join(sorted(lines.flows)))
    except FlowError as error:
        for fault in error.faults:
            where = f"{fault.filename}:{fault.line}"
            yield Finding(name="flows", ok=False, detail=f"{where}: {fault.what}", mend=fault.right)
    except CallcenterError as error:
        yield Finding(name="database", ok=False, detail=str(error), mend="callcenter db upgrade")
    finally:
        await database.dispose()


async def _asterisk(settings: Settings) -> AsyncIterator[Finding]:
    states: asyncio.Queue[AmiState] = asyncio.Queue(100)

    def ignore(_: AmiEvent) -> None:
        """Events are nothing to a doctor."""

    asterisk = settings.asterisk
    config = AmiConfig(
        host=asterisk.ami_host, port=asterisk.ami_port, username=asterisk.ami_user, secret=asterisk.ami_secret or "none"
    )
    client = AmiClient(config, ignore, states.put_nowait)
    running = asyncio.create_task(client.run(), name="doctor's AMI")
    try:
        problem = await _connected(states)
        if problem is not None:
            yield problem
            return
        where = f"{asterisk.ami_host}:{asterisk.ami_port} as {asterisk.ami_user}"
        yield Finding(name="asterisk", ok=True, detail=f"the manager interface answers at {where}")
        yield await _version(client)
        yield await _may_originate(client)
        async for finding in _modules(client):
            yield finding
    except AmiError as error:
        yield Finding(name="asterisk", ok=False, detail=str(error), mend="look into Asterisk's log")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _connected(states: "asyncio.Queue[AmiState]") -> Finding | None:
    last: AmiError | None = None
    try:
        async with asyncio.timeout(AMI_LIMIT.total_seconds()):
            while True:
                state = await states.get()
                last = state.error or last
                if state.phase is AmiPhase.READY:
                    return None
                if isinstance(last, AmiAuthenticationError):
                    mend = "put the secret of manager.conf into CALLCENTER_ASTERISK_AMI_SECRET"
                    return Finding(name="asterisk", ok=False, detail=str(last), mend=mend)
    except TimeoutError:
        detail = str(last) if last is not None else "no answer"
        mend = "start Asterisk, and set asterisk.ami_host and asterisk.ami_port"
        return Finding(name="asterisk", ok=False, detail=detail, mend=mend)


async def _version(client: AmiClient) -> Finding:
    answer = await client.action("CoreSettings", {}, ACTION_LIMIT)
    told = answer.get("AsteriskVersion", "")
    try:
        version = parse_version(f"Asterisk {told}")
    except AsteriskSetupError as error:
        return Finding(name="asterisk version", ok=False, detail=str(error), mend=f"install {OLDEST_MAJOR} or newer")
    ok = version[0] >= OLDEST_MAJOR
    return Finding(name="asterisk version", ok=ok, detail=told, mend=f"install Asterisk {OLDEST_MAJOR} or newer")


async def _may_originate(client: AmiClient) -> Finding:
    """An order to a place that does not exist: refused for its place, not for want of rights."""
    try:
        await client.action(
            "Originate",
            {"Channel": "Local/s@cc-doctor", "Context": "cc-doctor", "Exten": "s", "Priority": "1"},
            ACTION_LIMIT,
        )
    except AmiActionFailed as error:
        if "permission" in str(error).lower():
            mend = "manager.conf: write = call,originate,reporting (callcenter asterisk-config writes it)"
            return Finding(name="asterisk rights", ok=False, detail=str(error), mend=mend)
    return Finding(name="asterisk rights", ok=True, detail="may originate calls")


async def _modules(client: AmiClient) -> AsyncIterator[Finding]:
    missing = []
    for module in MODULES:
        try:
            await client.action("ModuleCheck", {"Module": module}, ACTION_LIMIT)
        except AmiActionFailed as error:
            if "permission" in str(error).lower():
                yield Finding(name="asterisk modules", ok=True, detail="not looked at: the account may not ask")
                return
            if module not in OPTIONAL_MODULES:
                missing.append(module)
    detail = f"missing: {', '.join(missing)}" if missing else "all that is needed is loaded"
    yield Finding(name="asterisk modules", ok=not missing, detail=detail, mend="load them in modules.conf")
