"""The tables come from the migrations alone, agree with the models, and refuse what does not fit."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from callcenter.app.business_items import HoursEntry
from callcenter.domain.agents import AgentConfig, AgentState, NotReadyReason
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.interactions import Hold
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.store import schema
from callcenter.store.configuration import StoredConfiguration, put_hours, put_queue
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable, InvalidDatabaseUrl, SchemaBehind, SchemaTooNew
from callcenter.store.records import StoredRecords
from callcenter.store.tables import metadata


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_migrations_make_what_the_models_say(database: Database) -> None:
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(table_names) == {*metadata.tables, "alembic_version"}


async def test_the_comparison_sees_a_difference(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("DROP INDEX ix_events_at"))
        await connection.execute(text("ALTER TABLE users DROP COLUMN language"))
        assert len(await connection.run_sync(differences)) == 2


async def test_every_step_goes_down_and_up_again(empty_database: Database) -> None:
    await schema.upgrade_database(empty_database)
    assert await schema.current(empty_database) == schema.head()
    await schema.downgrade(empty_database, revision="base")
    assert await schema.current(empty_database) is None
    async with empty_database.reading() as connection:
        assert await connection.run_sync(table_names) == {"alembic_version"}
    await schema.upgrade_database(empty_database)
    async with empty_database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_what_was_stored_before_the_rules_of_routing_is_kept_up_and_down(empty_database: Database) -> None:
    await schema.upgrade_database(empty_database, revision="0002")
    async with empty_database.writing() as connection:
        for statement in STORED_BY_0002.strip().split(";\n"):
            await connection.execute(text(statement))
    await schema.upgrade_database(empty_database)
    configuration, records = StoredConfiguration(empty_database), StoredRecords(empty_database)
    need = SkillRequirement(skill=SkillId("zh"), minimum_level=3)
    queue = QueueConfig(queue_id=QueueId("sales"), label=Label(zh="销售", en="Sales"), required=(need,))
    for _ in range(2):
        assert await configuration.queues() == (queue,)
        assert await configuration.agents() == (
            AgentConfig(agent_id=AgentId("1001"), name="Anna", skills={SkillId("zh"): 9}),
        )
        assert await configuration.not_ready_reasons() == (NotReadyReason(code="tea"),)
        (status,) = await records.agent_statuses()
        assert (status.state, status.misses) == (AgentState.READY, 0)
        (call,) = await records.open_interactions()
        assert (call.placement, call.forecast, call.callback, call.callback_id, call.hold) == (*[None] * 4, Hold())
        async with empty_database.reading() as connection:
            assert (await connection.execute(text("SELECT agent_id FROM users"))).scalar_one() == "1001"
            assert (await connection.execute(text("SELECT count(*) FROM events"))).scalar_one() == 1
        # Down, with what only the newer version knows, and up again.
        await configuration.close_queue(QueueId("sales"), by="boss", at=call.started_at)
        office = HoursEntry(timezone="UTC")
        async with empty_database.writing() as connection:
            await put_hours(connection, "office", office)
            await put_queue(connection, replace(queue, ring_several=3), hours="office")
        await schema.downgrade(empty_database, revision="0002")
        await schema.upgrade_database(empty_database)


STORED_BY_0002 = """
INSERT INTO skills VALUES ('zh', '中文', 'Chinese');
INSERT INTO queues VALUES ('sales', '销售', 'Sales', 20, 30, 20, 180, 1, 30, 'default');
INSERT INTO queue_skills VALUES ('sales', 0, 'zh', 3);
INSERT INTO agents (agent_id, name, phone_kind, state, since)
 VALUES ('1001', 'Anna', 'sip', 'ready', '2026-01-01 09:00');
INSERT INTO agent_skills VALUES ('1001', 'zh', 9);
INSERT INTO reasons VALUES ('tea', 0, '茶', 'Tea');
INSERT INTO users VALUES ('u1', 'anna', 'Anna', 'agent', '1001', 'zh', 'x');
INSERT INTO interactions (interaction_id, media_type, started_at, stage, ani_raw, ani_withheld, dnis, caller_name,
 trunk, menu_path, language, priority, customer_ids, notes)
 VALUES ('1.1', 'voice', '2026-01-01 09:00', 'waiting', '1', false, '4000', '', '', '[]', 'zh', 0, '[]', '');
INSERT INTO events (at, name, interaction_id, data) VALUES ('2026-01-01 09:00', 'NodeEntered', '1.1', '{}')
"""


async def test_upgrading_again_changes_nothing(database: Database, database_url: str) -> None:
    await StoredRecords(database).set_bookmark("cel", "17")
    await schema.upgrade(database_url)
    await schema.check_schema(database)
    assert await StoredRecords(database).bookmark("cel") == "17"


async def test_two_servers_may_upgrade_at_once(database_url: str, empty_database: Database) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*(schema.upgrade(database_url) for _ in range(3)))
    await schema.check_schema(empty_database)


async def test_a_database_without_tables_is_named(empty_database: Database) -> None:
    with pytest.raises(SchemaBehind, match=r"have version none, this program needs 0\d+; run `callcenter db upgrade`"):
        await schema.check_schema(empty_database)


async def test_a_newer_schema_is_refused_by_check_and_upgrade(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match=r"version 9999, which this program does not know .* run the newer program"):
        await schema.check_schema(database)
    with pytest.raises(SchemaTooNew):
        await schema.upgrade_database(database)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "cannot be read; it looks like sqlite:///"),
        ("mysql://user@host/db", "starts with 'mysql'; possible"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://user:hidden@host", "names no database"),
    ],
)
def test_a_wrong_url_says_what_would_be_right(url: str, said: str) -> None:
    with pytest.raises(InvalidDatabaseUrl, match=said) as caught:
        Database(url)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_missing_directory_is_one_clear_line(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/away/callcenter.db")
    with pytest.raises(DatabaseUnreachable, match="unable to open database file; check that its directory exists") as e:
        await schema.upgrade_database(database)
    assert "\n" not in str(e.value)
    await database.dispose()


async def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "callcenter.db"
    path.write_text("this is a letter, and a long one at that" * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseUnreachable, match="file is not a database"):
        await database.ping()
    await database.dispose()


async def test_an_absent_server_is_one_clear_line_without_the_password() -> None:
    database = Database("postgresql://someone:hidden@127.0.0.1:18299/callcenter")
    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1.*check that the server runs") as caught:
        await database.ping()
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)
    await database.dispose()


async def test_a_locked_file_is_given_up_in_time(tmp_path: Path) -> None:
    path = tmp_path / "callcenter.db"
    database = Database(f"sqlite:///{path}")
    await schema.upgrade_database(database)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseUnreachable, match=r"no answer within 0\.2 s"):
            async with database.writing(timedelta(seconds=0.2)):
                pass
        with pytest.raises(DatabaseUnreachable, match="database is locked"):
            async with database.writing():
                pass
        await database.ping()  # Readers go on.
        other.execute("ROLLBACK")
    other.close()
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM bookmarks"))
    await database.dispose()


async def test_sqlite_is_set_up_for_a_server(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/callcenter.db")
    async with database.reading() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    await database.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 1500}
