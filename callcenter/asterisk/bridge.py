"""The bridge to one Asterisk: events in, orders out, questions answered, the picture reconciled, the heartbeat sent.

Law: routing is on only while the AMI connection is up and the picture has been taken afresh since it came up.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.app.calls import Calls
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Message
from callcenter.app.ports import Clock
from callcenter.app.reconcile import ending_unknown, reconcile
from callcenter.asterisk.agi_session import AgiSession
from callcenter.asterisk.ami import AmiClient, AmiPhase, AmiState
from callcenter.asterisk.ami_codec import AmiEvent
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.caller_channel import AgiCallerChannel, question_of
from callcenter.asterisk.channel_list import STATUS_VARIABLES
from callcenter.asterisk.errors import AgiHangup, AmiActionFailed, AmiError, AsteriskSetupError
from callcenter.asterisk.fastagi import FastAgiConfig, FastAgiServer
from callcenter.asterisk.hangup_watch import HangupWatch
from callcenter.asterisk.installation import require_version
from callcenter.asterisk.internal_lines import InternalLines
from callcenter.asterisk.monitor_lines import MonitorLines
from callcenter.asterisk.orders import AmiTelephony, OutsideLine, device_of
from callcenter.asterisk.phone_watch import PhoneWatch
from callcenter.asterisk.rejoin_lines import RejoinLines
from callcenter.asterisk.transfer_lines import TransferLines
from callcenter.asterisk.translate import Translator, phone_status
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import PhoneKind
from callcenter.domain.errors import CallcenterError, InvalidValue, Overloaded
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause

log = structlog.get_logger(__name__)

INBOX_LIMIT: Final = 50_000
LIST_TIMEOUT: Final = timedelta(seconds=10)
_REACHED: Final[dict[str, bool | None]] = {"UNAVAILABLE": False, "INVALID": None, "UNKNOWN": None}
"""What a device's state says of a trunk; every other state is one of a trunk that answers."""
SHORT_TIMEOUT: Final = timedelta(seconds=3)
HEARTBEAT_VARIABLE: Final = "CC_HEARTBEAT"
OUT_ENDPOINT: Final = "cc-out"
REMEMBERED_ENDS: Final = 10_000
"""An endpoint that our files always have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """How to reach the exchange and how often to look after it."""

    ami: AmiConfig
    fastagi: FastAgiConfig
    outside: OutsideLine = field(default_factory=OutsideLine)
    recordings: Path | None = None
    """Where what callers say is recorded, by the exchange; made here when it is missing. None: nothing is recorded."""
    menu_music: str = "default"
    """The music class for callers who think what key to press; empty: they hear nothing."""
    reconcile_interval: timedelta = timedelta(seconds=5)
    heartbeat_interval: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfferFailed:
    offer_id: OfferId
    cause: OfferCause


@dataclass(frozen=True, slots=True, kw_only=True)
class _CustomerFailed:
    interaction_id: InteractionId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Undelivered:
    """Reports that the floor had no room for."""

    reports: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeHealth:
    """Whether the exchange is in reach and the picture whole; `detail` is for people."""

    ok: bool
    detail: str


class Memory(Protocol):
    """What is known from before the connection (app/recovery.py)."""

    async def recover(self, startup: str) -> tuple[list[Message], bool]:
        """At every connect, before routing starts, with when Asterisk was started: reports of calls that were missed,
        and whether this Asterisk is another one than before."""
        ...

    async def recall(self, ids: Sequence[InteractionId]) -> None:
        """Put on the floor what the store has of those of these calls that have ended."""
        ...


class Bridge:
    """One Asterisk and the tasks that belong to it."""

    def __init__(self, config: BridgeConfig, *, clock: Clock, read_ani: Callable[[str, str], Number]) -> None:
        self._config = config
        self._clock = clock
        self._read_ani = read_ani
        self._inbox: asyncio.Queue[AmiEvent | AmiState | _OfferFailed | _CustomerFailed | _Undelivered] = asyncio.Queue(
            INBOX_LIMIT
        )
        self._client = AmiClient(config.ami, self._put, self._put)
        self._translator = Translator(read_ani)
        self._hangups = HangupWatch()
        self._ended: OrderedDict[str, None] = OrderedDict()
        """Channels whose end was told: a list that is older brings none of them back."""
        self._phones = PhoneWatch(self._client)
        self._agi = FastAgiServer(config.fastagi)
        self._whole = False
        self._trusted = False
        self._failed = False
        self._devices: dict[str, AgentId] = {}
        self._last_error: str = "not connected yet"
        self._refused: str | None = None
        self._floor: Floor | None = None
        self._at_rest = False
        self.telephony = AmiTelephony(
            self._client,
            config.outside,
            expect=self._translator.expect,
            failed=self._order_failed,
            expect_customer=self._translator.expect_customer,
            customer_failed=self._call_failed,
        )
        self.monitor_lines = MonitorLines(self._client, config.outside, self._translator)
        self.transfer_lines = TransferLines(self._client, config.outside, self._translator, clock)
        self.internal_lines = InternalLines(self._client, config.outside)
        self.rejoin_lines = RejoinLines(self._client, config.outside, self._translator)

    @property
    def fastagi_port(self) -> int:
        """The port that questions come to."""
        return self._agi.port

    def health(self) -> BridgeHealth:
        """Whether calls are routed."""
        if self._client.state.phase is not AmiPhase.READY:
            return BridgeHealth(ok=False, detail=f"no connection to Asterisk's manager interface: {self._last_error}")
        if self._refused is not None:
            return BridgeHealth(ok=False, detail=f"connected, but calls are not routed: {self._refused}")
        if not self._whole:
            being_read = "connected; the calls in progress are being read"
            failed = f"connected, but the calls in progress could not be read: {self._last_error}"
            return BridgeHealth(ok=False, detail=failed if self._failed else being_read)
        return BridgeHealth(ok=True, detail="connected")

    async def trunk_states(self, names: Collection[str]) -> dict[str, bool | None]:
        """Of each trunk whether the exchange reaches it, None where it says nothing; raises `AmiError`.

        The exchange knows it of trunks that have a contact, which it asks every now and then (qualify).
        """
        states = dict.fromkeys(names)
        if not states:
            return states
        for event in await self._client.list_action("DeviceStateList", {}, LIST_TIMEOUT):
            technology, _, name = event.get("Device", "").partition("/")
            if technology == "PJSIP" and name in states:
                states[name] = _REACHED.get(event.get("State", ""), True)
        return states

    async def accounts_known(self, names: Collection[str]) -> dict[str, bool | None]:
        """Of each SIP account whether the exchange has it, None where it does not say; raises `AmiError`."""
        if not names or not await self._has_endpoint(OUT_ENDPOINT):
            # Of our own files it has none, or its module of this function is not loaded: then silence says nothing.
            return dict.fromkeys(names)
        return {name: await self._has_endpoint(name) for name in names}

    async def _has_endpoint(self, name: str) -> bool:
        variable = f"PJSIP_ENDPOINT({name},context)"
        try:
            return bool((await self._client.action("Getvar", {"Variable": variable}, SHORT_TIMEOUT)).get("Value"))
        except AmiActionFailed:
            return False

    async def run(self, floor: Floor, calls: Calls, memory: Memory) -> None:
        """Look after the exchange until cancelled; raises when the FastAGI address cannot be bound."""

        async def answer(session: AgiSession) -> None:
            await self._answer(session, calls)

        await self._agi.start(answer)
        self._floor = floor
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._client.run(), name="ami")
                tasks.create_task(self._pump(floor, memory), name="ami events")
                tasks.create_task(self._keep_reconciling(floor, memory), name="reconcile")
                tasks.create_task(self._beat(floor), name="heartbeat")
        finally:
            await self._agi.stop()

    # ---- questions

    async def _answer(self, session: AgiSession, calls: Calls) -> None:
        try:
            question = question_of(session.request, self._read_ani, self._clock.now())
        except InvalidValue as error:
            log.warning("question_refused", code=error.code, error=str(error))
            return
        try:
            channel = AgiCallerChannel(
                session,
                question,
                outside=self._config.outside,
                recordings=self._config.recordings,
                menu_music=self._config.menu_music,
            )
            await calls.answer(channel)
        except AgiHangup:
            return
        except Overloaded as error:
            # Without a verdict the dialplan plays music and asks again.
            log.warning("question_unanswered", code=error.code, error=str(error))

    # ---- events

    def _put(self, item: AmiEvent | AmiState) -> None:
        """Take what AMI says; an event that nothing stands before is told at once, for a phone may ring by it."""
        if not isinstance(item, AmiEvent) or self._floor is None or not self._at_rest or not self._inbox.empty():
            self._inbox.put_nowait(item)
            return
        reports = deque(self._reports(item))
        while reports:
            try:
                self._floor.tell(reports[0])
            except Overloaded:
                self._inbox.put_nowait(_Undelivered(reports=tuple(reports)))
                return
            reports.popleft()

    def _order_failed(self, offer_id: OfferId, cause: OfferCause) -> None:
        try:
            self._inbox.put_nowait(_OfferFailed(offer_id=offer_id, cause=cause))
        except asyncio.QueueFull:
            log.warning("bridge_inbox_full")  # The offer's own deadline ends it.

    def _call_failed(self, interaction_id: InteractionId, attempt: int) -> None:
        try:
            self._inbox.put_nowait(_CustomerFailed(interaction_id=interaction_id, attempt=attempt))
        except asyncio.QueueFull:
            log.warning("bridge_inbox_full")  # The next reconciliation finds nobody called.

    async def _pump(self, floor: Floor, memory: Memory) -> None:
        while True:
            self._at_rest = True
            item = await self._inbox.get()
            self._at_rest = False
            match item:
                case AmiEvent():
                    await self._tell(floor, self._reports(item))
                case AmiState(phase=AmiPhase.READY):
                    if not self._whole:
                        await self._take_over(floor, memory)
                case AmiState(phase=AmiPhase.DISCONNECTED, error=error):
                    self._whole = self._trusted = self._failed = False
                    self._hangups.forget()
                    self._refused = None
                    self._last_error = str(error) if error is not None else "the connection went"
                    await self._tell(floor, [cmd.StopRouting()])
                case _Undelivered(reports=reports):
                    await self._tell(floor, reports)
                case _OfferFailed(offer_id=offer_id, cause=cause):
                    await self._tell(floor, self._translator.offer_failed(offer_id, cause))
                case _CustomerFailed(interaction_id=interaction_id, attempt=attempt):
                    await self._tell(floor, self._translator.customer_failed(interaction_id, attempt))
                case _:
                    pass

    def _reports(self, event: AmiEvent) -> list[Message]:
        if event.get("Event") == "DeviceStateChange":
            return self._phone_report(event)
        now = self._clock.now()
        heard = [*self.monitor_lines.hear(event, now), *self.transfer_lines.hear(event)]
        reports = [*heard, *self._translator.handle(event, now)]
        self.rejoin_lines.hear(event)
        self._hangups.hear(event, now)
        self.internal_lines.hear(event, now)
        self._note_end(event)
        self._end_orphans()
        return reports

    def _end_orphans(self) -> None:
        for leg_id in self._translator.take_orphans():
            self.telephony.hang_up(leg_id)

    def _end_lost(self) -> None:
        """A channel that was just being pulled into a bridge may have lost that its phone hung up."""
        for leg_id in self._hangups.overdue(self._clock.now()):
            log.warning("hang_up_was_lost", leg_id=leg_id)
            self.telephony.hang_up(leg_id)

    def _phone_report(self, event: AmiEvent) -> list[Message]:
        agent_id = self._devices.get(event.get("Device", ""))
        status = phone_status(event.get("State", ""))
        if agent_id is None or status is None:
            return []
        return [cmd.ReportPhone(agent_id=agent_id, status=status)]

    async def _tell(self, floor: Floor, messages: Sequence[Message]) -> None:
        """A floor that is behind is waited for; should our own inbox fill up, the connection is made anew."""
        for message in messages:
            await floor.deliver(message)

    # ---- the picture

    async def _take_over(self, floor: Floor, memory: Memory) -> None:
        """After every connect: take the picture, mend what differs, and only then route."""
        try:
            facts = await self._client.action("CoreSettings", {}, SHORT_TIMEOUT)
            require_version(facts.get("AsteriskVersion", ""))
            self._refused, self._trusted = None, True
            core = await self._client.action("CoreStatus", {}, SHORT_TIMEOUT)
            startup = f"{core.get('CoreStartupDate', '')} {core.get('CoreStartupTime', '')}"
            missed, restarted = await memory.recover(startup)
            await self._tell(floor, missed)
            await floor.pulse()
            await self._reconcile(floor, memory, restarted=restarted)
            await self._read_phones(floor)
            await floor.request(cmd.StartRouting())
            self._whole, self._failed = True, False
            log.info("exchange_taken_over", restarted=restarted, waiting=len(floor.picture.waiting))
        except (AmiError, CallcenterError) as error:
            # Tried anew at the next connect, or where the connection stands, after a while.
            log.warning("take_over_failed", code=error.code, error=str(error))
            self._last_error, self._trusted, self._failed = str(error), False, True
        except AsteriskSetupError as error:
            log.warning("exchange_refused", code=error.code, error=str(error))
            self._refused, self._trusted = str(error), False

    async def _reconcile(self, floor: Floor, memory: Memory, *, restarted: bool) -> None:
        taken_at = self._clock.now()
        channels = await self._client.list_action("Status", {"Variables": ",".join(STATUS_VARIABLES)}, LIST_TIMEOUT)
        await floor.pulse()
        snapshot = self._translator.snapshot(channels, taken_at, restarted=restarted)
        self._end_orphans()
        unknown = ending_unknown(snapshot, floor.interactions)
        if unknown:
            await memory.recall(unknown)
        messages = reconcile(snapshot, floor.picture, floor.interactions)
        # A call that has not asked its first question yet is seen here first; that mends nothing.
        mended = [type(message).__name__ for message in messages if not isinstance(message, ev.InteractionArrived)]
        if mended and self._whole:
            log.warning("picture_mended", messages=mended)
        await self._tell(floor, messages)
        # The events have gone on while all that was told.
        await self.monitor_lines.find(self._unended(channels), taken_at)
        await self.transfer_lines.find(self._unended(channels), taken_at)
        await self.internal_lines.find(self._unended(channels), taken_at)

    def _note_end(self, event: AmiEvent) -> None:
        match event.get("Event"):
            case "Hangup":
                self._ended[event.get("Uniqueid", "")] = None
                if len(self._ended) > REMEMBERED_ENDS:
                    self._ended.popitem(last=False)
            case "Newchannel":
                # A phone that was lost in a talk comes back under the same id.
                self._ended.pop(event.get("Uniqueid", ""), None)

    def _unended(self, channels: Iterable[AmiEvent]) -> list[AmiEvent]:
        return [channel for channel in channels if channel.get("Uniqueid", "") not in self._ended]

    async def _keep_reconciling(self, floor: Floor, memory: Memory) -> None:
        while True:
            await asyncio.sleep(self._config.reconcile_interval.total_seconds())
            if not self._whole:
                self._take_over_again()
                continue
            try:
                await self._reconcile(floor, memory, restarted=False)
                await self._read_phones(floor)
                await self._phones.look(_over_desk_phones(floor.picture))
            except (AmiError, CallcenterError) as error:
                log.warning("reconcile_failed", code=error.code, error=str(error))

    def _take_over_again(self) -> None:
        """A connection that stands over which the taking over failed: try it anew, in turn with the events."""
        state = self._client.state
        if state.phase is AmiPhase.READY and self._failed and not self._inbox.full():
            self._inbox.put_nowait(state)

    async def _read_phones(self, floor: Floor) -> None:
        self._devices = {
            device: agent.agent_id
            for agent in floor.picture.agents.values()
            if (device := device_of(agent.agent_id, agent.phone)) is not None
        }
        states = await self._client.list_action("DeviceStateList", {}, LIST_TIMEOUT)
        for event in states:
            await self._tell(floor, self._phone_report(event))

    # ---- the heartbeat

    async def _beat(self, floor: Floor) -> None:
        """Every second, and only when the floor answers: the dialplan trusts us no longer than this goes on."""
        while True:
            await floor.pulse()
            # Without it an exchange that cannot be taken over sends its callers to the plain queues instead of here.
            if self._client.state.phase is AmiPhase.READY and self._trusted:
                seconds = str(int(self._clock.now().timestamp()))
                try:
                    await self._client.action(
                        "Setvar", {"Variable": HEARTBEAT_VARIABLE, "Value": seconds}, SHORT_TIMEOUT
                    )
                except AmiError as error:
                    log.warning("heartbeat_failed", code=error.code, error=str(error))
                self._end_lost()
            await asyncio.sleep(self._config.heartbeat_interval.total_seconds())


def _over_desk_phones(picture: Picture) -> list[tuple[OfferId, AgentId]]:
    """The talks whose agents have registered desk phones; a browser's silence the exchange notices by itself."""
    return [
        (offer_id, agent_id)
        for offer_id, agent_id in picture.talks.items()
        if picture.agent(agent_id).phone.kind is PhoneKind.SIP
    ]
