"""Merging and undoing, on both databases: nothing refers to who was merged away, and undoing gives back every row."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.app.customer_book import CustomerFilters, Merging
from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import Channel, ConsentState, CustomerKind
from callcenter.domain.errors import Conflict, InvalidValue, NotFound, Outdated
from callcenter.domain.ids import CustomerId, InteractionId, MergeId
from callcenter.store import crm_tables, sales_tables, schema, tables
from callcenter.store.best_offer_tables import best_offer_answers
from callcenter.store.changes import read_changes
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import add_number
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.interaction_rows import write_interactions
from callcenter.store.records import StoredRecords
from tests.adapters.store_calls import NOON, at, folded, whole_call
from tests.adapters.store_crm import call_of, consent, make, phone, whole_store

A, B, C = CustomerId("a"), CustomerId("b"), CustomerId("c")


async def merge(database: Database, survivor: str, merged: str, name: str) -> None:
    merging: Merging = StoredMerging(database)
    await merging.merge(CustomerId(survivor), CustomerId(merged), merge_id=MergeId(name), at=at(10), by="1001")


async def undo(database: Database, name: str) -> None:
    await StoredMerging(database).undo(MergeId(name), at=at(20), by="super")


async def furnish(database: Database, prefix: str = "") -> None:
    """Customers a, b, c and the firm f, who share numbers and have all that can refer to them."""
    customers = StoredCustomers(database)
    for number, name in enumerate("abc"):
        data = CustomerInput(
            name=f"王{name}",
            language="zh" if name == "b" else None,
            segment="B" if name == "c" else None,
            tags=("all", name),
            contact_points=(phone("+861000"), phone(f"+86200{number}", "mobile")),
            notes=f"notes of {name}" if name != "a" else "",
            consents=(consent(Channel.PHONE, list(ConsentState)[number]),),
            custom={"all": name, name: float(number)},
        )
        await customers.create(CustomerId(prefix + name), data, at=NOON, by="1001")
        await call_of(database, f"{prefix}{name}.1", prefix + name)
    await make(database, "示例公司", customer_id=f"{prefix}f", kind=CustomerKind.ORGANISATION)
    ids = [prefix + name for name in "abc"]
    async with database.writing() as connection:
        await connection.execute(
            tables.cases.insert(),
            [
                {
                    "case_id": f"{one}-case",
                    "customer_id": one,
                    "kind": "complaint",
                    "subject": "x",
                    "state": "open",
                    "opened_at": NOON,
                }
                for one in ids
            ],
        )
        await connection.execute(
            crm_tables.customer_notes.insert(),
            [{"note_id": f"{one}-n", "customer_id": one, "at": NOON, "by": "1001", "text": "x"} for one in ids],
        )
        await connection.execute(
            crm_tables.tasks.insert(),
            [
                {
                    "task_id": f"{one}-t",
                    "customer_id": one,
                    "kind": "promise",
                    "text": "x",
                    "due_at": NOON,
                    "created_at": NOON,
                    "created_by": "1001",
                }
                for one in ids
            ],
        )
        for one in ids:
            own_number = f"{len(prefix)}{ord(one[-1])}{prefix}"
            await add_number(connection, CustomerId(one), own_number, pin_hash=None, at=NOON, by="1001")
            await connection.execute(sales_tables.orders.insert().values(order_row(one)))
            await connection.execute(sales_tables.opportunities.insert().values(opportunity_row(one)))
            await connection.execute(best_offer_answers.insert().values(answer_row(one)))
        await connection.execute(
            crm_tables.memberships.insert(),
            [
                {
                    "membership_id": f"{one}-m",
                    "organisation_id": f"{prefix}f",
                    "member_id": one,
                    "role": f"role of {one}",
                    "since": NOON,
                }
                for one in ids
            ],
        )
        await connection.execute(
            crm_tables.told_apart.insert(),
            [
                {"mark_id": f"{one}-ta", "customer_id": f"{prefix}f", "other_id": one, "at": NOON, "by": "1001"}
                for one in ids
            ],
        )


def order_row(owner: str) -> dict[str, object]:
    return {
        "order_id": f"{owner}-o",
        "number": f"SO-{owner}",
        "dialled": "",
        "customer_id": owner,
        "placed_on": NOON.date(),
        "due_on": NOON.date(),
        "state": "new",
        "total": Decimal("12.50"),
        "currency": "CNY",
        "note": "",
        "at": NOON,
        "created_at": NOON,
        "created_by": "1001",
    }


def answer_row(owner: str) -> dict[str, object]:
    return {
        "answer_id": f"{owner}-a",
        "customer_id": owner,
        "best_offer_id": "upgrade",
        "label_zh": "升级",
        "label_en": "Upgrade",
        "interaction_id": f"{owner}.1",
        "answer": "declined",
        "at": NOON,
        "by": "1001",
    }


def opportunity_row(owner: str) -> dict[str, object]:
    return {
        "opportunity_id": f"{owner}-p",
        "customer_id": owner,
        "title": "x",
        "stage": "lead",
        "state": "open",
        "probability": 10,
        "next_step": "",
        "remark": "",
        "quotes": (),
        "opened_at": NOON,
        "opened_by": "1001",
    }


async def test_the_survivor_has_everything_and_the_other_leads_to_him(database: Database) -> None:
    await furnish(database)
    await merge(database, "a", "b", "m1")
    customers, search = StoredCustomers(database), StoredCustomerSearch(database)
    card = await customers.card(A)
    assert card is not None
    assert {point.value for point in card.customer.contact_points} == {"+861000", "+862000", "+862001"}
    assert (card.customer.name, card.customer.language, card.customer.notes) == ("王a", "zh", "notes of b")
    assert card.customer.custom == {"all": "a", "a": 0.0, "b": 1.0}
    assert card.customer.consents == (consent(Channel.PHONE, ConsentState.REFUSED),)
    assert [line.interaction_id for line in card.last_interactions] == ["b.1", "a.1"]
    assert {case.case_id for case in card.open_cases} == {"a-case", "b-case"}
    assert await customers.card(B) == card
    assert await customers.customer(B) == card.customer
    assert [one.customer.customer_id for one in await customers.cards_by_contact_point("+862001")] == ["a"]
    assert {one.customer.customer_id for one in await customers.cards_by_contact_point("+861000")} == {"a", "c"}
    page = await search.search("wang", CustomerFilters(), limit=9, after=None)
    assert sorted(one.customer_id for one in page.items) == ["a", "c"]
    assert [one.customer.customer_id for one in await search.duplicates(A, limit=9)] == ["c"]
    for change in ("name", "tags"):
        with pytest.raises(Conflict, match="was merged into a") as caught:
            await customers.update(B, CustomerInput(name=change), at=NOON, by="1001")
        assert caught.value.code == "customer_merged"
    (told,) = await StoredMerging(database).merges(B)
    assert (told.survivor_id, told.merged_id, told.by, told.undone_at) == ("a", "b", "1001", None)


async def test_what_cannot_be_one_is_refused_and_nothing_happens(database: Database) -> None:
    await furnish(database)
    before = await whole_store(database)
    merging = StoredMerging(database)
    for survivor, merged, error, code in (
        (A, A, InvalidValue, "same_customer"),
        (A, CustomerId("f"), InvalidValue, "kinds_differ"),
        (A, CustomerId("gone"), NotFound, "unknown_customer"),
        (CustomerId("gone"), A, NotFound, "unknown_customer"),
    ):
        with pytest.raises(error) as caught:
            await merging.merge(survivor, merged, merge_id=MergeId("m"), at=NOON, by="1001")
        assert caught.value.code == code
    with pytest.raises(Outdated, match="version 1 now, not 7"):
        await merging.merge(A, B, merge_id=MergeId("m"), at=NOON, by="1001", expected_version=7)
    with pytest.raises(NotFound):
        await merging.undo(MergeId("m"), at=NOON, by="1001")
    assert await whole_store(database) == before
    await merge(database, "a", "b", "m1")
    for survivor, merged in ((A, B), (B, C), (C, B)):
        with pytest.raises(Conflict) as refused:
            await merging.merge(survivor, merged, merge_id=MergeId("m"), at=NOON, by="1001")
        assert refused.value.code == "customer_merged"


async def test_undoing_keeps_what_was_changed_since(database: Database) -> None:
    await furnish(database)
    await merge(database, "a", "b", "m1")
    customers = StoredCustomers(database)
    now = await customers.customer(A)
    assert now is not None
    data = CustomerInput(
        name="new name",
        language=now.language,
        tags=(*now.tags, "since"),
        contact_points=(*(one for one in now.contact_points if one.value != "+862000"), phone("+863")),
        custom={**now.custom, "b": 9.0},
        consents=now.consents,
        notes=now.notes,
    )
    await customers.update(A, data, at=at(15), by="1002")
    await call_of(database, "since.1", "a", 100)
    await undo(database, "m1")
    survivor, other = await customers.customer(A), await customers.customer(B)
    assert survivor is not None
    assert other is not None
    assert (survivor.name, survivor.language, survivor.notes) == ("new name", None, "")
    assert survivor.tags == ("all", "a", "since")
    assert {point.value for point in survivor.contact_points} == {"+861000", "+863"}
    assert survivor.custom == {"all": "a", "a": 0.0, "b": 9.0}
    assert {point.value for point in other.contact_points} == {"+861000", "+862001"}
    assert (other.name, other.language, other.custom) == ("王b", "zh", {"all": "b", "b": 1.0})
    store = await whole_store(database)
    assert '{"interaction_id": "since.1", "customer_id": "a"}' in store["interactions"]
    assert '{"interaction_id": "b.1", "customer_id": "b"}' in store["interactions"]
    with pytest.raises(Conflict, match="undone already, by super") as caught:
        await undo(database, "m1")
    assert caught.value.code == "merge_undone"


async def test_a_merge_under_a_later_one_waits_for_its_turn(database: Database) -> None:
    await furnish(database)
    await merge(database, "a", "b", "m1")
    await merge(database, "c", "a", "m2")
    with pytest.raises(Conflict, match="undo merge m2 first") as caught:
        await undo(database, "m1")
    assert caught.value.code == "later_merge"
    assert (await StoredCustomers(database).customer(B)) == (await StoredCustomers(database).customer(C))


async def test_a_call_that_goes_on_meanwhile_is_written_for_the_survivor(database: Database) -> None:
    await furnish(database)
    call = folded(whole_call("now.1", customer="b"))
    talking = replace(call, ended_at=None, outcome=None)
    async with database.writing() as connection:
        await write_interactions(connection, [talking])
    await merge(database, "a", "b", "m1")
    await merge(database, "c", "a", "m2")
    records = StoredRecords(database)
    async with database.writing() as connection:
        late = replace(call, interaction_id=InteractionId("late.1"))
        await write_interactions(connection, [call, late])
    for name in ("now.1", "late.1"):
        record = await records.interaction(InteractionId(name))
        assert record is not None
        assert (record.customer_id, record.ended_at) == ("c", call.ended_at)
    await undo(database, "m2")
    assert {one.interaction_id for one in await records.interactions(limit=9, customer_id=A)} == {
        "a.1",
        "b.1",
        "now.1",
        "late.1",
    }
    await undo(database, "m1")
    assert {one.interaction_id for one in await records.interactions(limit=9, customer_id=B)} == {
        "b.1",
        "now.1",
        "late.1",
    }


async def test_the_history_of_both_is_read_with_the_survivor(database: Database) -> None:
    await furnish(database)
    await merge(database, "a", "b", "m1")
    changes = await database.look(lambda connection: read_changes(connection, A, limit=9, before=None))
    assert [(change.customer_id, change.action) for change in changes] == [
        ("b", "merged"),
        ("a", "merged"),
        ("b", "created"),
        ("a", "created"),
    ]
    told = {change.field: (change.before, change.after) for change in changes[1].fields}
    assert told["other_customer_id"] == (None, "b")
    assert told["language"] == (None, "zh")
    assert "name" not in told
    await undo(database, "m1")
    changes = await database.look(lambda connection: read_changes(connection, A, limit=9, before=None))
    assert [change.action for change in changes] == ["unmerged", "merged", "created"]


# ---- any sequence


@dataclass(frozen=True)
class Step:
    """Merge two of the three, or undo one of the merges."""

    kind: str
    one: int
    other: int


steps = st.lists(
    st.builds(Step, kind=st.sampled_from(["merge", "merge", "undo"]), one=st.integers(0, 2), other=st.integers(0, 2)),
    min_size=1,
    max_size=8,
)


@pytest.fixture
def bench(database_url: str) -> Iterator[tuple[asyncio.Runner, Database, "itertools.count[int]"]]:
    with asyncio.Runner() as runner:
        database = Database(database_url)
        runner.run(schema.upgrade_database(database))
        yield runner, database, itertools.count()
        runner.run(database.dispose())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=steps)
def test_any_sequence_of_merges_and_undoings_can_be_taken_back_to_the_beginning(
    bench: tuple[asyncio.Runner, Database, "itertools.count[int]"], sequence: list[Step]
) -> None:
    runner, database, numbers = bench
    runner.run(_live_through(database, f"{next(numbers)}-", sequence))


async def _live_through(database: Database, prefix: str, sequence: list[Step]) -> None:
    await furnish(database, prefix)
    before = await whole_store(database)
    ids = [prefix + name for name in "abc"]
    open_merges: list[str] = []
    for number, step in enumerate(sequence):
        unchanged = await whole_store(database)
        name = f"{prefix}{number}"
        try:
            if step.kind == "merge":
                await merge(database, ids[step.one], ids[step.other], name)
                open_merges.append(name)
            elif open_merges:
                name = open_merges[step.one % len(open_merges)]
                await undo(database, name)
                open_merges.remove(name)
        except (Conflict, InvalidValue):
            assert await whole_store(database) == unchanged
        await _check_references(database, prefix)
    for name in reversed(open_merges):
        await undo(database, name)
    assert await whole_store(database) == before


async def _check_references(database: Database, prefix: str) -> None:
    """Nothing refers to who was merged away, and each leads to somebody who was not."""
    async with database.reading() as connection:
        rows = (await connection.execute(tables.customers.select())).mappings().all()
        into: Mapping[str, str | None] = {row["customer_id"]: row["merged_into"] for row in rows}
        for table, column in (
            (tables.contact_points, "customer_id"),
            (tables.interactions, "customer_id"),
            (tables.cases, "customer_id"),
            (crm_tables.customer_notes, "customer_id"),
            (crm_tables.tasks, "customer_id"),
            (crm_tables.memberships, "member_id"),
            (crm_tables.customer_terms, "customer_id"),
            (sales_tables.customer_numbers, "customer_id"),
            (sales_tables.orders, "customer_id"),
            (sales_tables.opportunities, "customer_id"),
            (tables.customers, "merged_into"),
        ):
            found = (await connection.execute(table.select().with_only_columns(table.c[column]))).scalars()
            gone = {one for one in found if one is not None and one.startswith(prefix) and into[one] is not None}
            assert not gone, f"{table.name}.{column} names {gone}"
