"""Who would serve a caller of a queue: asked of the production engine's own rules, on the present picture.

The rules may be those of a form that is not saved yet.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from callcenter.acd.picture import Picture
from callcenter.acd.preview import Asked, Preview, who_would_serve
from callcenter.app.business import Business, Part
from callcenter.app.business_book import BusinessBook
from callcenter.app.business_item import BusinessFaulty, FieldFault, ItemFile, Json
from callcenter.app.business_items import QueueEntry
from callcenter.app.business_tables import seconds
from callcenter.app.opening_hours import opening_hours
from callcenter.app.ports import Clock
from callcenter.domain.alerts import AlertRule
from callcenter.domain.callers import CallerTraits
from callcenter.domain.errors import NotFound
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import QueueId, SkillId
from callcenter.domain.overflows import Overflow
from callcenter.domain.skills import SkillRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The caller who is imagined, and when he calls; None is now."""

    at: datetime | None = None
    language: str = ""
    customer_class: str = ""
    open_complaint: bool = False
    skills: Mapping[str, int]
    waited: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """One agent of a preview."""

    agent_id: str
    name: str
    place: int | None
    kind: str
    reason: Mapping[str, str]
    from_step: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundView:
    """What a caller's traits add to his priority."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePreview:
    """Whether he would come in, what the rules make of him, and every agent, those who would serve first."""

    at: datetime
    is_open: bool
    opens_at: datetime | None
    sent_to: Mapping[str, str] | None
    """Where he would go while the queue is closed, as kind and target; None: in, or told that it is closed."""
    closed_by: str
    step: int
    steps: int
    rule: str
    next_step_at_seconds: float | None
    priority: int
    grounds: tuple[GroundView, ...]
    of_age: bool
    free: int
    candidates: tuple[CandidateView, ...]


class BusinessPreview:
    """Answers for queues as they are, or as a form would have them."""

    def __init__(self, *, book: BusinessBook, picture: Callable[[], Picture], clock: Clock) -> None:
        self._book = book
        self._picture = picture
        self._clock = clock

    async def who_would_serve(
        self, queue_id: QueueId, question: Question, document: Mapping[str, Json] | None = None
    ) -> QueuePreview:
        """The preview; raises `NotFound`, or `BusinessFaulty` for a document that cannot be a queue."""
        _, business = await self._book.present()
        entry = _drafted(queue_id, document) if document is not None else business.queues.get(queue_id)
        if entry is None:
            raise NotFound(f"there is no queue {queue_id}", code="unknown_queue")
        hours = await asyncio.to_thread(_hours_of, business, entry)
        now = self._clock.now()
        picture = self._picture()
        asked = Asked(
            traits=CallerTraits(
                customer_class=question.customer_class,
                open_complaint=question.open_complaint,
                language=question.language,
            ),
            skills=tuple(
                SkillRequirement(skill=SkillId(skill), minimum_level=level) for skill, level in question.skills.items()
            ),
            waited=question.waited,
        )
        found = who_would_serve(picture, entry.config, asked, now)
        known = picture.queues.get(queue_id)
        return _view(found, entry, hours, question.at or now, closed_by=known.config.closed_by if known else "")


def drafted_alert(alert_id: str, document: Mapping[str, Json]) -> AlertRule:
    """The rule that a form would make; raises `BusinessFaulty`."""
    return ItemFile(Part.ALERTS, alert_id, document).business.alerts[alert_id]


def _drafted(queue_id: QueueId, document: Mapping[str, Json]) -> QueueEntry:
    return ItemFile(Part.QUEUES, queue_id, document).business.queues[queue_id]


def _hours_of(business: Business, entry: QueueEntry) -> OpeningHours | None:
    if not entry.hours:
        return None
    if entry.hours not in business.hours:
        what = f"there are no opening hours {entry.hours!r}"
        right = f"use {', '.join(sorted(business.hours)) or 'none'}"
        raise BusinessFaulty([FieldFault(field="hours", code="unknown_hours", what=what, right=right)])
    return opening_hours(business.hours[entry.hours])


def _view(
    found: Preview, entry: QueueEntry, hours: OpeningHours | None, at: datetime, *, closed_by: str
) -> QueuePreview:
    # Hours without a destination do not apply: newcomers are let in.
    destination = entry.config.limits.when_closed
    is_open = hours is None or destination is None or hours.is_open(at)
    steps = entry.config.routing
    following = steps[found.step + 1].after if found.step + 1 < len(steps) else None
    return QueuePreview(
        at=at,
        is_open=is_open,
        opens_at=None if is_open or hours is None else hours.next_opening(at),
        sent_to=None if is_open or destination is None else _sent_to(destination),
        closed_by=closed_by,
        step=found.step,
        steps=len(steps),
        rule=found.rule,
        next_step_at_seconds=None if following is None else float(seconds(following)),
        priority=found.priority,
        grounds=tuple(GroundView(name=ground.name, value=ground.value) for ground in found.grounds),
        of_age=found.of_age,
        free=sum(1 for one in found.candidates if one.place is not None),
        candidates=tuple(
            CandidateView(
                agent_id=one.agent_id,
                name=one.name,
                place=one.place,
                kind=one.kind,
                reason={"zh": one.reason.zh, "en": one.reason.en},
                from_step=one.from_step,
            )
            for one in found.candidates
        ),
    )


def _sent_to(overflow: Overflow) -> Mapping[str, str]:
    return {"kind": overflow.kind.value, "target": overflow.target}
