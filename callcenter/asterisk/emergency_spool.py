"""The spool of the emergency script: writes the script that Asterisk runs, and reads what callers wanted meanwhile."""

import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import structlog

import callcenter
from callcenter.app.emergency_intake import Wish, WishKind
from callcenter.asterisk.recordings import NAME
from callcenter.domain.ids import InteractionId, QueueId

log = structlog.get_logger(__name__)

SCRIPT: Final = "emergency-agi"
MOST_WISHES: Final = 1_000
"""So many are read at once; the rest has its turn a moment later."""
_LARGEST_BYTES: Final = 10_000
_Text = Annotated[str, msgspec.Meta(max_length=200)]


class _Document(msgspec.Struct):
    version: Literal[1]
    interaction_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,100}$")]
    dnis: _Text
    ani: _Text
    name: _Text
    queue_id: _Text
    language: _Text
    entered_at: Annotated[float, msgspec.Meta(ge=0, le=4e9)]
    wished_at: Annotated[float, msgspec.Meta(ge=0, le=4e9)]
    wish: Literal["callback", "message"]
    file: _Text | None


_documents = msgspec.json.Decoder(_Document)


class EmergencySpool:
    """Implements `callcenter.app.emergency_intake.Spool`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    async def wishes(self) -> Sequence[Wish]:
        """What callers wanted, the oldest first."""
        return await asyncio.to_thread(self._read)

    async def done(self, wish: Wish) -> None:
        """Take a wish out; a second time does nothing."""
        path = self._directory / f"{wish.interaction_id}.json"
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _read(self) -> list[Wish]:
        wishes: list[Wish] = []
        with suppress(FileNotFoundError):
            for path in sorted(self._directory.glob("*.json"))[:MOST_WISHES]:
                wish = self._wish(path)
                if wish is not None:
                    wishes.append(wish)
        return sorted(wishes, key=lambda wish: wish.wished_at)

    def _wish(self, path: Path) -> Wish | None:
        try:
            with path.open("rb") as stream:
                document = _documents.decode(stream.read(_LARGEST_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            # Nobody's wish is thrown away: a person has to look at it.
            log.error("emergency_wish_unreadable", file=path.name, cause=type(error).__name__)  # noqa: TRY400
            with suppress(OSError):
                path.replace(path.with_suffix(".unreadable"))
            return None
        file = document.file
        return Wish(
            interaction_id=InteractionId(document.interaction_id),
            kind=WishKind(document.wish),
            ani=document.ani,
            dnis=document.dnis,
            caller_name=document.name,
            queue_id=QueueId(document.queue_id) if document.queue_id else None,
            language=document.language,
            entered_at=datetime.fromtimestamp(document.entered_at, UTC),
            wished_at=datetime.fromtimestamp(document.wished_at, UTC),
            recording=self._directory / file if file and NAME.fullmatch(file) else None,
        )


def write_emergency_script(spool: Path, sounds: Path, *, callbacks: bool) -> Path:
    """Write the script that Asterisk runs, and make the spool beside it; returns the script's path.

    It runs under this very Python, so that it needs nothing that is not installed with the server.
    """
    spool = spool.absolute()
    spool.mkdir(mode=0o770, parents=True, exist_ok=True)
    package = Path(callcenter.__file__).resolve().parents[1]
    words = [sys.executable, "-m", "callcenter.asterisk.emergency", "--spool", str(spool)]
    words += ["--sounds", str(sounds.absolute()), *(["--callbacks"] if callbacks else [])]
    text = (
        "#!/bin/sh\n"
        "# Written by callcenter: Asterisk runs it for callers while the server is away (docs/asterisk.md).\n"
        f'PYTHONPATH={shlex.quote(str(package))} exec {shlex.join(words)} "$@"\n'
    )
    path = spool / SCRIPT
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.chmod(0o755)
    os.replace(part, path)
    return path
