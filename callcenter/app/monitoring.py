"""Supervisors in talks: listening, whispering to the agent, speaking with both, taking the caller over.

Laws: a supervisor hears the one talk he chose, while that talk goes on, and no other; every beginning, change of mode
and end is an event of the interaction and a line of the audit log, whatever those in the talk are told.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from callcenter.acd.roster import AgentRecord
from callcenter.app.audit_trail import AuditTrail
from callcenter.app.feed import MONITORING, agent_topic
from callcenter.app.floor import Touched, caller_leg
from callcenter.app.floor_messages import Adopt, Message
from callcenter.app.monitor_port import FoundMonitor, MonitorCall, MonitorLine
from callcenter.app.monitoring_views import ListenersView, ListenerView, MonitoringState, MonitoringView, Session
from callcenter.app.ports import Clock, Records, User
from callcenter.app.screens import FeedPort, FloorView
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneKind, PhoneStatus
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, MonitoringId, OfferId
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode

log = structlog.get_logger(__name__)

DONE_WITHIN: Final = timedelta(seconds=5)
"""How long the exchange may take to change a mode, or to give the caller to another."""
SHOWN_AFTER: Final = timedelta(minutes=1)
"""How long the page can still say why somebody listens no more."""
LOOKS_BACK: Final = timedelta(days=2)
"""Of so long ago the beginnings are looked for that have no end yet; no talk lasts longer."""
MOST_AT_ONCE: Final = 100
INTERVAL: Final = timedelta(seconds=1)
_KEY: Final = "monitored"


class MonitoredFloor(FloorView, Protocol):
    """What listening wants of the floor."""

    def tell(self, message: Message) -> None:
        """Report something and go on."""
        ...

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done."""
        ...

    async def pulse(self) -> None:
        """Return when everything told so far has been dealt with."""
        ...


class PastMonitoring(Protocol):
    """What the store knows of supervisors who listened."""

    async def unended(self, since: datetime) -> tuple[ev.MonitoringStarted, ...]:
        """Those that began after `since` and have no end yet."""
        ...


