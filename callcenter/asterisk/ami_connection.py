"""One connection to Asterisk's manager interface, from the first byte to the last.

Law: an action's future ends exactly once: by its answer, its time limit, its cancelling or the end of all.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from callcenter.asterisk.ami_codec import MESSAGE_MAX_BYTES, AmiEvent, AmiParser, AmiResponse, encode_action
from callcenter.asterisk.errors import (
    AmiActionFailed,
    AmiBusy,
    AmiDisconnected,
    AmiError,
    AmiFieldError,
    AmiInboxOverflow,
    AmiProtocolError,
    AmiTimeout,
)

_log = structlog.get_logger(__name__)

_ABANDONED_LISTS_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiConfig:
    """Where to connect and how long to wait; ping interval + timeout is how soon a dead link is noticed."""

    host: str = "127.0.0.1"
    port: int = 5038
    username: str
    secret: str = field(repr=False)
    connect_timeout: timedelta = timedelta(seconds=3)
    login_timeout: timedelta = timedelta(seconds=5)
    boot_timeout: timedelta = timedelta(seconds=60)
    ping_interval: timedelta = timedelta(seconds=3)
    ping_timeout: timedelta = timedelta(seconds=3)
    reconnect_first: timedelta = timedelta(milliseconds=200)
    reconnect_max: timedelta = timedelta(seconds=10)
    authentication_retry: timedelta = timedelta(seconds=5)
    max_pending_actions: int = 2000
    max_unsent_bytes: int = 1 << 20
    max_list_events: int = 50_000
    message_max_bytes: int = MESSAGE_MAX_BYTES


@dataclass(slots=True)
class _Pending:
    """An action that waits for its answer; `items` collects those of a list, None for a single answer."""

    action: str
    future: asyncio.Future[AmiResponse]
    timer: asyncio.TimerHandle
    items: list[AmiEvent] | None
    response: AmiResponse | None = None


class AmiConnection(asyncio.Protocol):
    """Matches answers to actions and hands events on; `lost` gets the reason when the connection is over."""

    def __init__(
        self,
        config: AmiConfig,
        login_action_id: str,
        on_event: Callable[[AmiEvent], None],
        on_booted: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._config = config
        self._login_action_id = login_action_id
        self._on_event = on_event
        self._on_booted = on_booted
        self._parser = AmiParser(message_max_bytes=config.message_max_bytes)
        self._pending: dict[str, _Pending] = {}
        # Items of a list that nobody waits for any more must not look like news.
        self._abandoned_lists: OrderedDict[str, None] = OrderedDict()
        self._ending: AmiError | None = None
        self._booted = False
        self._boot_timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.received_at = self._loop.time()
        self.login: asyncio.Future[AmiResponse] = self._loop.create_future()
        self.lost: asyncio.Future[AmiError] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  What create_connection gives, for mypy.
        self.transport = transport

    def send(self, data: Mapping[str, str], as_list: bool | None = None) -> asyncio.Future[AmiResponse]:
        """The verb that Manager uses, for its login and nothing else here."""
        fields = {name: value for name, value in data.items() if name != "Action"}
        try:
            encoded = encode_action(data["Action"], self._login_action_id, fields)
        except AmiFieldError as error:
            self.login = failed_action(error)
        else:
            self.login = self.request(data["Action"], self._login_action_id, encoded, self._config.login_timeout, None)
        return self.login

    def request(
        self, action: str, action_id: str, encoded: bytes, timeout: timedelta, items: list[AmiEvent] | None
    ) -> asyncio.Future[AmiResponse]:
        """Send one encoded action; its future ends by answer, time limit, end of connection or cancelling."""
        if self._ending is not None or self.transport is None:
            return failed_action(AmiDisconnected(f"the AMI action {action} was not sent: the connection went"))
        if action_id in self._pending:
            raise AmiFieldError(f"the ActionID {action_id!r} already waits for an answer; take another")
        unsent = self.transport.get_write_buffer_size() + len(encoded)
        if len(self._pending) >= self._config.max_pending_actions or unsent > self._config.max_unsent_bytes:
            return failed_action(
                AmiBusy(f"the AMI action {action} was not sent: {len(self._pending)} wait, {unsent} bytes unsent")
            )
        future: asyncio.Future[AmiResponse] = self._loop.create_future()
        timer = self._loop.call_later(timeout.total_seconds(), self._time_out, action_id, timeout)
        self._pending[action_id] = _Pending(action, future, timer, items)
        future.add_done_callback(lambda _: self._forget(action_id))
        self.transport.write(encoded)
        return future

    def _time_out(self, action_id: str, timeout: timedelta) -> None:
        pending = self._pending[action_id]
        if not pending.future.done():
            pending.future.set_exception(AmiTimeout(f"no answer to the AMI action {pending.action} in {timeout}"))

    def _forget(self, action_id: str) -> None:
        pending = self._pending.pop(action_id)
        pending.timer.cancel()
        if not pending.future.cancelled() and pending.future.exception() is None:
            return
        if pending.items is not None:
            self._abandoned_lists[action_id] = None
            if len(self._abandoned_lists) > _ABANDONED_LISTS_MAX:
                self._abandoned_lists.popitem(last=False)

    def expect_boot(self) -> None:
        """Logged in: from here `FullyBooted` must come in time."""
        if not self._booted:
            limit = self._config.boot_timeout
            error = AmiProtocolError(
                f"logged in, but no event FullyBooted within {limit}: Asterisk still starts, or the "
                "AMI user lacks read=system in manager.conf"
            )
            self._boot_timer = self._loop.call_later(limit.total_seconds(), self.end, error)

    def data_received(self, data: bytes) -> None:
        self.received_at = self._loop.time()
        if self._ending is not None:
            return
        self._parser.receive(data)
        try:
            while self._ending is None and (message := self._parser.next_message()) is not None:
                self._take(message)
        except AmiProtocolError as error:
            self.end(error)

    def _take(self, message: AmiEvent | AmiResponse) -> None:
        pending = self._pending.get(message.action_id)
        if isinstance(message, AmiResponse):
            if pending is not None:
                self._take_response(pending, message)
        elif pending is not None and pending.items is not None:
            self._take_item(pending, pending.items, message)
        elif message.action_id in self._abandoned_lists:
            if message.ends_list:
                del self._abandoned_lists[message.action_id]
        else:
            self._take_event(message)

    def _take_response(self, pending: _Pending, response: AmiResponse) -> None:
        if pending.future.done():
            return
        if not response.success:
            pending.items = None
            pending.future.set_exception(AmiActionFailed(pending.action, response.message))
        elif pending.items is None:
            pending.future.set_result(response)
        else:
            pending.response = response

    def _take_item(self, pending: _Pending, items: list[AmiEvent], item: AmiEvent) -> None:
        if pending.future.done():
            return
        items.append(item)
        if item.ends_list and pending.response is not None:
            pending.future.set_result(pending.response)
        elif len(items) > self._config.max_list_events:
            error = AmiBusy(f"the list of {pending.action} passed {self._config.max_list_events} items")
            pending.future.set_exception(error)

    def _take_event(self, event: AmiEvent) -> None:
        try:
            self._on_event(event)
            # Asterisk says so once, right after the login or when it has started.
            if event.name == "FullyBooted" and not self._booted and self.login.done():
                self._booted = True
                if self._boot_timer is not None:
                    self._boot_timer.cancel()
                self._on_booted()
        except (asyncio.QueueFull, AmiInboxOverflow):
            self.end(AmiInboxOverflow(f"the reader of AMI events is too slow, stopped at the event {event.name}"))
        except Exception:
            _log.exception("ami_event_handler_failed", ami_event=event.name)

    def end(self, error: AmiError) -> None:
        """Drop the connection for this reason; nothing more is taken from it."""
        if self._ending is None:
            self._ending = error
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """The verb that Manager uses."""
        self.end(AmiDisconnected("the AMI client has closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ending is None:
            self._ending = AmiDisconnected(f"Asterisk closed the AMI connection{f': {exc}' if exc else ''}")
        if self._boot_timer is not None:
            self._boot_timer.cancel()
        for pending in list(self._pending.values()):
            if not pending.future.done():
                pending.future.set_exception(
                    AmiDisconnected(
                        f"the AMI connection went before {pending.action} was answered, "
                        f"it may have been done: {self._ending}"
                    )
                )
        if not self.lost.done():
            self.lost.set_result(self._ending)


def failed_action(error: AmiError) -> asyncio.Future[AmiResponse]:
    future: asyncio.Future[AmiResponse] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    # Whoever sent and forgot shall not find "exception was never retrieved" in the log.
    future.exception()
    return future
