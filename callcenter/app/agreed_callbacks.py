"""Callbacks that an agent agrees with a customer for a time of his choice: kept until then, and put into the queue.

Law: before its time an agreed callback is in no queue and no figure; from then on it is a callback like any other, and
whoever did not want to be called by then is not. None is put into a queue that is closed.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import phonenumbers.timezone
import structlog

from callcenter.acd.picture import Picture
from callcenter.app.callable_numbers import callable_number, refuses_calls
from callcenter.app.calling_out import CallOutRules
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.floor_messages import Message, PlaceCallback
from callcenter.app.message_callbacks import A_MOMENT, KEPT_FOR
from callcenter.app.ports import Clock, CustomerCard, Customers, Records
from callcenter.crm.numbers import normalise
from callcenter.domain import commands as cmd
from callcenter.domain.agreed_callbacks import AgreedCallback, AgreedState
from callcenter.domain.callbacks import Callback
from callcenter.domain.direct import agent_of
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound, Outdated
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, QueueId
from callcenter.domain.interactions import Interaction, Placement
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=2)
FARTHEST = timedelta(days=90)
_NO_ZONE = "Etc/Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCallback:
    """One of the list, with whose it is."""

    callback: AgreedCallback
    customer_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedCallbackView:
    """An agreed callback as the pages show it; `overdue` says that its queue is not there to take it.

    `closed_then`: its queue's hours, as they are now, leave its time out; `open_at` is then when it could be instead.
    """

    interaction_id: InteractionId
    number: Number
    customer_id: CustomerId | None
    customer_name: str | None
    queue_id: QueueId
    at: datetime
    note: str
    agreed_by: str
    agreed_at: datetime
    agent_id: AgentId | None
    origin_id: InteractionId | None
    state: AgreedState
    overdue: bool
    closed_then: bool
    open_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChoice:
    """A queue that a callback can wait in, and the zone of its hours, where it has any."""

    queue_id: QueueId
    label: Label
    hours_zone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeChoices:
    """What can be chosen for a number: zones by their names, the house's and those the number can be in."""

    house_zone: str
    customer_zones: tuple[str, ...]
    queues: tuple[QueueChoice, ...]
    can_call_out: bool
    """Without a trunk for calls out nobody is called, now or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be agreed; `local_time` is what the clock of `zone` shows."""

    number: str
    local_time: datetime
    zone: str
    queue_id: QueueId
    note: str = ""
    customer_id: CustomerId | None = None
    origin_id: InteractionId | None = None
    ask_me_first: bool = True


class AgreedStore(Protocol):
    """Where they are kept (store/agreed_callbacks.py)."""

    async def add(self, callback: AgreedCallback) -> None:
        """Keep one, with its line in the audit log."""
        ...

    async def replace(self, before: AgreedCallback, after: AgreedCallback, *, by: str, at: datetime) -> bool:
        """Change one that is still as it was read."""
        ...

    async def take(self, interaction_id: InteractionId, *, by: str | None = None, at: datetime) -> bool:
        """Take one off: withdrawn by somebody, or waiting in its queue."""
        ...

    async def one(self, interaction_id: InteractionId) -> AgreedCallback | None:
        """One of them."""
        ...

    async def due(self, now: datetime) -> tuple[AgreedCallback, ...]:
        """Those whose time has come."""
        ...

    async def of_number(self, number: str) -> AgreedCallback | None:
        """The one agreed for a number."""
        ...

    async def listed(
        self, *, customer_id: CustomerId | None = None, by: str | None = None, agent_id: AgentId | None = None
    ) -> tuple[ListedCallback, ...]:
        """The earliest first."""
        ...


class AgreeFloor(Protocol):
    """What agreed callbacks want of the floor."""

    @property
    def picture(self) -> Picture:
        """The engine's picture."""
        ...

    @property
    def interactions(self) -> Mapping[InteractionId, Interaction]:
        """Live interactions."""
        ...

    @property
    def routing(self) -> bool:
        """Whether the picture is whole."""
        ...

    async def request(self, message: Message) -> None:
        """Ask for something and wait until it is done."""
        ...


