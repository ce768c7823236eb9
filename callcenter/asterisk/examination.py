"""Examines an Asterisk through its manager interface, with no more rights than the server's own account has.

Law: nothing is changed there and no call is made. What the account may not ask is a finding of its own.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from callcenter.asterisk.ami import AmiClient, AmiPhase, AmiState
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.errors import AmiActionFailed, AmiAuthenticationError, AmiError, AsteriskSetupError
from callcenter.asterisk.installation import OLDEST_MAJOR, require_version
from callcenter.asterisk.module_list import missing_modules

CONNECT_LIMIT: Final = timedelta(seconds=8)
ACTION_LIMIT: Final = timedelta(seconds=5)
REPORT_LIMIT: Final = timedelta(seconds=3)
ACTIONS: Final = ("Originate", "Hangup", "Setvar", "Status", "CoreStatus", "CoreSettings", "DeviceStateList")
"""What the server asks of Asterisk."""
CONTEXTS: Final = ("cc-inbound", "cc-call", "cc-agent", "cc-after", "cc-from-agent")
NOWHERE: Final = "cc-doctor"
"""A name that nothing bears: an order to ring it fails without a channel, and is reported all the same."""
FUNCTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "func_channel.so": (f"CHANNEL_EXISTS({NOWHERE})", "0"),
    "func_groupcount.so": (f"GROUP_COUNT({NOWHERE}@{NOWHERE})", "0"),
    "func_logic.so": ("IF(1?yes:no)", "yes"),
    "func_strings.so": ("FILTER(0-9,a1)", "1"),
    "func_uri.so": ("URIENCODE(a b)", "a%20b"),
}
"""Modules that show by what a function of theirs answers, which the account may ask."""
INCLUDE: Final = "write the files with `callcenter asterisk-config DIRECTORY` and include"


class Level(StrEnum):
    """How a thing was found."""

    OK = "ok"
    UNKNOWN = "?"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `mend` says what to do when it is not well."""

    name: str
    level: Level
    detail: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"\n        mend: {self.mend}" if self.mend else ""
        return f"{self.level:<4}  {self.name}: {self.detail}{mend}"


