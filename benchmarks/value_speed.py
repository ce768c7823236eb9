"""How long the value models take over all customers, what others notice meanwhile, and management's figures afterwards.

python -m benchmarks.value_speed [--customers 1000000] [--postgres] [--json]
"""

import argparse
import asyncio
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, update

from benchmarks.figures import Figures
from benchmarks.filling import filling
from benchmarks.import_speed import memory_of_children, spent_by_children, spent_by_postgres
from benchmarks.progress import say
from benchmarks.purchasers import UNTIL, fill_purchases
from callcenter.app.segments import Asked
from callcenter.app.values import RunKind, RunState, ValueRun
from callcenter.crm.periods import PeriodKind, periods_between
from callcenter.crm.segment_fields import segment_fields
from callcenter.crm.segment_text import parse_segment
from callcenter.crm.value_rules import ValueRules
from callcenter.store import schema, tables
from callcenter.store.crm_tables import customer_changes
from callcenter.store.database import Database
from callcenter.store.management import StoredManagement
from callcenter.store.sales_tables import orders
from callcenter.store.segments import StoredSegments
from callcenter.store.upsert import upsert_into
from callcenter.store.value_tables import customer_values
from callcenter.store.values import StoredValues
from callcenter.valuing import ValuingProcess
from tests.adapters.postgres import PostgresServer

