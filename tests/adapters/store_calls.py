"""Calls for the store's tests, folded from their events as the server does it."""

from datetime import UTC, datetime, timedelta

from callcenter.app.ports import AgentStatus
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneKind
from callcenter.domain.callbacks import Callback
from callcenter.domain.callers import CallerTraits
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId, SkillId
from callcenter.domain.interactions import Interaction, apply, begin
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferCause, OfferOutcome, OfferReason, ReasonPart
from callcenter.domain.skills import SkillRequirement

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def arrival(name: str, seconds: float = 0) -> ev.InteractionArrived:
    """A call comes in."""
    return ev.InteractionArrived(
        interaction_id=InteractionId(name),
        at=at(seconds),
        channel=f"PJSIP/trunk-{name}",
        ani=Number(raw="13800138000", e164="+8613800138000", national="138 0013 8000", region="CN"),
        dnis="4000",
        caller_name="晨星\x00 😀",
        trunk="trunk",
    )


def whole_call(name: str, seconds: float = 0, *, customer: str | None = "c1") -> list[ev.InteractionEvent]:
    """A call with everything in it: a missed offer, an answered one, a talk, legs, notes."""
    interaction_id = InteractionId(name)

    def offer(number: int, agent: str, when: float) -> ev.OfferMade:
        return ev.OfferMade(
            interaction_id=interaction_id,
            at=at(seconds + when),
            offer=Offer(
                offer_id=OfferId(f"{name}-o{number}"),
                interaction_id=interaction_id,
                agent_id=AgentId(agent),
                queue_id=QueueId("sales"),
                made_at=at(seconds + when),
                reason=OfferReason(
                    text=Label(zh="最久空闲", en="longest idle"), parts=(ReasonPart(name="idle", value="131"),)
                ),
            ),
        )

    matched = (CustomerId(customer),) if customer else ()
    return [
        arrival(name, seconds),
        ev.CustomerMatched(
            interaction_id=interaction_id,
            at=at(seconds),
            customer_ids=matched,
            customer_id=matched[0] if matched else None,
        ),
        ev.FlowStarted(interaction_id=interaction_id, at=at(seconds + 1), flow="main", flow_version="abc"),
        ev.NodeEntered(interaction_id=interaction_id, at=at(seconds + 1), node="menu"),
        ev.LanguageChosen(interaction_id=interaction_id, at=at(seconds + 2), language="zh"),
        ev.MenuChosen(
            interaction_id=interaction_id,
            at=at(seconds + 3),
            node="menu",
            key="1",
            label=Label(zh="销售", en="Sales"),
        ),
        ev.InteractionQueued(
            interaction_id=interaction_id,
            at=at(seconds + 3),
            queue_id=QueueId("sales"),
            entered_at=at(seconds + 3),
            priority=12,
            base_priority=2,
            skills=(SkillRequirement(skill=SkillId("zh"), minimum_level=3),),
            grounds=(ReasonPart(name="class", value="A"),),
            traits=CallerTraits(customer_class="A", language="zh", last_agent_id=AgentId("1002")),
            callback=Callback(
                number="+8613800138000", requested_at=at(seconds), origin_id="0.9", not_before=at(seconds + 3)
            ),
        ),
        ev.WaitPredicted(
            interaction_id=interaction_id,
            at=at(seconds + 3),
            queue_id=QueueId("sales"),
            position=3,
            expected_seconds=12.5,
            low_seconds=0,
            high_seconds=None,
        ),
        offer(1, "1001", 4),
        ev.OfferEnded(
            interaction_id=interaction_id,
            at=at(seconds + 24),
            offer_id=OfferId(f"{name}-o1"),
            agent_id=AgentId("1001"),
            outcome=OfferOutcome.RONA,
            cause=OfferCause.NO_ANSWER,
        ),
        offer(2, "1002", 25),
        ev.LegStarted(
            interaction_id=interaction_id,
            at=at(seconds + 25),
            leg_id=f"{name}-o2",
            channel="PJSIP/1002",
            agent_id=AgentId("1002"),
        ),
        ev.OfferEnded(
            interaction_id=interaction_id,
            at=at(seconds + 28),
            offer_id=OfferId(f"{name}-o2"),
            agent_id=AgentId("1002"),
            outcome=OfferOutcome.ANSWERED,
        ),
        ev.InteractionConnected(
            interaction_id=interaction_id,
            at=at(seconds + 28),
            agent_id=AgentId("1002"),
            offer_id=OfferId(f"{name}-o2"),
            queue_id=QueueId("sales"),
        ),
        ev.HoldChanged(
            interaction_id=interaction_id,
            at=at(seconds + 40),
            agent_id=AgentId("1002"),
            offer_id=OfferId(f"{name}-o2"),
            on_hold=True,
        ),
        ev.TalkEnded(
            interaction_id=interaction_id,
            at=at(seconds + 90),
            agent_id=AgentId("1002"),
            offer_id=OfferId(f"{name}-o2"),
            side=ev.Side.CALLER,
        ),
        ev.LegEnded(interaction_id=interaction_id, at=at(seconds + 90), leg_id=f"{name}-o2", cause=16),
        ev.InteractionEnded(
            interaction_id=interaction_id,
            at=at(seconds + 90),
            outcome=ev.Outcome.ANSWERED,
            side=ev.Side.CALLER,
            cause=16,
        ),
        ev.InteractionAnnotated(
            interaction_id=interaction_id,
            at=at(seconds + 100),
            by="1002",
            disposition="sale",
            notes="两箱 ordered",
        ),
    ]


def folded(events: list[ev.InteractionEvent]) -> Interaction:
    """The record these events lead to."""
    assert isinstance(events[0], ev.InteractionArrived)
    record = begin(events[0])
    for event in events[1:]:
        record = apply(record, event)
    return record


def node(number: int, name: str = "1.1") -> ev.NodeEntered:
    """A small event that can be told from the others."""
    return ev.NodeEntered(interaction_id=InteractionId(name), at=at(number), node=str(number))


def status(agent_id: str, state: AgentState = AgentState.READY) -> AgentStatus:
    """What is kept of an agent, every field set."""
    return AgentStatus(
        agent_id=AgentId(agent_id),
        state=state,
        reason="lunch",
        since=at(1),
        ready_since=at(2),
        wrap_up_until=at(3),
        after_call=AgentState.NOT_READY,
        after_call_reason="meeting",
        interaction_id=InteractionId("1.1"),
        offer_id=OfferId("1.1-o1"),
        queue_id=QueueId("sales"),
        phone=Phone(kind=PhoneKind.OUTSIDE, address="+442079460000"),
        misses=2,
    )
