"""Consultations: an agent asks somebody while his caller waits, and hands him over, or takes him back.

Laws: the caller is the asking agent's until the consulted one shares a bridge with him; the channels carry it all, and
a server that has just started shows what they say.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from callcenter.acd.picture import Picture
from callcenter.acd.roster import AgentRecord
from callcenter.app.feed import agent_topic
from callcenter.app.floor import Touched
from callcenter.app.floor_messages import Message
from callcenter.app.ports import Clock, Journal
from callcenter.app.screens import FeedPort
from callcenter.app.transfer_port import ConsultationState, ConsultCall, FoundConsultation, SendLine
from callcenter.app.transfer_views import ConsultationView
from callcenter.app.transfers import Transfers
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneStatus
from callcenter.domain.errors import CallcenterError, Conflict, NotFound
from callcenter.domain.ids import AgentId, InteractionId, OfferId, QueueId, TransferId
from callcenter.domain.interactions import Interaction
from callcenter.domain.transfers import (
    ConsultationEnd,
    TargetKind,
    TransferTarget,
    asking_interaction,
    asking_offer,
    consultation_of,
)

log = structlog.get_logger(__name__)

DURABLE_WITHIN: Final = timedelta(seconds=2)
DONE_WITHIN: Final = timedelta(seconds=5)
"""How long the exchange may take to join two of the three."""
_KEY: Final = "consultation"


class ConsultedFloor(Protocol):
    """What consultations want of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Live interactions."""
        ...

    def tell(self, message: Message) -> None:
        """Report something and go on."""
        ...

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done."""
        ...


@dataclass(slots=True)
class _Session:
    call: ConsultCall
    note: str
    began_at: datetime
    state: ConsultationState = ConsultationState.RINGING
    answered_at: datetime | None = None
    end: ConsultationEnd | None = None
    wanted_end: ConsultationEnd | None = None
    """Why it is about to end: the agent takes the caller back."""
    told: asyncio.Event = field(default_factory=asyncio.Event)


