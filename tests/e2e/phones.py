"""SIP phones for tests: a caller outside and an agent's phone, scripted in asyncio and recorded message by message.

    async with Caller(server=("127.0.0.1", 5060), dnis="4000", ani="+8613800138000") as caller:
        await caller.answered()
        await caller.audio.hear_sound()
        await caller.press("2")
        await caller.hang_up()

Times are of the monotonic clock, in seconds. Every wait has a limit and raises PhoneTimeoutError.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, Self

from tests.e2e.agent_phone import AgentPhone, Answer, Behaviour, Ignore, IncomingCall, Reject, Ring
from tests.e2e.dialog import ALLOWED, CallEnd, Dialog, open_audio
from tests.e2e.rtp import RtpStream, Silence, Tone
from tests.e2e.sip_endpoint import PhoneTimeoutError, SipEndpoint, TracedMessage, new_branch, open_udp
from tests.e2e.sip_message import (
    Address,
    SipMessage,
    authorized,
    quoted_name,
    response_to,
    uri_of,
)
from tests.patience import PATIENCE_SECONDS

__all__ = [
    "AgentPhone",
    "Answer",
    "Behaviour",
    "CallEnd",
    "Caller",
    "Ignore",
    "IncomingCall",
    "PhoneTimeoutError",
    "Reject",
    "Ring",
    "Silence",
    "Tone",
    "TracedMessage",
]

CALLERS_HOST = "127.0.0.2"
INVITE_TIMEOUT_SECONDS = 150.0

KeyStep = tuple[Literal["wait"], float] | tuple[Literal["key"], str]


class Caller:
    """One outside caller and his one call, from an address of the trunk.

    `ani` None withholds the number (RFC 3323); `asserted_identity` then may still carry it. `from_value`
    replaces the whole From value, for what no phone should send. `keys` are pressed from the answer on.
    `sound` is what he says; who is `deaf` leaves what he hears to the kernel.
    With `user` and `password` a challenge is answered.
    """

    def __init__(
        self,
        *,
        server: Address,
        dnis: str,
        ani: str | None,
        display_name: str = "",
        asserted_identity: str | None = None,
        from_value: str | None = None,
        extra_headers: Sequence[tuple[str, str]] = (),
        keys: Sequence[KeyStep] = (),
        keys_by: Literal["rfc4733", "info"] = "rfc4733",
        hang_up_after_seconds: float | None = None,
        sound: Tone | Silence | None = None,
        user: str = "",
        password: str = "",
        invite_timeout_seconds: float = INVITE_TIMEOUT_SECONDS,
        deaf: bool = False,
        host: str = CALLERS_HOST,
        name: str = "",
        log_dir: Path | None = None,
    ) -> None:
        self.server = server
        self.dnis = dnis
        self.ani = ani
        self.name = name or f"caller-{ani or 'withheld'}-{os.urandom(3).hex()}"
        self._display_name = display_name
        self._asserted_identity = asserted_identity
        self._from_value = from_value
        self._extra_headers = tuple(extra_headers)
        self._keys = tuple(keys)
        self._keys_by: Literal["rfc4733", "info"] = keys_by
        self._hang_up_after_seconds = hang_up_after_seconds
        self._sound = sound or Silence()
        self._user, self._password = user, password
        self._invite_timeout_seconds = invite_timeout_seconds
        self._deaf = deaf
        self._host = host
        self._log_dir = log_dir
        self._endpoint: SipEndpoint | None = None
        self._dialog: Dialog | None = None
        self._invite: SipMessage | None = None
        self._calling: asyncio.Task[None] | None = None
        self._acting: asyncio.Task[None] | None = None
        self._may_cancel = False
        self.invited_at: float | None = None
        self.provisional_statuses: list[int] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def dialog(self) -> Dialog:
        """The call; RuntimeError before `start`."""
        if self._dialog is None:
            raise RuntimeError(f"{self.name} has not called yet; use `async with` or start()")
        return self._dialog

    @property
    def audio(self) -> RtpStream:
        """What he hears, and measures of it."""
        return self.dialog.audio

    @property
    def messages(self) -> list[TracedMessage]:
        """Every SIP message, in order."""
        return self._endpoint.trace if self._endpoint is not None else []

    @property
    def call_id(self) -> str:
        """The Call-ID on the wire."""
        return self.dialog.call_id

    @property
    def answered_at(self) -> float | None:
        """When the 200 came; None before it."""
        return self.dialog.answered_at

    @property
    def end(self) -> CallEnd | None:
        """How the call ended; None while it goes on."""
        return self.dialog.end

    async def start(self) -> None:
        """Send the INVITE and go on by himself: answer, keys, hang-up."""

        self._endpoint = await open_udp(partial(SipEndpoint, self.name), self._host)
        self._dialog = Dialog(
            self._endpoint,
            self.server,
            call_id=f"{os.urandom(12).hex()}@{self._host}",
            audio=await open_audio(self._host, deaf=self._deaf),
            sound=self._sound,
        )
        self._endpoint.on_request = self._take_request
        self.invited_at = time.monotonic()
        self._calling = asyncio.create_task(self._call(self._dialog, self._endpoint), name=self.name)

    async def ringing(self, timeout_seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for a provisional response above 100 and return its status."""
        await self.dialog.until(lambda: bool(self.provisional_statuses), timeout_seconds, "no ringing")
        return self.provisional_statuses[-1]

    async def answered(self, timeout_seconds: float = PATIENCE_SECONDS) -> float:
        """Wait for the answer and return its time; a refusal raises ConnectionRefusedError."""
        await self.dialog.until(
            lambda: self.answered_at is not None or self.end is not None, timeout_seconds, "no answer"
        )
        if self.dialog.answered_at is None:
            assert self.end is not None
            raise ConnectionRefusedError(f"{self.name}: refused with {self.end.status} {self.end.reason}")
        return self.dialog.answered_at

    async def ended(self, timeout_seconds: float = PATIENCE_SECONDS) -> CallEnd:
        """Wait for the end, whoever makes it."""
        return await self.dialog.ended(timeout_seconds)

    async def press(self, key: str) -> None:
        """Press one key of 0-9 * # A-D; several are sent one after the other."""
        await self.dialog.press(key, self._keys_by)

    async def hang_up(self) -> None:
        """End the call: BYE after the answer, CANCEL before it."""
        if self.answered_at is None:
            await self.cancel()
        else:
            await self.dialog.hang_up()

    async def cancel(self) -> None:
        """Give up before the answer. When the answer crosses, the call is ended with BYE."""
        dialog, endpoint = self.dialog, self._endpoint
        assert endpoint is not None
        if dialog.end is not None:
            return
        # A request may be cancelled only after its first provisional response (RFC 3261, 9.1).
        await dialog.until(lambda: self._may_cancel or dialog.end is not None, 5.0, "no response to cancel after")
        if self._invite is not None and dialog.answered_at is None and dialog.end is None:
            cancel = dialog.request("CANCEL", cseq=self._invite.cseq, branch=self._invite.branch)
            uri = self._invite.start_line.split(" ")[1]
            headers = tuple(
                (name, self._invite.header("to") if name == "To" else value) for name, value in cancel.headers
            )
            cancel = SipMessage(start_line=f"CANCEL {uri} SIP/2.0", headers=headers)
            await endpoint.ask(cancel, self.server, timeout_seconds=4.0)
            await dialog.until(
                lambda: dialog.end is not None or dialog.answered_at is not None, 5.0, "no end after CANCEL"
            )
        await dialog.hang_up()

    def vanish(self) -> None:
        """Lose the network: nothing is sent or heard any more, nobody is told."""
        assert self._endpoint is not None
        self._endpoint.silent = True
        self.audio.mute()
        self.dialog.finish("phone", 200 if self.answered_at else 408, "vanished")

    async def close(self) -> None:
        """End the call if it goes on, stop everything, write the log."""
        if self._endpoint is None or self._dialog is None:
            return
        try:
            if self._acting is not None:
                self._acting.cancel()
                await asyncio.gather(self._acting, return_exceptions=True)
            if not self._endpoint.silent and self._dialog.end is None:
                await self.hang_up()
        finally:
            if self._calling is not None:
                self._calling.cancel()
                await asyncio.gather(self._calling, return_exceptions=True)
            await self._dialog.audio.close()
            await self._endpoint.close()
            if self._log_dir is not None:
                self._endpoint.write_log(self._log_dir)

    def _from(self) -> str:
        if self._from_value is not None:
            return self._from_value
        if self.ani is None:
            return '"Anonymous" <sip:anonymous@anonymous.invalid>'
        return f"{quoted_name(self._display_name)}<sip:{self.ani}@{self._host}>"

    def _first_invite(self, dialog: Dialog) -> SipMessage:
        headers = [
            ("Via", dialog.via(new_branch())),
            ("Max-Forwards", "70"),
            ("From", dialog.local),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.cseq} INVITE"),
            ("Contact", dialog.contact),
            ("Allow", ALLOWED),
        ]
        if self.ani is None and self._from_value is None:
            headers.append(("Privacy", "id"))
        if self._asserted_identity is not None:
            headers.append(("P-Asserted-Identity", self._asserted_identity))
        headers += [*self._extra_headers, ("Content-Type", "application/sdp")]
        line = f"INVITE {dialog.target} SIP/2.0"
        return SipMessage(start_line=line, headers=tuple(headers), body=dialog.description())

    async def _call(self, dialog: Dialog, endpoint: SipEndpoint) -> None:
        dialog.target = f"sip:{self.dnis}@{self.server[0]}:{self.server[1]}"
        dialog.local = f"{self._from()};tag={dialog.local_tag}"
        dialog.remote = f"<{dialog.target}>"
        invite = self._first_invite(dialog)
        try:
            final = await self._invite_once(invite, dialog, endpoint)
            if final.status in (401, 407) and self._user:
                dialog.cseq += 1
                invite = authorized(
                    invite,
                    final,
                    user=self._user,
                    password=self._password,
                    cseq=dialog.cseq,
                    via=dialog.via(new_branch()),
                )
                final = await self._invite_once(invite, dialog, endpoint)
        except PhoneTimeoutError as error:
            dialog.finish("phone", 408, str(error))
            return
        if final.status >= 300:
            by: Literal["phone", "server"] = "phone" if final.status == 487 else "server"
            dialog.finish(by, final.status, final.header("reason") or final.start_line.split(" ", 2)[2])
            return
        dialog.remote = final.header("to")
        dialog.target = uri_of(final.header("contact")) or dialog.target
        ack = dialog.request("ACK", cseq=final.cseq)
        endpoint.acknowledge(ack, self.server)
        dialog.use_description(final)
        dialog.note_answer()
        if self._keys or self._hang_up_after_seconds is not None:
            self._acting = asyncio.create_task(self._act(dialog), name=f"{self.name} acts")

    async def _invite_once(self, invite: SipMessage, dialog: Dialog, endpoint: SipEndpoint) -> SipMessage:
        self._invite = invite
        final = await endpoint.ask(
            invite,
            self.server,
            timeout_seconds=self._invite_timeout_seconds,
            on_provisional=self._take_provisional,
        )
        if final.status >= 300:
            # The ACK of a refusal belongs to the INVITE's own transaction.
            ack = dialog.request("ACK", cseq=invite.cseq, branch=invite.branch)
            headers = tuple((name, final.header("to") if name == "To" else value) for name, value in ack.headers)
            endpoint.acknowledge(SipMessage(start_line=ack.start_line, headers=headers), self.server)
        return final

    def _take_provisional(self, response: SipMessage) -> None:
        if response.status > 100:
            self.provisional_statuses.append(response.status)
            self.dialog.use_description(response)
        self._may_cancel = True
        self.dialog.endpoint.changes.note()

    def _take_request(self, request: SipMessage, source: Address) -> None:
        if request.call_id == self.dialog.call_id:
            self.dialog.take_request(request, source)
        elif request.method != "ACK":
            assert self._endpoint is not None
            self._endpoint.answer(request, response_to(request, 481, "Call Does Not Exist"), source)

    async def _act(self, dialog: Dialog) -> None:
        answered_at = time.monotonic()
        for step in self._keys:
            if step[0] == "wait":
                await asyncio.sleep(step[1])
            else:
                await dialog.press(step[1], self._keys_by)
        if self._hang_up_after_seconds is not None:
            await asyncio.sleep(max(0.0, answered_at + self._hang_up_after_seconds - time.monotonic()))
            await dialog.hang_up()
