"""An agent, and the table of the states he can be in as far as voice goes; chats he holds besides (docs/acd.md).

Law: whatever is not in `AGENT_TRANSITIONS` raises `IllegalTransition`, and nothing happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from callcenter.domain.errors import IllegalTransition, InvalidValue
from callcenter.domain.ids import AgentId, QueueId, SkillId


class AgentState(StrEnum):
    """Where an agent stands."""

    LOGGED_OUT = "logged_out"
    READY = "ready"
    NOT_READY = "not_ready"
    OFFERED = "offered"
    TALKING = "talking"
    HOLD = "hold"
    """In a talk, with the caller on hold."""
    WRAP_UP = "wrap_up"
    INTERNAL_CALL = "internal_call"
    """He calls a colleague, or is called by one: from the first ring to the end."""


IN_TALK = frozenset({AgentState.TALKING, AgentState.HOLD})


_S = AgentState

AGENT_TRANSITIONS: Mapping[AgentState, frozenset[AgentState]] = {
    _S.LOGGED_OUT: frozenset({_S.NOT_READY, _S.TALKING}),
    _S.NOT_READY: frozenset({_S.READY, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING, _S.OFFERED, _S.INTERNAL_CALL}),
    _S.READY: frozenset({_S.OFFERED, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING, _S.INTERNAL_CALL}),
    _S.OFFERED: frozenset({_S.TALKING, _S.READY, _S.NOT_READY, _S.LOGGED_OUT, _S.WRAP_UP}),
    _S.TALKING: frozenset({_S.HOLD, _S.WRAP_UP, _S.READY, _S.NOT_READY, _S.LOGGED_OUT}),
    _S.HOLD: frozenset({_S.TALKING, _S.WRAP_UP, _S.READY, _S.NOT_READY, _S.LOGGED_OUT}),
    _S.WRAP_UP: frozenset({_S.READY, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING, _S.OFFERED, _S.INTERNAL_CALL}),
    _S.INTERNAL_CALL: frozenset({_S.READY, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING}),
}
"""From each state, the states an agent may go to. `* -> talking` is what a live bridge found at a resync says.

`not_ready -> offered`, `wrap_up -> offered` and `offered -> wrap_up` are for calls out alone."""


def check_agent_transition(agent_id: AgentId, old: AgentState, new: AgentState) -> None:
    """Raise `IllegalTransition` unless the table has the step."""
    if new not in AGENT_TRANSITIONS[old]:
        allowed = ", ".join(sorted(AGENT_TRANSITIONS[old]))
        raise IllegalTransition(f"agent {agent_id} is {old} and cannot become {new}; possible now: {allowed}")


class PhoneKind(StrEnum):
    """What rings when an interaction is offered to the agent."""

    SIP = "sip"
    BROWSER = "browser"
    ADDRESS = "address"
    OUTSIDE = "outside"


class PhoneStatus(StrEnum):
    """What Asterisk last said of the agent's phone."""

    FREE = "free"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """The agent's phone; `address` is a SIP address or a telephone number where the kind wants one."""

    kind: PhoneKind = PhoneKind.SIP
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePreference:
    """How an agent stands to one queue he serves."""

    priority: int = 0
    """Added to the priority of its callers when he chooses among all who wait for him."""
    delay: timedelta = timedelta()
    """He takes only those who have waited so long: a reserve for others."""

    def __post_init__(self) -> None:
        if self.delay < timedelta():
            raise InvalidValue("a preference's delay must not be negative")


VOICE = "voice"
CALLBACK = "callback"
CHAT = "chat"
EMAIL = "email"
ON_THE_PHONE = frozenset({VOICE, CALLBACK})
"""Media that need the agent's phone: he holds one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What an administrator sets about one agent."""

    agent_id: AgentId
    name: str
    skills: Mapping[SkillId, int] = field(default_factory=dict)
    phone: Phone = Phone()
    groups: frozenset[str] = frozenset()
    preferences: Mapping[QueueId, QueuePreference] = field(default_factory=dict)
    order: int = 0
    """His place where a queue rings in a fixed order; lower first."""
    weight: int = 1
    """His share where a queue goes by weight."""
    chats: int = 0
    """How many chats and mails he may hold at once."""
    voice_interrupts: bool = True
    """Whether calls are offered to him while he holds chats."""

    def __post_init__(self) -> None:
        if self.weight < 1 or self.chats < 0:
            raise InvalidValue(f"agent {self.agent_id}: his weight must be at least 1, his chats not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReadyReason:
    """A reason agents choose from, and how long it may last."""

    code: str
    limit: timedelta | None = None
    warn_before: timedelta = timedelta(minutes=1)
    """How long before the limit the agent is warned."""


class Reason(StrEnum):
    """Why an agent is not ready, where the server itself decided so; the others are the administrator's codes."""

    SIGNED_IN = "signed_in"
    RONA = "rona"
    REJECTED = "rejected"
    PHONE_BUSY = "phone_busy"
    PHONE_UNREACHABLE = "phone_unreachable"
    DESKTOP_LOST = "desktop_lost"
    PHONE_LOST = "phone_lost"
    """It was lost in a talk and did not come back."""
    FORCED = "forced"
    """A supervisor said so and gave no reason."""
