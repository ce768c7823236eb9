"""A floor with everything round it, in memory: the real use cases over fakes, on a clock that obeys."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Self

from callcenter.app.agent_figures import AgentFigures
from callcenter.app.call_state import CallState
from callcenter.app.callback_choice import Numbers
from callcenter.app.caller import CallerGone, NoRecording, Question, Recorded, Recording, RecordingEnd, Verdict
from callcenter.app.calls import Calls
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.desk import Desk
from callcenter.app.feed import Feed
from callcenter.app.figures import DayFigures
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Message
from callcenter.app.lines import Lines
from callcenter.app.ports import AgentStatus, CallerLine, CustomerLine, Telephony
from callcenter.app.screens import FeedPort, Screens
from callcenter.app.supervision import Supervision
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import CallCustomer, RingAgent
from callcenter.domain.agents import AgentConfig, AgentState
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, SkillId
from callcenter.domain.interactions import Interaction
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.reader import parse_flow, parse_prompts
from callcenter.ivr.waiting import WaitingPrompts
from tests.fakes import START, FakeClock, FakeConfiguration, FakeCustomers, FakeRecords, FakeUsers

FLOWS = Path(__file__).parents[1] / "ivr_flows"
SALES = QueueConfig(
    queue_id=QueueId("sales"),
    label=Label(zh="销售", en="Sales"),
    required=(SkillRequirement(skill=SkillId("sales"), minimum_level=1),),
)
SUPPORT = QueueConfig(
    queue_id=QueueId("support"),
    label=Label(zh="技术支持", en="Support"),
    required=(SkillRequirement(skill=SkillId("support"), minimum_level=1),),
)
CALL = InteractionId("cc1-1700000000.1")
AGENT = AgentId("1001")
EVERY_SKILL = {SkillId("sales"): 5, SkillId("support"): 5}


class FakeJournal:
    """`Journal` in memory: each write as it came; `feeds` gets what a store would show."""

    def __init__(self, feeds: FakeRecords | None = None) -> None:
        self.writes: list[tuple[tuple[ev.Event, ...], tuple[Interaction, ...], tuple[AgentStatus, ...]]] = []
        self.feeds = feeds
        self.flushes = 0
        self.broken: Exception | None = None

    def write(
        self,
        *,
        events: Sequence[ev.Event] = (),
        interactions: Sequence[Interaction] = (),
        agents: Sequence[AgentStatus] = (),
    ) -> None:
        if self.broken is not None:
            raise self.broken
        self.writes.append((tuple(events), tuple(interactions), tuple(agents)))
        if self.feeds is not None:
            self.feeds.events.extend(events)
            self.feeds.keep(*interactions)
            self.feeds.statuses.update({status.agent_id: status for status in agents})

    async def flushed(self, within: timedelta) -> bool:
        self.flushes += 1
        return True

    @property
    def events(self) -> list[ev.Event]:
        return [event for events, _, _ in self.writes for event in events]


class FakeTelephony:
    """`Telephony` that keeps what was ordered, and may pass it on to another."""

    def __init__(self) -> None:
        self.rung: list[tuple[RingAgent, CallerLine]] = []
        self.stopped: list[OfferId] = []
        self.called: list[tuple[CallCustomer, CustomerLine]] = []
        self.calls_stopped: list[tuple[InteractionId, int]] = []
        self.passes_on_to: Telephony | None = None

    def ring_agent(self, order: RingAgent, caller: CallerLine) -> None:
        self.rung.append((order, caller))
        if self.passes_on_to is not None:
            self.passes_on_to.ring_agent(order, caller)

    def stop_ringing(self, offer_id: OfferId) -> None:
        self.stopped.append(offer_id)
        if self.passes_on_to is not None:
            self.passes_on_to.stop_ringing(offer_id)

    def call_customer(self, order: CallCustomer, line: CustomerLine) -> None:
        self.called.append((order, line))
        if self.passes_on_to is not None:
            self.passes_on_to.call_customer(order, line)

    def stop_calling(self, interaction_id: InteractionId, attempt: int) -> None:
        self.calls_stopped.append((interaction_id, attempt))
        if self.passes_on_to is not None:
            self.passes_on_to.stop_calling(interaction_id, attempt)


class FakeVoice:
    """`Voice`: the path of an utterance tells the language and the prompt; what is `missing` has none."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    async def path_of(self, utterance: Utterance) -> str | None:
        name = utterance.prompt_id or utterance.text
        return None if name in self.missing else f"{utterance.language}:{name}"


