"""Reads the channel event log that Asterisk keeps on disk: what happened to callers while the server was away.

Law: the log is only read; a half-written last line is left for the next time.
"""

import asyncio
import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from callcenter.app.recovery import Arrival, MissedCall
from callcenter.asterisk.config_files import CEL_COLUMNS
from callcenter.domain.ids import InteractionId
from callcenter.domain.numbers import Number

#: At most so much is read at once: a server that was away for long reads on until it has all.
CHUNK_BYTES: Final = 4 * 1024 * 1024
#: A log larger than this is put aside and begun anew.
ROTATE_BYTES: Final = 64 * 1024 * 1024

_COLUMNS: Final = tuple(CEL_COLUMNS)
_INBOUND: Final = "cc-inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where reading goes on: which file (it may have been rotated) and from which byte."""

    inode: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.inode}:{self.offset}"


def position_of(text: str | None) -> Position:
    """A position kept as text; the beginning when there is none."""
    inode, _, offset = (text or "").partition(":")
    if inode.isdecimal() and offset.isdecimal():
        return Position(inode=int(inode), offset=int(offset))
    return Position()


def read_new(path: Path, position: Position) -> tuple[list[dict[str, str]], Position]:
    """The whole lines after `position`, as a mapping of column to value, and where to go on; blocking."""
    try:
        with path.open("rb") as file:
            inode = path.stat().st_ino
            size = path.stat().st_size
            start = position.offset if position.inode == inode and position.offset <= size else 0
            file.seek(start)
            data = file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return [], position
    whole = data.rfind(b"\n") + 1
    text = data[:whole].decode("utf-8", errors="replace")
    rows = [dict(zip(_COLUMNS, row, strict=False)) for row in csv.reader(text.splitlines()) if row]
    return rows, Position(inode=inode, offset=start + whole)


class CelFolder:
    """Folds lines of the log into legs that are over, callers' and others'; what goes on is kept for the next lines."""

    def __init__(self, read_ani: Callable[[str, str], Number]) -> None:
        self._read_ani = read_ani
        self._open: dict[str, _OpenCall] = {}

    def take(self, rows: Iterable[dict[str, str]]) -> Sequence[MissedCall]:
        """The calls that ended in these lines, in the order of their ends."""
        ended = []
        for row in rows:
            call = self._fold(row)
            if call is not None:
                ended.append(call)
        return ended

    def _fold(self, row: dict[str, str]) -> MissedCall | None:
        leg_id, at = row.get("uniqueid", ""), _moment(row.get("time", ""))
        if at is None or not leg_id or row.get("channel", "").startswith("Surrogate/"):
            return None
        kind = row.get("event", "")
        if kind == "CHAN_START" and row.get("context") == _INBOUND:
            call = self._open.setdefault(leg_id, _OpenCall())
            call.arrival = Arrival(
                at=at,
                channel=row.get("channel", ""),
                ani=self._read_ani(row.get("caller_number", ""), ""),
                caller_name=row.get("caller_name", ""),
                dnis=row.get("exten", ""),
            )
        elif kind == "BRIDGE_ENTER":
            call = self._open.setdefault(leg_id, _OpenCall())
            call.talk_began_at = call.talk_began_at or at
        elif kind == "HANGUP":
            call = self._open.pop(leg_id, _OpenCall())
            return call.ended(InteractionId(leg_id), at, row.get("channel", ""), row.get("extra", ""))
        return None


@dataclass(slots=True, kw_only=True)
class _OpenCall:
    arrival: Arrival | None = None
    talk_began_at: datetime | None = None

    def ended(self, interaction_id: InteractionId, at: datetime, channel: str, extra: str) -> MissedCall:
        cause, source = _hangup(extra)
        return MissedCall(
            interaction_id=interaction_id,
            arrival=self.arrival,
            ended_at=at,
            talk_began_at=self.talk_began_at,
            hung_up_by_caller=bool(source) and source == channel,
            cause=cause,
        )


def _hangup(extra: str) -> tuple[int | None, str]:
    try:
        detail = json.loads(extra)
    except ValueError:
        return None, ""
    if not isinstance(detail, dict):
        return None, ""
    cause, source = detail.get("hangupcause"), detail.get("hangupsource")
    return (cause if isinstance(cause, int) else None), (source if isinstance(source, str) else "")


def _moment(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


class ChannelLog:
    """The log and how far it has been read: the source of missed calls (app/recovery.py)."""

    def __init__(self, path: Path, read_ani: Callable[[str, str], Number]) -> None:
        self._path = path
        self._read_ani = read_ani

    async def missed(self, position: str | None) -> tuple[Sequence[MissedCall], str]:
        """What ended after the position, and the position to remember."""
        folder = CelFolder(self._read_ani)
        at = position_of(position)
        missed: list[MissedCall] = []
        while True:
            rows, after = await asyncio.to_thread(read_new, self._path, at)
            missed.extend(folder.take(rows))
            if not rows or after == at:
                return missed, str(after)
            at = after

    async def end(self) -> str:
        """The position after all that is written now; a log that has grown large is put aside first."""
        return str(await asyncio.to_thread(self._end))

    def _end(self) -> Position:
        try:
            found = self._path.stat()
            if found.st_size > ROTATE_BYTES:
                self._path.replace(self._path.with_suffix(".csv.1"))
                return Position()
        except FileNotFoundError:
            return Position()
        return Position(inode=found.st_ino, offset=found.st_size)
