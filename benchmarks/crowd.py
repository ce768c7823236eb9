"""The two measurements: a hand-over while the queue is full, and a new call while agents are idle.

Law: every time is taken at a phone's own socket, as a message leaves or arrives; what is not a clean call is a fault.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.desktops import Pop
from benchmarks.two_queues import OURS, SOUND, TwoQueues, Way, Worker
from tests.e2e.phones import AgentPhone, Caller, IncomingCall

KNOWN_CALLER = "+8613800138000"
"""The demo's customer with a history: the longest look-up there is."""
SHORTEST_TALK_SECONDS = 0.3
HANDOVERS_A_SECOND = 5.0
"""On the average, with however many agents: talks are as long as it takes, for here waiting is measured."""
ONE_BY_ONE_SECONDS = 0.02
"""Between two callers of the first rush."""
BRIEF_TALK_SECONDS = (0.1, 0.2)
PAUSE_SECONDS = (0.25, 0.5)
SETTLED_SECONDS = 0.5
CALL_LIMIT_SECONDS = 120.0


@dataclass(slots=True)
class Measured:
    """What a round gave: milliseconds, the calls made, the pops that came late, and everything that went wrong."""

    milliseconds: list[float] = field(default_factory=list)
    calls: int = 0
    pops: int = 0
    late_pops: int = 0
    pop_lead_milliseconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Measured") -> None:
        """Take in another round."""
        self.milliseconds += other.milliseconds
        self.calls += other.calls
        self.pops += other.pops
        self.late_pops += other.late_pops
        self.pop_lead_milliseconds += other.pop_lead_milliseconds
        self.faults += other.faults


def talk_lengths(agents: int) -> tuple[float, float]:
    """The shortest and the longest talk in seconds.

    They are whole seconds apart, so that hang-ups fall evenly into app_queue's poll of once a second, and as far apart
    as can be, so that the agents do not hang up in step.
    """
    width = max(round(2 * (agents / HANDOVERS_A_SECOND - SHORTEST_TALK_SECONDS)), 1)
    return SHORTEST_TALK_SECONDS, SHORTEST_TALK_SECONDS + width


async def hand_over(house: TwoQueues, way: Way, *, talks: int, chance: random.Random) -> Measured:
    """A full queue: from an agent's BYE to the next INVITE at the same phone.

    A hang-up counts when the first rush is over and somebody has waited a while for every agent there is, so that the
    wait is never the callers'.
    """
    crowd = _Crowd(house, way, chance)
    talk_seconds = talk_lengths(len(house.workers))
    offered_before = sum(len(worker.phone.calls) for worker in house.workers)
    counts: dict[str, bool] = {}

    async def work(worker: Worker) -> None:
        while True:
            call = await worker.phone.talking(CALL_LIMIT_SECONDS)
            await asyncio.sleep(chance.uniform(*talk_seconds))
            taken, settled = sum(len(w.phone.calls) for w in house.workers) - offered_before, crowd.settled()
            full = settled - taken >= len(house.workers)
            counts[call.dialog.call_id] = full and settled >= len(house.workers) + house.waiting
            await call.hang_up()

    async def one_after_another(places: asyncio.Semaphore) -> None:
        await crowd.one_call()
        # Nobody calls in at the very moment that an agent hangs up.
        await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
        places.release()

    async def call_in() -> None:
        places = asyncio.Semaphore(len(house.workers) + house.waiting)
        async with asyncio.TaskGroup() as callers:
            for _ in range(talks):
                await places.acquire()
                callers.create_task(one_after_another(places))
                await asyncio.sleep(ONE_BY_ONE_SECONDS)

    measured = await _round(house, way, crowd, call_in, work)
    for worker, calls in measured.calls_by_worker:
        left, arrived = _times(worker.phone, "sent", "BYE"), _times(worker.phone, "received", "INVITE")
        for ended, following in itertools.pairwise(calls):
            if counts.get(ended.dialog.call_id):
                gap = arrived[following.dialog.call_id] - left[ended.dialog.call_id]
                measured.result.milliseconds.append(1000 * gap)
    return measured.result


async def ring_new_calls(house: TwoQueues, way: Way, *, calls: int, chance: random.Random) -> Measured:
    """An empty queue and idle agents: from the caller's INVITE to the agent's; every other caller is a known one."""
    crowd = _Crowd(house, way, chance)

    async def work(worker: Worker) -> None:
        while True:
            call = await worker.phone.talking(CALL_LIMIT_SECONDS)
            await asyncio.sleep(chance.uniform(*BRIEF_TALK_SECONDS))
            await call.hang_up()

    async def call_in() -> None:
        for number in range(calls):
            await crowd.one_call(KNOWN_CALLER if number % 2 else None)
            await house.at_rest()
            await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))

    measured = await _round(house, way, crowd, call_in, work)
    arrivals = sorted(
        _times(worker.phone, "received", "INVITE")[call.dialog.call_id]
        for worker, calls in measured.calls_by_worker
        for call in calls
    )
    if len(arrivals) == len(crowd.invited):
        pairs = zip(sorted(crowd.invited), arrivals, strict=True)
        measured.result.milliseconds = [1000 * (arrival - invited) for invited, arrival in pairs]
    return measured.result


