"""Asterisk's words into the domain's: AMI events into reports to the floor, the list of channels into a snapshot.

Law: pure; what is said here of a leg that has left is final, for a list of channels may be older than its events.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from callcenter.app.call_state import CallStage, decode, interaction_of
from callcenter.app.floor_messages import CallEnded, Message
from callcenter.app.ports import customer_leg_id
from callcenter.app.reconcile import Snapshot
from callcenter.asterisk.ami_codec import AmiMessage
from callcenter.asterisk.channel_list import STATE_UP, TRANSFERRED, attempt_of, leg_of
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import PhoneStatus
from callcenter.domain.callbacks import CustomerAnswer
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import LegRole
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause

REMEMBERED_DEPARTURES: Final = 10_000
LOST: Final = "lost"
"""In CC_CONNECT of an agent's channel whose phone fell silent in the talk."""

_STOPPED: Final = 26
#: Q.850 causes with which an agent's phone declines (docs/asterisk.md has them as they were seen).
_CAUSES: Final[Mapping[int, OfferCause]] = {
    17: OfferCause.BUSY,
    18: OfferCause.NO_ANSWER,
    19: OfferCause.NO_ANSWER,
    21: OfferCause.REJECTED,
    # Ours, when we stop a phone: whatever it was for, the agent has missed nothing.
    _STOPPED: OfferCause.TAKEN,
}
#: What the dialplan wrote into CC_CONNECT of an agent's channel that it let go.
_CONNECTS: Final[Mapping[str, OfferCause]] = {
    "taken": OfferCause.TAKEN,
    "gone": OfferCause.CALLER_LEFT,
    "late": OfferCause.CUSTOMER_NOT_REACHED,
}
#: Q.850 causes with which a customer's phone ends an attempt to reach him.
_ANSWERS: Final[Mapping[int, CustomerAnswer]] = {
    17: CustomerAnswer.BUSY,
    18: CustomerAnswer.NO_ANSWER,
    19: CustomerAnswer.NO_ANSWER,
}
_PLAIN_BYE: Final = 0
_NORMAL_CLEARING: Final = 16
_DEVICE_STATES: Final[Mapping[str, PhoneStatus]] = {
    "NOT_INUSE": PhoneStatus.FREE,
    "INUSE": PhoneStatus.BUSY,
    "BUSY": PhoneStatus.BUSY,
    "ONHOLD": PhoneStatus.BUSY,
    "RINGINUSE": PhoneStatus.BUSY,
    "UNAVAILABLE": PhoneStatus.UNREACHABLE,
    "INVALID": PhoneStatus.UNREACHABLE,
}


@dataclass(slots=True)
class _Leg:
    role: LegRole
    interaction_id: InteractionId
    offer_id: OfferId | None
    agent_id: AgentId | None
    bridge_id: str | None = None
    entered_at: datetime | None = None
    """When an event told of its bridge: a list that was asked for before knows it no better."""
    hung_up_by_itself: bool = False
    talked: bool = False
    """Of an agent's leg: it was in one bridge with its caller. Of a caller's: it was in a bridge with anybody."""
    attempt: int | None = None
    """Of a callback's customer: which attempt to reach him this is; his `offer_id` is the agent's who waits for him."""
    waits: bool = False
    """It was told that this agent waits for his customer, or that this customer waits for an agent."""
    transferred: bool = False
    """Of a caller's leg: the dialplan has joined it with somebody outside."""
    missing: bool = False
    """The last list of channels did not have it."""


