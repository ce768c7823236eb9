"""A person taken out whole, and erased to the last byte, on both databases; and every table is spoken of."""

import asyncio
import json
import os
import subprocess
import zipfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import Table, func, insert, select, text

from callcenter.app.access_log import Access, AccessKind, AccessWanted
from callcenter.app.customer_book import CustomerFilters
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.erasure import WAITS_FOR_NIGHT, Erasure, Erasures, ErasureState, ErasureStep, FoundPerson
from callcenter.app.feed import QUEUES, Feed, Resume
from callcenter.app.house_rules import HouseRules
from callcenter.app.import_records import ImportForm, ImportRecord, ImportState
from callcenter.app.person_export import write_person
from callcenter.app.ports import CustomerInput
from callcenter.app.retention import Retention
from callcenter.crm.import_fields import RecordKind
from callcenter.domain import events as ev
from callcenter.domain.customers import Channel, ConsentState, ContactPoint, ContactPointKind
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MergeId, OfferId, QueueId, TransferId
from callcenter.domain.interactions import Interaction
from callcenter.domain.privacy import Kept
from callcenter.domain.transfers import TargetKind, TransferTarget
from callcenter.importing.alone import alone, remove_leftovers
from callcenter.metrics import queue_day
from callcenter.store import alert_tables, crm_tables, hook_tables, notice_tables, sales_tables, survey_tables, tables
from callcenter.store.accesses import StoredAccesses
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import add_number
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.erasures import BRIEF_BYTES, StoredErasures
from callcenter.store.import_tables import external_ids
from callcenter.store.imports import StoredImports
from callcenter.store.journal import SPILL_NAME, JournalLimits, JournalWriter
from callcenter.store.person import BY_WORDS, HOLDINGS, NO_PERSON
from callcenter.store.person_export import StoredPeople
from callcenter.store.records import StoredRecords
from callcenter.store.retention import StoredRetention
from callcenter.store.schema import upgrade_database
from callcenter.store.users import StoredUsers
from callcenter.traces import FileTraces
from tests.adapters.postgres import _binaries
from tests.adapters.sounds import tone
from tests.adapters.store_calls import NOON, at, folded, whole_call
from tests.adapters.store_crm import consent, phone
from tests.adapters.test_store_schema import differences
from tests.fakes import START, FakeClock, FakeOutlet
from tests.patience import PATIENCE_SECONDS

HE, TWIN, OTHER = CustomerId("c-he"), CustomerId("c-twin"), CustomerId("c-other")
NAME, OLD_NAME, TWIN_NAME = "欧阳示例先生", "Ouyang Shili-Example", "欧阳示例二"
NUMBER, DIGITS, NATIONAL = "+8613912345678", "13912345678", "139 1234 5678"
SHARED = "+862155550000"
SECRETS = (
    NAME,
    OLD_NAME,
    TWIN_NAME,
    "欧阳示例",
    DIGITS,
    NATIONAL,
    "his very own note",
    "what he complained of",
    "the story of his case",
    "call him at dusk",
    "his dog barked",
    "47110815",
    "carried value",
    "ouyang@example.org",
    "K-77001234",
    "CRM-889900",
    "order for his aunt",
    "a garden house for him",
    "custom words of his",
    "name of the caller",
    "line of his order",
    "sent on with a word",
)
QUOTED = "Q-5544-his"
HIS = {
    "digits": "47110815",
    "value": "text:carried value",
    "notes": "his dog barked",
    "name": "name of the caller",
    "sent on": "sent on with a word",
}
THEIRS = {
    "digits": "99990000",
    "value": "text:a value of others",
    "notes": "their cat",
    "name": "Others",
    "sent on": "",
}


@dataclass(slots=True)
class Store:
    """A database with a person in every table, his files, and all that erases him."""

    database: Database
    directory: Path
    feed: Feed
    memory: CustomerMemory
    erasures: Erasures
    store: "StoppingStore"
    clock: FakeClock
    alive: dict[InteractionId, Interaction] = field(default_factory=dict)


class StoppingStore(StoredErasures):
    """Dies once at a step, as a server does that is killed."""

    stop_before: str | None = None
    wiped = 0

    def _check(self, name: str) -> None:
        if self.stop_before == name:
            self.stop_before = None
            raise asyncio.CancelledError

    async def put(self, erasure: Erasure) -> None:
        self._check(f"put {erasure.step}")
        await super().put(erasure)

    async def blank_events(self, person: FoundPerson) -> int:
        changed = await super().blank_events(person)
        self._check("after events")
        return changed

    async def wipe(self) -> None:
        self._check("wipe")
        await super().wipe()
        self.wiped += 1


