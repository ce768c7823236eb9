"""Reads the channel event log that Asterisk keeps on disk: what happened to callers while the server was away.

Law: the log is only read; a half-written last line is left for the next time.
"""

import asyncio
import csv
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from callcenter.app.recovery import Arrival, MissedCall, MissedTalk
from callcenter.asterisk.config_files import CEL_COLUMNS
from callcenter.domain.events import Side
from callcenter.domain.ids import InteractionId, OfferId
from callcenter.domain.numbers import Number

#: At most so much is read at once: a server that was away for long reads on until it has all.
CHUNK_BYTES: Final = 4 * 1024 * 1024
#: A log larger than this is put aside and begun anew.
ROTATE_BYTES: Final = 64 * 1024 * 1024

_COLUMNS: Final = tuple(CEL_COLUMNS)
_INBOUND: Final = "cc-inbound"
#: A channel that Asterisk makes begins here, in the context of the trunk it goes out by; a caller's in what he dialled.
_OUTBOUND_EXTEN: Final = "s"
#: What the id of a callback's customer's leg ends with (app/ports.py).
_CUSTOMER_ENDING: Final = "."


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
    rotated = rotated_path(path)
    if position.inode and _inode(rotated) == position.inode:
        # It was put aside since: what it still has comes first.
        rows, after = _read(rotated, position)
        return (rows, after) if rows else _read(path, Position())
    return _read(path, position)


def _read(path: Path, position: Position) -> tuple[list[dict[str, str]], Position]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            start = position.offset if position.inode == found.st_ino and position.offset <= found.st_size else 0
            file.seek(start)
            data = file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return [], position
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].decode("utf-8", errors="replace").split("\n")
    return [row for line in lines if (row := _row(line))], Position(inode=found.st_ino, offset=start + whole)


def _row(line: str) -> dict[str, str]:
    """One line; each by itself, so that one that was cut short spoils no other."""
    try:
        values = next(csv.reader([line]), [])
    except csv.Error:
        return {}
    return dict(zip(_COLUMNS, values, strict=True)) if len(values) == len(_COLUMNS) else {}


def rotated_path(path: Path) -> Path:
    """Where a log that has grown large is put aside."""
    return path.with_suffix(".csv.1")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


class CelFolder:
    """Folds lines of the log into legs that are over, callers' and others'; what goes on is kept for the next lines."""

    def __init__(self, read_ani: Callable[[str, str], Number]) -> None:
        self._read_ani = read_ani
        self._open: dict[str, _OpenLeg] = {}

    def take(self, rows: Iterable[dict[str, str]]) -> Sequence[MissedCall]:
        """The calls that ended in these lines, in the order of their ends."""
        return [call for row in rows if (call := self._fold(row)) is not None]

    def in_talk(self) -> Sequence[MissedCall]:
        """The calls that were in a talk when the lines ended."""
        return [
            leg.as_call(leg_id, ended_at=None)
            for leg_id, leg in self._open.items()
            if any(talk.ended_at is None for talk in leg.talks.values())
        ]

    def _fold(self, row: dict[str, str]) -> MissedCall | None:
        leg_id, at = row.get("uniqueid", ""), _moment(row.get("time", ""))
        if at is None or not leg_id or row.get("channel", "").startswith("Surrogate/"):
            return None
        match row.get("event", ""):
            case "CHAN_START" if row.get("context") == _INBOUND and row.get("exten") != _OUTBOUND_EXTEN:
                self._leg(leg_id).arrival = Arrival(
                    at=at,
                    channel=row.get("channel", ""),
                    ani=self._read_ani(row.get("caller_number", ""), ""),
                    caller_name=row.get("caller_name", ""),
                    dnis=row.get("exten", ""),
                )
            case "ANSWER" if leg_id.endswith(_CUSTOMER_ENDING):
                self._leg(leg_id).reached = True
            case "BRIDGE_ENTER":
                self._enter(leg_id, _detail(row).get("bridge_id"), row.get("channel", ""), at)
            case "BRIDGE_EXIT":
                self._exit(leg_id, at)
            case "HANGUP":
                return self._hang_up(leg_id, row, at)
            case _:
                pass
        return None

    def _leg(self, leg_id: str) -> "_OpenLeg":
        return self._open.setdefault(leg_id, _OpenLeg())

    def _enter(self, leg_id: str, bridge: object, channel: str, at: datetime) -> None:
        leg = self._leg(leg_id)
        leg.answered, leg.channel = True, channel
        leg.bridge = bridge if isinstance(bridge, str) else None
        if leg.bridge is None:
            return
        for other_id, other in self._open.items():
            if other.bridge != leg.bridge:
                continue
            if _is_offer_of(other_id, leg_id):
                leg.talks.setdefault(other_id, _OpenTalk(began_at=at, agent_channel=other.channel))
            elif _is_offer_of(leg_id, other_id):
                other.talks.setdefault(leg_id, _OpenTalk(began_at=at, agent_channel=channel))

    def _exit(self, leg_id: str, at: datetime) -> None:
        leg = self._open.get(leg_id)
        if leg is None:
            return
        leg.bridge = None
        for caller_id, other in self._open.items():
            for offer_id, talk in other.talks.items():
                if leg_id in (caller_id, offer_id):
                    talk.ended_at = talk.ended_at or at

    def _hang_up(self, leg_id: str, row: dict[str, str], at: datetime) -> MissedCall | None:
        self._exit(leg_id, at)
        leg = self._open.pop(leg_id, None) or _OpenLeg()
        if leg_id.endswith(_CUSTOMER_ENDING) and not (leg.reached or leg.answered):
            return None  # An attempt in vain: the callback goes on.
        detail = _detail(row)
        cause, source = detail.get("hangupcause"), detail.get("hangupsource")
        side = None
        if source and source == row.get("channel"):
            side = Side.CALLER
        elif source and any(source == talk.agent_channel for talk in leg.talks.values()):
            side = Side.AGENT
        return replace(leg.as_call(leg_id, ended_at=at), side=side, cause=cause if isinstance(cause, int) else None)


