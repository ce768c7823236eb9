"""Every step of the schema is gone down and up with a whole person in the store: what it does not speak of stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from callcenter.store import schema
from callcenter.store.database import Database
from tests.adapters.test_privacy import furnish, house
from tests.adapters.test_store_schema import differences

Rows = Mapping[str, tuple[Sequence[str], Sequence[Mapping[str, object]]]]
OF_THE_PROGRAM = frozenset({"alembic_version", "meta", "bookmarks", "journal_writers"})


def rows(connection: Connection) -> Rows:
    """Each table that is there now: its columns and what is in them."""
    found: dict[str, tuple[Sequence[str], Sequence[Mapping[str, object]]]] = {}
    for name in inspect(connection).get_table_names():
        result = connection.exec_driver_sql(f'SELECT * FROM "{name}"')  # noqa: S608
        found[name] = (tuple(result.keys()), [dict(row) for row in result.mappings().all()])
    return found


def changed(before: Rows, after: Rows) -> set[str]:
    """Tables that are in both and say something else in the columns that are in both."""
    found = set()
    for name in before.keys() & after.keys() - OF_THE_PROGRAM:
        both = sorted(set(before[name][0]) & set(after[name][0]))
        one, other = (sorted(str([row[key] for key in both]) for row in rows[name][1]) for rows in (before, after))
        if one != other:
            found.add(name)
    return found


async def now(database: Database) -> Rows:
    async with database.reading() as connection:
        return await connection.run_sync(rows)


async def test_what_a_step_does_not_speak_of_stays_down_and_up(database: Database, tmp_path: Path) -> None:
    await furnish(house(database, tmp_path))
    script = ScriptDirectory.from_config(schema.alembic_config(None))
    steps = [one.revision for one in script.walk_revisions()]
    whole = await now(database)
    assert len(whole["customers"][1]) == 3
    assert len(whole["events"][1]) > 90
    lowest = whole
    for step in steps[1:]:
        await schema.downgrade(database, revision=step)
        lowest = await now(database)
        assert changed(whole, lowest) == set(), f"down to {step}"
    assert {"customers", "contact_points", "interactions", "events", "cases", "users"} <= lowest.keys()
    for step in reversed(steps[:-1]):
        await schema.upgrade_database(database, revision=step)
        assert changed(lowest, await now(database)) == set(), f"up to {step}"
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
