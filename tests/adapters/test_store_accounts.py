"""Customer numbers and PINs on both databases: who proves who he is, who is locked, and what nobody may read."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pwdlib import PasswordHash
from sqlalchemy import select, text

from callcenter.app.customer_numbers import CustomerNumbers
from callcenter.app.lookups import Accounts
from callcenter.domain.customers import CustomerNumber
from callcenter.domain.errors import Conflict, InvalidValue, NotFound, Overloaded
from callcenter.domain.ids import CustomerId, MergeId
from callcenter.store import accounts as store_accounts
from callcenter.store import tables
from callcenter.store.accounts import LOCK_TIME, TRIES, StoredAccounts
from callcenter.store.changes import read_changes
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_numbers import MOST_NUMBERS, StoredCustomerNumbers
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.errors import DatabaseUnreachable
from callcenter.store.sales_tables import customer_numbers
from tests.adapters.store_calls import NOON, at
from tests.adapters.store_crm import make, phone
from tests.fakes import QUICK_PASSWORDS, FakeClock

ANNA, BEA = CustomerId("anna"), CustomerId("bea")
PIN, WRONG = "3864", "9021"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def numbers(database: Database) -> StoredCustomerNumbers:
    return StoredCustomerNumbers(database, hash_pin=QUICK_PASSWORDS.hash)


@pytest.fixture
def accounts(database: Database, clock: FakeClock) -> Iterator[StoredAccounts]:
    made = StoredAccounts(database, clock=clock, pins=QUICK_PASSWORDS)
    yield made
    made.close()


@pytest.fixture
async def furnished(database: Database, numbers: StoredCustomerNumbers) -> Database:
    """Anna with number and PIN, Bea with a number alone."""
    await make(database, "Anna", phone("+8613800138642"), customer_id="anna")
    await make(database, "Bea", customer_id="bea")
    await numbers.give(ANNA, "10023", at=NOON, by="1001")
    await numbers.set_pin(ANNA, "10023", PIN, at=NOON, by="super")
    await numbers.give(BEA, "10057", at=NOON, by="1001")
    return database


async def proves(accounts: Accounts, number: str, pin: str) -> str | None:
    card = await accounts.by_number_and_pin(number, pin)
    return None if card is None else card.customer.customer_id


async def failures(database: Database, number: str = "10023") -> int:
    async with database.reading() as connection:
        query = select(customer_numbers.c.failures).where(customer_numbers.c.number == number)
        found: int = (await connection.execute(query)).scalar_one()
        return found


async def test_number_and_pin_together_say_who_calls(furnished: Database, accounts: StoredAccounts) -> None:
    assert await proves(accounts, "10023", PIN) == "anna"
    for number, pin in (("10023", WRONG), ("10023", ""), ("10057", PIN), ("99999", PIN), ("", ""), ("10023", PIN[:3])):
        assert await proves(accounts, number, pin) is None
    card = await accounts.by_number("10057")
    assert card is not None
    assert (card.customer.customer_id, card.numbers) == ("bea", (CustomerNumber(number="10057", has_pin=False),))
    assert await accounts.by_number("99999") is None
    (pop,) = await StoredCustomers(furnished).cards_by_contact_point("+8613800138642")
    assert pop.numbers == (CustomerNumber(number="10023", has_pin=True),)


class Counting:
    """PINs whose verifications are counted, with what they were verified against."""

    def __init__(self) -> None:
        self.against: list[str] = []

    def hash(self, pin: str) -> str:
        return QUICK_PASSWORDS.hash(pin)

    def verify(self, pin: str, known: str) -> bool:
        self.against.append(known)
        return QUICK_PASSWORDS.verify(pin, known)


async def test_whatever_is_wrong_one_verification_is_made(furnished: Database, clock: FakeClock) -> None:
    pins = Counting()
    accounts = StoredAccounts(furnished, clock=clock, pins=pins)  # type: ignore[arg-type]
    try:
        for _ in range(TRIES):
            await proves(accounts, "10023", WRONG)
        pins.against.clear()
        for number in ("10023", "10057", "99999"):
            assert await proves(accounts, number, PIN) is None
        # Locked, without a PIN, unknown: all three against the hash of nobody.
        assert len(pins.against) == 3
        assert len(set(pins.against)) == 1
    finally:
        accounts.close()


async def test_ten_wrong_pins_in_a_row_lock_a_number_for_half_an_hour(
    furnished: Database, accounts: StoredAccounts, clock: FakeClock
) -> None:
    for _ in range(TRIES - 1):
        assert await proves(accounts, "10023", WRONG) is None
    assert await proves(accounts, "10023", PIN) == "anna"
    assert await failures(furnished) == 0
    for _ in range(TRIES):
        assert await proves(accounts, "10023", WRONG) is None
    assert await proves(accounts, "10023", PIN) is None
    clock.advance(LOCK_TIME - timedelta(seconds=1))
    # Another server, or this one after a restart.
    other = StoredAccounts(furnished, clock=clock, pins=QUICK_PASSWORDS)
    try:
        assert await proves(other, "10023", PIN) is None
        async with furnished.reading() as connection:
            rows = (await connection.execute(tables.audit.select())).all()
        assert [(row.by, row.subject) for row in rows if row.action == "customer_number_locked"] == [("system", "anna")]
        clock.advance(timedelta(seconds=1))
        # What was tried while it was locked has not made the lock longer, and the count begins anew.
        assert await proves(other, "10023", WRONG) is None
        assert await failures(furnished) == 1
        assert await proves(other, "10023", PIN) == "anna"
    finally:
        other.close()


async def test_many_at_once_over_two_servers_get_ten_tries_together(
    furnished: Database, accounts: StoredAccounts, database_url: str, clock: FakeClock
) -> None:
    pins = [Counting(), Counting()]
    second = Database(database_url)
    servers = [
        StoredAccounts(base, clock=clock, pins=counting)  # type: ignore[arg-type]
        for base, counting in zip((furnished, second), pins, strict=True)
    ]
    try:
        tries = [proves(servers[turn % 2], "10023", WRONG) for turn in range(3 * TRIES)]
        assert set(await asyncio.gather(*tries)) == {None}
        assert await proves(accounts, "10023", PIN) is None
        nobody = {server._hash_of_nobody for server in servers}
        judged = [known for counting in pins for known in counting.against if known not in nobody]
        assert len(judged) == TRIES
    finally:
        for server in servers:
            server.close()
        await second.dispose()


async def test_a_supervisor_unlocks_and_a_new_pin_does_too(
    furnished: Database, accounts: StoredAccounts, numbers: StoredCustomerNumbers
) -> None:
    for ending in ("unlock", "new pin"):
        for _ in range(TRIES):
            await proves(accounts, "10023", WRONG)
        (record,) = await numbers.numbers_of(ANNA)
        assert (record.failures, record.locked_until) == (TRIES, NOON + LOCK_TIME)
        if ending == "unlock":
            await numbers.unlock(ANNA, "10023", at=at(5), by="super")
        else:
            await numbers.set_pin(ANNA, "10023", PIN, at=at(5), by="super")
        (record,) = await numbers.numbers_of(ANNA)
        assert (record.failures, record.locked_until) == (0, None)
        assert await proves(accounts, "10023", PIN) == "anna"


async def test_a_database_that_is_away_is_no_wrong_pin(
    furnished: Database, accounts: StoredAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> object:
        raise DatabaseUnreachable("away")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "writing", away)
        with pytest.raises(DatabaseUnreachable):
            await accounts.by_number_and_pin("10023", PIN)
    assert await failures(furnished) == 0


async def test_too_many_at_once_are_refused_and_not_counted(
    furnished: Database, accounts: StoredAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_accounts, "VERIFICATIONS_WAITING", 2)
    outcomes = await asyncio.gather(
        *(accounts.by_number_and_pin("10023", PIN) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 3
    assert await failures(furnished) == 0


async def test_a_merged_customer_is_found_under_each_number_and_undoing_gives_it_back(
    furnished: Database, accounts: StoredAccounts, numbers: StoredCustomerNumbers
) -> None:
    await StoredMerging(furnished).merge(BEA, ANNA, merge_id=MergeId("m"), at=at(1), by="super")
    assert [record.number for record in await numbers.numbers_of(ANNA)] == ["10023", "10057"]
    assert await proves(accounts, "10023", PIN) == "bea"
    assert await numbers.owner_of("10057") == "bea"
    # What is done between the merge and its undoing stays with the number.
    await numbers.change(BEA, "10023", "20046", at=at(2), by="super")
    await numbers.give(BEA, "10099", at=at(3), by="1001")
    await StoredMerging(furnished).undo(MergeId("m"), at=at(4), by="super")
    assert await proves(accounts, "20046", PIN) == "anna"
    assert [record.number for record in await numbers.numbers_of(BEA)] == ["10057", "10099"]
    assert [record.number for record in await numbers.numbers_of(ANNA)] == ["20046"]


async def test_numbers_are_unique_and_bounded(furnished: Database, numbers: StoredCustomerNumbers) -> None:
    book: CustomerNumbers = numbers
    for attempt, error, code in (
        (book.give(BEA, "10023", at=NOON, by="x"), Conflict, "customer_number_taken"),
        (book.change(BEA, "10057", "10023", at=NOON, by="x"), Conflict, "customer_number_taken"),
        (book.give(BEA, "12a", at=NOON, by="x"), InvalidValue, "invalid_customer_number"),
        (book.change(BEA, "10057", "1", at=NOON, by="x"), InvalidValue, "invalid_customer_number"),
        (book.change(BEA, "10023", "55555", at=NOON, by="x"), NotFound, "unknown_customer_number"),
        (book.take_back(BEA, "10023", at=NOON, by="x"), NotFound, "unknown_customer_number"),
        (book.set_pin(BEA, "10023", PIN, at=NOON, by="x"), NotFound, "unknown_customer_number"),
        (book.unlock(BEA, "10023", at=NOON, by="x"), NotFound, "unknown_customer_number"),
        (book.give(CustomerId("nobody"), None, at=NOON, by="x"), NotFound, "unknown_customer"),
        (book.set_pin(ANNA, "10023", "1234", at=NOON, by="x"), InvalidValue, "weak_pin"),
        (book.set_pin(ANNA, "10023", "8642", at=NOON, by="x"), InvalidValue, "weak_pin"),
    ):
        with pytest.raises(error) as caught:
            await attempt
        assert caught.value.code == code
    made = {(await book.give(BEA, None, at=NOON, by="x")).number for _ in range(MOST_NUMBERS - 1)}
    assert len(made) == MOST_NUMBERS - 1
    with pytest.raises(Conflict) as full:
        await book.give(BEA, None, at=NOON, by="x")
    assert full.value.code == "too_many_customer_numbers"
    given = await asyncio.gather(*(book.give(ANNA, "77321", at=NOON, by="x") for _ in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in given) == ["Conflict"] * 3 + ["NumberRecord"]
    await book.take_back(ANNA, "77321", at=NOON, by="x")
    assert await book.owner_of("77321") is None


async def test_history_and_audit_tell_of_numbers_and_never_of_pins(
    furnished: Database, accounts: StoredAccounts, numbers: StoredCustomerNumbers
) -> None:
    await numbers.set_pin(ANNA, "10023", "735190", at=at(1), by="super")
    await numbers.change(ANNA, "10023", "20046", at=at(2), by="super")
    assert await proves(accounts, "20046", "735190") == "anna"
    await numbers.set_pin(ANNA, "20046", None, at=at(3), by="super")
    assert await proves(accounts, "20046", "735190") is None
    await numbers.take_back(ANNA, "20046", at=at(4), by="super")
    changes = await furnished.look(lambda look: read_changes(look, ANNA, limit=99, before=None))
    told = [
        (change.action, [(field.before, field.after) for field in change.fields])
        for change in reversed(changes)
        if change.entity == "customer_number"
    ]
    assert told == [
        ("customer_number_given", [(None, "10023")]),
        ("pin_set", []),
        ("pin_changed", []),
        ("customer_number_changed", [("10023", "20046")]),
        ("pin_removed", []),
        ("customer_number_taken_back", [("20046", None)]),
    ]
    async with furnished.reading() as connection:
        rows = (await connection.execute(tables.audit.select().order_by(tables.audit.c.audit_id))).all()
    audit = [row.action for row in rows if row.subject == ANNA and row.action in dict(told)]
    assert audit == [action for action, _ in told]
    if furnished.is_sqlite:
        # The PIN of six digits is nowhere in the file, nor in what goes with it.
        path = furnished.sqlite_path
        assert path is not None
        for file in path.parent.iterdir():
            content = file.read_bytes()
            assert b"735190" not in content, file.name
        assert b"20046" in path.read_bytes() + b"".join(file.read_bytes() for file in path.parent.iterdir())


async def test_pins_are_kept_as_argon2id(furnished: Database, numbers: StoredCustomerNumbers) -> None:
    strict = StoredCustomerNumbers(furnished)
    await strict.set_pin(ANNA, "10023", PIN, at=NOON, by="super")
    async with furnished.reading() as connection:
        query = text("SELECT pin_hash FROM customer_numbers WHERE number = '10023'")
        kept: str = (await connection.execute(query)).scalar_one()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PasswordHash.recommended().verify(PIN, kept)
    records = await numbers.numbers_of(ANNA)
    assert kept not in repr(replace(records[0], number="x"))
