"""Internal calls: two agents who are with each other, so that neither is offered anything.

Law: an internal call makes no offer and no interaction; when it ends each is what he was, or what he asked for since.
Who calls in his after-call work stays in it: it is about that customer, and does not end while the two talk.
"""

from datetime import datetime, timedelta

from callcenter.acd.deadlines import DeadlineKind
from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import InternalCallId
from callcenter.domain.internal_calls import internal_interaction

FREE = frozenset({AgentState.READY, AgentState.NOT_READY})
"""Who may be called, and call: whoever is on a break decides for himself whether he takes it."""
MAY_CALL = FREE | {AgentState.WRAP_UP}
"""Who asks about a customer does it best before he is done with him; nobody rings him then."""
WRITES_UP = timedelta(seconds=15)
"""So much of his after-call work is left to him at least when the call is over."""


class InternalCalls:
    """Puts two agents into an internal call, and takes them out of it."""

    def __init__(self, picture: Picture, steps: Steps) -> None:
        self.picture = picture
        self._steps = steps

    def begin(self, message: cmd.BeginInternalCall, now: datetime) -> list[Output]:
        """Both are busy from here on; raises `Conflict` or `InvalidValue`, and then nothing has changed."""
        both = [self.picture.agent(message.caller_id), self.picture.agent(message.called_id)]
        if message.caller_id == message.called_id:
            raise InvalidValue(f"agent {message.caller_id} cannot call himself", code="own_phone")
        if message.found:
            both = [agent for agent in both if agent.state in MAY_CALL]
        else:
            self._check_caller(both[0])
            self._check_called(both[1])
        out: list[Output] = []
        for agent in both:
            if agent.state is AgentState.WRAP_UP:
                agent.aside = message.call_id
            else:
                out += self._enter(agent, message.call_id, _afterwards(agent), now)
        return out

    def go_on(self, agent: AgentRecord, then: Wish | None, now: datetime) -> list[Output]:
        """He ends his after-call work and talks on with his colleague; `then` holds when they are done."""
        if agent.aside is None:
            raise RuntimeError(f"agent {agent.agent_id} calls nobody in his after-call work")
        return self._enter(agent, agent.aside, then, now)

    def keep_wrap_up(self, agent: AgentRecord, now: datetime) -> list[Output]:
        """The time of his after-call work is over, or nearly, and he is not done: a little more."""
        until = now + WRITES_UP
        if agent.wrap_up_until is not None and agent.wrap_up_until >= until:
            return []
        agent.wrap_up_until = until
        self._steps.deadlines.arm(DeadlineKind.WRAP_UP, agent.agent_id, until)
        return [ev.WrapUpExtended(agent_id=agent.agent_id, at=now, wrap_up_until=until)]

    def end(self, call_id: InternalCallId, now: datetime) -> list[Output]:
        """Whoever is still in that call is out of it."""
        interaction_id = internal_interaction(call_id)
        out: list[Output] = []
        for agent in self.picture.agents.values():
            if agent.state is AgentState.INTERNAL_CALL and agent.interaction_id == interaction_id:
                out += self._steps.after_work(agent, now)
            elif agent.aside == call_id:
                agent.aside = None
                out += self.keep_wrap_up(agent, now)
        return out

    def _enter(self, agent: AgentRecord, call_id: InternalCallId, then: Wish | None, now: datetime) -> list[Output]:
        held = internal_interaction(call_id)
        out = self._steps.become(agent, AgentState.INTERNAL_CALL, now, interaction_id=held)
        return out + self._steps.wish(agent, then, now)

    def _check_caller(self, agent: AgentRecord) -> None:
        if agent.state not in MAY_CALL or agent.aside is not None:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; internal calls are for who is "
                "ready, not ready or in wrap-up, and in no other",
                code="agent_not_free",
            )
        if agent.phone_status not in (PhoneStatus.FREE, PhoneStatus.UNKNOWN):
            raise Conflict(
                f"the phone of agent {agent.agent_id} is {agent.phone_status}; it is rung first, so it must be free",
                code="phone_not_free",
            )

    def _check_called(self, agent: AgentRecord) -> None:
        name = agent.config.name
        if agent.state is AgentState.LOGGED_OUT:
            raise Conflict(f"{name} is signed out; nothing would ring", code="colleague_signed_out")
        if agent.state not in FREE:
            raise Conflict(f"{name} is busy ({agent.state}); try again later", code="colleague_busy")
        if agent.phone_status is PhoneStatus.UNREACHABLE:
            raise Conflict(f"the phone of {name} cannot be reached", code="colleague_unreachable")
        if agent.phone_status is PhoneStatus.BUSY:
            raise Conflict(f"the phone of {name} is busy; try again later", code="colleague_busy")


def _afterwards(agent: AgentRecord) -> Wish | None:
    """What he is to be when it is over; None: ready."""
    if agent.state is not AgentState.NOT_READY:
        return None
    return Wish(state=AgentState.NOT_READY, reason=agent.reason, by=agent.by)
