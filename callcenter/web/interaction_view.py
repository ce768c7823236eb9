"""An interaction as the API shows it (docs/api.md); Asterisk's words stay out."""

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import msgspec

from callcenter.app.drawing import draw_typed
from callcenter.app.views import TimelineEntry, TypedView
from callcenter.domain.callbacks import Callback
from callcenter.domain.events import Direction, Event, Outcome, Side
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import (
    Forecast,
    Interaction,
    LegRole,
    MenuStep,
    SpokenMessage,
    Stage,
    SurveyScore,
    Times,
)
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause, OfferOutcome, OfferReason
from callcenter.domain.transfers import Handling


@dataclass(frozen=True, slots=True, kw_only=True)
class LegView:
    """One leg; `cause` is the Q.850 code it ended with."""

    leg_id: str
    role: LegRole
    agent_id: AgentId | None
    started_at: datetime
    ended_at: datetime | None
    cause: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """One offer and how it ended."""

    offer_id: OfferId
    agent_id: AgentId
    queue_id: QueueId
    made_at: datetime
    ended_at: datetime | None
    outcome: OfferOutcome | None
    cause: OfferCause | None
    reason: OfferReason


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionView:
    """One customer contact."""

    interaction_id: InteractionId
    media_type: str
    direction: Direction
    started_at: datetime
    ended_at: datetime | None
    stage: Stage
    outcome: Outcome | None
    queue_id: QueueId | None
    agent_id: AgentId | None
    disposition: str | None
    notes: str
    ani: Number
    dnis: str
    flow: str | None
    flow_version: str | None
    menu_path: tuple[MenuStep, ...]
    typed: tuple[TypedView, ...]
    verified: bool
    scores: tuple[SurveyScore, ...]
    messages: tuple[SpokenMessage, ...]
    language: str
    customer_id: CustomerId | None
    times: Times
    waited_seconds: float
    talk_seconds: float
    hold_seconds: float
    holds: int
    consulted_seconds: float
    handling: Handling
    priority: int
    forecast: Forecast | None
    callback: Callback | None
    callback_id: InteractionId | None
    hangup_side: Side | None
    hangup_cause: int | None
    legs: tuple[LegView, ...]
    offers: tuple[OfferView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionDetail(InteractionView):
    """One customer contact with everything that happened to it."""

    timeline: tuple[TimelineEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionList:
    """Some interactions, newest first; `next_before` asks for those before, None at the end."""

    items: tuple[InteractionView, ...]
    next_before: InteractionId | None


def view_interaction(record: Interaction, now: datetime) -> InteractionView:
    """The view of a record; of one still going on, the times are up to `now`."""
    held = record.hold.total
    if record.hold.since is not None:
        held += max(now - record.hold.since, timedelta())
    return InteractionView(
        interaction_id=record.interaction_id,
        media_type=record.media_type,
        direction=record.direction,
        started_at=record.started_at,
        ended_at=record.ended_at,
        stage=record.stage,
        outcome=record.outcome,
        queue_id=record.queue_id,
        agent_id=record.agent_id,
        # An empty text is a disposition that was taken back.
        disposition=record.disposition or None,
        notes=record.notes,
        ani=record.ani,
        dnis=record.dnis,
        flow=record.flow,
        flow_version=record.flow_version,
        menu_path=record.menu_path,
        typed=draw_typed(record),
        verified=record.given.verified,
        scores=record.given.scores,
        messages=record.given.messages,
        language=record.language,
        customer_id=record.customer_id,
        times=record.times,
        waited_seconds=record.waited(now).total_seconds(),
        talk_seconds=record.talked(now).total_seconds(),
        hold_seconds=held.total_seconds(),
        holds=record.hold.times,
        consulted_seconds=record.handling.consulted(record.ended_at or now).total_seconds(),
        handling=record.handling,
        priority=record.priority,
        forecast=record.forecast,
        callback=record.callback,
        callback_id=record.callback_id,
        hangup_side=record.hangup_side,
        hangup_cause=record.hangup_cause,
        legs=tuple(
            LegView(
                leg_id=leg.leg_id,
                role=leg.role,
                agent_id=leg.agent_id,
                started_at=leg.started_at,
                ended_at=leg.ended_at,
                cause=leg.cause,
            )
            for leg in record.legs
        ),
        offers=tuple(
            OfferView(
                offer_id=offer.offer_id,
                agent_id=offer.agent_id,
                queue_id=offer.queue_id,
                made_at=offer.made_at,
                ended_at=offer.ended_at,
                outcome=offer.outcome,
                cause=offer.cause,
                reason=offer.reason,
            )
            for offer in record.offers
        ),
    )


def detail_interaction(record: Interaction, events: tuple[Event, ...], now: datetime) -> InteractionDetail:
    """The view with the timeline made of the interaction's events."""
    view = view_interaction(record, now)
    shown = {field.name: getattr(view, field.name) for field in fields(InteractionView)}
    return InteractionDetail(**shown, timeline=tuple(_entry(event) for event in events))


_NOT_SHOWN = frozenset({"interaction_id", "at", "channel"})


def _entry(event: Event) -> TimelineEntry:
    content: dict[str, object] = msgspec.to_builtins(event)
    data = {name: value for name, value in content.items() if name not in _NOT_SHOWN}
    return TimelineEntry(at=event.at, name=event_name(event), data=data)


def event_name(event: Event) -> str:
    """The event's name on the wire: `OfferMade` is `offer_made`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
