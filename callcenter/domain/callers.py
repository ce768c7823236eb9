"""What of a caller counts in routing: how much the business values him, and whom he would like to talk to."""

from dataclasses import dataclass

from callcenter.domain.ids import AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTraits:
    """What is known of a caller when he enters a queue; everything is empty for a stranger."""

    customer_class: str = ""
    """The customer's class of value, A, B or C."""
    open_complaint: bool = False
    language: str = ""
    last_agent_id: AgentId | None = None
    """Who served him the last time."""
    account_manager_id: AgentId | None = None
    transferred: bool = False
    """A colleague who had him has sent him on."""
    segments: tuple[str, ...] = ()
    """Those of the segments named by queues that he is in."""


A_STRANGER = CallerTraits()
