"""Transfers: to whom an agent sends his caller on, and what of it stands in the record."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, TransferId


class TargetKind(StrEnum):
    """What a caller can be sent to."""

    AGENT = "agent"
    QUEUE = "queue"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTarget:
    """Where a caller is sent: `target` is an agent's id, a queue's id, or a number outside."""

    kind: TargetKind
    target: str


class TransferEnd(StrEnum):
    """What became of a transfer."""

    TAKEN = "taken"
    """Somebody took the caller: for a number outside it is told when the call ends."""
    CAME_BACK = "came_back"
    """The target did not take him, and he went back to who had sent him."""
    TO_QUEUE = "to_queue"
    """Neither the target nor who had sent him took him: he waits in the queue he came from."""
    LEFT = "left"
    """The caller hung up before anybody took him."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer in the record."""

    transfer_id: TransferId
    at: datetime
    agent_id: AgentId
    """Who sent the caller on."""
    offer_id: OfferId
    """The talk that he left for it."""
    target: TransferTarget
    note: str = ""
    consulted: bool = False
    """The target was spoken with first."""
    end: TransferEnd | None = None
    ended_at: datetime | None = None


class ConsultationEnd(StrEnum):
    """How a consultation ended."""

    COMPLETED = "completed"
    """The consulted one has the caller."""
    TAKEN_BACK = "taken_back"
    """The agent ended it, and has his caller again."""
    NOT_REACHED = "not_reached"
    """Nobody answered, or who was called declined."""
    CONSULTED_LEFT = "consulted_left"
    CALLER_LEFT = "caller_left"
    AGENT_LEFT = "agent_left"
    """The agent's phone was gone while nobody was on the line yet: the caller waits again, in the first place."""
    LOST = "lost"
    """Nobody saw the end: the server was away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """One consultation in the record; times are since the phone began to ring, the answer, and the end."""

    consultation_id: OfferId
    agent_id: AgentId
    target: TransferTarget
    note: str = ""
    began_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end: ConsultationEnd | None = None

    def lasted(self, now: datetime) -> timedelta:
        """From the first ring to the end, or until `now`."""
        return max((self.ended_at or now) - self.began_at, timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One agent's talk with the customer."""

    agent_id: AgentId
    offer_id: OfferId
    queue_id: QueueId | None
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """Who has had the customer, one after the other, and how he came from one to the next."""

    talks: tuple[Talk, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    consultations: tuple[Consultation, ...] = ()

    def begin_talk(self, talk: Talk) -> "Handling":
        """Somebody has him."""
        if self.talks and self.talks[-1].offer_id == talk.offer_id:
            return replace(self, talks=(*self.talks[:-1], replace(self.talks[-1], until=None)))
        return replace(self, talks=(*self.end_talk(None, talk.since).talks, talk))

    def end_talk(self, offer_id: OfferId | None, at: datetime) -> "Handling":
        """That talk is over, or with None whichever goes on."""
        talks = tuple(
            replace(talk, until=at) if talk.until is None and offer_id in (None, talk.offer_id) else talk
            for talk in self.talks
        )
        return replace(self, talks=talks)

    def open_transfer(self) -> Transfer | None:
        """The transfer of which nothing has become yet."""
        last = self.transfers[-1] if self.transfers else None
        return last if last is not None and last.end is None else None

    def begin_transfer(self, transfer: Transfer) -> "Handling":
        """Told again, it is the same."""
        if any(known.transfer_id == transfer.transfer_id for known in self.transfers):
            return self
        return replace(self, transfers=(*self.transfers, transfer))

    def end_transfer(self, end: TransferEnd, at: datetime) -> "Handling":
        """What became of the last one; of one that came back, what became of that."""
        last = self.transfers[-1] if self.transfers else None
        if last is None or last.end not in (None, TransferEnd.CAME_BACK) or last.end is end:
            return self
        if last.end is TransferEnd.CAME_BACK and end is not TransferEnd.TO_QUEUE:
            return self
        return replace(self, transfers=(*self.transfers[:-1], replace(last, end=end, ended_at=at)))

    def put_consultation(self, consultation: Consultation) -> "Handling":
        """Add it, or replace what is known of it."""
        others = {known.consultation_id: known for known in self.consultations}
        return replace(self, consultations=tuple((others | {consultation.consultation_id: consultation}).values()))

    def talked(self, now: datetime) -> timedelta:
        """All talks together."""
        return sum((max((talk.until or now) - talk.since, timedelta()) for talk in self.talks), timedelta())

    def waited_again(self, now: datetime) -> timedelta:
        """How long he waited for somebody after he had been sent on."""
        return sum(
            (
                max((_next_talk(self.talks, transfer.at) or transfer.ended_at or now) - transfer.at, timedelta())
                for transfer in self.transfers
                if not transfer.consulted
            ),
            timedelta(),
        )

    def consulted(self, now: datetime) -> timedelta:
        """How long he was on hold while others were asked."""
        return sum((one.lasted(now) for one in self.consultations), timedelta())


def _next_talk(talks: tuple[Talk, ...], after: datetime) -> datetime | None:
    return next((talk.since for talk in talks if talk.since >= after), None)


_ASKED = "asked:"


def asking_offer(consultation_id: OfferId) -> OfferId:
    """For the engine an agent who is asked is in a talk of its own, so that nothing else is offered to him."""
    return OfferId(f"{_ASKED}{consultation_id}")


def asking_interaction(consultation_id: OfferId, interaction_id: InteractionId) -> InteractionId:
    """That talk's interaction: no record has this id."""
    return InteractionId(f"{_ASKED}{consultation_id}/{interaction_id}")


def consultation_of(offer_id: OfferId | None) -> OfferId | None:
    """In which consultation an agent with this offer is asked; None where he is not."""
    if offer_id is None or not offer_id.startswith(_ASKED):
        return None
    return OfferId(offer_id.removeprefix(_ASKED))


def asked_about(interaction_id: InteractionId) -> InteractionId:
    """Whom an agent is asked about; of an ordinary interaction itself."""
    if not interaction_id.startswith(_ASKED):
        return interaction_id
    return InteractionId(interaction_id.removeprefix(_ASKED).partition("/")[2])
