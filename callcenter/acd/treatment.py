"""What a waiting caller is told, and when: within a moment of coming, then at an interval, and only what is true.

Law: a caller hears his place at once and whenever it has changed when the interval comes round; in between he hears
that he is not forgotten; with nobody at work he hears no number.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.domain.queues import QueueConfig

QUESTION_INTERVAL = timedelta(seconds=5)
"""How long music plays before the dialplan asks again."""
FIRST_MUSIC = timedelta(seconds=2)


class Announcement(StrEnum):
    """Kinds of what is said to a waiting caller."""

    POSITION = "position"
    COMFORT = "comfort"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What to say now, if anything, and how long to play music after it."""

    announcement: Announcement | None
    music: timedelta


def treat(
    queue: QueueConfig,
    *,
    waited: timedelta,
    position: int,
    expected_wait: timedelta | None,
    being_offered: bool,
    announced_at: datetime | None,
    announced_position: int | None,
    now: datetime,
) -> Treatment:
    """The treatment of one caller at this moment.

    `expected_wait` None means that nobody is at work for this queue; `waited` counts from the queue's entry.
    """
    if announced_at is None and waited < queue.announce_first_after:
        return Treatment(announcement=None, music=queue.announce_first_after - waited)
    due = announced_at is None or now - announced_at >= queue.announce_interval
    if being_offered or not due:
        until_due = QUESTION_INTERVAL
        if announced_at is not None and not being_offered:
            until_due = min(until_due, max(queue.announce_interval - (now - announced_at), timedelta(seconds=1)))
        return Treatment(announcement=None, music=until_due)
    if expected_wait is None:
        kind = Announcement.NOBODY
    elif announced_position == position and announced_at is not None:
        kind = Announcement.COMFORT
    else:
        kind = Announcement.POSITION
    return Treatment(announcement=kind, music=FIRST_MUSIC if announced_at is None else QUESTION_INTERVAL)
