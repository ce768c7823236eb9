"""The bridge over a scripted manager port and the real FastAGI server: taking over, routing, trust, and what fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from callcenter.app import floor as floor_module
from callcenter.app.call_state import CallStage, CallState
from callcenter.app.floor_messages import CallEnded, Message
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.bridge import Bridge, BridgeConfig
from callcenter.asterisk.errors import AgiListenError
from callcenter.asterisk.fastagi import FastAgiConfig
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.errors import CallcenterError, Overloaded
from callcenter.domain.ids import InteractionId, OfferId
from callcenter.domain.interactions import Stage
from callcenter.domain.numbers import Number
from tests.adapters.ami_peer import WAIT_SECONDS, Action, AmiPeer, block, success
from tests.adapters.test_fastagi import Leg
from tests.office import AGENT, CALL, SALES, Office, arrived, question

SOON = timedelta(milliseconds=5)
NEVER = timedelta(hours=1)


@dataclass
class FakeMemory:
    """What is known from before the connection."""

    missed: list[Message] = field(default_factory=list)
    restarted: bool = False
    ended: set[InteractionId] = field(default_factory=set)
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)
    recalled: list[InteractionId] = field(default_factory=list)

    async def recover(self, startup: str) -> tuple[list[Message], bool]:
        self.asked.append(startup)
        if self.error is not None:
            raise self.error
        return self.missed, self.restarted

    async def recall(self, ids: Sequence[InteractionId]) -> None:
        self.recalled += ids


def listed(action: Action, end: str, *items: str) -> str:
    """The answer to an action that asks for a list."""
    first = block("Response: Success", f"ActionID: {action['actionid']}", "EventList: start")
    last = block(f"Event: {end}", f"ActionID: {action['actionid']}", "EventList: Complete")
    return first + "".join(items).replace("@ID", action["actionid"]) + last


def channel(unique_id: str, *variables: str, state: int = 6, bridge: str = "") -> str:
    return block(
        "Event: Status",
        "ActionID: @ID",
        f"Channel: PJSIP/x-{unique_id}",
        f"ChannelState: {state}",
        f"BridgeID: {bridge}",
        f"Uniqueid: {unique_id}",
        *(f"Variable: {variable}" for variable in variables),
    )


def caller_channel(state: CallState | None = None, *, bridge: str = "", served: str = "") -> str:
    carried = state or CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id)
    return channel(
        CALL,
        "CC_ROLE=caller",
        f"CC_ID={CALL}",
        f"CC_STATE={carried.encode()}",
        "CC_DNIS=4000",
        "CC_ANI=%2B8613800138000",
        "CC_ENTERED=1793000000",
        "CC_OWNER=(null)",
        f"SHARED(CC_SERVED)={served}",
        bridge=bridge,
    )


def agent_channel(offer_id: str, *, state: int = 5, bridge: str = "") -> str:
    return channel(
        offer_id,
        "CC_ROLE=agent",
        f"CC_ID={CALL}",
        f"CC_OFFER={offer_id}",
        f"CC_AGENT={AGENT}",
        state=state,
        bridge=bridge,
    )


class Exchange(AmiPeer):
    """A manager port that answers what the bridge asks, from what the test has put there."""

    def __init__(self) -> None:
        super().__init__()
        self.version = "22.10.1"
        self.channels: list[str] = []
        self.devices: list[str] = []
        self.answers |= {
            "coresettings": lambda action: self.facts(action, f"AsteriskVersion: {self.version}"),
            "corestatus": lambda action: self.facts(action, "CoreStartupDate: 2026-11-02", "CoreStartupTime: 08:00:00"),
            "status": lambda action: listed(action, "StatusComplete", *self.channels),
            "devicestatelist": lambda action: listed(action, "DeviceStateListComplete", *self.devices),
            "setvar": success,
            "originate": success,
            "hangup": success,
        }

    @staticmethod
    def facts(action: Action, *lines: str) -> str:
        return block("Response: Success", f"ActionID: {action['actionid']}", *lines)

    def refuse(self, name: str) -> None:
        self.answers[name] = lambda action: block(
            "Response: Error", f"ActionID: {action['actionid']}", "Message: Permission denied"
        )


@dataclass
class House:
    """The bridge between an exchange and an office."""

    exchange: Exchange
    office: Office
    bridge: Bridge
    memory: FakeMemory

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():  # noqa: ASYNC110  What is waited for happens in many places.
                await asyncio.sleep(0.001)

    async def routed(self) -> None:
        await self.until(lambda: self.bridge.health().ok)

    def rung(self) -> list[Action]:
        return [action for action in self.exchange.actions if action["action"] == "Originate"]


@asynccontextmanager
async def house(
    *,
    exchange: Exchange | None = None,
    memory: FakeMemory | None = None,
    reconcile: timedelta = NEVER,
    heartbeat: timedelta = NEVER,
) -> AsyncIterator[House]:
    memory = memory or FakeMemory()
    async with exchange or Exchange() as peer, Office(routing=False) as office:
        assert isinstance(peer, Exchange)
        config = BridgeConfig(
            ami=AmiConfig(
                port=peer.port,
                username="callcenter",
                secret="s3cret",
                reconnect_first=SOON,
                reconnect_max=SOON,
                authentication_retry=SOON,
            ),
            fastagi=FastAgiConfig(port=0),
            reconcile_interval=reconcile,
            heartbeat_interval=heartbeat,
        )
        bridge = Bridge(config, clock=office.clock, read_ani=lambda raw, _: Number(raw=raw, e164=raw or None))
        office.telephony.passes_on_to = bridge.telephony
        running = asyncio.create_task(bridge.run(office.floor, office.calls, memory))
        try:
            yield House(peer, office, bridge, memory)
            assert not running.done(), "the bridge ended by itself"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


# ---- taking over


async def test_calls_are_routed_only_when_the_picture_has_been_taken() -> None:
    exchange = Exchange()
    held = exchange.answers.pop("status")
    async with house(exchange=exchange) as here:
        assert not here.bridge.health().ok
        await here.office.agent()
        action = await exchange.action("status")
        assert "CC_STATE" in action["variables"]
        assert (here.office.floor.routing, here.bridge.health().ok) == (False, False)
        exchange.channels = [caller_channel()]
        exchange.say(held(action))
        await here.routed()
        assert here.office.floor.routing
        await exchange.action("originate")
        assert here.office.record().stage is Stage.RINGING
        assert here.memory.asked == ["2026-11-02 08:00:00"]


async def test_what_was_missed_is_told_before_anything_is_routed() -> None:
    missed: list[Message] = [arrived(), CallEnded(interaction_id=CALL, side=ev.Side.CALLER)]
    async with house(memory=FakeMemory(missed=missed)) as here:
        await here.routed()
        assert here.office.record().outcome is ev.Outcome.ABANDONED_IN_MENU


async def test_a_talk_and_a_ringing_are_found_again_and_no_phone_rings_for_them() -> None:
    exchange = Exchange()
    offer = OfferId(f"{CALL}-{AGENT}-1")
    exchange.channels = [caller_channel(bridge="b", served=offer), agent_channel(offer, state=6, bridge="b")]
    async with house(exchange=exchange) as here:
        await here.office.agent()
        await here.routed()
        await here.until(lambda: here.office.state() is AgentState.TALKING)
        assert here.rung() == []
        exchange.say(block("Event: HangupRequest", f"Uniqueid: {offer}", "Channel: PJSIP/1001-1"))
        await here.until(lambda: here.office.state() is AgentState.WRAP_UP)
        assert here.office.record().hangup_side is ev.Side.AGENT


async def test_calls_of_another_asterisk_than_before_are_lost() -> None:
    async with house() as here:
        await here.office.tell(arrived())
        here.office.clock.advance(timedelta(minutes=1))
        here.memory.restarted = True
        await here.routed()
        here.exchange.cut()
        await here.until(lambda: here.office.record().stage is Stage.ENDED)
        assert here.office.record().outcome is ev.Outcome.LOST_PBX


async def test_a_lost_connection_stops_the_routing_and_the_next_takes_over_again() -> None:
    async with house() as here:
        await here.routed()
        here.exchange.answers.pop("coresettings")
        here.exchange.cut()
        await here.until(lambda: not here.office.floor.routing)
        assert not here.bridge.health().ok
        await here.office.agent()
        await here.office.caller()
        assert here.rung() == []
        await here.until(lambda: here.exchange.count("coresettings") == 2)
        here.exchange.say(Exchange.facts(here.exchange.actions[-1], "AsteriskVersion: 22.10.1"))
        await here.until(lambda: here.office.floor.routing)
        assert len(here.memory.asked) == 2


async def test_the_last_words_of_a_call_that_is_not_in_memory_are_looked_up_in_the_store() -> None:
    exchange = Exchange()
    exchange.channels = [caller_channel(CallState(stage=CallStage.ENDING, outcome="failed"))]
    async with house(exchange=exchange) as here:
        await here.routed()
        assert here.memory.recalled == [CALL]
        await here.until(lambda: here.office.record().stage is Stage.ENDED)
        assert here.office.record().outcome is ev.Outcome.FAILED


# ---- refusals and wrong answers


@pytest.mark.parametrize("version", ["18.4.0", "", "garbage"])
async def test_nothing_is_routed_over_an_asterisk_that_is_too_old_and_it_gets_no_heartbeat(version: str) -> None:
    exchange = Exchange()
    exchange.version = version
    async with house(exchange=exchange, heartbeat=SOON, reconcile=SOON) as here:
        await here.until(lambda: "not routed" in here.bridge.health().detail)
        for _ in range(3):
            await here.office.floor.pulse()
            await asyncio.sleep(SOON.total_seconds())
        assert not here.office.floor.routing
        assert exchange.count("setvar") == 0
        assert exchange.count("coresettings") == 1


@pytest.mark.parametrize("name", ["coresettings", "corestatus", "status", "devicestatelist"])
async def test_a_taking_over_that_is_refused_is_said_tried_again_and_not_trusted_meanwhile(name: str) -> None:
    exchange = Exchange()
    right = exchange.answers[name]
    exchange.refuse(name)
    async with house(exchange=exchange, reconcile=SOON) as here:
        await here.until(lambda: exchange.count(name) >= 3)
        assert not here.office.floor.routing
        assert "Permission denied" in here.bridge.health().detail
        exchange.answers[name] = right
        await here.routed()
        assert exchange.connections == 1


async def test_an_exchange_that_cannot_be_taken_over_gets_no_heartbeat_until_it_can() -> None:
    exchange = Exchange()
    right = exchange.answers["status"]
    exchange.refuse("status")
    async with house(exchange=exchange, reconcile=NEVER, heartbeat=SOON) as here:
        await here.until(lambda: "could not be read" in here.bridge.health().detail)
        await here.office.floor.pulse()
        beats = exchange.count("setvar")
        for _ in range(5):
            await asyncio.sleep(SOON.total_seconds())
        assert exchange.count("setvar") <= beats + 1
        exchange.answers["status"] = right
        exchange.cut()
        await here.routed()
        now = exchange.count("setvar")
        await here.until(lambda: exchange.count("setvar") > now)


async def test_a_memory_that_fails_is_tried_again_and_ends_nothing() -> None:
    memory = FakeMemory(error=CallcenterError("the database is away"))
    async with house(memory=memory, reconcile=SOON) as here:
        await here.until(lambda: len(memory.asked) >= 2)
        assert "the database is away" in here.bridge.health().detail
        memory.error = None
        await here.routed()


async def test_a_reconciliation_that_fails_keeps_the_routing_going() -> None:
    async with house(reconcile=SOON) as here:
        await here.routed()
        here.exchange.refuse("status")
        seen = here.exchange.count("status")
        await here.until(lambda: here.exchange.count("status") >= seen + 2)
        assert here.bridge.health().ok
        assert here.office.floor.routing


async def test_a_wrong_secret_is_said_and_tried_again() -> None:
    exchange = Exchange()
    exchange.secret = "another"
    async with house(exchange=exchange) as here:
        await here.until(lambda: "Authentication failed" in here.bridge.health().detail)
        exchange.secret = "s3cret"
        await here.routed()


# ---- the heartbeat


async def test_the_heart_beats_while_the_floor_answers_and_stops_when_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house(heartbeat=SOON) as here:
        await here.routed()
        action = await here.exchange.action("setvar")
        assert action["variable"] == "CC_HEARTBEAT"
        assert action["value"] == str(int(here.office.clock.now().timestamp()))
        stuck = asyncio.Event()

        async def pulse() -> None:
            await stuck.wait()

        monkeypatch.setattr(here.office.floor, "pulse", pulse)
        for _ in range(3):
            await asyncio.sleep(SOON.total_seconds())
        beats = here.exchange.count("setvar")
        for _ in range(5):
            await asyncio.sleep(SOON.total_seconds())
        assert here.exchange.count("setvar") == beats
        stuck.set()
        await here.until(lambda: here.exchange.count("setvar") > beats)


async def test_a_heartbeat_that_is_refused_is_tried_again() -> None:
    async with house(heartbeat=SOON) as here:
        await here.routed()
        here.exchange.refuse("setvar")
        beats = here.exchange.count("setvar")
        await here.until(lambda: here.exchange.count("setvar") >= beats + 3)


# ---- events and orders


async def test_an_order_goes_out_and_its_refusal_comes_back() -> None:
    async with house() as here:
        await here.routed()
        here.exchange.refuse("originate")
        await here.office.agent()
        await here.office.caller()
        order = await here.exchange.action("originate")
        assert order["channelid"] == order["actionid"]
        await here.until(lambda: here.office.state() is AgentState.NOT_READY)
        assert here.office.desk.agent(AGENT).reason == "phone_unreachable"


async def test_a_phone_s_state_comes_with_the_list_and_with_each_event() -> None:
    exchange = Exchange()
    exchange.devices = [block("Event: DeviceStateChange", "ActionID: @ID", "Device: PJSIP/1001", "State: UNAVAILABLE")]
    held = exchange.answers.pop("coresettings")
    async with house(exchange=exchange) as here:
        await here.office.agent()
        exchange.say(held(await exchange.action("coresettings")))
        await here.routed()
        agents = here.office.floor.picture.agents
        await here.until(lambda: agents[AGENT].phone_status is PhoneStatus.UNREACHABLE)
        for unknown in ("PJSIP/9999", "Custom:x"):
            exchange.say(block("Event: DeviceStateChange", f"Device: {unknown}", "State: NOT_INUSE"))
        exchange.say(block("Event: DeviceStateChange", "Device: PJSIP/1001", "State: NOT_INUSE"))
        await here.until(lambda: agents[AGENT].phone_status is PhoneStatus.FREE)


async def test_a_talk_that_nobody_told_of_is_found_by_the_next_look() -> None:
    async with house(reconcile=SOON) as here:
        await here.routed()
        await here.office.agent()
        await here.office.caller()
        offer = here.office.offer_of()
        here.exchange.channels = [
            caller_channel(bridge="b", served=offer),
            agent_channel(offer, state=6, bridge="b"),
        ]
        await here.until(lambda: here.office.state() is AgentState.TALKING)
        here.office.clock.advance(timedelta(minutes=1))
        here.exchange.channels = []
        await here.until(lambda: here.office.state() is AgentState.WRAP_UP)
        assert here.office.record().outcome is ev.Outcome.ANSWERED


async def test_a_floor_that_is_behind_is_waited_for_and_hears_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "INBOX_LIMIT", 3)
    async with house() as here:
        await here.routed()
        calls = [f"cc1-17.{number}" for number in range(50)]
        for call in calls:
            await here.office.tell(arrived(InteractionId(call)))
        for call in calls:
            variables = ("ChanVariable: CC_ROLE=caller", f"ChanVariable: CC_ID={call}")
            here.exchange.say(block("Event: Hangup", f"Uniqueid: {call}", "Channel: x", "Cause: 16", *variables))
        await here.until(lambda: all(r.stage is Stage.ENDED for r in here.office.floor.interactions.values()))
        assert here.exchange.connections == 1


# ---- questions


def request(*arguments: str, path: str = "call") -> str:
    lines = [
        "agi_network: yes",
        f"agi_network_script: {path}",
        f"agi_request: agi://127.0.0.1/{path}",
        f"agi_channel: {question().channel}",
        "agi_language: en",
        *(f"agi_arg_{number}: {argument}" for number, argument in enumerate(arguments, start=1)),
    ]
    return "\n".join(lines) + "\n\n"


async def conversation(here: House, text: str) -> list[str]:
    """What the server sets on the channel until it closes."""
    commands: list[str] = []
    async with Leg(here.bridge.fastagi_port) as leg:
        leg.say(text)
        while command := await leg.command():
            commands.append(command)
            leg.say("200 result=1\n")
    return commands


async def test_a_question_is_answered_and_the_verdict_comes_last() -> None:
    async with house() as here:
        await here.routed()
        state = CallState(stage=CallStage.QUEUE, queue_id=SALES.queue_id, language="en")
        commands = await conversation(
            here, request(CALL, state.encode(), "4001", "%2B8613800138000", "Wang%20%22x%22", "allowed", "trunk")
        )
        assert commands[-1] == 'SET VARIABLE "CC_VERDICT" "wait"'
        record = here.office.record()
        assert (record.stage, record.ani.raw, record.caller_name) == (Stage.WAITING, "+8613800138000", 'Wang "x"')


async def test_a_question_of_another_dialplan_is_refused_and_nobody_comes_of_it() -> None:
    async with house() as here:
        await here.routed()
        for text in (request(), request(CALL, path="something"), request("", "", "4001")):
            assert await conversation(here, text) == []
        assert here.office.floor.interactions == {}


async def test_a_caller_who_is_gone_before_the_answer_harms_nothing() -> None:
    async with house() as here:
        await here.routed()
        async with Leg(here.bridge.fastagi_port) as leg:
            leg.say(request(CALL, "", "4001", "", "", "", ""))
            await leg.command()
        await here.until(lambda: CALL in here.office.floor.interactions)
        commands = await conversation(here, request("cc1-17.2", "", "999", "", "", "", ""))
        assert commands[-1] == 'SET VARIABLE "CC_VERDICT" "end"'


async def test_an_overloaded_floor_gives_no_verdict_so_that_the_dialplan_asks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as here:
        await here.routed()

        async def overloaded(_: object) -> None:
            raise Overloaded("full")

        monkeypatch.setattr(here.office.floor, "request", overloaded)
        assert await conversation(here, request(CALL, "", "4001", "", "", "", "")) == []


async def test_a_start_without_the_fastagi_port_is_refused_with_its_reason() -> None:
    async with house() as here:
        await here.routed()
        config = BridgeConfig(
            ami=AmiConfig(port=1, username="x", secret="x"),
            fastagi=FastAgiConfig(port=here.bridge.fastagi_port),
        )
        other = Bridge(config, clock=here.office.clock, read_ani=lambda raw, _: Number(raw=raw))
        with pytest.raises(AgiListenError):
            await other.run(here.office.floor, here.office.calls, FakeMemory())


async def test_commands_that_are_no_reports_of_ours_change_nothing() -> None:
    async with house() as here:
        await here.routed()
        before = len(here.office.journal.writes)
        here.exchange.say(block("Event: Hangup", "Uniqueid: 17.5", "Channel: PJSIP/other-1", "Cause: 16"))
        here.exchange.say(block("Event: Newchannel", "Uniqueid: 17.6", "Channel: Surrogate/x"))
        here.exchange.say(block("Event: Nonsense"))
        await here.office.tell(cmd.StopRouting())
        assert len(here.office.journal.writes) == before