async def settled() -> bool:
    return True


def house(
    database: Database,
    directory: Path,
    brief_bytes: int = BRIEF_BYTES,
    settle: Callable[[], Awaitable[bool]] = settled,
) -> Store:
    for name in ("recordings", "imports", "emergency", "logs"):
        (directory / name).mkdir(exist_ok=True)
    clock = FakeClock()
    feed = Feed(clock=clock, epoch="one")
    memory = CustomerMemory(StoredCustomers(database))
    store = StoppingStore(database, brief_bytes=brief_bytes)
    alive: dict[InteractionId, Interaction] = {}
    numbers = iter(range(1, 1_000))
    erasures = Erasures(
        store=store,
        traces=FileTraces(
            recordings=directory / "recordings",
            imports_directory=directory / "imports",
            imports=StoredImports(database),
            logs=(directory / "logs" / "*",),
            spool=directory / "emergency",
            passing=(directory / "temporary" / "*", directory / "callcenter-terms-*" / "*"),
            clock=clock,
        ),
        memory=memory,
        past=feed,
        alive=lambda: alive,
        settle=settle,
        clock=clock,
        timezone=ZoneInfo("Asia/Shanghai"),
        new_id=lambda: f"e{next(numbers)}",
    )
    return Store(
        database=database,
        directory=directory,
        feed=feed,
        memory=memory,
        erasures=erasures,
        store=store,
        clock=clock,
        alive=alive,
    )


def call(name: str, customer: str | None, *, seconds: float = 0, number: str = NUMBER) -> list[ev.InteractionEvent]:
    """A whole call with everything that callers give."""
    interaction_id = InteractionId(name)
    told = THEIRS if customer == OTHER else HIS
    first, *rest = whole_call(name, seconds, customer=customer)
    assert isinstance(first, ev.InteractionArrived)
    ani = replace(first.ani, raw=number, e164=number, national=NATIONAL if number == NUMBER else number)
    given: list[ev.InteractionEvent] = [
        ev.DigitsCollected(
            interaction_id=interaction_id, at=at(seconds), node="n", variable="v", digits=told["digits"], secret=False
        ),
        ev.ValuesKept(interaction_id=interaction_id, at=at(seconds), node="n", values={"x": told["value"]}),
        ev.CallbackRequested(
            interaction_id=interaction_id,
            at=at(seconds),
            callback_id=InteractionId(f"cb-{name}"),
            queue_id=QueueId("sales"),
            number=number,
        ),
        ev.MessageLeft(
            interaction_id=interaction_id,
            at=at(seconds),
            queue_id=QueueId("sales"),
            file=f"message-{name}_sales.wav",
            seconds=1.0,
        ),
        ev.SurveyAsked(
            interaction_id=interaction_id,
            at=at(seconds + 91),
            flow="survey",
            queue_id=QueueId("sales"),
            customer_id=None if customer is None else CustomerId(customer),
            number=number,
        ),
        ev.SurveyAnswered(
            interaction_id=interaction_id,
            at=at(seconds + 92),
            flow="survey",
            question="nice",
            score=4,
            queue_id=QueueId("sales"),
            customer_id=None if customer is None else CustomerId(customer),
        ),
        ev.InteractionAnnotated(interaction_id=interaction_id, at=at(seconds + 99), by="1002", notes=told["notes"]),
    ]
    sent_on = ev.InteractionTransferred(
        interaction_id=interaction_id,
        at=at(seconds + 80),
        transfer_id=TransferId(f"{name}-t"),
        agent_id=AgentId("1002"),
        offer_id=OfferId(f"{name}-o2"),
        target=TransferTarget(kind=TargetKind.QUEUE, target="support"),
        note=told["sent on"],
    )
    connected = next(place for place, event in enumerate(rest) if isinstance(event, ev.InteractionConnected))
    rest.insert(connected + 1, sent_on)
    changed = [
        replace(event, callback=replace(event.callback, number=number))
        if isinstance(event, ev.InteractionQueued) and event.callback is not None
        else event
        for event in rest
    ]
    return [replace(first, ani=ani, caller_name=told["name"]), *given[:4], *changed, *given[4:]]


