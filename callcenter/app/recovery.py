"""What has to be done at a connect to the exchange before routing: finish the records of calls that were missed.

Law: every call ends in exactly one record, also one that came, or went, while the server was away.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.app.callbacks import place_after_restart
from callcenter.app.day import Today
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Adopt, CallEnded, Late, Message
from callcenter.app.ports import AgentStatus, Configuration, Records
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.direct import direct_queue
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, InteractionId, OfferId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferOutcome

log = structlog.get_logger(__name__)

EXCHANGE_BOOKMARK = "exchange_started"
LOG_BOOKMARK = "exchange_log"
BOOKMARK_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a caller came, as the exchange wrote it down."""

    at: datetime
    channel: str
    ani: Number
    caller_name: str
    dnis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedTalk:
    """Caller and agent in one bridge; the agent's leg bears the offer's id. `ended_at` None while it goes on."""

    offer_id: OfferId
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedCall:
    """One leg as the exchange wrote it down by itself: one that is over, or (`ended_at` None) one in a talk.

    `arrival` only where that was written as well; `answered` says that it was in a bridge with anybody.
    """

    interaction_id: InteractionId
    arrival: Arrival | None
    ended_at: datetime | None
    answered: bool = False
    talks: tuple[MissedTalk, ...] = ()
    side: ev.Side | None = None
    cause: int | None = None


class ExchangeLog(Protocol):
    """What the exchange writes down by itself."""

    async def missed(self, position: str | None) -> tuple[Sequence[MissedCall], str]:
        """What ended after the position, or goes on in a talk that began after it; and the position to remember."""
        ...

    async def end(self) -> str:
        """The position after all that is written now."""
        ...


class LeftBehind(Protocol):
    """Whoever finds what callers left while nobody was there."""

    async def of_whom(self, ids: Collection[InteractionId]) -> frozenset[InteractionId]:
        """Which of these callers have left anything."""
        ...

    async def of_calls(self, ids: Collection[InteractionId]) -> None:
        """Bring in what these callers, who are gone, have left; their calls have not been said to have ended."""
        ...


async def restore(
    floor: Floor,
    *,
    configuration: Configuration,
    records: Records,
    today: Mapping[AgentId, Today] | None = None,
) -> None:
    """Fill an empty floor from the store: rules, agents as they were, calls that had not ended, callbacks in place.

    `today` tells what the agents did since midnight.
    """
    for queue in await configuration.queues():
        await floor.request(cmd.ConfigureQueue(config=queue))
    for agent in await configuration.agents():
        await floor.request(cmd.ConfigureAgent(config=agent))
    await floor.request(cmd.ConfigureReasons(reasons=await configuration.not_ready_reasons()))
    for interaction in await records.open_interactions():
        await floor.request(Adopt(interaction=interaction))
    for status in await records.agent_statuses():
        if status.agent_id in floor.picture.agents:
            await _restore_own_queue(floor, status)
            await floor.request(_restored(status, (today or {}).get(status.agent_id, Today())))
    for interaction in tuple(floor.interactions.values()):
        await _restore_callback(floor, interaction)


async def _restore_callback(floor: Floor, interaction: Interaction) -> None:
    place = place_after_restart(interaction)
    if place is None:
        return
    try:
        await floor.request(place)
    except CallcenterError as error:
        # Its queue is gone, or the same number waits already: it cannot be called, and its record says so.
        log.warning("callback_not_restored", interaction_id=interaction.interaction_id, error=str(error))
        await floor.request(CallEnded(interaction_id=interaction.interaction_id, outcome=ev.Outcome.CALLBACK_FAILED))


async def _restore_own_queue(floor: Floor, status: AgentStatus) -> None:
    """Of a talk that goes on: no configuration has that queue, and its wrap-up is the talk's."""
    own = direct_queue(floor.picture.agents[status.agent_id].config)
    if status.queue_id == own.queue_id:
        await floor.request(cmd.ConfigureQueue(config=own))


def _restored(status: AgentStatus, today: Today) -> cmd.RestoreAgent:
    return cmd.RestoreAgent(
        agent_id=status.agent_id,
        state=status.state,
        reason=status.reason,
        since=status.since,
        ready_since=status.ready_since,
        wrap_up_until=status.wrap_up_until,
        after_call=status.after_call,
        after_call_reason=status.after_call_reason,
        interaction_id=status.interaction_id,
        offer_id=status.offer_id,
        queue_id=status.queue_id,
        misses=status.misses,
        answered_today=today.answered,
        busy_today=today.busy,
        ready_today=today.ready,
    )


