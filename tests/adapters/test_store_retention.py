"""What is over goes, table by table and in slices, and nothing else; and no slice reads a table whole."""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, event, insert, text

from callcenter.app import retention as app_retention
from callcenter.app.house_rules import HouseRules
from callcenter.app.retention import Retention
from callcenter.domain.ids import InteractionId
from callcenter.domain.privacy import Kept
from callcenter.store import alert_tables, crm_tables, import_tables, notice_tables, privacy_tables, tables
from callcenter.store.database import Database
from callcenter.store.journal import JournalWriter
from callcenter.store.records import StoredRecords
from callcenter.store.retention import StoredRetention
from callcenter.store.tables import metadata
from callcenter.store.users import StoredUsers
from tests.adapters.store_calls import NOON, folded, whole_call
from tests.adapters.store_crm import make, phone
from tests.fakes import FakeClock

NOW = NOON + timedelta(days=10)
KEPT_DAYS = 7
OLD, NEW = NOON, NOON + timedelta(days=8)
MANY = 2 * app_retention.ROWS_AT_ONCE + 50
GOES_WITH = {
    Kept.INTERACTIONS: {"interactions", "events", "legs", "surveys", "survey_answers", "bookmarks", "audit"},
    Kept.MESSAGES: {"messages", "audit"},
    Kept.ACCESSES: {"accesses", "audit"},
    Kept.AUDIT: {"audit"},
    Kept.NOTICES: {"notices", "notice_receipts", "audit"},
    Kept.ALERTS: {"alerts", "audit"},
    Kept.IMPORTS: {"imports", "audit"},
    Kept.CUSTOMER_CHANGES: {"customer_changes", "audit"},
}
"""What may change besides what the rule is about: the audit log tells of it."""


