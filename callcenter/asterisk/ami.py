"""The client of Asterisk's manager interface (AMI): one connection, kept up for ever.

Law: an action is answered, or fails with the reason, exactly once; it is never sent a second time. Every event goes
to the owner in the order of arrival; when he is too slow the connection is dropped and made anew, so that he knows
that he must read the state afresh.

panoramisk's Manager connects and logs in. Its public hook `protocol_factory` puts our own protocol under it, which
does the rest on the codec of `ami_codec`; the reconnecting is `AmiClient.run`.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias

import structlog
from panoramisk import Manager

from callcenter.asterisk.ami_codec import (
    MESSAGE_MAX_BYTES,
    AmiEvent,
    AmiParser,
    AmiResponse,
    encode_action,
)
from callcenter.asterisk.errors import (
    AmiActionFailed,
    AmiAuthenticationError,
    AmiBusy,
    AmiConnectError,
    AmiDisconnected,
    AmiError,
    AmiFieldError,
    AmiInboxOverflow,
    AmiProtocolError,
    AmiSilent,
    AmiTimeout,
)

Fields: TypeAlias = Mapping[str, str | Sequence[str]]

_log = structlog.get_logger(__name__)

_CLOSE_TIMEOUT_SECONDS: Final = 1.0
_OVERFLOW_RETRY_SECONDS: Final = 0.05
_ABANDONED_LISTS_MAX: Final = 1000


class AmiPhase(StrEnum):
    """Where the connection stands; only in READY are actions taken."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    LOGGING_IN = "logging_in"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiState:
    """`connection` counts the attempts; `error` says why the last one ended, until the next is READY."""

    phase: AmiPhase
    connection: int
    error: AmiError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiConfig:
    """Where to connect and how long to wait; a half-open connection is noticed after interval + timeout of a ping."""

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
    authentication_retry: timedelta = timedelta(seconds=30)
    max_pending_actions: int = 2000
    max_unsent_bytes: int = 1 << 20
    max_list_events: int = 50_000
    message_max_bytes: int = MESSAGE_MAX_BYTES


