"""An agent's phone in the browser that was lost in a talk, and comes back: the page was loaded anew, or crashed.

Law: the talk stays the talk it was (its interaction, its offer, its begin); the caller hears music until the phone is
back, and nobody else is given him meanwhile. Is it not back in time, he has the first place of the queue he came from.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from callcenter.acd.picture import Picture
from callcenter.app.call_state import CallState
from callcenter.app.transfers import OwnTalk
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import AgentId, InteractionId, OfferId

REJOIN_LIMIT = timedelta(seconds=30)
"""So long the caller hears music for his agent; it is the end of their talk, not waiting."""
DESK_PHONE_LIMIT = timedelta(seconds=3)
"""A desk phone is not rung anew: the time it takes to say what is next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedTalk:
    """A talk and the two channels of it: the agent's has the offer's id, `caller_id` is the caller's."""

    offer_id: OfferId
    interaction_id: InteractionId
    agent_id: AgentId
    caller_id: str
    phone: Phone
    shown_number: str
    shown_name: str
    next_state: CallState
    """What the caller goes on with should the phone not come back."""


class RejoinLine(Protocol):
    """Orders to the exchange; both raise `Conflict` where the caller is gone or the exchange cannot be asked."""

    async def part(self, talk: PartedTalk) -> None:
        """Let the caller hear music; the agent's channel ends, the talk does not."""
        ...

    async def join(self, talk: PartedTalk) -> None:
        """Ring the agent's phone again, for the same talk; returns when that is ordered."""
        ...


class TalkingFloor(Protocol):
    """What is read of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...


class Talks(Protocol):
    """What is asked of the talks that agents have (`Transfers`)."""

    def talk_of(self, agent_id: AgentId) -> OwnTalk:
        """The agent's talk with a caller; raises `Conflict`."""
        ...

    def state_for_front(self, talk: OwnTalk) -> CallState:
        """What the caller's channel carries on the way to the first place of his queue."""
        ...


class Rejoining:
    """What the page says of its phone, and what the exchange says of one that fell silent."""

    def __init__(self, *, floor: TalkingFloor, talks: Talks, line: RejoinLine) -> None:
        self._floor = floor
        self._talks = talks
        self._line = line

    async def away(self, agent_id: AgentId) -> None:
        """The page goes away with the talk on it: the caller is not left in silence. Without such a talk, nothing."""
        talk = self._talk_of(agent_id)
        if talk is not None:
            await self._line.part(talk)

    async def back(self, agent_id: AgentId) -> None:
        """The page is here again, registered and without the talk: ring it for it. `Conflict` without such a talk."""
        talk = self._talk_of(agent_id)
        if talk is None:
            raise Conflict(f"agent {agent_id} is in no talk over the phone in his browser", code="not_in_talk")
        await self._line.join(talk)

    def lost(self, offer_id: OfferId) -> PartedTalk | None:
        """The talk, over whatever phone, that the caller waits in, its phone having fallen silent; None without one."""
        agent_id = self._floor.picture.talks.get(offer_id)
        return self._parted(agent_id) if agent_id is not None else None

    def _talk_of(self, agent_id: AgentId) -> PartedTalk | None:
        is_here = self._floor.picture.agent(agent_id).phone.kind is PhoneKind.BROWSER
        return self._parted(agent_id) if is_here else None

    def _parted(self, agent_id: AgentId) -> PartedTalk | None:
        try:
            talk = self._talks.talk_of(agent_id)
        except Conflict:
            return None
        phone = self._floor.picture.agent(agent_id).phone
        state = self._talks.state_for_front(talk)
        if state.entered_at is not None:
            # It is read when the time is over, and not before: the talk lasts till then, and nothing is counted twice.
            limit = REJOIN_LIMIT if phone.kind is PhoneKind.BROWSER else DESK_PHONE_LIMIT
            state = replace(state, entered_at=state.entered_at + limit)
        return PartedTalk(
            offer_id=talk.offer_id,
            interaction_id=talk.record.interaction_id,
            agent_id=agent_id,
            caller_id=talk.caller_leg_id,
            phone=phone,
            shown_number=talk.record.ani.e164 or talk.record.ani.raw,
            shown_name=talk.record.caller_name,
            next_state=state,
        )
