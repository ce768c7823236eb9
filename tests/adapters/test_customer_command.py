"""`callcenter customer`: numbers and PINs at the command line; no PIN is repeated, whatever comes of it."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from callcenter.__main__ import app
from callcenter.clock import SystemClock
from callcenter.store.accounts import StoredAccounts
from callcenter.store.database import Database
from callcenter.store.schema import upgrade_database
from tests.adapters.store_crm import make

PIN, OTHER = "38640291", "90217355"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with Anna in it, which the command line's settings name."""
    path = tmp_path / "callcenter.db"
    monkeypatch.setenv("CALLCENTER_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("CALLCENTER_SERVER_DATA_DIRECTORY", str(tmp_path))

    async def furnish() -> None:
        database = Database(f"sqlite:///{path}")
        await upgrade_database(database)
        await make(database, "Anna", customer_id="anna")
        await database.dispose()

    asyncio.run(furnish())
    return path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["customer", *arguments, "--by", "boss"], input=typed)


async def proves(path: Path, number: str, pin: str) -> bool:
    database = Database(f"sqlite:///{path}")
    accounts = StoredAccounts(database, clock=SystemClock())
    try:
        return await accounts.by_number_and_pin(number, pin) is not None
    finally:
        accounts.close()
        await database.dispose()


def test_a_number_gets_a_pin_loses_it_and_is_unlocked(place: Path) -> None:
    given = run("number", "anna", "10023")
    assert (given.exit_code, "10023" in given.output) == (0, True)
    assert run("number", "anna").exit_code == 0
    for pin in (PIN, OTHER):
        done = run("pin", "10023", "--stdin", typed=f"{pin}\n")
        assert (done.exit_code, pin in done.output) == (0, False), done.output
    assert asyncio.run(proves(place, "10023", OTHER))
    assert not asyncio.run(proves(place, "10023", PIN))
    assert run("unlock", "10023").exit_code == 0
    assert run("pin", "10023", "--remove").exit_code == 0
    assert not asyncio.run(proves(place, "10023", OTHER))
    with sqlite3.connect(place) as connection:
        audit = connection.execute('SELECT "by", action, detail FROM audit ORDER BY audit_id').fetchall()
    connection.close()
    told = [action for by, action, _ in audit if by == "boss"]
    assert told == [
        "customer_number_given",
        "customer_number_given",
        "pin_set",
        "pin_changed",
        "pin_unlocked",
        "pin_removed",
    ]
    assert PIN not in str(audit)


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("pin", "10023", "--stdin"), "1234\n", "easily guessed"),
        (("pin", "10023", "--stdin"), "38a4\n", "4 to 8 digits"),
        (("pin", "10023", "--stdin"), "", "4 to 8 digits"),
        (("pin", "99999", "--stdin"), f"{PIN}\n", "nobody has the customer number 99999"),
        (("unlock", "99999"), "", "nobody has the customer number 99999"),
        (("number", "nobody"), "", "no customer nobody"),
        (("number", "anna", "12"), "", "4 to 12 digits"),
        (("number", "anna", "10023"), "", "belongs to a customer already"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(place: Path, arguments: tuple[str, ...], typed: str, said: str) -> None:
    assert run("number", "anna", "10023").exit_code == 0
    refused = run(*arguments, typed=typed)
    assert refused.exit_code == 2, refused.output
    lines = [line for line in refused.output.splitlines() if line.strip()]
    assert len(lines) == 1
    assert said in lines[0]
    assert not typed.strip() or typed.strip() not in refused.output
