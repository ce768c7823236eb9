"""The journal keeps order and loses nothing, whatever becomes of the database, the disk and the process."""

import asyncio
import errno
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from callcenter.domain.events import NodeEntered
from callcenter.domain.ids import InteractionId
from callcenter.store.database import Database
from callcenter.store.errors import JournalStopped, SpillFailed, SpillInUse
from callcenter.store.journal import JournalLimits, JournalWriter
from callcenter.store.records import StoredRecords
from callcenter.store.schema import upgrade_database
from tests.adapters.postgres import PostgresServer
from tests.adapters.store_calls import NOON, folded, node, whole_call

SOON = timedelta(seconds=120)
QUICK = JournalLimits(attempt=timedelta(seconds=0.3), retry_most=timedelta(seconds=0.2))


@pytest.fixture
def spill_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spill")


@asynccontextmanager
async def writing(database: Database, directory: Path, limits: JournalLimits = QUICK) -> AsyncIterator[JournalWriter]:
    journal = JournalWriter(database, spill_directory=directory, limits=limits)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


@asynccontextmanager
async def unwritable(url: str) -> AsyncIterator[None]:
    """While this lasts, nobody gets an event into the database: somebody else holds the lock."""
    if url.startswith("sqlite"):
        file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        try:
            file.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            file.close()
    else:
        async with await psycopg.AsyncConnection.connect(url) as server:
            await server.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            yield
            await server.rollback()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON.total_seconds()):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a file or a server.
            await asyncio.sleep(0.01)


async def settled(journal: JournalWriter) -> None:
    """All of it is in the database, also what a slow machine sent through the spill."""
    assert await journal.flushed(SOON)
    await until(lambda: journal.state().spilled_batches == 0)


async def stored_numbers(database: Database) -> list[int]:
    events = await StoredRecords(database).events_since(NOON)
    return [int(event.node) for event in events if isinstance(event, NodeEntered)]


async def test_order_is_kept_and_many_writes_share_a_transaction(database: Database, spill_directory: Path) -> None:
    async with writing(database, spill_directory) as journal:
        for number in range(3000):
            journal.write(events=[node(number)])
            if number % 700 == 0:
                assert await journal.flushed(SOON)
        await settled(journal)
        assert await stored_numbers(database) == list(range(3000))
        assert journal.state().stored_batches < 30
        assert journal.state().pending_rows == 0


async def test_flushed_says_when_the_time_ran_out(database: Database, spill_directory: Path) -> None:
    journal = JournalWriter(database, spill_directory=spill_directory)
    assert await journal.flushed(timedelta(seconds=0.01))
    journal.write(events=[node(1)])
    assert not await journal.flushed(timedelta(seconds=0.01))  # Nobody has started it.
    await journal.start()
    assert await journal.flushed(SOON)
    assert await journal.stop()


async def test_after_the_stop_nothing_is_taken_and_before_it_everything(
    database: Database, spill_directory: Path
) -> None:
    journal = JournalWriter(database, spill_directory=spill_directory)
    await journal.start()
    for number in range(1200):
        journal.write(events=[node(number)])
    assert await journal.stop()
    async with writing(database, spill_directory):
        assert await stored_numbers(database) == list(range(1200))
    with pytest.raises(JournalStopped):
        journal.write(events=[node(1)])


