"""A house with two queues on one Asterisk, ours and a stock `app_queue`, which the same phones answer for.

    async with TwoQueues(base, agents=4) as house:
        handovers = await hand_over(house, OURS, talks=40, chance=random.Random(1))

Law: every time is taken at a phone's own socket, as a message leaves or arrives; what is not a clean call is a fault.
"""

import asyncio
import itertools
import json
import random
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from benchmarks.desktops import Desktops, Pop
from callcenter.app.ports import NumberRoute
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.store.configuration import put_number, put_queue
from callcenter.store.database import Database
from tests.e2e.house import PASSWORD, House
from tests.e2e.phones import AgentPhone, Answer, Caller, IncomingCall, Silence

HERE = Path(__file__).resolve().parent
KNOWN_CALLER = "+8613800138000"
"""The demo's customer with a history: the longest look-up there is."""
TALK_SECONDS = (0.3, 1.3)
"""One whole second wide, so that hang-ups fall evenly into app_queue's poll of once a second."""
BRIEF_TALK_SECONDS = (0.1, 0.2)
PAUSE_SECONDS = (0.25, 0.5)
SOUND = Silence(packets_per_second=10)
"""Enough to be heard as a phone, and so little that measuring does not slow what is measured."""
SETTLED_SECONDS = 0.5
CALL_LIMIT_SECONDS = 60.0
FOR_THE_STOCK_QUEUE = "break"

EXTENSIONS = """\
; The stock queue that the benchmark measures beside ours; never part of the product.
[cc-inbound]
exten => {dnis},1,Answer()
 same => n,Queue({queue})
 same => n,Hangup()
"""
STOCK_QUEUE = """\
; The stock queue that the benchmark measures beside ours, with its fastest settings.
[{queue}]
strategy = rrmemory
autofill = yes
ringinuse = no
retry = {retry}
wrapuptime = 0
timeout = 60
joinempty = yes
leavewhenempty = no
announce-frequency = 0
{members}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the two ways to an agent."""

    name: str
    dnis: str


OURS = Way(name="ours", dnis="4910")
APP_QUEUE = Way(name="app_queue", dnis="4911")
WAYS = (OURS, APP_QUEUE)


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


@dataclass(slots=True)
class Worker:
    """One agent and the phone that both queues ring."""

    agent_id: str
    phone: AgentPhone

    @property
    def free(self) -> bool:
        """Whether the phone is on the hook."""
        return not self.phone.calls_alive