CUSTOMERS = 1_000_000
WANTED_SECONDS = 120.0
PROBE_PAUSE_SECONDS = 0.02
PROBE = "benchmark"
FILL_LIMIT = timedelta(minutes=5)
SEGMENTS = (
    'class in ("A", "B") and days since last_purchase > 90',
    'stage = "at_risk"',
    'name contains "99" and not (tags contains "vip")',
    "lifetime_value > 1000 and p_alive < 0.5",
)
JsonValue = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFigures:
    """Of one database."""

    customers: int
    orders: int
    database: str
    first_seconds: float
    """With each customer's past; the next whole run has it already."""
    again_seconds: float
    """A week later, when each row is another."""
    night_customers: int
    """One of a hundred has ordered, and the time of as many has come as on any other day."""
    night_seconds: float
    cpu_seconds: float
    """Of the first run: what it takes of a core, whatever else the machine does."""
    again_cpu_seconds: float
    night_cpu_seconds: float
    server_cpu_seconds: float
    """Of the first run: what PostgreSQL takes of a core besides; 0 for SQLite."""
    load: float
    """Of the machine in the minute before the first run began."""
    memory_mb: float
    write: Figures
    """Small transactions of others meanwhile."""
    quiet_write: Figures
    figures: dict[str, float]
    """Management's figures and counts of segments, in seconds."""
    is_right: bool

    def as_json(self) -> JsonValue:
        """One object."""
        return {
            "customers": self.customers,
            "orders": self.orders,
            "database": self.database,
            "value_models_seconds": round(self.first_seconds, 1),
            "again_seconds": round(self.again_seconds, 1),
            "night_customers": self.night_customers,
            "night_seconds": round(self.night_seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "again_cpu_seconds": round(self.again_cpu_seconds, 1),
            "night_cpu_seconds": round(self.night_cpu_seconds, 1),
            "server_cpu_seconds": round(self.server_cpu_seconds, 1),
            "load": round(self.load, 1),
            "memory_mb": round(self.memory_mb),
            "write_p50_ms": round(self.write.p50, 2),
            "write_p99_ms": round(self.write.p99, 2),
            "quiet_write_p99_ms": round(self.quiet_write.p99, 2),
            "figures_seconds": {name: round(seconds, 2) for name, seconds in self.figures.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run in the process for it, and what others noticed."""

    customers: int
    is_done: bool
    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    memory_mb: float
    writes: tuple[float, ...]
    """What small transactions of others took meanwhile, in milliseconds."""


async def measure_values(database: Database, url: str, customers: int, seed: int) -> ValueFigures:
    """Fill an empty database, and work everything out in the process for it."""
    await database.dispose()
    name = "sqlite" if database.is_sqlite else "postgresql"
    say(f"{name}: storing {customers:,} customers with orders")
    count = await asyncio.to_thread(_fill, database, url, customers, seed)
    load = os.getloadavg()[0]
    say(f"{name}: working out what they are worth")
    first = await _run(database, url, RunKind.WHOLE)
    say(f"{name}: the same a week later")
    await _let_a_week_pass(database)
    again = await _run(database, url, RunKind.WHOLE)
    say(f"{name}: the run of a night")
    changed = await _let_a_day_pass(database)
    night = await _run(database, url, RunKind.CHANGED)
    say(f"{name}: management's figures")
    quiet = [await _write(database) for _ in range(300)]
    return ValueFigures(
        customers=customers,
        orders=count,
        database=name,
        first_seconds=first.seconds,
        again_seconds=again.seconds,
        night_customers=night.customers,
        night_seconds=night.seconds,
        cpu_seconds=first.cpu_seconds,
        again_cpu_seconds=again.cpu_seconds,
        night_cpu_seconds=night.cpu_seconds,
        server_cpu_seconds=first.server_cpu_seconds,
        load=load,
        memory_mb=max(one.memory_mb for one in (first, again, night)),
        write=Figures.of([*first.writes, *again.writes, *night.writes]),
        quiet_write=Figures.of(quiet),
        figures=await figures_of(database),
        is_right=all(
            one.is_done and one.customers == wanted
            for one, wanted in ((first, customers), (again, customers), (night, changed))
        ),
    )


async def _run(database: Database, url: str, kind: RunKind) -> _Run:
    worker, store = ValuingProcess(database_url=url, timezone="UTC"), StoredValues(database)
    run_id = uuid4().hex
    await store.ask(ValueRun(run_id=run_id, kind=kind, asked_at=datetime.now(UTC), asked_by="bench"))
    writes, memory = [], 0.0
    began, spent, theirs = time.perf_counter(), spent_by_children(), spent_by_postgres()
    work = asyncio.create_task(worker.run())
    while not work.done():
        writes.append(await _write(database))
        if len(writes) % 20 == 0:
            memory = max(memory, await asyncio.to_thread(memory_of_children))
        await asyncio.wait({work}, timeout=PROBE_PAUSE_SECONDS)
    seconds = time.perf_counter() - began
    await work
    run = await store.run(run_id)
    return _Run(
        customers=0 if run is None else run.customers,
        is_done=run is not None and run.state is RunState.DONE,
        seconds=seconds,
        cpu_seconds=spent_by_children() - spent,
        server_cpu_seconds=spent_by_postgres() - theirs,
        memory_mb=memory,
        writes=tuple(writes),
    )


async def _let_a_week_pass(database: Database) -> None:
    """The rows are those of a week ago."""
    values = customer_values
    week_ago = datetime.now(UTC).date() - timedelta(days=7)
    async with database.writing(FILL_LIMIT) as connection:
        await connection.execute(update(values).values(as_of=week_ago))


async def _let_a_day_pass(database: Database) -> int:
    """One of a hundred customers orders, and whose time comes tomorrow has it come today; how many they are."""
    values, today = customer_values, datetime.now(UTC).date()
    tomorrow, now = today + timedelta(days=1), datetime.now(UTC)
    async with database.writing(FILL_LIMIT) as connection:
        due = update(values).where(values.c.look_again_on == tomorrow).values(look_again_on=today)
        await connection.execute(due)
        everybody = (await connection.execute(select(tables.customers.c.customer_id))).scalars().all()
        buyers = everybody[::100]
        for start in range(0, len(buyers), 1_000):
            some = buyers[start : start + 1_000]
            await connection.execute(insert(orders), [_order(one, start + n, today, now) for n, one in enumerate(some)])
            await connection.execute(insert(customer_changes), [_change(one, now) for one in some])
        due_ones = select(values.c.customer_id).where(values.c.look_again_on <= today)
        return len({*buyers, *(await connection.execute(due_ones)).scalars()})


def _order(customer_id: str, number: int, today: date, now: datetime) -> JsonValue:
    name = f"N{number:09}"
    return {
        "order_id": name,
        "number": name,
        "dialled": f"{number:09}",
        "customer_id": customer_id,
        "placed_on": today,
        "due_on": today,
        "state": "sent",
        "total": Decimal(100),
        "currency": "CNY",
        "note": "",
        "at": now,
        "created_at": now,
        "created_by": "bench",
    }


def _change(customer_id: str, now: datetime) -> JsonValue:
    return {
        "customer_id": customer_id,
        "at": now,
        "by": "bench",
        "entity": "order",
        "entity_id": "",
        "action": "placed",
        "fields": b"[]",
    }


def _fill(database: Database, url: str, customers: int, seed: int) -> int:
    asyncio.run(_upgrade(url))
    with filling(database, url, ("customers", "orders")) as into:
        return fill_purchases(into, customers, seed)


async def _upgrade(url: str) -> None:
    database = Database(url)
    try:
        await schema.upgrade_database(database)
    finally:
        await database.dispose()


async def _write(database: Database) -> float:
    """What a small change takes, in milliseconds."""
    began = time.perf_counter()
    async with database.writing() as connection:
        await connection.execute(upsert_into(connection, tables.meta), [{"name": PROBE, "value": str(began)}])
    return (time.perf_counter() - began) * 1_000


async def figures_of(database: Database) -> dict[str, float]:
    """How long the page of management and counts of segments take."""
    management, segments, rules = StoredManagement(database, ZoneInfo("UTC")), StoredSegments(database), ValueRules()
    months = periods_between(date(UNTIL.year - 1, UNTIL.month + 1, 1), UNTIL, PeriodKind.MONTH)
    learnt = await StoredValues(database).learnt()
    currency = "" if learnt is None else learnt.learnt.currency
    fields = segment_fields(())
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "movements of 12 months": lambda: management.movements(months),
        "profits of 12 months": lambda: management.profits(months, rules, currency),
        "satisfaction of a month": lambda: management.satisfaction(months[-1]),
        "complaints of a month": lambda: management.complaints(months[-1]),
    }
    for text in SEGMENTS:
        asked = Asked(
            condition=parse_segment(text, fields),
            fields=fields,
            today=datetime.now(UTC).date(),
            timezone=ZoneInfo("UTC"),
        )
        works[text] = functools.partial(segments.count, asked)
    found = {}
    for name, work in works.items():
        began = time.perf_counter()
        await work()
        found[name] = time.perf_counter() - began
    async with database.writing() as connection:
        await connection.execute(delete(tables.meta).where(tables.meta.c.name == PROBE))
    return found


def line_of(one: ValueFigures) -> str:
    """One line of the table."""
    slowest = max(one.figures, key=lambda name: one.figures[name])
    return (
        f"{one.database:10} values of {one.customers:,} customers, {one.orders:,} orders: {one.first_seconds:.0f} s, "
        f"a week later {one.again_seconds:.0f} s, {one.night_customers:,} of a night {one.night_seconds:.1f} s "
        f"({one.cpu_seconds:.0f}, {one.again_cpu_seconds:.0f} and {one.night_cpu_seconds:.1f} s of a core, "
        f"{one.server_cpu_seconds:.0f} of the database server's the first time; load before {one.load:.1f}), "
        f"{one.memory_mb:.0f} MB; "
        f"others' writes meanwhile p50 {one.write.p50:.1f} "
        f"p99 {one.write.p99:.1f} ms (quiet p99 {one.quiet_write.p99:.1f}); slowest figure {slowest}: "
        f"{one.figures[slowest]:.2f} s"
    )


def run_value_models(customers: int, server: PostgresServer | None, seed: int) -> list[ValueFigures]:
    """On SQLite, then on PostgreSQL if there is a server."""
    measured = []
    for one in (None, server) if server is not None else (None,):
        with tempfile.TemporaryDirectory(prefix="callcenter-values-") as name:
            url = f"sqlite:///{Path(name) / 'values.db'}" if one is None else one.make_database()
            measured.append(asyncio.run(_measured(url, customers, seed)))
            say(line_of(measured[-1]))
            if one is not None:
                one.drop_database(url)
    return measured


async def _measured(url: str, customers: int, seed: int) -> ValueFigures:
    database = Database(url)
    try:
        return await measure_values(database, url, customers, seed)
    finally:
        await database.dispose()


def main() -> int:
    """Run, and print lines or an object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--postgres", action="store_true", help="also on a PostgreSQL started for it")
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    server = PostgresServer() if chosen.postgres else None
    try:
        if server is not None:
            server.start()
        measured = run_value_models(chosen.customers, server, chosen.seed)
    finally:
        if server is not None:
            server.remove()
    if chosen.json:
        print(json.dumps({"values": [one.as_json() for one in measured]}, ensure_ascii=False))
    else:
        print("\n".join(map(line_of, measured)))
    return 0 if all(one.is_right for one in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
