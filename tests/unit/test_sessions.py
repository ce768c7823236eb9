import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.lockout import LockedOut, LockOut
from callcenter.app.ports import User
from callcenter.app.sessions import PASSWORDS, Sessions, WrongCredentials, hash_password, hash_token
from callcenter.domain.errors import Overloaded
from callcenter.domain.ids import AgentId, UserId
from tests.fakes import QUICK_PASSWORDS, FakeClock, FakeUsers

PASSWORD = "right and long enough"
HASH = QUICK_PASSWORDS.hash(PASSWORD)
ADDRESS = "192.0.2.7"


def make_user(name: str = "1001") -> User:
    return User(
        user_id=UserId(f"user-{name}"),
        name=name,
        display_name="Li Na",
        role="agent",
        agent_id=AgentId(name),
        language="zh",
        password_hash=HASH,
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def users() -> FakeUsers:
    return FakeUsers([make_user("1001"), make_user("1002")])


@pytest.fixture
def sessions(clock: FakeClock, users: FakeUsers) -> Iterator[Sessions]:
    numbers = itertools.count(1)
    made = Sessions(users=users, clock=clock, new_token=lambda: f"token-{next(numbers)}", passwords=QUICK_PASSWORDS)
    yield made
    made.close()


async def test_only_the_hash_of_the_token_is_kept(sessions: Sessions, users: FakeUsers) -> None:
    new = await sessions.sign_in("1001", PASSWORD, ADDRESS)
    assert list(users.sessions) == [hash_token(new.token)]
    assert new.token not in repr(users.sessions)


async def test_a_token_finds_its_user(sessions: Sessions) -> None:
    new = await sessions.sign_in("1001", PASSWORD, ADDRESS)
    found = await sessions.find(new.token)
    assert found is not None
    assert found.user.name == "1001"
    assert await sessions.find("another token") is None


@pytest.mark.parametrize("name", ["1001", "nobody here"])
async def test_a_wrong_password_and_an_unknown_name_are_refused_alike(sessions: Sessions, name: str) -> None:
    with pytest.raises(WrongCredentials) as refused:
        await sessions.sign_in(name, "wrong", ADDRESS)
    assert str(refused.value) == "the name or the password is wrong"


async def test_a_session_ends_after_thirty_minutes_without_use(sessions: Sessions, clock: FakeClock) -> None:
    token = (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token
    for _ in range(4):
        clock.advance(timedelta(minutes=29))
        assert await sessions.find(token) is not None
    clock.advance(timedelta(minutes=30))
    assert await sessions.find(token) is None


async def test_a_session_in_use_ends_after_twelve_hours(sessions: Sessions, clock: FakeClock, users: FakeUsers) -> None:
    token = (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token
    for _ in range(12 * 3 - 1):
        clock.advance(timedelta(minutes=20))
        assert await sessions.find(token) is not None
    clock.advance(timedelta(minutes=20))
    assert await sessions.find(token) is None
    assert users.sessions == {}


async def test_use_is_remembered_over_a_restart(users: FakeUsers, clock: FakeClock) -> None:
    first = Sessions(users=users, clock=clock, new_token=lambda: "token", passwords=QUICK_PASSWORDS)
    await first.sign_in("1001", PASSWORD, ADDRESS)
    clock.advance(timedelta(minutes=25))
    assert await first.find("token") is not None
    first.close()
    clock.advance(timedelta(minutes=25))
    second = Sessions(users=users, clock=clock, new_token=lambda: "other", passwords=QUICK_PASSWORDS)
    assert await second.find("token") is not None
    second.close()


async def test_signing_out_tells_the_listeners_and_ends_the_token(sessions: Sessions) -> None:
    new = await sessions.sign_in("1001", PASSWORD, ADDRESS)
    told: list[str] = []
    sessions.when_ended(new.signed_in.token_hash, lambda: told.append("feed"))
    taken_off = sessions.when_ended(new.signed_in.token_hash, lambda: told.append("gone feed"))
    taken_off()
    await sessions.sign_out(new.signed_in)
    assert told == ["feed"]
    assert await sessions.find(new.token) is None


async def test_a_session_ended_elsewhere_is_noticed_within_seconds(
    sessions: Sessions, users: FakeUsers, clock: FakeClock
) -> None:
    token = (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token
    users.sessions.clear()
    clock.advance(timedelta(seconds=5))
    assert await sessions.find(token) is None


async def test_a_user_who_was_taken_away_is_out(sessions: Sessions, users: FakeUsers, clock: FakeClock) -> None:
    token = (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token
    users.users.clear()
    clock.advance(timedelta(seconds=5))
    assert await sessions.find(token) is None


async def test_those_signed_in_stay_so_while_the_store_is_away(
    sessions: Sessions, users: FakeUsers, clock: FakeClock
) -> None:
    token = (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token
    users.away = Overloaded("the database is gone")
    clock.advance(timedelta(minutes=5))
    assert await sessions.find(token) is not None


async def test_a_session_ended_while_the_store_is_away_stays_ended(sessions: Sessions, users: FakeUsers) -> None:
    new = await sessions.sign_in("1001", PASSWORD, ADDRESS)
    users.away = Overloaded("the database is gone")
    with pytest.raises(Overloaded):
        await sessions.sign_out(new.signed_in)
    users.away = None
    assert new.signed_in.token_hash in users.sessions
    assert await sessions.find(new.token) is None


async def test_a_store_that_is_away_locks_nobody_out(sessions: Sessions, users: FakeUsers) -> None:
    users.away = Overloaded("the database is gone")
    for _ in range(12):
        with pytest.raises(Overloaded):
            await sessions.sign_in("1001", PASSWORD, ADDRESS)
    users.away = None
    assert (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token


@pytest.mark.parametrize("name", ["1001", "nobody here"])
async def test_ten_failures_lock_the_name_out_even_with_the_right_password(
    sessions: Sessions, clock: FakeClock, name: str
) -> None:
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await sessions.sign_in(name, "wrong", ADDRESS)
    with pytest.raises(LockedOut) as refused:
        await sessions.sign_in(name, PASSWORD, "198.51.100.1")
    assert refused.value.retry_after == timedelta(minutes=15)
    assert (await sessions.sign_in("1002", PASSWORD, ADDRESS)).token


async def test_a_lock_ends_by_itself(sessions: Sessions, clock: FakeClock) -> None:
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await sessions.sign_in("1001", "wrong", ADDRESS)
    clock.advance(timedelta(minutes=15))
    assert (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token


async def test_many_attempts_at_once_do_not_slip_through(sessions: Sessions) -> None:
    results = await asyncio.gather(
        *(sessions.sign_in("1001", f"guess {number}", ADDRESS) for number in range(30)), return_exceptions=True
    )
    assert sum(isinstance(result, WrongCredentials) for result in results) == 10
    assert sum(isinstance(result, LockedOut) for result in results) == 20


async def test_a_success_starts_the_count_anew(sessions: Sessions) -> None:
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongCredentials):
                await sessions.sign_in("1001", "wrong", ADDRESS)
        await sessions.sign_in("1001", PASSWORD, ADDRESS)


async def test_the_audit_log_never_holds_what_was_typed_as_an_unknown_name(
    sessions: Sessions, users: FakeUsers
) -> None:
    with pytest.raises(WrongCredentials):
        await sessions.sign_in("my secret password", "x", ADDRESS)
    assert [(by, action) for _, by, action, _, _ in users.audit_log] == [("", "sign_in_failed")]


async def test_an_unreadable_hash_is_a_wrong_password(users: FakeUsers, sessions: Sessions) -> None:
    broken = User(
        user_id=UserId("broken"),
        name="broken",
        display_name="",
        role="agent",
        agent_id=None,
        language="en",
        password_hash="not a hash",
    )
    users.users[broken.user_id] = broken
    with pytest.raises(WrongCredentials):
        await sessions.sign_in("broken", PASSWORD, ADDRESS)


def test_failures_from_one_address_lock_that_address_out(clock: FakeClock) -> None:
    lock_out = LockOut(failures_per_address=20)
    for number in range(20):
        lock_out.begin(f"name {number}", ADDRESS, clock.now())
    with pytest.raises(LockedOut):
        lock_out.begin("another name", ADDRESS, clock.now())
    lock_out.begin("another name", "192.0.2.8", clock.now())


def test_an_ipv6_customer_is_one_address(clock: FakeClock) -> None:
    lock_out = LockOut(failures_per_address=5)
    for number in range(5):
        lock_out.begin(f"name {number}", f"2001:db8:1:1::{number}", clock.now())
    with pytest.raises(LockedOut):
        lock_out.begin("another name", "2001:db8:1:1:ffff::1", clock.now())
    lock_out.begin("another name", "2001:db8:1:2::1", clock.now())


def test_memory_of_failures_is_bounded(clock: FakeClock) -> None:
    lock_out = LockOut(remembered_keys=10, failures_per_name=1, failures_per_address=1_000)
    for number in range(100):
        lock_out.begin(f"name {number}", ADDRESS, clock.now())
    assert not lock_out.is_locked("name 0", "192.0.2.9", clock.now())
    assert lock_out.is_locked("name 99", "192.0.2.9", clock.now())


def test_a_kept_hash_is_argon2id_and_proves_its_password_alone() -> None:
    kept = hash_password(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert PASSWORDS.verify(PASSWORD, kept)
    assert not PASSWORDS.verify(PASSWORD + " ", kept)


async def test_who_is_shut_out_can_neither_sign_in_nor_go_on(
    sessions: Sessions, users: FakeUsers, clock: FakeClock
) -> None:
    token = (await sessions.sign_in("1001", PASSWORD, ADDRESS)).token
    user = users.users[UserId("user-1001")]
    users.users[user.user_id] = replace(user, disabled=True)
    clock.advance(timedelta(seconds=6))
    assert await sessions.find(token) is None
    with pytest.raises(WrongCredentials):
        await sessions.sign_in("1001", PASSWORD, ADDRESS)
    users.users[user.user_id] = user
    await sessions.sign_in("1001", PASSWORD, ADDRESS)