class FakeCallerChannel:
    """`CallerChannel` of a caller with a plan.

    `keys` are pressed one after the other: at a playback if it may be stopped, or when listened for; a space is
    silence. `pressed` are those in the music before this question. With `gone_after` set he hangs up after so many of
    our requests.
    """

    def __init__(self, question: Question, *, keys: str = "", pressed: str = "", gone_after: int | None = None) -> None:
        self._question = question
        self._keys = list(keys)
        self._pressed = list(pressed)
        self._left = gone_after
        self.types_ahead = False
        self.played: list[str] = []
        self.listened: list[timedelta] = []
        self.remembered: list[CallState] = []
        self.recordings: list[str] = []
        self.soothed = 0
        self.speaks: timedelta | None = timedelta(seconds=7)
        """How long a message he leaves; None where nothing can be recorded."""
        self.ends_message_by = RecordingEnd.KEY
        self.voiced = True
        """Whether he says anything in it."""
        self.then: tuple[timedelta | None, RecordingEnd, bool] | None = None
        """What he says when he speaks it anew: as `speaks`, `ends_message_by` and `voiced`."""
        self.on_disk: dict[str, Recorded] = {}
        self.verdict: Verdict | None = None
        self.while_listening: Callable[[], None] = lambda: None

    @property
    def question(self) -> Question:
        return self._question

    @property
    def state(self) -> CallState:
        """What the channel carries now."""
        return self.remembered[-1] if self.remembered else self._question.state

    async def play(self, path: str, interrupt_digits: str) -> str | None:
        await self._alive()
        self.played.append(path)
        if self.types_ahead and self._keys and self._keys[0] in interrupt_digits:
            return self._keys.pop(0)
        return None

    async def listen(self, limit: timedelta) -> str | None:
        await self._alive()
        self.listened.append(limit)
        self.while_listening()
        key = self._keys.pop(0) if self._keys else " "
        return None if key == " " else key

    def typed(self, keys: str) -> str | None:
        while self._pressed:
            key = self._pressed.pop(0)
            if key in keys:
                self._keys = [*self._pressed, *self._keys]
                return key
        return None

    async def soothe(self) -> None:
        await self._alive()
        self.soothed += 1

    async def ask(self, paths: Sequence[str], keys: str, limit: timedelta, music_class: str) -> str | None:
        for path in paths:
            key = await self.play(path, keys)
            if key is not None:
                return key
        key = await self.listen(limit)
        return key if key is not None and key in keys else None

    async def record(
        self, name: str, *, limit: timedelta, silence: timedelta, beep: bool = True, finish_key: str = "#"
    ) -> Recording:
        await self._alive()
        self.recordings.append(name)
        speaks, ended_by, voiced = self.speaks, self.ends_message_by, self.voiced
        if len(self.recordings) > 1 and self.then is not None:
            speaks, ended_by, voiced = self.then
        if speaks is None:
            raise NoRecording("no directory for recordings is set")
        recording = Recording(path=Path("/messages") / f"{name}.wav", length=speaks, ended_by=ended_by, voiced=voiced)
        self.on_disk[name] = recording
        return recording

    async def recorded(self, name: str) -> Recorded | None:
        return self.on_disk.get(name)

    async def supersede(self, name: str, by: str) -> Recorded | None:
        second = self.on_disk.pop(by)
        self.on_disk[name] = Recorded(
            path=second.path.with_name(f"{name}.wav"), length=second.length, voiced=second.voiced
        )
        return self.on_disk[name]

    async def remember(self, state: CallState) -> None:
        await self._alive()
        self.remembered.append(state)

    async def decide(self, verdict: Verdict, state: CallState) -> None:
        await self.remember(state)
        self.verdict = verdict

    async def _alive(self) -> None:
        await asyncio.sleep(0)  # As on a wire, others get their turn.
        if self._left is not None:
            if self._left <= 0:
                raise CallerGone("the caller hung up")
            self._left -= 1


def shipped_lines(**dnis: str) -> Lines:
    """The flows that are shipped; `dnis` is given as n4000="main"."""
    queues = {"sales", "support", "operator"}
    flows = [parse_flow(path.read_text("utf-8"), path.name, queues=queues) for path in sorted(FLOWS.glob("*.yaml"))]
    prompts = parse_prompts((FLOWS / "prompts" / "queue.yaml").read_text("utf-8"), "queue.yaml")
    return Lines(
        flows={flow.name: flow for flow in flows},
        flow_of_dnis={number.removeprefix("n"): flow for number, flow in dnis.items()},
        default_flow=None,
        waiting_prompts=WaitingPrompts(prompts),
        default_language="zh",
    )


def question(
    call: InteractionId = CALL,
    *,
    dnis: str = "4000",
    ani: Number | None = None,
    state: CallState | None = None,
    ago: timedelta = timedelta(),
) -> Question:
    """What the dialplan asks for this call."""
    return Question(
        interaction_id=call,
        channel=f"PJSIP/trunk-{call}",
        started_at=START - ago,
        ani=ani or Number(raw="13800138000", e164="+8613800138000"),
        dnis=dnis,
        caller_name="",
        trunk="trunk",
        state=state or CallState(),
    )


def arrived(call: InteractionId = CALL, *, ani: Number | None = None, name: str = "") -> ev.InteractionArrived:
    """A caller's leg was answered."""
    return ev.InteractionArrived(
        interaction_id=call,
        at=START,
        channel=f"PJSIP/trunk-{call}",
        ani=ani or Number(raw="13800138000", e164="+8613800138000"),
        dnis="4000",
        caller_name=name,
    )


