"""Which encoding a text file has: what its first bytes say, else the first of a short list that decodes all of it.

Law: a file is decoded strictly, whole, before its encoding is believed; nothing is ever replaced by a question mark.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callcenter.sheets.errors import SheetError

ENCODINGS = ("utf-8", "gb18030", "utf-16", "big5", "windows-1252")
"""What one may choose, where the file was guessed wrongly."""
A_PART = 1 << 20
LOOKED_AT = 1 << 16
_FEW_LETTERS = 5
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]", re.DOTALL)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """The codec to open the file with, and its name for people."""

    codec: str

    @property
    def name(self) -> str:
        """Without what only a decoder needs to know."""
        return {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(self.codec, self.codec)


def detect(path: Path, wanted: str | None = None) -> Detected:
    """The encoding of a file, or the `wanted` one where that fits; raises `SheetError` with the place that does not."""
    head = path.read_bytes() if path.stat().st_size <= LOOKED_AT else _head(path)
    marked = next((codec for mark, codec in _MARKS if head.startswith(mark)), None)
    if wanted is not None:
        codec = _codec(wanted, marked, head)
        _check(path, codec)
        return Detected(codec=codec)
    if marked is not None:
        _check(path, marked)
        return Detected(codec=marked)
    wide = _wide(head)
    if wide is not None:
        _check(path, wide)
        return Detected(codec=wide)
    first = _first_beyond_ascii(path)
    if fault_of(path, "utf-8") is None and not (_reads_as_rare(first) and fault_of(path, "gb18030") is None):
        return Detected(codec="utf-8")
    if not _reads_as_latin(first) and fault_of(path, "gb18030") is None:
        return Detected(codec="gb18030")
    if _reads_as_latin(first) and fault_of(path, "windows-1252") is None:
        return Detected(codec="windows-1252")
    raise SheetError(
        f"the file is neither UTF-8 (byte {fault_of(path, 'utf-8')}) nor GB18030 (byte {fault_of(path, 'gb18030')}); "
        "save it as UTF-8, or choose its encoding",
        code="sheet_encoding",
    )


def fault_of(path: Path, codec: str) -> int | None:
    """The first byte that this encoding cannot have; None where it fits the whole file."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    done = 0
    for part in _parts(path):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(part)
        except UnicodeDecodeError as error:
            return max(0, done - pending + error.start)
        done += len(part)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return done
    return None


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(A_PART):
            yield part


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LOOKED_AT)


def _first_beyond_ascii(path: Path) -> bytes:
    """From the first byte on that is no ASCII: a file of English names may have its only accent at the end."""
    for part in _parts(path):
        if not part.isascii():
            start = next(at for at, byte in enumerate(part) if byte > 0x7F)
            return part[start : start + LOOKED_AT]
    return b""


def _check(path: Path, codec: str) -> None:
    fault = fault_of(path, codec)
    if fault is not None:
        raise SheetError(
            f"byte {fault} of the file is no {Detected(codec=codec).name}: "
            "the file was cut off, or has another encoding",
            code="sheet_encoding",
        )


def _codec(wanted: str, marked: str | None, head: bytes) -> str:
    if wanted not in ENCODINGS:
        raise SheetError(
            f"there is no encoding {wanted!r} here; possible: {', '.join(ENCODINGS)}", code="sheet_encoding"
        )
    if wanted == "utf-8":
        return "utf-8-sig"
    if wanted == "utf-16" and marked is None:
        return _wide(head) or "utf-16-le"
    return wanted


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of its ASCII is zero."""
    looked = head[: len(head) // 2 * 2]
    if len(looked) < 4 or b"\x00" not in looked:
        return None
    low, high = looked[0::2].count(0), looked[1::2].count(0)
    if high > 4 * low and high > len(looked) // 20:
        return "utf-16-le"
    return "utf-16-be" if low > 4 * high and low > len(looked) // 20 else None


def _reads_as_rare(text: bytes) -> bool:
    """Whether UTF-8 makes of it a few letters beyond Latin of two bytes each, which are Chinese names in GB18030.

    The most famous is 联通. What is written in Greek or Cyrillic has more letters than that, all of one alphabet.
    """
    letters = {letter for letter in text.decode("utf-8", "ignore") if ord(letter) > 0x7F}
    if not letters or any(ord(letter) > 0x7FF for letter in letters):
        return False
    if all(0xA0 <= ord(letter) <= 0x17F for letter in letters):
        return False
    alphabets = {ord(letter) >> 8 for letter in letters}
    return len(letters) < _FEW_LETTERS or len(alphabets) > 2


def _reads_as_latin(text: bytes) -> bool:
    """Whether letters beyond ASCII stand alone among ASCII letters: `Müller`; those of Chinese come in pairs."""
    pairs = _PAIR.findall(text)
    alone = sum(1 for pair in pairs if pair[1] < 0x80)
    return bool(text) and alone * 2 >= max(len(pairs), 1)
