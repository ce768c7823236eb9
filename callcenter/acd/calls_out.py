"""Calls out: an agent asks for one, and it is offered to him at once, whatever the queues hold.

Law: a call out has one offer, its agent's; when that ends without a talk the interaction ends, and he is what he was.
"""

from datetime import datetime, timedelta

from callcenter.acd.matching import Matching
from callcenter.acd.picture import Picture
from callcenter.acd.queueing import Queueing
from callcenter.acd.roster import AgentRecord, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import RingAgent
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.errors import Conflict, Overloaded
from callcenter.domain.labels import Label
from callcenter.domain.offers import CALL_OUT, Offer, OfferReason, ReasonPart

MAY_CALL = frozenset({AgentState.READY, AgentState.NOT_READY, AgentState.WRAP_UP})
"""Outbound work is work too: who is not ready may do it. After-call work is broken off for it."""
BY_HIMSELF = OfferReason(
    text=Label(zh="坐席外呼", en="called out by the agent"), parts=(ReasonPart(name=CALL_OUT, value="true"),)
)


class CallsOut:
    """Begins calls out; all that follows is as for a callback whose agent is rung first."""

    def __init__(self, picture: Picture, steps: Steps, matching: Matching, queueing: Queueing) -> None:
        self.picture = picture
        self._steps = steps
        self._matching = matching
        self._queueing = queueing

    def begin(self, message: cmd.CallOut, now: datetime) -> list[Output]:
        """Ring the agent for it; raises `Conflict` or `Overloaded`, and then nothing has changed."""
        agent = self.picture.agent(message.agent_id)
        self._check(agent)
        left = None
        if agent.state is AgentState.WRAP_UP and agent.wrap_up_until is not None:
            left = max(agent.wrap_up_until - now, timedelta())
        then = _afterwards(agent)
        record, out = self._queueing.enter_call_out(message, now)
        offer = Offer(
            offer_id=self._matching.new_offer_id(agent, record, now),
            interaction_id=record.interaction_id,
            agent_id=agent.agent_id,
            queue_id=record.queue_id,
            made_at=now,
            reason=BY_HIMSELF,
        )
        out += self._steps.present(agent, record, offer, now)
        agent.wrap_up_left = left
        out += self._steps.wish(agent, then, now)
        ring = RingAgent(
            offer_id=offer.offer_id,
            interaction_id=offer.interaction_id,
            agent_id=agent.agent_id,
            phone=agent.phone,
            ring_timeout=self.picture.queue(record.queue_id).config.ring_timeout,
            customer_absent=True,
        )
        return [*out, ev.OfferMade(interaction_id=record.interaction_id, at=now, offer=offer), ring]

    def _check(self, agent: AgentRecord) -> None:
        if agent.state not in MAY_CALL:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; calls out are for who is ready, not ready or in wrap-up",
                code="agent_not_free",
            )
        if agent.phone_status not in (PhoneStatus.FREE, PhoneStatus.UNKNOWN):
            raise Conflict(
                f"the phone of agent {agent.agent_id} is {agent.phone_status}; it is rung first, so it must be free",
                code="phone_not_free",
            )
        if not self._matching.routing:
            raise Overloaded("the exchange is out of reach; try again in a moment", code="exchange_away")


def _afterwards(agent: AgentRecord) -> Wish | None:
    """What he is to be when the call is over and worked up."""
    if agent.state is AgentState.NOT_READY:
        return Wish(state=AgentState.NOT_READY, reason=agent.reason, by=agent.by)
    return agent.wish if agent.state is AgentState.WRAP_UP else None
