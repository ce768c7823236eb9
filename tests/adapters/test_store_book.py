"""Members, notes, the business's own fields, history and the timeline, on both databases."""

from datetime import timedelta

import pytest

from callcenter.app.case_book import TaskInput
from callcenter.app.customer_book import CustomerBook, Note, StoryEntry, TimelineKind
from callcenter.app.ports import CustomerInput
from callcenter.crm.case_steps import CaseInput
from callcenter.crm.custom_fields import CustomField, CustomKind, InvalidCustomField
from callcenter.domain.cases import CaseKind, CaseState
from callcenter.domain.customers import CustomerKind
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import CaseId, CustomerId, MergeId, NoteId, TaskId
from callcenter.domain.labels import Label
from callcenter.store.cases import StoredCases
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.tasks import StoredTasks
from tests.adapters.store_calls import NOON, at
from tests.adapters.store_crm import call_of, make

ANNA, BEA, FIRM = CustomerId("anna"), CustomerId("bea"), CustomerId("firm")
LABEL = Label(zh="会员等级", en="Level")


async def people(database: Database) -> None:
    await make(database, "Anna", customer_id="anna")
    await make(database, "Bea", customer_id="bea")
    await make(database, "示例公司", customer_id="firm", kind=CustomerKind.ORGANISATION)


async def test_members_are_seen_from_both_ends(database: Database) -> None:
    await people(database)
    book: CustomerBook = StoredCustomerBook(database)
    await book.put_member(FIRM, BEA, "buyer", at=NOON, by="1001")
    await book.put_member(FIRM, ANNA, "owner", at=NOON, by="1001")
    await book.put_member(FIRM, ANNA, "chair", at=at(5), by="1001")
    firm = await book.memberships(FIRM)
    assert [(one.customer_id, one.name, one.role, one.since) for one in firm.members] == [
        ("anna", "Anna", "chair", NOON),
        ("bea", "Bea", "buyer", NOON),
    ]
    assert firm.organisations == ()
    (employer,) = (await book.memberships(ANNA)).organisations
    assert (employer.customer_id, employer.kind) == ("firm", CustomerKind.ORGANISATION)
    for pair, error, code in (
        ((ANNA, BEA), InvalidValue, "no_organisation"),
        ((FIRM, FIRM), InvalidValue, "same_customer"),
        ((FIRM, CustomerId("x")), NotFound, "unknown_customer"),
    ):
        with pytest.raises(error) as caught:
            await book.put_member(*pair, "x", at=NOON, by="1001")
        assert caught.value.code == code
    await book.remove_member(FIRM, ANNA, at=at(9), by="1001")
    assert [one.customer_id for one in (await book.memberships(FIRM)).members] == ["bea"]
    with pytest.raises(NotFound):
        await book.remove_member(FIRM, ANNA, at=at(9), by="1001")
    lines = await book.changes(ANNA, limit=9, before=None)
    assert [(line.entity, line.entity_id, line.action) for line in lines[:-1]] == [
        ("membership", "firm", "removed"),
        ("membership", "firm", "set"),
        ("membership", "firm", "set"),
    ]


async def test_members_after_a_merge_are_told_once(database: Database) -> None:
    await people(database)
    book = StoredCustomerBook(database)
    await make(database, "示例公司 2", customer_id="firm2", kind=CustomerKind.ORGANISATION)
    for seconds, firm in enumerate(("firm", "firm2")):
        await book.put_member(CustomerId(firm), ANNA, firm, at=at(seconds), by="1001")
    await book.put_member(CustomerId("firm2"), FIRM, "parent", at=NOON, by="1001")
    await StoredMerging(database).merge(FIRM, CustomerId("firm2"), merge_id=MergeId("m"), at=at(1), by="x")
    assert [one.role for one in (await book.memberships(CustomerId("firm2"))).members] == ["firm"]
    assert [one.customer_id for one in (await book.memberships(ANNA)).organisations] == ["firm"]
    assert (await book.memberships(FIRM)).organisations == ()


async def test_the_businesss_own_fields(database: Database) -> None:
    book = StoredCustomerBook(database)
    level = CustomField(field_id="level", label=LABEL, kind=CustomKind.CHOICE, choices=("gold", "silver"))
    birthday = CustomField(field_id="birthday", label=LABEL, kind=CustomKind.DATE)
    for definition in (level, birthday):
        assert await book.put_custom_field(definition, at=NOON, by="admin") == definition
    changed = CustomField(field_id="level", label=LABEL, kind=CustomKind.CHOICE, choices=("gold",), retired=True)
    await book.put_custom_field(changed, at=NOON, by="admin")
    assert await book.custom_fields() == (changed, birthday)
    with pytest.raises(Conflict, match="holds date and cannot hold text") as caught:
        await book.put_custom_field(
            CustomField(field_id="birthday", label=LABEL, kind=CustomKind.TEXT), at=NOON, by="admin"
        )
    assert caught.value.code == "custom_kind_fixed"
    with pytest.raises(InvalidCustomField):
        await book.put_custom_field(CustomField(field_id="x", label=LABEL, kind=CustomKind.CHOICE), at=NOON, by="admin")


