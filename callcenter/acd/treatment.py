"""What a waiting caller is told, and when: within a moment of coming, then less and less often, and only what is true.

Law: what is told of the wait is a promise, and a later word ends no later than the promise did, unless he is told that
it takes longer. A place is told when it changed, and when it became worse, that it did. With nobody at work no number
is told. The call carries the promise (`announced_at`, `announced_position`, `announced_wait`): a new server keeps it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.acd.estimate import Prediction
from callcenter.domain.queues import QueueConfig
from callcenter.domain.waits import WaitRange, said_of

QUESTION_INTERVAL = timedelta(seconds=5)
"""How long music plays before the dialplan asks again."""
FIRST_MUSIC = timedelta(seconds=2)
LATE_MARGIN = timedelta(minutes=1)
"""A wait is longer than promised when it is expected to pass the promise by more than this ..."""
LATE_SHARE = 0.25
"""... and by more than this share of what remains of it."""
MOST_STRETCHES = 6
"""Announcements are half an interval further apart each time, so often."""
_SOON_SAID = timedelta()
"""What is carried once the caller was told that it is a matter of moments; nothing shorter can be promised."""


class Announcement(StrEnum):
    """What is said to a waiting caller; each is the name of a queue prompt."""

    POSITION = "position"
    NEXT_IN_LINE = "next_in_line"
    MOVED_BACK = "moved_back"
    EXPECTED_WAIT = "expected_wait"
    LONGER_WAIT = "longer_wait"
    SOON = "soon"
    COMFORT = "comfort"
    NOBODY = "no_agent"


PLACE_WORDS = frozenset({Announcement.POSITION, Announcement.NEXT_IN_LINE, Announcement.MOVED_BACK})
"""Those that tell the place; of the others all but the comfort tell the wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What to say now, if anything, and how long to play music after it.

    Where it is `due`, the call carries from now on `position` and `promise`, as of this moment.
    """

    due: bool = False
    """Whether it was time to tell him something, even if there was nothing to tell."""
    say: tuple[Announcement, ...] = ()
    """In this order."""
    wait: WaitRange | None = None
    """The range that is said."""
    position: int | None = None
    promise: timedelta | None = None
    forecast: Prediction | None = None
    """What it rests on."""
    music: timedelta


def treat(
    queue: QueueConfig,
    *,
    waited: timedelta,
    position: int,
    forecast: Callable[[], Prediction | None],
    being_offered: bool,
    announced_at: datetime | None,
    announced_position: int | None,
    announced_wait: timedelta | None,
    now: datetime,
    at_once: bool = False,
) -> Treatment:
    """The treatment of one caller at this moment.

    `forecast` is asked only when something is to be said; it gives None when nobody is at work for this queue. `waited`
    counts from the queue's entry. With `at_once` the time of the next announcement is not waited for.
    """
    until_due = timedelta() if at_once else _until_announcement(queue, waited, announced_at, now)
    if announced_at is None and until_due > timedelta():
        return Treatment(music=min(QUESTION_INTERVAL, until_due))
    if being_offered:
        return Treatment(music=QUESTION_INTERVAL)
    if until_due > timedelta():
        return Treatment(music=min(QUESTION_INTERVAL, max(until_due, timedelta(seconds=1))))
    music = FIRST_MUSIC if announced_at is None else QUESTION_INTERVAL
    predicted = forecast()
    if predicted is None:
        return Treatment(due=True, say=(Announcement.NOBODY,), music=music)
    about_place = _about_place(position, announced_position)
    remains = announced_wait
    if announced_at is not None and announced_wait is not None and announced_wait > _SOON_SAID:
        remains = announced_wait - (now - announced_at)
    about_wait, wait, promise = _about_wait(predicted, announced_wait, remains)
    comfort = (Announcement.COMFORT,) if queue.waiting.comfort else ()
    say = (*about_place, *about_wait) or comfort
    return Treatment(due=True, say=say, wait=wait, position=position, promise=promise, music=music, forecast=predicted)


def announcement_due(queue: QueueConfig, *, waited: timedelta, announced_at: datetime | None, now: datetime) -> bool:
    """Whether it is time to tell place and wait, if there is anything new of them."""
    return _until_announcement(queue, waited, announced_at, now) <= timedelta()


def _until_announcement(
    queue: QueueConfig, waited: timedelta, announced_at: datetime | None, now: datetime
) -> timedelta:
    if announced_at is None:
        return queue.announce_first_after - waited
    since = max(now - announced_at, timedelta())
    return announcement_interval(queue, waited - since) - since


def announcement_interval(queue: QueueConfig, waited: timedelta) -> timedelta:
    """How long after one announcement the next is due, for one who had waited so long when he heard it."""
    interval = announcement_at = queue.announce_interval
    for _ in range(MOST_STRETCHES):
        if waited < announcement_at:
            break
        interval += queue.announce_interval / 2
        announcement_at += interval
    return interval


def _about_place(position: int, announced: int | None) -> tuple[Announcement, ...]:
    if announced == position:
        return ()
    if announced is not None and position > announced:
        return (Announcement.MOVED_BACK,)
    return (Announcement.NEXT_IN_LINE if position <= 1 else Announcement.POSITION,)


def _about_wait(
    forecast: Prediction, promised: timedelta | None, remains: timedelta | None
) -> tuple[tuple[Announcement, ...], WaitRange | None, timedelta | None]:
    """What to say of the wait, and what is promised from now on; `promised` was so when something was last said."""
    said = said_of(forecast.low, forecast.high)
    promise = forecast.high if said.high_minutes is None else timedelta(minutes=said.high_minutes)
    if promised is None or remains is None:
        return (Announcement.EXPECTED_WAIT,), said, promise
    left = max(remains, timedelta())
    if forecast.expected > left + max(LATE_MARGIN, LATE_SHARE * left):
        return (Announcement.LONGER_WAIT,), said, promise
    if promised <= _SOON_SAID:
        return (), None, _SOON_SAID
    if left <= timedelta():
        return (Announcement.SOON,), None, _SOON_SAID
    if promise <= left:
        return (Announcement.EXPECTED_WAIT,), said, promise
    return (), None, left
