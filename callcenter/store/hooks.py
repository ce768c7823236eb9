"""Web hooks and their outbox: rows and back, each change of a hook with its line of audit."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.hooks import (
    MOST_HOOKS,
    Attempt,
    Delivery,
    DeliveryState,
    DueDelivery,
    Hook,
    HookInput,
    check_hook,
)
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.hooks import TEST_EVENT, HookEvent
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.encoding import encode_json
from callcenter.store.hook_tables import hook_deliveries, hooks

ROWS_AT_ONCE = 1_000
"""So many rows of the log one statement drops: whoever routes calls writes to the same database."""


class StoredHooks:
    """Implements `callcenter.app.hooks.HookBook` and `HookOutbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hooks(self) -> tuple[Hook, ...]:
        """All hooks, the oldest first."""
        query = hooks.select().order_by(hooks.c.created_at, hooks.c.hook_id)
        return await self._database.look(lambda connection: _hooks(connection, query))

    async def hook(self, hook_id: str) -> Hook | None:
        """One hook."""
        query = hooks.select().where(hooks.c.hook_id == hook_id)
        return next(iter(await self._database.look(lambda connection: _hooks(connection, query))), None)

    async def add(self, hook_id: str, data: HookInput, *, secret: str, at: datetime, by: str) -> Hook:
        """Make a hook; `Conflict` when there are too many."""
        check_hook(data)
        async with self._database.writing() as connection:
            count = (await connection.execute(select(func.count()).select_from(hooks))).scalar_one()
            if count >= MOST_HOOKS:
                raise Conflict(
                    f"there are {count} web hooks, and no more can be; remove one first", code="too_many_hooks"
                )
            row = {"hook_id": hook_id, **_row(data), "secret": secret, "created_at": at, "created_by": by, "version": 1}
            await connection.execute(insert(hooks), [row])
            await add_audit(connection, at=at, by=by, action="hook_added", subject=hook_id, detail=data.url)
            return await _read(connection, hook_id)

    async def change(self, hook_id: str, data: HookInput, *, at: datetime, by: str, expected_version: int) -> Hook:
        """Change a hook; `NotFound`, `Outdated`. One that is switched off drops what waits for it."""
        check_hook(data)
        async with self._database.writing() as connection:
            known = await _lock(connection, hook_id, expected_version)
            row = _row(data)
            changed = sorted(name for name, value in row.items() if getattr(known, name) != value)
            if not changed:
                return known
            await connection.execute(
                update(hooks).where(hooks.c.hook_id == hook_id).values({**row, "version": known.version + 1})
            )
            if not data.active:
                given_up = {"state": DeliveryState.GIVEN_UP, "next_try_at": None, "last_error": "switched off"}
                await connection.execute(update(hook_deliveries).where(*_pending_of(hook_id)).values(given_up))
            await add_audit(connection, at=at, by=by, action="hook_changed", subject=hook_id, detail=", ".join(changed))
            return await _read(connection, hook_id)

    async def renew_secret(
        self, hook_id: str, secret: str, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Hook:
        """Sign with another secret from now on; `NotFound`."""
        async with self._database.writing() as connection:
            known = await _lock(connection, hook_id, expected_version)
            values = {"secret": secret, "version": known.version + 1}
            await connection.execute(update(hooks).where(hooks.c.hook_id == hook_id).values(values))
            await add_audit(connection, at=at, by=by, action="hook_secret_renewed", subject=hook_id)
            return await _read(connection, hook_id)

    async def resume(self, hook_id: str, *, at: datetime, by: str, expected_version: int | None = None) -> Hook:
        """Send to a paused hook again, at once; `NotFound`."""
        async with self._database.writing() as connection:
            known = await _lock(connection, hook_id, expected_version)
            if known.paused_at is None:
                return known
            values = {"paused_at": None, "paused_reason": None, "version": known.version + 1}
            await connection.execute(update(hooks).where(hooks.c.hook_id == hook_id).values(values))
            await connection.execute(update(hook_deliveries).where(*_pending_of(hook_id)).values(next_try_at=at))
            await add_audit(connection, at=at, by=by, action="hook_resumed", subject=hook_id)
            return await _read(connection, hook_id)

    async def remove(self, hook_id: str, *, at: datetime, by: str, expected_version: int | None = None) -> None:
        """Remove a hook with its log; `NotFound`."""
        async with self._database.writing() as connection:
            known = await _lock(connection, hook_id, expected_version)
            await connection.execute(delete(hooks).where(hooks.c.hook_id == hook_id))
            await add_audit(connection, at=at, by=by, action="hook_removed", subject=hook_id, detail=known.url)

    async def deliveries(
        self, hook_id: str, *, limit: int, before: int | None, state: DeliveryState | None
    ) -> tuple[Delivery, ...]:
        """The log of a hook, the newest first; `NotFound`."""
        table = hook_deliveries
        query = table.select().where(table.c.hook_id == hook_id)
        if before is not None:
            query = query.where(table.c.number < before)
        if state is not None:
            query = query.where(table.c.state == state)
        query = query.order_by(table.c.number.desc()).limit(limit)
        whose = hooks.select().where(hooks.c.hook_id == hook_id)

        def look(connection: Connection) -> tuple[Delivery, ...]:
            if connection.execute(whose).first() is None:
                raise _unknown(hook_id)
            return tuple(_delivery(row) for row in connection.execute(query).all())

        return await self._database.look(look)

    async def send_test(self, hook_id: str, *, at: datetime, by: str) -> Delivery:
        """Put a delivery without a fact into the outbox; `NotFound`, `Conflict` for one that sends nothing now."""
        row = {
            "delivery_id": f"msg_{uuid.uuid4().hex}",
            "hook_id": hook_id,
            "event": TEST_EVENT,
            "at": at,
            "data": encode_json({"hook_id": hook_id}),
            "state": DeliveryState.PENDING,
            "tries": 0,
            "next_try_at": at,
        }
        async with self._database.writing() as connection:
            hook = await _lock(connection, hook_id)
            if not hook.active or hook.paused_at is not None:
                raise Conflict(
                    f"web hook {hook_id} sends nothing now; switch it on or resume it", code="hook_not_sending"
                )
            step = insert(hook_deliveries).values(row).returning(*hook_deliveries.c)
            made = (await connection.execute(step)).one()
            await add_audit(connection, at=at, by=by, action="hook_tested", subject=hook_id)
            return _delivery(made)

    async def redeliver(self, hook_id: str, delivery_id: str, *, at: datetime, by: str) -> Delivery:
        """Send one again under its id, with all tries anew; `NotFound`."""
        table = hook_deliveries
        mine = (table.c.hook_id == hook_id, table.c.delivery_id == delivery_id)
        async with self._database.writing() as connection:
            await _lock(connection, hook_id)
            values = {"state": DeliveryState.PENDING, "tries": 0, "next_try_at": at, "first_try_at": None}
            step = update(table).where(*mine).values(values).returning(*table.c)
            row = (await connection.execute(step)).one_or_none()
            if row is None:
                raise NotFound(
                    f"web hook {hook_id} has no delivery {delivery_id}, or not any more", code="unknown_delivery"
                )
            await add_audit(connection, at=at, by=by, action="hook_redelivered", subject=hook_id, detail=delivery_id)
            return _delivery(row)

    # ---- the outbox

    async def due(
        self, *, now: datetime, limit: int, but: Sequence[str], cool: Sequence[str] = ()
    ) -> tuple[DueDelivery, ...]:
        """The oldest that is due of each hook, but of these hooks; of `cool` ones only what a person ordered."""
        table = hook_deliveries
        # What was tried before and has no try now was ordered anew; a test is never anything else.
        ordered = and_(table.c.tries == 0, or_(table.c.last_try_at.is_not(None), table.c.event == TEST_EVENT))
        oldest = (
            select(func.min(table.c.number).label("number"))
            .join(hooks, hooks.c.hook_id == table.c.hook_id)
            .where(
                table.c.state == DeliveryState.PENDING,
                table.c.next_try_at <= now,
                hooks.c.active.is_(True),
                hooks.c.paused_at.is_(None),
                table.c.hook_id.not_in(but),
                or_(table.c.hook_id.not_in(cool), ordered),
            )
            .group_by(table.c.hook_id)
            .order_by(func.min(table.c.number))
            .limit(limit)
            .subquery()
        )
        query = (
            select(table, hooks.c.url, hooks.c.secret, hooks.c.personal)
            .join(hooks, hooks.c.hook_id == table.c.hook_id)
            .join(oldest, oldest.c.number == table.c.number)
            .order_by(table.c.number)
        )
        rows = await self._database.look(lambda connection: connection.execute(query).all())
        return tuple(
            DueDelivery(delivery=_delivery(row), data=row.data, url=row.url, secret=row.secret, personal=row.personal)
            for row in rows
        )

    async def tried(
        self, delivery: Delivery, attempt: Attempt, *, state: DeliveryState, next_try_at: datetime | None
    ) -> None:
        """Note a try."""
        table = hook_deliveries
        values = {
            "state": state,
            "tries": delivery.tries + 1,
            "next_try_at": next_try_at,
            "first_try_at": delivery.first_try_at or attempt.at,
            "last_try_at": attempt.at,
            "last_status": attempt.status,
            "last_error": attempt.error,
            "last_milliseconds": attempt.milliseconds,
        }
        # Whoever gave it up meanwhile, by switching the hook off, is right unless it has arrived.
        mine = [table.c.number == delivery.number]
        if state is not DeliveryState.DELIVERED:
            mine.append(table.c.state == DeliveryState.PENDING)
        async with self._database.writing() as connection:
            await connection.execute(update(table).where(*mine).values(values))

    async def pause_failing(self, delivery: Delivery, reason: str, *, at: datetime, at_once: bool) -> bool:
        """Pause the hook unless something was delivered since this delivery's first try; whether it was paused."""
        table = hook_deliveries
        async with self._database.writing() as connection:
            if not at_once:
                since = delivery.first_try_at or at
                taken = select(table.c.number).where(
                    table.c.hook_id == delivery.hook_id,
                    table.c.state == DeliveryState.DELIVERED,
                    table.c.last_try_at >= since,
                )
                if (await connection.execute(taken.limit(1))).first() is not None:
                    return False
            step = update(hooks).where(hooks.c.hook_id == delivery.hook_id, hooks.c.paused_at.is_(None))
            values = {"paused_at": at, "paused_reason": reason, "version": hooks.c.version + 1}
            return (await connection.execute(step.values(values))).rowcount == 1

    async def personal_data(self, data: Mapping[str, object]) -> Mapping[str, object]:
        """Names and numbers of the customer and the interaction that `data` names, as they are now."""
        customer_id, interaction_id = data.get("customer_id"), data.get("interaction_id")
        return await self._database.look(lambda connection: _personal(connection, customer_id, interaction_id))

    async def forget(self, *, before: datetime, keep: int) -> int:
        """Drop what is older and settled, and all but the newest `keep` of each hook; returns how many rows."""
        table = hook_deliveries
        settled = (table.c.state != DeliveryState.PENDING, table.c.at < before)
        dropped = await self._drop(select(table.c.number).where(*settled))
        for hook in await self.hooks():
            mine = table.c.hook_id == hook.hook_id
            newest = select(table.c.number).where(mine).order_by(table.c.number.desc()).offset(keep).limit(1)
            async with self._database.reading() as connection:
                border = (await connection.execute(newest)).scalar_one_or_none()
            if border is not None:
                dropped += await self._drop(select(table.c.number).where(mine, table.c.number <= border))
        return dropped

    async def _drop(self, numbers: Select[tuple[int]]) -> int:
        """A thousand rows a transaction, so that nobody waits for long."""
        table, dropped = hook_deliveries, 0
        while True:
            some = numbers.order_by(table.c.number).limit(ROWS_AT_ONCE)
            async with self._database.writing() as connection:
                gone = (await connection.execute(delete(table).where(table.c.number.in_(some)))).rowcount
            dropped += gone
            if gone < ROWS_AT_ONCE:
                return dropped


def _row(data: HookInput) -> dict[str, object]:
    return {
        "url": data.url,
        "events": tuple(sorted(set(data.events))),
        "description": data.description,
        "personal": data.personal,
        "active": data.active,
    }


def _unknown(hook_id: str) -> NotFound:
    return NotFound(f"there is no web hook {hook_id}", code="unknown_hook")


async def _read(connection: AsyncConnection, hook_id: str) -> Hook:
    found = await connection.run_sync(_hooks, hooks.select().where(hooks.c.hook_id == hook_id))
    if not found:
        raise _unknown(hook_id)
    return found[0]


async def _lock(connection: AsyncConnection, hook_id: str, expected_version: int | None = None) -> Hook:
    await connection.execute(select(hooks.c.hook_id).where(hooks.c.hook_id == hook_id).with_for_update())
    known = await _read(connection, hook_id)
    if expected_version is not None and known.version != expected_version:
        raise Outdated(f"web hook {hook_id} has version {known.version} now, not {expected_version}; read it again")
    return known


def _pending_of(hook_id: str) -> tuple[ColumnElement[bool], ...]:
    table = hook_deliveries
    return (table.c.hook_id == hook_id, table.c.state == DeliveryState.PENDING)


def _hooks(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Hook, ...]:
    rows = connection.execute(query).all()
    table = hook_deliveries
    waiting = (
        select(table.c.hook_id, func.count().label("waiting"))
        .where(table.c.state == DeliveryState.PENDING, table.c.hook_id.in_([row.hook_id for row in rows]))
        .group_by(table.c.hook_id)
    )
    pending: dict[str, int] = {row.hook_id: row.waiting for row in connection.execute(waiting).all()}
    return tuple(
        Hook(
            hook_id=row.hook_id,
            url=row.url,
            events=tuple(HookEvent(name) for name in row.events),
            description=row.description,
            personal=row.personal,
            active=row.active,
            created_at=row.created_at,
            created_by=row.created_by,
            paused_at=row.paused_at,
            paused_reason=row.paused_reason,
            version=row.version,
            pending=pending.get(row.hook_id, 0),
        )
        for row in rows
    )


def _delivery(row: Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        number=row.number,
        delivery_id=row.delivery_id,
        hook_id=row.hook_id,
        event=row.event,
        at=row.at,
        state=DeliveryState(row.state),
        tries=row.tries,
        next_try_at=row.next_try_at,
        first_try_at=row.first_try_at,
        last_try_at=row.last_try_at,
        last_status=row.last_status,
        last_error=row.last_error,
        last_milliseconds=row.last_milliseconds,
    )


def _personal(connection: Connection, customer_id: object, interaction_id: object) -> dict[str, object]:
    found: dict[str, object] = {}
    if isinstance(interaction_id, str):
        calls = tables.interactions
        call = connection.execute(calls.select().where(calls.c.interaction_id == interaction_id)).one_or_none()
        if call is not None:
            found |= {"number": call.ani_e164 or call.ani_raw, "caller_name": call.caller_name}
    if isinstance(customer_id, str):
        people, points = tables.customers, tables.contact_points
        name = select(people.c.name).where(people.c.customer_id == customer_id)
        found["customer_name"] = connection.execute(name).scalar_one_or_none()
        mine = points.select().where(points.c.customer_id == customer_id).order_by(points.c.position)
        found["contact_points"] = [
            {"kind": point.kind, "value": point.value} for point in connection.execute(mine).all()
        ]
    return found
