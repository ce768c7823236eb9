"""Erasures in the store: the jobs, the rows that are blanked or deleted, and the bytes between the rows.

Law: all rows but the journal's change in one transaction, which also takes the job on to its next step; so after a kill
it either has to be done, or is done.
"""

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, Delete, Row, Table, Update, bindparam, cast, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from callcenter.app.blanking import (
    blank_callback,
    blank_event,
    blank_given,
    blank_handling,
    blank_placement,
    blank_words,
    texts_in,
    without_customers,
    without_number,
)
from callcenter.app.erasure import Erasure, ErasureState, ErasureStep, FoundPerson
from callcenter.domain.cases import CaseState
from callcenter.domain.errors import Conflict
from callcenter.domain.events import InteractionEvent
from callcenter.domain.ids import CustomerId
from callcenter.store import (
    agreed_tables,
    hook_tables,
    import_tables,
    notice_tables,
    privacy_tables,
    sales_tables,
    survey_tables,
    tables,
)
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.encoding import decode_event, encode_event
from callcenter.store.person import HOLDINGS, Fate, Holding, Of, Person, find_person, parts
from callcenter.store.privacy_tables import erasures as table
from callcenter.store.wiping import table_bytes, wipe_file, wipe_tables

LOOK_WITHIN = timedelta(minutes=2)
"""Whole tables are looked through, which takes longer than a caller may wait."""
ERASE_WITHIN = timedelta(minutes=2)
BRIEF_BYTES = 128 * 1024**2
"""What is no larger is written anew in a second or two; a million customers hold writers up for a minute
(docs/privacy.md)."""
EVENTS_AT_ONCE = 500
ROWS_AT_ONCE = 1_000
_Step = tuple[str, Update | Delete]
"""A statement, and the name of the table it is about."""
_WORDY = (
    (tables.audit, "audit_id", "detail"),
    (notice_tables.notices, "notice_id", "text"),
    (privacy_tables.accesses, "access_id", "detail"),
)