async def furnish(store: Store) -> None:
    """He, with a past: merged, renamed, called, wrote, ordered, complained, was imported and told outside."""
    database = store.database
    customers = StoredCustomers(database)
    mail = ContactPoint(kind=ContactPointKind.EMAIL, value="ouyang@example.org")
    await customers.create(HE, CustomerInput(name=OLD_NAME, contact_points=(phone(NUMBER),)), at=NOON, by="1001")
    full = CustomerInput(
        name=NAME,
        contact_points=(phone(NUMBER, "mobile"), phone(SHARED), mail),
        notes="his very own note",
        tags=("vip",),
        consents=(consent(Channel.PHONE, ConsentState.GRANTED),),
        custom={"likes": "custom words of his"},
    )
    await customers.update(HE, full, at=NOON, by="1001")
    await customers.create(TWIN, CustomerInput(name=TWIN_NAME, contact_points=(phone(NUMBER),)), at=NOON, by="1001")
    other = CustomerInput(name="别人示例", contact_points=(phone(SHARED),), notes="another one's note")
    await customers.create(OTHER, other, at=NOON, by="1001")
    journal = JournalWriter(database, spill_directory=store.directory)
    await journal.start()
    for name, customer, number in (
        ("1.1", HE, NUMBER),
        ("1.2", TWIN, NUMBER),
        ("1.3", None, NUMBER),
        ("1.4", OTHER, NUMBER),
        ("1.5", OTHER, SHARED),
    ):
        events = call(name, customer, number=number)
        if name == "1.5":
            events = [
                replace(one, customer_ids=(OTHER, HE)) if isinstance(one, ev.CustomerMatched) else one for one in events
            ]
        journal.write(events=events, interactions=[folded(events)])
        (store.directory / "recordings" / f"message-{name}_sales.wav").write_bytes(tone(seconds=0.1))
    await journal.stop()
    async with database.writing() as connection:
        await add_number(connection, HE, "K-77001234", pin_hash="argon2 his hash", at=NOON, by="1001")
        for table, row in _rows_of_his():
            await connection.execute(insert(table).values(row))
    users = StoredUsers(database)
    await users.audit(at=NOON, by="super", action="customers_exported", subject="customers", detail=f"search {NAME}")
    await users.audit(at=NOON, by="1001", action="customer_number_locked", subject=HE, detail="K-77001234: wrong PINs")
    await StoredMerging(database).merge(HE, TWIN, merge_id=MergeId("m1"), at=at(1), by="super")
    await StoredAccesses(database).add([Access(at=NOON, by="1001", kind=AccessKind.READ, customer_id=TWIN)])
    await _imported(store, "i1", f"name,phone\n{NAME},0{NATIONAL}\n", f"{NAME}.csv")
    await _imported(store, "i2", "name,phone\n别人示例,021 5555 0000\n", "others.csv")
    # A file without a header: its first row was taken for one.
    await _imported(store, "i3", "别人示例,021 5555 0000\n", "no header.csv", (NAME, f"Tel {NATIONAL}"))
    await StoredAccesses(database).add(
        [Access(at=NOON, by="super", kind=AccessKind.LIST_EXPORTED, detail=f"customers.csv rows=1 search={NAME}")]
    )
    _left_behind(store.directory)
    if not database.is_sqlite:
        async with database.alone() as connection:
            # As the server does by itself within a minute: names and numbers are among what it samples.
            await connection.execute(text("ANALYZE"))
    logs = store.directory / "logs"
    (logs / "Master.csv").write_bytes(f'"CHAN_START","{DIGITS}","x"\n"HANGUP","+8615500001111"\n'.encode())
    (logs / "journal.rejected").write_bytes(f'{{"notes":"{NAME}"}}\n'.encode())
    store.feed.put(QUEUES, "x", {"note": NAME})
    store.feed.put(QUEUES, "x", {"note": "-"})


