"""Takes in what callers wanted while the server was away: callbacks, and messages they spoke to the emergency script.

Law: each wish comes in once, however often it is tried: it leaves the spool only when what it asks for is durable, and
what is there already is not made again.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog

from callcenter.app.callbacks import callback_id_of
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Adopt, CallEnded, TakeCallback
from callcenter.app.message_sweep import MessageFiles
from callcenter.app.ports import Clock, Journal, Records
from callcenter.domain import events as ev
from callcenter.domain.errors import CallcenterError, Conflict
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.interactions import Interaction, Placement
from callcenter.domain.messages import SUFFIX, message_name
from callcenter.domain.numbers import Number

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=0.5)
DURABLE_WITHIN = timedelta(seconds=10)
STRANGER_AFTER = timedelta(minutes=1)
"""A call that nobody has told of by then is told of by its wish alone."""


class WishKind(StrEnum):
    """What somebody chose."""

    CALLBACK = "callback"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one caller wanted; `recording` is what he said, in the spool."""

    interaction_id: InteractionId
    kind: WishKind
    ani: str
    dnis: str
    caller_name: str
    queue_id: QueueId | None
    language: str
    entered_at: datetime
    wished_at: datetime
    recording: Path | None


class Spool(Protocol):
    """Where the emergency script puts wishes."""

    async def wishes(self) -> Sequence[Wish]:
        """All that are there, the oldest first."""
        ...

    async def done(self, wish: Wish) -> None:
        """Take one out."""
        ...


class ReadNumber(Protocol):
    """Whoever reads what a trunk gave as the calling number."""

    def __call__(self, raw: str, presentation: str, /) -> Number:
        """The number."""
        ...


class EmergencyIntake:
    """Reads the spool again and again, and whenever the calls of an absence are brought in."""

    def __init__(
        self,
        *,
        floor: Floor,
        records: Records,
        journal: Journal,
        spool: Spool,
        files: MessageFiles,
        clock: Clock,
        read_number: ReadNumber,
    ) -> None:
        self._floor = floor
        self._records = records
        self._journal = journal
        self._spool = spool
        self._files = files
        self._clock = clock
        self._read_number = read_number
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Take in what comes, until cancelled; a store that is away is asked again."""
        while True:
            if self._floor.routing:
                await self.turn()
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def of_whom(self, ids: Collection[InteractionId]) -> frozenset[InteractionId]:
        """Which of these callers want something."""
        wanting = {wish.interaction_id for wish in await self._spool.wishes()}
        return frozenset(one for one in ids if one in wanting)

    async def of_calls(self, ids: Collection[InteractionId]) -> None:
        """Take in what these callers, who are gone, have wanted; before their calls are said to have ended."""
        await self.turn(ids)

    async def turn(self, only: Collection[InteractionId] | None = None) -> None:
        """Take in what is there, or what is there of these calls `only`."""
        async with self._turn:
            try:
                for wish in await self._spool.wishes():
                    if only is None or wish.interaction_id in only:
                        await self._take(wish)
            except (CallcenterError, OSError) as error:
                log.warning("emergency_wishes_not_taken", error=str(error))

    async def _take(self, wish: Wish) -> None:
        record = await self._record(wish)
        if record is None:
            return
        queue_id = self._queue(wish, record)
        if queue_id is None:
            log.error("emergency_wish_without_queue", interaction_id=wish.interaction_id)
            return
        if wish.kind is WishKind.CALLBACK:
            await self._call_back(wish, record, queue_id)
        else:
            await self._keep_message(wish, record, queue_id)
        if not await self._journal.flushed(DURABLE_WITHIN):
            return  # It is looked at again, and found to be there already.
        await self._spool.done(wish)
        log.info("emergency_wish_taken", interaction_id=wish.interaction_id, wish=wish.kind, queue_id=queue_id)

    async def _record(self, wish: Wish) -> Interaction | None:
        """The record of his call, on the floor; None where it may still be told of by others."""
        interaction_id = wish.interaction_id
        if interaction_id not in self._floor.interactions:
            stored = await self._records.interaction(interaction_id)
            if stored is not None:
                await self._floor.request(Adopt(interaction=stored))
            elif self._clock.now() - wish.wished_at >= STRANGER_AFTER:
                await self._tell_of_stranger(wish)
        return self._floor.interactions.get(interaction_id)

    async def _tell_of_stranger(self, wish: Wish) -> None:
        """Neither the exchange nor its log tells of this call: it came, and has gone."""
        await self._floor.request(
            ev.InteractionArrived(
                interaction_id=wish.interaction_id,
                at=wish.entered_at,
                channel="",
                ani=self._read_number(wish.ani, ""),
                dnis=wish.dnis,
                caller_name=wish.caller_name,
            )
        )
        outcome = ev.Outcome.CALLBACK_TAKEN if wish.kind is WishKind.CALLBACK else ev.Outcome.MESSAGE_LEFT
        await self._floor.request(CallEnded(interaction_id=wish.interaction_id, at=wish.wished_at, outcome=outcome))

    def _queue(self, wish: Wish, record: Interaction) -> QueueId | None:
        """The queue he was in; who had not come to one is put into the first there is."""
        queues = self._floor.picture.queues
        wanted = (wish.queue_id, record.queue_id)
        return next((queue for queue in wanted if queue in queues), None) or min(queues, default=None)

    async def _call_back(self, wish: Wish, record: Interaction, queue_id: QueueId) -> None:
        callback_id = callback_id_of(wish.interaction_id)
        number = self._read_number(wish.ani, "").e164 or wish.ani
        known = callback_id in self._floor.interactions or await self._records.interaction(callback_id) is not None
        if known:
            return
        now = self._clock.now()
        entered_at = min(record.times.queued_at or wish.entered_at, now)
        placement = record.placement or Placement(queue_id=queue_id, entered_at=entered_at, placed_at=entered_at)
        if placement.queue_id not in self._floor.picture.queues:
            placement = Placement(queue_id=queue_id, entered_at=entered_at, placed_at=entered_at)
        try:
            await self._floor.request(
                TakeCallback(
                    interaction_id=wish.interaction_id,
                    number=number,
                    requested_at=min(wish.wished_at, now),
                    placement=placement,
                )
            )
        except Conflict as error:
            # He, or somebody of the same number, is to be called back already: one is enough.
            log.info("emergency_callback_refused", interaction_id=wish.interaction_id, code=error.code)

    async def _keep_message(self, wish: Wish, record: Interaction, queue_id: QueueId) -> None:
        file = f"{message_name(wish.interaction_id, queue_id)}{SUFFIX}"
        if any(left.file == file for left in record.given.messages):
            return
        if wish.recording is not None and await asyncio.to_thread(wish.recording.is_file):
            await self._files.take_in(wish.recording, file)
        recorded = await self._files.recorded(file)
        if recorded is None or not recorded.voiced:
            log.info("emergency_message_unheard", interaction_id=wish.interaction_id)
            return
        await self._files.mend(file)
        await self._floor.request(
            ev.MessageLeft(
                interaction_id=wish.interaction_id,
                at=wish.wished_at,
                queue_id=queue_id,
                file=file,
                seconds=recorded.length.total_seconds(),
            )
        )
