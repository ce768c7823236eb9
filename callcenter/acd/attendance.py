"""Whether an agent is at work: signed in, ready, in after-call work, at his telephone, asked by a colleague.

Law: what he wants while he is in a talk is kept, and holds when it has ended; an illegal request raises and nothing has
happened.
"""

from datetime import datetime, timedelta

from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.internal_calls import InternalCalls
from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord, Wish
from callcenter.acd.steps import Output, Steps
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.actions import StopRinging
from callcenter.domain.agents import AgentState, PhoneStatus, Reason, check_agent_transition
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import AgentId
from callcenter.domain.offers import OfferOutcome


class Attendance:
    """What agents ask for, and what is known of where they are."""

    def __init__(self, picture: Picture, deadlines: Deadlines, steps: Steps, internal_calls: InternalCalls) -> None:
        self.picture = picture
        self._deadlines = deadlines
        self._steps = steps
        self._internal_calls = internal_calls

    def log_in(self, message: cmd.LogIn, now: datetime) -> list[Output]:
        """He is here, and not ready yet."""
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.LOGGED_OUT:
            return []
        agent.misses = 0
        return self._steps.become(agent, AgentState.NOT_READY, now, reason=Reason.SIGNED_IN)

    def log_out(self, message: cmd.LogOut, now: datetime) -> list[Output]:
        """He goes home, after his talk if he is in one; raises `Conflict` where he still holds chats."""
        agent = self.picture.agent(message.agent_id)
        if not agent.occupied and message.by is None:
            self._require_no_chats(agent)
        return self._go_away(message.agent_id, AgentState.LOGGED_OUT, None, now, message.by or "")

    def set_not_ready(self, message: cmd.SetNotReady, now: datetime) -> list[Output]:
        """He takes a break, after his talk if he is in one."""
        agent = self._require_logged_in(message.agent_id)
        if agent.reason == message.reason and agent.state is AgentState.NOT_READY:
            return []
        return self._go_away(message.agent_id, AgentState.NOT_READY, message.reason, now, message.by or "")

    def set_ready(self, message: cmd.SetReady, now: datetime) -> list[Output]:
        """He wants work, after his talk if he is in one."""
        agent = self._require_logged_in(message.agent_id)
        if agent.state is AgentState.READY:
            return []
        if agent.occupied or agent.state is AgentState.OFFERED:
            return self._steps.wish(agent, None, now)
        agent.misses = 0
        if agent.aside is not None:
            return self._internal_calls.go_on(agent, None, now)
        return self._steps.become(agent, AgentState.READY, now, by=message.by or "")

    def end_wrap_up(self, message: cmd.EndWrapUp, now: datetime) -> list[Output]:
        """His after-call work is done; raises `Conflict` where he has none, `InvalidValue` where `then` is none."""
        agent = self._require_wrap_up(message.agent_id)
        match message.then:
            case None if agent.aside is not None:
                return self._internal_calls.go_on(agent, agent.wish, now)
            case None:
                return self._steps.after_work(agent, now)
            case AgentState.READY if agent.aside is not None:
                return self._internal_calls.go_on(agent, None, now)
            case AgentState.READY:
                return self._steps.become(agent, AgentState.READY, now)
            case AgentState.NOT_READY | AgentState.LOGGED_OUT:
                if message.then is AgentState.LOGGED_OUT:
                    self._require_no_chats(agent)
                if agent.aside is not None:
                    return self._internal_calls.go_on(agent, Wish(state=message.then, reason=message.reason), now)
                return self._steps.become(agent, message.then, now, reason=message.reason)
            case _:
                raise InvalidValue(
                    f"agent {agent.agent_id} cannot become {message.then} after wrap-up; "
                    "possible: ready, not_ready, logged_out"
                )

    def extend_wrap_up(self, message: cmd.ExtendWrapUp, now: datetime) -> list[Output]:
        """He needs longer; raises `Conflict` at the limit of his queue."""
        agent = self._require_wrap_up(message.agent_id)
        if message.by <= timedelta():
            raise InvalidValue("wrap-up can only be made longer; to shorten it, end it")
        queue = self.picture.queues.get(agent.queue_id) if agent.queue_id is not None else None
        limit = queue.config.wrap_up_limit if queue is not None else message.by
        until = min((agent.wrap_up_until or now) + message.by, agent.since + limit)
        if until <= (agent.wrap_up_until or now):
            raise Conflict(
                f"wrap-up may last {int(limit.total_seconds())} s at most, and has been extended to that already",
                code="wrap_up_limit",
            )
        agent.wrap_up_until = until
        self._deadlines.arm(DeadlineKind.WRAP_UP, agent.agent_id, until)
        return [ev.WrapUpExtended(agent_id=agent.agent_id, at=now, wrap_up_until=until)]

    def change_phone(self, message: cmd.ChangePhone, now: datetime) -> list[Output]:
        """He is reached elsewhere from now on."""
        agent = self.picture.agent(message.agent_id)
        self.picture.before_change(agent)
        agent.phone, agent.phone_status = message.phone, PhoneStatus.UNKNOWN
        self.picture.after_change(agent)
        return [self._phone_event(agent, now)]

    def report_phone(self, message: cmd.ReportPhone, now: datetime) -> list[Output]:
        """What the exchange says of his telephone."""
        agent = self.picture.agents.get(message.agent_id)
        if agent is None:
            return []
        status = message.status
        if status is PhoneStatus.BUSY and (agent.state is AgentState.OFFERED or agent.occupied):
            status = PhoneStatus.FREE  # It is our own call that occupies it.
        if status is agent.phone_status:
            return []
        self.picture.before_change(agent)
        agent.phone_status = status
        self.picture.after_change(agent)
        return [self._phone_event(agent, now)]

    def ask(self, message: cmd.AskAgent, now: datetime) -> list[Output]:
        """A colleague asks him; raises `Conflict` unless he is ready."""
        agent = self.picture.agent(message.agent_id)
        if agent.state is not AgentState.READY:
            raise Conflict(
                f"agent {agent.agent_id} is {agent.state}; only who is ready can be asked", code="agent_not_free"
            )
        return self._steps.become(
            agent, AgentState.OFFERED, now, interaction_id=message.interaction_id, offer_id=message.offer_id
        )

    def end_asking(self, message: cmd.EndAsking, now: datetime) -> list[Output]:
        """The colleague has done with him."""
        agent = self.picture.agents.get(message.agent_id)
        if agent is None or agent.offer_id != message.offer_id:
            return []
        if agent.in_talk:
            return self._steps.end_talk(agent, None, now)
        return self._steps.release(agent, now) if agent.state is AgentState.OFFERED else []

    def _require_logged_in(self, agent_id: AgentId) -> AgentRecord:
        agent = self.picture.agent(agent_id)
        if agent.state is AgentState.LOGGED_OUT:
            raise Conflict(f"agent {agent_id} is logged out; sign in first", code="agent_not_logged_in")
        return agent

    def _require_wrap_up(self, agent_id: AgentId) -> AgentRecord:
        agent = self._require_logged_in(agent_id)
        if agent.state is not AgentState.WRAP_UP:
            raise Conflict(f"agent {agent_id} is {agent.state}; he has no wrap-up", code="no_wrap_up")
        return agent

    def _require_no_chats(self, agent: AgentRecord) -> None:
        if agent.works:
            raise Conflict(
                f"agent {agent.agent_id} holds {len(agent.works)} chats; end them before logging out",
                code="holds_chats",
            )

    def _go_away(
        self, agent_id: AgentId, state: AgentState, reason: str | None, now: datetime, by: str
    ) -> list[Output]:
        agent = self.picture.agent(agent_id)
        if agent.state is state is AgentState.LOGGED_OUT:
            return []
        if agent.occupied:
            return self._steps.wish(agent, Wish(state=state, reason=reason, by=by), now)
        if agent.aside is not None:
            return self._internal_calls.go_on(agent, Wish(state=state, reason=reason, by=by), now)
        check_agent_transition(agent_id, agent.state, state)
        out: list[Output] = []
        if agent.state is AgentState.OFFERED and agent.offer_id in self.picture.offers:
            offer = self.picture.offers[agent.offer_id]
            out += self._steps.close_offer(offer, OfferOutcome.WITHDRAWN, None, now)
            out.append(StopRinging(offer_id=offer.offer_id))
        else:
            out += self._steps.close_lost_offer(agent, OfferOutcome.WITHDRAWN, now)
        return out + self._steps.become(agent, state, now, reason=reason, by=by)

    def _phone_event(self, agent: AgentRecord, now: datetime) -> ev.AgentPhoneChanged:
        return ev.AgentPhoneChanged(agent_id=agent.agent_id, at=now, phone=agent.phone, status=agent.phone_status)