def _rows_of_his() -> Sequence[tuple[Table, Mapping[str, object]]]:
    case = {"kind": "complaint", "state": "open", "opened_at": NOON}
    hook = {"url": "http://x", "events": (), "description": "", "personal": False, "active": True, "secret": "s"}
    delivery = {"hook_id": "h1", "event": "customer.changed", "at": NOON, "state": "delivered", "tries": 1}
    order = {"state": "paid", "total": Decimal(5), "currency": "CNY", "created_at": NOON, "created_by": "x", "at": NOON}
    days = {"placed_on": NOON.date(), "due_on": NOON.date()}
    deal = {"stage": "offer", "state": "open", "amount": Decimal(7), "currency": "CNY", "probability": 50}
    quote = [{"number": QUOTED, "given_on": "2026-11-01", "value": {"amount": "7", "currency": "CNY"}}]
    quotes = json.dumps(quote).encode()
    return (
        (
            tables.cases,
            {**case, "case_id": "case-1", "customer_id": HE, "subject": "what he complained of"}
            | {"description": "the story of his case"},
        ),
        (tables.cases, {**case, "case_id": "case-2", "customer_id": OTHER, "subject": "another matter"}),
        (
            crm_tables.customer_notes,
            {"note_id": "n1", "customer_id": TWIN, "at": NOON, "by": "1001", "text": "his very own note"},
        ),
        (
            crm_tables.tasks,
            {"task_id": "t1", "customer_id": HE, "kind": "call", "text": "call him at dusk", "due_at": NOON}
            | {"created_at": NOON, "created_by": "1001"},
        ),
        (alert_tables.reminders, {"agent_id": "1001", "kind": "task", "at": NOON, "task_id": "t1"}),
        (
            crm_tables.memberships,
            {"membership_id": "ms1", "organisation_id": OTHER, "member_id": HE, "role": "boss", "since": NOON},
        ),
        (
            crm_tables.told_apart,
            {"mark_id": "ta1", "customer_id": OTHER, "other_id": HE, "at": NOON, "by": "1001"},
        ),
        (external_ids, {"source": "crm", "external_id": "CRM-889900", "customer_id": HE}),
        (
            sales_tables.orders,
            {**order, **days, "order_id": "o1", "number": "2026-1", "dialled": "20261", "customer_id": HE}
            | {"note": "order for his aunt"},
        ),
        (
            sales_tables.order_lines,
            {
                "order_id": "o1",
                "position": 0,
                "text": "line of his order",
                "quantity": Decimal(1),
                "amount": Decimal(5),
            },
        ),
        (
            sales_tables.opportunities,
            {**deal, "opportunity_id": "op1", "customer_id": HE, "title": "a garden house for him", "next_step": ""}
            | {"remark": "custom words of his", "quotes": quotes, "opened_at": NOON, "opened_by": "1001"},
        ),
        (hook_tables.hooks, {**hook, "hook_id": "h1", "created_at": NOON, "created_by": "x", "version": 1}),
        (hook_tables.hook_deliveries, {**delivery, "delivery_id": "d1", "data": b'{"customer_id":"c-he"}'}),
        (hook_tables.hook_deliveries, {**delivery, "delivery_id": "d2", "data": b'{"customer_id":"c-other"}'}),
        (
            notice_tables.notices,
            {"notice_id": "no1", "at": NOON, "by": "super", "by_name": "S", "to": "all", "to_id": ""}
            | {"text": f"Please call {NAME} at {NUMBER}, or {NATIONAL}, +86-139-1234-5678."},
        ),
    )


def _left_behind(directory: Path) -> None:
    """What servers and imports that were killed leave: exports, keys of rows, terms on their way, half an upload."""
    for name in (
        "temporary/person-x.zip",
        "temporary/sheet-x",
        "callcenter-terms-x/terms.sorting",
        "imports/i9.seen",
        "imports/terms.sorting",
        "imports/half.data",
    ):
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{NAME} {DIGITS} of {name}", encoding="utf-8")
        os.utime(path, (START.timestamp() - 3_600,) * 2)


async def _imported(
    store: Store, import_id: str, text: str, file_name: str, header: tuple[str, ...] = ("name", "phone")
) -> None:
    (store.directory / "imports" / f"{import_id}.data").write_text(text, encoding="utf-8")
    record = ImportRecord(
        import_id=import_id,
        kind=RecordKind.CUSTOMERS,
        file_name=file_name,
        size_bytes=len(text),
        created_at=START - timedelta(days=1),
        created_by="super",
        state=ImportState.UPLOADED,
        form=ImportForm(format="csv", codec="utf-8", encoding="utf-8", delimiter=","),
        header=header,
    )
    await StoredImports(store.database).add(record)


