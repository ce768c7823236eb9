"""When a waiting caller hears what beside his place and his wait, and when he is asked what he would rather do.

Law: what greets him is said once, each piece of information no oftener than the queue says, and nobody is asked oftener
than it says, or twice within `SHORTEST_GAP`. While an agent is being rung for him nothing begins. The call carries what
was heard: a new server goes on from there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callcenter.acd.treatment import announcement_due
from callcenter.domain.queues import QueueConfig
from callcenter.domain.waiting_rules import Choice

GREETING_LATEST = timedelta(seconds=2)
"""Whoever comes hears why it takes long at the latest then, even where place and wait are told only later."""
SHORTEST_GAP = timedelta(seconds=30)
"""Between the end of one question and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a caller has heard so far."""

    greeted: bool = False
    step: int = 0
    """The last step of the queue that has spoken."""
    announced_at: datetime | None = None
    """When place and wait were last told."""
    informed: int = 0
    """How many pieces of information."""
    informed_at: datetime | None = None
    asked: int = 0
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How he stands in his queue at this moment."""

    now: datetime
    entered_at: datetime
    placed_at: datetime
    """When he came to this queue."""
    step: int
    waiting: int
    """How many wait in the queue, he among them."""
    being_offered: bool
    expected: Callable[[], timedelta | None]
    """How long he will wait, asked only where it counts; None while nobody is at work."""
    choices: tuple[Choice, ...] = (Choice.WAIT,)
    """What he may choose."""

    @property
    def has_a_choice(self) -> bool:
        """Whether there is anything to ask him."""
        return len(self.choices) > 1


def words_due(queue: QueueConfig, stand: Stand, heard: Heard) -> tuple[tuple[str, ...], Heard]:
    """The prompts that are to be said now, before place and wait, each by its name; and what he will have heard."""
    if stand.being_offered:
        return (), heard
    if not heard.greeted and not _greeting_due(queue, stand):
        return (), heard
    words: list[str] = []
    if not heard.greeted:
        words += [queue.waiting.notice, _told_if_unusual(queue, stand)]
    if not heard.greeted or stand.step > heard.step:
        words.append(_of_step(queue, stand.step))
    heard = replace(heard, greeted=True, step=max(stand.step, heard.step))
    said = tuple(dict.fromkeys(filter(None, words)))
    if not said and _information_due(queue, stand, heard):
        pieces = queue.waiting.information
        said = (pieces[heard.informed % len(pieces)],)
        heard = replace(heard, informed=heard.informed + 1, informed_at=stand.now)
    return said, heard


def question_due(queue: QueueConfig, stand: Stand, heard: Heard) -> bool:
    """Whether he is to be asked now."""
    rules = queue.waiting
    if not stand.has_a_choice or stand.being_offered or heard.asked >= rules.ask_at_most:
        return False
    last = heard.asked_at
    if last is not None and stand.now - last < SHORTEST_GAP:
        return False
    if any(moment <= stand.now and (last is None or moment > last) for moment in _moments(queue, stand, heard)):
        return True
    above = queue.offer_callback_above
    if above is None or heard.asked:
        return False
    expected = stand.expected()
    return expected is not None and expected > above


def greets_with_question(queue: QueueConfig, stand: Stand, heard: Heard) -> bool:
    """Whether this question is the one at the entry, before which place and wait are told whatever their time."""
    return queue.waiting.ask_on_entry and heard.announced_at is None and question_due(queue, stand, heard)


def until_more(queue: QueueConfig, stand: Stand, heard: Heard) -> timedelta | None:
    """How long until information or a question is due; None when neither will be."""
    moments = []
    if _pieces_left(queue, heard):
        moments.append(_last_said(stand, heard) + queue.waiting.information_interval)
    if stand.has_a_choice and heard.asked < queue.waiting.ask_at_most:
        last = heard.asked_at
        moments += [moment for moment in _moments(queue, stand, heard) if last is None or moment > last]
    ahead = [moment - stand.now for moment in moments if moment > stand.now]
    return min(ahead, default=None)


def _greeting_due(queue: QueueConfig, stand: Stand) -> bool:
    if queue.waiting.ask_on_entry and stand.has_a_choice:
        return True
    return stand.now - stand.placed_at >= min(queue.announce_first_after, GREETING_LATEST)


def _told_if_unusual(queue: QueueConfig, stand: Stand) -> str:
    load = queue.waiting.unusual
    if load is None:
        return ""
    if load.waiting_above is not None and stand.waiting > load.waiting_above:
        return load.say
    if load.wait_above is None:
        return ""
    expected = stand.expected()
    return load.say if expected is not None and expected > load.wait_above else ""


def _of_step(queue: QueueConfig, step: int) -> str:
    steps = queue.routing
    return steps[step].announce if step < len(steps) else ""


def _pieces_left(queue: QueueConfig, heard: Heard) -> bool:
    return heard.informed < len(queue.waiting.information) * queue.waiting.information_rounds


def _last_said(stand: Stand, heard: Heard) -> datetime:
    told = (heard.announced_at, heard.informed_at, heard.asked_at)
    return max((stand.placed_at, *(moment for moment in told if moment is not None)))


def _information_due(queue: QueueConfig, stand: Stand, heard: Heard) -> bool:
    if not _pieces_left(queue, heard):
        return False
    if announcement_due(queue, waited=stand.now - stand.entered_at, announced_at=heard.announced_at, now=stand.now):
        return False
    return stand.now - _last_said(stand, heard) >= queue.waiting.information_interval


def _moments(queue: QueueConfig, stand: Stand, heard: Heard) -> Iterator[datetime]:
    """When he is to be asked; whichever of them came after the last question counts."""
    if queue.waiting.ask_on_entry:
        yield stand.placed_at
    if queue.offer_callback_after is not None:
        yield stand.placed_at + queue.offer_callback_after
    for step in queue.routing[: stand.step + 1]:
        if step.offer_callback:
            yield stand.placed_at + step.after
    if heard.asked_at is not None and queue.waiting.ask_again_after is not None:
        yield heard.asked_at + queue.waiting.ask_again_after
