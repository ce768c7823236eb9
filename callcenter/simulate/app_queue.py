"""Stock app_queue as a policy, by its own rules (apps/app_queue.c of Asterisk; docs/simulation.md tells each of them).

It stands here to be compared with: nothing in it is the production engine's. In brackets: app_queue's functions.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from callcenter.domain.ids import QueueId
from callcenter.simulate.agenda import SECOND, micros
from callcenter.simulate.day import Caller, Day, Seat
from callcenter.simulate.errors import SimulateError
from callcenter.simulate.scenario import Scenario, Stream

RECHECK: Final = SECOND
"""How often a caller looks whether it is his turn; `RECHECK` in the source."""


class Layout(StrEnum):
    """How callers with different needs are put into queues that know no skills."""

    PENALTIES = "penalties"
    """One queue for all; each caller has the least and the greatest penalty of the members he may be given."""
    QUEUES = "queues"
    """One queue for each need, whose members are those who meet it; who has fewer queues has the lower penalty."""


@dataclass(slots=True, kw_only=True)
class Member:
    """An agent as all his queues see him (shared_lastcall=yes)."""

    seat: Seat
    here: bool = False
    leaving: bool = False
    paused: bool = False
    in_use: bool = False
    """His phone rings or he talks: ringinuse=no keeps further calls from him."""
    last_call: int | None = None
    """The whole second in which his last call ended."""
    wrap_up: int = 0
    """The wrapuptime of the queue it was of, in seconds."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """A caller in a queue; `pending` while members are tried for him."""

    caller: Caller
    queue: "StockQueue"
    priority: int
    least: int
    greatest: int
    pending: bool = False
    ringing: Member | None = None


@dataclass(slots=True, kw_only=True)
class StockQueue:
    """One queue of queues.conf."""

    queue_id: QueueId
    ring_timeout: int
    wrap_up: int
    longest: int
    members: list[tuple[Member, int]] = field(default_factory=list)
    """With each one's penalty."""
    entries: list[Entry] = field(default_factory=list)


ANY_PENALTY: Final = 1_000_000


def check_comparable(scenario: Scenario, layout: Layout) -> None:
    """Raise SimulateError where app_queue has nothing that a scenario asks for."""
    lines = []
    for queue in scenario.queues:
        config, limits = queue.config, queue.config.limits
        if len(config.routing) > 1:
            lines.append(f"queue {config.queue_id}: app_queue knows no steps; compare with one step only")
        if config.ring_several > 1:
            lines.append(f"queue {config.queue_id}: app_queue rings one or all, not {config.ring_several}")
        if limits.max_wait is not None or limits.hours is not None:
            lines.append(f"queue {config.queue_id}: app_queue's overflow by time is not simulated; leave it out")
    if layout is Layout.PENALTIES:
        for stream in scenario.arrivals:
            admitted = frozenset(
                index
                for index, group in enumerate(scenario.agents)
                if _within(group.penalty, stream) and index in _members_of(scenario, stream.queue_id)
            )
            if admitted != scenario.able(stream):
                wanted = ", ".join(sorted(scenario.agents[index].group_id for index in scenario.able(stream)))
                lines.append(
                    f"arrivals {stream.stream_id}: min_penalty and max_penalty admit other groups than those who can "
                    f"serve these callers; set them and the groups' penalty so that they admit just {wanted}"
                )
    if lines:
        raise SimulateError(lines)


def _within(penalty: int, stream: Stream) -> bool:
    least = stream.min_penalty if stream.min_penalty is not None else 0
    return least <= penalty <= (stream.max_penalty if stream.max_penalty is not None else ANY_PENALTY)


def _members_of(scenario: Scenario, queue_id: QueueId) -> frozenset[int]:
    """The groups that can serve anybody of a queue."""
    return frozenset().union(*(scenario.able(stream) for stream in scenario.arrivals if stream.queue_id == queue_id))


