"""What the exchange says it has, against what the server believes: the messages that make them agree.

Law: busy is derived from live bridges, never only stored. The same comparison heals a restart of the server, a lost
connection, lost events, and runs every few seconds besides.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.acd.picture import Picture
from callcenter.app.call_state import CallStage, CallState, decode, place_of
from callcenter.app.floor_messages import CallEnded, Message
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.callbacks import CustomerAnswer, Presence
from callcenter.domain.direct import agent_of, direct_queue
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Interaction, LegRole, Stage
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import Offer, OfferCause, OfferReason, ReasonPart
from callcenter.domain.transfers import consultation_of

SETTLING = timedelta(seconds=2)
"""What began less than this before the picture was taken may be missing from it without being gone."""


class LegState(StrEnum):
    """How far a channel has come."""

    SETTING_UP = "setting_up"
    RINGING = "ringing"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSnapshot:
    """One channel as the exchange reports it."""

    leg_id: str
    channel: str
    role: LegRole
    state: LegState
    interaction_id: InteractionId
    started_at: datetime | None = None
    """Of a caller's leg: when it came, where the exchange tells it."""
    bridge_id: str | None = None
    call_state: str = ""
    """Of a caller's leg: the state it carries (app/call_state.py)."""
    fallback: bool = False
    """Of a caller's leg: the dialplan serves it by itself; hands off."""
    served: bool = False
    """Of a caller's leg: an agent has claimed it, or has had it."""
    served_by: str = ""
    """Of a caller's leg: the offer of that agent."""
    asks: bool = False
    """Of an agent's leg: he asks somebody while his caller is held for him."""
    ani: Number
    dnis: str = ""
    caller_name: str = ""
    trunk: str = ""
    offer_id: OfferId | None = None
    """Of a callback's customer's leg: the agent's who waits for him; None when he is called for his place."""
    agent_id: AgentId | None = None
    attempt: int | None = None
    """Of a callback's customer's leg: which attempt to reach him it is."""
    waits: bool = False
    """Of an agent's leg: he has answered, and waits for the customer of a callback."""
    rejoined_by: OfferId | None = None
    """Of a caller's leg: he hears music until the phone of this talk's agent, which was lost, is back."""
    transferred: bool = False
    """Of a caller's leg: the dialplan calls somebody outside for him, or has joined the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All our channels at one moment; `restarted` says that the exchange is not the one we knew."""

    taken_at: datetime
    legs: tuple[LegSnapshot, ...]
    restarted: bool = False


def reconcile(snapshot: Snapshot, picture: Picture, interactions: Mapping[InteractionId, Interaction]) -> list[Message]:
    """Messages for the floor, in the order they are to be told."""
    callers = {leg.interaction_id: leg for leg in snapshot.legs if leg.role is LegRole.CALLER}
    agents = [leg for leg in snapshot.legs if leg.role is LegRole.AGENT and leg.offer_id is not None]
    talks = {
        leg.offer_id: leg
        for leg in agents
        if leg.agent_id in picture.agents and leg.interaction_id in callers and _has(leg, callers[leg.interaction_id])
    }
    rejoining = {leg.rejoined_by: leg for leg in callers.values() if leg.rejoined_by is not None}
    return [
        *_arrivals(callers, interactions, snapshot),
        *_ended_talks(talks.keys() | rejoining.keys(), picture, snapshot),
        *_departures(callers, picture, interactions, snapshot),
        *_waiting(callers, talks, picture, interactions, snapshot),
        *_talks(talks, picture, interactions),
        *_parted(rejoining, picture, interactions),
        *_ringing(agents, talks.keys() | rejoining.keys(), callers, picture, interactions, snapshot),
        *_lost_offers(agents, picture, snapshot),
    ]


def _has(agent: LegSnapshot, caller: LegSnapshot) -> bool:
    """Whether the two share a bridge, or the caller is held for him while he asks somebody."""
    if agent.asks and caller.served_by == agent.offer_id:
        return True
    return agent.bridge_id is not None and caller.bridge_id == agent.bridge_id


def ending_unknown(snapshot: Snapshot, interactions: Mapping[InteractionId, Interaction]) -> tuple[InteractionId, ...]:
    """Calls that hear their last words and are not in memory: only the store can say whether they have their record."""
    return tuple(
        leg.interaction_id
        for leg in snapshot.legs
        if leg.role is LegRole.CALLER
        and leg.interaction_id not in interactions
        and decode(leg.call_state).stage is CallStage.ENDING
    )