class StoredErasures:
    """Implements `callcenter.app.erasure.ErasureStore`."""

    def __init__(self, database: Database, *, brief_bytes: int = BRIEF_BYTES) -> None:
        self._database = database
        self._brief_bytes = brief_bytes

    # ---- the person

    async def find(self, customer_id: CustomerId) -> Person:
        """The person; `NotFound`, also of one who was erased."""
        return await self._database.look(lambda connection: find_person(connection, customer_id), LOOK_WITHIN)

    async def counts(self, person: FoundPerson) -> Mapping[str, int]:
        """How many rows of which table are concerned."""
        known = _as_person(person)
        return await self._database.look(lambda connection: _counts(connection, known), LOOK_WITHIN)

    # ---- the jobs

    async def add(self, erasure: Erasure) -> Erasure:
        """Keep a new one with its line in the audit log; `Conflict` when one of him is under way."""
        last = select(func.coalesce(func.max(table.c.number), 0) + 1).scalar_subquery()
        async with self._database.writing() as connection:
            under_way = select(table.c.erasure_id).where(
                table.c.customer_id == erasure.customer_id, table.c.state != ErasureState.DONE
            )
            if (await connection.execute(under_way)).first() is not None:
                raise Conflict("this customer is being erased already", code="erasure_under_way")
            await connection.execute(table.insert().values({**_row(erasure), "number": last}))
            await add_audit(
                connection,
                at=erasure.asked_at,
                by=erasure.asked_by,
                action="erasure_asked",
                subject=erasure.customer_id,
                detail="with open cases" if erasure.open_cases_too else "",
            )
            query = table.select().where(table.c.erasure_id == erasure.erasure_id)
            return _erasure((await connection.execute(query)).one())

    async def put(self, erasure: Erasure) -> None:
        """Keep it as it is now."""
        async with self._database.writing() as connection:
            await _put(connection, erasure)

    async def erasure(self, erasure_id: str) -> Erasure | None:
        """One of them."""
        async with self._database.reading() as connection:
            row = (await connection.execute(table.select().where(table.c.erasure_id == erasure_id))).one_or_none()
        return None if row is None else _erasure(row)

    async def erasures(self, *, limit: int, customer_id: CustomerId | None = None) -> tuple[Erasure, ...]:
        """The newest first."""
        query = table.select().order_by(table.c.number.desc()).limit(limit)
        if customer_id is not None:
            query = query.where(table.c.customer_id == customer_id)
        async with self._database.reading() as connection:
            return tuple(_erasure(row) for row in (await connection.execute(query)).all())

    async def unfinished(self) -> tuple[Erasure, ...]:
        """Those that are not done, the oldest first."""
        query = table.select().where(table.c.state != ErasureState.DONE).order_by(table.c.number)
        async with self._database.reading() as connection:
            return tuple(_erasure(row) for row in (await connection.execute(query)).all())

    # ---- erasing

    async def blank_events(self, person: FoundPerson) -> int:
        """Take him out of the journal's rows, some at a time."""
        known = _as_person(person)
        changed = 0
        for of, ids in ((True, known.ids[Of.INTERACTION]), (False, known.others_calls)):
            for part in parts(ids):
                changed += await self._blank_events_of(part, known, own=of)
        return changed

    async def _blank_events_of(self, interactions: Collection[str], person: Person, *, own: bool) -> int:
        last, changed = 0, 0
        events = tables.events
        while True:
            query = (
                select(events.c.event_id, events.c.name, events.c.data)
                .where(events.c.interaction_id.in_(interactions), events.c.event_id > last)
                .order_by(events.c.event_id)
                .limit(EVENTS_AT_ONCE)
            )
            async with self._database.reading(LOOK_WITHIN) as connection:
                rows = (await connection.execute(query)).all()
            if not rows:
                return changed
            last = rows[-1].event_id
            blanked = [
                (row.event_id, data) for row in rows if (data := _blanked(row.name, row.data, person, own)) is not None
            ]
            if blanked:
                async with self._database.writing(ERASE_WITHIN) as connection:
                    await put_events(connection, blanked)
            changed += len(blanked)

    async def erase_rows(self, person: FoundPerson, erasure: Erasure, *, at: datetime) -> Erasure:
        """All the rest in one transaction, in which the erasure goes on to its next step."""
        known = _as_person(person)
        found = await self._database.look(lambda connection: _in_passing(connection, known), LOOK_WITHIN)
        gone_on = replace(erasure, step=ErasureStep.REMAINS)
        async with self._database.writing(ERASE_WITHIN) as connection:
            if not self._database.is_sqlite:
                # Whoever adds terms at this moment may have looked before this erasure was known: he ends first.
                await connection.execute(text("LOCK TABLE customer_terms IN SHARE ROW EXCLUSIVE MODE"))
            await _blank_opportunities(connection, known)
            await _close_cases(connection, known, at)
            for holding in HOLDINGS:
                if holding.table not in (tables.events, tables.interactions, tables.customers):
                    await _apply(connection, holding, known.ids[holding.of])
            for _, step in found:
                await connection.execute(step)
            await blank_interactions(connection, known.ids[Of.INTERACTION])
            await _forget_agreed(connection, known)
            await _blank_others(connection, known)
            await _blank_customers(connection, known, at)
            await add_audit(connection, at=at, by=erasure.asked_by, action="person_erased", subject=known.customer_id)
            await _put(connection, gone_on)
        return gone_on

    async def wipes_briefly(self) -> bool:
        """A SQLite file or tables of PostgreSQL are written anew, which takes as long as they are large."""
        path = self._database.sqlite_path
        size = await table_bytes(self._database) if path is None else await asyncio.to_thread(os.path.getsize, path)
        return size <= self._brief_bytes

    async def wipe(self) -> None:
        """Leave nothing between the rows."""
        path = self._database.sqlite_path
        if path is None:
            await wipe_tables(self._database)
        else:
            await asyncio.to_thread(wipe_file, path)


# ---- the rows


def _counts(connection: Connection, person: Person) -> dict[str, int]:
    found: dict[str, int] = {}
    for holding in HOLDINGS:
        if holding.fate is Fate.KEPT:
            continue
        for part in parts(person.ids[holding.of]):
            query = select(func.count()).select_from(holding.table).where(holding.table.c[holding.column].in_(part))
            name = holding.table.name
            found[name] = found.get(name, 0) + int(connection.execute(query).scalar_one())
    found["other_interactions"] = len(person.others_calls)
    for name, _ in _in_passing(connection, person):
        found[name] = found.get(name, 0) + 1
    return {name: count for name, count in found.items() if count}