@dataclass(slots=True, kw_only=True)
class _OpenTalk:
    began_at: datetime
    agent_channel: str
    ended_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class _OpenLeg:
    arrival: Arrival | None = None
    reached: bool = False
    """Of a callback's customer's leg: he has answered."""
    answered: bool = False
    bridge: str | None = None
    channel: str = ""
    talks: dict[str, _OpenTalk] = field(default_factory=dict)

    def as_call(self, leg_id: str, *, ended_at: datetime | None) -> MissedCall:
        return MissedCall(
            interaction_id=InteractionId(_interaction_of(leg_id)),
            arrival=self.arrival,
            ended_at=ended_at,
            answered=self.answered,
            talks=tuple(
                MissedTalk(offer_id=OfferId(offer_id), began_at=talk.began_at, ended_at=talk.ended_at)
                for offer_id, talk in self.talks.items()
            ),
        )


def _interaction_of(leg_id: str) -> str:
    """A caller's first leg names the interaction; of a callback's customer the attempt comes after it."""
    return leg_id.rpartition("-")[0] if leg_id.endswith(_CUSTOMER_ENDING) else leg_id


def _is_offer_of(leg_id: str, caller_leg_id: str) -> bool:
    """An offer's id begins with the id of the interaction that is offered."""
    return leg_id.startswith(f"{_interaction_of(caller_leg_id)}-") and not leg_id.endswith(_CUSTOMER_ENDING)


def _detail(row: dict[str, str]) -> dict[str, object]:
    try:
        detail = json.loads(row.get("extra", ""))
    except (ValueError, RecursionError):
        return {}
    return detail if isinstance(detail, dict) else {}


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
        """What ended after the position, or goes on in a talk that began after it; and the position to remember."""
        folder = CelFolder(self._read_ani)
        at = position_of(position)
        missed: list[MissedCall] = []
        while True:
            rows, after = await asyncio.to_thread(read_new, self._path, at)
            missed.extend(folder.take(rows))
            if after == at:
                return [*missed, *folder.in_talk()], str(after)
            at = after

    async def end(self) -> str:
        """The position after all that is written now; a log that has grown large is put aside first."""
        return str(await asyncio.to_thread(self._end))

    def _end(self) -> Position:
        try:
            found = self._path.stat()
            if found.st_size > ROTATE_BYTES:
                self._path.replace(rotated_path(self._path))
                return Position()
        except FileNotFoundError:
            return Position()
        return Position(inode=found.st_ino, offset=found.st_size)