class Rules(HouseRules):
    """One rule, of so many days."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def kept_for(self, kept: Kept) -> timedelta | None:
        return timedelta(days=KEPT_DAYS) if kept is self._kept else None


def retention(database: Database, directory: Path, kept: Kept) -> Retention:
    return Retention(
        store=StoredRetention(database),
        rules=Rules(kept),
        audit=StoredUsers(database),
        recordings=directory,
        clock=FakeClock(NOW),
        timezone=UTC,
    )


async def furnish(database: Database, directory: Path, many: int) -> None:
    """Of everything something old, something new, and what is old but not over."""
    await make(database, "he", phone("+8613912345678"))
    journal = JournalWriter(database, spill_directory=directory)
    await journal.start()
    for name, seconds in (("old", 0.0), ("new", (NEW - NOON).total_seconds())):
        events = whole_call(name, seconds, customer="he")
        journal.write(events=events, interactions=[folded(events)])
    begun = whole_call("open", 0, customer="he")[:3]
    journal.write(events=begun, interactions=[folded(begun)])
    await journal.stop()
    message = {"interaction_id": "old", "queue_id": "sales", "seconds": 1.0, "left_at": OLD, "notes": ""}
    imported = {"kind": "customers", "file_name": "x", "size_bytes": 1, "created_at": OLD, "created_by": "x"}
    imported |= {"dry_run": False, "form": b'{"format":"csv","codec":"utf-8","encoding":"utf-8"}', "header": ("a",)}
    notice = {"by": "super", "by_name": "S", "to": "all", "to_id": "", "text": "x"}
    alert: dict[str, object] = {
        "alert_id": "a",
        "kind": "waiting",
        "label_zh": "x",
        "label_en": "x",
        "subject_kind": "queue",
    }
    alert |= {"subject_label_zh": "x", "subject_label_en": "x", "threshold": 1, "on_board": True, "to_hooks": False}
    alert |= {"raised_at": OLD, "gone": False}
    changed = {"customer_id": "he", "by": "x", "entity": "customer", "entity_id": "he", "action": "changed"}
    async with database.writing() as connection:
        rows: dict[Table, list[dict[str, object]]] = {
            tables.messages: [
                {**message, "message_id": "m1", "file": "old.wav", "state": "done", "done_at": OLD},
                {**message, "message_id": "m2", "file": "new.wav", "state": "done", "done_at": NEW},
                {**message, "message_id": "m3", "file": "undone.wav", "state": "new", "done_at": None},
            ],
            privacy_tables.accesses: [
                {"at": at, "by": "x", "kind": "read", "detail": ""} for at in (*[OLD] * many, NEW)
            ],
            tables.audit: [
                {"at": at, "by": "x", "action": "a", "subject": "s", "detail": ""} for at in (*[OLD] * many, NEW)
            ],
            notice_tables.notices: [
                {**notice, "notice_id": "n1", "at": OLD},
                {**notice, "notice_id": "n2", "at": NEW},
            ],
            alert_tables.alerts: [
                {**alert, "subject": "1", "cleared_at": OLD},
                {**alert, "subject": "2", "cleared_at": NEW},
                {**alert, "subject": "3", "cleared_at": None},
            ],
            import_tables.imports: [
                {**imported, "import_id": "1", "number": 1, "state": "done", "ended_at": OLD, "has_file": False},
                {**imported, "import_id": "2", "number": 2, "state": "done", "ended_at": NEW, "has_file": False},
                {**imported, "import_id": "3", "number": 3, "state": "done", "ended_at": OLD, "has_file": True},
                {**imported, "import_id": "4", "number": 4, "state": "running", "ended_at": OLD, "has_file": False},
            ],
            crm_tables.customer_changes: [{**changed, "at": at, "fields": b"[]"} for at in (*[OLD] * many, NEW)],
        }
        for table, made in rows.items():
            await connection.execute(insert(table), made)
    for name in ("old.wav", "new.wav", "undone.wav"):
        (directory / name).write_bytes(b"x")


def sounds(directory: Path) -> set[str]:
    """The names of what was recorded."""
    return {path.name for path in directory.glob("*.wav")}


async def whole(database: Database) -> Mapping[str, list[str]]:
    """Every row of every table."""
    async with database.reading() as connection:
        return {
            name: sorted(map(str, (await connection.execute(table.select())).all()))
            for name, table in metadata.tables.items()
        }


DUE = {
    Kept.INTERACTIONS: 1,
    Kept.MESSAGES: 1,
    Kept.ACCESSES: MANY,
    Kept.AUDIT: MANY + 1,
    Kept.NOTICES: 1,
    Kept.ALERTS: 1,
    Kept.IMPORTS: 1,
    Kept.CUSTOMER_CHANGES: MANY + 1,
}
"""`furnish` makes a line of the audit log and of the history when it makes the customer."""


@pytest.mark.parametrize("kept", list(Kept))
async def test_each_rule_lets_go_of_its_own_table_alone(
    database: Database, tmp_path: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_retention, "PAUSE", timedelta(0))
    await furnish(database, tmp_path, MANY)
    before = await whole(database)
    runs = retention(database, tmp_path, kept)
    assert {one.kept: one.due for one in await runs.due() if one.due} == {kept: DUE[kept]}
    assert await whole(database) == before, "a dry count changes nothing"
    assert [(one.kept, one.due) for one in await runs.turn()] == [(kept, DUE[kept])]
    after = await whole(database)
    assert {name for name in after if after[name] != before[name]} <= GOES_WITH[kept]
    if kept is Kept.INTERACTIONS:
        assert len(after["interactions"]) == len(before["interactions"])
        assert len(after["events"]) == len(before["events"])
        records = StoredRecords(database)
        whose = {name: await records.interaction(InteractionId(name)) for name in ("old", "new", "open")}
        assert [(name, one is not None and one.customer_id) for name, one in whose.items()] == [
            ("old", None),
            ("new", "he"),
            ("open", "he"),
        ]
    else:
        gone = set(before[kept.value]) - set(after[kept.value])
        assert len(gone) == DUE[kept]
    assert sounds(tmp_path) == {
        *(() if kept is Kept.MESSAGES else ("old.wav",)),
        "new.wav",
        "undone.wav",
    }
    assert await runs.turn() == []


@pytest.mark.parametrize("kept", [Kept.INTERACTIONS, Kept.ACCESSES, Kept.AUDIT, Kept.CUSTOMER_CHANGES, Kept.NOTICES])
async def test_no_slice_reads_a_table_whole_or_sorts_it(database: Database, tmp_path: Path, kept: Kept) -> None:
    await furnish(database, tmp_path, 30)
    asked: list[tuple[str, object]] = []
    engine = database.engines[0]

    def note(_: object, __: object, statement: str, values: object, ___: object, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, values[0] if many else values))  # type: ignore[index]

    event.listen(engine, "before_cursor_execute", note)
    await StoredRetention(database).drop(kept, before=NOW - timedelta(days=KEPT_DAYS), limit=20)
    # The second slice begins where the first one ended.
    await StoredRetention(database).drop(kept, before=NOW - timedelta(days=KEPT_DAYS), limit=20)
    event.remove(engine, "before_cursor_execute", note)
    assert asked
    async with database.reading() as connection:
        for statement, values in asked:
            plan = await connection.run_sync(_plan, database.is_sqlite, statement, values)
            # Sorting those of one moment by their keys is nothing; the history is read from its beginning.
            bad = r"Seq Scan|TEMP B-TREE (?!FOR RIGHT PART)|SCAN (?!\w+ USING|customer_changes)|(?<!Incremental) Sort  "
            assert not re.search(bad, plan), (statement, plan)


def _plan(connection: Connection, is_sqlite: bool, statement: str, values: object) -> str:
    """How the database would do it; PostgreSQL, were the tables large."""
    if is_sqlite:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()  # type: ignore[arg-type]
        return "\n".join(str(row[3]) for row in rows)
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    connection.execute(text("SET LOCAL enable_sort = off"))
    connection.execute(text("SET LOCAL enable_bitmapscan = off"))
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", values).all()  # type: ignore[arg-type]
    return "\n".join(str(row[0]) for row in rows)