async def _apply(connection: AsyncConnection, holding: Holding, ids: Sequence[str]) -> None:
    of = holding.table
    for part in parts(ids):
        where = of.c[holding.column].in_(part)
        if holding.fate is Fate.DELETED:
            await connection.execute(delete(of).where(where))
        elif holding.fate is Fate.BLANKED and holding.blanks:
            await connection.execute(update(of).where(where).values(dict(holding.blanks)))


async def put_events(connection: AsyncConnection, told: Sequence[tuple[int, bytes]]) -> None:
    """Write these over what the journal holds at these places."""
    events = tables.events
    step = update(events).where(events.c.event_id == bindparam("of_id")).values(data=bindparam("told"))
    await connection.execute(step, [{"of_id": event_id, "told": data} for event_id, data in told])


async def blank_interactions(connection: AsyncConnection, interactions: Collection[str]) -> None:
    """Take the person out of these records; their figures stay."""
    records = tables.interactions
    rules = (records.c.given, records.c.callback, records.c.placement, records.c.handling)
    columns = (records.c.interaction_id, *rules)
    for part in parts(tuple(interactions)):
        where = records.c.interaction_id.in_(part)
        changed = [
            {
                "of_id": row.interaction_id,
                "new_given": None if row.given is None else blank_given(row.given),
                "new_callback": blank_callback(row.callback),
                "new_handling": blank_handling(row.handling),
                "new_placement": blank_placement(row.placement),
            }
            for row in (await connection.execute(select(*columns).where(where))).all()
            if any(one is not None for one in (row.given, row.callback, row.handling, row.placement))
        ]
        if changed:
            await connection.execute(
                update(records)
                .where(records.c.interaction_id == bindparam("of_id"))
                .values({rule.name: bindparam(f"new_{rule.name}") for rule in rules}),
                changed,
            )
        plain = {
            "ani_raw": "",
            "ani_e164": None,
            "ani_national": None,
            "ani_region": None,
            "caller_name": "",
            "customer_ids": (),
            "customer_id": None,
            "notes": "",
        }
        await connection.execute(update(records).where(where).values(plain))


async def _forget_agreed(connection: AsyncConnection, person: Person) -> None:
    """Callbacks to numbers that are his alone, also where nobody noted whose they are."""
    of = agreed_tables.agreed_callbacks
    for part in parts(tuple(person.own_numbers)):
        await connection.execute(delete(of).where(of.c.number.in_(part)))


async def _blank_others(connection: AsyncConnection, person: Person) -> None:
    """Somebody else's calls do not show the number that is his alone, nor that it might have been he."""
    records = tables.interactions
    gone = frozenset(person.customer_ids)
    columns = (records.c.interaction_id, records.c.ani_e164, records.c.customer_ids, records.c.callback)
    for part in parts(person.others_calls):
        query = select(*columns).where(records.c.interaction_id.in_(part))
        for row in (await connection.execute(query)).all():
            values: dict[str, object] = {"customer_ids": tuple(one for one in row.customer_ids if one not in gone)}
            if row.ani_e164 in person.own_numbers:
                values |= {"ani_raw": "", "ani_e164": None, "ani_national": None, "ani_region": None}
                values["caller_name"] = ""
            if row.callback is not None and row.callback.number in person.own_numbers:
                values["callback"] = blank_callback(row.callback)
            step = update(records).where(records.c.interaction_id == row.interaction_id).values(values)
            await connection.execute(step)
        asked = survey_tables.surveys
        his = (asked.c.interaction_id.in_(part), asked.c.number.in_(sorted(person.own_numbers)))
        await connection.execute(update(asked).where(*his).values(number=None))


async def _blank_customers(connection: AsyncConnection, person: Person, at: datetime) -> None:
    customers = tables.customers
    values = {
        "name": "",
        "language": None,
        "segment": None,
        "account_manager_id": None,
        "tags": (),
        "notes": "",
        "consents": None,
        "custom": None,
        "updated_at": at,
        "erased_at": at,
        "version": customers.c.version + 1,
    }
    his = customers.c.customer_id.in_(person.customer_ids)
    await connection.execute(update(customers).where(his).values(values))


