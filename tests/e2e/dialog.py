"""One call of a test phone after its INVITE: requests inside it, its audio, and how it ended."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.e2e.rtp import RtpStream, Silence, Tone
from tests.e2e.sip_endpoint import PhoneTimeoutError, SipEndpoint, new_branch, open_udp, open_udp_unread
from tests.e2e.sip_message import Address, SessionDescription, SipMessage, describe_session, response_to

BYE_TIMEOUT_SECONDS = 2.0
INFO_TIMEOUT_SECONDS = 5.0
REINVITE_TIMEOUT_SECONDS = 5.0
ALLOWED = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call ended for this phone.

    `by` is who ended it: this phone, or the server. `status` is the final SIP status of the INVITE: 200 when
    there was a talk, 487 when it was cancelled, 408 when nobody answered the INVITE at all.
    """

    by: Literal["phone", "server"]
    status: int
    reason: str
    at: float


class Dialog:
    """Owned by a Caller or an IncomingCall, which knows how it begins; this knows how it goes on."""

    def __init__(
        self, endpoint: SipEndpoint, server: Address, *, call_id: str, audio: RtpStream, sound: Tone | Silence
    ) -> None:
        self.endpoint = endpoint
        self.server = server
        self.call_id = call_id
        self.audio = audio
        self.sound = sound
        self.local_tag = os.urandom(6).hex()
        self.local = ""
        """Our From in requests, with tag; the far end's is `remote`."""
        self.remote = ""
        self.target = ""
        self.cseq = 1
        self.answered_at: float | None = None
        self.acknowledged = asyncio.Event()
        self.end: CallEnd | None = None
        self._description_version = 1

    @property
    def contact(self) -> str:
        """Our Contact header."""
        return f"<sip:phone@{self.endpoint.local[0]}:{self.endpoint.local[1]}>"

    def via(self, branch: str) -> str:
        """Our Via header."""
        return f"SIP/2.0/UDP {self.endpoint.local[0]}:{self.endpoint.local[1]};rport;branch={branch}"

    def description(self, direction: str = "sendrecv") -> str:
        """Our session description; each one has a higher version."""
        self._description_version += 1
        return describe_session(
            self.audio.local,
            version=self._description_version,
            payload_types=(8, 0),
            events=True,
            direction=direction,
        )

    def use_description(self, message: SipMessage) -> None:
        """Send audio where a session description asks for it; a message without one changes nothing."""
        if message.header("content-type").lower().startswith("application/sdp"):
            sdp = SessionDescription.parse(message.body)
            self.audio.start_sending(sdp.address, sdp.payload_type, sdp.event_payload_type, self.sound)

    def request(
        self, method: str, *, body: str = "", content_type: str = "", cseq: int | None = None, branch: str = ""
    ) -> SipMessage:
        """Make the next request inside the dialog."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        headers = [
            ("Via", self.via(branch or new_branch())),
            ("Max-Forwards", "70"),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", self.contact),
        ]
        if body:
            headers.append(("Content-Type", content_type))
        return SipMessage(start_line=f"{method} {self.target} SIP/2.0", headers=tuple(headers), body=body)

    def take_request(self, request: SipMessage, source: Address) -> None:
        """Answer a request of the far end inside the dialog."""
        if request.method == "ACK":
            self.acknowledged.set()
            self.endpoint.changes.note()
            self.use_description(request)
        elif request.method == "BYE":
            self.reply(request, source, 200, "OK")
            self.finish("server", 200, request.header("reason") or "BYE")
        elif request.method in ("INVITE", "UPDATE"):
            with_body = bool(request.body) or request.method == "INVITE"
            self.use_description(request)
            self.reply(request, source, 200, "OK", self.description() if with_body else "")
        elif request.method == "INFO" and request.header("content-type") == "application/dtmf-relay":
            self.audio.keys_heard += request.body.partition("Signal=")[2][:1]
            self.reply(request, source, 200, "OK")
        elif request.method in ("INFO", "OPTIONS", "NOTIFY"):
            self.reply(request, source, 200, "OK")
        else:
            self.reply(request, source, 501, "Not Implemented")

    def reply(self, request: SipMessage, source: Address, status: int, reason: str, sdp: str = "") -> None:
        """Answer one request, with a session description when one is given."""
        headers = [("Contact", self.contact), ("Allow", ALLOWED)]
        if sdp:
            headers.append(("Content-Type", "application/sdp"))
        response = response_to(request, status, reason, to_tag=self.local_tag, headers=headers, body=sdp)
        self.endpoint.answer(request, response, source)

    def finish(self, by: Literal["phone", "server"], status: int, reason: str) -> None:
        """Note the end; only the first one counts."""
        if self.end is None:
            self.end = CallEnd(by=by, status=status, reason=reason, at=time.monotonic())
            self.endpoint.changes.note()

    def note_answer(self) -> None:
        """Note that the call is answered now."""
        self.answered_at = time.monotonic()
        self.endpoint.changes.note()

    async def until(self, holds: Callable[[], bool], timeout_seconds: float, complaint: str) -> None:
        """Wait for a condition of this call; PhoneTimeoutError when it does not come true in time."""
        await self.endpoint.changes.until(
            holds,
            timeout_seconds,
            lambda: f"{self.endpoint.name}: {complaint} (last heard: {self.endpoint.last_heard()})",
        )

    async def ended(self, timeout_seconds: float) -> CallEnd:
        """Wait for the end."""
        await self.until(lambda: self.end is not None, timeout_seconds, "the call did not end")
        assert self.end is not None
        return self.end

    async def hang_up(self) -> None:
        """End an answered call; does nothing when it has ended. A server that is gone is not waited for."""
        if self.end is not None:
            return
        self.finish("phone", 200, "hung up")
        with contextlib.suppress(PhoneTimeoutError):
            await self.endpoint.ask(self.request("BYE"), self.server, timeout_seconds=BYE_TIMEOUT_SECONDS)

    async def hold(self, *, on: bool) -> None:
        """Put the far end on hold by a re-INVITE that only sends, or take it back."""
        offer = self.description("sendonly" if on else "sendrecv")
        invite = self.request("INVITE", body=offer, content_type="application/sdp")
        response = await self.endpoint.ask(invite, self.server, timeout_seconds=REINVITE_TIMEOUT_SECONDS)
        self.endpoint.acknowledge(self.request("ACK", cseq=invite.cseq), self.server)
        if response.status != 200:
            raise ValueError(f"{self.endpoint.name}: the hold was answered {response.start_line}")
        self.use_description(response)

    async def press(self, key: str, by: Literal["rfc4733", "info"]) -> None:
        """Send one key."""
        if by == "rfc4733":
            self.audio.press(key)
            return
        self.audio.pressed_at.append(time.monotonic())
        body = f"Signal={key}\r\nDuration=160\r\n"
        request = self.request("INFO", body=body, content_type="application/dtmf-relay")
        response = await self.endpoint.ask(request, self.server, timeout_seconds=INFO_TIMEOUT_SECONDS)
        if response.status != 200:
            raise ValueError(f"{self.endpoint.name}: the key {key} by INFO was answered {response.start_line}")


async def open_audio(host: str, *, deaf: bool = False) -> RtpStream:
    """Bind a port for a call's audio; a deaf one sends, and leaves what comes in to the kernel."""
    return await open_udp(RtpStream, host) if not deaf else await open_udp_unread(RtpStream, host)
