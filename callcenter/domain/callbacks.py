"""A callback that keeps its place: the caller has hung up, his interaction goes on waiting and he is called in turn."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId


class CalledFirst(StrEnum):
    """Who is rung first when a callback's turn comes."""

    AGENT = "agent"
    CUSTOMER = "customer"


class Presence(StrEnum):
    """Whether the customer of a waiting callback is on the line."""

    ABSENT = "absent"
    CALLING = "calling"
    PRESENT = "present"


class CustomerAnswer(StrEnum):
    """What became of one attempt to reach the customer."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRules:
    """How a queue calls back."""

    first: CalledFirst = CalledFirst.AGENT
    attempts: int = 3
    """How often the customer is tried before the callback ends in vain."""
    retry_busy_after: timedelta = timedelta(minutes=2)
    retry_no_answer_after: timedelta = timedelta(minutes=15)
    ring_timeout: timedelta = timedelta(seconds=30)
    """How long the customer's phone rings."""
    lead: int = 1
    """Customer first: he is called when he is among the next so many of his queue, or an agent is free for him."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.lead < 1:
            raise InvalidValue("a callback needs at least one attempt and a lead of at least 1")
        if min(self.retry_busy_after, self.retry_no_answer_after, self.ring_timeout) <= timedelta():
            raise InvalidValue("the times of a callback must be longer than zero")


USUAL_CALLBACK = CallbackRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What one callback is about; kept on the interaction's record."""

    number: str
    """Where the customer wants to be called, as it can be dialled."""
    requested_at: datetime
    origin_id: str | None = None
    """The interaction in which he asked for it."""
    not_before: datetime | None = None
    """The time he chose, or the next attempt's."""
    attempts: int = 0
    """Attempts that have been made."""
    called_by: AgentId | None = None
    """The agent who calls out by himself: he alone is rung, and the number is tried once."""
    answer: CustomerAnswer | None = None
    """What became of the last attempt."""

    def tried(self) -> "Callback":
        """As it is when one more attempt begins."""
        return replace(self, attempts=self.attempts + 1, not_before=None)
