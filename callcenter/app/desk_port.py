"""What the web adapter wants of the floor: the agent's desk, the supervisor's board, and what he may do there.

Reading is at once and from memory; what changes something waits until it is done, and raises the domain's errors
when the answer is no.
"""

from datetime import timedelta
from typing import Protocol

from callcenter.acd.why import WaitingReason
from callcenter.app.customer_book import Merge
from callcenter.app.views import AgentView, PopView, QueueView, WaitingView
from callcenter.domain.agents import AgentState, Phone
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId
from callcenter.domain.interactions import Interaction


class AgentDesk(Protocol):
    """What an agent can see and do; every method raises `NotFound` for an agent that does not exist."""

    def agent(self, agent_id: AgentId) -> AgentView:
        """The agent as he stands now."""
        ...

    def pop(self, agent_id: AgentId) -> PopView | None:
        """The agent's screen pop: the offer, the talk or the wrap-up he is in; None when he is in none."""
        ...

    def interaction(self, interaction_id: InteractionId) -> Interaction | None:
        """An interaction that is alive or ended a moment ago, newer than what the store may know; else None."""
        ...

    async def sign_in(self, agent_id: AgentId) -> AgentView:
        """Put an agent who is `logged_out` into `not_ready(signed_in)`; leaves any other state as it is."""
        ...

    async def set_state(self, agent_id: AgentId, state: AgentState, reason: str | None) -> AgentView:
        """Set `ready`, `not_ready` or `logged_out`; in a talk keep it as the wish for after the talk.

        `reason` comes with `not_ready` alone and may be missing; one that is not configured raises `InvalidValue`.
        """
        ...

    async def set_phone(self, agent_id: AgentId, phone: Phone) -> AgentView:
        """Remember the phone (also over a restart) and ring it from the next offer on."""
        ...

    async def end_wrap_up(self, agent_id: AgentId, then: AgentState | None, reason: str | None) -> AgentView:
        """End after-call work; `then` None means what was wished during the talk, else ready."""
        ...

    async def extend_wrap_up(self, agent_id: AgentId, by: timedelta) -> AgentView:
        """Give the agent more time for after-call work; `Conflict` outside of it and beyond the queue's limit."""
        ...

    async def annotate(
        self,
        interaction_id: InteractionId,
        *,
        by: str,
        disposition: str | None,
        notes: str | None,
        customer_id: CustomerId | None,
    ) -> Interaction:
        """Write on a record, also on one that has ended; None leaves a field, an empty text clears it.

        `by` is the login name. Saying the same again changes nothing and writes nothing. The pops that show the
        interaction follow. Raises `NotFound` for an unknown interaction or customer, `InvalidValue` for a disposition
        that is not configured.
        """
        ...

    async def customer_changed(self, customer_id: CustomerId) -> None:
        """Make the pops that show this customer anew: someone edited him."""
        ...

    async def customers_merged(self, merge: Merge, *, by: str) -> None:
        """Two customers became one, or, when the merge is undone, two again: calls and pops that are alive follow."""
        ...

    async def desktop_lost(self, agent_id: AgentId) -> None:
        """The agent's screen is gone for longer than a page takes to reload: offer him nothing more."""
        ...

    async def desktop_back(self, agent_id: AgentId) -> None:
        """The screen that was reported lost is there again."""
        ...


class Board(Protocol):
    """What a supervisor sees; the same documents as on the live feed."""

    def queues(self) -> tuple[QueueView, ...]:
        """One row for each queue."""
        ...

    def agents(self) -> tuple[AgentView, ...]:
        """Every agent."""
        ...

    def waiting(self) -> tuple[WaitingView, ...]:
        """Everyone who waits, by queue and position."""
        ...


class Supervisor(Protocol):
    """What a supervisor does about callers, agents and queues; `by` is his login name, and all of it is audited.

    Every method raises `NotFound` for what is not there, `Conflict` for what does not fit now.
    """

    def why_waiting(self, interaction_id: InteractionId) -> WaitingReason:
        """Why this caller is still waiting; `NotFound` (`not_waiting`) when he does not wait."""
        ...

    async def set_priority(self, interaction_id: InteractionId, priority: int, *, by: str) -> WaitingView | None:
        """Give a waiting caller another priority; None when he waits no more by the time it was done."""
        ...

    async def move(self, interaction_id: InteractionId, queue_id: QueueId, *, by: str) -> WaitingView | None:
        """Put a waiting caller into another queue, with his age."""
        ...

    async def pick(
        self, interaction_id: InteractionId, agent_id: AgentId, *, within: timedelta | None, by: str
    ) -> WaitingView | None:
        """Keep a waiting caller for one agent, whose next he is."""
        ...

    async def cancel_callback(self, interaction_id: InteractionId, *, by: str) -> None:
        """Take a waiting callback off; `Conflict` (`not_a_callback`) for one who is on the line."""
        ...

    async def force_state(self, agent_id: AgentId, state: AgentState, reason: str | None, *, by: str) -> AgentView:
        """Put an agent into `ready`, `not_ready` or `logged_out`; in a talk, after it."""
        ...

    async def close_queues(self, queue_ids: tuple[QueueId, ...] | None, *, by: str) -> tuple[QueueView, ...]:
        """Close these queues, None all of them, in an emergency; one that is closed already stays as it is."""
        ...

    async def open_queues(self, queue_ids: tuple[QueueId, ...] | None, *, by: str) -> tuple[QueueView, ...]:
        """End the emergency in these queues, None in all of them."""
        ...