class AppQueuePolicy:
    """Callers who poll, a queue that counts free members and does not look at who they are."""

    def __init__(self, day: Day, layout: Layout) -> None:
        check_comparable(day.scenario, layout)
        self._day = day
        self._agenda = day.agenda
        self._options = day.scenario.app_queue
        self._members = {seat.config.agent_id: Member(seat=seat) for seat in day.seats}
        self._entries: dict[int, Entry] = {}
        self._queue_of: list[StockQueue] = []
        self._window_of: list[tuple[int, int]] = []
        self._make_queues(day.scenario, layout)

    def _make_queues(self, scenario: Scenario, layout: Layout) -> None:
        queues: dict[tuple[QueueId, frozenset[int]], StockQueue] = {}
        for stream in scenario.arrivals:
            able = scenario.able(stream)
            split = layout is Layout.QUEUES
            key = (stream.queue_id, able if split else frozenset())
            if key not in queues:
                queues[key] = self._queue(scenario, stream.queue_id)
            self._queue_of.append(queues[key])
            least, greatest = stream.min_penalty, stream.max_penalty
            self._window_of.append(
                (0, ANY_PENALTY)
                if split
                else (least if least is not None else 0, greatest if greatest is not None else ANY_PENALTY)
            )
        serves = {key: key[1] or _members_of(scenario, key[0]) for key in queues}
        for key, queue in queues.items():
            for member in self._members.values():
                group = member.seat.group_index
                if group in serves[key]:
                    others = sum(group in groups for groups in serves.values()) - 1
                    split_penalty = others if layout is Layout.QUEUES else member.seat.group.penalty
                    queue.members.append((member, split_penalty))

    def _queue(self, scenario: Scenario, queue_id: QueueId) -> StockQueue:
        config = scenario.queue(queue_id).config
        return StockQueue(
            queue_id=queue_id,
            ring_timeout=micros(config.ring_timeout.total_seconds()),
            wrap_up=int(config.wrap_up.total_seconds()),
            longest=config.limits.max_waiting or 0,
        )

    def begin(self) -> None:
        """Nothing is there to be made ready."""

    def next_deadline(self) -> int | None:
        """It has none: everything is a caller who looks again."""
        return None

    def deadline(self) -> None:
        """It has none."""

    # ---- callers

    def call(self, caller: Caller) -> None:
        """He joins his queue [join_queue], behind those of equal or higher priority, and looks at once."""
        queue = self._queue_of[caller.stream_index]
        if queue.longest and len(queue.entries) >= queue.longest:
            self._day.left_otherwise(caller)
            return
        least, greatest = self._window_of[caller.stream_index]
        entry = Entry(caller=caller, queue=queue, priority=caller.stream.priority, least=least, greatest=greatest)
        behind = [index for index, other in enumerate(queue.entries) if other.priority < entry.priority]
        queue.entries.insert(behind[0] if behind else len(queue.entries), entry)
        self._entries[caller.number] = entry
        self._day.waits(caller, True)
        self._look(entry)

    def hang_up(self, caller: Caller) -> None:
        """He leaves [leave_queue], and the phone that rings for him stops."""
        entry = self._entries.pop(caller.number)
        entry.queue.entries.remove(entry)
        self._day.abandoned(caller)
        if entry.ringing is not None:
            member, entry.ringing = entry.ringing, None
            member.in_use = False
            self._settle(member)

    def _look(self, entry: Entry) -> None:
        """The caller's poll [wait_our_turn]."""
        if not entry.caller.in_queue:
            return
        if self._is_our_turn(entry):
            self._try_calling(entry)
        else:
            self._agenda.within(RECHECK, partial(self._look, entry))

    def _is_our_turn(self, entry: Entry) -> bool:
        """Fewer callers for whom nobody is tried stand before him than members are available [is_our_turn]."""
        queue = entry.queue
        available = self._available_members(queue)
        before = 0
        for other in queue.entries:
            if before >= available:
                return False
            if other is entry:
                return True
            before += not other.pending
        return False

    def _available_members(self, queue: StockQueue) -> int:
        """Of all skills: whether one can serve this caller is not asked [num_available_members]."""
        now = self._wall_second()
        return sum(1 for member, _ in queue.members if self._is_available(member, now))

    def _wall_second(self) -> int:
        return (self._day.scenario.begins + self._agenda.now) // SECOND

    def _is_available(self, member: Member, now: int) -> bool:
        """In the queue, not paused, phone free, wrapuptime over by whole seconds [is_member_available]."""
        if not member.here or member.leaving or member.paused or member.in_use:
            return False
        return member.last_call is None or now - member.wrap_up >= member.last_call

    def _try_calling(self, entry: Entry) -> None:
        """Ring the best member whom his penalties admit; nobody: wait `retry` [try_calling, ring_one, calc_metric]."""
        entry.pending = True
        now = self._wall_second()
        best: Member | None = None
        best_metric = 0
        for member, penalty in entry.queue.members:
            if not entry.least <= penalty <= entry.greatest or not self._is_available(member, now):
                continue
            idle = 0 if member.last_call is None else ANY_PENALTY - (now - member.last_call)
            metric = penalty * ANY_PENALTY + idle
            if best is None or metric < best_metric:
                best, best_metric = member, metric
        if best is None:
            self._wait_a_bit(entry)
            return
        best.in_use = True
        entry.ringing = best
        self._day.waits(entry.caller, False)
        self._settle(best, "offered")
        delay = best.seat.ringing()
        timeout = entry.queue.ring_timeout
        if delay is None or delay >= timeout:
            self._agenda.within(timeout, partial(self._nobody_answers, entry, best))
        else:
            self._agenda.within(delay, partial(self._answers, entry, best))

    def _nobody_answers(self, entry: Entry, member: Member) -> None:
        """The ringing time is over [rna]; with autopause the member is paused."""
        if entry.ringing is not member:
            return
        entry.ringing = None
        member.in_use = False
        self._day.record.offer_ended(entry.caller.stream_index, entry.caller.came_at, missed=True)
        self._day.waits(entry.caller, True)
        if self._options.autopause:
            member.paused = True
            back = member.seat.group.back_after_miss.draw(member.seat.chance) or 0
            self._agenda.within(back, partial(self._unpause, member))
        self._settle(member)
        self._wait_a_bit(entry)

    def _unpause(self, member: Member) -> None:
        member.paused = False
        self._settle(member)

    def _wait_a_bit(self, entry: Entry) -> None:
        """Between two attempts the caller waits for `retry` seconds [wait_a_bit], no matter who becomes free."""
        entry.pending = False
        # queue_exec asks is_our_turn again after it, and goes back to wait_our_turn when it is not: both are a look.
        self._agenda.within(self._options.retry_seconds * SECOND, partial(self._look, entry))

    def _answers(self, entry: Entry, member: Member) -> None:
        if entry.ringing is not member:
            return
        caller, entry.ringing = entry.caller, None
        entry.queue.entries.remove(entry)
        del self._entries[caller.number]
        self._day.record.offer_ended(caller.stream_index, caller.came_at, missed=False)
        self._day.answered(caller)
        self._settle(member, "talking")
        self._agenda.within(caller.handle_time, partial(self._talk_ends, caller, member, entry.queue.wrap_up))

    def _talk_ends(self, caller: Caller, member: Member, wrap_up: int) -> None:
        """The call is over [update_queue]; who has more to write than wrapuptime allows pauses himself so long."""
        member.in_use = False
        member.last_call, member.wrap_up = self._wall_second(), wrap_up
        work = caller.after_call_work
        if work is not None and work > wrap_up * SECOND:
            member.paused = True
            self._agenda.within(work, partial(self._unpause, member))
        elif wrap_up:
            free_at = (member.last_call + wrap_up) * SECOND - self._day.scenario.begins
            self._agenda.plan(free_at, partial(self._settle, member))
        self._settle(member)

    # ---- members

    def come(self, seat: Seat) -> None:
        """AddQueueMember."""
        member = self._members[seat.config.agent_id]
        member.here, member.leaving = True, False
        self._settle(member)

    def go(self, seat: Seat) -> None:
        """RemoveQueueMember; a call in progress goes on."""
        member = self._members[seat.config.agent_id]
        member.leaving = True
        self._settle(member)

    def _settle(self, member: Member, activity: str | None = None) -> None:
        """Note what an agent does now."""
        if member.leaving and not member.in_use:
            member.here = member.leaving = False
        if member.in_use:
            if activity is not None:
                self._day.activity(member.seat, activity)
        elif not member.here:
            self._day.activity(member.seat, None)
        elif self._is_available(member, self._wall_second()):
            self._day.activity(member.seat, "ready")
        else:
            self._day.activity(member.seat, "wrap_up")