class AgreedCallbacks:
    """Agrees, lists, moves and withdraws them; one task puts those into their queues whose time has come."""

    def __init__(
        self,
        *,
        store: AgreedStore,
        floor: AgreeFloor,
        memory: CustomerMemory,
        customers: Customers,
        records: Records,
        rules: CallOutRules,
        timezone: str,
        clock: Clock,
        new_id: Callable[[], InteractionId],
    ) -> None:
        self._store = store
        self._floor = floor
        self._memory = memory
        self._customers = customers
        self._records = records
        self._rules = rules
        self._timezone = timezone
        self._clock = clock
        self._new_id = new_id

    # ---- what people do

    def choices(self, number: str) -> AgreeChoices:
        """The queues and zones there are for a number."""
        queues = (queue.config for queue in self._floor.picture.queues.values())
        return AgreeChoices(
            house_zone=self._timezone,
            customer_zones=_zones_of(normalise(number, self._rules.dial.region)),
            queues=tuple(
                QueueChoice(
                    queue_id=config.queue_id,
                    label=config.label,
                    hours_zone=None if config.limits.hours is None else config.limits.hours.timezone,
                )
                for config in sorted(queues, key=lambda config: config.queue_id)
                if agent_of(config.queue_id) is None
            ),
            can_call_out=self._rules.can_call_out,
        )

    async def agree(self, wanted: Wanted, *, by: str, agent_id: AgentId | None) -> AgreedCallbackView:
        """Agree a callback; raises `InvalidValue`, `NotFound` and `Conflict` with what forbids it."""
        number = callable_number(wanted.number, self._rules.dial, can_call_out=self._rules.can_call_out)
        now = self._clock.now()
        at = self._moment(wanted.local_time, wanted.zone, now)
        self._check_open(wanted.queue_id, at)
        cards = await self._cards(wanted.customer_id, number)
        unwilling = next((card for card in cards if refuses_calls(card.customer)), None)
        if unwilling is not None:
            raise Conflict(
                f"{unwilling.customer.name} does not want to be called (consent: do not contact by phone)",
                code="do_not_call",
            )
        known = await self._store.of_number(number.e164 or "")
        if known is not None:
            there = known.at.astimezone(ZoneInfo(self._timezone))
            raise Conflict(
                f"a callback to this number is agreed for {there:%Y-%m-%d %H:%M} ({self._timezone}) already; "
                "move that one",
                code="callback_agreed",
                said=Label(zh=f"{there:%Y-%m-%d %H:%M}", en=f"for {there:%Y-%m-%d %H:%M}"),
            )
        only = cards[0].customer if len(cards) == 1 else None
        callback = AgreedCallback(
            interaction_id=self._new_id(),
            number=number.e164 or "",
            customer_id=only.customer_id if only is not None else None,
            queue_id=wanted.queue_id,
            at=at,
            note=wanted.note,
            agreed_by=by,
            agreed_at=now,
            agent_id=agent_id if wanted.ask_me_first else None,
            origin_id=wanted.origin_id,
        )
        await self._store.add(callback)
        log.info("callback_agreed", interaction_id=callback.interaction_id, queue_id=callback.queue_id)
        return self._drawn(callback, only.name if only is not None else None)

    async def listed(
        self, *, customer_id: CustomerId | None = None, by: str | None = None, agent_id: AgentId | None = None
    ) -> tuple[AgreedCallbackView, ...]:
        """The earliest first: of a customer, or those of somebody, or all."""
        rows = await self._store.listed(customer_id=customer_id, by=by, agent_id=agent_id)
        return tuple(self._drawn(row.callback, row.customer_name) for row in rows)

    async def change(
        self,
        interaction_id: InteractionId,
        version: int,
        *,
        local_time: datetime,
        zone: str,
        queue_id: QueueId,
        note: str,
        by: str,
        only_own: bool,
    ) -> AgreedCallbackView:
        """Move it to another time or queue; `Outdated` where somebody else has changed it since it was read."""
        before = await self._own(interaction_id, by, only_own=only_own)
        if before.version != version:
            raise Outdated("somebody has changed this callback meanwhile; look at it again")
        now = self._clock.now()
        at = self._moment(local_time, zone, now)
        self._check_open(queue_id, at)
        after = replace(
            before, at=at, queue_id=queue_id, note=note, state=AgreedState.AGREED, version=before.version + 1
        )
        if not await self._store.replace(before, after, by=by, at=now):
            raise Outdated("somebody has changed this callback meanwhile, or it waits in its queue; look again")
        return self._drawn(after, None)

    async def withdraw(self, interaction_id: InteractionId, *, by: str, only_own: bool) -> None:
        """Nobody calls."""
        await self._own(interaction_id, by, only_own=only_own)
        if not await self._store.take(interaction_id, by=by, at=self._clock.now()):
            raise NotFound("this callback waits in its queue by now; withdraw it there", code="unknown_callback")

    # ---- when their time comes

    async def run(self) -> None:
        """Put those into their queues whose time has come, until cancelled; a store that is away is asked again."""
        while True:
            if self._floor.routing:
                try:
                    await self.turn()
                except CallcenterError as error:
                    log.warning("agreed_callbacks_not_read", code=error.code, error=str(error))
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def turn(self) -> None:
        """Once."""
        now = self._clock.now()
        for callback in await self._store.due(now):
            # Without its queue it stays on the list, overdue, until somebody gives it another; of a holiday that was
            # entered since, until it opens or somebody moves it.
            if callback.queue_id in self._floor.picture.queues and self._is_open(callback.queue_id, now):
                await self._place(callback)

    async def _place(self, callback: AgreedCallback) -> None:
        now = self._clock.now()
        cards = await self._cards(callback.customer_id, Number(raw=callback.number, e164=callback.number))
        if any(refuses_calls(card.customer) for card in cards):
            refused = replace(callback, state=AgreedState.REFUSED, version=callback.version + 1)
            await self._store.replace(callback, refused, by=callback.agreed_by, at=now)
            return
        if not await self._is_placed(callback.interaction_id):
            try:
                await self._put_into_queue(callback, cards, now)
            except Conflict as error:
                # He waits to be called back already: that is what was agreed.
                log.info("agreed_callback_joined", interaction_id=callback.interaction_id, code=error.code)
        await self._store.take(callback.interaction_id, at=now)

    async def _put_into_queue(self, callback: AgreedCallback, cards: tuple[CustomerCard, ...], now: datetime) -> None:
        only = cards[0].customer if len(cards) == 1 else None
        self._memory.keep(callback.interaction_id, cards)
        first = callback.agent_id
        await self._floor.request(
            PlaceCallback(
                interaction_id=callback.interaction_id,
                callback=Callback(
                    number=callback.number,
                    requested_at=callback.agreed_at,
                    origin_id=callback.origin_id,
                    # Not before he is kept for whoever agreed it: whoever is free now would have him at once.
                    not_before=None if first is None else now + A_MOMENT,
                ),
                # Its age counts from the time that was agreed.
                placement=Placement(queue_id=callback.queue_id, entered_at=callback.at, placed_at=now),
                number=normalise(callback.number, self._rules.dial.region),
                shown=self._rules.shown_number,
                by=callback.agreed_by,
                note=callback.note,
                customer_id=only.customer_id if only is not None else None,
                language=(only.language or "") if only is not None else "",
            )
        )
        if first is None:
            return
        try:
            await self._floor.request(
                cmd.PickForAgent(interaction_id=callback.interaction_id, agent_id=first, by=first, within=KEPT_FOR)
            )
        except CallcenterError as error:
            # He is not at work: whoever is free calls.
            log.info("agreed_callback_not_kept", interaction_id=callback.interaction_id, code=error.code)

    async def _is_placed(self, interaction_id: InteractionId) -> bool:
        """Whether the server died after it was put into its queue."""
        if interaction_id in self._floor.interactions:
            return True
        return await self._records.interaction(interaction_id) is not None

    # ---- inside

    def _moment(self, local_time: datetime, zone: str, now: datetime) -> datetime:
        try:
            there = ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise InvalidValue(f"there is no time zone {zone!r}; write one such as Asia/Shanghai") from error
        at = local_time.replace(tzinfo=there)
        utc = at.astimezone(ZoneInfo("UTC"))
        if utc.astimezone(there).replace(tzinfo=None) != local_time:
            raise InvalidValue(
                f"{local_time:%Y-%m-%d %H:%M} is no time in {zone}: the clocks are put forward then",
                code="invalid_time",
            )
        if utc <= now:
            raise InvalidValue(f"{local_time:%Y-%m-%d %H:%M} ({zone}) is over; choose a later time", code="time_over")
        if utc - now > FARTHEST:
            far = Label(zh=f"最多可预约 {FARTHEST.days} 天以内", en=f"at most {FARTHEST.days} days")
            raise InvalidValue(
                f"callbacks can be agreed for the next {FARTHEST.days} days", code="time_too_far", said=far
            )
        return utc

    def _hours(self, queue_id: QueueId) -> OpeningHours | None:
        """Its hours; None where it is always open, or is no more."""
        queue = self._floor.picture.queues.get(queue_id)
        return None if queue is None else queue.config.limits.hours

    def _is_open(self, queue_id: QueueId, at: datetime) -> bool:
        hours = self._hours(queue_id)
        return hours is None or hours.is_open(at)

    def _check_open(self, queue_id: QueueId, at: datetime) -> None:
        hours = self._floor.picture.queue(queue_id).config.limits.hours
        if hours is None or hours.is_open(at):
            return
        zone = ZoneInfo(hours.timezone)
        opens = hours.next_opening(at)
        opening = "" if opens is None else f"{opens.astimezone(zone):%Y-%m-%d %H:%M}"
        again = opening and f"; it opens at {opening}"
        raise InvalidValue(
            f"queue {queue_id} is closed at {at.astimezone(zone):%Y-%m-%d %H:%M} ({hours.timezone}){again}",
            code="queue_closed_then",
            said=Label(
                zh=f"{opening} 开始营业" if opening else "之后不再营业",
                en=f"it opens at {opening}" if opening else "it does not open again",
            ),
        )

    async def _cards(self, customer_id: CustomerId | None, number: Number) -> tuple[CustomerCard, ...]:
        if customer_id is None:
            return await self._customers.cards_by_contact_point(number.e164 or "")
        card = await self._customers.card(customer_id)
        if card is None:
            raise NotFound(f"there is no customer {customer_id}", code="unknown_customer")
        return (card,)

    async def _own(self, interaction_id: InteractionId, by: str, *, only_own: bool) -> AgreedCallback:
        callback = await self._store.one(interaction_id)
        if callback is None:
            raise NotFound(
                "there is no such callback any more: it was withdrawn, or waits in its queue", code="unknown_callback"
            )
        if only_own and callback.agreed_by != by:
            raise Conflict("another has agreed this callback; ask him or a supervisor", code="callback_not_yours")
        return callback

    def _drawn(self, callback: AgreedCallback, customer_name: str | None) -> AgreedCallbackView:
        now = self._clock.now()
        stands, hours = callback.state is AgreedState.AGREED, self._hours(callback.queue_id)
        closed = stands and hours is not None and not hours.is_open(callback.at)
        return AgreedCallbackView(
            interaction_id=callback.interaction_id,
            number=normalise(callback.number, self._rules.dial.region),
            customer_id=callback.customer_id,
            customer_name=customer_name,
            queue_id=callback.queue_id,
            at=callback.at,
            note=callback.note,
            agreed_by=callback.agreed_by,
            agreed_at=callback.agreed_at,
            agent_id=callback.agent_id,
            origin_id=callback.origin_id,
            state=callback.state,
            overdue=stands and now - callback.at > 10 * LOOK_EVERY,
            closed_then=closed,
            open_at=hours.open_like(callback.at, now) if closed and hours is not None else None,
            version=callback.version,
        )


def _zones_of(number: Number) -> tuple[str, ...]:
    """The time zones a number can be in; none where nobody knows."""
    try:
        zones = phonenumbers.timezone.time_zones_for_number(phonenumbers.parse(number.e164 or "", None))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in zones if zone != _NO_ZONE)
