"""Segments: saved conditions over customers, versioned; whom they hold for routing is worked out in the background.

Laws: the routing path asks no segment anything, it finds the names of a customer's segments beside his card; what a
queue or a best offer names is not removed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from callcenter.app.business_best_offers import KnownConditions
from callcenter.app.customer_book import CustomerBook
from callcenter.app.ports import Clock, Configuration
from callcenter.crm.segment_fields import segment_fields
from callcenter.crm.segment_text import parse_segment
from callcenter.crm.segments import Condition, Fields
from callcenter.domain.best_offers import BestOffer
from callcenter.domain.customers import Customer
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound, Outdated, Overloaded
from callcenter.domain.ids import CustomerId
from callcenter.domain.labels import Label

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = timedelta(seconds=20)
RENEW_EVERY: Final = timedelta(hours=1)
"""Also of a segment that nobody touched: calls and cases change who is in it."""
MOST_SEGMENTS: Final = 500
QUESTIONS_AT_ONCE: Final = 2
"""Counts and lists of whole segments; a third one is refused, so that the database keeps room for calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A saved condition, as somebody wrote it; `members` are those kept for routing, None where no queue names it."""

    segment_id: str
    version: int
    at: datetime
    by: str
    label: str
    condition: str
    removed: bool = False
    members: int | None = None
    counted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPage:
    """Some customers of a segment, by their ids; `next_after` asks for those behind them."""

    items: tuple[Customer, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A condition, ready to be asked of the store."""

    condition: Condition
    fields: Fields
    today: date
    timezone: ZoneInfo


class SegmentStore(Protocol):
    """What is kept of segments, and who asks the customers."""

    async def segments(self) -> tuple[Segment, ...]:
        """Those that are there, by their names."""
        ...

    async def segment(self, segment_id: str, version: int | None = None) -> Segment | None:
        """The newest version of one, removed or not, or the one asked for."""
        ...

    async def history(self, segment_id: str) -> tuple[Segment, ...]:
        """All versions, the newest first."""
        ...

    async def put(self, segment: Segment, *, expected: int) -> Segment:
        """Keep the next version; `Outdated` when another one counts than expected."""
        ...

    async def count(self, asked: Asked) -> int:
        """How many customers it is true of."""
        ...

    async def page(self, asked: Asked, *, after: str | None, limit: int) -> SegmentPage:
        """Some of them."""
        ...

    async def refresh(self, segment: Segment, asked: Asked, *, at: datetime) -> int:
        """Work out anew whom it holds for routing."""
        ...

    async def forget_others(self, names: Sequence[str]) -> None:
        """Nobody is in a segment but those of these names, for routing."""
        ...

    async def judge(
        self, asked: Sequence[tuple[str, Asked]], customers: Sequence[CustomerId]
    ) -> tuple[CustomerId, ...]:
        """Put these customers into the named segments they are in, and out of the others; whom that changed."""
        ...

    async def last_run_ended(self) -> datetime | None:
        """When values were worked out last."""
        ...


