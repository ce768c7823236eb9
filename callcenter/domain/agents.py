"""An agent, and the table of the states he can be in.

Law: whatever is not in `AGENT_TRANSITIONS` raises `IllegalTransition`, and nothing happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callcenter.domain.errors import IllegalTransition
from callcenter.domain.ids import AgentId, SkillId


class AgentState(StrEnum):
    """Where an agent stands; `talking` covers hold."""

    LOGGED_OUT = "logged_out"
    READY = "ready"
    NOT_READY = "not_ready"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


_S = AgentState

AGENT_TRANSITIONS: Mapping[AgentState, frozenset[AgentState]] = {
    _S.LOGGED_OUT: frozenset({_S.NOT_READY, _S.TALKING}),
    _S.NOT_READY: frozenset({_S.READY, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING}),
    _S.READY: frozenset({_S.OFFERED, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING}),
    _S.OFFERED: frozenset({_S.TALKING, _S.READY, _S.NOT_READY, _S.LOGGED_OUT}),
    _S.TALKING: frozenset({_S.WRAP_UP, _S.READY, _S.NOT_READY, _S.LOGGED_OUT}),
    _S.WRAP_UP: frozenset({_S.READY, _S.NOT_READY, _S.LOGGED_OUT, _S.TALKING}),
}
"""From each state, the states an agent may go to. `* -> talking` is what a live bridge found at a resync says."""


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
class AgentConfig:
    """What an administrator sets about one agent."""

    agent_id: AgentId
    name: str
    skills: Mapping[SkillId, int] = field(default_factory=dict)
    phone: Phone = Phone()


class Reason(StrEnum):
    """Why an agent is not ready, where the server itself decided so; the others are the administrator's codes."""

    SIGNED_IN = "signed_in"
    RONA = "rona"
    REJECTED = "rejected"
    PHONE_BUSY = "phone_busy"
    PHONE_UNREACHABLE = "phone_unreachable"
    DESKTOP_LOST = "desktop_lost"