class Recovery:
    """Reads the exchange's own log at every connect, and keeps the bookmark in it moving.

    A store that is away keeps no exchange from being routed: what could not be read is read at the next connect.
    """

    def __init__(
        self, floor: Floor, records: Records, exchange_log: ExchangeLog | None, left_behind: Sequence[LeftBehind] = ()
    ) -> None:
        self._floor = floor
        self._left_behind = left_behind
        self._records = records
        self._log = exchange_log
        self._startup: str | None = None

    async def recover(self, startup: str) -> tuple[list[Message], bool]:
        """Reports of the calls that were missed, and whether the exchange was started anew (`startup` says when)."""
        restarted = await self._has_restarted(startup)
        if self._log is None:
            return [], restarted
        try:
            missed, position = await self._log.missed(await self._records.bookmark(LOG_BOOKMARK))
            await self._take_what_was_left(missed)
            messages = await missed_reports(missed, records=self._records, live=self._floor.interactions)
            await self._records.set_bookmark(LOG_BOOKMARK, position)
        except (CallcenterError, OSError) as error:
            log.warning("missed_calls_not_read", error=str(error))
            return [], restarted
        return messages, restarted

    async def _take_what_was_left(self, missed: Sequence[MissedCall]) -> None:
        """What callers said, or wanted, before they went: it makes the ends of their calls what they were."""
        gone = {call.interaction_id: call for call in missed if call.ended_at is not None}
        new = gone.keys() - await self._records.known_interactions(tuple(gone))
        for left_behind in self._left_behind:
            for interaction_id in sorted(await left_behind.of_whom(new)):
                arrival = arrival_of(gone[interaction_id])
                if interaction_id not in self._floor.interactions and arrival is not None:
                    await self._floor.request(arrival)
            await left_behind.of_calls(new)

    async def recall(self, ids: Sequence[InteractionId]) -> None:
        """Take back into the floor the records of those calls that have ended as far as the store knows."""
        try:
            for interaction_id in await self._records.known_interactions(ids):
                record = await self._records.interaction(interaction_id)
                if record is not None:
                    await self._floor.request(Adopt(interaction=record))
        except CallcenterError as error:
            log.warning("calls_not_recalled", code=error.code, error=str(error))

    async def _has_restarted(self, startup: str) -> bool:
        """Whether this exchange was started anew since it was last seen; remembers it, here and in the store."""
        known, self._startup = self._startup, startup
        try:
            known = known or await self._records.bookmark(EXCHANGE_BOOKMARK)
            if known != startup:
                await self._records.set_bookmark(EXCHANGE_BOOKMARK, startup)
        except CallcenterError as error:
            log.warning("exchange_not_remembered", code=error.code, error=str(error))
        return known is not None and known != startup

    async def run(self) -> None:
        """While all is well, what is older than `BOOKMARK_INTERVAL` need not be read again."""
        if self._log is None:
            return
        position: str | None = None
        while True:
            position = await self._move_bookmark(self._log, position)
            await asyncio.sleep(BOOKMARK_INTERVAL.total_seconds())

    async def _move_bookmark(self, exchange_log: ExchangeLog, position: str | None) -> str | None:
        """Set it to where the log ended an interval ago; where it ends now."""
        try:
            if self._floor.routing and position is not None:
                await self._records.set_bookmark(LOG_BOOKMARK, position)
            return await exchange_log.end()
        except (CallcenterError, OSError) as error:
            log.warning("bookmark_not_moved", error=str(error))
            return None


async def missed_reports(
    missed: Sequence[MissedCall], *, records: Records, live: Mapping[InteractionId, Interaction]
) -> list[Message]:
    """The reports that give every missed call its one record; legs that are no callers' are passed over."""
    ended = await records.known_interactions([call.interaction_id for call in missed])
    messages: list[Message] = []
    for call in missed:
        record = live.get(call.interaction_id)
        is_over = call.interaction_id in ended or (record is not None and record.stage is Stage.ENDED)
        if is_over:
            continue
        if call.ended_at is None:
            # What goes on is told by its channels; only when it began, they do not tell.
            if record is not None and record.times.queued_at is not None:
                messages += _talk_reports(call, record)
            continue
        if record is None and call.arrival is None:
            continue
        arrival = arrival_of(call)
        if record is None and arrival is not None:
            messages.append(arrival)
        messages += _talk_reports(call, record)
        messages.append(
            CallEnded(
                interaction_id=call.interaction_id,
                at=call.ended_at,
                outcome=ev.Outcome.ANSWERED if call.answered else None,
                side=call.side,
                cause=call.cause,
            )
        )
    if messages:
        log.info("missed_calls_recorded", messages=len(messages))
    return messages


def arrival_of(call: MissedCall) -> ev.InteractionArrived | None:
    """How a missed call came, where that was written."""
    if call.arrival is None:
        return None
    return ev.InteractionArrived(
        interaction_id=call.interaction_id,
        at=call.arrival.at,
        channel=call.arrival.channel,
        ani=call.arrival.ani,
        dnis=call.arrival.dnis,
        caller_name=call.arrival.caller_name,
    )


def _talk_reports(call: MissedCall, record: Interaction | None) -> Iterator[Message]:
    """The talks of a call with the times they had; the floor passes over what it knows already."""
    offers = {offer.offer_id: offer for offer in record.offers} if record is not None else {}
    for talk in call.talks:
        offer = offers.get(talk.offer_id)
        agent_id = offer.agent_id if offer is not None else agent_of(talk.offer_id, call.interaction_id)
        if agent_id is None:
            continue
        was_known = offer is not None and offer.outcome is OfferOutcome.ANSWERED
        if not was_known:
            yield Late(
                command=cmd.ReportTalk(
                    offer_id=talk.offer_id,
                    interaction_id=call.interaction_id,
                    agent_id=agent_id,
                    queue_id=record.queue_id if record is not None else None,
                ),
                at=talk.began_at,
            )
        if talk.ended_at is not None:
            yield Late(command=cmd.ReportTalkEnded(offer_id=talk.offer_id, side=call.side), at=talk.ended_at)


def agent_of(offer_id: OfferId, interaction_id: InteractionId) -> AgentId | None:
    """Whom an offer of this interaction was made to, out of the id that the ACD engine gives its offers."""
    agent_id, _, stamp = offer_id.removeprefix(f"{interaction_id}-").rpartition("-")
    return AgentId(agent_id) if agent_id and stamp.isdecimal() else None
