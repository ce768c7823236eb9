"""The agent's desk and the supervisor's board on top of the floor."""

from collections.abc import Sequence
from datetime import timedelta

from callcenter.app.customer_book import Merge
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Adopt
from callcenter.app.ports import Clock, Configuration, CustomerCard, Customers, Journal, Records
from callcenter.app.screens import Screens
from callcenter.app.views import AgentView, PopView, QueueView, WaitingView
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneKind, Reason
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId
from callcenter.domain.interactions import Interaction

DURABLE_WITHIN = timedelta(seconds=2)
"""How long a change of state waits for the disk; after it the journal's own spill keeps it."""
NO_REASON = "unspecified"


class Desk:
    """Implements `AgentDesk` and `Board` (app/desk_port.py)."""

    def __init__(
        self,
        *,
        floor: Floor,
        screens: Screens,
        memory: CustomerMemory,
        journal: Journal,
        records: Records,
        customers: Customers,
        configuration: Configuration,
        clock: Clock,
    ) -> None:
        self._floor = floor
        self._screens = screens
        self._memory = memory
        self._journal = journal
        self._records = records
        self._customers = customers
        self._configuration = configuration
        self._clock = clock

    # ---- the agent's desk

    def agent(self, agent_id: AgentId) -> AgentView:
        """The agent as he stands now."""
        return self._screens.agent_view(agent_id)

    def pop(self, agent_id: AgentId) -> PopView | None:
        """The agent's screen pop."""
        return self._screens.pop_view(agent_id)

    def interaction(self, interaction_id: InteractionId) -> Interaction | None:
        """An interaction that is alive or ended a moment ago."""
        return self._floor.interactions.get(interaction_id)

    async def sign_in(self, agent_id: AgentId) -> AgentView:
        """Put an agent who is `logged_out` into `not_ready(signed_in)`."""
        await self._floor.request(cmd.LogIn(agent_id=agent_id))
        return await self._settled(agent_id)

    async def set_state(self, agent_id: AgentId, state: AgentState, reason: str | None) -> AgentView:
        """Set `ready`, `not_ready` or `logged_out`; in a talk keep it as the wish for after the talk.

        Who is `logged_out` and wants one of the others begins his work with it.
        """
        is_logged_out = self._floor.picture.agent(agent_id).state is AgentState.LOGGED_OUT
        match state:
            case AgentState.READY:
                if is_logged_out:
                    await self._floor.request(cmd.LogIn(agent_id=agent_id))
                await self._floor.request(cmd.SetReady(agent_id=agent_id))
            case AgentState.NOT_READY:
                checked = await self._checked_reason(reason)
                if is_logged_out:
                    await self._floor.request(cmd.LogIn(agent_id=agent_id))
                await self._floor.request(cmd.SetNotReady(agent_id=agent_id, reason=checked))
            case AgentState.LOGGED_OUT:
                await self._floor.request(cmd.LogOut(agent_id=agent_id))
            case _:
                raise InvalidValue(
                    f"nobody can be put into {state}; possible are ready, not_ready and logged_out",
                    code="invalid_state",
                )
        return await self._settled(agent_id)

    async def set_phone(self, agent_id: AgentId, phone: Phone) -> AgentView:
        """Remember the phone and ring it from the next offer on."""
        if phone.kind in (PhoneKind.ADDRESS, PhoneKind.OUTSIDE) and not phone.address:
            raise InvalidValue(f"a phone of kind {phone.kind} needs an address", code="invalid_phone_address")
        if phone.kind in (PhoneKind.SIP, PhoneKind.BROWSER):
            phone = Phone(kind=phone.kind)
        self._floor.picture.agent(agent_id)
        await self._configuration.set_agent_phone(agent_id, phone)
        await self._floor.request(cmd.ChangePhone(agent_id=agent_id, phone=phone))
        return await self._settled(agent_id)

    async def end_wrap_up(self, agent_id: AgentId, then: AgentState | None, reason: str | None) -> AgentView:
        """End after-call work."""
        if then is AgentState.NOT_READY:
            reason = await self._checked_reason(reason)
        await self._floor.request(cmd.EndWrapUp(agent_id=agent_id, then=then, reason=reason))
        return await self._settled(agent_id)

    async def extend_wrap_up(self, agent_id: AgentId, by: timedelta) -> AgentView:
        """Give the agent more time for after-call work."""
        await self._floor.request(cmd.ExtendWrapUp(agent_id=agent_id, by=by))
        return await self._settled(agent_id)

    async def annotate(
        self,
        interaction_id: InteractionId,
        *,
        by: str,
        disposition: str | None,
        notes: str | None,
        customer_id: CustomerId | None,
    ) -> Interaction:
        """Write on a record, also on one that has ended; None leaves a field, an empty text clears it."""
        record = await self._live_or_stored(interaction_id)
        if disposition:
            await self._check_disposition(disposition)
        same = (
            (disposition is None or disposition == (record.disposition or ""))
            and (notes is None or notes == record.notes)
            and (customer_id is None or customer_id == record.customer_id)
        )
        if same:
            return record
        if customer_id is not None:
            await self._attach(interaction_id, customer_id)
        await self._floor.request(
            ev.InteractionAnnotated(
                interaction_id=interaction_id,
                at=self._clock.now(),
                by=by,
                disposition=disposition,
                notes=notes,
                customer_id=customer_id,
            )
        )
        await self._journal.flushed(DURABLE_WITHIN)
        return self._floor.interactions[interaction_id]

    async def customer_changed(self, customer_id: CustomerId) -> None:
        """Make the pops that show this customer anew."""
        for interaction_id in list(self._floor.interactions):
            cards = self._memory.cards(interaction_id)
            if any(card.customer.customer_id == customer_id for card in cards):
                await self._show_anew(interaction_id, [card.customer.customer_id for card in cards])

    async def customers_merged(self, merge: Merge, *, by: str) -> None:
        """Two customers became one, or, when the merge is undone, two again: calls and pops that are alive follow."""
        is_undone = merge.undone_at is not None
        old, new = merge.merged_id, merge.survivor_id
        if is_undone:
            old, new = new, old
        for interaction_id in list(self._floor.interactions):
            known = [card.customer.customer_id for card in self._memory.cards(interaction_id)]
            record = self._floor.interactions.get(interaction_id)
            if record is None or not {old, new} & {*known, record.customer_id}:
                continue
            was_moved = record.customer_id == old and (not is_undone or interaction_id in merge.interactions)
            shown = await self._show_anew(interaction_id, [*known, new] if was_moved else known)
            chosen = new if was_moved else None
            if record.customer_id is None and len(known) > 1 and len(shown) == 1:
                # The agent had to choose between the two; there is nothing to choose any more.
                chosen = shown[0].customer.customer_id
            if chosen is not None:
                await self._floor.request(
                    ev.InteractionAnnotated(
                        interaction_id=interaction_id,
                        at=self._clock.now(),
                        by=by,
                        disposition=None,
                        notes=None,
                        customer_id=chosen,
                    )
                )

    async def desktop_lost(self, agent_id: AgentId) -> None:
        """The agent's screen is gone: offer him nothing more."""
        agent = self._floor.picture.agent(agent_id)
        # Who wishes to go after his talk goes then anyway, and for his own reason.
        if agent.wish is None and agent.state not in (AgentState.LOGGED_OUT, AgentState.NOT_READY):
            await self._floor.request(cmd.SetNotReady(agent_id=agent_id, reason=Reason.DESKTOP_LOST))

    async def desktop_back(self, agent_id: AgentId) -> None:
        """The screen that was reported lost is there again: what was wished only because of that is taken back."""
        agent = self._floor.picture.agent(agent_id)
        if agent.wish is not None and agent.wish.reason == Reason.DESKTOP_LOST:
            await self._floor.request(cmd.SetReady(agent_id=agent_id))

    # ---- the board

    def queues(self) -> tuple[QueueView, ...]:
        """One row for each queue."""
        return tuple(self._screens.queue_view(queue_id) for queue_id in self._screens.queue_ids())

    def agents(self) -> tuple[AgentView, ...]:
        """Every agent."""
        return tuple(self._screens.agent_view(agent_id) for agent_id in sorted(self._floor.picture.agents))

    def waiting(self) -> tuple[WaitingView, ...]:
        """Everyone who waits, by queue and position."""
        queues = self._screens.queue_ids()
        return tuple(view for queue_id in queues for view in self._screens.waiting_views(queue_id))

    # ---- inside

    async def _show_anew(
        self, interaction_id: InteractionId, customer_ids: Sequence[CustomerId]
    ) -> tuple[CustomerCard, ...]:
        """Fetch these cards again, each customer once, for two may have become one."""
        cards = [await self._customers.card(customer_id) for customer_id in customer_ids]
        fresh = tuple({card.customer.customer_id: card for card in cards if card is not None}.values())
        self._memory.keep(interaction_id, fresh)
        self._screens.refresh_interaction(interaction_id)
        return fresh

    async def _settled(self, agent_id: AgentId) -> AgentView:
        await self._journal.flushed(DURABLE_WITHIN)
        return self._screens.agent_view(agent_id)

    async def _checked_reason(self, reason: str | None) -> str:
        if reason is None:
            return NO_REASON
        known = {item.code for item in await self._configuration.reasons()}
        if reason not in known:
            raise InvalidValue(
                f"there is no reason {reason!r}; known: {', '.join(sorted(known))}", code="unknown_reason"
            )
        return reason

    async def _check_disposition(self, disposition: str) -> None:
        known = {item.code for item in await self._configuration.dispositions()}
        if disposition not in known:
            raise InvalidValue(
                f"there is no disposition {disposition!r}; known: {', '.join(sorted(known))}",
                code="unknown_disposition",
            )

    async def _live_or_stored(self, interaction_id: InteractionId) -> Interaction:
        record = self._floor.interactions.get(interaction_id)
        if record is None:
            record = await self._records.interaction(interaction_id)
            if record is None:
                raise NotFound(f"there is no interaction {interaction_id}", code="unknown_interaction")
            await self._floor.request(Adopt(interaction=record))
        return record

    async def _attach(self, interaction_id: InteractionId, customer_id: CustomerId) -> None:
        card = await self._customers.card(customer_id)
        if card is None:
            raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
        # The others who share the number stay to choose from; the chosen one is marked on the record.
        others = [c for c in self._memory.cards(interaction_id) if c.customer.customer_id != customer_id]
        self._memory.keep(interaction_id, (card, *others))
