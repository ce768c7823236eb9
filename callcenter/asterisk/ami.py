"""The client of Asterisk's manager interface (AMI): one connection, kept up for ever.

Law: an action is answered, or fails with the reason, exactly once; it is never sent a second time. Every
event goes to the owner in the order of arrival; when he is too slow the connection is dropped and made anew,
so that he knows that he must read the state afresh.

panoramisk's Manager connects and logs in. Its public hook `protocol_factory` puts our own protocol under it
(`ami_connection`), which does the rest on the codec of `ami_codec`; the reconnecting is `AmiClient.run`.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, NoReturn, TypeAlias

import structlog
from panoramisk import Manager

from callcenter.asterisk.ami_codec import AmiEvent, AmiResponse, encode_action
from callcenter.asterisk.ami_connection import AmiConfig, AmiConnection, failed_action
from callcenter.asterisk.errors import (
    AmiActionFailed,
    AmiAuthenticationError,
    AmiBusy,
    AmiConnectError,
    AmiDisconnected,
    AmiError,
    AmiInboxOverflow,
    AmiSilent,
    AmiTimeout,
)

Fields: TypeAlias = Mapping[str, str | Sequence[str]]

_log = structlog.get_logger(__name__)

_CLOSE_TIMEOUT_SECONDS: Final = 1.0
_OVERFLOW_RETRY_SECONDS: Final = 0.05


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


class AmiClient:
    """Give `on_message` and `on_state` something like `inbox.put_nowait`; they are called in the order of events.

    Raising asyncio.QueueFull or AmiInboxOverflow there says "too slow": the connection is dropped, and the
    state DISCONNECTED is offered until it is taken. Any other exception is logged and harms no other message.
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
        self._connection: AmiConnection | None = None
        self._state = AmiState(phase=AmiPhase.DISCONNECTED, connection=0)

    @property
    def state(self) -> AmiState:
        return self._state

    async def run(self) -> None:
        """Connect, log in, watch, reconnect, until cancelled; then nothing is left open and nothing waits."""
        attempts_failed = 0
        try:
            while True:
                error, was_ready = await self._one_connection()
                attempts_failed = 0 if was_ready else attempts_failed + 1
                await self._announce_disconnected(error)
                delay = reconnect_delay(self._config, attempts_failed, error, self._jitter())
                await asyncio.sleep(delay.total_seconds())
        finally:
            self._state = AmiState(phase=AmiPhase.DISCONNECTED, connection=self._state.connection)

    def send_nowait(
        self, action: str, fields: Fields, timeout: timedelta, *, action_id: str | None = None
    ) -> asyncio.Future[AmiResponse]:
        """Send before returning; the future gets the response.

        Or it gets AmiActionFailed, AmiTimeout, AmiDisconnected or AmiBusy. AmiFieldError is raised at once,
        with nothing sent. With an `action_id` of your own you know its OriginateResponse again. Cancelling
        the future forgets the answer, not the action.
        """
        return self._request(action, fields, timeout, action_id, None)

    async def action(
        self,
        name: str,
        fields: Fields,
        timeout: timedelta,  # noqa: ASYNC109  The limit ends the waiting inside, in step with the pending table.
        *,
        action_id: str | None = None,
    ) -> AmiResponse:
        """Send and wait; errors as for `send_nowait`."""
        return await self._request(name, fields, timeout, action_id, None)

    async def list_action(
        self,
        name: str,
        fields: Fields,
        timeout: timedelta,  # noqa: ASYNC109  As for `action`.
    ) -> tuple[AmiEvent, ...]:
        """Send an action that answers with a list; its items and, last, the event that ends it."""
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
        if self._connection is None or self._state.phase is not AmiPhase.READY:
            error = AmiDisconnected(f"the AMI action {action} was not sent: the connection is {self._state.phase}")
            return failed_action(error)
        return self._connection.request(action, action_id, encoded, timeout, items)

    async def _one_connection(self) -> tuple[AmiError, bool]:
        """One attempt from connect to the end: why it ended, and whether it had been ready."""
        config = self._config
        number = self._state.connection + 1
        self._announce(AmiPhase.CONNECTING, connection=number)
        connection = AmiConnection(
            config, f"{self._action_id_prefix}-login-{number}", self._on_message, self._on_booted
        )
        wiring = _Wiring(
            loop=asyncio.get_running_loop(),
            host=config.host,
            port=config.port,
            username=config.username,
            secret=config.secret,
            protocol_factory=lambda: connection,
        )
        connecting: asyncio.Task[object] = wiring.connect()
        self._connection = connection
        try:
            await self._connect(connecting)
            # Where much happened at once, Asterisk has let us in and told that it is up before this task had its turn.
            if self._state.phase is not AmiPhase.READY:
                self._announce(AmiPhase.LOGGING_IN)
            await self._log_in(connection)
            await self._watch(connection)
        except AmiDisconnected as error:
            # Whichever action noticed it first, the connection itself knows the reason.
            reason = connection.lost.result() if connection.lost.done() else error
            connection.end(reason)
            return reason, self._state.phase is AmiPhase.READY
        except AmiError as error:
            connection.end(error)
            return error, self._state.phase is AmiPhase.READY
        finally:
            self._connection = None
            connecting.cancel()
            wiring.close()
            connection.close()
            await asyncio.wait({connecting}, timeout=_CLOSE_TIMEOUT_SECONDS)
            if connection.transport is not None:
                await asyncio.wait({connection.lost}, timeout=_CLOSE_TIMEOUT_SECONDS)

    async def _connect(self, connecting: asyncio.Task[object]) -> None:
        where = f"the manager port {self._config.host}:{self._config.port}"
        done, _ = await asyncio.wait({connecting}, timeout=self._config.connect_timeout.total_seconds())
        if not done:
            raise AmiConnectError(f"{where} did not answer within {self._config.connect_timeout}")
        failure = connecting.exception()
        if failure is not None:
            raise AmiConnectError(f"cannot connect to {where}: {failure}; is Asterisk running?") from failure

    async def _log_in(self, connection: AmiConnection) -> None:
        try:
            await connection.login
        except AmiActionFailed as refusal:
            raise AmiAuthenticationError(
                f"Asterisk refused the AMI user {self._config.username!r}: {refusal.reason}; "
                "user name, secret and permitted address must match manager.conf"
            ) from refusal
        except AmiTimeout as error:
            raise AmiSilent(f"no answer to the AMI login within {self._config.login_timeout}") from error
        connection.expect_boot()

    async def _watch(self, connection: AmiConnection) -> NoReturn:
        """Ping until the connection ends; always raises."""
        loop = asyncio.get_running_loop()
        pings = 0
        while True:
            await asyncio.wait({connection.lost}, timeout=self._config.ping_interval.total_seconds())
            if connection.lost.done():
                raise connection.lost.result()
            pings += 1
            asked_at = loop.time()
            action_id = f"{self._action_id_prefix}-ping-{self._state.connection}-{pings}"
            encoded = encode_action("Ping", action_id, {})
            try:
                await connection.request("Ping", action_id, encoded, self._config.ping_timeout, None)
            except (AmiTimeout, AmiBusy) as error:
                # A slow action ahead of the ping delays its answer; what else came in shows the peer alive.
                if connection.received_at < asked_at:
                    raise AmiSilent(f"no sign from Asterisk for {self._config.ping_timeout} after a ping") from error

    def _on_booted(self) -> None:
        self._announce(AmiPhase.READY, error=None)

    def _announce(self, phase: AmiPhase, *, connection: int | None = None, error: AmiError | None = None) -> None:
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


def reconnect_delay(config: AmiConfig, attempts_failed: int, error: AmiError, jitter: float) -> timedelta:
    """Exponential backoff, spread over its upper half by the jitter, a number from 0 to 1.

    A wrong secret does not mend itself: it is tried again slowly.
    """
    if isinstance(error, AmiAuthenticationError):
        return config.authentication_retry
    doublings = min(attempts_failed, 16)
    delay: timedelta = min(config.reconnect_first * 2**doublings, config.reconnect_max)
    return delay * (0.5 + 0.5 * jitter)


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
