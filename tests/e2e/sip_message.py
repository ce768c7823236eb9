"""SIP messages as values: parsing, writing, digest answers and session descriptions, without any I/O."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Address = tuple[str, int]

LONG_NAMES = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "l": "content-length",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SipMessage:
    """A request or a response; header names compare without case, order is kept."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one datagram; bytes that are not UTF-8 survive a round trip."""
        text = data.decode("utf-8", "surrogateescape")
        head, _, body = text.partition("\r\n\r\n")
        start_line, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"a SIP header without a colon: {line!r}")
            headers.append((name.strip(), value.strip()))
        return cls(start_line=start_line, headers=tuple(headers), body=body)

    def encode(self) -> bytes:
        """Write the datagram with the right Content-Length."""
        body = self.body.encode("utf-8", "surrogateescape")
        lines = [self.start_line]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if LONG_NAMES.get(key.lower(), key.lower()) == wanted]

    def header(self, name: str) -> str:
        """The first value of a header; empty when it is absent."""
        values = self.all(name)
        return values[0] if values else ""

    @property
    def status(self) -> int:
        """The status code of a response; 0 for a request."""
        return int(self.start_line.split(" ", 2)[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request, or of the request that a response answers."""
        return self.header("cseq").partition(" ")[2].strip() if self.status else self.start_line.split(" ", 1)[0]

    @property
    def branch(self) -> str:
        """The branch of the topmost Via, which names the transaction."""
        found = re.search(r";\s*branch=([^;,\s]+)", self.header("via"))
        return found.group(1) if found else ""

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.header("call-id")

    @property
    def cseq(self) -> int:
        """The number in CSeq."""
        return int(self.header("cseq").split()[0])


def response_to(
    request: SipMessage,
    status: int,
    reason: str,
    *,
    to_tag: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: str = "",
) -> SipMessage:
    """Make the response to a request: its Via, From, Call-ID and CSeq, and To with our tag."""
    to = request.header("to")
    if to_tag and ";tag=" not in to:
        to = f"{to};tag={to_tag}"
    copied = [("Via", value) for value in request.all("via")]
    copied += [("From", request.header("from")), ("To", to)]
    copied += [("Call-ID", request.call_id), ("CSeq", request.header("cseq"))]
    return SipMessage(start_line=f"SIP/2.0 {status} {reason}", headers=(*copied, *headers), body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a From, To or P-Asserted-Identity header names."""

    display_name: str
    user: str
    host: str

    @classmethod
    def parse(cls, value: str) -> Self:
        """Read `"Name" <sip:user@host>;tag=x` or `sip:user@host`; what is absent is empty."""
        display_name = ""
        found = re.match(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*))\s*<([^>]*)>', value)
        if found:
            quoted, plain, uri = found.groups()
            display_name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
        else:
            uri = value.split(";", 1)[0].strip()
        uri = re.sub(r"^(?:sips?|tel):", "", uri).split(";", 1)[0]
        user, at, host = uri.rpartition("@")
        return cls(display_name=display_name, user=user if at else uri, host=host if at else "")


def uri_of(value: str) -> str:
    """The URI of a Contact, From or To value."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";", 1)[0].strip()


def quoted_name(display_name: str) -> str:
    """Write a display name as a quoted string, followed by a space; nothing when it is empty."""
    if not display_name:
        return ""
    escaped = display_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" '


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def digest_authorization(challenge: str, *, method: str, uri: str, user: str, password: str, cnonce: str) -> str:
    """Answer a WWW-Authenticate or Proxy-Authenticate challenge (RFC 2617, MD5, with or without qop=auth)."""
    fields = {
        name.lower(): quoted if quoted is not None else plain
        for name, quoted, plain in (
            (found.group(1), found.group(2), found.group(3))
            for found in re.finditer(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', challenge)
        )
    }
    if fields.get("algorithm", "MD5").upper() != "MD5":
        raise ValueError(f"the challenge asks for {fields['algorithm']}; this phone answers MD5 only")
    secret = _md5(f"{user}:{fields['realm']}:{password}")
    subject = _md5(f"{method}:{uri}")
    parts = [f'username="{user}"', f'realm="{fields["realm"]}"', f'nonce="{fields["nonce"]}"', f'uri="{uri}"']
    if "auth" in [option.strip() for option in fields.get("qop", "").split(",")]:
        answer = _md5(f"{secret}:{fields['nonce']}:00000001:{cnonce}:auth:{subject}")
        parts += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
    else:
        answer = _md5(f"{secret}:{fields['nonce']}:{subject}")
    parts += [f'response="{answer}"', "algorithm=MD5"]
    if "opaque" in fields:
        parts.append(f'opaque="{fields["opaque"]}"')
    return "Digest " + ", ".join(parts)


def authorized(
    request: SipMessage, challenge: SipMessage, *, user: str, password: str, cseq: int, via: str
) -> SipMessage:
    """Repeat a request with the answer to a 401 or 407."""
    proxy = challenge.status == 407
    answer = digest_authorization(
        challenge.header("proxy-authenticate" if proxy else "www-authenticate"),
        method=request.method,
        uri=request.start_line.split(" ")[1],
        user=user,
        password=password,
        cnonce=os.urandom(8).hex(),
    )
    kept = [(name, value) for name, value in request.headers if name not in ("Via", "CSeq")]
    headers = [("Via", via), ("CSeq", f"{cseq} {request.method}"), *kept]
    headers.append(("Proxy-Authorization" if proxy else "Authorization", answer))
    return SipMessage(start_line=request.start_line, headers=tuple(headers), body=request.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription:
    """What of an SDP a phone needs: where to send audio, as which payload type, and where keys go."""

    address: Address
    payload_type: int
    event_payload_type: int | None

    @classmethod
    def parse(cls, sdp: str) -> Self:
        """Read an offer or an answer; the first of PCMU (0) and PCMA (8) that it names is used."""
        host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
        media = re.search(r"^m=audio (\d+) \S+ ([\d ]+)", sdp, re.MULTILINE)
        if not host or not media:
            raise ValueError("an SDP without an IPv4 audio stream")
        payload_types = [int(number) for number in media.group(2).split()]
        usable = [number for number in payload_types if number in (0, 8)]
        if not usable:
            raise ValueError(f"neither PCMU nor PCMA among payload types {payload_types}")
        events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", sdp, re.MULTILINE)
        return cls(
            address=(host.group(1), int(media.group(1))),
            payload_type=usable[0],
            event_payload_type=int(events.group(1)) if events else None,
        )


def describe_session(
    address: Address, *, version: int, payload_types: Sequence[int], events: bool, direction: str = "sendrecv"
) -> str:
    """Write an SDP for one audio stream of PCMU (0) and PCMA (8), with RFC 4733 keys as 101."""
    names = {0: "PCMU", 8: "PCMA"}
    numbers = [*payload_types, *([101] if events else [])]
    lines = [
        "v=0",
        f"o=phone 1 {version} IN IP4 {address[0]}",
        "s=phone",
        f"c=IN IP4 {address[0]}",
        "t=0 0",
        f"m=audio {address[1]} RTP/AVP {' '.join(str(number) for number in numbers)}",
        *(f"a=rtpmap:{number} {names[number]}/8000" for number in payload_types),
        *(["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"] if events else []),
        "a=ptime:20",
        f"a={direction}",
    ]
    return "\r\n".join(lines) + "\r\n"
