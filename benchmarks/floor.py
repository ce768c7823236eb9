"""A day on a floor where everybody is busy: what callers, phones, agents and supervisors do to the engine.

Law: the time is the simulation's own and every chance is drawn from one seed, so that a run can be repeated; only the
engine's own work is under the stopwatch. For everyone who is served or gives up somebody new comes, so that the number
of those who wait stays where it is.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from time import perf_counter, thread_time
from typing import Final

from benchmarks.business import Business
from benchmarks.stopwatch import Stopwatch
from callcenter.acd.engine import AcdEngine
from callcenter.domain import actions
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import CALLBACK, AgentState, Reason
from callcenter.domain.callbacks import Callback, CustomerAnswer
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.offers import OfferCause

OPENING: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
DEADLINE: Final = "deadline"
QUESTION: Final = "question"
QUESTION_INTERVAL_SECONDS: Final = 5.0
"""How often each waiting caller's dialplan asks (callcenter.acd.treatment)."""
DECISIONS_TO_A_QUESTION: Final = 20
"""So few questions are really asked, to know what one costs; more would only make the run longer."""
PATIENCE_SECONDS: Final = 600.0
TALK_SECONDS: Final = 170.0
AWAY_SECONDS: Final = 240.0
USUAL_AGENTS: Final = 7_500
"""With so many agents supervisors and breaks come as often as stated below."""
BREAKS_A_SECOND: Final = 3.0
LOGOUTS_A_SECOND: Final = 0.5
CHANGES_A_SECOND: Final = 2.0
"""Of a caller's priority, and as many of his queue."""

Output = actions.Action | ev.Event
Key = str


