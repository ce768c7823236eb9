"""The manager protocol (AMI) without I/O: bytes to whole messages, and actions to bytes.

Law: however the bytes are split, the same messages come out; and no value, whatever it holds, becomes a
header or an action.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from callcenter.asterisk.errors import AmiFieldError, AmiMessageTooLong, AmiProtocolError

BANNER_START: Final = b"Asterisk Call Manager/"
BANNER_MAX_BYTES: Final = 256
MESSAGE_MAX_BYTES: Final = 1 << 20

# Asterisk 22 refuses a longer line and takes what follows it for an action of its own (tried: 1,022 pass, 1,023
# do not), and it refuses more than 128 headers.
LINE_MAX_BYTES: Final = 1022
HEADERS_MAX: Final = 128

_END_OF_LINE: Final = b"\r\n"
_END_OF_MESSAGE: Final = b"\r\n\r\n"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_()-]*")
_VARIABLE_NAME: Final = re.compile(r"_{0,2}[A-Za-z0-9][A-Za-z0-9_]*(\([A-Za-z0-9_-]*\))?")
_C_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_C_MEANINGS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SPLITTING_CHARACTERS: Final = re.compile(r'([\\,"()\[\]])')


@dataclass(frozen=True, slots=True)
class AmiMessage(Mapping[str, str]):
    """One block of headers; names are matched whatever their case, a repeated header keeps all its values.

    `message["Channel"]` is the first value, `message.all("Variable")` every one. `stray` holds lines that
    are no header.
    """

    headers: tuple[tuple[str, str], ...]
    stray: tuple[str, ...] = ()
    _values: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values: dict[str, tuple[str, ...]] = {}
        for name, value in self.headers:
            key = name.lower()
            values[key] = (*values[key], value) if key in values else (value,)
        object.__setattr__(self, "_values", values)

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        spellings = {name.lower(): name for name, _ in reversed(self.headers)}
        return iter(spellings[key] for key in self._values)

    def __len__(self) -> int:
        return len(self._values)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in the order of arrival; empty when there is none."""
        return self._values.get(name.lower(), ())

    def unescaped(self, name: str) -> str:
        """The first value of a header that Asterisk writes as in C, such as CallerIDName; "" when there is none.

        Names of callers and connected lines in channel events are written so, with \\" for " and \\n for a
        line feed: the result may hold control characters.
        """
        return _C_ESCAPE.sub(lambda found: _C_MEANINGS.get(found[1], found[1]), self.get(name, ""))

    def variables(self, name: str = "ChanVariable") -> dict[str, str]:
        """The `NAME=value` values of a repeated header; of one NAME the last counts."""
        pairs = (value.partition("=") for value in self.all(name))
        return {variable: value for variable, equals, value in pairs if equals}

    @property
    def action_id(self) -> str:
        return self.get("ActionID", "")


@dataclass(frozen=True, slots=True)
class AmiEvent(AmiMessage):
    """Something that happened, or one item of a list."""

    @property
    def name(self) -> str:
        return self.get("Event", "")

    @property
    def ends_list(self) -> bool:
        return self.get("EventList", "").lower() in ("complete", "cancelled")


@dataclass(frozen=True, slots=True)
class AmiResponse(AmiMessage):
    """The answer to one action."""

    @property
    def success(self) -> bool:
        return self.get("Response", "").lower() in ("success", "follows", "goodbye", "pong")

    @property
    def message(self) -> str:
        return self.get("Message", "")

    @property
    def output(self) -> tuple[str, ...]:
        """The lines that the action `Command` printed."""
        return self.all("Output")


