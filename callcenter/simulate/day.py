"""The world around a queueing policy: who calls and when, how long he stays, who is at work; the same for each policy.

Law: a caller's arrival, patience, handle time and after-call work are drawn when he comes, from his stream's own
source, so that two policies meet the same callers (common random numbers; A. M. Law, section 11.2).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from heapq import merge
from random import Random
from typing import Final, Protocol

from callcenter.domain.agents import AgentConfig
from callcenter.simulate.agenda import DAY, HOUR, Agenda
from callcenter.simulate.arrivals import poisson, recorded
from callcenter.simulate.record import Record
from callcenter.simulate.scenario import AgentGroup, Scenario, Stream

AFTER_THE_END_MOST: Final = 4 * HOUR
"""How long after the measured time the last callers may take to be served; who still waits then stays unanswered."""
_REPORT_EVERY: Final = 2_000


@dataclass(slots=True, kw_only=True)
class Caller:
    """One caller and what chance has decided of him; times in microseconds."""

    number: int
    stream_index: int
    stream: Stream
    came_at: int
    patience: int | None
    handle_time: int
    after_call_work: int | None
    waits: bool = False
    """In the queue, with no agent being rung for him."""
    in_queue: bool = True
    expected: tuple[float, float | None, float | None] | None = None
    """What was expected of his wait when he came, and between what, in seconds."""


@dataclass(slots=True, kw_only=True)
class Seat:
    """One agent."""

    config: AgentConfig
    group_index: int
    group: AgentGroup
    chance: Random
    activity: str | None = None
    on_shift: bool = False

    def ringing(self) -> int | None:
        """How long he lets it ring before he answers; None when he does not hear it."""
        if self.group.missed_share and self.chance.random() < self.group.missed_share:
            return None
        return self.group.ring_delay.draw(self.chance)


def callers(scenario: Scenario, replication: int = 0) -> Iterator[Caller]:
    """All who call, in order; endless as a rule."""
    streams = [
        _callers_of(scenario, index, f"{scenario.seed} {replication}") for index in range(len(scenario.arrivals))
    ]
    return merge(*streams, key=lambda caller: caller.came_at)


def _callers_of(scenario: Scenario, index: int, seed: str) -> Iterator[Caller]:
    stream = scenario.arrivals[index]
    chance = Random(f"{seed} callers {stream.stream_id}")
    queue = scenario.queue(stream.queue_id)
    handle = stream.handle_time or queue.handle_time
    after = stream.after_call_work or queue.after_call_work
    if stream.seconds_between:
        moments = recorded(stream.seconds_between)
    else:
        moments = poisson(stream.rates, scenario.begins, Random(f"{seed} arrivals {stream.stream_id}"))
    for at in moments:
        yield Caller(
            number=0,
            stream_index=index,
            stream=stream,
            came_at=at,
            patience=stream.patience.draw(chance),
            handle_time=handle.draw(chance) or 0,
            after_call_work=None if after is None else after.draw(chance),
        )


class Policy(Protocol):
    """Decides who talks to whom; everything it does, it does through the day's agenda and record."""

    def begin(self) -> None:
        """Nobody is there yet."""

    def call(self, caller: Caller) -> None:
        """A caller enters his queue."""

    def hang_up(self, caller: Caller) -> None:
        """A caller who still waits, or for whom an agent is rung, has lost patience."""

    def come(self, seat: Seat) -> None:
        """An agent's shift begins."""

    def go(self, seat: Seat) -> None:
        """An agent's shift ends; who is in a call finishes it."""

    def next_deadline(self) -> int | None:
        """When `deadline` wants to be called."""

    def deadline(self) -> None:
        """Do what is due."""