def everything(store: Store) -> bytes:
    """All bytes there are: the database's files, PostgreSQL's too and its dump, and every file beside it."""
    found = b"".join(path.read_bytes() for path in sorted(store.directory.rglob("*")) if path.is_file())
    if not store.database.is_sqlite:
        url = store.database._url.set(drivername="postgresql").render_as_string(hide_password=False)
        found += subprocess.run([_binaries() / "pg_dump", url], check=True, capture_output=True).stdout
        found += postgres_files(url)
    return found


def postgres_files(url: str) -> bytes:
    """What stands on the disk of this database: tables, indexes and samples; the server's log is not its."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        place = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        row = connection.execute(place).fetchone()
    assert row is not None
    files = [path for path in (Path(row[0]) / "base" / str(row[1])).iterdir() if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


async def figures(database: Database) -> object:
    """What boards and reports are made of."""
    calls, answers, orders = tables.interactions, survey_tables.survey_answers, sales_tables.orders
    day = queue_day.begin_day(QueueId("sales"), NOON - timedelta(hours=1), timedelta(seconds=20))
    events = await StoredRecords(database).events_since(NOON - timedelta(hours=1))
    async with database.reading() as connection:
        outcomes = await connection.execute(
            select(calls.c.queue_id, calls.c.outcome, calls.c.agent_id, func.count()).group_by(
                calls.c.queue_id, calls.c.outcome, calls.c.agent_id
            )
        )
        times = await connection.execute(select(calls.c.queued_at, calls.c.connected_at, calls.c.talk_ended_at))
        scores = await connection.execute(select(func.count(), func.sum(answers.c.score)))
        sums = await connection.execute(select(orders.c.customer_id, orders.c.total))
        cases = await connection.execute(select(tables.cases.c.kind, func.count()).group_by(tables.cases.c.kind))
        offers = await connection.execute(select(func.count()).select_from(tables.offers))
        found = [result.all() for result in (outcomes, times, scores, sums, cases, offers)]
    return queue_day.figures(queue_day.fold_all(day, events)), [sorted(map(repr, rows)) for rows in found]


def test_every_table_is_spoken_of() -> None:
    held = {holding.table.name for holding in HOLDINGS}
    assert not held & NO_PERSON
    assert held | NO_PERSON | BY_WORDS == set(tables.metadata.tables), "say what becomes of a person in a new table"
    for table in tables.metadata.tables.values():
        if "customer_id" in table.columns:
            assert table.name in held


def test_every_table_stands_in_the_document() -> None:
    text = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
    for holding in HOLDINGS:
        assert f"`{holding.table.name}`" in text


async def test_erasing_leaves_no_byte_of_the_person_and_every_figure(database: Database, tmp_path: Path) -> None:
    store = house(database, tmp_path)
    await furnish(store)
    before, bytes_before = await figures(database), everything(store)
    missing = [secret for secret in SECRETS if secret.encode() not in bytes_before]
    assert not missing, "the test must be able to fail"
    plan = await store.erasures.plan(TWIN)
    assert (plan.customer_id, plan.open_cases, plan.in_house) == (HE, 1, False)
    assert plan.counts["recordings"] == 3
    assert plan.counts["import_files"] == 1
    assert plan.counts["interactions"] == 3
    assert everything(store).count(NAME.encode()) == bytes_before.count(NAME.encode()), "a plan changes nothing"

    with pytest.raises(InvalidValue, match="type the customer's name"):
        await store.erasures.ask(HE, confirm="somebody", open_cases_too=True, by="admin")
    with pytest.raises(Conflict, match="open cases"):
        await store.erasures.ask(HE, confirm=NAME, open_cases_too=False, by="admin")
    made = await store.erasures.ask(HE, confirm=" k-77001234 ", open_cases_too=True, by="admin")
    with pytest.raises(Conflict, match="erased already"):
        await store.erasures.ask(HE, confirm=NAME, open_cases_too=True, by="admin")
    assert not await store.erasures.turn(), (await store.erasures.erasure(made.erasure_id)).error
    done = await store.erasures.erasure(made.erasure_id)
    assert (done.state, done.step, done.error) == (ErasureState.DONE, ErasureStep.END, None)

    left = everything(store)
    if database.is_sqlite:
        assert {path.name for path in (tmp_path / "imports").iterdir()} == {"i2.data", "i3.data", "lock"}
    assert [secret for secret in (*SECRETS, QUOTED, "argon2 his hash") if secret.encode() in left] == []
    assert NAME.encode("gb18030") not in left
    assert b"+86-139-1234-5678" not in left
    assert await figures(database) == before
    for kept in (
        "another one's note",
        "99990000",
        "a value of others",
        "their cat",
        "another matter",
        "别人示例",
        "+8615500001111",
        SHARED,
    ):
        assert kept.encode() in left, "what is somebody else's stays"
    assert (tmp_path / "recordings" / "message-1.5_sales.wav").exists()
    assert (tmp_path / "imports" / "i2.data").exists()
    assert await StoredCustomers(database).customer(HE) is None
    found = await StoredCustomerSearch(database).search("", CustomerFilters(), limit=10, after=None)
    assert [one.customer_id for one in found.items] == [OTHER]
    with pytest.raises(NotFound):
        await store.erasures.plan(TWIN)
    records = StoredRecords(database)
    own, others = [await records.interaction(InteractionId(name)) for name in ("1.1", "1.5")]
    assert own is not None
    assert (own.customer_id, own.ani.e164, own.notes, own.given.typed[0].digits) == (None, None, "", "")
    assert own.given.scores[0].score == 4
    assert others is not None
    assert (others.customer_id, others.customer_ids, others.ani.e164) == (OTHER, (OTHER,), SHARED)
    taken = await records.timeline(InteractionId("1.1"))
    assert [type(event) for event in taken] == [type(event) for event in call("1.1", HE)]
    outlet = FakeOutlet()
    store.feed.subscribe({QUEUES}, outlet, Resume(epoch="one", seq=0)).close()
    assert b'"type":"snapshot"' in outlet.frames[0].message


@pytest.mark.parametrize("step", ["after events", "put rows", "wipe"])
async def test_an_erasure_that_was_cut_off_is_gone_on_with(step: str, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'callcenter.db'}")
    await upgrade_database(database)
    store = house(database, tmp_path)
    await furnish(store)
    before = await figures(database)
    made = await store.erasures.ask(HE, confirm=NAME, open_cases_too=True, by="admin")
    store.store.stop_before = step
    with pytest.raises(asyncio.CancelledError):
        await store.erasures.turn()
    again = house(database, tmp_path)
    assert not await again.erasures.turn()
    assert (await again.erasures.erasure(made.erasure_id)).state is ErasureState.DONE
    left = everything(store)
    assert [secret for secret in SECRETS if secret.encode() in left] == []
    assert await figures(database) == before
    await database.dispose()


async def test_what_is_large_is_written_anew_at_night_once_for_all(database: Database, tmp_path: Path) -> None:
    store = house(database, tmp_path, brief_bytes=0)
    await furnish(store)
    made = [
        await store.erasures.ask(HE, confirm=NAME, open_cases_too=True, by="admin"),
        await store.erasures.ask(OTHER, confirm="别人示例", open_cases_too=True, by="admin"),
    ]
    assert not await store.erasures.turn()
    waiting = [await store.erasures.erasure(one.erasure_id) for one in made]
    assert {(one.state, one.step, one.error) for one in waiting} == {
        (ErasureState.RUNNING, ErasureStep.REMAINS, WAITS_FOR_NIGHT)
    }
    assert await StoredCustomers(database).customer(HE) is None, "his rows are gone at once"
    assert store.store.wiped == 0
    # The house is in China: its three o'clock is 19:00 UTC.
    store.clock.advance(timedelta(hours=9, minutes=59))
    assert not await store.erasures.turn()
    assert store.store.wiped == 0
    store.clock.advance(timedelta(minutes=2))
    assert not await store.erasures.turn()
    assert store.store.wiped == 1
    assert {(await store.erasures.erasure(one.erasure_id)).state for one in made} == {ErasureState.DONE}
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
    left = everything(store)
    assert [secret for secret in SECRETS if secret.encode() in left] == []


async def test_an_erasure_waits_until_the_spill_has_given_its_rows_back(database: Database, tmp_path: Path) -> None:
    limits = JournalLimits(attempt=timedelta(milliseconds=200), drain_attempt=timedelta(milliseconds=200))
    journal = JournalWriter(database, spill_directory=tmp_path, limits=limits)
    store = house(database, tmp_path, settle=lambda: journal.settled(timedelta(seconds=5)))
    await furnish(store)
    made = await store.erasures.ask(HE, confirm=NAME, open_cases_too=True, by="admin")
    await journal.start()
    async with database.writing(timedelta(minutes=1)) as others:
        # Whoever holds these for long is as a database that is away.
        if not database.is_sqlite:
            await others.execute(text("LOCK TABLE events, interactions IN EXCLUSIVE MODE"))
        events = call("8.1", HE)
        journal.write(events=events, interactions=[folded(events)])
        assert await journal.flushed(timedelta(seconds=20)), "on the disk"
        assert journal.state().spilled_batches == 1
        assert NAME.encode() in everything(store)
        assert b"47110815" in (tmp_path / SPILL_NAME).read_bytes()
        assert await store.erasures.turn()
        assert (await store.erasures.erasure(made.erasure_id)).state is ErasureState.WAITING
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await journal.settled(timedelta(seconds=5)):  # noqa: ASYNC110 - what is waited for happens in a file.
            await asyncio.sleep(0.05)
    assert not await store.erasures.turn()
    assert (await store.erasures.erasure(made.erasure_id)).counts["interactions"] == 4
    await journal.stop()
    left = everything(store)
    assert [secret for secret in SECRETS if secret.encode() in left] == []


async def test_an_erasure_waits_for_an_export_and_an_import_under_way(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files of imports are gone through a few at a time, to the last.
    monkeypatch.setattr("callcenter.store.imports.MOST_ENDED", 1)
    store = house(database, tmp_path)
    await furnish(store)
    await _imported(store, "a-first", "name,phone\nSomebody,+4420\n", "others.csv")
    made = await store.erasures.ask(HE, confirm=NAME, open_cases_too=True, by="admin")
    export = tmp_path / "temporary" / "export-y.xlsx"
    export.write_text(NAME, encoding="utf-8")
    os.utime(export, (store.clock.now().timestamp(),) * 2)
    assert await store.erasures.turn()
    assert (await store.erasures.erasure(made.erasure_id)).error == "export_runs"
    assert await StoredCustomers(database).customer(HE) is not None
    store.clock.advance(timedelta(minutes=11))
    imports = StoredImports(database)
    waiting = await imports.find("i2")
    assert waiting is not None
    await imports.put(replace(waiting, state=ImportState.WAITING), expected=ImportState.UPLOADED)
    assert await store.erasures.turn()
    assert (await store.erasures.erasure(made.erasure_id)).error == "import_runs"
    await imports.put(replace(waiting, state=ImportState.CANCELLED), expected=ImportState.WAITING)
    assert not await store.erasures.turn()
    assert not export.exists()
    left = everything(store)
    assert [secret for secret in SECRETS if secret.encode() in left] == []


async def test_what_an_import_that_runs_works_with_is_left_to_it(tmp_path: Path) -> None:
    directory = tmp_path / "imports"
    directory.mkdir()
    for name in ("i1.seen", "i1.data", "terms.sorting", "half.data", "i2.bad.csv"):
        (directory / name).write_text("x")
        os.utime(directory / name, (START.timestamp(),) * 2)

    async def is_known(import_id: str) -> bool:
        return import_id == "i1"

    with alone(directory):
        assert await remove_leftovers(directory, is_known, before=START + timedelta(hours=1)) == 0
    assert await remove_leftovers(directory, is_known, before=START) == 2
    assert await remove_leftovers(directory, is_known, before=START + timedelta(hours=1)) == 2
    assert {path.name for path in directory.iterdir()} == {"i1.data", "lock"}


async def test_nobody_is_erased_while_he_is_in_the_house(database: Database, tmp_path: Path) -> None:
    store = house(database, tmp_path)
    await furnish(store)
    made = await store.erasures.ask(HE, confirm=NAME, open_cases_too=True, by="admin")
    record = folded(call("9.9", None))
    store.alive[record.interaction_id] = record
    assert (await store.erasures.plan(HE)).in_house
    assert await store.erasures.turn()
    assert (await store.erasures.erasure(made.erasure_id)).state is ErasureState.WAITING
    await store.memory.look_up(record.interaction_id, NUMBER)
    assert store.memory.cards(record.interaction_id)
    store.alive.clear()
    assert not await store.erasures.turn()
    assert not store.memory.cards(record.interaction_id)


async def test_an_export_shows_what_an_erasure_would_touch(database: Database, tmp_path: Path) -> None:
    store = house(database, tmp_path)
    await furnish(store)
    path = await write_person(
        StoredPeople(database), TWIN, recordings=tmp_path / "recordings", directory=tmp_path, at=NOON, by="admin"
    )
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            texts = {name: archive.read(name) for name in names if name.endswith(".json")}
    finally:
        os.unlink(path)
    whole = b"".join(texts.values()).decode()
    assert [secret for secret in SECRETS if secret not in whole and secret != "欧阳示例"] == []
    assert "argon2 his hash" not in whole
    assert "another" not in whole
    index = json.loads(texts["index.json"])
    assert index["merged_of"] == [TWIN]
    assert {f"audio/message-{name}_sales.wav" for name in ("1.1", "1.2", "1.3")} <= names
    assert index["tables"]["interactions"] == 3
    assert len(json.loads(texts["events.json"])) == sum(len(call(name, HE)) for name in ("1.1", "1.2", "1.3"))
    assert [one["by"] for one in json.loads(texts["accesses.json"])] == ["1001"]


async def test_the_access_log_is_asked_by_who_whom_what_and_when(database: Database) -> None:
    log = StoredAccesses(database)
    lines = [
        Access(at=NOON, by="1001", kind=AccessKind.READ, customer_id=HE),
        Access(at=NOON + timedelta(hours=1), by="admin", kind=AccessKind.READ, customer_id=HE),
        Access(at=NOON + timedelta(hours=2), by="admin", kind=AccessKind.PERSON_EXPORTED, customer_id=OTHER),
    ]
    await log.add(lines)

    async def found(wanted: AccessWanted) -> list[int]:
        return [lines.index(replace(one, access_id=0)) for one in await log.accesses(wanted, limit=10, before=None)]

    assert await found(AccessWanted()) == [2, 1, 0]
    assert await found(AccessWanted(by="admin")) == [2, 1]
    assert await found(AccessWanted(customer_id=HE, by="admin")) == [1]
    assert await found(AccessWanted(kind=AccessKind.PERSON_EXPORTED)) == [2]
    assert await found(AccessWanted(since=lines[1].at, until=lines[2].at)) == [1]


class Rules(HouseRules):
    """What was set, without a store."""

    def __init__(self, **days: int) -> None:
        self._days = {Kept(name): timedelta(days=count) for name, count in days.items()}

    def kept_for(self, kept: Kept) -> timedelta | None:
        return self._days.get(kept)


async def test_retention_lets_go_of_what_is_over_and_of_nothing_else(database: Database, tmp_path: Path) -> None:
    store = house(database, tmp_path)
    await furnish(store)
    before = await figures(database)
    users, clock = StoredUsers(database), FakeClock(NOON + timedelta(days=10))
    new = call("2.1", OTHER, seconds=86_400 * 9, number=SHARED)
    journal = JournalWriter(database, spill_directory=tmp_path)
    await journal.start()
    journal.write(events=new, interactions=[folded(new)])
    await journal.stop()
    both = await figures(database)
    retention = Retention(
        store=StoredRetention(database),
        rules=Rules(interactions=7, accesses=7),
        audit=users,
        recordings=tmp_path / "recordings",
        clock=clock,
        timezone=UTC,
    )
    assert {one.kept: one.due for one in await retention.due() if one.due} == {Kept.INTERACTIONS: 5, Kept.ACCESSES: 2}
    gone = await retention.turn()
    assert {one.kept: one.due for one in gone} == {Kept.INTERACTIONS: 5, Kept.ACCESSES: 2}
    assert await retention.turn() == []
    assert await figures(database) == both != before
    records = StoredRecords(database)
    old, young = [await records.interaction(InteractionId(name)) for name in ("1.4", "2.1")]
    assert old is not None
    assert (old.customer_id, old.ani.e164, old.notes) == (None, None, "")
    assert young is not None
    assert (young.customer_id, young.ani.e164) == (OTHER, SHARED)
    async with database.reading() as connection:
        newest = select(tables.audit.c.detail).order_by(tables.audit.c.audit_id.desc()).limit(1)
        told = (await connection.execute(newest)).first()
    assert told is not None
    assert told.detail == "interactions 5, accesses 2"