async def _close_cases(connection: AsyncConnection, person: Person, at: datetime) -> None:
    cases = tables.cases
    is_open = (cases.c.customer_id.in_(person.customer_ids), cases.c.closed_at.is_(None))
    await connection.execute(update(cases).where(*is_open).values(state=CaseState.CLOSED, closed_at=at))


async def _blank_opportunities(connection: AsyncConnection, person: Person) -> None:
    """Quotes lose the numbers of their documents, not their amounts."""
    deals = sales_tables.opportunities
    query = select(deals.c.opportunity_id, deals.c.quotes).where(deals.c.customer_id.in_(person.customer_ids))
    for row in (await connection.execute(query)).all():
        quotes = tuple(replace(quote, number="") for quote in row.quotes)
        step = update(deals).where(deals.c.opportunity_id == row.opportunity_id).values(quotes=quotes)
        await connection.execute(step)


def _blanked(name: str, data: bytes, person: Person, own: bool) -> bytes | None:
    """The event without him; None where nothing changes."""
    event = decode_event(name, data)
    if not isinstance(event, InteractionEvent):
        return None
    if own:
        changed = blank_event(event)
    else:
        changed = without_customers(without_number(event, person.own_numbers), person.customer_ids)
    return None if changed == event else encode_event(changed)[1]


def _in_passing(connection: Connection, person: Person) -> list[_Step]:
    """What is to be done where he is named in passing: audit, notices, hooks' outbox, imports."""
    steps: list[_Step] = []
    for of, key, column in _WORDY:
        steps += _blank_texts(connection, of, key, (column,), person.words)
    steps += _blank_texts(connection, import_tables.imports, "import_id", ("file_name", "error"), person.words)
    steps += _blank_headers(connection, person.words)
    deliveries = hook_tables.hook_deliveries
    ids = {one for of in Of for one in person.ids[of]}
    last = 0
    while True:
        query = select(deliveries.c.number, deliveries.c.data).where(deliveries.c.number > last)
        rows = connection.execute(query.order_by(deliveries.c.number).limit(ROWS_AT_ONCE)).all()
        if not rows:
            return steps
        last = rows[-1].number
        for row in rows:
            if texts_in(msgspec.json.decode(row.data)) & ids:
                steps.append((deliveries.name, delete(deliveries).where(deliveries.c.number == row.number)))


def _blank_texts(
    connection: Connection, of: Table, key: str, columns: tuple[str, ...], words: Collection[str]
) -> list[_Step]:
    steps: list[_Step] = []
    for part in parts(sorted(words)):
        hit = or_(*(cast(of.c[column], Text).contains(word, autoescape=True) for column in columns for word in part))
        for row in connection.execute(select(of).where(hit)).mappings().all():
            values = {column: blank_words(row[column], words) for column in columns if row[column] is not None}
            if any(values[column] != row[column] for column in values):
                steps.append((of.name, update(of).where(of.c[key] == row[key]).values(values)))
    return steps


def _blank_headers(connection: Connection, words: Collection[str]) -> list[_Step]:
    """A file without a header has somebody in its first row, which was taken for one."""
    of = import_tables.imports
    steps: list[_Step] = []
    for import_id, header in connection.execute(select(of.c.import_id, of.c.header)).all():
        blanked = tuple(blank_words(cell, words) for cell in header)
        if blanked != header:
            steps.append((of.name, update(of).where(of.c.import_id == import_id).values(header=blanked)))
    return steps


def _as_person(person: FoundPerson) -> Person:
    if not isinstance(person, Person):
        raise TypeError("this is nobody whom `find` has found")
    return person


# ---- the jobs' rows


async def _put(connection: AsyncConnection, erasure: Erasure) -> None:
    await connection.execute(update(table).where(table.c.erasure_id == erasure.erasure_id).values(_row(erasure)))


def _row(erasure: Erasure) -> dict[str, object]:
    row = {name: value for name, value in asdict(erasure).items() if name != "number"}
    return {**row, "counts": dict(erasure.counts)}


def _erasure(row: Row[tuple[object, ...]]) -> Erasure:
    return Erasure(
        erasure_id=row.erasure_id,
        number=row.number,
        customer_id=CustomerId(row.customer_id),
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        open_cases_too=row.open_cases_too,
        state=ErasureState(row.state),
        step=ErasureStep(row.step),
        counts=row.counts,
        tries=row.tries,
        error=row.error,
        ended_at=row.ended_at,
    )