class TwoQueues(House):
    """The house, with a queue of ours without wrap-up and menu, and a stock queue with the same agents."""

    def __init__(self, base: Path, *, agents: int, retry_seconds: int = 1) -> None:
        super().__init__(base, {"CALLCENTER_SIP_RTP_START": "20000", "CALLCENTER_SIP_RTP_END": "24999"})
        self.agent_ids = tuple(str(1001 + number) for number in range(agents))
        self.workers: list[Worker] = []
        self.desktops = Desktops(self.web_url, PASSWORD, self.agent_ids)
        self._retry_seconds = retry_seconds
        self._staff = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self._add_stock_queue()
            await self.until(self._prompts_are_built, "the prompts are built", seconds=120)
            for agent_id in self.agent_ids:
                phone = AgentPhone(server=self.sip, user=agent_id, password=PASSWORD, sound=SOUND, behaviour=Answer())
                self.workers.append(Worker(agent_id, await self._staff.enter_async_context(phone)))
            await self._staff.enter_async_context(self.desktops)
        except BaseException:
            await self._staff.aclose()
            await super().__aexit__()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            await self._staff.aclose()
        finally:
            await super().__aexit__(*exc_info)

    async def start_server(self, *, watched: bool = False) -> None:
        """Put in our queue and the number that leads straight to it, then start."""
        await asyncio.to_thread(shutil.copytree, HERE / "flows", self.settings.flows.directory, dirs_exist_ok=True)
        await self._add_our_queue()
        await super().start_server(watched=watched)

    async def use(self, way: Way) -> None:
        """Ready for ours, not ready while the stock queue is measured."""
        if way is OURS:
            await self.desktops.set_state("ready")
        else:
            await self.desktops.set_state("not_ready", FOR_THE_STOCK_QUEUE)

    async def at_rest(self) -> None:
        """Wait until no phone and no agent is in a call."""

        async def phones_are_free() -> bool:
            return all(worker.free for worker in self.workers)

        await self.until(phones_are_free, "every phone is on the hook")
        await self.desktops.at_rest()

    async def left_over(self) -> list[str]:
        """Channels and interactions that are still there when nobody calls any more, each as a complaint."""
        try:
            await self.quiet()
        except AssertionError:
            channels = (await self.asterisk.cli("core show channels concise")).splitlines()
            left = [f"a channel is left over: {line}" for line in channels if "!" in line]
            return left + [f"an interaction has no end: {name}" for name in self.invariants().open_interactions()]
        return []

    def server_errors(self) -> list[str]:
        """What the server has logged as an error."""
        entries = []
        for line in self.log_path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entries.append(line)
                continue
            if entry.get("level") in ("error", "critical"):
                entries.append(line)
        return entries

    async def _prompts_are_built(self) -> bool:
        return "prompts_built" in self.log_path.read_text(errors="replace")

    async def _add_our_queue(self) -> None:
        queue = QueueConfig(
            queue_id=QueueId("benchmark"),
            label=Label(zh="基准测试", en="Benchmark"),
            wrap_up=timedelta(),
            ring_timeout=timedelta(seconds=60),
        )
        database = Database(self.settings.database_url)
        try:
            async with database.writing() as connection:
                await put_queue(connection, queue)
                await put_number(connection, NumberRoute(dnis=OURS.dnis, flow="benchmark", label=queue.label))
        finally:
            await database.dispose()

    async def _add_stock_queue(self) -> None:
        etc = self.asterisk.config.directories.etc
        members = "\n".join(f"member => PJSIP/{agent_id}" for agent_id in self.agent_ids)
        name = "benchmark-stock"
        parts = {
            "extensions": EXTENSIONS.format(dnis=APP_QUEUE.dnis, queue=name),
            "queues": STOCK_QUEUE.format(queue=name, retry=self._retry_seconds, members=members),
        }

        def write() -> None:
            for file, text in parts.items():
                (etc / f"{file}_benchmark.conf").write_text(text, encoding="utf-8")
                with (etc / f"{file}.conf").open("a", encoding="utf-8") as out:
                    out.write(f"\n#include {file}_benchmark.conf\n")

        await asyncio.to_thread(write)
        await self.asterisk.cli("dialplan reload")
        await self.asterisk.cli("queue reload all")
        shown = await self.asterisk.cli(f"queue show {name}")
        if any(f"PJSIP/{agent_id}" not in shown for agent_id in self.agent_ids):
            raise AssertionError(f"the stock queue has not its members: {shown}")


# ---- the two measurements


async def hand_over(house: TwoQueues, way: Way, *, talks: int, chance: random.Random) -> Measured:
    """A full queue: from an agent's BYE to the next INVITE at the same phone.

    A hang-up counts when somebody had waited a while for every agent there is, so that the wait is never the callers'.
    """
    crowd = _Crowd(house, way, chance)
    offered_before = sum(len(worker.phone.calls) for worker in house.workers)
    counts: dict[str, bool] = {}

    async def work(worker: Worker) -> None:
        while True:
            call = await worker.phone.talking(CALL_LIMIT_SECONDS)
            await asyncio.sleep(chance.uniform(*TALK_SECONDS))
            taken = sum(len(w.phone.calls) for w in house.workers) - offered_before
            counts[call.dialog.call_id] = crowd.settled() - taken >= len(house.workers)
            await call.hang_up()

    async def one_after_another(places: asyncio.Semaphore) -> None:
        await crowd.one_call()
        # Nobody calls in at the very moment that an agent hangs up.
        await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
        places.release()

    async def call_in() -> None:
        waiting = 4 * len(house.workers)
        places = asyncio.Semaphore(len(house.workers) + waiting)
        async with asyncio.TaskGroup() as callers:
            for _ in range(talks):
                await places.acquire()
                callers.create_task(one_after_another(places))

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