class AmiClient:
    """Give `on_message` and `on_state` something like `inbox.put_nowait`: they are called in the order of arrival.

    Raising asyncio.QueueFull or AmiInboxOverflow there says "too slow": the connection is dropped, and the state
    DISCONNECTED is offered until it is taken. Any other exception is logged and harms no other message.
    """

    def __init__(
        self,
        config: AmiConfig,
        on_message: Callable[[AmiEvent], None],
        on_state: Callable[[AmiState], None],
        *,
        jitter: Callable[[], float] = random.random,
        action_id_prefix: str | None = None,
    ) -> None:
        self._config = config
        self._on_message = on_message
        self._on_state = on_state
        self._jitter = jitter
        # Events about an action are sent to everybody, so ids must differ from those of our own earlier life.
        self._action_id_prefix = action_id_prefix or f"cc-{uuid.uuid4().hex[:12]}"
        self._actions_sent = 0
        self._protocol: _AmiProtocol | None = None
        self._state = AmiState(phase=AmiPhase.DISCONNECTED, connection=0)

    @property
    def state(self) -> AmiState:
        return self._state

    async def run(self) -> None:
        """Connect, log in, watch, reconnect, until cancelled; then nothing is left open and nothing waits."""
        attempts_failed = 0
        while True:
            error, was_ready = await self._one_connection()
            attempts_failed = 0 if was_ready else attempts_failed + 1
            await self._announce_disconnected(error)
            await asyncio.sleep(self._reconnect_delay(attempts_failed, error).total_seconds())

    def send_nowait(
        self, action: str, fields: Fields, timeout: timedelta, *, action_id: str | None = None
    ) -> asyncio.Future[AmiResponse]:
        """Send before returning; the future gets the response, or AmiActionFailed, AmiTimeout, AmiDisconnected, AmiBusy.

        With an `action_id` of your own you know OriginateResponse again. Raises AmiFieldError at once, with nothing
        sent. Cancelling the future forgets the answer, not the action.
        """
        return self._request(action, fields, timeout, action_id, None)

    async def action(
        self, name: str, fields: Fields, timeout: timedelta, *, action_id: str | None = None
    ) -> AmiResponse:
        """Send and wait; errors as for `send_nowait`."""
        return await self._request(name, fields, timeout, action_id, None)

    async def list_action(self, name: str, fields: Fields, timeout: timedelta) -> tuple[AmiEvent, ...]:
        """Send an action that answers with a list; its items and, last, the event that ends it (`ends_list`)."""
        items: list[AmiEvent] = []
        await self._request(name, fields, timeout, None, items)
        return tuple(items)

    def _request(
        self,
        action: str,
        fields: Fields,
        timeout: timedelta,
        action_id: str | None,
        items: list[AmiEvent] | None,
    ) -> asyncio.Future[AmiResponse]:
        if action_id is None:
            self._actions_sent += 1
            action_id = f"{self._action_id_prefix}-{self._actions_sent}"
        encoded = encode_action(action, action_id, fields)
        if self._protocol is None or self._state.phase is not AmiPhase.READY:
            error = AmiDisconnected(
                f"the AMI action {action} was not sent: the connection is {self._state.phase}"
            )
            return _failed(error)
        return self._protocol.request(action, action_id, encoded, timeout, items)

    def _reconnect_delay(self, attempts_failed: int, error: AmiError) -> timedelta:
        """Exponential backoff, spread over its upper half by the jitter (a number from 0 to 1)."""
        if isinstance(error, AmiAuthenticationError):
            return self._config.authentication_retry
        doublings = min(attempts_failed, 16)
        delay = min(self._config.reconnect_first * 2**doublings, self._config.reconnect_max)
        return delay * (0.5 + 0.5 * self._jitter())

    async def _one_connection(self) -> tuple[AmiError, bool]:
        """One attempt from connect to the end: why it ended, and whether it had been ready."""
        config = self._config
        number = self._state.connection + 1
        self._announce(AmiPhase.CONNECTING, connection=number)
        protocol = _AmiProtocol(
            config, f"{self._action_id_prefix}-login-{number}", self._on_message, self._on_booted
        )
        wiring = _Wiring(
            loop=asyncio.get_running_loop(),
            host=config.host,
            port=config.port,
            username=config.username,
            secret=config.secret,
            protocol_factory=lambda: protocol,
        )
        connecting: asyncio.Task[object] = wiring.connect()
        self._protocol = protocol
        try:
            await self._connect(connecting)
            self._announce(AmiPhase.LOGGING_IN)
            await self._log_in(protocol)
            await self._watch(protocol)
        except AmiError as error:
            return error, self._state.phase is AmiPhase.READY
        finally:
            self._protocol = None
            connecting.cancel()
            wiring.close()
            await asyncio.wait({connecting}, timeout=_CLOSE_TIMEOUT_SECONDS)
            if protocol.transport is not None:
                await asyncio.wait({protocol.lost}, timeout=_CLOSE_TIMEOUT_SECONDS)

    async def _connect(self, connecting: asyncio.Task[object]) -> None:
        where = f"the manager port {self._config.host}:{self._config.port}"
        done, _ = await asyncio.wait({connecting}, timeout=self._config.connect_timeout.total_seconds())
        if not done:
            raise AmiConnectError(f"{where} did not answer within {self._config.connect_timeout}")
        failure = connecting.exception()
        if failure is not None:
            raise AmiConnectError(f"cannot connect to {where}: {failure}; is Asterisk running?") from failure

    async def _log_in(self, protocol: _AmiProtocol) -> None:
        try:
            await protocol.login
        except AmiActionFailed as refusal:
            raise AmiAuthenticationError(
                f"Asterisk refused the AMI user {self._config.username!r}: {refusal.reason}; "
                "user name, secret and permitted address must match manager.conf"
            ) from refusal
        except AmiTimeout as error:
            raise AmiSilent(f"no answer to the AMI login within {self._config.login_timeout}") from error
        protocol.expect_boot()

    async def _watch(self, protocol: _AmiProtocol) -> None:
        """Ping until the connection ends; always raises."""
        loop = asyncio.get_running_loop()
        pings = 0
        while True:
            await asyncio.wait({protocol.lost}, timeout=self._config.ping_interval.total_seconds())
            if protocol.lost.done():
                raise protocol.lost.result()
            pings += 1
            asked_at = loop.time()
            action_id = f"{self._action_id_prefix}-ping-{self._state.connection}-{pings}"
            encoded = encode_action("Ping", action_id, {})
            try:
                await protocol.request("Ping", action_id, encoded, self._config.ping_timeout, None)
            except (AmiTimeout, AmiBusy) as error:
                # A slow action ahead of the ping delays its answer; what else came in shows the peer alive.
                if protocol.received_at < asked_at:
                    raise AmiSilent(
                        f"no sign from Asterisk for {self._config.ping_timeout} after a ping"
                    ) from error

    def _on_booted(self) -> None:
        self._announce(AmiPhase.READY, error=None)

    def _announce(
        self, phase: AmiPhase, *, connection: int | None = None, error: AmiError | None = None
    ) -> None:
        if phase in (AmiPhase.CONNECTING, AmiPhase.LOGGING_IN):
            error = self._state.error
        connection = self._state.connection if connection is None else connection
        self._state = AmiState(phase=phase, connection=connection, error=error)
        try:
            self._on_state(self._state)
        except (asyncio.QueueFull, AmiInboxOverflow):
            # The two states on the way may be missed by a slow owner; the two that mean something may not.
            if phase in (AmiPhase.READY, AmiPhase.DISCONNECTED):
                raise
        except Exception:
            _log.exception("ami_state_handler_failed", phase=phase)

    async def _announce_disconnected(self, error: AmiError) -> None:
        """Not before the owner has taken this may a new connection bring events: he must know of the gap."""
        _log.warning("ami_disconnected", code=error.code, reason=str(error), host=self._config.host)
        while True:
            try:
                self._announce(AmiPhase.DISCONNECTED, error=error)
            except (asyncio.QueueFull, AmiInboxOverflow):
                await asyncio.sleep(_OVERFLOW_RETRY_SECONDS)
            else:
                return


