"""Web hooks: who wants to be told of what, the deliveries, and when a failed one is tried again.

Law: a delivery keeps its id however often it is sent, so that whoever receives it twice can know it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from callcenter.domain.errors import InvalidValue
from callcenter.domain.hooks import HookEvent

MOST_HOOKS: Final = 50
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  What secrets begin with is none.
SECRET_BYTES: Final = 32
LONGEST_URL: Final = 2_000
RETRIES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 14_400, 14_400, 14_400)
)
"""After each failed try, so long until the next: some 24 h in all; then it is given up."""
JITTER: Final = 0.2
"""Each wait is longer or shorter by up to this share, so that what failed together does not come back together."""

_URL: Final = re.compile(r"https?://(?P<host>[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?([/?][^\s#]*)?")


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookInput:
    """What an administrator fills in; `personal`: payloads say names and numbers too."""

    url: str
    events: tuple[HookEvent, ...]
    description: str = ""
    personal: bool = False
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A subscription, without its secret. A paused one collects and sends nothing until it is resumed."""

    hook_id: str
    url: str
    events: tuple[HookEvent, ...]
    description: str
    personal: bool
    active: bool
    created_at: datetime
    created_by: str
    paused_at: datetime | None
    paused_reason: str | None
    version: int
    pending: int = 0
    """How many deliveries wait to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One fact for one hook: a line of the log. `number` grows with the order in which facts were stored."""

    number: int
    delivery_id: str
    hook_id: str
    event: str
    at: datetime
    state: DeliveryState
    tries: int
    next_try_at: datetime | None
    first_try_at: datetime | None
    last_try_at: datetime | None
    last_status: int | None
    last_error: str | None
    last_milliseconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """What is to be sent now, and where; `data` is JSON."""

    delivery: Delivery
    data: bytes
    url: str
    secret: str
    personal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one try went; `status` None: there was no answer, and `error` says why not."""

    at: datetime
    milliseconds: int
    status: int | None
    error: str | None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


class HookBook(Protocol):
    """Hooks and their deliveries."""

    async def hooks(self) -> tuple[Hook, ...]:
        """All hooks, the oldest first."""
        ...

    async def hook(self, hook_id: str) -> Hook | None:
        """One hook."""
        ...

    async def add(self, hook_id: str, data: HookInput, *, secret: str, at: datetime, by: str) -> Hook:
        """Make a hook; `Conflict` when there are too many."""
        ...

    async def change(self, hook_id: str, data: HookInput, *, at: datetime, by: str, expected_version: int) -> Hook:
        """Change a hook; `NotFound`, `Outdated`. One that is switched off drops what waits for it."""
        ...

    async def renew_secret(
        self, hook_id: str, secret: str, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Hook:
        """Sign with another secret from now on; `NotFound`."""
        ...

    async def resume(self, hook_id: str, *, at: datetime, by: str, expected_version: int | None = None) -> Hook:
        """Send to a paused hook again, at once; `NotFound`."""
        ...

    async def remove(self, hook_id: str, *, at: datetime, by: str, expected_version: int | None = None) -> None:
        """Remove a hook with its log; `NotFound`."""
        ...

    async def deliveries(
        self, hook_id: str, *, limit: int, before: int | None, state: DeliveryState | None
    ) -> tuple[Delivery, ...]:
        """The log of a hook, the newest first; `NotFound`."""
        ...

    async def send_test(self, hook_id: str, *, at: datetime, by: str) -> Delivery:
        """Put a delivery without a fact into the outbox; `NotFound`, `Conflict` for one that sends nothing now."""
        ...

    async def redeliver(self, hook_id: str, delivery_id: str, *, at: datetime, by: str) -> Delivery:
        """Send one again under its id, with all tries anew; `NotFound`."""
        ...


class HookOutbox(Protocol):
    """What the task that delivers needs of the store."""

    async def due(
        self, *, now: datetime, limit: int, but: Sequence[str], cool: Sequence[str] = ()
    ) -> tuple[DueDelivery, ...]:
        """The oldest that is due of each hook, but of these hooks; of `cool` ones only what a person ordered."""
        ...

    async def tried(
        self, delivery: Delivery, attempt: Attempt, *, state: DeliveryState, next_try_at: datetime | None
    ) -> None:
        """Note a try."""
        ...

    async def pause_failing(self, delivery: Delivery, reason: str, *, at: datetime, at_once: bool) -> bool:
        """Pause the hook unless something was delivered since this delivery's first try; whether it was paused."""
        ...

    async def personal_data(self, data: Mapping[str, object]) -> Mapping[str, object]:
        """Names and numbers of the customer and the interaction that `data` names, as they are now."""
        ...

    async def forget(self, *, before: datetime, keep: int) -> int:
        """Drop what is older and settled, and all but the newest `keep` of each hook; returns how many rows."""
        ...


def check_hook(data: HookInput) -> None:
    """Raise `InvalidValue` for an address nothing can be sent to, or no events."""
    if len(data.url) > LONGEST_URL or not _URL.fullmatch(data.url):
        raise InvalidValue(
            "url must be an http or https address without a name and a password, such as https://crm.example.org/hook",
            code="invalid_url",
        )
    if not data.events:
        known = ", ".join(HookEvent)
        raise InvalidValue(f"events must name at least one of {known}", code="no_events")


def new_secret(random_bytes: bytes) -> str:
    """A secret as Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(random_bytes).decode("ascii")


def signature(secret: str, delivery_id: str, at: datetime, body: bytes) -> str:
    """The value of `webhook-signature` (Standard Webhooks, v1): HMAC-SHA256 over id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{delivery_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def next_try(tries: int, at: datetime, chance: float) -> datetime | None:
    """When to try again after `tries` tries, the last at `at`; `chance` is in [0, 1). None: it is given up."""
    if tries > len(RETRIES):
        return None
    return at + RETRIES[tries - 1] * (1 - JITTER + 2 * JITTER * chance)
