"""What the web adapter wants of the floor: the agent's desk and the supervisor's board.

Reading is at once and from memory; what changes something waits until it is done, and raises the domain's errors
when the answer is no.
"""

from typing import Protocol

from callcenter.app.views import AgentView, PopView, QueueView, WaitingView
from callcenter.domain.agents import AgentState, Phone
from callcenter.domain.ids import AgentId, CustomerId, InteractionId
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