class Consulting:
    """Who asks whom; implements `ConsultReports` for the exchange."""

    def __init__(
        self,
        *,
        floor: ConsultedFloor,
        line: SendLine,
        transfers: Transfers,
        feed: FeedPort,
        journal: Journal,
        clock: Clock,
        new_id: Callable[[], OfferId],
    ) -> None:
        self._floor = floor
        self._line = line
        self._transfers = transfers
        self._feed = feed
        self._journal = journal
        self._clock = clock
        self._new_id = new_id
        self._sessions: dict[OfferId, _Session] = {}

    # ---- what agents do

    def view(self, agent_id: AgentId) -> ConsultationView | None:
        """The consultation the agent has begun, None where there is none."""
        session = self._of(agent_id)
        return None if session is None else self._drawn(session)

    async def begin(self, agent_id: AgentId, target: TransferTarget, note: str) -> ConsultationView:
        """Hold the agent's caller and call whom he wants to ask; returns when his phone is about to ring."""
        if self._of(agent_id) is not None:
            raise Conflict("you are asking somebody already; end that first", code="consulting_already")
        talk = self._transfers.talk_of(agent_id)
        target = self._transfers.checked(agent_id, target)
        asked = self._whom(agent_id, target)
        now = self._clock.now()
        call = ConsultCall(
            consultation_id=self._new_id(),
            interaction_id=talk.record.interaction_id,
            agent_id=agent_id,
            offer_id=talk.offer_id,
            caller_id=talk.caller_leg_id,
            target=target,
            asked_id=asked.config.agent_id if asked is not None else None,
        )
        session = self._sessions[call.consultation_id] = _Session(call, note, now)
        try:
            await self._floor.request(
                ev.ConsultationStarted(
                    interaction_id=call.interaction_id,
                    at=now,
                    consultation_id=call.consultation_id,
                    agent_id=agent_id,
                    offer_id=call.offer_id,
                    target=target,
                    note=note,
                )
            )
            if asked is not None:
                # After the note: the card that he sees now has it.
                await self._floor.request(_asking(call, asked.config.agent_id))
            await self._journal.flushed(DURABLE_WITHIN)
            agent = self._floor.picture.agent(agent_id)
            phone: Phone | None = asked.phone if asked is not None else None
            await self._line.ask(call, phone, agent.config.name, self._transfers.state_for_front(talk))
        except CallcenterError:
            self._finish(session, ConsultationEnd.NOT_REACHED)
            raise
        if session.end is None:
            self._show(session)
        return self._drawn(session)

    async def swap(self, agent_id: AgentId) -> ConsultationView:
        """From one to the other; from all three to whom he asks."""
        session = self._answered(agent_id)
        to_caller = session.state is ConsultationState.CONSULTED
        wanted = ConsultationState.CALLER if to_caller else ConsultationState.CONSULTED
        if to_caller:
            await self._line.to_caller(session.call)
        else:
            await self._line.to_consulted(session.call, session.state)
        await self._until(session, lambda: session.state is wanted)
        return self._drawn(session)

    async def merge(self, agent_id: AgentId) -> ConsultationView:
        """All three hear each other."""
        session = self._answered(agent_id)
        if session.state is not ConsultationState.TOGETHER:
            await self._line.together(session.call, session.state)
            await self._until(session, lambda: session.state is ConsultationState.TOGETHER)
        return self._drawn(session)

    async def complete(self, agent_id: AgentId) -> None:
        """Leave: who was asked has the caller."""
        session = self._answered(agent_id)
        await self._line.leave(session.call)
        await self._until(session, lambda: session.end is not None)
        if session.end is not ConsultationEnd.COMPLETED:
            raise Conflict("one of the three hung up just then", code="not_in_talk")

    async def take_back(self, agent_id: AgentId) -> None:
        """End it; the agent has his caller again."""
        session = self._of(agent_id)
        if session is None:
            return
        session.wanted_end = ConsultationEnd.TAKEN_BACK
        await self._line.take_back(session.call, session.state)
        await self._until(session, lambda: session.end is not None)

    # ---- what the exchange reports

    def became(self, consultation_id: OfferId, state: ConsultationState) -> None:
        """Who talks with whom has changed."""
        session = self._sessions.get(consultation_id)
        if session is None:
            return
        if session.answered_at is None:
            self._meets(session)
        session.state = state
        self._show(session)

    def took(self, consultation_id: OfferId) -> None:
        """Who was asked is being joined with the caller."""
        session = self._sessions.get(consultation_id)
        if session is None:
            return
        call = session.call
        self._tell(
            ev.InteractionTransferred(
                interaction_id=call.interaction_id,
                at=self._clock.now(),
                transfer_id=TransferId(call.consultation_id),
                agent_id=call.agent_id,
                offer_id=call.offer_id,
                target=call.target,
                note=session.note,
                consulted=True,
            )
        )
        self._finish(session, ConsultationEnd.COMPLETED)

    def gone(self, consultation_id: OfferId, end: ConsultationEnd) -> None:
        """The channel that was called is gone, or never was."""
        session = self._sessions.get(consultation_id)
        if session is not None:
            self._finish(session, session.wanted_end or end)
            return
        # He hung up as the caller was handed over to him: no talk with the caller ends the one in which he was asked.
        offer_id = asking_offer(consultation_id)
        for agent in list(self._floor.picture.agents.values()):
            if agent.offer_id == offer_id:
                self._tell(cmd.EndAsking(agent_id=agent.agent_id, offer_id=offer_id))

    async def found(self, consultations: Sequence[FoundConsultation]) -> None:
        """Who asked before this server came is shown again; whose end nobody saw has one now."""
        for one in consultations:
            session = self._sessions.get(one.call.consultation_id)
            if session is None:
                session = self._resume(one)
            elif session.state is not one.state and one.state is not ConsultationState.RINGING:
                self.became(one.call.consultation_id, one.state)
        for record in list(self._floor.interactions.values()):
            for open_one in (known for known in record.handling.consultations if known.ended_at is None):
                if open_one.consultation_id not in self._sessions:
                    self._tell_end(record.interaction_id, open_one.consultation_id, ConsultationEnd.LOST)

        for agent in list(self._floor.picture.agents.values()):
            consultation_id = consultation_of(agent.offer_id)
            if consultation_id is not None and consultation_id not in self._sessions and agent.offer_id is not None:
                self._tell(cmd.EndAsking(agent_id=agent.agent_id, offer_id=agent.offer_id))

    def watch(self, touched: Touched) -> None:
        """A caller who has left ends the consultation about him; an agent who has gone, one that nobody answered."""
        for event in touched.events:
            if isinstance(event, ev.InteractionEnded):
                for session in self._about(event.interaction_id):
                    self._line.end(session.call)
                    self._finish(session, ConsultationEnd.CALLER_LEFT)
            elif isinstance(event, ev.TalkEnded):
                for session in self._about(event.interaction_id):
                    if session.call.offer_id == event.offer_id and session.answered_at is None:
                        self._line.end(session.call)
                        self._finish(session, ConsultationEnd.AGENT_LEFT)

    # ---- inside

    def _of(self, agent_id: AgentId) -> _Session | None:
        return next((one for one in self._sessions.values() if one.call.agent_id == agent_id), None)

    def _about(self, interaction_id: InteractionId) -> list[_Session]:
        return [one for one in self._sessions.values() if one.call.interaction_id == interaction_id]

    def _answered(self, agent_id: AgentId) -> _Session:
        session = self._of(agent_id)
        if session is None:
            raise NotFound("you are asking nobody", code="no_consultation")
        if session.answered_at is None:
            raise Conflict(
                "nobody has answered yet; wait, or take the caller back and send him on without asking",
                code="not_answered",
            )
        return session

    def _whom(self, agent_id: AgentId, target: TransferTarget) -> AgentRecord | None:
        """The agent who is asked: of a queue the one who has been ready longest; None for a number."""
        picture = self._floor.picture
        match target.kind:
            case TargetKind.NUMBER:
                return None
            case TargetKind.AGENT:
                agent = picture.agent(AgentId(target.target))
                if not _is_free(agent):
                    raise Conflict(
                        f"agent {agent.agent_id} is {agent.state}; only who is ready can be asked",
                        code="agent_not_free",
                    )
                return agent
            case TargetKind.QUEUE:
                queue = picture.queue(QueueId(target.target))
                agents = {one.agent_id: one for pool in queue.pools for one in pool.agents.values()}
                free = [one for one in agents.values() if _is_free(one) and one.agent_id != agent_id]
                if not free:
                    raise Conflict(
                        f"nobody of queue {target.target} is ready; send the caller on without asking, or ask later",
                        code="nobody_free",
                    )
                return min(free, key=lambda one: (one.ready_since or one.since, one.agent_id))

    def _meets(self, session: _Session) -> None:
        now = session.answered_at = self._clock.now()
        call = session.call
        self._tell(
            ev.ConsultationAnswered(interaction_id=call.interaction_id, at=now, consultation_id=call.consultation_id)
        )
        if call.asked_id is not None:
            self._tell(
                cmd.ReportTalk(
                    offer_id=asking_offer(call.consultation_id),
                    interaction_id=asking_interaction(call.consultation_id, call.interaction_id),
                    agent_id=call.asked_id,
                )
            )

    def _finish(self, session: _Session, end: ConsultationEnd) -> None:
        call = session.call
        if self._sessions.pop(call.consultation_id, None) is None:
            return
        session.end, session.state = end, ConsultationState.ENDED
        self._tell_end(call.interaction_id, call.consultation_id, end)
        if call.asked_id is not None and end is not ConsultationEnd.COMPLETED:
            # Who has the caller now goes from one talk straight into the other.
            self._tell(cmd.EndAsking(agent_id=call.asked_id, offer_id=asking_offer(call.consultation_id)))
        session.told.set()
        self._feed.delete(agent_topic(call.agent_id), _KEY)
        log.info("consultation_ended", end=end, interaction_id=call.interaction_id)

    def _tell_end(self, interaction_id: InteractionId, consultation_id: OfferId, end: ConsultationEnd) -> None:
        self._tell(
            ev.ConsultationEnded(
                interaction_id=interaction_id, at=self._clock.now(), consultation_id=consultation_id, end=end
            )
        )

    def _tell(self, message: Message) -> None:
        try:
            self._floor.tell(message)
        except CallcenterError as error:
            log.warning("consultation_not_told", code=error.code, message=type(message).__name__)

    def _resume(self, one: FoundConsultation) -> _Session:
        call = one.call
        record = self._floor.interactions.get(call.interaction_id)
        known = record.handling.consultations if record is not None else ()
        begun = next((other for other in known if other.consultation_id == call.consultation_id), None)
        session = self._sessions[call.consultation_id] = _Session(
            call,
            begun.note if begun is not None else "",
            begun.began_at if begun is not None else self._clock.now(),
            one.state,
        )
        if one.state is not ConsultationState.RINGING:
            self._meets(session)
            session.answered_at = (begun.answered_at if begun is not None else None) or session.answered_at
        elif call.asked_id is not None:
            self._tell(_asking(call, call.asked_id))
        self._show(session)
        return session

    def _drawn(self, session: _Session) -> ConsultationView:
        call = session.call
        asked = self._floor.picture.agents.get(call.asked_id) if call.asked_id is not None else None
        return ConsultationView(
            consultation_id=call.consultation_id,
            interaction_id=call.interaction_id,
            state=session.state,
            kind=call.target.kind,
            target=call.target.target,
            name=asked.config.name if asked is not None else call.target.target,
            note=session.note,
            began_at=session.began_at,
            answered_at=session.answered_at,
            end=session.end,
        )

    def _show(self, session: _Session) -> None:
        session.told.set()
        self._feed.put(agent_topic(session.call.agent_id), _KEY, self._drawn(session))

    async def _until(self, session: _Session, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(DONE_WITHIN.total_seconds()):
                while not holds():
                    if session.end is not None:
                        raise Conflict("the consultation ended meanwhile", code="no_consultation")
                    session.told.clear()
                    await session.told.wait()
        except TimeoutError:
            raise Conflict(
                f"the exchange did not do it within {DONE_WITHIN.total_seconds():g} s; try again", code="not_done"
            ) from None


def _asking(call: ConsultCall, asked_id: AgentId) -> cmd.AskAgent:
    return cmd.AskAgent(
        agent_id=asked_id,
        offer_id=asking_offer(call.consultation_id),
        interaction_id=asking_interaction(call.consultation_id, call.interaction_id),
    )


def _is_free(agent: AgentRecord) -> bool:
    return agent.state is AgentState.READY and agent.phone_status not in (PhoneStatus.BUSY, PhoneStatus.UNREACHABLE)
