"""What customers are worth, from files of orders to the rows: published data, changes, at once, cut off, cancelled."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, update

from callcenter.app.values import RunKind, RunState, ValueRun
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.lifecycle import Stage
from callcenter.crm.orders import OrderInput
from callcenter.crm.value_rules import ClassBasis, ValueRules
from callcenter.domain.errors import Outdated
from callcenter.domain.ids import CustomerId, MergeId, OrderId
from callcenter.importing.work import run_import
from callcenter.store import tables
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.database import Database
from callcenter.store.orders import StoredOrders
from callcenter.store.sales_tables import orders
from callcenter.store.value_rows import write
from callcenter.store.value_tables import customer_values, value_changes, value_runs
from callcenter.store.values import StoredValues
from callcenter.valuing import run_values
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import make
from tests.adapters.test_store_import import bring

TODAY = date(2026, 6, 30)
CALIBRATION_END = date(1997, 9, 30)
_NUMBER = iter(range(1_000_000))


async def ask(database: Database, kind: RunKind = RunKind.WHOLE) -> str:
    run_id = f"run-{next(_NUMBER)}"
    run = ValueRun(run_id=run_id, kind=kind, asked_at=datetime.now(UTC), asked_by="super")
    assert await StoredValues(database).ask(run) is not None
    return run_id


async def done(database: Database, kind: RunKind = RunKind.WHOLE, today: date = TODAY, rows: int = 7) -> ValueRun:
    await ask(database, kind)
    run = await run_values(database, today=today, rows_a_write=rows)
    assert run is not None
    assert (run.state, run.error) == (RunState.DONE, None)
    return run


async def order(database: Database, customer_id: str, days_ago: int, amount: float = 100, state: str = "sent") -> str:
    number = f"N{next(_NUMBER)}"
    placed = TODAY - timedelta(days=days_ago)
    data = OrderInput(
        number=number, placed_on=placed, due_on=placed, state=state, currency="CNY", total=Decimal(str(amount))
    )
    await StoredOrders(database).place(OrderId(number), CustomerId(customer_id), data, at=datetime.now(UTC), by="1001")
    return number


async def values(database: Database) -> dict[str, dict[str, object]]:
    async with database.reading() as connection:
        rows = (await connection.execute(customer_values.select())).mappings().all()
    return {row["customer_id"]: dict(row) for row in rows}


async def changes(database: Database, customer_id: str) -> list[tuple[date, str | None, str, int]]:
    query = value_changes.select().where(value_changes.c.customer_id == customer_id).order_by("change_id")
    async with database.reading() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [(row["on"], row["was_stage"], row["stage"], row["step"]) for row in rows]


async def a_crowd(database: Database, count: int = 60) -> None:
    """Customers with a few orders each, written directly."""
    chance = np.random.default_rng(7)
    people, bought = [], []
    for number in range(count):
        name = f"crowd-{number:03}"
        people.append(
            {
                "customer_id": name,
                "kind": "person",
                "name": name,
                "tags": (),
                "notes": "",
                "created_at": NOON,
                "updated_at": NOON,
            }
        )
        begun = int(chance.integers(100, 700))
        days = sorted({begun, *(int(day) for day in chance.integers(0, begun, size=chance.integers(0, 6)))})
        for day in days:
            placed = TODAY - timedelta(days=day)
            bought.append(
                {
                    "order_id": f"o{next(_NUMBER)}",
                    "number": f"O{next(_NUMBER)}",
                    "dialled": "1",
                    "customer_id": name,
                    "placed_on": placed,
                    "due_on": placed,
                    "state": "sent",
                    "total": Decimal(int(chance.integers(10, 900))),
                    "currency": "CNY",
                    "note": "",
                    "at": datetime(placed.year, placed.month, placed.day, tzinfo=UTC),
                    "created_at": NOON,
                    "created_by": "test",
                }
            )
    async with database.writing() as connection:
        await connection.execute(insert(tables.customers), people)
        await connection.execute(insert(orders), bought)


async def take_in(database: Database, directory: Path, kind: RecordKind, table: Sequence[Sequence[str]]) -> int:
    record = await bring(database, directory, table, import_id=f"i-{kind}", kind=kind)
    return (await run_import(database, directory, record.import_id, region="US", rows_a_batch=1_000)).counts.made


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_published_data_brought_in_as_files_gives_the_published_parameters(
    database: Database, tmp_path: Path
) -> None:
    """Fader, Hardie & Lee 2005, table 2: r 0.243, alpha 4.414, a 0.793, b 2.426; weeks, the first 39 of them."""
    (sample,) = (path for path in files("lifetimes") or () if path.name == "CDNOW_sample.txt")
    lines = [line.split() for line in sample.read_text(encoding="ascii").splitlines() if line.strip()]
    people = sorted({line[1] for line in lines})
    bought = [
        [f"CD{number:05}", line[1], f"{line[2][:4]}-{line[2][4:6]}-{line[2][6:]}", line[4], "USD", "delivered"]
        for number, line in enumerate(lines)
    ]
    made = await take_in(
        database,
        tmp_path,
        RecordKind.CUSTOMERS,
        [["customer number", "name"], *([one, f"No. {one}"] for one in people)],
    )
    assert made == 2357
    header = ["order number", "customer number", "placed on", "amount", "currency", "state"]
    assert await take_in(database, tmp_path, RecordKind.ORDERS, [header, *bought]) == len(lines)
    run = await done(database, today=CALIBRATION_END, rows=1_000)
    assert run.customers == 2357
    found = await StoredValues(database).learnt()
    assert found is not None
    assert found.learnt.purchasing is not None
    assert found.learnt.worth is not None
    parameters = {one.name: one.value for one in found.learnt.purchasing.parameters}
    assert parameters["r"] == pytest.approx(0.243, abs=0.0005)
    assert parameters["alpha"] == pytest.approx(4.414, abs=0.001)
    assert parameters["a"] == pytest.approx(0.793, abs=0.0005)
    assert parameters["b"] == pytest.approx(2.426, abs=0.001)
    worth = {one.name: one.value for one in found.learnt.worth.parameters}
    assert worth["p"] == pytest.approx(6.25, abs=0.005)
    assert found.learnt.currency == "USD"
    assert found.picture.test is not None
    assert len(await values(database)) == 2357


async def test_a_run_judges_everybody_and_tells_how_they_came_and_went(database: Database) -> None:
    await a_crowd(database)
    await make(database, "gone")
    await order(database, "gone", 1_500)
    await order(database, "gone", 40)
    await make(database, "looked only")
    run = await done(database)
    rows = await values(database)
    assert run.customers == len(rows) == 61
    assert "looked only" not in rows
    gone = rows["gone"]
    assert gone["stage"] == Stage.WON_BACK
    assert (gone["orders"], gone["purchases"], gone["spent"]) == (2, 2, 200.0)
    assert [change[1:] for change in await changes(database, "gone")] == [
        (None, "new", 1),
        ("new", "lost", -1),
        ("lost", "won_back", 1),
    ]
    assert {row["value_class"] for row in rows.values()} == {"A", "B", "C"}
    found = await StoredValues(database).learnt()
    assert found is not None
    assert found.picture.customers == 61
    assert found.picture.curve[0] == (0.0, 0.0)
    assert found.picture.curve[-1][1] == pytest.approx(1.0)
    again = await done(database, today=TODAY + timedelta(days=1))
    assert again.customers == 61
    assert [change[1:] for change in await changes(database, "gone")][-1] == ("lost", "won_back", 1)


async def test_pieces_do_not_change_what_comes_of_it(database: Database) -> None:
    await a_crowd(database)
    await done(database)
    whole = await values(database)
    async with database.writing() as connection:
        await connection.execute(customer_values.delete())
    await ask(database)
    run = await run_values(database, today=TODAY, rows_a_write=3, rows_a_piece=5)
    assert run is not None
    assert run.state is RunState.DONE
    assert await values(database) == whole


async def test_a_change_is_judged_at_once_and_each_night(database: Database) -> None:
    await a_crowd(database)
    await done(database)
    store = StoredValues(database)
    place = (await store.latest_changes(None, limit=10)).place
    await make(database, "new one")
    number = await order(database, "new one", 0, 90_000)
    followed = await store.latest_changes(place, limit=10)
    assert followed.customer_ids == (CustomerId("new one"),)
    assert await store.judge(followed.customer_ids, today=TODAY) == ("new one",)
    found = (await values(database))["new one"]
    assert (found["stage"], found["value_class"], found["monetary_score"]) == ("new", "A", 5)
    assert await store.judge(followed.customer_ids, today=TODAY) == ()
    async with database.writing() as connection:
        await connection.execute(update(orders).where(orders.c.number == number).values(state="cancelled"))
    run = await done(database, RunKind.CHANGED)
    assert run.changed >= 1
    assert "new one" not in await values(database)
    assert (await changes(database, "new one"))[-1][1:] == ("new", "prospect", -1)


async def test_time_alone_is_noticed_on_the_day(database: Database) -> None:
    await a_crowd(database)
    await make(database, "silent")
    await order(database, "silent", 10)
    await done(database)
    looked = (await values(database))["silent"]["look_again_on"]
    assert isinstance(looked, date)
    for _ in range(12):
        row = (await values(database))["silent"]
        if row["stage"] == "lost":
            break
        day = row["look_again_on"]
        assert isinstance(day, date)
        run = await done(database, RunKind.CHANGED, today=day)
        assert run.customers < 62
    assert (await values(database))["silent"]["stage"] == "lost"
    stages = [change[2] for change in await changes(database, "silent")]
    assert stages == ["new", "growing", "at_risk", "lost"]


async def test_a_merged_customer_leaves_his_worth_to_the_survivor(database: Database) -> None:
    await a_crowd(database)
    for name in ("one", "other"):
        await make(database, name)
        await order(database, name, 20, 500)
    await done(database)
    merging = StoredMerging(database)
    await merging.merge(CustomerId("one"), CustomerId("other"), merge_id=MergeId("m1"), at=NOON, by="super")
    await StoredValues(database).judge((CustomerId("other"),), today=TODAY)
    rows = await values(database)
    assert "other" not in rows
    assert rows["one"]["spent"] == 1_000.0


async def test_a_run_that_was_cut_off_is_taken_up_and_does_nothing_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_crowd(database)
    run_id = await ask(database)
    written = 0
    put = write

    def dies(*arguments: object) -> None:
        nonlocal written
        written += 1
        if written == 9:
            raise asyncio.CancelledError
        put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("callcenter.valuing.write", dies)
    with pytest.raises(asyncio.CancelledError):
        await run_values(database, today=TODAY, rows_a_write=5)
    monkeypatch.setattr("callcenter.valuing.write", put)
    assert 0 < len(await values(database)) < 60
    store = StoredValues(database)
    assert await run_values(database, today=TODAY) is None
    async with database.writing() as connection:
        await connection.execute(update(value_runs).values(beat_at=datetime.now(UTC) - timedelta(minutes=5)))
    assert await store.has_work(datetime.now(UTC))
    run = await run_values(database, today=TODAY)
    assert run is not None
    assert (run.run_id, run.state) == (run_id, RunState.DONE)
    assert len(await values(database)) == 60
    async with database.reading() as connection:
        query = value_changes.select().where(value_changes.c.was_stage.is_(None))
        assert len((await connection.execute(query)).all()) == 60


async def test_one_run_at_a_time_and_a_cancelled_one_writes_no_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_crowd(database)
    store = StoredValues(database)
    run_id = await ask(database)
    assert await store.ask(ValueRun(run_id="same", kind=RunKind.CHANGED, asked_at=NOON, asked_by="x")) is None
    put = write
    loop = asyncio.get_running_loop()
    told: list[object] = []

    def cancelled_meanwhile(*arguments: object) -> None:
        put(*arguments)  # type: ignore[arg-type]
        if not told:
            told.append(asyncio.run_coroutine_threadsafe(meanwhile(), loop))

    async def meanwhile() -> None:
        assert await run_values(database, today=TODAY) is None
        assert await store.cancel(run_id, at=NOON, by="super")

    monkeypatch.setattr("callcenter.valuing.write", cancelled_meanwhile)
    run = await run_values(database, today=TODAY, rows_a_write=5)
    assert run is not None
    assert (run.state, run.cancelled_by) == (RunState.CANCELLED, "super")
    assert 0 < len(await values(database)) < 60
    assert not await store.cancel(run_id, at=NOON, by="super")
    assert await run_values(database, today=TODAY) is None


async def test_rules_are_versions_and_can_be_undone(database: Database) -> None:
    store = StoredValues(database)
    first = await store.rules()
    assert (first.version, first.rules) == (0, ValueRules())
    rules = ValueRules(class_basis=ClassBasis.LIFETIME_VALUE, a_until=0.5)
    kept = await store.put_rules(rules, expected=0, at=NOON, by="admin")
    assert kept.version == 1
    with pytest.raises(Outdated):
        await store.put_rules(replace(rules, a_until=0.6), expected=0, at=NOON, by="admin")
    assert (await store.rules()).rules == rules
    assert [one.version for one in await store.rules_history(limit=5)] == [1]
    await a_crowd(database)
    await done(database)
    found = await store.learnt()
    assert found is not None
    assert found.learnt.rules == rules
    assert found.learnt.class_basis is ClassBasis.LIFETIME_VALUE


async def test_a_store_without_orders_has_a_run_that_says_so(database: Database) -> None:
    run = await done(database)
    assert run.customers == 0
    found = await StoredValues(database).learnt()
    assert found is not None
    assert found.learnt.purchasing is None
    assert "too few" in found.learnt.why_not
