"""An interaction: one customer contact from the first ring to the end, as the fold of its events.

Law: an interaction ends exactly once; what comes after the end changes no stage and no outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.domain import events as ev
from callcenter.domain.agents import VOICE
from callcenter.domain.callbacks import Callback, CustomerAnswer
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause, OfferOutcome, OfferReason
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.transfers import Consultation, Handling, Talk, Transfer, TransferEnd


class Stage(StrEnum):
    """How far an interaction has come."""

    ARRIVED = "arrived"
    MENU = "menu"
    WAITING = "waiting"
    RINGING = "ringing"
    TALKING = "talking"
    SURVEY = "survey"
    """His agent has hung up, and he is asked what he thinks of it."""
    ENDED = "ended"


_S = Stage
_GOES_ON = frozenset({_S.MENU, _S.WAITING, _S.RINGING, _S.TALKING, _S.ENDED})

INTERACTION_TRANSITIONS: Mapping[Stage, frozenset[Stage]] = {
    _S.ARRIVED: _GOES_ON,
    _S.MENU: _GOES_ON - {_S.MENU},
    _S.WAITING: _GOES_ON - {_S.WAITING},
    _S.RINGING: _GOES_ON - {_S.RINGING},
    _S.TALKING: (_GOES_ON | {_S.SURVEY}) - {_S.TALKING},
    _S.SURVEY: _GOES_ON,
    _S.ENDED: frozenset(),
}
"""From each stage, the stages `apply` may lead to: what was missed while the server was away is skipped."""


class LegRole(StrEnum):
    """Whose channel a leg is."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One channel of the interaction."""

    leg_id: str
    role: LegRole
    channel: str
    agent_id: AgentId | None = None
    started_at: datetime
    ended_at: datetime | None = None
    cause: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuStep:
    """One choice the caller made on the way."""

    node: str
    key: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedNumber:
    """A number the caller typed; of a secret one there are no digits."""

    variable: str
    digits: str
    secret: bool = False
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyScore:
    """His answer to one question of a survey."""

    flow: str
    question: str
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenMessage:
    """A message he left for a queue; `file` is its name in the directory of recordings."""

    queue_id: QueueId
    file: str
    seconds: float
    left_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the caller has given with his keys and his voice."""

    typed: tuple[TypedNumber, ...] = ()
    """The last of each variable, in the order in which they were first typed."""
    verified: bool = False
    """He has proved who he is; `Interaction.customer_id` is who."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What the flow knows, as `ivr.carried` writes it: with it a flow goes on after a crash."""
    surveyed: str = ""
    """The flow that asked him after the talk."""
    scores: tuple[SurveyScore, ...] = ()
    messages: tuple[SpokenMessage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    """One offer of this interaction and how it ended."""

    offer_id: OfferId
    agent_id: AgentId
    queue_id: QueueId
    made_at: datetime
    reason: OfferReason
    ended_at: datetime | None = None
    outcome: OfferOutcome | None = None
    cause: OfferCause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When each stage began."""

    answered_at: datetime | None = None
    queued_at: datetime | None = None
    offered_at: datetime | None = None
    connected_at: datetime | None = None
    talk_ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """All that a place in a queue hangs on: with it, a server with an empty memory gives the place back."""

    queue_id: QueueId
    entered_at: datetime
    placed_at: datetime
    """When it came to this queue: its steps and its longest wait count from then."""
    base_priority: int = 0
    skills: tuple[SkillRequirement, ...] = ()
    traits: CallerTraits = A_STRANGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was expected of the wait when it began, in seconds; None: nobody was at work."""

    at: datetime
    position: int
    expected_seconds: float | None
    low_seconds: float | None
    high_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """How long the caller was on hold, and since when he is."""

    total: timedelta = timedelta()
    since: datetime | None = None
    times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One customer contact."""

    interaction_id: InteractionId
    media_type: str = VOICE
    direction: ev.Direction = ev.Direction.INBOUND
    started_at: datetime
    ended_at: datetime | None = None
    stage: Stage = Stage.ARRIVED
    outcome: ev.Outcome | None = None
    ani: Number
    dnis: str
    caller_name: str = ""
    trunk: str = ""
    flow: str | None = None
    flow_version: str | None = None
    node: str | None = None
    menu_path: tuple[MenuStep, ...] = ()
    given: Given = Given()
    language: str = ""
    queue_id: QueueId | None = None
    priority: int = 0
    placement: Placement | None = None
    forecast: Forecast | None = None
    callback: Callback | None = None
    """Of a callback: what it is about."""
    callback_id: InteractionId | None = None
    """Of a call whose caller chose to be called back: the callback."""
    hold: Hold = Hold()
    handling: Handling = field(default_factory=Handling)
    agent_id: AgentId | None = None
    customer_ids: tuple[CustomerId, ...] = ()
    customer_id: CustomerId | None = None
    times: Times = Times()
    hangup_side: ev.Side | None = None
    hangup_cause: int | None = None
    legs: tuple[Leg, ...] = ()
    offers: tuple[OfferRecord, ...] = ()
    disposition: str | None = None
    notes: str = ""

    def waited(self, now: datetime) -> timedelta:
        """From the queue's entry to the first talk or the end, or until `now`; and again after each transfer."""
        again = self.handling.waited_again(self.ended_at or now)
        if self.times.queued_at is None:
            return again
        first = self.handling.talks[0].since if self.handling.talks else self.times.connected_at
        return max((first or self.ended_at or now) - self.times.queued_at, timedelta()) + again

    def talked(self, now: datetime) -> timedelta:
        """All talks together, each from its begin to its end, or until `now`."""
        if self.handling.talks:
            return self.handling.talked(self.ended_at or now)
        if self.times.connected_at is None:
            return timedelta()
        until = self.times.talk_ended_at or self.ended_at or now
        return max(until - self.times.connected_at, timedelta())

    def open_offer(self) -> OfferRecord | None:
        """The offer that is still pending, if any."""
        return next((offer for offer in reversed(self.offers) if offer.ended_at is None), None)


def begin(event: ev.InteractionArrived) -> Interaction:
    """The record of a call that has just been seen; a callback has no channel yet."""
    first = Leg(leg_id=str(event.interaction_id), role=LegRole.CALLER, channel=event.channel, started_at=event.at)
    return Interaction(
        interaction_id=event.interaction_id,
        direction=event.direction,
        started_at=event.at,
        ani=event.ani,
        dnis=event.dnis,
        caller_name=event.caller_name,
        trunk=event.trunk,
        times=Times(answered_at=event.at),
        legs=(first,) if event.channel else (),
    )


def apply(record: Interaction, event: ev.InteractionEvent) -> Interaction:
    """The record after `event`; an event that does not change it gives it back as it was."""
    match event:
        case ev.CustomerMatched() | ev.InteractionAnnotated() | ev.LegStarted() | ev.LegEnded() | ev.WaitPredicted():
            return _describe(record, event)
        case (
            ev.SurveyAsked()
            | ev.SurveyAnswered()
            | ev.MessageLeft()
            | ev.CallerVerified()
            | ev.DigitsCollected()
            | ev.ValuesKept()
        ):
            is_asked = isinstance(event, ev.SurveyAsked) and record.stage is Stage.TALKING
            stage = Stage.SURVEY if is_asked else record.stage
            return replace(record, stage=stage, given=_give(record.given, event))
        case ev.OfferEnded():
            return _end_offer(record, event)
        case (
            ev.InteractionTransferred()
            | ev.TransferEnded()
            | ev.ConsultationStarted()
            | ev.ConsultationAnswered()
            | ev.ConsultationEnded()
        ):
            return replace(record, handling=_hand_on(record.handling, event))
        case _ if record.stage is Stage.ENDED:
            return record
        case ev.FlowStarted() | ev.NodeEntered() | ev.MenuChosen() | ev.LanguageChosen():
            return _walk_menu(record, event)
        case ev.InteractionQueued() | ev.OfferMade():
            return _route(record, event)
        case ev.InteractionEscalated() | ev.PriorityChanged() | ev.InteractionOverflowed():
            return _change_place(record, event)
        case ev.CallbackRequested() | ev.CustomerCalled() | ev.CustomerAnswered():
            return _call_back(record, event)
        case ev.InteractionConnected() | ev.HoldChanged() | ev.TalkEnded():
            return _talk(record, event)
        case ev.InteractionEnded():
            return replace(
                record,
                stage=Stage.ENDED,
                ended_at=event.at,
                outcome=event.outcome,
                hangup_side=_who_hung_up(record, event),
                hangup_cause=event.cause,
                hold=_held(record.hold, event.at, on_hold=False),
                handling=_at_the_end(record.handling, event),
                legs=tuple(leg if leg.ended_at else replace(leg, ended_at=event.at) for leg in record.legs),
            )
        case _:
            return record


def _who_hung_up(record: Interaction, event: ev.InteractionEnded) -> ev.Side | None:
    """Who ended the talk counts, not who then left a survey."""
    if record.given.surveyed and record.hangup_side is not None:
        return record.hangup_side
    return event.side or record.hangup_side


def _describe(
    record: Interaction,
    event: ev.CustomerMatched | ev.InteractionAnnotated | ev.LegStarted | ev.LegEnded | ev.WaitPredicted,
) -> Interaction:
    match event:
        case ev.WaitPredicted():
            forecast = Forecast(
                at=event.at,
                position=event.position,
                expected_seconds=event.expected_seconds,
                low_seconds=event.low_seconds,
                high_seconds=event.high_seconds,
            )
            return record if record.forecast is not None else replace(record, forecast=forecast)
        case ev.CustomerMatched():
            return replace(record, customer_ids=event.customer_ids, customer_id=event.customer_id)
        case ev.InteractionAnnotated():
            return replace(
                record,
                disposition=record.disposition if event.disposition is None else event.disposition,
                notes=record.notes if event.notes is None else event.notes,
                customer_id=record.customer_id if event.customer_id is None else event.customer_id,
            )
        case ev.LegStarted():
            if any(leg.leg_id == event.leg_id for leg in record.legs):
                return record
            leg = Leg(
                leg_id=event.leg_id,
                role=LegRole.CALLER if event.agent_id is None else LegRole.AGENT,
                channel=event.channel,
                agent_id=event.agent_id,
                started_at=event.at,
            )
            return replace(record, legs=(*record.legs, leg))
        case ev.LegEnded():
            return replace(
                record,
                legs=tuple(
                    replace(leg, ended_at=event.at, cause=event.cause) if leg.leg_id == event.leg_id else leg
                    for leg in record.legs
                ),
            )


def _walk_menu(
    record: Interaction, event: ev.FlowStarted | ev.NodeEntered | ev.MenuChosen | ev.LanguageChosen
) -> Interaction:
    match event:
        case ev.FlowStarted(aside=True) | ev.NodeEntered(aside=True):
            return record
        case ev.FlowStarted():
            return replace(record, stage=Stage.MENU, flow=event.flow, flow_version=event.flow_version)
        case ev.NodeEntered():
            return replace(record, stage=Stage.MENU, node=event.node)
        case ev.MenuChosen():
            step = MenuStep(node=event.node, key=event.key, label=event.label)
            return replace(record, menu_path=(*record.menu_path, step))
        case ev.LanguageChosen():
            return replace(record, language=event.language)


def _give(
    given: Given,
    event: ev.DigitsCollected | ev.ValuesKept | ev.CallerVerified | ev.SurveyAsked | ev.SurveyAnswered | ev.MessageLeft,
) -> Given:
    match event:
        case ev.DigitsCollected():
            entry = TypedNumber(variable=event.variable, digits=event.digits, secret=event.secret, label=event.label)
            typed = {known.variable: known for known in given.typed} | {event.variable: entry}
            return replace(given, typed=tuple(typed.values()))
        case ev.ValuesKept():
            return replace(given, values={**given.values, **event.values})
        case ev.CallerVerified():
            return replace(given, verified=True)
        case ev.SurveyAsked():
            return replace(given, surveyed=event.flow)
        case ev.SurveyAnswered():
            score = SurveyScore(flow=event.flow, question=event.question, score=event.score)
            scores = {(known.flow, known.question): known for known in given.scores}
            return replace(given, scores=tuple((scores | {(event.flow, event.question): score}).values()))
        case ev.MessageLeft():
            message = SpokenMessage(queue_id=event.queue_id, file=event.file, seconds=event.seconds, left_at=event.at)
            known_messages = {known.file: known for known in given.messages}
            return replace(given, messages=tuple((known_messages | {event.file: message}).values()))


def _route(record: Interaction, event: ev.InteractionQueued | ev.OfferMade) -> Interaction:
    match event:
        case ev.InteractionQueued():
            return replace(
                record,
                stage=Stage.WAITING,
                media_type=event.media_type,
                queue_id=event.queue_id,
                priority=event.priority,
                placement=Placement(
                    queue_id=event.queue_id,
                    entered_at=event.entered_at,
                    placed_at=event.placed_at or event.entered_at,
                    base_priority=event.base_priority,
                    skills=event.skills,
                    traits=event.traits,
                ),
                callback=event.callback or record.callback,
                times=replace(record.times, queued_at=record.times.queued_at or event.entered_at),
            )
        case ev.OfferMade(offer=offer):
            known = next((known for known in record.offers if known.offer_id == offer.offer_id), None)
            if known is not None:
                # Found ringing after a restart: it is no second offer, but it does ring.
                return record if known.ended_at is not None else replace(record, stage=Stage.RINGING)
            entry = OfferRecord(
                offer_id=offer.offer_id,
                agent_id=offer.agent_id,
                queue_id=offer.queue_id,
                made_at=offer.made_at,
                reason=offer.reason,
            )
            return replace(
                record,
                stage=Stage.RINGING,
                offers=(*record.offers, entry),
                times=replace(record.times, offered_at=record.times.offered_at or offer.made_at),
            )


def _talk(record: Interaction, event: ev.InteractionConnected | ev.HoldChanged | ev.TalkEnded) -> Interaction:
    match event:
        case ev.InteractionConnected():
            return replace(
                record,
                stage=Stage.TALKING,
                agent_id=event.agent_id,
                times=replace(record.times, connected_at=event.at, talk_ended_at=None),
                handling=_taken(record.handling, event),
            )
        case ev.HoldChanged():
            return replace(record, hold=_held(record.hold, event.at, on_hold=event.on_hold))
        case ev.TalkEnded():
            return replace(
                record,
                times=replace(record.times, talk_ended_at=event.at),
                hold=_held(record.hold, event.at, on_hold=False),
                handling=record.handling.end_talk(event.offer_id, event.at),
                hangup_side=event.side or record.hangup_side,
            )


def _taken(handling: Handling, event: ev.InteractionConnected) -> Handling:
    talk = Talk(agent_id=event.agent_id, offer_id=event.offer_id, queue_id=event.queue_id, since=event.at)
    handed = handling.open_transfer()
    if handed is not None and handed.offer_id != event.offer_id:
        handling = handling.end_transfer(TransferEnd.TAKEN, event.at)
    return handling.begin_talk(talk)


def _at_the_end(handling: Handling, event: ev.InteractionEnded) -> Handling:
    """Who was sent outside and spoken with there was taken; whoever else had nobody yet has left."""
    end = TransferEnd.TAKEN if event.outcome is ev.Outcome.TRANSFERRED_OUT else TransferEnd.LEFT
    ended = handling.end_transfer(end, event.at) if handling.open_transfer() is not None else handling
    return ended.end_talk(None, event.at)


def _hand_on(
    handling: Handling,
    event: ev.InteractionTransferred
    | ev.TransferEnded
    | ev.ConsultationStarted
    | ev.ConsultationAnswered
    | ev.ConsultationEnded,
) -> Handling:
    match event:
        case ev.InteractionTransferred():
            transfer = Transfer(
                transfer_id=event.transfer_id,
                at=event.at,
                agent_id=event.agent_id,
                offer_id=event.offer_id,
                target=event.target,
                note=event.note,
                consulted=event.consulted,
            )
            return handling.begin_transfer(transfer)
        case ev.TransferEnded():
            return handling.end_transfer(event.end, event.at)
        case ev.ConsultationStarted():
            begun = Consultation(
                consultation_id=event.consultation_id,
                agent_id=event.agent_id,
                target=event.target,
                note=event.note,
                began_at=event.at,
            )
            return handling.put_consultation(begun)
    known = next((one for one in handling.consultations if one.consultation_id == event.consultation_id), None)
    if known is None or known.ended_at is not None:
        return handling
    match event:
        case ev.ConsultationAnswered():
            return handling.put_consultation(replace(known, answered_at=known.answered_at or event.at))
        case ev.ConsultationEnded():
            return handling.put_consultation(replace(known, ended_at=event.at, end=event.end))


def _change_place(
    record: Interaction, event: ev.InteractionEscalated | ev.PriorityChanged | ev.InteractionOverflowed
) -> Interaction:
    if isinstance(event, ev.InteractionOverflowed):
        return replace(record, queue_id=record.queue_id or event.queue_id)
    placement = record.placement
    if isinstance(event, ev.PriorityChanged) and placement is not None:
        placement = replace(placement, base_priority=event.base_priority)
    return replace(record, priority=event.priority, placement=placement)


def _call_back(
    record: Interaction, event: ev.CallbackRequested | ev.CustomerCalled | ev.CustomerAnswered
) -> Interaction:
    match event:
        case ev.CallbackRequested():
            return replace(record, callback_id=event.callback_id)
        case _ if record.callback is None:
            return record
        case ev.CustomerCalled():
            return replace(record, callback=replace(record.callback, attempts=event.attempt, not_before=None))
        case ev.CustomerAnswered(answer=CustomerAnswer.ANSWERED):
            return replace(record, callback=replace(record.callback, answer=event.answer))
        case ev.CustomerAnswered():
            return replace(record, callback=replace(record.callback, not_before=event.next_at, answer=event.answer))


def _held(hold: Hold, at: datetime, *, on_hold: bool) -> Hold:
    if on_hold:
        return hold if hold.since is not None else replace(hold, since=at, times=hold.times + 1)
    if hold.since is None:
        return hold
    return replace(hold, since=None, total=hold.total + max(at - hold.since, timedelta()))


def _end_offer(record: Interaction, event: ev.OfferEnded) -> Interaction:
    """An offer of a record that has ended may end after it; that changes the offer alone."""
    offers = tuple(
        replace(offer, ended_at=event.at, outcome=event.outcome, cause=event.cause)
        if offer.offer_id == event.offer_id and offer.ended_at is None
        else offer
        for offer in record.offers
    )
    # The end of an offer from before a restart may be told while a later one rings.
    rings_on = any(offer.ended_at is None for offer in offers)
    stage = Stage.WAITING if record.stage is Stage.RINGING and not rings_on else record.stage
    return replace(record, offers=offers, stage=stage)


def outcome_of_hangup(record: Interaction) -> ev.Outcome:
    """What it means that the caller's leg is gone now."""
    waits_again = record.stage in (Stage.WAITING, Stage.RINGING) and bool(record.handling.transfers)
    if record.times.connected_at is not None and not waits_again:
        return ev.Outcome.ANSWERED
    if record.callback_id is not None:
        return ev.Outcome.CALLBACK_TAKEN
    if record.direction is ev.Direction.OUTBOUND:
        # A server that was killed as it had him called may have written nothing of it; the next one finds his leg.
        tried = record.callback is not None and record.callback.attempts > 0
        was_called = tried or any(leg.role is LegRole.CALLER for leg in record.legs)
        return ev.Outcome.NOT_REACHED if was_called else ev.Outcome.CALLED_OFF
    if record.given.messages:
        return ev.Outcome.MESSAGE_LEFT
    match record.stage:
        case Stage.RINGING:
            return ev.Outcome.ABANDONED_WHILE_RINGING
        case Stage.WAITING if record.offers and record.offers[-1].outcome is OfferOutcome.ABANDONED:
            return ev.Outcome.ABANDONED_WHILE_RINGING
        case Stage.WAITING:
            return ev.Outcome.ABANDONED_IN_QUEUE
        case _:
            return ev.Outcome.ABANDONED_IN_MENU