def _arrivals(
    callers: Mapping[InteractionId, LegSnapshot],
    interactions: Mapping[InteractionId, Interaction],
    snapshot: Snapshot,
) -> Iterator[Message]:
    for interaction_id, leg in callers.items():
        record = interactions.get(interaction_id)
        if record is None:
            at = min(leg.started_at or snapshot.taken_at, snapshot.taken_at)
            yield ev.InteractionArrived(
                interaction_id=interaction_id,
                at=at,
                channel=leg.channel if leg.attempt is None else "",
                ani=leg.ani,
                dnis=leg.dnis,
                caller_name=leg.caller_name,
                trunk=leg.trunk,
            )
        if leg.attempt is not None and not _has_leg(record, leg):
            yield ev.LegStarted(
                interaction_id=interaction_id,
                at=snapshot.taken_at,
                leg_id=leg.leg_id,
                channel=leg.channel,
                agent_id=None,
            )
        state = decode(leg.call_state)
        if state.stage is CallStage.ENDING and (record is None or record.stage is not Stage.ENDED):
            # The server ended it and died before the disk had it: the caller hears the last words.
            yield CallEnded(
                interaction_id=interaction_id,
                at=snapshot.taken_at,
                outcome=_outcome_in(state),
                side=ev.Side.SYSTEM,
            )


def _has_leg(record: Interaction | None, leg: LegSnapshot) -> bool:
    return record is not None and any(known.leg_id == leg.leg_id for known in record.legs)


def _outcome_in(state: CallState) -> ev.Outcome:
    try:
        return ev.Outcome(state.outcome)
    except ValueError:
        return ev.Outcome.ENDED_IN_MENU


def _ended_talks(talks: Container[OfferId | None], picture: Picture, snapshot: Snapshot) -> Iterator[Message]:
    for offer_id, agent_id in picture.talks.items():
        since = picture.agents[agent_id].talk_since
        # Whose talk is that of one who is asked, those who look after consultations tell.
        is_asked = consultation_of(offer_id) is not None
        if offer_id not in talks and not is_asked and (since is None or since < snapshot.taken_at - SETTLING):
            yield cmd.ReportTalkEnded(offer_id=offer_id)


def _departures(
    callers: Mapping[InteractionId, LegSnapshot],
    picture: Picture,
    interactions: Mapping[InteractionId, Interaction],
    snapshot: Snapshot,
) -> Iterator[Message]:
    for interaction_id, record in interactions.items():
        if record.stage is Stage.ENDED or interaction_id in callers:
            continue
        waiting = picture.waiting.get(interaction_id)
        if waiting is not None and waiting.presence is not Presence.PRESENT:
            continue  # A callback waits without a channel.
        if record.started_at < snapshot.taken_at - SETTLING:
            outcome = ev.Outcome.LOST_PBX if snapshot.restarted else None
            side = ev.Side.SYSTEM if snapshot.restarted else None
            yield CallEnded(interaction_id=interaction_id, at=snapshot.taken_at, outcome=outcome, side=side)


def _waiting(
    callers: Mapping[InteractionId, LegSnapshot],
    talks: Mapping[OfferId | None, LegSnapshot],
    picture: Picture,
    interactions: Mapping[InteractionId, Interaction],
    snapshot: Snapshot,
) -> Iterator[Message]:
    talking = {leg.interaction_id for leg in talks.values()}
    for interaction_id, leg in callers.items():
        waiting = picture.waiting.get(interaction_id)
        if waiting is not None and (leg.fallback or leg.transferred):
            yield cmd.Leave(interaction_id=interaction_id)
        if waiting is not None and waiting.presence is not Presence.PRESENT and _waits_in_place(leg):
            yield cmd.ReportCustomerCalled(interaction_id=interaction_id, answer=CustomerAnswer.ANSWERED)
        if leg.fallback or leg.transferred or waiting is not None or interaction_id in picture.talking_interactions:
            continue
        record = interactions.get(interaction_id)
        place = _place(leg, record, snapshot)
        if place is None or interaction_id in picture.overflowed:
            continue
        if place.queue_id not in picture.queues:
            owner = picture.agents.get(agent_of(place.queue_id) or AgentId(""))
            if owner is None or interaction_id not in talking:
                continue  # Who waits for one agent is put into that agent's own queue by his next question.
            yield cmd.ConfigureQueue(config=direct_queue(owner.config))
        if interaction_id in talking:
            # The server died between the queue's entry and the disk: the talk is found, its way there is told now.
            if record is not None and record.times.queued_at is not None:
                continue
        elif leg.served or leg.bridge_id is not None or _has_been_served(leg, record):
            continue  # An agent has claimed it or has had it, or somebody else's bridge holds it.
        yield place


def _has_been_served(leg: LegSnapshot, record: Interaction | None) -> bool:
    """Whether an agent has had him, and has not sent him on."""
    had = record is not None and record.times.connected_at is not None
    return had and decode(leg.call_state).sent is None


def _waits_in_place(leg: LegSnapshot) -> bool:
    """Whether this is a callback's customer who was called before the agent and has answered."""
    is_up = leg.state is LegState.UP and leg.bridge_id is None and not leg.served
    return leg.attempt is not None and leg.offer_id is None and is_up


