"""Counts failed sign-ins per name and per address, and says when it was enough.

Law: an attempt counts as failed from its begin until it has succeeded, so that many at once do not slip through.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from callcenter.domain.errors import CallcenterError

FAILURES_PER_NAME = 10
FAILURES_PER_ADDRESS = 100
"""Ten names' worth: a whole call centre may sit behind one address."""
LOCK_TIME = timedelta(minutes=15)
REMEMBERED_KEYS = 20_000


class LockedOut(CallcenterError):
    """Too many failures; `retry_after` is how long it lasts still."""

    code = "locked_out"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in under way."""

    name_key: str
    address_key: str


@dataclass(slots=True)
class _Count:
    failures: int
    last_at: datetime


class LockOut:
    """Failures of the last quarter of an hour; memory is bounded, the longest untouched are forgotten first."""

    def __init__(
        self,
        *,
        failures_per_name: int = FAILURES_PER_NAME,
        failures_per_address: int = FAILURES_PER_ADDRESS,
        lock_time: timedelta = LOCK_TIME,
        remembered_keys: int = REMEMBERED_KEYS,
    ) -> None:
        self._limits = (failures_per_name, failures_per_address)
        self._lock_time = lock_time
        self._remembered_keys = remembered_keys
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def begin(self, name: str, address: str, now: datetime) -> Attempt:
        """Count an attempt; raises `LockedOut`, uncounted, when there were too many before."""
        attempt = Attempt(name_key=f"name:{name.casefold()}", address_key=f"address:{_network(address)}")
        remaining = self._remaining(attempt, now)
        if remaining > timedelta():
            raise LockedOut(
                f"too many failed attempts to sign in; try again in {int(remaining.total_seconds()) + 1} s",
                retry_after=remaining,
            )
        for key in (attempt.name_key, attempt.address_key):
            count = self._counts.get(key)
            if count is None or now - count.last_at >= self._lock_time:
                count = self._counts[key] = _Count(failures=0, last_at=now)
            count.failures += 1
            count.last_at = now
            self._counts.move_to_end(key)
        while len(self._counts) > self._remembered_keys:
            self._counts.popitem(last=False)
        return attempt

    def succeeded(self, attempt: Attempt) -> None:
        """The password was right: the name starts anew, and so does the address he came from."""
        self._counts.pop(attempt.name_key, None)
        self._counts.pop(attempt.address_key, None)

    def withdraw(self, attempt: Attempt) -> None:
        """The attempt could not be judged: it counts as none."""
        for key in (attempt.name_key, attempt.address_key):
            count = self._counts.get(key)
            if count is not None and count.failures > 0:
                count.failures -= 1

    def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """Whether the next attempt would be refused."""
        attempt = Attempt(name_key=f"name:{name.casefold()}", address_key=f"address:{_network(address)}")
        return self._remaining(attempt, now) > timedelta()

    def _remaining(self, attempt: Attempt, now: datetime) -> timedelta:
        remaining = timedelta()
        for key, limit in zip((attempt.name_key, attempt.address_key), self._limits, strict=True):
            count = self._counts.get(key)
            if count is not None and count.failures >= limit:
                remaining = max(remaining, count.last_at + self._lock_time - now)
        return remaining


def _network(address: str) -> str:
    """The address, or for IPv6 the /64 it is in: one customer of a provider owns all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
