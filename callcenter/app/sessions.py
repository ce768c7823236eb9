"""Signing in and out: who is behind a request, proved once by a password and then by an opaque token.

Laws: only the hash of a token is kept; a session ends after 30 minutes without use and after 12 hours at most; ten
failures lock the name out for a while, known or not; a session that was ended here stays ended, even when the store
could not be told.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher

from callcenter.app.lockout import LockOut
from callcenter.app.ports import Clock, SessionRecord, User, Users
from callcenter.domain.errors import CallcenterError, Overloaded

log = structlog.get_logger(__name__)

IDLE_LIMIT = timedelta(minutes=30)
AGE_LIMIT = timedelta(hours=12)
TRUST_MEMORY_FOR = timedelta(seconds=5)
"""So long a session or a user that was changed elsewhere (by the command line) may go unnoticed."""
TOUCH_EVERY = timedelta(minutes=1)
VERIFIERS = 2
VERIFICATIONS_WAITING = 64
REMEMBERED_SESSIONS = 10_000

PASSWORDS = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
"""Argon2id with the least that OWASP's Password Storage Cheat Sheet asks: calls share these processors."""


class WrongCredentials(CallcenterError):
    """No such name, or not this password; which of them is not said."""

    code = "wrong_credentials"


class NotSignedIn(CallcenterError):
    """The request carries no session, or one that has ended."""

    code = "not_signed_in"


def hash_password(password: str) -> str:
    """The Argon2id hash to keep of a password; takes tens of milliseconds of one core."""
    return PASSWORDS.hash(password)