def _place(leg: LegSnapshot, record: Interaction | None, snapshot: Snapshot) -> cmd.Enqueue | None:
    """The caller's place: as his channel carries it, or as the store has it where a supervisor or a rule moved him."""
    state = decode(leg.call_state)
    came = record.started_at if record is not None else snapshot.taken_at
    place = place_of(leg.interaction_id, state, came)
    known = record.placement if record is not None else None
    if place is None or known is None or known.placed_at < (place.placed_at or place.entered_at):
        return place
    return replace(
        place,
        queue_id=known.queue_id,
        entered_at=known.entered_at,
        placed_at=known.placed_at,
        priority=known.base_priority,
        skills=known.skills,
        traits=known.traits,
    )


def _talks(
    talks: Mapping[OfferId | None, LegSnapshot],
    picture: Picture,
    interactions: Mapping[InteractionId, Interaction],
) -> Iterator[Message]:
    for offer_id, leg in talks.items():
        if offer_id is None or leg.agent_id is None or leg.agent_id not in picture.agents:
            continue
        if offer_id not in picture.talks:
            record = interactions.get(leg.interaction_id)
            yield cmd.ReportTalk(
                offer_id=offer_id,
                interaction_id=leg.interaction_id,
                agent_id=leg.agent_id,
                queue_id=record.queue_id if record is not None else None,
            )


def _parted(
    rejoining: Mapping[OfferId, LegSnapshot],
    picture: Picture,
    interactions: Mapping[InteractionId, Interaction],
) -> Iterator[Message]:
    """Talks whose agent's phone was lost and is awaited: they go on, although no bridge shows them."""
    for offer_id, leg in rejoining.items():
        record = interactions.get(leg.interaction_id)
        offer = next((one for one in record.offers if one.offer_id == offer_id), None) if record is not None else None
        if offer is None or record is None or offer.offer_id in picture.talks or offer.agent_id not in picture.agents:
            continue
        yield cmd.ReportTalk(
            offer_id=offer.offer_id,
            interaction_id=leg.interaction_id,
            agent_id=offer.agent_id,
            queue_id=record.queue_id,
        )


def _ringing(
    agents: Sequence[LegSnapshot],
    talks: Container[OfferId | None],
    callers: Mapping[InteractionId, LegSnapshot],
    picture: Picture,
    interactions: Mapping[InteractionId, Interaction],
    snapshot: Snapshot,
) -> Iterator[Message]:
    for leg in agents:
        offer_id, agent_id = leg.offer_id, leg.agent_id
        if offer_id is None or agent_id is None or agent_id not in picture.agents:
            continue
        if offer_id in talks or offer_id in picture.offers:
            continue
        if leg.waits:
            # He waits for a customer of whom this server knows nothing: the callback will be made anew.
            yield StopRinging(offer_id=offer_id)
            continue
        caller = callers.get(leg.interaction_id)
        if leg.state is LegState.UP and (caller is None or caller.served):
            continue  # He answered: the dialplan is just bridging the two, or is just taking the leg down.
        record = interactions.get(leg.interaction_id)
        offers = record.offers if record is not None else ()
        known = next((offer for offer in offers if offer.offer_id == offer_id), None)
        if known is not None and known.ended_at is not None:
            # Its end was ordered; if that was not just now, the order was lost.
            if known.ended_at < snapshot.taken_at - SETTLING:
                yield StopRinging(offer_id=offer_id)
            continue
        # A phone that rings for a caller who is gone is told to stop by the engine.
        yield cmd.RestoreOffer(
            offer=Offer(
                offer_id=offer_id,
                interaction_id=leg.interaction_id,
                agent_id=agent_id,
                queue_id=known.queue_id if known is not None else _queue_of(caller, record),
                made_at=known.made_at if known is not None else snapshot.taken_at,
                reason=known.reason if known is not None else FOUND_RINGING,
            )
        )


def _queue_of(caller: LegSnapshot | None, record: Interaction | None) -> QueueId:
    """The queue as the record has it, or as the caller's channel carries it where the record came too late."""
    recorded = record.queue_id if record is not None else None
    carried = decode(caller.call_state).queue_id if caller is not None else None
    return recorded or carried or QueueId("")


FOUND_RINGING = OfferReason(
    text=Label(zh="服务重启后发现正在振铃", en="found ringing after a restart"),
    parts=(ReasonPart(name="restored", value="true"),),
)


def _lost_offers(agents: Sequence[LegSnapshot], picture: Picture, snapshot: Snapshot) -> Iterator[Message]:
    alive = {leg.offer_id for leg in agents}
    for offer_id, offer in picture.offers.items():
        if offer_id not in alive and offer.made_at < snapshot.taken_at - SETTLING:
            yield cmd.ReportOfferFailed(offer_id=offer_id, cause=OfferCause.BRIDGE_FAILED)
