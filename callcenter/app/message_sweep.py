"""Finds messages that nobody has told of: spoken while the server was away, by callers who hung up meanwhile.

Law: a file that is still spoken into is left alone, and a message that has its row, or is on its way there, is not told
of again.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from callcenter.app.caller import Recorded
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import Adopt
from callcenter.app.messages_taken import SHORTEST_MESSAGE
from callcenter.app.ports import Clock, Records
from callcenter.domain import events as ev
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import InteractionId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.domain.messages import origin_of

log = structlog.get_logger(__name__)

SWEEP_EVERY = timedelta(minutes=2)
SETTLED_AFTER = timedelta(seconds=30)
"""A file that was written to since then may be spoken into."""
SILENCE_KEPT_FOR = timedelta(days=1)
FILES_AT_ONCE = 500


class MessageFiles(Protocol):
    """The directory of recordings."""

    async def messages(self) -> Sequence[tuple[str, datetime]]:
        """The files that hold messages, and when each was last written to."""
        ...

    async def second_takes(self) -> Sequence[tuple[str, datetime]]:
        """The files of messages that were spoken anew and took nobody's place, and when each was last written to."""
        ...

    async def recorded(self, file: str) -> Recorded | None:
        """What is on the disk of this file."""
        ...

    async def mend(self, file: str) -> None:
        """Make the header of a recording that was never closed right."""
        ...

    async def remove(self, file: str) -> None:
        """Take a file away."""
        ...

    async def take_in(self, path: Path, file: str) -> None:
        """Move a recording from elsewhere into the directory."""
        ...


class KnownFiles(Protocol):
    """Whoever knows which messages have their row."""

    async def known_files(self, files: Sequence[str]) -> frozenset[str]:
        """Those of these files that have."""
        ...


class MessageSweep:
    """One task runs it; `of_calls` besides, when calls that were missed are brought in."""

    def __init__(self, *, floor: Floor, records: Records, files: MessageFiles, known: KnownFiles, clock: Clock) -> None:
        self._floor = floor
        self._records = records
        self._files = files
        self._known = known
        self._clock = clock
        self._silent: set[str] = set()

    async def run(self) -> None:
        """Look again and again until cancelled; a store that is away is asked again."""
        while True:
            if self._floor.routing:
                try:
                    await self.turn()
                except (CallcenterError, OSError) as error:
                    log.warning("messages_not_swept", error=str(error))
            await asyncio.sleep(SWEEP_EVERY.total_seconds())

    async def turn(self) -> None:
        """Tell of every message whose call has ended and that nobody has told of."""
        now = self._clock.now()
        found = [(file, at) for file, at in await self._files.messages() if now - at >= SETTLED_AFTER]
        self._silent &= {file for file, _ in found}
        for file, at in await self._untold([one for one in found if one[0] not in self._silent]):
            record = await self._ended_record(file)
            if record is not None and not await self._tell(record, file, at):
                self._silent.add(file)
        useless = [(file, at) for file, at in found if file in self._silent]
        for file, at in (*useless, *(await self._files.second_takes())):
            if now - at >= SILENCE_KEPT_FOR:
                await self._files.remove(file)

    async def of_whom(self, ids: Collection[InteractionId]) -> frozenset[InteractionId]:
        """Which of these callers have a file here."""
        callers = {_caller_of(file) for file, _ in await self._files.messages()}
        return frozenset(one for one in ids if one in callers)

    async def of_calls(self, ids: Collection[InteractionId]) -> None:
        """Tell of what these callers, who are gone, have said; before their calls are said to have ended."""
        found = [(file, at) for file, at in await self._files.messages() if _caller_of(file) in ids]
        for file, at in await self._untold(found):
            record = self._floor.interactions.get(_caller_of(file) or InteractionId(""))
            if record is not None and record.stage is not Stage.ENDED:
                await self._tell(record, file, at)

    async def _untold(self, found: Sequence[tuple[str, datetime]]) -> list[tuple[str, datetime]]:
        untold: list[tuple[str, datetime]] = []
        for start in range(0, len(found), FILES_AT_ONCE):
            part = found[start : start + FILES_AT_ONCE]
            known = await self._known.known_files([file for file, _ in part])
            untold += [(file, at) for file, at in part if file not in known]
        return untold

    async def _ended_record(self, file: str) -> Interaction | None:
        """The record of the call it was spoken in, on the floor; None while that goes on, or is not known yet."""
        interaction_id = _caller_of(file) or InteractionId("")
        record = self._floor.interactions.get(interaction_id)
        if record is None:
            record = await self._records.interaction(interaction_id)
            if record is not None and record.stage is Stage.ENDED:
                await self._floor.request(Adopt(interaction=record))
        return record if record is not None and record.stage is Stage.ENDED else None

    async def _tell(self, record: Interaction, file: str, at: datetime) -> bool:
        """Tell of a message; False when there is nothing but silence in it."""
        origin = origin_of(file)
        if origin is None or any(left.file == file for left in record.given.messages):
            return True
        recorded = await self._files.recorded(file)
        if recorded is None or not recorded.voiced or recorded.length < SHORTEST_MESSAGE:
            return False
        await self._files.mend(file)
        await self._floor.request(
            ev.MessageLeft(
                interaction_id=record.interaction_id,
                at=max(at, record.started_at),
                queue_id=origin[1],
                file=file,
                seconds=recorded.length.total_seconds(),
            )
        )
        log.info("message_found", interaction_id=record.interaction_id, queue_id=origin[1])
        return True


def _caller_of(file: str) -> InteractionId | None:
    origin = origin_of(file)
    return None if origin is None else origin[0]
