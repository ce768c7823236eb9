"""What internal calls want of the exchange, and what it tells of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callcenter.domain.agents import Phone
from callcenter.domain.ids import AgentId, InternalCallId
from callcenter.domain.internal_calls import InternalCallEnd, InternalCallState


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalCall:
    """An internal call as its channel carries it, over restarts too; `call_id` is that channel's unique id."""

    call_id: InternalCallId
    caller_id: AgentId
    called_id: AgentId
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What each of the two phones shows of the other."""

    caller_name: str
    called_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInternalCall:
    """An internal call in the list of channels."""

    call: InternalCall
    state: InternalCallState


class InternalLine(Protocol):
    """Orders for internal calls."""

    def call(self, call: InternalCall, caller: Phone, called: Phone, shown: Shown) -> None:
        """Ring the caller's phone, and when he has answered the other's; raises `InvalidValue`, `Overloaded`."""
        ...

    def hang_up(self, call_id: InternalCallId) -> None:
        """End it for both; that it is over already is no error."""
        ...

    async def part(self, call_id: InternalCallId, lost: AgentId) -> None:
        """The phone of one of the two is gone for a moment: the other hears music; `Conflict` where he is gone too."""
        ...

    async def join(self, call_id: InternalCallId, lost: AgentId, phone: Phone, other_name: str) -> None:
        """Ring that phone again, for the same call; `Conflict` where the other is gone."""
        ...


class InternalReports(Protocol):
    """Whoever hears what becomes of internal calls; nothing but `found` waits."""

    def became(self, call_id: InternalCallId, state: InternalCallState) -> None:
        """The other's phone rings, or the two talk."""
        ...

    def gone(self, call_id: InternalCallId, end: InternalCallEnd) -> None:
        """It is over, or never was."""
        ...

    async def found(self, calls: Sequence[FoundInternalCall]) -> None:
        """All internal calls there are in a list of channels."""
        ...
