"""Sends what is in the web hooks' outbox: a task of its own, so that no call ever waits for somebody else's server.

Laws: at most one delivery at a time goes to a hook and at most `MOST_AT_ONCE` in all; whatever is not surely delivered
is tried again, so a receiver may get it twice, under one id. First tries go in the order of the facts; one that failed
is overtaken by what comes after it.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
import structlog

from callcenter.app.hooks import (
    Attempt,
    DeliveryState,
    DueDelivery,
    HookOutbox,
    next_try,
    signature,
)
from callcenter.app.number_mask import mask_document
from callcenter.app.ports import Clock
from callcenter.domain.errors import CallcenterError

log = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 8
TIME_LIMIT: Final = timedelta(seconds=3)
LOOK_EVERY: Final = timedelta(seconds=1)
FORGET_EVERY: Final = timedelta(minutes=10)
KEPT: Final = timedelta(days=14)
MOST_KEPT: Final = 20_000
"""So many deliveries of each hook are kept, those that wait included."""
COOL_FIRST: Final = timedelta(seconds=1)
COOL_MOST: Final = timedelta(minutes=5)
GONE: Final = 410


class HookSender(Protocol):
    """Posts to an address outside; `CallcenterError` or `TimeoutError` when it cannot."""

    async def post(self, url: str, body: bytes, headers: dict[str, str], limit: timedelta) -> int:
        """The status of the answer."""
        ...


class HookDelivery:
    """One task runs it."""

    def __init__(
        self,
        *,
        outbox: HookOutbox,
        sender: HookSender,
        clock: Clock,
        chance: Callable[[], float],
        sees_numbers: Callable[[], bool] = lambda: True,
        headers_of: Callable[[str], Mapping[str, str]] = lambda _: {},
    ) -> None:
        """`chance` gives numbers of [0, 1) that spread the retries; `headers_of` a hook's own headers, by its id."""
        self._sees_numbers = sees_numbers
        self._headers_of = headers_of
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._cool_until: dict[str, datetime] = {}
        self._forget_at: datetime | None = None

    async def run(self) -> None:
        """Deliver until cancelled; a store that is away is asked again later."""
        try:
            while True:
                try:
                    started = await self._start_due()
                    await self._forget()
                except CallcenterError as error:
                    log.warning("hooks_not_read", error=error.code)
                    started = False
                await self._pause(started)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _pause(self, started: bool) -> None:
        """Until something is done, where more may be due; else until the next look."""
        if self._busy and (started or len(self._busy) >= MOST_AT_ONCE):
            await asyncio.wait(
                self._busy.values(), timeout=LOOK_EVERY.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def _start_due(self) -> bool:
        now = self._clock.now()
        self._cool_until = {hook_id: until for hook_id, until in self._cool_until.items() if until > now}
        room = MOST_AT_ONCE - len(self._busy)
        if room <= 0:
            return False
        # Somebody who has mended the receiver and orders a try wants to see it now.
        due = await self._outbox.due(now=now, limit=room, but=sorted(self._busy), cool=sorted(self._cool_until))
        for one in due:
            hook_id = one.delivery.hook_id
            task = asyncio.create_task(self._deliver(one), name=f"hook {hook_id}")
            self._busy[hook_id] = task
            task.add_done_callback(lambda _, done=hook_id: self._busy.pop(done, None))  # type: ignore[misc]
        return bool(due)

    async def _deliver(self, due: DueDelivery) -> None:
        """One try, noted; a defect here costs a try, never the task."""
        delivery = due.delivery
        try:
            attempt = await self._try(due)
            tries = delivery.tries + 1
            if attempt.succeeded:
                self._failures.pop(delivery.hook_id, None)
                self._cool_until.pop(delivery.hook_id, None)
                await self._outbox.tried(delivery, attempt, state=DeliveryState.DELIVERED, next_try_at=None)
                return
            self._cool(delivery.hook_id, attempt.at)
            again = next_try(tries, attempt.at, self._chance())
            state = DeliveryState.GIVEN_UP if again is None else DeliveryState.PENDING
            await self._outbox.tried(delivery, attempt, state=state, next_try_at=again)
            if attempt.status == GONE:
                await self._stop(due, "the receiver answers that it is gone for good (410)", at_once=True)
            elif again is None:
                told = attempt.error or f"it answers {attempt.status}"
                await self._stop(due, f"nothing was taken for a day; the last time: {told}", at_once=False)
        except CallcenterError as error:
            log.warning("hook_try_not_noted", hook_id=delivery.hook_id, error=error.code)
            self._cool(delivery.hook_id, self._clock.now())
        except Exception:
            log.exception("hook_defect", hook_id=delivery.hook_id)
            self._cool(delivery.hook_id, self._clock.now())

    async def _stop(self, due: DueDelivery, reason: str, *, at_once: bool) -> None:
        now = self._clock.now()
        if await self._outbox.pause_failing(due.delivery, reason, at=now, at_once=at_once):
            log.error("hook_paused", hook_id=due.delivery.hook_id, reason=reason)
            # Nothing is sent to it now; whoever resumes it wants to see that something is.
            self._failures.pop(due.delivery.hook_id, None)
            self._cool_until.pop(due.delivery.hook_id, None)

    def _cool(self, hook_id: str, at: datetime) -> None:
        """Whoever fails is left alone for a while, longer each time: a backlog must not become a flood."""
        failures = self._failures[hook_id] = self._failures.get(hook_id, 0) + 1
        self._cool_until[hook_id] = at + min(COOL_MOST, COOL_FIRST * 2 ** min(failures - 1, 20))

    async def _try(self, due: DueDelivery) -> Attempt:
        delivery = due.delivery
        data: dict[str, object] = msgspec.json.decode(due.data, type=dict[str, object])
        if due.personal:
            personal = await self._outbox.personal_data(data)
            data |= personal if self._sees_numbers() else _without_numbers(personal)
        body = msgspec.json.encode(
            {"type": delivery.event, "timestamp": delivery.at, "sequence": delivery.number, "data": data}
        )
        at = self._clock.now()
        headers = {
            **self._headers_of(delivery.hook_id),
            "webhook-id": delivery.delivery_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature(due.secret, delivery.delivery_id, at, body),
        }
        begun = asyncio.get_running_loop().time()
        status, error = None, None
        try:
            status = await self._sender.post(due.url, body, headers, TIME_LIMIT)
        except TimeoutError:
            error = f"no answer within {TIME_LIMIT.total_seconds():g} s"
        except CallcenterError as refused:
            error = str(refused)
        spent = round((asyncio.get_running_loop().time() - begun) * 1_000)
        return Attempt(at=self._clock.now(), milliseconds=spent, status=status, error=error)

    async def _forget(self) -> None:
        now = self._clock.now()
        if self._forget_at is not None and now < self._forget_at:
            return
        dropped = await self._outbox.forget(before=now - KEPT, keep=MOST_KEPT)
        self._forget_at = now + FORGET_EVERY
        if dropped:
            log.info("hook_log_shortened", rows=dropped)


def _without_numbers(personal: Mapping[str, object]) -> dict[str, object]:
    return msgspec.json.decode(mask_document(msgspec.json.encode(personal)), type=dict[str, object])