class _Wiring(Manager):  # type: ignore[misc]  # panoramisk has no types.
    """panoramisk's Manager for one connection: without its own reconnecting and its unchecked pings."""

    def connection_made(self, connecting: asyncio.Task[object]) -> None:
        # The original answers a failure with a timer that reconnects and that nobody can stop.
        if not connecting.cancelled() and connecting.exception() is None:
            super().connection_made(connecting)

    def login(self, login: asyncio.Future[AmiResponse]) -> bool:
        # The original raises inside a callback when the login failed; AmiClient awaits the same future.
        return not login.cancelled() and login.exception() is None and bool(super().login(login))

    def ping(self) -> None:
        """AmiClient pings, and looks at the answers."""


@dataclass(slots=True)
class _Pending:
    """An action that waits for its answer; `items` collects those of a list, None for a single answer."""

    action: str
    future: asyncio.Future[AmiResponse]
    timer: asyncio.TimerHandle
    items: list[AmiEvent] | None
    response: AmiResponse | None = None


class _AmiProtocol(asyncio.Protocol):
    """One connection: matches answers to actions and hands events on; `lost` gets the reason when it is over."""

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
            self.login = _failed(error)
        else:
            self.login = self.request(
                data["Action"], self._login_action_id, encoded, self._config.login_timeout, None
            )
        return self.login

    def request(
        self, action: str, action_id: str, encoded: bytes, timeout: timedelta, items: list[AmiEvent] | None
    ) -> asyncio.Future[AmiResponse]:
        """Send one encoded action; its future ends by answer, time limit, end of connection or cancelling."""
        if self._ending is not None or self.transport is None:
            return _failed(AmiDisconnected(f"the AMI action {action} was not sent: the connection has gone"))
        if action_id in self._pending:
            raise AmiFieldError(f"the ActionID {action_id!r} already waits for an answer; take another")
        unsent = self.transport.get_write_buffer_size() + len(encoded)
        if len(self._pending) >= self._config.max_pending_actions or unsent > self._config.max_unsent_bytes:
            return _failed(
                AmiBusy(
                    f"the AMI action {action} was not sent: {len(self._pending)} wait, {unsent} bytes unsent"
                )
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
            pending.future.set_exception(
                AmiTimeout(f"no answer to the AMI action {pending.action} in {timeout}")
            )

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
                f"logged in, but no event FullyBooted within {limit}: Asterisk still starts, or the AMI user lacks "
                "read=system in manager.conf"
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
            self.end(
                AmiInboxOverflow(f"the reader of AMI events is too slow, stopped at the event {event.name}")
            )
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
                        f"the AMI connection went before {pending.action} was answered, it may have been done: "
                        f"{self._ending}"
                    )
                )
        if not self.lost.done():
            self.lost.set_result(self._ending)


def _failed(error: AmiError) -> asyncio.Future[AmiResponse]:
    future: asyncio.Future[AmiResponse] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    # Whoever sent and forgot shall not find "exception was never retrieved" in the log.
    future.exception()
    return future
