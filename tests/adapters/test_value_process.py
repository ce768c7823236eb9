"""The process that works out what customers are worth comes after calls: priority, threads, length of transactions."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from callcenter.app.values import RunState
from callcenter.crm.value_rules import ValueRules
from callcenter.store.database import Database
from callcenter.store.value_rows import Row, read_piece, write
from callcenter.store.values import StoredValues
from callcenter.valuing import NICE, ONE_THREAD, ValuingProcess, run_values
from tests.adapters.test_store_values import TODAY, a_crowd, ask, values

WITHIN_SECONDS = 60.0


def children() -> list[int]:
    return [int(one) for path in Path("/proc/self/task").glob("*/children") for one in path.read_text().split()]


def environment_of(number: int) -> set[bytes]:
    return set(Path(f"/proc/{number}/environ").read_bytes().split(b"\0"))


async def the_process(before: set[int]) -> int:
    """As soon as it has made itself nice."""
    wanted = min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        for one in set(children()) - before:
            if os.getpriority(os.PRIO_PROCESS, one) == wanted:
                return one
        await asyncio.sleep(0.02)
    raise AssertionError("no process of a lower priority was begun")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_process_comes_after_calls_and_takes_one_core(database: Database, database_url: str) -> None:
    await a_crowd(database)
    run_id = await ask(database)
    before = set(children())
    worker = ValuingProcess(database_url=database_url, timezone="UTC")
    # Somebody writes, so that it has to wait and can be looked at.
    async with database.writing() as connection:
        await connection.execute(text("UPDATE value_runs SET part = 0"))
        work = asyncio.create_task(worker.run())
        number = await the_process(before)
        assert {f"{name}={value}".encode() for name, value in ONE_THREAD.items()} <= environment_of(number)
    await asyncio.wait_for(work, WITHIN_SECONDS)
    run = await StoredValues(database).run(run_id)
    assert run is not None
    assert (run.state, run.customers) == (RunState.DONE, 60)


async def test_no_transaction_grows_with_what_was_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_crowd(database)
    together: list[tuple[int, int]] = []

    def counted(connection: Connection, rows: Sequence[Row], moves: Sequence[Row]) -> None:
        together.append((len(rows), len({move[0] for move in moves} - {row[0] for row in rows})))
        write(connection, rows, moves)

    monkeypatch.setattr("callcenter.valuing.write", counted)
    await ask(database)
    run = await run_values(database, today=TODAY, rows_a_write=7, rows_a_piece=1_000)
    assert run is not None
    assert run.state is RunState.DONE
    assert [rows for rows, _ in together] == [7, 7, 7, 7, 7, 7, 7, 7, 4]
    # And a customer's moves come with his row.
    assert {others for _, others in together} == {0}
    assert len(await values(database)) == 60


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_purchases_are_read_out_of_one_index(database: Database) -> None:
    await a_crowd(database)

    def look(connection: Connection) -> list[str]:
        said: list[tuple[str, tuple[object, ...]]] = []

        def listen(_: Connection, __: object, statement: str, parameters: tuple[object, ...], *___: object) -> None:
            said.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", listen)
        read_piece(connection, "crowd-030", as_of=TODAY, currency="CNY", rules=ValueRules())
        statement, parameters = said[-1]
        return [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    (step,) = await database.look(look)
    assert "COVERING INDEX ix_orders_customer_id_purchases (customer_id>?)" in step
