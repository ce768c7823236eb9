"""An agent's phone in the browser that was lost in a talk, and comes back: the page was loaded anew, or crashed.

Law: the talk stays the talk it was (its interaction, its offer, its begin); the caller hears music until the phone is
back, and nobody else is given him meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from callcenter.acd.picture import Picture
from callcenter.app.floor import caller_leg
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import Interaction


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

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Live interactions."""
        ...


class Rejoining:
    """What the page says of its phone."""

    def __init__(self, *, floor: TalkingFloor, line: RejoinLine) -> None:
        self._floor = floor
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

    def _talk_of(self, agent_id: AgentId) -> PartedTalk | None:
        agent = self._floor.picture.agent(agent_id)
        record = self._floor.interactions.get(agent.interaction_id) if agent.interaction_id is not None else None
        caller = caller_leg(record) if record is not None else None
        is_here = agent.in_talk and agent.phone.kind is PhoneKind.BROWSER
        if not is_here or record is None or caller is None or agent.offer_id is None:
            return None
        return PartedTalk(
            offer_id=agent.offer_id,
            interaction_id=record.interaction_id,
            agent_id=agent_id,
            caller_id=caller.leg_id,
            phone=agent.phone,
            shown_number=record.ani.e164 or record.ani.raw,
            shown_name=record.caller_name,
        )