async def test_a_locked_database_delays_and_loses_nothing(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    async with writing(database, spill_directory) as journal:
        journal.write(events=[node(0)])
        assert await journal.flushed(SOON)
        async with unwritable(database_url):
            for number in range(1, 40):
                journal.write(events=[node(number)])
                if number % 10 == 0:
                    assert await journal.flushed(SOON)  # On the disk, since the database does not answer.
            assert await journal.flushed(SOON)
            assert journal.state().spilled_batches > 1
            assert journal.state().database_away
        journal.write(events=[node(40)])
        await settled(journal)
        journal.write(events=[node(41)])
        await settled(journal)
        assert not journal.state().database_away
    assert await stored_numbers(database) == list(range(42))
    assert (spill_directory / "journal.spill").stat().st_size == 0


async def test_a_stopped_server_delays_and_loses_nothing(
    postgres_server: PostgresServer, postgres_url: str, spill_directory: Path
) -> None:
    database = Database(postgres_url)
    await upgrade_database(database)
    async with writing(database, spill_directory) as journal:
        for first in (0, 30):
            journal.write(events=[node(first)])
            assert await journal.flushed(SOON)
            await asyncio.to_thread(postgres_server.stop)
            try:
                for number in range(first + 1, first + 30):
                    journal.write(events=[node(number)])
                    if number % 7 == 0:
                        assert await journal.flushed(SOON)
                assert await journal.flushed(SOON)
                assert journal.state().spilled_batches > 1
            finally:
                postgres_server.start()  # Not from a thread: the server would die with it.
            await settled(journal)
    assert await stored_numbers(database) == list(range(60))
    await database.dispose()


async def test_what_an_earlier_run_left_comes_first(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    async with unwritable(database_url), writing(database, spill_directory) as journal:
        for number in range(5):
            journal.write(events=[node(number)])
            assert await journal.flushed(SOON)
    assert await stored_numbers(database) == []
    async with writing(database, spill_directory) as journal:
        assert await stored_numbers(database) == list(range(5))  # Before `start` returned.
        journal.write(events=[node(5)])
        await settled(journal)
    assert await stored_numbers(database) == list(range(6))


async def test_a_start_without_the_database_works_on_and_catches_up(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    quick = replace(QUICK, drain_attempt=timedelta(seconds=0.3))
    async with unwritable(database_url):
        async with writing(database, spill_directory) as journal:
            journal.write(events=[node(0)])
            journal.write(events=[node(1)])
        second = JournalWriter(database, spill_directory=spill_directory, limits=quick)
        await second.start()
        second.write(events=[node(2)])
        assert await second.flushed(SOON)
        assert second.state().spilled_batches >= 2
    await settled(second)
    assert await second.stop()
    assert await stored_numbers(database) == [0, 1, 2]


async def test_a_batch_whose_fate_was_unknown_is_stored_once(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    async with unwritable(database_url), writing(database, spill_directory) as journal:
        for number in range(6):
            journal.write(events=[node(number)])
            assert await journal.flushed(SOON)
    spill = spill_directory / "journal.spill"
    left = spill.read_bytes()
    for _ in range(2):
        spill.write_bytes(left)  # As if the process had died after the commit and before it emptied the file.
        async with writing(database, spill_directory):
            pass
        assert await stored_numbers(database) == list(range(6))


async def test_a_stop_in_a_hurry_leaves_the_rest_on_the_disk(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    patient = JournalLimits(attempt=timedelta(seconds=60), batch_rows=2)
    journal = JournalWriter(database, spill_directory=spill_directory, limits=patient)
    await journal.start()
    async with unwritable(database_url):
        for number in range(9):
            journal.write(events=[node(number)])
        assert await journal.stop(timedelta(seconds=0.2))
    async with writing(database, spill_directory):
        assert await stored_numbers(database) == list(range(9))


async def test_what_the_database_refuses_is_put_aside_and_stops_nobody(
    database: Database, spill_directory: Path
) -> None:
    sound, poisoned = folded(whole_call("1.1")), replace(folded(whole_call("1.2")), hangup_cause=2**63 + 5)
    formless = replace(folded(whole_call("1.3")), hangup_cause=2**70)
    async with writing(database, spill_directory) as journal:
        journal.write(events=[node(0)], interactions=[sound])
        journal.write(events=[node(1)], interactions=[poisoned])
        journal.write(events=[node(2)], interactions=[formless])
        journal.write(events=[node(3)])
        await settled(journal)
        assert await stored_numbers(database) == [0, 3]
        assert await StoredRecords(database).interaction(InteractionId("1.1")) is not None
        assert await StoredRecords(database).interaction(InteractionId("1.2")) is None
        assert journal.state().rejected_entries == 2
    kept = (spill_directory / "journal.rejected").read_text()
    assert kept.count("\n") == 2
    assert str(2**63 + 5) in kept
    assert str(2**70) in kept


async def test_what_no_file_can_hold_is_put_aside_while_the_database_is_away(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    formless = replace(folded(whole_call("1.3")), hangup_cause=2**70)
    async with writing(database, spill_directory) as journal:
        async with unwritable(database_url):
            journal.write(events=[node(0)])
            journal.write(interactions=[formless])
            journal.write(events=[node(1)])
            assert await journal.flushed(SOON)
        await settled(journal)
        assert journal.state().rejected_entries == 1
    assert await stored_numbers(database) == [0, 1]
    assert str(2**70) in (spill_directory / "journal.rejected").read_text()


async def test_database_and_disk_gone_together_keep_what_memory_holds(
    database: Database, database_url: str, spill_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int, _data: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with writing(database, spill_directory, replace(QUICK, pending_rows=10)) as journal:
        async with unwritable(database_url):
            with monkeypatch.context() as disk:
                disk.setattr(os, "pwrite", full)
                for number in range(13):
                    journal.write(events=[node(number)])
                assert not await journal.flushed(timedelta(seconds=1))
                assert journal.state().lost_rows == 3
                assert journal.state().pending_rows == 10
            assert await journal.flushed(SOON)  # There is room on the disk again.
            assert journal.state().pending_rows == 0
        await settled(journal)
    assert await stored_numbers(database) == list(range(10))


async def test_a_damaged_spill_does_not_keep_the_server_from_starting(
    database: Database, database_url: str, spill_directory: Path
) -> None:
    async with unwritable(database_url), writing(database, spill_directory) as journal:
        for number in range(3):
            journal.write(events=[node(number)])
            assert await journal.flushed(SOON)
    spill = spill_directory / "journal.spill"
    lines = spill.read_bytes().splitlines(keepends=True)
    spill.write_bytes(lines[0] + lines[1][:50] + b"?" + lines[1][51:] + lines[2][:-20])
    async with writing(database, spill_directory):
        assert await stored_numbers(database) == [0]
    assert (spill_directory / "journal.damaged").read_bytes().count(b"\n") == 1


async def test_two_writers_do_not_share_a_spill(database: Database, spill_directory: Path) -> None:
    async with writing(database, spill_directory):
        with pytest.raises(SpillInUse):
            await JournalWriter(database, spill_directory=spill_directory).start()


async def test_the_spill_stands_beside_a_file_and_must_be_named_for_a_server(tmp_path: Path) -> None:
    beside = Database(f"sqlite:///{tmp_path / 'callcenter.db'}")
    await upgrade_database(beside)
    journal = JournalWriter(beside)
    await journal.start()
    await journal.stop()
    await beside.dispose()
    assert (tmp_path / "callcenter.db.journal.spill").exists()
    with pytest.raises(SpillFailed, match="name a local directory"):
        JournalWriter(Database("postgresql://user@host/callcenter"))


@pytest.mark.parametrize("locked_after_acknowledgements", [None, 10], ids=["database", "spill"])
async def test_what_was_acknowledged_survives_a_kill(
    database: Database, database_url: str, spill_directory: Path, locked_after_acknowledgements: int | None
) -> None:
    first = 0
    for acknowledgements in (1, 25, 40):
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.adapters.journal_program",
            database_url,
            str(spill_directory),
            str(first),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            acknowledged = await read_numbers(program, acknowledgements, database_url, locked_after_acknowledgements)
        finally:
            program.send_signal(signal.SIGKILL)
            rest, _ = await asyncio.wait_for(program.communicate(), SOON.total_seconds())
        acknowledged = max([acknowledged, *(int(line) for line in rest.split(b"\n")[:-1])])
        async with writing(database, spill_directory):
            found = await stored_numbers(database)
        assert found == list(range(len(found)))
        assert len(found) > acknowledged
        first = len(found)


async def read_numbers(
    program: asyncio.subprocess.Process, count: int, database_url: str, locked_after: int | None
) -> int:
    """The last of `count` acknowledged numbers; some of them given while the database took nothing."""
    assert program.stdout is not None
    stream = program.stdout

    async def read(lines: int) -> int:
        number = -1
        for _ in range(lines):
            number = int(await asyncio.wait_for(stream.readline(), SOON.total_seconds()))
        return number

    if locked_after is None or count <= locked_after:
        return await read(count)
    await read(locked_after)
    async with unwritable(database_url):
        return await read(count - locked_after)