class Monitoring:
    """Who hears which talk; implements `MonitorReports` for the exchange."""

    def __init__(
        self,
        *,
        floor: MonitoredFloor,
        line: MonitorLine,
        feed: FeedPort,
        trail: AuditTrail,
        records: Records,
        past: PastMonitoring,
        clock: Clock,
        new_id: Callable[[], MonitoringId],
    ) -> None:
        self._floor = floor
        self._line = line
        self._feed = feed
        self._trail = trail
        self._records = records
        self._past = past
        self._clock = clock
        self._new_id = new_id
        self._sessions: dict[MonitoringId, Session] = {}
        self._has_looked_back = False

    # ---- what supervisors do

    def views(self) -> tuple[MonitoringView, ...]:
        """Everybody who listens, and whose listening ended a moment ago; the newest last."""
        return tuple(session.view for session in self._sessions.values())

    async def begin(self, user: User, agent_id: AgentId, mode: MonitorMode, phone: Phone | None) -> MonitoringView:
        """Call the supervisor's phone (None: the one of his own agent) and let him hear the agent's talk.

        Raises `NotFound` for an agent that does not exist, `Conflict` where there is no talk, or he cannot take part in
        one now, `InvalidValue` for a phone that cannot be called.
        """
        picture = self._floor.picture
        agent = picture.agent(agent_id)
        if not agent.in_talk or agent.interaction_id is None or agent.offer_id is None:
            raise Conflict(f"agent {agent_id} is in no talk", code="not_in_talk")
        record = self._floor.interactions.get(agent.interaction_id)
        caller = caller_leg(record) if record is not None else None
        if record is None or caller is None:
            raise Conflict(f"the talk of agent {agent_id} is just ending", code="not_in_talk")
        self._check_free(user, agent_id)
        chosen, own_agent_id = self._phone_of(user, phone)
        queue = picture.queues.get(record.queue_id) if record.queue_id is not None else None
        call = MonitorCall(
            monitoring_id=self._new_id(),
            by=user.name,
            by_name=user.display_name or user.name,
            own_agent_id=own_agent_id,
            agent_id=agent_id,
            interaction_id=agent.interaction_id,
            offer_id=agent.offer_id,
            caller_id=caller.leg_id,
            announced=queue.config.monitoring if queue is not None else Announcement.SAID,
            ordered_at=self._clock.now(),
        )
        self._line.call(call, mode, chosen, agent.config.name)
        for old in [key for key, one in self._sessions.items() if one.call.by == user.name]:
            self._drop(old)
        session = self._sessions[call.monitoring_id] = Session(call, mode)
        self._show(session)
        return session.view

    async def change(self, monitoring_id: MonitoringId, mode: MonitorMode, *, by: str) -> MonitoringView:
        """Let others hear him than before; returns when it is so."""
        session = self._live(monitoring_id, by)
        if session.mode is not mode:
            self._line.change(session.call, mode)
            await self._until(session, lambda: session.mode is mode)
        return session.view

    async def stop(self, monitoring_id: MonitoringId, *, by: str) -> MonitoringView:
        """End it; one that has ended stays as it is."""
        session = self._own(monitoring_id, by)
        if session.end is None:
            self._stop(session)
            await self._until(session, lambda: session.end is not None)
        return session.view

    async def take_over(self, monitoring_id: MonitoringId, *, by: str) -> MonitoringView:
        """Give him the caller instead of the agent, who goes to his after-call work; returns when it is so."""
        session = self._live(monitoring_id, by)
        own_agent_id = session.call.own_agent_id
        if own_agent_id is None:
            raise Conflict(
                "only who is an agent himself, and listens over his agent's phone, can take a caller over",
                code="no_agent_phone",
            )
        own = self._floor.picture.agent(own_agent_id)
        if own.occupied or own.state is AgentState.OFFERED:
            raise Conflict(f"agent {own_agent_id} is {own.state}; he can have one caller at a time", code="own_talk")
        self._check_same_talk(session)
        self._line.take_over(session.call)
        await self._until(session, lambda: session.end is not None)
        if session.end is not MonitorEnd.TOOK_OVER:
            raise Conflict("the talk ended before the caller could be taken over", code="not_in_talk")
        return session.view

    # ---- what the exchange reports

    def heard(self, monitoring_id: MonitoringId, mode: MonitorMode) -> None:
        """He hears the talk from now on, in this mode."""
        session = self._sessions.get(monitoring_id)
        if session is None or session.end is not None:
            return
        if not self._is_same_talk(session):
            # The talk ended while his phone rang; the exchange ends it too, this makes it sure.
            self._line.stop(session.call)
        before, session.mode = session.mode, mode
        if session.live_since is None:
            self._went_live(session)
        elif before is not mode:
            self._changed(session, before)
        self._show(session)

    def took_over(self, monitoring_id: MonitoringId) -> None:
        """He shares a bridge with the caller: it is his talk now."""
        session = self._sessions.get(monitoring_id)
        if session is not None:
            self._end(session, MonitorEnd.TOOK_OVER)

    def gone(self, monitoring_id: MonitoringId, end: MonitorEnd) -> None:
        """His channel is gone, or never was."""
        session = self._sessions.get(monitoring_id)
        if session is None or session.end is not None:
            return
        if end is MonitorEnd.STOPPED and not session.is_stopped:
            end = MonitorEnd.TALK_OVER
        self._end(session, end)

    async def found(self, channels: Sequence[FoundMonitor], taken_at: datetime) -> None:
        """Who listened before this server came is shown again; whose end nobody saw has one now."""
        unknown = [channel for channel in channels if channel.call.monitoring_id not in self._sessions]
        if not unknown and self._has_looked_back:
            return
        # What this list says of the talks themselves has been told to the floor just before.
        await self._floor.pulse()
        begun = {one.monitoring_id: one for one in await self._past.unended(taken_at - LOOKS_BACK)}
        for channel in unknown:
            self._resume(channel, begun.get(channel.call.monitoring_id))
        if not self._has_looked_back:
            for monitoring_id, start in begun.items():
                if monitoring_id not in self._sessions:
                    await self._end_unseen(start, taken_at)
            self._has_looked_back = True

    def watch(self, touched: Touched) -> None:
        """A talk that is over is heard by nobody: the exchange ends it by itself, and this makes it sure."""
        ended = {event.offer_id for event in touched.events if isinstance(event, ev.TalkEnded)}
        for session in self._sessions.values() if ended else ():
            if session.call.offer_id in ended and session.end is None:
                self._line.stop(session.call)

    async def run(self) -> None:
        """Take off what has been shown long enough, until cancelled."""
        while True:
            self._tidy()
            await asyncio.sleep(INTERVAL.total_seconds())

    # ---- inside

    def _check_free(self, user: User, agent_id: AgentId) -> None:
        if user.agent_id == agent_id:
            raise Conflict("nobody listens to himself", code="own_talk")
        if any(one.call.by == user.name and one.end is None for one in self._sessions.values()):
            raise Conflict("you are in a talk already; end that first", code="listening_already")
        if sum(one.end is None for one in self._sessions.values()) >= MOST_AT_ONCE:
            raise Conflict(f"{MOST_AT_ONCE} supervisors listen already; no more can at once", code="too_many_listeners")

    def _phone_of(self, user: User, phone: Phone | None) -> tuple[Phone, AgentId | None]:
        own: AgentRecord | None = None
        if user.agent_id is not None:
            own = self._floor.picture.agents.get(user.agent_id)
        chosen = phone or (own.phone if own is not None else None)
        if chosen is None:
            raise InvalidValue(
                "you have no phone here: say the number or the SIP address that is to be called", code="no_phone"
            )
        is_own = own is not None and chosen == own.phone
        if own is None:
            if chosen.kind in (PhoneKind.SIP, PhoneKind.BROWSER):
                raise InvalidValue(
                    f"a phone of kind {chosen.kind} belongs to an agent, and you are none", code="no_phone"
                )
            return chosen, None
        if own.occupied or own.state is AgentState.OFFERED:
            raise Conflict(f"you are {own.state} yourself; end that talk first", code="own_talk")
        if is_own and own.phone_status is PhoneStatus.UNREACHABLE:
            raise Conflict(
                f"your phone ({chosen.kind}) is not registered: switch it on, or choose another",
                code="phone_unreachable",
            )
        if is_own and own.phone_status is PhoneStatus.BUSY:
            raise Conflict(f"your phone ({chosen.kind}) is busy: hang up first", code="phone_busy")
        return chosen, own.config.agent_id

    def _own(self, monitoring_id: MonitoringId, by: str) -> Session:
        session = self._sessions.get(monitoring_id)
        # Whose it is is nobody else's business.
        if session is None or session.call.by != by:
            raise NotFound(f"you listen to no talk {monitoring_id}", code="unknown_monitoring")
        return session

    def _live(self, monitoring_id: MonitoringId, by: str) -> Session:
        session = self._own(monitoring_id, by)
        if session.state is not MonitoringState.LIVE:
            state = "your phone still rings" if session.end is None else "it has ended"
            raise Conflict(f"{state}: you hear no talk", code="not_listening")
        return session

    def _is_same_talk(self, session: Session) -> bool:
        agent = self._floor.picture.agents.get(session.call.agent_id)
        return agent is not None and agent.in_talk and agent.offer_id == session.call.offer_id

    def _check_same_talk(self, session: Session) -> None:
        if not self._is_same_talk(session):
            raise Conflict(f"the talk of agent {session.call.agent_id} is over", code="not_in_talk")

    def _stop(self, session: Session) -> None:
        session.is_stopped = True
        self._line.stop(session.call)

    async def _until(self, session: Session, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(DONE_WITHIN.total_seconds()):
                while not holds():
                    if session.end is not None:
                        raise Conflict("the talk ended meanwhile", code="not_in_talk")
                    session.told.clear()
                    await session.told.wait()
        except TimeoutError:
            raise Conflict(
                f"the exchange did not do it within {DONE_WITHIN.total_seconds():g} s; try again", code="not_done"
            ) from None

    def _went_live(self, session: Session) -> None:
        call, now = session.call, self._clock.now()
        session.live_since = now
        self._tell(
            ev.MonitoringStarted(
                interaction_id=call.interaction_id,
                at=now,
                monitoring_id=call.monitoring_id,
                by=call.by,
                agent_id=call.agent_id,
                offer_id=call.offer_id,
                mode=session.mode,
                announced=call.announced,
            )
        )
        self._audit(session, "monitoring_started", f"agent {call.agent_id}, {session.mode}, {call.announced}")
        if call.announced is Announcement.TONE:
            self._line.sound_tone(call)

    def _changed(self, session: Session, before: MonitorMode) -> None:
        call = session.call
        self._tell(
            ev.MonitoringChanged(
                interaction_id=call.interaction_id,
                at=self._clock.now(),
                monitoring_id=call.monitoring_id,
                by=call.by,
                agent_id=call.agent_id,
                mode=session.mode,
            )
        )
        self._audit(session, "monitoring_changed", f"agent {call.agent_id}, {before} -> {session.mode}")

    def _end(self, session: Session, end: MonitorEnd) -> None:
        call = session.call
        session.end, session.ended_at = end, self._clock.now()
        if session.live_since is None:
            self._audit(session, "monitoring_failed", f"agent {call.agent_id}, {session.mode}: {end}")
        else:
            seconds = (session.ended_at - session.live_since).total_seconds()
            self._tell(_ended(call, session.ended_at, end, seconds))
            self._audit(
                session, "monitoring_ended", f"agent {call.agent_id}, {session.mode}: {end} after {seconds:.0f} s"
            )
        self._show(session)

    def _tell(self, event: ev.MonitoringStarted | ev.MonitoringChanged | ev.MonitoringEnded) -> None:
        try:
            self._floor.tell(event)
        except CallcenterError as error:
            # The line of the audit log is written all the same.
            log.warning("monitoring_not_told", code=error.code, message=type(event).__name__)

    def _show(self, session: Session) -> None:
        session.told.set()
        self._feed.put(MONITORING, session.call.monitoring_id, session.view)
        self._show_to_agent(session.call.agent_id)

    def _show_to_agent(self, agent_id: AgentId) -> None:
        listeners = tuple(
            ListenerView(by_name=one.call.by_name, mode=one.mode, since=one.live_since)
            for one in self._sessions.values()
            if one.call.agent_id == agent_id
            and one.state is MonitoringState.LIVE
            and one.call.announced is Announcement.SAID
        )
        if listeners:
            self._feed.put(agent_topic(agent_id), _KEY, ListenersView(listeners=listeners))
        else:
            self._feed.delete(agent_topic(agent_id), _KEY)

    def _drop(self, monitoring_id: MonitoringId) -> None:
        del self._sessions[monitoring_id]
        self._feed.delete(MONITORING, monitoring_id)

    def _tidy(self) -> None:
        border = self._clock.now() - SHOWN_AFTER
        for monitoring_id, session in list(self._sessions.items()):
            if session.ended_at is not None and session.ended_at < border:
                self._drop(monitoring_id)

    def _resume(self, channel: FoundMonitor, begun: ev.MonitoringStarted | None) -> None:
        call = channel.call
        session = self._sessions[call.monitoring_id] = Session(call, channel.mode)
        if begun is not None:
            session.live_since = begun.at
        elif channel.up:
            # He answered while no server was there, or it died before the disk had it.
            self._went_live(session)
        self._show(session)
        if not self._is_same_talk(session):
            self._line.stop(call)

    async def _end_unseen(self, begun: ev.MonitoringStarted, now: datetime) -> None:
        if begun.interaction_id not in self._floor.interactions:
            record = await self._records.interaction(begun.interaction_id)
            if record is None:
                return
            await self._floor.request(Adopt(interaction=record))
        is_his = OfferId(begun.monitoring_id) in self._floor.picture.talks
        end = MonitorEnd.TOOK_OVER if is_his else MonitorEnd.LOST
        seconds = max((now - begun.at).total_seconds(), 0.0)
        self._tell(
            ev.MonitoringEnded(
                interaction_id=begun.interaction_id,
                at=now,
                monitoring_id=begun.monitoring_id,
                by=begun.by,
                agent_id=begun.agent_id,
                end=end,
                seconds=seconds,
            )
        )
        detail = f"agent {begun.agent_id}: {end} within {seconds:.0f} s"
        self._trail.append(at=now, by=begun.by, action="monitoring_ended", subject=begun.interaction_id, detail=detail)

    def _audit(self, session: Session, action: str, detail: str) -> None:
        call = session.call
        self._trail.append(at=self._clock.now(), by=call.by, action=action, subject=call.interaction_id, detail=detail)


def _ended(call: MonitorCall, at: datetime, end: MonitorEnd, seconds: float) -> ev.MonitoringEnded:
    return ev.MonitoringEnded(
        interaction_id=call.interaction_id,
        at=at,
        monitoring_id=call.monitoring_id,
        by=call.by,
        agent_id=call.agent_id,
        end=end,
        seconds=seconds,
    )
