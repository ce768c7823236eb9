"""Which rule of a queue sends an interaction elsewhere, and whether it can go there.

Law: nobody is sent back into a queue he came from, and whom an agent is being rung for is sent nowhere but by a
supervisor's closing of the queue.
"""

from collections.abc import Iterator
from datetime import datetime

from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain.agents import CALLBACK
from callcenter.domain.callbacks import Presence
from callcenter.domain.ids import QueueId
from callcenter.domain.overflows import Overflow, OverflowCause, OverflowKind

Due = tuple[OverflowCause, Overflow]
TOLD_CLOSED = Overflow(kind=OverflowKind.CLOSED)


def can_go(picture: Picture, record: WaitingRecord, overflow: Overflow) -> bool:
    """Whether a destination is open to an interaction."""
    if overflow.kind is OverflowKind.QUEUE:
        target = QueueId(overflow.target)
        return target in picture.queues and target not in (record.queue_id, *record.visited)
    # Whose customer is not on the line cannot be told anything, and nobody else can be called for him.
    return record.presence is Presence.PRESENT and record.media_type != CALLBACK


def at_entry(picture: Picture, record: WaitingRecord, now: datetime, *, admitted: bool, routing: bool) -> Due | None:
    """The first rule that keeps a newcomer out of his queue."""
    queue = picture.queues[record.queue_id]
    rules = _rules_at_entry(queue, record, now, admitted=admitted, routing=routing)
    return next(((cause, overflow) for cause, overflow in rules if can_go(picture, record, overflow)), None)


def _rules_at_entry(
    queue: QueueRecord, record: WaitingRecord, now: datetime, *, admitted: bool, routing: bool
) -> Iterator[Due]:
    limits = queue.config.limits
    if queue.config.closed_by:
        yield from when_closed_by_hand(queue)
    if not admitted:
        if limits.hours is not None and limits.when_closed is not None and not limits.hours.is_open(now):
            yield OverflowCause.HOURS, limits.when_closed
        if limits.max_waiting is not None and limits.when_full is not None and record.presence is Presence.PRESENT:
            on_the_line = len(queue.waiting) - queue.absent
            if on_the_line >= limits.max_waiting:
                yield OverflowCause.FULL, limits.when_full
    if limits.when_nobody is not None and routing and not queue.served:
        since = queue.unserved_since or now
        if now - since >= limits.nobody_after:
            yield OverflowCause.NOBODY, limits.when_nobody


def when_closed_by_hand(queue: QueueRecord) -> Iterator[Due]:
    """Where an emergency sends people; who cannot go there is told."""
    overflow = queue.config.limits.when_emergency
    if overflow is not None:
        yield OverflowCause.EMERGENCY, overflow
    yield OverflowCause.EMERGENCY, TOLD_CLOSED


def while_waiting(picture: Picture, record: WaitingRecord, now: datetime) -> Due | None:
    """The rule by which it is time for a waiting interaction to go elsewhere."""
    if record.offer_ids:
        return None
    config = picture.queues[record.queue_id].config
    for step in reversed(config.routing[: record.step + 1]):
        if step.overflow is not None and can_go(picture, record, step.overflow):
            return OverflowCause.STEP, step.overflow
    limits = config.limits
    too_long = limits.when_too_long
    if limits.max_wait is None or too_long is None or now - record.placed_at < limits.max_wait:
        return None
    return (OverflowCause.TOO_LONG, too_long) if can_go(picture, record, too_long) else None