@dataclass(slots=True)
class _Round:
    result: Measured
    calls_by_worker: list[tuple[Worker, list[IncomingCall]]]


class _Crowd:
    """The callers of one round."""

    def __init__(self, house: TwoQueues, way: Way, chance: random.Random) -> None:
        self._house = house
        self._way = way
        self._chance = chance
        self._answered: list[float] = []
        self.invited: list[float] = []
        self.faults: list[str] = []
        self.calls = 0

    def settled(self) -> int:
        """How many have been in the queue for a while or were taken out of it."""
        now = time.monotonic()
        return sum(1 for at in self._answered if now - at >= SETTLED_SECONDS)

    async def one_call(self, ani: str | None = None) -> None:
        """Call, wait, be served, be hung up on."""
        self.calls += 1
        unknown = f"+86137{self._chance.randrange(10**8):08d}"
        caller = Caller(server=self._house.sip, dnis=self._way.dnis, ani=ani or unknown, sound=SOUND, deaf=True)
        try:
            async with caller:
                self._answered.append(await caller.answered())
                end = await caller.ended(CALL_LIMIT_SECONDS)
        except (TimeoutError, ConnectionRefusedError) as error:
            self.faults.append(f"{self._way.name}: {error}")
            return
        self.invited.append(next(t.at for t in caller.messages if t.message.method == "INVITE"))
        if (end.by, end.status) != ("server", 200):
            self.faults.append(f"{self._way.name}: {caller.name} ended {end}")


async def _round(
    house: TwoQueues,
    way: Way,
    crowd: _Crowd,
    call_in: Callable[[], Awaitable[None]],
    work: Callable[[Worker], Coroutine[None, None, None]],
) -> _Round:
    """Let the callers call and the agents work until the last caller has been served; check every call."""
    await house.use(way)
    before = {worker.agent_id: len(worker.phone.calls) for worker in house.workers}
    await house.desktops.pops()
    at_work = [asyncio.create_task(work(worker), name=f"agent {worker.agent_id}") for worker in house.workers]
    try:
        await call_in()
        await house.at_rest()
    finally:
        for task in at_work:
            task.cancel()
        ends = await asyncio.gather(*at_work, return_exceptions=True)
    result = Measured(calls=crowd.calls, faults=list(crowd.faults))
    result.faults += [f"{way.name}: {end}" for end in ends if isinstance(end, Exception)]
    calls_by_worker = [(worker, worker.phone.calls[before[worker.agent_id] :]) for worker in house.workers]
    taken = [call for _, calls in calls_by_worker for call in calls]
    served = sum(1 for call in taken if call.answered_at is not None)
    if served != crowd.calls or len(taken) != crowd.calls:
        result.faults.append(f"{way.name}: {crowd.calls} called, {len(taken)} rang, {served} were answered")
    if way is OURS:
        pops = await house.desktops.pops()
        for worker, calls in calls_by_worker:
            _check_pops(worker, calls, pops[worker.agent_id], result)
    return _Round(result, calls_by_worker)


def _check_pops(worker: Worker, calls: list[IncomingCall], pops: list[Pop], result: Measured) -> None:
    """Each call's card must have arrived at the desktop before its INVITE arrived at the phone."""
    arrived = _times(worker.phone, "received", "INVITE")
    if [pop.number for pop in pops] != [call.caller.user for call in calls]:
        result.faults.append(f"ours: agent {worker.agent_id}: {len(pops)} cards for {len(calls)} calls, or others'")
        return
    for pop, call in zip(pops, calls, strict=True):
        lead = arrived[call.dialog.call_id] - pop.at
        result.pops += 1
        result.late_pops += lead <= 0
        result.pop_lead_milliseconds.append(1000 * lead)


def _times(phone: AgentPhone, direction: Literal["sent", "received"], method: str) -> dict[str, float]:
    """When each call's first message of that kind went over the wire, by Call-ID."""
    times: dict[str, float] = {}
    for traced in phone.messages:
        if traced.direction == direction and not traced.message.status and traced.message.method == method:
            times.setdefault(traced.message.call_id, traced.at)
    return times
