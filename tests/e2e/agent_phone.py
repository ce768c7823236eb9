"""An agent's phone for tests: registers, takes any number of calls one after another, and behaves as told."""

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from tests.e2e.dialog import CallEnd, Dialog, open_audio
from tests.e2e.rtp import RtpStream, Silence, Tone
from tests.e2e.sip_endpoint import PhoneTimeoutError, SipEndpoint, TracedMessage, new_branch, open_udp
from tests.e2e.sip_message import Address, Identity, SipMessage, authorized, response_to, uri_of
from tests.patience import PATIENCE_SECONDS

AGENTS_HOST = "127.0.0.3"
REGISTER_TIMEOUT_SECONDS = 8.0
REGISTER_EXPIRES_SECONDS = 300
ACK_TIMEOUT_SECONDS = 8.0

REASONS = {480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated", 603: "Decline"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Ring, answer, and hang up after a while or when told."""

    after_seconds: float = 0.0
    hang_up_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring and leave it at that; the test may still answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse: 603 as a person would, 486 for a phone that is busy."""

    status: int = 603
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ignore:
    """Say nothing at all, as a phone that is switched off but still registered."""


Behaviour = Answer | Ring | Reject | Ignore


class IncomingCall:
    """One call offered to an agent's phone."""

    def __init__(self, dialog: Dialog, invite: SipMessage, source: Address) -> None:
        self.dialog = dialog
        self.invite = invite
        self.invited_at = time.monotonic()
        self._source = source

    @property
    def audio(self) -> RtpStream:
        """What the agent hears, and measures of it."""
        return self.dialog.audio

    @property
    def caller(self) -> Identity:
        """Who calls, by From."""
        return Identity.parse(self.invite.header("from"))

    @property
    def asserted_caller(self) -> Identity | None:
        """Who calls, by P-Asserted-Identity; None without one."""
        value = self.invite.header("p-asserted-identity")
        return Identity.parse(value) if value else None

    @property
    def answered_at(self) -> float | None:
        """When the phone sent its 200; None before it."""
        return self.dialog.answered_at

    @property
    def end(self) -> CallEnd | None:
        """How the call ended; None while it goes on."""
        return self.dialog.end

    def ring(self) -> None:
        """Send 180."""
        if self.end is None:
            self.dialog.reply(self.invite, self._source, 180, "Ringing")

    async def answer(self) -> None:
        """Send 200 until the ACK comes; does nothing when the call has been withdrawn."""
        if self.end is not None or self.answered_at is not None:
            return
        dialog = self.dialog
        dialog.use_description(self.invite)
        dialog.reply(self.invite, self._source, 200, "OK", dialog.description())
        dialog.note_answer()
        deadline = time.monotonic() + ACK_TIMEOUT_SECONDS
        interval = 0.5
        while not dialog.acknowledged.is_set() and dialog.end is None:
            if time.monotonic() > deadline:
                dialog.finish("server", 408, "no ACK")
                raise PhoneTimeoutError(f"{dialog.endpoint.name}: no ACK within {ACK_TIMEOUT_SECONDS} s")
            with contextlib.suppress(PhoneTimeoutError):
                await dialog.until(lambda: dialog.acknowledged.is_set() or dialog.end is not None, interval, "no ACK")
                continue
            interval *= 2
            dialog.endpoint.repeat_answer(self.invite)

    def reject(self, status: int = 603) -> None:
        """Refuse the call."""
        if self.end is None and self.answered_at is None:
            self.dialog.reply(self.invite, self._source, status, REASONS.get(status, "Refused"))
            self.dialog.finish("phone", status, "rejected")

    async def hang_up(self) -> None:
        """End the call: BYE after the answer, 603 before it."""
        if self.answered_at is None:
            self.reject()
        else:
            await self.dialog.hang_up()

    async def hold(self) -> None:
        """Put the far end on hold."""
        await self.dialog.hold(on=True)

    async def take_back(self) -> None:
        """Take the far end back from hold."""
        await self.dialog.hold(on=False)

    async def press(self, key: str) -> None:
        """Press one key, by RFC 4733."""
        await self.dialog.press(key, "rfc4733")

    async def ended(self, timeout_seconds: float = PATIENCE_SECONDS) -> CallEnd:
        """Wait for the end, whoever makes it."""
        return await self.dialog.ended(timeout_seconds)

    async def talking(self, timeout_seconds: float = PATIENCE_SECONDS) -> float:
        """Wait until the answer is acknowledged, and return the time of the answer."""
        await self.dialog.until(
            lambda: self.dialog.acknowledged.is_set() or self.end is not None, timeout_seconds, "not talking"
        )
        if self.answered_at is None or not self.dialog.acknowledged.is_set():
            raise ConnectionRefusedError(f"{self.dialog.endpoint.name}: the call ended before the talk: {self.end}")
        return self.answered_at

    def cancelled(self, request: SipMessage, source: Address) -> None:
        """Take the CANCEL of this call."""
        self.dialog.reply(request, source, 200, "OK")
        if self.answered_at is None and self.end is None:
            self.dialog.reply(self.invite, self._source, 487, "Request Terminated")
            self.dialog.finish("server", 487, request.header("reason") or "CANCEL")


class AgentPhone:
    """Registered as `user`, or without `password` at a fixed address that rings without registration."""

    def __init__(
        self,
        *,
        server: Address,
        user: str,
        password: str | None = None,
        behaviour: Behaviour | None = None,
        sound: Tone | Silence | None = None,
        host: str = AGENTS_HOST,
        port: int | None = None,
        name: str = "",
        log_dir: Path | None = None,
    ) -> None:
        self.server = server
        self.user = user
        self.name = name or f"agent-{user}"
        self.behaviour: Behaviour = behaviour or Answer()
        """What the next call meets; may be changed at any time."""
        self.calls: list[IncomingCall] = []
        self._password = password
        self._sound = sound or Silence()
        self._host = host
        self._port = port
        self._log_dir = log_dir
        self._endpoint: SipEndpoint | None = None
        self._seen = 0
        self._opening: dict[str, list[tuple[SipMessage, Address]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._register_cseq = 0
        self._register_call_id = f"{os.urandom(12).hex()}@{host}"
        self._register_tag = os.urandom(6).hex()
        self.failures: list[BaseException] = []
        """What went wrong in the background; `close` raises the first."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def endpoint(self) -> SipEndpoint:
        """The phone's socket; RuntimeError before `start`."""
        if self._endpoint is None:
            raise RuntimeError(f"{self.name} is not started; use `async with` or start()")
        return self._endpoint

    @property
    def address(self) -> Address:
        """Host and port where it listens, for a phone at a fixed address."""
        return self.endpoint.local

    @property
    def messages(self) -> list[TracedMessage]:
        """Every SIP message, in order."""
        return self.endpoint.trace

    @property
    def invites(self) -> list[IncomingCall]:
        """Every call offered so far, in order, with `invited_at`, `caller` and `invite`."""
        return self.calls

    @property
    def calls_alive(self) -> list[IncomingCall]:
        """The calls that ring or are talked in now."""
        return [call for call in self.calls if call.end is None]

    async def start(self) -> None:
        """Open the port and, with a password, register."""
        self._endpoint = await open_udp(partial(SipEndpoint, self.name), self._host, self._port)
        self._endpoint.on_request = self._take_request
        if self._password is not None:
            try:
                await self.register()
            except BaseException:
                await self._endpoint.close()
                raise

    async def register(self, expires_seconds: int = REGISTER_EXPIRES_SECONDS) -> None:
        """Register, and again before it expires; a refusal raises ConnectionRefusedError."""
        await self._register(expires_seconds)
        if expires_seconds and self._refreshing is None:
            self._refreshing = self._own(self._refresh(expires_seconds), f"{self.name} registers")

    async def unregister(self) -> None:
        """Take the registration back."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None
        await self._register(0)

    async def ringing(self, timeout_seconds: float = PATIENCE_SECONDS) -> IncomingCall:
        """Wait for the next call that no `ringing` has returned yet."""
        wanted = self._seen + 1
        await self.endpoint.changes.until(
            lambda: len(self.calls) >= wanted, timeout_seconds, lambda: f"{self.name}: no call came"
        )
        self._seen = wanted
        return self.calls[wanted - 1]

    async def talking(self, timeout_seconds: float = PATIENCE_SECONDS) -> IncomingCall:
        """Wait for the next call and for its answer to be acknowledged."""
        call = await self.ringing(timeout_seconds)
        await call.talking(timeout_seconds)
        return call

    async def hang_up(self) -> None:
        """End every call that goes on."""
        for call in self.calls_alive:
            await call.hang_up()

    def vanish(self) -> None:
        """Lose the network: nothing is sent or heard any more, nobody is told."""
        self.endpoint.silent = True
        for call in self.calls_alive:
            call.audio.mute()
            call.dialog.finish("phone", 200 if call.answered_at else 408, "vanished")

    async def close(self) -> None:
        """End the calls, unregister, stop everything, write the log; raises what failed in the background."""
        if self._endpoint is None:
            return
        try:
            if not self._endpoint.silent:
                await self.hang_up()
                if self._password is not None:
                    with contextlib.suppress(PhoneTimeoutError):
                        await self.unregister()
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for call in self.calls:
                await call.audio.close()
            await self._endpoint.close()
            if self._log_dir is not None:
                self._endpoint.write_log(self._log_dir)
        if self.failures:
            raise self.failures[0]

    def _own(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    async def _refresh(self, expires_seconds: int) -> None:
        while True:
            await asyncio.sleep(expires_seconds / 2)
            await self._register(expires_seconds)

    async def _register(self, expires_seconds: int) -> None:
        endpoint = self.endpoint
        uri = f"sip:{self.server[0]}:{self.server[1]}"
        party = f"<sip:{self.user}@{self.server[0]}:{self.server[1]}>"
        local = f"{endpoint.local[0]}:{endpoint.local[1]}"
        self._register_cseq += 1

        def via() -> str:
            return f"SIP/2.0/UDP {local};rport;branch={new_branch()}"

        request = SipMessage(
            start_line=f"REGISTER {uri} SIP/2.0",
            headers=(
                ("Via", via()),
                ("Max-Forwards", "70"),
                ("From", f"{party};tag={self._register_tag}"),
                ("To", party),
                ("Call-ID", self._register_call_id),
                ("CSeq", f"{self._register_cseq} REGISTER"),
                ("Contact", f"<sip:{self.user}@{local}>"),
                ("Expires", str(expires_seconds)),
            ),
        )
        final = await endpoint.ask(request, self.server, timeout_seconds=REGISTER_TIMEOUT_SECONDS)
        if final.status in (401, 407) and self._password is not None:
            self._register_cseq += 1
            request = authorized(
                request,
                final,
                user=self.user,
                password=self._password,
                cseq=self._register_cseq,
                via=via(),
            )
            final = await endpoint.ask(request, self.server, timeout_seconds=REGISTER_TIMEOUT_SECONDS)
        if final.status != 200:
            raise ConnectionRefusedError(f"{self.name}: the registration was answered {final.start_line}")

    def _take_request(self, request: SipMessage, source: Address) -> None:
        call = next((call for call in self.calls if call.dialog.call_id == request.call_id), None)
        to_tag = ";tag=" in request.header("to")
        if request.call_id in self._opening:
            # The port for the audio is being opened; what comes meanwhile, a CANCEL say, is taken afterwards.
            self._opening[request.call_id].append((request, source))
        elif request.method == "INVITE" and call is None and not to_tag:
            self._opening[request.call_id] = []
            self._own(self._take_invite(request, source), f"{self.name} takes a call")
        elif request.method == "CANCEL" and call is not None:
            call.cancelled(request, source)
        elif call is not None:
            call.dialog.take_request(request, source)
        elif request.method in ("OPTIONS", "NOTIFY"):
            self.endpoint.answer(request, response_to(request, 200, "OK", to_tag=self._register_tag), source)
        elif request.method != "ACK":
            self.endpoint.answer(request, response_to(request, 481, "Call Does Not Exist"), source)

    async def _take_invite(self, invite: SipMessage, source: Address) -> None:
        behaviour = self.behaviour
        arrived_at = time.monotonic()
        dialog = Dialog(
            self.endpoint,
            source,
            call_id=invite.call_id,
            audio=await open_audio(self._host),
            sound=self._sound,
        )
        dialog.local = f"{invite.header('to')};tag={dialog.local_tag}"
        dialog.remote = invite.header("from")
        dialog.target = uri_of(invite.header("contact"))
        call = IncomingCall(dialog, invite, source)
        call.invited_at = arrived_at
        self.calls.append(call)
        self.endpoint.changes.note()
        for early in self._opening.pop(invite.call_id):
            self._take_request(*early)
        await self._behave(call, behaviour)
        await dialog.until(lambda: dialog.end is not None, 86_400.0, "the call never ended")
        await call.audio.close()

    async def _behave(self, call: IncomingCall, behaviour: Behaviour) -> None:
        match behaviour:
            case Ignore():
                return
            case Ring():
                call.ring()
            case Reject(status=status, after_seconds=after_seconds):
                if after_seconds:
                    call.ring()
                    await self._pause(call, after_seconds)
                call.reject(status)
            case Answer(after_seconds=after_seconds, hang_up_after_seconds=hang_up_after_seconds):
                call.ring()
                await self._pause(call, after_seconds)
                await call.answer()
                if hang_up_after_seconds is not None and call.answered_at is not None:
                    await self._pause(call, hang_up_after_seconds)
                    await call.hang_up()

    async def _pause(self, call: IncomingCall, seconds: float) -> None:
        """Wait that long, or until the call ends."""
        if seconds > 0:
            with contextlib.suppress(PhoneTimeoutError):
                await call.dialog.until(lambda: call.end is not None, seconds, "still going on")