def fine(name: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(name=name, level=Level.OK, detail=detail)


def unknown(name: str, detail: str, mend: str) -> Finding:
    """It could not be looked at; `mend` says how a person can."""
    return Finding(name=name, level=Level.UNKNOWN, detail=detail, mend=mend)


def fail(name: str, detail: str, mend: str) -> Finding:
    """The server cannot work like that."""
    return Finding(name=name, level=Level.FAIL, detail=detail, mend=mend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What Asterisk is to know and to be reached by."""

    host: str
    port: int
    user: str
    secret: str
    question_address: str
    queues: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()
    connect_limit: timedelta = CONNECT_LIMIT


async def examine_asterisk(wanted: Wanted) -> AsyncIterator[Finding]:
    """Look at everything that can be seen; one finding after the other, and nothing is raised."""
    states: asyncio.Queue[AmiState] = asyncio.Queue(100)
    reports: asyncio.Queue[str] = asyncio.Queue(1)

    def hear(event: AmiEvent) -> None:
        if event.get("Event") == "OriginateResponse" and NOWHERE in event.get("ActionID", ""):
            with contextlib.suppress(asyncio.QueueFull):
                reports.put_nowait(event.get("Response", ""))

    def follow(state: AmiState) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            states.put_nowait(state)

    config = AmiConfig(host=wanted.host, port=wanted.port, username=wanted.user, secret=wanted.secret or "none")
    client = AmiClient(config, hear, follow)
    running = asyncio.create_task(client.run(), name="examination's AMI")
    try:
        problem = await _connected(states, wanted)
        if problem is not None:
            yield problem
            return
        yield fine("asterisk", f"answers at {wanted.host}:{wanted.port} and knows the account {wanted.user!r}")
        examination = _Examination(client, wanted, reports)
        async for finding in examination.findings():
            yield finding
    except AmiError as error:
        yield fail("asterisk", str(error), "look into Asterisk's log (/var/log/asterisk/messages)")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _connected(states: "asyncio.Queue[AmiState]", wanted: Wanted) -> Finding | None:
    mend = (
        "start Asterisk; manager.conf: enabled = yes, and port and bindaddr as asterisk.ami_port and "
        "asterisk.ami_host; then module reload manager"
    )
    try:
        async with asyncio.timeout(wanted.connect_limit.total_seconds()):
            while True:
                state = await states.get()
                if state.phase is AmiPhase.READY:
                    return None
                what = str(state.error).partition("; ")[0]
                if isinstance(state.error, AmiAuthenticationError):
                    mending = (
                        "put the secret of manager_callcenter.conf into CALLCENTER_ASTERISK_AMI_SECRET; "
                        "its permit must hold this machine's address"
                    )
                    return fail("asterisk", what, mending)
                if state.error is not None:
                    return fail("asterisk", what, mend)
    except TimeoutError:
        where = f"{wanted.host}:{wanted.port}"
        return fail("asterisk", f"no complete answer at {where}; perhaps it is still starting", mend)


class _Examination:
    """The questions, over a connection that stands."""

    def __init__(self, client: AmiClient, wanted: Wanted, reports: "asyncio.Queue[str]") -> None:
        self._client = client
        self._wanted = wanted
        self._reports = reports
        self._allowed: frozenset[str] = frozenset()

    async def findings(self) -> AsyncIterator[Finding]:
        yield await self._version()
        commands = await self._client.action("ListCommands", {}, ACTION_LIMIT)
        self._allowed = frozenset(name.lower() for name in dict(commands))
        yield self._rights()
        dialplan = await self._dialplan()
        yield dialplan
        if dialplan.level is Level.OK and self._may("Originate"):
            yield await self._events()
        yield await self._endpoints()
        yield await self._queues()
        yield await self._modules()
        yield await self._heartbeat()

    def _may(self, action: str) -> bool:
        return action.lower() in self._allowed

    async def _value(self, expression: str) -> str:
        answer = await self._client.action("Getvar", {"Variable": expression}, ACTION_LIMIT)
        return answer.get("Value", "")

    async def _version(self) -> Finding:
        try:
            told = (await self._client.action("CoreSettings", {}, ACTION_LIMIT)).get("AsteriskVersion", "")
            require_version(told)
        except AmiActionFailed as error:
            return fail("version", f"the account may not ask for it: {error.reason}", _RIGHTS)
        except AsteriskSetupError as error:
            return fail("version", str(error).partition("; ")[0], f"install Asterisk {OLDEST_MAJOR} or newer")
        return fine("version", told)

    def _rights(self) -> Finding:
        missing = [action for action in ACTIONS if not self._may(action)]
        if missing:
            return fail("rights", f"the account may not (or Asterisk cannot) {', '.join(missing)}", _RIGHTS)
        return fine("rights", f"the account may {', '.join(ACTIONS)}")

    async def _dialplan(self) -> Finding:
        mend = f"{INCLUDE} extensions_callcenter.conf in extensions.conf; then dialplan reload"
        if not self._may("ShowDialPlan"):
            return unknown("dialplan", "the account may not ask for it", 'asterisk -rx "dialplan show cc-call"')
        asked: set[str] = set()
        for context in CONTEXTS:
            try:
                steps = await self._client.list_action("ShowDialPlan", {"Context": context}, ACTION_LIMIT)
            except AmiActionFailed:
                return fail("dialplan", f"there is no context [{context}]", mend)
            asked |= {
                found[1] for step in steps if (found := re.match(r"agi://([^/,]+)/call,", step.get("AppData", "")))
            }
        here = self._wanted.question_address
        everywhere = re.match(r"(0\.0\.0\.0|::):(\d+)$", here)
        if everywhere is not None:
            right = all(place.endswith(f":{everywhere[2]}") for place in asked)
        else:
            right = asked == {here}
        if not right:
            places = ", ".join(sorted(asked)) or "nobody"
            detail = f"[cc-call] asks {places}, but the server listens at {here} (asterisk.fastagi_bind, .fastagi_port)"
            return fail("dialplan", detail, f"{mend}, or set what it says")
        return fine("dialplan", f"all contexts are there, and callers' questions go to {', '.join(sorted(asked))}")

    async def _events(self) -> Finding:
        """Order a phone that does not exist to be rung: it fails without a channel, and the report of it must come."""
        order = {
            "Channel": f"PJSIP/{NOWHERE}",
            "Context": "cc-agent",
            "Exten": "s",
            "Priority": "1",
            "Timeout": "1000",
            "Async": "true",
        }
        try:
            await self._client.action("Originate", order, ACTION_LIMIT, action_id=f"{NOWHERE}-{id(self):x}")
            async with asyncio.timeout(REPORT_LIMIT.total_seconds()):
                await self._reports.get()
        except AmiActionFailed as error:
            return fail("events", f"an order to ring a phone was refused: {error.reason}", _RIGHTS)
        except TimeoutError:
            mend = "manager_callcenter.conf: read = system,call,user,reporting and the eventfilter as it was written"
            return fail("events", "what becomes of a call is not reported to the account", mend)
        return fine("events", "what becomes of an order to ring a phone is reported")

    async def _endpoints(self) -> Finding:
        """A device that Asterisk does not know is INVALID; a known one is at worst UNAVAILABLE."""
        mend = f"{INCLUDE} pjsip_callcenter.conf in pjsip.conf; then module reload res_pjsip.so"
        if not await self._value("DEVICE_STATE(PJSIP/cc-out)"):
            return unknown(
                "endpoints", "func_devstate.so, which would tell, is not loaded", 'asterisk -rx "pjsip show endpoints"'
            )
        missing = [
            name
            for name in ("cc-out", *self._wanted.phones, *self._wanted.trunks)
            if await self._value(f"DEVICE_STATE(PJSIP/{name})") == "INVALID"
        ]
        if "cc-out" in missing:
            return fail("endpoints", "PJSIP does not know the endpoint cc-out", mend)
        if missing:
            shown = ", ".join(missing[:8]) + (", ..." if len(missing) > 8 else "")
            return fail("endpoints", f"PJSIP does not know {shown}; the files are older than agents or trunks", mend)
        return fine("endpoints", f"PJSIP knows {len(self._wanted.phones)} phones and {len(self._wanted.trunks)} trunks")

    async def _queues(self) -> Finding:
        if not self._may("QueueSummary"):
            return unknown("fallback queues", "the account may not ask for them", 'asterisk -rx "queue show"')
        found = {item.get("Queue", "") for item in await self._client.list_action("QueueSummary", {}, ACTION_LIMIT)}
        missing = [name for name in (*self._wanted.queues, "default") if f"cc-fallback-{name}" not in found]
        if missing:
            mend = f"{INCLUDE} queues_callcenter.conf in queues.conf; then module reload app_queue.so"
            return fail("fallback queues", f"there is no cc-fallback-{', cc-fallback-'.join(missing)}", mend)
        return fine("fallback queues", f"{len(self._wanted.queues) + 1} stand in when the server is away")

    async def _modules(self) -> Finding:
        """All of them when the account may ask (write = system); otherwise those that show by what they do."""
        needed = missing_modules(frozenset())
        if self._may("ModuleCheck"):
            missing = [module for module in needed if not await self._is_loaded(module)]
            seen = needed
        else:
            missing = [module for module, (ask, right) in FUNCTIONS.items() if await self._value(ask) != right]
            seen = (*FUNCTIONS, "app_queue.so", "pbx_config.so", "res_manager_devicestate.so", "func_devstate.so")
        if missing:
            mend = 'load them in modules.conf, and see asterisk -rx "module show"'
            return fail("modules", f"not loaded: {', '.join(missing)}", mend)
        unseen = [module for module in needed if module not in seen]
        if unseen:
            return unknown(
                "modules",
                f"{len(unseen)} of {len(needed)} could not be looked at, the account may not ask (and need not)",
                f'asterisk -rx "module show" must list: {" ".join(unseen)}',
            )
        return fine("modules", f"all {len(needed)} that are needed are loaded")

    async def _is_loaded(self, module: str) -> bool:
        try:
            await self._client.action("ModuleCheck", {"Module": module}, ACTION_LIMIT)
        except AmiActionFailed:
            return False
        return True

    async def _heartbeat(self) -> Finding:
        beat = await self._value("CC_HEARTBEAT")
        if not beat:
            return fine("heartbeat", "none yet: no server has routed calls since this Asterisk was started")
        return fine("heartbeat", f"a server has routed calls here; its last sign was at {beat} (epoch seconds)")


_RIGHTS: Final = (
    "manager_callcenter.conf: read = system,call,user,reporting and write = call,originate,reporting; "
    "then module reload manager"
)
