"""Draws what the screens show out of the picture and the records: pure functions, one for each view."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from callcenter.acd.estimate import Prediction
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.roster import AgentRecord
from callcenter.acd.waiting import WaitingRecord
from callcenter.app.message_box import MessageCount
from callcenter.app.ports import CustomerCard, CustomerInput
from callcenter.app.transfer_views import draw_transferred
from callcenter.app.views import (
    AgentCounts,
    AgentTodayView,
    AgentView,
    CallbackView,
    CustomerView,
    ForecastErrorView,
    HalfHourView,
    PhoneView,
    PopStage,
    PopView,
    QueueRef,
    QueueView,
    SkillView,
    TodayView,
    TypedView,
    WaitingView,
    WishView,
)
from callcenter.domain.agents import AgentState, NotReadyReason
from callcenter.domain.callbacks import Presence
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.direct import agent_of
from callcenter.domain.ids import AgentId, OfferId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.domain.labels import Label
from callcenter.domain.offers import OfferReason

_NO_REASON = OfferReason(text=Label(zh="", en=""), parts=())
STAGES: Mapping[AgentState, PopStage] = {
    AgentState.OFFERED: "ringing",
    AgentState.TALKING: "talking",
    AgentState.HOLD: "talking",
    AgentState.WRAP_UP: "wrap_up",
}
"""In which states an agent sees a pop, and as what."""


# ---- agents


def draw_agent(
    agent: AgentRecord,
    reasons: Mapping[str, NotReadyReason],
    now: datetime,
    *,
    queue_ids: Iterable[QueueId] = (),
    record: Interaction | None = None,
    cards: tuple[CustomerCard, ...] = (),
    today: AgentTodayView,
) -> AgentView:
    """An agent as he stands at `now`; `reasons` are those that have a time limit, `record` is what he holds."""
    wish = agent.wish
    rule = reasons.get(agent.reason or "") if agent.state is AgentState.NOT_READY else None
    until = agent.since + rule.limit if rule is not None and rule.limit is not None else None
    return AgentView(
        agent_id=agent.agent_id,
        name=agent.config.name,
        state=agent.state,
        reason=agent.reason,
        since=agent.since,
        ready_since=agent.ready_since,
        interaction_id=agent.interaction_id,
        offer_id=agent.offer_id,
        wrap_up_until=agent.wrap_up_until,
        after_call=WishView(state=wish.state, reason=wish.reason, by=wish.by or None) if wish else None,
        phone=PhoneView(kind=agent.phone.kind, address=agent.phone.address, status=agent.phone_status),
        skills=tuple(SkillView(skill=skill, level=level) for skill, level in sorted(agent.config.skills.items())),
        groups=tuple(sorted(agent.config.groups)),
        forced_by=agent.by or None,
        not_ready_until=until,
        warn_at=until - rule.warn_before if rule is not None and until is not None else None,
        overdue=until is not None and now >= until,
        misses=agent.misses,
        resting_until=agent.rest_until,
        chats=len(agent.works),
        chat_limit=agent.config.chats,
        queue_ids=tuple(sorted(queue_id for queue_id in queue_ids if agent_of(queue_id) is None)),
        queue_id=None if record is None else record.queue_id,
        customer_name=cards[0].customer.name if len(cards) == 1 else None,
        today=today,
    )


# ---- queues


def draw_queue(
    queue: QueueRecord,
    picture: Picture,
    *,
    today: TodayView,
    half_hour: HalfHourView,
    forecast_error: ForecastErrorView | None,
    now: datetime,
    messages: MessageCount | None = None,
) -> QueueView:
    """One row of the board."""
    config = queue.config
    hours = config.limits.hours
    is_open = None if hours is None else hours.is_open(now)
    forecast = picture.forecast_for_newcomer(config.queue_id, now)
    expected, low, high = _seconds_of(forecast)
    oldest = min((record.entered_at for record in picture.waiting_in(config.queue_id)), default=None)
    return QueueView(
        queue_id=config.queue_id,
        label=config.label,
        waiting=len(queue.waiting),
        longest_wait_since=oldest,
        expected_wait_seconds=expected,
        expected_low_seconds=low,
        expected_high_seconds=high,
        agents=_counts(queue),
        today=today,
        last_half_hour=half_hour,
        service_level_threshold_seconds=config.service_level_threshold.total_seconds(),
        callbacks=sum(1 for record in picture.waiting_in(config.queue_id) if record.presence is not Presence.PRESENT),
        unserved=not queue.served,
        closed_by=config.closed_by or None,
        when_emergency=config.limits.when_emergency,
        open=is_open,
        opens_at=hours.next_opening(now) if hours is not None and not is_open else None,
        forecast_error=forecast_error,
        new_messages=0 if messages is None else messages.new,
        oldest_message_at=None if messages is None else messages.oldest_at,
    )


def _counts(queue: QueueRecord) -> AgentCounts:
    """Everyone who may serve the queue at one of its steps, by state."""
    counts = dict.fromkeys(AgentState, 0)
    seen: set[AgentId] = set()
    for pool in queue.pools:
        for agent_id, agent in pool.agents.items():
            if agent_id not in seen:
                seen.add(agent_id)
                counts[agent.state] += 1
    return AgentCounts(
        ready=counts[AgentState.READY],
        not_ready=counts[AgentState.NOT_READY],
        offered=counts[AgentState.OFFERED],
        talking=counts[AgentState.TALKING],
        hold=counts[AgentState.HOLD],
        wrap_up=counts[AgentState.WRAP_UP],
        internal_call=counts[AgentState.INTERNAL_CALL],
    )


# ---- callers


def draw_waiting(
    record: Interaction,
    place: WaitingRecord,
    position: int,
    picture: Picture,
    cards: tuple[CustomerCard, ...],
    now: datetime,
) -> WaitingView:
    """One who waits, at `position` of his queue."""
    config = picture.queues[place.queue_id].config
    expected, low, high = _seconds_of(picture.forecast(place.interaction_id, now))
    offers = (picture.offers.get(offer_id) for offer_id in place.offer_ids)
    return WaitingView(
        interaction_id=place.interaction_id,
        queue_id=place.queue_id,
        position=position,
        entered_at=place.entered_at,
        priority=place.priority,
        expected_wait_seconds=expected,
        expected_low_seconds=low,
        expected_high_seconds=high,
        ani=record.ani,
        customer_name=cards[0].customer.name if len(cards) == 1 else None,
        media_type=place.media_type,
        base_priority=place.base_priority,
        grounds=place.grounds,
        step=place.step + 1,
        steps=len(config.routing),
        aged=place.aged,
        offered_to=tuple(sorted(offer.agent_id for offer in offers if offer is not None)),
        reserved_for=place.reserved_for,
        reserved_until=place.reserved_until,
        callback=draw_callback(record, place, picture),
        needs=tuple(SkillView(skill=need.skill, level=need.minimum_level) for need in place.skills),
        segment=cards[0].customer.segment if len(cards) == 1 else None,
    )


def draw_callback(record: Interaction, place: WaitingRecord | None, picture: Picture) -> CallbackView | None:
    """What a callback is about; None of an ordinary call. `place` is where it waits, if it does."""
    callback = place.callback if place is not None and place.callback is not None else record.callback
    if callback is None:
        return None
    queue = picture.queues.get(record.queue_id) if record.queue_id is not None else None
    rules = queue.config.callback if queue is not None else None
    is_next = place is not None and place.presence is Presence.ABSENT
    return CallbackView(
        number=callback.number,
        requested_at=callback.requested_at,
        waiting_since=record.times.queued_at or callback.requested_at,
        not_before=callback.not_before,
        attempt=callback.attempts + 1 if is_next else max(callback.attempts, 1),
        attempts_allowed=rules.attempts if rules is not None else None,
        presence=place.presence if place is not None else None,
    )


def draw_pop(
    agent: AgentRecord, record: Interaction, offer_id: OfferId, picture: Picture, cards: tuple[CustomerCard, ...]
) -> PopView:
    """What the agent is to see of the interaction he holds."""
    offer = next((offer for offer in reversed(record.offers) if offer.offer_id == offer_id), None)
    queue = picture.queues.get(record.queue_id) if record.queue_id is not None else None
    made_at = offer.made_at if offer is not None else agent.since
    return PopView(
        offer_id=offer_id,
        interaction_id=record.interaction_id,
        made_at=made_at,
        stage=STAGES[agent.state],
        ani=record.ani,
        dnis=record.dnis,
        queue=QueueRef(queue_id=queue.config.queue_id, label=queue.config.label) if queue is not None else None,
        language=record.language,
        menu_path=record.menu_path,
        # Of a callback it counts from the call in which it was asked for: the place is as old as that.
        waited_seconds=record.waited(made_at).total_seconds(),
        reason=offer.reason if offer is not None else _NO_REASON,
        verified=record.given.verified,
        customers=tuple(draw_customer(card) for card in cards),
        customer_id=record.customer_id,
        blank=None if cards else _blank(record),
        # An empty text is a disposition that was taken back.
        disposition=record.disposition or None,
        notes=record.notes,
        media_type=record.media_type,
        callback=draw_callback(record, picture.waiting.get(record.interaction_id), picture),
        typed=draw_typed(record),
        transferred=draw_transferred(record.handling, agent, picture),
        script=queue.config.script if queue is not None else None,
        auto_answer_seconds=queue.config.auto_answer.total_seconds()
        if queue is not None and queue.config.auto_answer is not None
        else None,
    )


def draw_typed(record: Interaction) -> tuple[TypedView, ...]:
    """The numbers that the caller typed, in the order in which he first did."""
    return tuple(
        TypedView(variable=typed.variable, label=typed.label, digits=typed.digits, secret=typed.secret)
        for typed in record.given.typed
    )


def draw_customer(card: CustomerCard) -> CustomerView:
    """A customer's card."""
    customer = card.customer
    return CustomerView(
        customer_id=customer.customer_id,
        kind=customer.kind,
        name=customer.name,
        language=customer.language,
        segment=customer.segment,
        account_manager_id=customer.account_manager_id,
        tags=customer.tags,
        contact_points=customer.contact_points,
        notes=customer.notes,
        created_at=customer.created_at,
        last_interactions=card.last_interactions,
        open_cases=card.open_cases,
        consents=customer.consents,
        custom=customer.custom,
        version=customer.version,
        numbers=card.numbers,
        worth=card.worth,
        segments=card.segments,
    )


def _blank(record: Interaction) -> CustomerInput:
    number = record.ani.e164 or ("" if record.ani.withheld else record.ani.raw)
    points = (ContactPoint(kind=ContactPointKind.PHONE, value=number),) if number else ()
    return CustomerInput(name=record.caller_name, language=record.language or None, contact_points=points)


def _seconds_of(forecast: Prediction | None) -> tuple[float | None, float | None, float | None]:
    """What is expected, and the range, in whole seconds: a row that differs by less is no news."""
    if forecast is None:
        return None, None, None
    return _whole(forecast.expected), _whole(forecast.low), _whole(forecast.high)


def _whole(duration: timedelta) -> float:
    return float(round(duration.total_seconds()))
