"""Internal calls: one of the house calls another; no customer is in it, and no record is made of it."""

from enum import StrEnum

from callcenter.domain.ids import InteractionId, InternalCallId


class InternalCallState(StrEnum):
    """How far an internal call is."""

    RINGING_CALLER = "ringing_caller"
    """The phone of who calls rings first."""
    RINGING = "ringing"
    """He is on the line and hears the other's phone ring."""
    TALKING = "talking"
    ENDED = "ended"


class InternalCallEnd(StrEnum):
    """How an internal call ended."""

    TALKED = "talked"
    REJECTED = "rejected"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    """The other's phone could not be rung."""
    OWN_PHONE = "own_phone"
    """The phone of who calls was not answered: nobody was called."""
    CALLED_OFF = "called_off"
    """Who calls gave it up while it rang."""
    LOST = "lost"
    """Nobody saw the end: the server was away."""


_INTERNAL = "internal:"


def internal_interaction(call_id: InternalCallId) -> InteractionId:
    """What the two agents hold for the engine meanwhile: no record has this id."""
    return InteractionId(f"{_INTERNAL}{call_id}")


def internal_call_of(interaction_id: InteractionId | None) -> InternalCallId | None:
    """Which internal call an agent is in who holds this; None where it is none."""
    if interaction_id is None or not interaction_id.startswith(_INTERNAL):
        return None
    return InternalCallId(interaction_id.removeprefix(_INTERNAL))