class Translator:
    """Knows the legs that are alive, and turns what Asterisk says of them into reports."""

    def __init__(self, read_ani: Callable[[str, str], Number]) -> None:
        self._read_ani = read_ani
        self._legs: dict[str, _Leg] = {}
        self._agents: dict[InteractionId, dict[str, _Leg]] = {}
        self._departed: OrderedDict[str, None] = OrderedDict()
        self._expected: OrderedDict[str, _Leg] = OrderedDict()
        self._customers: dict[InteractionId, str] = {}
        self._orphans: list[str] = []
        self._rejoining: dict[OfferId, InteractionId] = {}

    def expect(self, offer_id: OfferId, interaction_id: InteractionId, agent_id: AgentId) -> None:
        """An agent's leg is being ordered; its first events name nothing but its unique id."""
        self._expect(offer_id, _Leg(LegRole.AGENT, interaction_id, offer_id, agent_id))

    def expect_customer(self, interaction_id: InteractionId, attempt: int, offer_id: OfferId | None) -> None:
        """A callback's customer's leg is being ordered, for the agent of `offer_id` who waits, or for his place."""
        leg = _Leg(LegRole.CALLER, interaction_id, offer_id, None, attempt=attempt)
        self._expect(customer_leg_id(interaction_id, attempt), leg)

    def _expect(self, leg_id: str, leg: _Leg) -> None:
        # An order that is repeated is refused by the exchange; what is there goes on.
        if leg_id in self._legs:
            return
        self._expected[leg_id] = leg
        if len(self._expected) > REMEMBERED_DEPARTURES:
            self._expected.popitem(last=False)

    def adopt(self, offer_id: OfferId, interaction_id: InteractionId, agent_id: AgentId) -> None:
        """A channel that is up already is an agent's leg from here on: a supervisor has taken the caller over."""
        if offer_id not in self._legs:
            self._keep(offer_id, _Leg(LegRole.AGENT, interaction_id, offer_id, agent_id))

    def begin_rejoin(self, offer_id: OfferId, interaction_id: InteractionId) -> None:
        """The agent's phone of this talk was lost and is rung again: until it is back, its end is not the talk's."""
        self._rejoining[offer_id] = interaction_id

    def is_parted(self, offer_id: OfferId) -> bool:
        """Whether the phone of this talk is awaited, and the channel that was lost is gone."""
        return offer_id in self._rejoining and offer_id not in self._legs

    def end_rejoin(self, offer_id: OfferId) -> None:
        """It is back, or is not awaited any more."""
        self._rejoining.pop(offer_id, None)

    def take_orphans(self) -> list[str]:
        """Legs of customers whose phone rings for an agent who waits no more: they are to be hung up."""
        orphans, self._orphans = self._orphans, []
        return orphans

    def handle(self, event: AmiMessage, now: datetime) -> list[Message]:
        """The reports that one event leads to."""
        handler = _HANDLERS.get(event.get("Event", ""))
        if handler is None or event.get("Channel", "").startswith("Surrogate/"):
            return []
        return list(handler(self, event, now))

    def offer_failed(self, offer_id: OfferId, cause: OfferCause) -> list[Message]:
        """The order to ring could not be given."""
        self._expected.pop(offer_id, None)
        return [] if offer_id in self._legs else [cmd.ReportOfferFailed(offer_id=offer_id, cause=cause)]

    def customer_failed(self, interaction_id: InteractionId, attempt: int) -> list[Message]:
        """The order to call a customer could not be given."""
        leg_id = customer_leg_id(interaction_id, attempt)
        self._expected.pop(leg_id, None)
        if leg_id in self._legs:
            return []
        return [cmd.ReportCustomerCalled(interaction_id=interaction_id, answer=CustomerAnswer.FAILED)]

    def snapshot(self, channels: Iterable[AmiMessage], taken_at: datetime, *, restarted: bool) -> Snapshot:
        """Our legs in the answer to `Status`; the translator takes them as alive from here on."""
        legs = []
        for channel in channels:
            leg = leg_of(channel, self._read_ani)
            if leg is None or leg.leg_id in self._departed:
                continue
            known = self._legs.get(leg.leg_id)
            if known is None:
                known = _Leg(leg.role, leg.interaction_id, leg.offer_id, leg.agent_id, attempt=leg.attempt)
                self._keep(leg.leg_id, known)
            elif known.agent_id is None:
                known.agent_id = leg.agent_id
            if known.entered_at is not None and known.entered_at > taken_at:
                leg = replace(leg, bridge_id=known.bridge_id)
            known.bridge_id = leg.bridge_id
            is_asked = decode(leg.call_state).stage is CallStage.AFTER
            known.talked = known.talked or leg.bridge_id is not None or is_asked
            known.transferred = known.transferred or (leg.transferred and leg.bridge_id is not None)
            if leg.rejoined_by is None and self._rejoining.get(OfferId(leg.served_by)) == leg.interaction_id:
                # His agent's phone was just lost, and the dialplan is about to let him wait for it.
                leg = replace(leg, rejoined_by=OfferId(leg.served_by))
            if leg.rejoined_by is not None:
                self.begin_rejoin(leg.rejoined_by, leg.interaction_id)
            legs.append(leg)
        alive = {leg.leg_id for leg in legs}
        self._orphans += [
            leg.leg_id
            for leg in legs
            if leg.role is LegRole.CALLER
            and leg.offer_id is not None
            and leg.offer_id not in alive
            and not self._legs[leg.leg_id].talked
        ]
        self._strike_missing(alive, at_once=restarted)
        return Snapshot(taken_at=taken_at, legs=tuple(legs), restarted=restarted)

    # ---- single events

    def _new_channel(self, event: AmiMessage, now: datetime) -> Iterator[Message]:
        is_new = event.get("Uniqueid", "") not in self._legs
        leg = self._known(event)
        if is_new and leg is not None and leg.role is LegRole.AGENT and leg.agent_id is not None:
            yield ev.LegStarted(
                interaction_id=leg.interaction_id,
                at=now,
                leg_id=event["Uniqueid"],
                channel=event.get("Channel", ""),
                agent_id=leg.agent_id,
            )

    def _bridge_enter(self, event: AmiMessage, now: datetime) -> Iterator[Message]:
        leg = self._known(event)
        if leg is None:
            return
        leg.bridge_id, leg.entered_at = event.get("BridgeUniqueid"), now
        if leg.role is LegRole.CALLER:
            leg.talked = True
            leg.transferred = leg.transferred or event.variables().get("CC_CONNECT") == TRANSFERRED
        agent = leg if leg.role is LegRole.AGENT else self._agent_in(leg.bridge_id, leg.interaction_id)
        caller = leg if leg.role is LegRole.CALLER else self._caller_of(leg.interaction_id)
        if agent is None or caller is None or agent.bridge_id != caller.bridge_id:
            return
        if agent.offer_id is not None and agent.agent_id is not None:
            agent.talked = True
            yield cmd.ReportTalk(offer_id=agent.offer_id, interaction_id=agent.interaction_id, agent_id=agent.agent_id)
            if self._rejoining.pop(agent.offer_id, None) is not None:
                # Whatever the phone that was lost held, this one holds nobody.
                yield cmd.ReportHold(offer_id=agent.offer_id, on_hold=False)

    def _bridge_leave(self, event: AmiMessage, _now: datetime) -> Iterator[Message]:
        leg = self._known(event)
        if leg is not None:
            leg.bridge_id = leg.entered_at = None
        return iter(())

    def _hangup_request(self, event: AmiMessage, _now: datetime) -> Iterator[Message]:
        """The far end of this very leg hung up: its phone is free again before Asterisk has tidied up."""
        leg = self._known(event)
        if leg is None:
            return
        leg.hung_up_by_itself = True
        if leg.offer_id in self._rejoining:
            return
        if leg.role is LegRole.AGENT and leg.talked and leg.offer_id is not None:
            self._depart(event["Uniqueid"], keep=True)
            yield cmd.ReportTalkEnded(offer_id=leg.offer_id, side=ev.Side.AGENT)

    def _hangup(self, event: AmiMessage, now: datetime) -> Iterator[Message]:
        leg = self._known(event)
        if leg is None:
            return
        leg_id = event["Uniqueid"]
        cause = _number(event.get("Cause", ""))
        if cause == _PLAIN_BYE:
            cause = _NORMAL_CLEARING
        if self._was_lost(leg, event) and leg.offer_id is not None:
            self.begin_rejoin(leg.offer_id, leg.interaction_id)
        if leg.role is LegRole.AGENT and leg.offer_id in self._rejoining:
            # The phone comes back under the same id, and the talk has not ended.
            self._strike(leg_id)
            return
        self._depart(leg_id, keep=False)
        if leg.role is LegRole.CALLER:
            was_up = event.get("ChannelState") == STATE_UP
            yield from self._caller_gone(leg, now, cause, was_up=was_up)
            return
        if leg.offer_id is None:
            return
        yield ev.LegEnded(interaction_id=leg.interaction_id, at=now, leg_id=leg_id, cause=cause)
        if leg.talked:
            caller = self._caller_of(leg.interaction_id)
            gone_first = caller is None or caller.hung_up_by_itself
            side = ev.Side.AGENT if leg.hung_up_by_itself else ev.Side.CALLER if gone_first else None
            yield cmd.ReportTalkEnded(offer_id=leg.offer_id, side=side)
        else:
            customer_id = self._customers.get(leg.interaction_id, "")
            customer = self._legs.get(customer_id)
            if customer is not None and customer.offer_id == leg.offer_id:
                self._orphans.append(customer_id)
            yield cmd.ReportOfferFailed(offer_id=leg.offer_id, cause=_failure(leg, cause, event))

    def _was_lost(self, leg: _Leg, event: AmiMessage) -> bool:
        """Whether this agent's phone fell silent in the talk, so that the dialplan lets his caller wait for it."""
        caller = self._caller_of(leg.interaction_id)
        is_lost = leg.role is LegRole.AGENT and leg.talked and event.variables().get("CC_CONNECT") == LOST
        return is_lost and caller is not None and not caller.hung_up_by_itself

    def _caller_gone(self, leg: _Leg, now: datetime, cause: int | None, *, was_up: bool) -> Iterator[Message]:
        """A callback's customer who never was in a talk, nor in his place, has not been reached."""
        for offer_id in [one for one, waited_for in self._rejoining.items() if waited_for == leg.interaction_id]:
            self.end_rejoin(offer_id)
        if leg.attempt is not None and not leg.talked and not leg.waits:
            # Who answered for his place and hung up at once was reached, and does not want to be called again.
            reached = was_up and leg.offer_id is None
            answer = CustomerAnswer.FAILED if was_up else _ANSWERS.get(cause or 0, CustomerAnswer.FAILED)
            answer = CustomerAnswer.ANSWERED if reached else answer
            yield cmd.ReportCustomerCalled(interaction_id=leg.interaction_id, answer=answer)
            if not reached:
                return
        # Somebody had him; where it was none of our agents, it was one of the plain queue's, or somebody outside.
        outcome = ev.Outcome.ANSWERED if leg.talked else None
        yield CallEnded(
            interaction_id=leg.interaction_id,
            at=now,
            outcome=ev.Outcome.TRANSFERRED_OUT if leg.transferred else outcome,
            side=ev.Side.CALLER if leg.hung_up_by_itself else None,
            cause=cause,
        )

    def _user_event(self, event: AmiMessage, now: datetime) -> Iterator[Message]:
        """What the dialplan says of a callback's two legs, and of a caller whose agent's phone did not come back."""
        leg = self._known(event)
        if leg is not None and event.get("UserEvent") == "CcRejoinOver":
            offer_id = OfferId(event.get("Offer", ""))
            self.end_rejoin(offer_id)
            yield cmd.ReportTalkEnded(offer_id=offer_id, phone_lost=True)
            return
        if leg is None or leg.waits:
            return
        match event.get("UserEvent"):
            case "CcAgentWaits" if leg.role is LegRole.AGENT and leg.offer_id is not None:
                leg.waits = True
                yield cmd.ReportAgentWaits(offer_id=leg.offer_id)
            case "CcCustomerWaits" if leg.attempt is not None:
                leg.waits = True
                # His channel first: an agent may be rung for it the moment he is known to wait.
                yield ev.LegStarted(
                    interaction_id=leg.interaction_id,
                    at=now,
                    leg_id=event.get("Uniqueid", ""),
                    channel=event.get("Channel", ""),
                    agent_id=None,
                )
                yield cmd.ReportCustomerCalled(interaction_id=leg.interaction_id, answer=CustomerAnswer.ANSWERED)
            case _:
                pass

    def _hold(self, event: AmiMessage, _now: datetime) -> Iterator[Message]:
        """The agent's phone put the talk on hold, or took it back; a caller's own hold is his affair."""
        leg = self._known(event)
        if leg is not None and leg.role is LegRole.AGENT and leg.talked and leg.offer_id is not None:
            yield cmd.ReportHold(offer_id=leg.offer_id, on_hold=event.get("Event") == "Hold")

    def _originate_response(self, event: AmiMessage, _now: datetime) -> Iterator[Message]:
        """Why a leg failed stands in its Hangup, which follows; only a leg that never was has nothing else."""
        if event.get("Response") != "Failure":
            return
        leg = self._expected.pop(event.action_id, None)
        if leg is None:
            return
        if leg.role is LegRole.CALLER:
            yield cmd.ReportCustomerCalled(interaction_id=leg.interaction_id, answer=CustomerAnswer.FAILED)
        elif leg.offer_id is not None:
            yield cmd.ReportOfferFailed(offer_id=leg.offer_id, cause=OfferCause.UNREACHABLE)

    # ---- the table of legs

    def _known(self, event: AmiMessage) -> _Leg | None:
        leg_id = event.get("Uniqueid", "")
        leg = self._legs.get(leg_id)
        if leg is not None or not leg_id or leg_id in self._departed:
            return leg
        expected = self._expected.pop(leg_id, None)
        if expected is not None:
            self._keep(leg_id, expected)
            return expected
        variables = event.variables()
        role, interaction_id = variables.get("CC_ROLE"), variables.get("CC_ID")
        if not interaction_id:
            return None
        if role == LegRole.CALLER and interaction_id == leg_id:
            leg = _Leg(LegRole.CALLER, interaction_of(interaction_id), None, None)
        elif role == LegRole.CALLER and (attempt := attempt_of(leg_id, interaction_id)) is not None:
            offer_id = OfferId(variables["CC_OFFER"]) if variables.get("CC_OFFER") else None
            leg = _Leg(LegRole.CALLER, interaction_of(interaction_id), offer_id, None, attempt=attempt)
        elif role == LegRole.AGENT and variables.get("CC_OFFER") == leg_id:
            leg = _Leg(LegRole.AGENT, interaction_of(interaction_id), OfferId(leg_id), None)
        else:
            return None
        self._keep(leg_id, leg)
        return leg

    def _keep(self, leg_id: str, leg: _Leg) -> None:
        self._legs[leg_id] = leg
        if leg.role is LegRole.AGENT:
            self._agents.setdefault(leg.interaction_id, {})[leg_id] = leg
        elif leg.attempt is not None:
            self._customers[leg.interaction_id] = leg_id
            if leg.offer_id in self._departed:
                self._orphans.append(leg_id)

    def _caller_of(self, interaction_id: InteractionId) -> _Leg | None:
        """The caller's leg; of a callback the customer's."""
        return self._legs.get(interaction_id) or self._legs.get(self._customers.get(interaction_id, ""))

    def _strike(self, leg_id: str) -> None:
        leg = self._legs.pop(leg_id, None)
        if leg is None:
            return
        if self._customers.get(leg.interaction_id) == leg_id:
            del self._customers[leg.interaction_id]
        if leg.role is not LegRole.AGENT:
            return
        others = self._agents[leg.interaction_id]
        del others[leg_id]
        if not others:
            del self._agents[leg.interaction_id]

    def _strike_missing(self, alive: Container[str], *, at_once: bool) -> None:
        """Legs whose end was not told: a list may be older than a leg, two lists after each other are not."""
        for leg_id, leg in list(self._legs.items()):
            was_missing, leg.missing = leg.missing, leg_id not in alive
            if leg.missing and (at_once or was_missing):
                self._strike(leg_id)

    def _agent_in(self, bridge_id: str | None, interaction_id: InteractionId) -> _Leg | None:
        if bridge_id is None:
            return None
        agents = self._agents.get(interaction_id, {})
        return next((leg for leg in agents.values() if leg.bridge_id == bridge_id), None)

    def _depart(self, leg_id: str, *, keep: bool) -> None:
        self._departed[leg_id] = None
        if len(self._departed) > REMEMBERED_DEPARTURES:
            self._departed.popitem(last=False)
        if not keep:
            self._strike(leg_id)