class NamingRules(Protocol):
    """Rules of the house that name segments."""

    async def best_offers(self) -> Sequence[BestOffer]:
        """What agents propose."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentUse:
    """Who names a segment: queues for their boosts, best offers for whom they are."""

    queues: tuple[str, ...]
    best_offers: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.queues or self.best_offers)

    def __str__(self) -> str:
        told = [f"queue {name}" for name in self.queues] + [f"best offer {name}" for name in self.best_offers]
        return ", ".join(told)

    @property
    def said(self) -> Label:
        """The same in both languages."""
        told = [f"队列 {name}" for name in self.queues] + [f"推荐 {name}" for name in self.best_offers]
        return Label(zh="、".join(told), en=str(self))


class Segments:
    """Saves, answers and keeps; `run` is owned by one task."""

    def __init__(
        self,
        *,
        store: SegmentStore,
        book: CustomerBook,
        configuration: Configuration,
        rules: NamingRules,
        clock: Clock,
        timezone: ZoneInfo,
    ) -> None:
        self.store = store
        self._rules = rules
        self._book = book
        self._configuration = configuration
        self._clock = clock
        self._timezone = timezone
        self._asking = 0
        self._wake = asyncio.Event()

    # ---- what people ask

    async def fields(self) -> Fields:
        """What a condition may name."""
        return segment_fields(await self._book.custom_fields())

    async def known(self) -> KnownConditions:
        """What conditions of the business's configuration may name."""
        names = frozenset(segment.segment_id for segment in await self.store.segments())
        return KnownConditions(fields=await self.fields(), segments=names)

    async def ask(self, condition: str) -> Asked:
        """Read a condition; `SegmentError` says where and what is wrong."""
        fields = await self.fields()
        parsed = parse_segment(condition, fields)
        today = self._clock.now().astimezone(self._timezone).date()
        return Asked(condition=parsed, fields=fields, today=today, timezone=self._timezone)

    async def count(self, condition: str) -> int:
        """How many customers it is true of; `Overloaded` when others ask."""
        asked = await self.ask(condition)
        with self._turn():
            return await self.store.count(asked)

    async def page(self, condition: str, *, after: str | None, limit: int) -> SegmentPage:
        """Some of them."""
        asked = await self.ask(condition)
        with self._turn():
            return await self.store.page(asked, after=after, limit=limit)

    async def pages(self, condition: str, *, limit: int) -> AsyncIterator[tuple[Customer, ...]]:
        """All of them, some at a time."""
        after: str | None = None
        while True:
            page = await self.page(condition, after=after, limit=limit)
            yield page.items
            after = page.next_after
            if after is None:
                return

    async def find(self, segment_id: str, version: int | None = None) -> Segment:
        """One segment; `NotFound` for one that is not there any more, too, unless its version is named."""
        found = await self.store.segment(segment_id, version)
        if found is None or (found.removed and version is None):
            raise NotFound(f"there is no segment {segment_id}", code="unknown_segment")
        return found

    async def put(self, segment_id: str, *, label: str, condition: str, expected: int, by: str) -> Segment:
        """Save a segment, version `expected` of which was read; 0 for a new one."""
        await self.ask(condition)
        if expected == 0 and len(await self.store.segments()) >= MOST_SEGMENTS:
            raise InvalidValue(f"{MOST_SEGMENTS} segments are the most; remove one first", code="too_many_segments")
        kept = await self._keep(segment_id, label, condition, expected=expected, by=by)
        self._wake.set()
        return kept

    async def remove(self, segment_id: str, *, expected: int | None = None, by: str) -> None:
        """Take it away, of version `expected` if that is said; its versions stay.

        `Conflict` while a queue or a best offer names it, `Outdated` where it has another version.
        """
        known = await self.find(segment_id)
        users = (await self.uses([segment_id]))[segment_id]
        if users:
            raise Conflict(
                f"segment {segment_id} is named by {users}; take it out there first",
                code="segment_in_use",
                said=users.said,
            )
        of = known.version if expected is None else expected
        await self._keep(segment_id, known.label, known.condition, expected=of, by=by, removed=True)

    async def undo(self, segment_id: str, version: int, *, expected: int | None = None, by: str) -> Segment:
        """Let an earlier version count again, as a new one behind version `expected` if that is said; `Outdated`."""
        earlier = await self.find(segment_id, version)
        now = await self.store.segment(segment_id)
        present = 0 if now is None else now.version
        if expected is not None and expected != present:
            raise Outdated(f"segment {segment_id} has version {present} now, not {expected}; read it again")
        if now is not None and not now.removed and (now.label, now.condition) == (earlier.label, earlier.condition):
            raise InvalidValue(f"the segment is as in version {version} already", code="nothing_to_undo")
        await self.ask(earlier.condition)
        kept = await self._keep(segment_id, earlier.label, earlier.condition, expected=present, by=by)
        self._wake.set()
        return kept

    async def uses(self, names: Sequence[str]) -> dict[str, SegmentUse]:
        """Who names each of these."""
        queues, offers = await self._configuration.queues(), await self._rules.best_offers()
        return {
            name: SegmentUse(
                queues=tuple(str(queue.queue_id) for queue in queues if name in queue.boosts.segments),
                best_offers=tuple(offer.best_offer_id for offer in offers if offer.segment == name),
            )
            for name in names
        }

    # ---- for routing

    async def judge(self, customers: Sequence[CustomerId]) -> tuple[CustomerId, ...]:
        """Put customers at once where they belong, of the segments that queues name; whom that changed."""
        asked = [(segment.segment_id, await self.ask(segment.condition)) for segment in await self._named()]
        return await self.store.judge(asked, customers) if asked else ()

    async def run(self) -> None:
        """Keep the members of those that queues name, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.turn()
            except (CallcenterError, OSError) as error:
                log.warning("segments_not_refreshed", error=str(error))
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def turn(self) -> None:
        """Work out anew what is old."""
        named = await self._named()
        await self.store.forget_others([segment.segment_id for segment in named])
        now = self._clock.now()
        run_ended = await self.store.last_run_ended()
        for segment in named:
            counted = segment.counted_at
            fresh = (
                counted is not None
                and now - counted < RENEW_EVERY
                and counted.astimezone(self._timezone).date() == now.astimezone(self._timezone).date()
                and (run_ended is None or run_ended <= counted)
            )
            if not fresh:
                try:
                    await self.store.refresh(segment, await self.ask(segment.condition), at=now)
                except CallcenterError as error:
                    # Say its field was taken away: the others go on.
                    log.warning("segment_not_refreshed", segment=segment.segment_id, error=str(error))

    async def _named(self) -> tuple[Segment, ...]:
        names = {name for queue in await self._configuration.queues() for name in queue.boosts.segments}
        return tuple(segment for segment in await self.store.segments() if segment.segment_id in names) if names else ()

    async def _keep(
        self, segment_id: str, label: str, condition: str, *, expected: int, by: str, removed: bool = False
    ) -> Segment:
        segment = Segment(
            segment_id=segment_id,
            version=expected + 1,
            at=self._clock.now(),
            by=by,
            label=label,
            condition=condition,
            removed=removed,
        )
        return await self.store.put(segment, expected=expected)

    def _turn(self) -> "_Turn":
        if self._asking >= QUESTIONS_AT_ONCE:
            raise Overloaded("others ask whole segments just now; try again in a moment", code="too_many_questions")
        return _Turn(self)

    def asking(self, change: int) -> None:
        """One more, or one less, asks."""
        self._asking += change


class _Turn:
    """One question's place among those that are asked at once."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments

    def __enter__(self) -> None:
        self._segments.asking(1)

    def __exit__(self, *_: object) -> None:
        self._segments.asking(-1)
