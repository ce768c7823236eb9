"""The gateway protocol (AGI) without I/O: a request and replies out of bytes, commands into bytes.

Law: however the bytes are split, the same request and replies come out; and no value becomes a second command
or a second argument.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from callcenter.asterisk.errors import AgiCommandError, AgiProtocolError

REQUEST_MAX_LINES: Final = 256
REQUEST_MAX_BYTES: Final = 64 * 1024
REPLY_MAX_BYTES: Final = 64 * 1024

# Asterisk splits a longer line and runs its tail as a command of its own. The line end counts.
COMMAND_MAX_BYTES: Final = 2047

_SUCCESS: Final = re.compile(r"200 result=(\S*)(?: \((.*)\))?(?: endpos=(-?\d+))?\s*", re.DOTALL)
_UNENDED_VALUE: Final = re.compile(r"200 result=\S* \(")
_STATUS: Final = re.compile(r"(\d{3})([ -]|$)(.*)", re.DOTALL)
_KEYWORDS: Final = re.compile(r"[A-Z]+( [A-Z]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiRequest:
    """What Asterisk says about the leg when a session starts; in `variables` the names are without `agi_`."""

    variables: Mapping[str, str]
    arguments: tuple[str, ...]
    path: str
    query: Mapping[str, str]

    @property
    def channel(self) -> str:
        return self.variables.get("channel", "")

    @property
    def unique_id(self) -> str:
        return self.variables.get("uniqueid", "")

    @property
    def context(self) -> str:
        return self.variables.get("context", "")

    @property
    def extension(self) -> str:
        return self.variables.get("extension", "")

    @property
    def language(self) -> str:
        return self.variables.get("language", "")

    @property
    def caller_number(self) -> str | None:
        """The calling number as Asterisk has it, None when withheld."""
        return _known(self.variables.get("callerid", ""))

    @property
    def caller_name(self) -> str | None:
        return _known(self.variables.get("calleridname", ""))

    @property
    def dialled_number(self) -> str | None:
        return _known(self.variables.get("dnid", ""))


def _known(value: str) -> str | None:
    return None if value in ("", "unknown") else value


class AgiRequestParser:
    """Reads the header block: give bytes to `receive` until it returns the request; `rest` came after it."""

    def __init__(self, *, max_lines: int = REQUEST_MAX_LINES, max_bytes: int = REQUEST_MAX_BYTES) -> None:
        self.rest = b""
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._bytes_read = 0
        self._values: dict[str, str] = {}
        self._lines_read = 0

    def receive(self, data: bytes) -> AgiRequest | None:
        """Raises AgiProtocolError when this is no AGI request or passes a bound."""
        searched = len(self._buffer)
        self._buffer += data
        while (end := self._buffer.find(b"\n", searched)) >= 0:
            self._check_start()
            line = bytes(self._buffer[:end]).decode("utf-8", "replace").rstrip("\r")
            del self._buffer[: end + 1]
            self._bytes_read += end + 1
            searched = 0
            if not line:
                self._check_size(self._bytes_read)
                self.rest = bytes(self._buffer)
                self._buffer.clear()
                return _request(self._values)
            self._read_line(line)
        self._check_start()
        self._check_size(self._bytes_read + len(self._buffer))
        return None

    def _check_start(self) -> None:
        """A stranger shows himself by his first bytes; there is no need to wait for the end of his line."""
        start = bytes(self._buffer[:4])
        if not (b"agi_".startswith(start) or b"\r\n".startswith(start[:2]) or start.startswith(b"\n")):
            raise AgiProtocolError("this is no AGI request: its lines begin with 'agi_'")

    def _read_line(self, line: str) -> None:
        self._lines_read += 1
        if self._lines_read > self._max_lines:
            raise AgiProtocolError(f"an AGI request of more than {self._max_lines} lines")
        self._check_size(self._bytes_read)
        name, colon, value = line.partition(":")
        if not colon:
            raise AgiProtocolError(f"{line[:60]!r} is no line of an AGI request, like 'agi_channel: x'")
        self._values[name.removeprefix("agi_")] = value.removeprefix(" ")

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise AgiProtocolError(f"an AGI request of more than {self._max_bytes} bytes")


def _request(values: Mapping[str, str]) -> AgiRequest:
    if "channel" not in values or "request" not in values:
        raise AgiProtocolError("an AGI request without agi_channel and agi_request")
    arguments: list[str] = []
    while (argument := values.get(f"arg_{len(arguments) + 1}")) is not None:
        arguments.append(argument)
    try:
        url = urlsplit(values["request"])
    except ValueError as error:
        raise AgiProtocolError(f"agi_request is no URL: {values['request'][:60]!r}") from error
    return AgiRequest(
        variables=dict(values),
        arguments=tuple(arguments),
        path=unquote(url.path).strip("/"),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiReply:
    """The reply to one command: `200 result=<result> (<value>) endpos=<endpos>`, or a refusal."""

    code: int
    result: str = ""
    value: str | None = None
    endpos: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AgiHangupNotice:
    """The line HANGUP, which comes between replies, never instead of one."""


class AgiReplyParser:
    """Give it bytes with `receive`, take replies and hang-up notices with `next_reply` until None."""

    def __init__(self, *, max_bytes: int = REPLY_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._lines: list[str] = []
        self._lines_bytes = 0

    def receive(self, data: bytes) -> None:
        """Add bytes as they arrived; take every reply out before adding more."""
        self._buffer += data

    def next_reply(self) -> AgiReply | AgiHangupNotice | None:
        """Raises AgiProtocolError when a line is no AGI reply or a reply passes its bound."""
        while (line := self._next_line()) is not None:
            if not self._lines and line == "HANGUP":
                return AgiHangupNotice()
            self._lines.append(line)
            reply = _parse_reply(self._lines)
            if reply is not None:
                self._lines.clear()
                self._lines_bytes = 0
                if reply.code >= 200:
                    return reply
        return None

    def _next_line(self) -> str | None:
        end = self._buffer.find(b"\n", self._searched)
        if self._lines_bytes + (end if end >= 0 else len(self._buffer)) > self._max_bytes:
            raise AgiProtocolError(f"an AGI reply of more than {self._max_bytes} bytes")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:end]).decode("utf-8", "replace").rstrip("\r")
        del self._buffer[: end + 1]
        self._searched = 0
        self._lines_bytes += end + 1
        return line


def _parse_reply(lines: list[str]) -> AgiReply | None:
    """A reply, or None when more lines belong to it: a usage text, or a value that holds a line feed."""
    first, last, text = lines[0], lines[-1], "\n".join(lines)
    status = _STATUS.fullmatch(first)
    if status is None:
        raise AgiProtocolError(f"{first[:60]!r} is no AGI reply, which are like '200 result=0'")
    code = int(status[1])
    if status[2] == "-":
        ended = len(lines) > 1 and last.startswith(f"{code} ")
        return AgiReply(code=code, text=text) if ended else None
    if code != 200:
        return AgiReply(code=code, text=status[3])
    success = _SUCCESS.fullmatch(text)
    if success is None:
        if _UNENDED_VALUE.match(first):
            return None
        raise AgiProtocolError(f"{first[:60]!r} is no AGI reply, which are like '200 result=0 (value)'")
    result, value, endpos = success.groups()
    return AgiReply(code=200, result=result, value=value, endpos=None if endpos is None else int(endpos), text=text)


def encode_command(keywords: str, *arguments: str) -> bytes:
    """One command line: `keywords` as they are ("SET VARIABLE"), each argument quoted.

    Raises AgiCommandError for control characters and for a line over 2,047 bytes; then nothing may be sent.
    """
    if not _KEYWORDS.fullmatch(keywords):
        raise AgiCommandError(f"{keywords!r} is no AGI command: capital letters and single spaces only")
    line = " ".join([keywords, *(_quote(keywords, argument) for argument in arguments)])
    encoded = line.encode() + b"\n"
    if len(encoded) > COMMAND_MAX_BYTES:
        raise AgiCommandError(
            f"the AGI command {keywords} is {len(encoded)} bytes long, Asterisk takes {COMMAND_MAX_BYTES}; "
            "it would run the rest as another command"
        )
    return encoded


def _quote(keywords: str, argument: str) -> str:
    for character in argument:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise AgiCommandError(
                f"an argument of the AGI command {keywords} holds the control character "
                f"U+{ord(character):04X}; take it out before sending"
            )
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