def phone_status(device_state: str) -> PhoneStatus | None:
    """What a device state says of an agent's phone; None for states that say nothing, such as ringing."""
    return _DEVICE_STATES.get(device_state)


def _failure(leg: _Leg, cause: int | None, event: AmiMessage) -> OfferCause:
    """Why an agent's leg that is gone was never in a talk."""
    told = _CONNECTS.get(event.variables().get("CC_CONNECT", ""))
    if told is not None:
        return told
    if event.get("ChannelState") == STATE_UP and cause != _STOPPED:
        # The phone was answered. Whoever then hung up by himself does not want the call; otherwise it was no fault of
        # the agent.
        return OfferCause.REJECTED if leg.hung_up_by_itself else OfferCause.BRIDGE_FAILED
    return _CAUSES.get(cause or 0, OfferCause.UNREACHABLE)


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


_HANDLERS: Final[Mapping[str, Callable[[Translator, AmiMessage, datetime], Iterator[Message]]]] = {
    "Newchannel": Translator._new_channel,
    "Newstate": Translator._new_channel,
    "BridgeEnter": Translator._bridge_enter,
    "BridgeLeave": Translator._bridge_leave,
    "HangupRequest": Translator._hangup_request,
    "Hangup": Translator._hangup,
    "Hold": Translator._hold,
    "Unhold": Translator._hold,
    "OriginateResponse": Translator._originate_response,
    "UserEvent": Translator._user_event,
}