async def test_history_tells_before_and_after_page_by_page(database: Database) -> None:
    await people(database)
    customers, book = StoredCustomers(database), StoredCustomerBook(database)
    for number in range(4):
        data = CustomerInput(name=f"Anna {number}", custom={"level": "gold"} if number else {})
        await customers.update(ANNA, data, at=at(number), by="1002")
        await customers.update(ANNA, data, at=at(number), by="1003")
    lines = await book.changes(ANNA, limit=9, before=None)
    assert [line.by for line in lines] == ["1002"] * 4 + ["1001"]
    assert [(one.field, one.before, one.after) for one in lines[2].fields] == [
        ("name", "Anna 0", "Anna 1"),
        ("custom", {}, {"level": "gold"}),
    ]
    assert await book.changes(ANNA, limit=2, before=lines[1].change_id) == lines[2:4]
    found = await customers.customer(ANNA)
    assert found is not None
    assert found.version == 5
    with pytest.raises(NotFound):
        await book.changes(CustomerId("x"), limit=1, before=None)


async def story(
    database: Database, limit: int, customer_id: CustomerId = ANNA, kinds: tuple[TimelineKind, ...] = ()
) -> list[StoryEntry]:
    book = StoredCustomerBook(database)
    entries: list[StoryEntry] = []
    before: str | None = None
    for _ in range(100):
        page = await book.timeline(customer_id, kinds=kinds, limit=limit, before=before)
        assert len(page.items) <= limit
        entries += page.items
        before = page.next_before
        if before is None:
            return entries
    raise AssertionError("the pages have no end")


async def eventful(database: Database) -> None:
    """Several things at one and the same time, and at others."""
    await people(database)
    cases, tasks, book = StoredCases(database), StoredTasks(database), StoredCustomerBook(database)
    question = CaseInput(kind=CaseKind.QUESTION, subject="x")
    for number in range(3):
        await call_of(database, f"{number}.1", "anna", number * 10)
        await cases.open_case(CaseId(f"k{number}"), ANNA, question, at=at(number * 10), by="1001")
        task = TaskInput(text="x", due_at=at(999))
        await tasks.add_task(TaskId(f"t{number}"), ANNA, task, at=at(number * 10), by="1001")
        for copy in range(2):
            note = Note(
                note_id=NoteId(f"n{number}{copy}"),
                customer_id=ANNA,
                at=at(number * 10),
                by="1001",
                text="你好",
                case_id=CaseId("k0"),
            )
            assert await book.add_note(note) == note
    closed = CaseInput(kind=CaseKind.QUESTION, subject="x", state=CaseState.CLOSED)
    await cases.change_case(CaseId("k1"), closed, at=at(10), by="1002")
    await call_of(database, "9.9", "bea")


@pytest.mark.parametrize("limit", [1, 2, 5, 200])
async def test_everything_is_in_one_stream_page_by_page(database: Database, limit: int) -> None:
    await eventful(database)
    entries = await story(database, limit)
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    assert len({(entry.kind, entry.entry_id) for entry in entries}) == len(entries) == 16
    by_kind = {kind: sorted(entry.entry_id for entry in entries if entry.kind is kind) for kind in TimelineKind}
    assert by_kind[TimelineKind.INTERACTION] == ["0.1", "1.1", "2.1"]
    assert by_kind[TimelineKind.CASE] == ["k0", "k1", "k2"]
    assert by_kind[TimelineKind.TASK] == ["t0", "t1", "t2"]
    assert len(by_kind[TimelineKind.NOTE]) == 6
    (change,) = (entry for entry in entries if entry.kind is TimelineKind.CHANGE)
    assert change.data["fields"] == [{"field": "state", "before": "open", "after": "closed"}]
    only = await story(database, limit, kinds=(TimelineKind.NOTE, TimelineKind.CASE))
    assert only == [entry for entry in entries if entry.kind in (TimelineKind.NOTE, TimelineKind.CASE)]


async def test_the_stream_of_two_who_are_one_is_one(database: Database) -> None:
    await eventful(database)
    await StoredMerging(database).merge(BEA, ANNA, merge_id=MergeId("m"), at=NOON + timedelta(days=1), by="1001")
    entries = await story(database, 5, BEA)
    assert {entry.entry_id for entry in entries} >= {"0.1", "9.9", "k1", "t1", "n00"}
    assert [entry.data["action"] for entry in entries if entry.kind is TimelineKind.CHANGE][:2] == ["merged", "merged"]
    assert await story(database, 200, ANNA) == entries


async def test_a_note_belongs_to_the_customers_own_case(database: Database) -> None:
    await eventful(database)
    note = Note(note_id=NoteId("n"), customer_id=BEA, at=NOON, by="1001", text="x", case_id=CaseId("k0"))
    with pytest.raises(Conflict) as caught:
        await StoredCustomerBook(database).add_note(note)
    assert caught.value.code == "case_of_another"


@pytest.mark.parametrize(
    "before", ["", "zz", "5b5d", "5b22323032362d31312d32315431323a30303a3030222c302c2278225d", "5b312c302c2278225d"]
)
async def test_a_place_of_nowhere_is_refused(database: Database, before: str) -> None:
    await people(database)
    with pytest.raises(InvalidValue) as caught:
        await StoredCustomerBook(database).timeline(ANNA, kinds=(), limit=5, before=before)
    assert caught.value.code == "invalid_cursor"