class Floor:
    """One engine and everybody around it."""

    def __init__(self, business: Business, watch: Stopwatch, chance: random.Random) -> None:
        self.engine = AcdEngine()
        self.now = OPENING
        self.decisions = 0
        self.facts: Counter[str] = Counter()
        self.asked = 0
        self.with_forecast = 0
        self._business = business
        self._watch = watch
        self._chance = chance
        self._agenda: list[tuple[datetime, int, Callable[[Key], None], Key]] = []
        self._planned = 0
        self._callers: list[InteractionId] = []
        self._numbers = 0
        self._on_the_way = 0
        self._ringing: dict[OfferId, actions.RingAgent] = {}
        self._talks: dict[OfferId, tuple[AgentId, InteractionId]] = {}
        self._is_open = False
        self._pace = business.size.agents / USUAL_AGENTS

    # ---- the run

    def open(self) -> None:
        """Everybody is at work and the queues are full already when routing begins."""
        for queue in self._business.queues:
            self._order(cmd.ConfigureQueue(config=queue))
        for agent in self._business.agents:
            self._order(cmd.ConfigureAgent(config=agent))
            self._order(cmd.LogIn(agent_id=agent.agent_id))
            self._order(cmd.SetReady(agent_id=agent.agent_id))
        usual_wait = self._business.size.waiting / max(self._business.size.agents / (TALK_SECONDS + 30), 1e-9)
        for _ in range(self._business.size.waiting + self._business.size.agents):
            self._enter(self.now - timedelta(seconds=self._chance.uniform(0, usual_wait)))
        self._is_open = True
        self._order(cmd.StartRouting())
        for rate, happening in (
            (BREAKS_A_SECOND, self._take_break),
            (LOGOUTS_A_SECOND, self._go_home),
            (CHANGES_A_SECOND, self._raise_priority),
            (CHANGES_A_SECOND, self._move),
        ):
            self._plan(self._chance.expovariate(rate * self._pace), self._again(rate * self._pace, happening), "")

    def run(self, decisions: int) -> None:
        """Go on for so many decisions."""
        end = self.decisions + decisions
        while self.decisions < end:
            deadline = self.engine.next_deadline()
            if deadline is not None and deadline <= self._agenda[0][0]:
                self._reach(deadline)
            else:
                self.now, _, happening, key = heappop(self._agenda)
                happening(key)

    def run_for(self, time: timedelta) -> None:
        """Go on for so long on the floor's own clock."""
        end = self.now + time
        while self.now < end:
            self.run(100)

    def reconfigure(self) -> None:
        """An administrator changes a queue's routing, and an agent's skills, while everything runs."""
        self._order(cmd.ConfigureQueue(config=self._business.changed(self._business.some_queue())))
        self._order(cmd.ConfigureAgent(config=self._business.retrained()))

    def census(self) -> dict[str, int]:
        """How many agents are in each state, and how many callers wait."""
        states = Counter(str(agent.state) for agent in self.engine.picture.agents.values())
        return {"waiting": len(self.engine.picture.waiting), **dict(sorted(states.items()))}

    # ---- under the stopwatch

    def _order(self, command: cmd.Command) -> None:
        """One decision: the command, and when the engine wants to be woken next, as the application asks each time."""
        engine, now = self.engine, self.now
        started, processor = perf_counter(), thread_time()
        out = engine.handle(command, now)
        engine.next_deadline()
        processor, ended = thread_time() - processor, perf_counter()
        self._decided(type(command).__name__, ended - started, processor, out)

    def _reach(self, deadline: datetime) -> None:
        self.now = max(self.now, deadline)
        engine, now = self.engine, self.now
        started, processor = perf_counter(), thread_time()
        out = engine.handle_deadline(now)
        later = engine.next_deadline()
        processor, ended = thread_time() - processor, perf_counter()
        self._decided(DEADLINE, ended - started, processor, out)
        if later is not None and later <= now:
            raise RuntimeError(f"deadlines were handled at {now} and the engine still waits for {later}")

    def _decided(self, kind: str, seconds: float, processor_seconds: float, out: list[Output]) -> None:
        self._watch.note(kind, seconds)
        self._watch.processor_seconds += processor_seconds
        self.decisions += 1
        for one in out:
            self.facts[type(one).__name__] += 1
            self._react(one)
        if not self._is_open:
            return
        self._fill_up()
        if self.decisions % DECISIONS_TO_A_QUESTION == 0:
            self._ask()

    def _ask(self) -> None:
        """What a waiting caller's question costs: that he waits is said again, his place and his forecast are read."""
        interaction_id = self._someone_waiting()
        if interaction_id is None:
            return
        picture, now = self.engine.picture, self.now
        record = picture.waiting[interaction_id]
        again = cmd.Enqueue(
            interaction_id=interaction_id, queue_id=record.queue_id, entered_at=record.entered_at, skills=record.skills
        )
        started = perf_counter()
        self.engine.handle(again, now)
        picture.position(interaction_id)
        forecast = picture.forecast(interaction_id, now)
        self._watch.note(QUESTION, perf_counter() - started)
        self.asked += 1
        self.with_forecast += forecast is not None

    # ---- what the engine's orders and facts lead to

    def _react(self, one: Output) -> None:
        match one:
            case actions.RingAgent():
                self._ring(one)
            case actions.CallCustomer():
                self._call_customer(one)
            case ev.OfferEnded():
                self._ringing.pop(one.offer_id, None)
            case ev.TalkEnded():
                self._talks.pop(one.offer_id, None)
            case ev.AgentStateChanged(new=AgentState.NOT_READY):
                pause = 5.0 if one.reason == Reason.SIGNED_IN else self._chance.expovariate(1 / AWAY_SECONDS)
                self._plan(pause, self._come_back, one.agent_id)
            case ev.AgentStateChanged(new=AgentState.LOGGED_OUT):
                self._plan(self._chance.expovariate(1 / AWAY_SECONDS), self._sign_in, one.agent_id)
            case ev.AgentStateChanged(new=AgentState.WRAP_UP):
                self._wrap_up(one.agent_id)
            case ev.InteractionOverflowed():
                # Where it leads out of the queues the caller is gone from the engine at his next question.
                self._plan(QUESTION_INTERVAL_SECONDS, self._leave_overflowed, one.interaction_id)

    def _ring(self, action: actions.RingAgent) -> None:
        self._ringing[action.offer_id] = action
        fate = self._chance.random()
        if fate < 0.94:
            self._plan(self._chance.uniform(2, 7), self._answer, action.offer_id)
        elif fate < 0.97:
            self._plan(action.ring_timeout.total_seconds(), self._miss, action.offer_id)
        elif fate < 0.99:
            self._plan(3, self._reject, action.offer_id)
        else:
            self._plan(0.2, self._find_busy, action.offer_id)

    def _call_customer(self, action: actions.CallCustomer) -> None:
        reached = self._chance.random() < 0.8
        if reached and action.offer_id is not None:
            self._plan(8, self._talk, action.offer_id)
        else:
            self._plan(12, self._customer_answers if reached else self._customer_is_out, action.interaction_id)

    def _answer(self, offer: Key) -> None:
        ringing = self._ringing.get(OfferId(offer))
        if ringing is None:
            return
        if ringing.customer_absent:
            self._order(cmd.ReportAgentWaits(offer_id=ringing.offer_id))
        else:
            self._talk(offer)

    def _talk(self, offer: Key) -> None:
        ringing = self._ringing.get(OfferId(offer))
        if ringing is None:
            return
        agent_id, interaction_id = ringing.agent_id, ringing.interaction_id
        self._talks[ringing.offer_id] = (agent_id, interaction_id)
        self._order(cmd.ReportTalk(offer_id=ringing.offer_id, interaction_id=interaction_id, agent_id=agent_id))
        seconds = self._chance.gammavariate(2, TALK_SECONDS / 2)
        self._plan(seconds, self._hang_up, offer)
        if self._chance.random() < 0.1:
            self._plan(seconds * 0.4, self._hold, offer)
            self._plan(seconds * 0.6, self._take_back, offer)

    def _miss(self, offer: Key) -> None:
        self._fail(offer, OfferCause.NO_ANSWER)

    def _reject(self, offer: Key) -> None:
        self._fail(offer, OfferCause.REJECTED)

    def _find_busy(self, offer: Key) -> None:
        self._fail(offer, self._chance.choice((OfferCause.BUSY, OfferCause.UNREACHABLE)))

    def _fail(self, offer: Key, cause: OfferCause) -> None:
        if offer in self._ringing:
            self._order(cmd.ReportOfferFailed(offer_id=OfferId(offer), cause=cause))

    def _customer_answers(self, interaction: Key) -> None:
        self._report_customer(InteractionId(interaction), CustomerAnswer.ANSWERED)
        self._plan(self._chance.expovariate(1 / PATIENCE_SECONDS), self._give_up, interaction)

    def _customer_is_out(self, interaction: Key) -> None:
        self._report_customer(InteractionId(interaction), CustomerAnswer.NO_ANSWER)

    def _report_customer(self, interaction_id: InteractionId, answer: CustomerAnswer) -> None:
        if interaction_id in self.engine.picture.waiting:
            self._order(cmd.ReportCustomerCalled(interaction_id=interaction_id, answer=answer))

    def _hang_up(self, offer: Key) -> None:
        talk = self._talks.get(OfferId(offer))
        if talk is None:
            return
        if self._chance.random() < 0.5:
            self._order(cmd.Leave(interaction_id=talk[1]))
        else:
            self._order(cmd.ReportTalkEnded(offer_id=OfferId(offer), side=ev.Side.AGENT))

    def _hold(self, offer: Key) -> None:
        if offer in self._talks:
            self._order(cmd.ReportHold(offer_id=OfferId(offer), on_hold=True))

    def _take_back(self, offer: Key) -> None:
        if offer in self._talks:
            self._order(cmd.ReportHold(offer_id=OfferId(offer), on_hold=False))

    # ---- callers

    def _fill_up(self) -> None:
        missing = self._business.size.waiting - len(self.engine.picture.waiting) - self._on_the_way
        for _ in range(min(missing, 100)):
            self._on_the_way += 1
            self._plan(self._chance.expovariate(1), self._arrive, "")

    def _arrive(self, _: Key) -> None:
        self._on_the_way -= 1
        self._enter(self.now)

    def _enter(self, entered_at: datetime) -> None:
        self._numbers += 1
        interaction_id = InteractionId(f"call-{self._numbers}")
        self._callers.append(interaction_id)
        self._plan(self._chance.expovariate(1 / PATIENCE_SECONDS), self._give_up, interaction_id)
        self._order(self._business.caller(interaction_id, entered_at))

    def _give_up(self, interaction: Key) -> None:
        """Hang up; one of ten has chosen to be called back, and keeps his place."""
        record = self.engine.picture.waiting.get(InteractionId(interaction))
        if record is None:
            return
        wants_callback = record.callback is None and self._chance.random() < 0.1
        queue_id, entered_at = record.queue_id, record.entered_at
        self.facts["gave up"] += 1
        self._order(cmd.Leave(interaction_id=record.interaction_id))
        if wants_callback:
            self._callers.append(InteractionId(f"cb-{interaction}"))
            callback = Callback(number=f"+86{interaction}", requested_at=self.now, origin_id=interaction)
            self._order(
                cmd.Enqueue(
                    interaction_id=self._callers[-1],
                    queue_id=queue_id,
                    entered_at=entered_at,
                    media_type=CALLBACK,
                    callback=callback,
                )
            )

    def _leave_overflowed(self, interaction: Key) -> None:
        if interaction in self.engine.picture.overflowed:
            self._order(cmd.Leave(interaction_id=InteractionId(interaction)))

    def _someone_waiting(self) -> InteractionId | None:
        while self._callers:
            place = self._chance.randrange(len(self._callers))
            if self._callers[place] in self.engine.picture.waiting:
                return self._callers[place]
            self._callers[place] = self._callers[-1]
            self._callers.pop()
        return None

    # ---- agents and supervisors

    def _again(self, rate: float, happening: Callable[[], None]) -> Callable[[Key], None]:
        def once_more(_: Key) -> None:
            self._plan(self._chance.expovariate(rate), once_more, "")
            happening()

        return once_more

    def _take_break(self) -> None:
        agent_id = self._business.some_agent()
        if self._state(agent_id) not in (AgentState.LOGGED_OUT, AgentState.NOT_READY):
            self._order(cmd.SetNotReady(agent_id=agent_id, reason="break"))

    def _go_home(self) -> None:
        agent_id = self._business.some_agent()
        if self._state(agent_id) is not AgentState.LOGGED_OUT:
            self._order(cmd.LogOut(agent_id=agent_id))

    def _sign_in(self, agent: Key) -> None:
        if self._state(AgentId(agent)) is AgentState.LOGGED_OUT:
            self._order(cmd.LogIn(agent_id=AgentId(agent)))

    def _come_back(self, agent: Key) -> None:
        if self._state(AgentId(agent)) is AgentState.NOT_READY:
            self._order(cmd.SetReady(agent_id=AgentId(agent)))

    def _wrap_up(self, agent: AgentId) -> None:
        """Most wrap-ups end by themselves."""
        fate = self._chance.random()
        if fate < 0.3:
            self._plan(self._chance.uniform(2, 10), self._end_wrap_up, agent)
        elif fate < 0.4:
            self._plan(5, self._extend_wrap_up, agent)

    def _end_wrap_up(self, agent: Key) -> None:
        if self._state(AgentId(agent)) is AgentState.WRAP_UP:
            self._order(cmd.EndWrapUp(agent_id=AgentId(agent)))

    def _extend_wrap_up(self, agent: Key) -> None:
        if self._state(AgentId(agent)) is AgentState.WRAP_UP:
            self._order(cmd.ExtendWrapUp(agent_id=AgentId(agent), by=timedelta(seconds=30)))

    def _raise_priority(self) -> None:
        interaction_id = self._someone_waiting()
        if interaction_id is not None:
            priority = self._chance.choice((0, 10, 50))
            self._order(cmd.SetPriority(interaction_id=interaction_id, priority=priority, by="super"))

    def _move(self) -> None:
        interaction_id = self._someone_waiting()
        if interaction_id is not None:
            queue_id = self._business.some_queue().queue_id
            self._order(cmd.MoveInteraction(interaction_id=interaction_id, queue_id=queue_id, by="super"))

    def _state(self, agent_id: AgentId) -> AgentState:
        return self.engine.picture.agents[agent_id].state

    # ---- the agenda

    def _plan(self, seconds: float, happening: Callable[[Key], None], key: Key) -> None:
        self._planned += 1
        heappush(self._agenda, (self.now + timedelta(seconds=seconds), self._planned, happening, key))