def hash_token(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A living session and its user."""

    user: User
    token_hash: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What signing in gives; the token is told this once."""

    token: str
    signed_in: SignedIn


@dataclass(slots=True)
class _Known:
    record: SessionRecord
    user: User
    read_at: datetime
    touched_at: datetime


class Sessions:
    """Sign in, recognise, sign out."""

    def __init__(
        self,
        *,
        users: Users,
        clock: Clock,
        new_token: Callable[[], str],
        lock_out: LockOut | None = None,
        passwords: PasswordHash = PASSWORDS,
    ) -> None:
        """`new_token` must give at least 128 bits of chance, in characters that a header takes."""
        self._users = users
        self._clock = clock
        self._new_token = new_token
        self._lock_out = lock_out or LockOut()
        self._passwords = passwords
        self._executor = ThreadPoolExecutor(max_workers=VERIFIERS, thread_name_prefix="password")
        self._verifying = 0
        # Unknown names cost the same time as known ones.
        self._hash_of_nobody = passwords.hash("nobody")
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    async def sign_in(self, name: str, password: str, address: str) -> NewSession:
        """A new session; raises `WrongCredentials`, `LockedOut`, or `Overloaded` when too many sign in at once."""
        now = self._clock.now()
        if self._verifying >= VERIFICATIONS_WAITING:
            raise Overloaded("too many people are signing in at this moment; try again in some seconds")
        attempt = self._lock_out.begin(name, address, now)
        try:
            user = await self._users.by_name(name)
        except CallcenterError:
            # The store is away, which is not the caller's fault.
            self._lock_out.withdraw(attempt)
            raise
        proved = await self._check(password, self._hash_of_nobody if user is None else user.password_hash)
        now = self._clock.now()
        if user is None or not proved or user.disabled:
            action = "locked_out" if self._lock_out.is_locked(name, address, now) else "sign_in_failed"
            # An unknown name is not kept: people type their password there.
            await self._users.audit(at=now, by="" if user is None else user.name, action=action, subject=address)
            raise WrongCredentials("the name or the password is wrong")
        self._lock_out.succeeded(attempt)
        token = self._new_token()
        record = SessionRecord(
            token_hash=hash_token(token),
            user_id=user.user_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + AGE_LIMIT,
        )
        await self._users.add_session(record)
        await self._users.audit(at=now, by=user.name, action="signed_in", subject=address)
        self._remember(record, user, now)
        return NewSession(token=token, signed_in=_signed_in(record, user))

    async def find(self, token: str) -> SignedIn | None:
        """Whose token this is, and note that he is there; None when the session is unknown or over."""
        return await self.find_by_hash(hash_token(token))

    async def find_by_hash(self, token_hash: str) -> SignedIn | None:
        """As `find`, for those who keep the hash alone."""
        if token_hash in self._ended:
            return None
        now = self._clock.now()
        known = await self._look_up(token_hash, now)
        # While the store was asked, the session may have been ended.
        if known is None or token_hash in self._ended:
            return None
        if now >= known.record.expires_at or now - known.record.last_seen_at >= IDLE_LIMIT:
            await self._end(known.record.token_hash)
            return None
        await self._touch(known, now)
        return _signed_in(known.record, known.user)

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End this session; its live feeds are told at once."""
        await self._end(signed_in.token_hash)
        await self._users.audit(at=self._clock.now(), by=signed_in.user.name, action="signed_out", subject="")

    async def revoke(self, token_hash: str) -> None:
        """End a session whoever's it is."""
        await self._end(token_hash)

    def when_ended(self, token_hash: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when the session is ended here; gives back what takes the listener off again."""
        self._listeners.setdefault(token_hash, []).append(listener)

        def take_off() -> None:
            listeners = self._listeners.get(token_hash, [])
            if listener in listeners:
                listeners.remove(listener)
            if not listeners:
                self._listeners.pop(token_hash, None)

        return take_off

    def close(self) -> None:
        """End the threads that verify passwords."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _check(self, password: str, password_hash: str) -> bool:
        self._verifying += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._verify, password, password_hash)
        finally:
            self._verifying -= 1

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._passwords.verify(password, password_hash)
        except PwdlibError:
            return False

    async def _look_up(self, token_hash: str, now: datetime) -> _Known | None:
        known = self._known.get(token_hash)
        if known is not None and timedelta() <= now - known.read_at < TRUST_MEMORY_FOR:
            return known
        try:
            record = await self._users.session(token_hash)
            user = None if record is None else await self._users.by_id(record.user_id)
        except CallcenterError as error:
            # Agents go on working while the store is away.
            if known is None:
                raise
            log.warning("session_from_memory", error=error.code)
            return known
        if record is None or user is None or user.disabled:
            self._known.pop(token_hash, None)
            return None
        if known is not None:
            record = replace(record, last_seen_at=max(record.last_seen_at, known.record.last_seen_at))
            known.record, known.user, known.read_at = record, user, now
            return known
        return self._remember(record, user, now)

    def _remember(self, record: SessionRecord, user: User, now: datetime) -> _Known:
        known = _Known(record=record, user=user, read_at=now, touched_at=record.last_seen_at)
        self._known[record.token_hash] = known
        while len(self._known) > REMEMBERED_SESSIONS:
            self._known.popitem(last=False)
        return known

    async def _touch(self, known: _Known, now: datetime) -> None:
        known.record = replace(known.record, last_seen_at=now)
        if now - known.touched_at < TOUCH_EVERY:
            return
        known.touched_at = now
        try:
            await self._users.touch_session(known.record.token_hash, now)
        except CallcenterError as error:
            log.warning("session_not_touched", error=error.code)

    async def _end(self, token_hash: str) -> None:
        self._ended[token_hash] = None
        while len(self._ended) > REMEMBERED_SESSIONS:
            self._ended.popitem(last=False)
        self._known.pop(token_hash, None)
        for listener in tuple(self._listeners.get(token_hash, ())):
            listener()
        await self._users.end_session(token_hash)


def _signed_in(record: SessionRecord, user: User) -> SignedIn:
    return SignedIn(user=user, token_hash=record.token_hash, expires_at=record.expires_at)