class AmiParser:
    """Give it bytes with `receive`, take whole messages with `next_message` until there is none.

    `banner` is None until the greeting line has come. After an error the stream cannot be trusted: every
    further call raises the same error.
    """

    def __init__(self, *, message_max_bytes: int = MESSAGE_MAX_BYTES) -> None:
        self.banner: str | None = None
        self._message_max_bytes = message_max_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._failure: AmiProtocolError | None = None

    def receive(self, data: bytes) -> None:
        """Add bytes as they arrived. Take every message out before adding more: that bounds the buffer."""
        self._buffer += data

    def next_message(self) -> AmiEvent | AmiResponse | None:
        """The next whole message, or None; raises AmiProtocolError or AmiMessageTooLong, then for ever."""
        if self._failure is not None:
            raise self._failure
        try:
            if self.banner is None and not self._read_banner():
                return None
            block = self._next_block()
        except AmiProtocolError as failure:
            self._failure = failure
            self._buffer.clear()
            raise
        return None if block is None else _parse_block(block)

    def _read_banner(self) -> bool:
        if not self._buffer.startswith(BANNER_START[: len(self._buffer)]):
            said = bytes(self._buffer[:40]).decode("utf-8", "replace")
            raise AmiProtocolError(
                f"the peer is no Asterisk manager port: it began with {said!r}, where 'Asterisk Call Manager/' belongs"
            )
        end = self._buffer.find(b"\n", 0, BANNER_MAX_BYTES)
        if end < 0:
            if len(self._buffer) >= BANNER_MAX_BYTES:
                raise AmiMessageTooLong(f"the manager's greeting has no end within {BANNER_MAX_BYTES} bytes")
            return False
        self.banner = bytes(self._buffer[:end]).decode("utf-8", "replace").rstrip("\r")
        del self._buffer[: end + 1]
        return True

    def _next_block(self) -> bytes | None:
        # Blank lines before a message are nothing; without this a blank line too many would shift the blocks.
        while self._buffer.startswith(_END_OF_LINE):
            del self._buffer[: len(_END_OF_LINE)]
            self._searched = 0
        end = self._buffer.find(_END_OF_MESSAGE, self._searched)
        length_at_least = end if end >= 0 else len(self._buffer) - len(_END_OF_MESSAGE) + 1
        if length_at_least > self._message_max_bytes:
            raise AmiMessageTooLong(
                f"an AMI message passed {self._message_max_bytes} bytes; it began with {bytes(self._buffer[:60])!r}"
            )
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END_OF_MESSAGE) + 1)
            return None
        block = bytes(self._buffer[:end])
        del self._buffer[: end + len(_END_OF_MESSAGE)]
        self._searched = 0
        return block


def _parse_block(block: bytes) -> AmiEvent | AmiResponse:
    headers: list[tuple[str, str]] = []
    stray: list[str] = []
    # Only CR LF ends a line: some values hold a bare line feed, and str.splitlines would also cut at U+2028.
    for line in block.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon and name and " " not in name:
            headers.append((name, value.removeprefix(" ")))
        elif line:
            stray.append(line)
    kinds = {name.lower() for name, _ in headers}
    if "response" in kinds and "event" not in kinds:
        return AmiResponse(tuple(headers), tuple(stray))
    return AmiEvent(tuple(headers), tuple(stray))


def encode_action(action: str, action_id: str, fields: Mapping[str, str | Sequence[str]]) -> bytes:
    """One action, ready to send: `Action`, `ActionID`, then the fields in their own order.

    A sequence becomes a repeated header. Raises AmiFieldError, and then nothing may be sent.
    """
    if not _NAME.fullmatch(action):
        raise AmiFieldError(f"{action!r} is no name of an AMI action: letters, digits, '-' and '_' only")
    headers = [("Action", action), ("ActionID", action_id)]
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise AmiFieldError(
                f"{name!r} is no name of an AMI header in action {action}: letters, digits, '-', '_', '(' and ')' only"
            )
        if name.lower() in ("action", "actionid"):
            raise AmiFieldError(f"the client itself sets the header {name} of action {action}")
        headers.extend((name, item) for item in ((value,) if isinstance(value, str) else value))
    if len(headers) > HEADERS_MAX:
        raise AmiFieldError(f"action {action} has {len(headers)} headers, Asterisk takes {HEADERS_MAX}")
    lines = [_encode_header(action, name, value) for name, value in headers]
    return _END_OF_LINE.join([*lines, b"", b""])


def _encode_header(action: str, name: str, value: str) -> bytes:
    # Control characters (line ends above all), lone surrogates and the Unicode line ends are refused.
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise AmiFieldError(
                f"the value of {name} in action {action} holds the control character U+{ord(character):04X}; "
                "take it out before sending"
            )
    line = f"{name}: {value}".encode()
    if len(line) > LINE_MAX_BYTES:
        raise AmiFieldError(
            f"the header {name} of action {action} is {len(line)} bytes long, Asterisk takes {LINE_MAX_BYTES}"
        )
    return line


def variable_field(name: str, value: str) -> str:
    """A value for the header `Variable` of Originate, where a bare comma would begin another variable."""
    if not _VARIABLE_NAME.fullmatch(name):
        raise AmiFieldError(f"{name!r} is no name of a channel variable: letters, digits and '_' only")
    escaped = _SPLITTING_CHARACTERS.sub(r"\\\1", value)
    return f"{name}={escaped}"
