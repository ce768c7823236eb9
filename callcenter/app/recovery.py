"""What has to be done at a connect to the exchange before routing: finish the records of calls that were missed.

Law: every call ends in exactly one record, also one that came, or went, while the server was away.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from callcenter.app.floor import Adopt, CallEnded, Floor, Message
from callcenter.app.ports import AgentStatus, Configuration, Records
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.ids import InteractionId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.domain.numbers import Number

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
class MissedCall:
    """One leg that is over, as the exchange wrote it down by itself; `arrival` only where that was written as well."""

    interaction_id: InteractionId
    arrival: Arrival | None
    ended_at: datetime
    talk_began_at: datetime | None
    hung_up_by_caller: bool
    cause: int | None


class ExchangeLog(Protocol):
    """What the exchange writes down by itself."""

    async def missed(self, position: str | None) -> tuple[Sequence[MissedCall], str]:
        """What ended after the position, and the position to remember."""
        ...

    async def end(self) -> str:
        """The position after all that is written now."""
        ...


async def restore(floor: Floor, *, configuration: Configuration, records: Records) -> None:
    """Fill an empty floor from the store: rules, agents as they were, calls that had not ended."""
    for queue in await configuration.queues():
        await floor.request(cmd.ConfigureQueue(config=queue))
    for agent in await configuration.agents():
        await floor.request(cmd.ConfigureAgent(config=agent))
    for interaction in await records.open_interactions():
        await floor.request(Adopt(interaction=interaction))
    for status in await records.agent_statuses():
        if status.agent_id in floor.picture.agents:
            await floor.request(_restored(status))


def _restored(status: AgentStatus) -> cmd.RestoreAgent:
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
    )


async def exchange_restarted(records: Records, startup: str) -> bool:
    """Whether this exchange was started anew since it was last seen; remembers it."""
    known = await records.bookmark(EXCHANGE_BOOKMARK)
    if known != startup:
        await records.set_bookmark(EXCHANGE_BOOKMARK, startup)
    return known is not None and known != startup


class Recovery:
    """Reads the exchange's own log at every connect, and keeps the bookmark in it moving."""

    def __init__(self, floor: Floor, records: Records, exchange_log: ExchangeLog | None) -> None:
        self._floor = floor
        self._records = records
        self._log = exchange_log

    async def recover(self, startup: str) -> tuple[list[Message], bool]:
        """Reports of the calls that were missed, and whether the exchange was started anew (`startup` says when)."""
        restarted = await exchange_restarted(self._records, startup)
        if self._log is None:
            return [], restarted
        missed, position = await self._log.missed(await self._records.bookmark(LOG_BOOKMARK))
        messages = await missed_reports(missed, records=self._records, live=self._floor.interactions)
        await self._records.set_bookmark(LOG_BOOKMARK, position)
        return messages, restarted

    async def run(self) -> None:
        """While all is well, what is older than `BOOKMARK_INTERVAL` need not be read again."""
        if self._log is None:
            return
        position = await self._log.end()
        while True:
            await asyncio.sleep(BOOKMARK_INTERVAL.total_seconds())
            if self._floor.routing:
                await self._records.set_bookmark(LOG_BOOKMARK, position)
            position = await self._log.end()


async def missed_reports(
    missed: Sequence[MissedCall], *, records: Records, live: Mapping[InteractionId, Interaction]
) -> list[Message]:
    """The reports that give every missed call its one record; legs that are no callers' are passed over."""
    ended = await records.known_interactions([call.interaction_id for call in missed])
    messages: list[Message] = []
    for call in missed:
        record = live.get(call.interaction_id)
        is_over = call.interaction_id in ended or (record is not None and record.stage is Stage.ENDED)
        if is_over or (record is None and call.arrival is None):
            continue
        if record is None and call.arrival is not None:
            messages.append(
                ev.InteractionArrived(
                    interaction_id=call.interaction_id,
                    at=call.arrival.at,
                    channel=call.arrival.channel,
                    ani=call.arrival.ani,
                    dnis=call.arrival.dnis,
                    caller_name=call.arrival.caller_name,
                )
            )
        messages.append(
            CallEnded(
                interaction_id=call.interaction_id,
                at=call.ended_at,
                outcome=ev.Outcome.ANSWERED if call.talk_began_at is not None else None,
                side=ev.Side.CALLER if call.hung_up_by_caller else None,
                cause=call.cause,
            )
        )
    if messages:
        log.info("missed_calls_recorded", messages=len(messages))
    return messages