class Day:
    """One replication of a scenario."""

    def __init__(self, scenario: Scenario, record: Record, replication: int = 0) -> None:
        self.scenario = scenario
        self.record = record
        self.agenda = Agenda(scenario.begins)
        seed = f"{scenario.seed} {replication}"
        self.seats = [
            Seat(config=config, group_index=index, group=group, chance=Random(f"{seed} agent {config.agent_id}"))
            for index, group in enumerate(scenario.agents)
            for config in group.configs()
        ]
        self._callers = callers(scenario, replication)
        self._unresolved = 0
        self._number = 0

    def run(self, policy: Policy, progress: Callable[[float], None] | None = None) -> None:
        """Live through it; `progress` hears how much of it is over, from 0 to 1."""
        agenda, ends = self.agenda, self.scenario.duration
        policy.begin()
        for seat in self.seats:
            self._plan_shifts(policy, seat)
        self._plan_next_call(policy)
        steps = 0
        while True:
            due = agenda.next_at()
            deadline = policy.next_deadline()
            if deadline is not None and (due is None or deadline <= due):
                agenda.go_to(deadline)
                policy.deadline()
            elif due is not None:
                agenda.take()()
            else:
                break
            if agenda.now >= ends and (not self._unresolved or agenda.now >= ends + AFTER_THE_END_MOST):
                break
            steps += 1
            if progress is not None and not steps % _REPORT_EVERY:
                progress(min(agenda.now / ends, 1.0))
        self.record.close()

    def activity(self, seat: Seat, activity: str | None) -> None:
        """Note what an agent does from now on; None is away."""
        if seat.activity != activity:
            self.record.agent_becomes(seat.group_index, seat.activity, activity, self.agenda.now)
            seat.activity = activity

    def waits(self, caller: Caller, waits: bool) -> None:
        """Note whether a caller waits with no agent being rung for him."""
        if caller.waits != waits:
            caller.waits = waits
            self.record.waits(caller.stream_index, 1 if waits else -1, self.agenda.now)

    def answered(self, caller: Caller) -> None:
        """He talks to an agent."""
        self._leaves(caller)
        self.record.answered(caller.stream_index, caller.came_at, self.agenda.now)
        if caller.expected is not None:
            self.record.predicted(caller.stream_index, caller.came_at, self.agenda.now, *caller.expected)

    def abandoned(self, caller: Caller) -> None:
        """He has hung up."""
        self._leaves(caller)
        self.record.abandoned(caller.stream_index, caller.came_at, self.agenda.now)

    def left_otherwise(self, caller: Caller) -> None:
        """A rule of the queue has sent him away."""
        self._leaves(caller)
        self.record.left_otherwise(caller.stream_index, caller.came_at)

    def _leaves(self, caller: Caller) -> None:
        caller.in_queue = False
        self.waits(caller, False)
        if caller.came_at < self.scenario.duration:
            self._unresolved -= 1

    # ---- callers

    def _plan_next_call(self, policy: Policy) -> None:
        caller = next(self._callers, None)
        if caller is not None:
            self.agenda.plan(caller.came_at, partial(self._call, policy, caller))

    def _call(self, policy: Policy, caller: Caller) -> None:
        self._number += 1
        caller.number = self._number
        if caller.came_at < self.scenario.duration:
            self._unresolved += 1
        self._plan_next_call(policy)
        policy.call(caller)
        self.record.came(caller.stream_index, caller.came_at, had_to_wait=caller.waits)
        if caller.in_queue and caller.patience is not None:
            self.agenda.plan(caller.came_at + caller.patience, partial(self._lose_patience, policy, caller))

    def _lose_patience(self, policy: Policy, caller: Caller) -> None:
        if caller.in_queue:
            policy.hang_up(caller)

    # ---- agents

    def _plan_shifts(self, policy: Policy, seat: Seat) -> None:
        if not seat.group.shifts:
            self._come(policy, seat)
            return
        for shift in seat.group.shifts:
            # A shift that had begun when the simulation begins counts from there.
            begins = (shift.begins - self.scenario.begins) % DAY
            ends = (shift.ends - self.scenario.begins) % DAY or DAY
            if ends < begins:
                self._come(policy, seat)
            self.agenda.plan(begins, partial(self._come_daily, policy, seat))
            self.agenda.plan(ends, partial(self._go_daily, policy, seat))

    def _come_daily(self, policy: Policy, seat: Seat) -> None:
        self._come(policy, seat)
        self.agenda.within(DAY, partial(self._come_daily, policy, seat))

    def _go_daily(self, policy: Policy, seat: Seat) -> None:
        seat.on_shift = False
        policy.go(seat)
        self.agenda.within(DAY, partial(self._go_daily, policy, seat))

    def _come(self, policy: Policy, seat: Seat) -> None:
        seat.on_shift = True
        policy.come(seat)
