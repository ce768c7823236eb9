"""What transfers want of the exchange, and what it tells of consultations."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from callcenter.app.call_state import CallState
from callcenter.domain.agents import Phone
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.transfers import ConsultationEnd, TransferTarget


class ConsultationState(StrEnum):
    """Who talks with whom."""

    RINGING = "ringing"
    CONSULTED = "consulted"
    """The agent with whom he asks; the caller hears music."""
    CALLER = "caller"
    """The agent with his caller; the one who is asked hears music."""
    TOGETHER = "together"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultCall:
    """A consultation as its channels carry it, over restarts too.

    `consultation_id` is the unique id of the channel that is called, `offer_id` of the agent's, `caller_id` of the
    caller's.
    """

    consultation_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId
    offer_id: OfferId
    caller_id: str
    target: TransferTarget
    asked_id: AgentId | None
    """The agent who is asked: of a queue the one who is free; None for a number outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundConsultation:
    """A consultation in the list of channels."""

    call: ConsultCall
    state: ConsultationState


class SendLine(Protocol):
    """Sending callers on, and orders for consultations.

    Each raises `Conflict` where the caller is gone, `Overloaded` while the exchange is out of reach.
    """

    async def send(self, caller_leg_id: str, state: CallState) -> None:
        """Take the caller out of his talk: his channel asks what is next, with this state; the agent's hangs up."""
        ...

    async def ask(self, call: ConsultCall, phone: Phone | None, shown: str, state: CallState) -> None:
        """Hold the caller and call whoever is asked; `state` is what the caller goes on with should all others go."""
        ...

    async def to_caller(self, call: ConsultCall) -> None:
        """The agent talks with his caller, the one who is asked hears music."""
        ...

    async def to_consulted(self, call: ConsultCall, now: ConsultationState) -> None:
        """The agent talks with whom he asks, the caller hears music; `now` is how they stand."""
        ...

    async def together(self, call: ConsultCall, now: ConsultationState) -> None:
        """All three hear each other."""
        ...

    async def take_back(self, call: ConsultCall, now: ConsultationState) -> None:
        """The agent has his caller again, and nobody is asked any more."""
        ...

    async def leave(self, call: ConsultCall) -> None:
        """The agent's phone is hung up: who was asked has the caller."""
        ...

    def end(self, call: ConsultCall) -> None:
        """Hang up whom it was about; that they are gone already is no error."""
        ...


class ConsultReports(Protocol):
    """Whoever hears what becomes of consultations; nothing but `found` waits."""

    def became(self, consultation_id: OfferId, state: ConsultationState) -> None:
        """Who talks with whom has changed."""
        ...

    def took(self, consultation_id: OfferId) -> None:
        """Who was asked is being joined with the caller."""
        ...

    def gone(self, consultation_id: OfferId, end: ConsultationEnd) -> None:
        """The channel that was called is gone, or never was."""
        ...

    async def found(self, consultations: Sequence[FoundConsultation]) -> None:
        """All consultations there are in a list of channels."""
        ...