class Office:
    """Use as `async with`: one server's use cases, the floor running; `routing=False` as before the exchange came."""

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        records: FakeRecords | None = None,
        customers: FakeCustomers | None = None,
        routing: bool = True,
        queues: Sequence[QueueConfig] = (SALES, SUPPORT),
        timezone: tzinfo = UTC,
        feed: FeedPort | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.records = records or FakeRecords()
        self.customers = customers or FakeCustomers()
        self.journal = FakeJournal(self.records)
        self.telephony = FakeTelephony()
        self.voice = FakeVoice()
        self.configuration = FakeConfiguration(queue_configs=tuple(queues))
        self.memory = CustomerMemory(self.customers)
        self.figures = DayFigures(clock=self.clock, timezone=timezone)
        self.agents_today = AgentFigures(day_begins=self.figures.day_begins)
        self.screens = Screens(
            feed=feed or Feed(epoch="office", clock=self.clock),
            figures=self.figures,
            agents_today=self.agents_today,
            memory=self.memory,
            clock=self.clock,
        )
        self.floor = Floor(clock=self.clock, journal=self.journal, telephony=self.telephony, screens=self.screens)
        self.figures.attach(self.floor.picture)
        self.agents_today.attach(self.floor.picture)
        self.screens.attach(self.floor)
        self.floor.watch(self.figures.take)
        self.lines = shipped_lines(n4000="main", n4001="sales", n4002="support")
        self.calls = Calls(
            floor=self.floor,
            memory=self.memory,
            voice=self.voice,
            clock=self.clock,
            lines=self.lines,
            numbers=Numbers(region="CN"),
        )
        self.desk = Desk(
            floor=self.floor,
            screens=self.screens,
            memory=self.memory,
            journal=self.journal,
            records=self.records,
            customers=self.customers,
            configuration=self.configuration,
            clock=self.clock,
        )
        self.users = FakeUsers()
        self.supervision = Supervision(
            floor=self.floor,
            screens=self.screens,
            journal=self.journal,
            configuration=self.configuration,
            users=self.users,
            clock=self.clock,
        )
        self._routing = routing
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self.floor.run()), asyncio.create_task(self.screens.run())]
        for queue in self.configuration.queue_configs:
            await self.floor.request(cmd.ConfigureQueue(config=queue))
        if self._routing:
            await self.floor.request(cmd.StartRouting())
        self.journal.writes.clear()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- people

    async def agent(
        self, agent_id: AgentId = AGENT, *, ready: bool = True, skills: dict[SkillId, int] | None = None
    ) -> AgentId:
        """An agent at his desk."""
        config = AgentConfig(agent_id=agent_id, name=f"Agent {agent_id}", skills=skills or EVERY_SKILL)
        self.configuration.agent_configs[agent_id] = config
        await self.floor.request(cmd.ConfigureAgent(config=config))
        await self.floor.request(cmd.LogIn(agent_id=agent_id))
        if ready:
            await self.floor.request(cmd.SetReady(agent_id=agent_id))
        return agent_id

    async def caller(
        self, call: InteractionId = CALL, *, queue: QueueId = SALES.queue_id, ani: Number | None = None, name: str = ""
    ) -> InteractionId:
        """A caller who has come to a queue."""
        await self.tell(
            arrived(call, ani=ani, name=name),
            cmd.Enqueue(interaction_id=call, queue_id=queue, entered_at=self.clock.now()),
        )
        return call

    async def talk(self, call: InteractionId = CALL, agent_id: AgentId = AGENT) -> OfferId:
        """The agent answers what he is offered."""
        offer_id = self.offer_of(agent_id)
        await self.tell(cmd.ReportTalk(offer_id=offer_id, interaction_id=call, agent_id=agent_id))
        return offer_id

    # ---- what is the case

    async def tell(self, *messages: Message) -> None:
        """Tell the floor, and wait until it and those who ring have done."""
        for message in messages:
            self.floor.tell(message)
        await self.settle()

    async def settle(self) -> None:
        """Until the floor has nothing to do, and every phone that is to be rung has been."""
        await self.floor.pulse()
        ringing = [task for task in asyncio.all_tasks() if task.get_name().startswith("ring ")]
        await asyncio.gather(*ringing)

    async def pass_time(self, by: timedelta) -> None:
        """Let the clock go on, and what is due happen."""
        self.clock.advance(by)
        await self.settle()

    def record(self, call: InteractionId = CALL) -> Interaction:
        return self.floor.interactions[call]

    def state(self, agent_id: AgentId = AGENT) -> AgentState:
        return self.floor.picture.agent(agent_id).state

    def offer_of(self, agent_id: AgentId = AGENT) -> OfferId:
        offer_id = self.floor.picture.agent(agent_id).offer_id
        assert offer_id is not None, f"agent {agent_id} is offered nothing"
        return offer_id

    def names(self, call: InteractionId | None = CALL) -> list[str]:
        """The names of the events in the journal, of one call or of all."""
        events = self.journal.events
        return [type(e).__name__ for e in events if call is None or getattr(e, "interaction_id", None) == call]
