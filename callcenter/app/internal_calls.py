"""Internal calls: one of the house calls another from his desk; his own phone rings first, then the other's.

Laws: the channels carry the call, so a server that has just started shows what they say; no customer's record and no
queue's figure is made of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from callcenter.acd.internal_calls import FREE
from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord
from callcenter.app.feed import agent_topic
from callcenter.app.floor_messages import Message
from callcenter.app.internal_port import FoundInternalCall, InternalCall, InternalLine, Shown
from callcenter.app.ports import Clock
from callcenter.app.screens import FeedPort
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState, PhoneKind, PhoneStatus
from callcenter.domain.errors import CallcenterError, Conflict, Overloaded
from callcenter.domain.ids import AgentId, InternalCallId
from callcenter.domain.internal_calls import InternalCallEnd, InternalCallState, internal_call_of

log = structlog.get_logger(__name__)

FEED_KEY = "internal_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalCallView:
    """An agent's latest internal call, as his desk shows it; `agent_id` and `name` are the other's."""

    call_id: InternalCallId
    incoming: bool
    agent_id: AgentId
    name: str
    state: InternalCallState
    began_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    end: InternalCallEnd | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColleagueView:
    """One of the house in the directory; `refusal` says why he cannot be called now, as the order would."""

    agent_id: AgentId
    name: str
    groups: tuple[str, ...]
    state: AgentState
    reason: str | None
    since: datetime
    can_be_called: bool
    refusal: str | None


class InternalFloor(Protocol):
    """What internal calls want of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...

    @property
    def routing(self) -> bool:
        """Whether the exchange is in reach."""
        ...

    def tell(self, message: Message) -> None:
        """Report something and go on."""
        ...

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done."""
        ...


@dataclass(slots=True)
class _Session:
    call: InternalCall
    state: InternalCallState = InternalCallState.RINGING_CALLER
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end: InternalCallEnd | None = None
    wanted_end: InternalCallEnd | None = None
    """Why it is about to end: one of the two said so on his desk."""


class InternalCalls:
    """Who calls whom within the house; implements `InternalReports` for the exchange."""

    def __init__(
        self,
        *,
        floor: InternalFloor,
        line: InternalLine,
        feed: FeedPort,
        clock: Clock,
        new_id: Callable[[], InternalCallId],
    ) -> None:
        self._floor = floor
        self._line = line
        self._feed = feed
        self._clock = clock
        self._new_id = new_id
        self._sessions: dict[InternalCallId, _Session] = {}
        self._latest: dict[AgentId, _Session] = {}

    # ---- what agents do

    def colleagues(self, agent_id: AgentId) -> tuple[ColleagueView, ...]:
        """Everybody else of the house who has a phone here, those first who can be called; then by name."""
        picture = self._floor.picture
        picture.agent(agent_id)
        drawn = (_draw(agent) for agent in picture.agents.values() if agent.agent_id != agent_id)
        return tuple(sorted(drawn, key=lambda row: (not row.can_be_called, row.name, row.agent_id)))

    def view(self, agent_id: AgentId) -> InternalCallView | None:
        """His latest internal call, whoever began it; None before there was one since the server's start."""
        self._floor.picture.agent(agent_id)
        session = self._latest.get(agent_id)
        return None if session is None else self._drawn(session, agent_id)

    async def begin(self, agent_id: AgentId, called_id: AgentId) -> InternalCallView:
        """Call a colleague; raises `NotFound`, `Overloaded` without an exchange,

        and `Conflict` with why he or the agent himself cannot be rung.
        """
        picture = self._floor.picture
        caller, called = picture.agent(agent_id), picture.agent(called_id)
        if not self._floor.routing:
            raise Overloaded("the exchange is out of reach; try again in a moment", code="exchange_away")
        call = InternalCall(call_id=self._new_id(), caller_id=agent_id, called_id=called_id, began_at=self._clock.now())
        await self._floor.request(cmd.BeginInternalCall(call_id=call.call_id, caller_id=agent_id, called_id=called_id))
        # Before the phones: the other's desk says who calls when his begins to ring.
        session = self._keep(_Session(call))
        self._show(session)
        shown = Shown(caller_name=caller.config.name, called_name=called.config.name)
        try:
            self._line.call(call, caller.phone, called.phone, shown)
        except CallcenterError:
            self.gone(call.call_id, InternalCallEnd.UNREACHABLE)
            raise
        log.info("internal_call_begun", agent_id=agent_id, called_id=called_id, call_id=call.call_id)
        return self._drawn(session, agent_id)

    def end(self, agent_id: AgentId) -> InternalCallView:
        """Give it up, reject it, or end the talk: whichever it is for him; `Conflict` where there is none."""
        session = self._latest.get(agent_id)
        if session is None or session.end is not None:
            raise Conflict("you are in no internal call", code="no_internal_call")
        if session.state is not InternalCallState.TALKING:
            is_caller = session.call.caller_id == agent_id
            session.wanted_end = InternalCallEnd.CALLED_OFF if is_caller else InternalCallEnd.REJECTED
        self._line.hang_up(session.call.call_id)
        return self._drawn(session, agent_id)

    async def away(self, agent_id: AgentId) -> bool:
        """The page goes away with his talk to a colleague, who hears music; False where there is no such talk."""
        session = self._talk_in_browser(agent_id)
        if session is None:
            return False
        await self._line.part(session.call.call_id, agent_id)
        return True

    async def back(self, agent_id: AgentId) -> bool:
        """The page is here again, without the talk: his phone is rung for it; False where there is no such talk."""
        session = self._talk_in_browser(agent_id)
        if session is None:
            return False
        other = self._drawn(session, agent_id)
        await self._line.join(session.call.call_id, agent_id, self._floor.picture.agent(agent_id).phone, other.name)
        return True

    # ---- what the exchange reports

    def became(self, call_id: InternalCallId, state: InternalCallState) -> None:
        """The other's phone rings, or the two talk."""
        session = self._sessions.get(call_id)
        if session is None or session.state is state or session.state is InternalCallState.TALKING:
            return
        session.state = state
        if state is InternalCallState.TALKING:
            session.answered_at = self._clock.now()
        self._show(session)

    def gone(self, call_id: InternalCallId, end: InternalCallEnd) -> None:
        """It is over, or never was."""
        session = self._sessions.pop(call_id, None)
        if session is None:
            return
        talked = session.answered_at is not None
        session.end = InternalCallEnd.TALKED if talked else session.wanted_end or end
        session.state, session.ended_at = InternalCallState.ENDED, self._clock.now()
        self._tell(cmd.EndInternalCall(call_id=call_id))
        self._show(session)
        log.info("internal_call_ended", call_id=call_id, end=session.end)

    async def found(self, calls: Sequence[FoundInternalCall]) -> None:
        """Calls from before this server are shown again; whoever is in one that is over is let out of it."""
        for one in calls:
            session = self._sessions.get(one.call.call_id)
            if session is None:
                session = self._resume(one)
            elif one.state is not InternalCallState.RINGING_CALLER:
                self.became(one.call.call_id, one.state)
        for agent in list(self._floor.picture.agents.values()):
            call_id = agent.aside or internal_call_of(agent.interaction_id)
            if call_id is not None and call_id not in self._sessions:
                self._tell(cmd.EndInternalCall(call_id=call_id))

    # ---- inside

    def _talk_in_browser(self, agent_id: AgentId) -> _Session | None:
        session = self._latest.get(agent_id)
        if session is None or session.state is not InternalCallState.TALKING:
            return None
        return session if self._floor.picture.agent(agent_id).phone.kind is PhoneKind.BROWSER else None

    def _resume(self, one: FoundInternalCall) -> _Session | None:
        call = one.call
        agents: Mapping[AgentId, AgentRecord] = self._floor.picture.agents
        if call.caller_id not in agents or call.called_id not in agents:
            return None
        self._tell(
            cmd.BeginInternalCall(call_id=call.call_id, caller_id=call.caller_id, called_id=call.called_id, found=True)
        )
        session = self._keep(_Session(call, one.state))
        if one.state is InternalCallState.TALKING:
            # Since when they talk nobody saw.
            session.answered_at = self._clock.now()
        self._show(session)
        return session

    def _keep(self, session: _Session) -> _Session:
        call = session.call
        self._sessions[call.call_id] = session
        for agent_id in (call.caller_id, call.called_id):
            self._latest[agent_id] = session
        return session

    def _drawn(self, session: _Session, agent_id: AgentId) -> InternalCallView:
        call = session.call
        incoming = agent_id == call.called_id
        other = call.caller_id if incoming else call.called_id
        agent = self._floor.picture.agents.get(other)
        return InternalCallView(
            call_id=call.call_id,
            incoming=incoming,
            agent_id=other,
            name=agent.config.name if agent is not None else other,
            state=session.state,
            began_at=call.began_at,
            answered_at=session.answered_at,
            ended_at=session.ended_at,
            end=session.end,
        )

    def _show(self, session: _Session) -> None:
        for agent_id in (session.call.caller_id, session.call.called_id):
            if self._latest.get(agent_id) is session:
                self._feed.put(agent_topic(agent_id), FEED_KEY, self._drawn(session, agent_id))

    def _tell(self, message: Message) -> None:
        try:
            self._floor.tell(message)
        except CallcenterError as error:
            # The next list of channels lets them out.
            log.warning("internal_call_not_told", code=error.code, message=type(message).__name__)


def _draw(agent: AgentRecord) -> ColleagueView:
    refusal = _refusal(agent)
    return ColleagueView(
        agent_id=agent.agent_id,
        name=agent.config.name,
        groups=tuple(sorted(agent.config.groups)),
        state=agent.state,
        reason=agent.reason,
        since=agent.since,
        can_be_called=refusal is None,
        refusal=refusal,
    )


def _refusal(agent: AgentRecord) -> str | None:
    if agent.state is AgentState.LOGGED_OUT:
        return "colleague_signed_out"
    if agent.state not in FREE or agent.phone_status is PhoneStatus.BUSY:
        return "colleague_busy"
    return "colleague_unreachable" if agent.phone_status is PhoneStatus.UNREACHABLE else None
