"""Puts all that is known of one person into one file, for himself: JSON documents, and what he said as sound.

Law: what an erasure would touch, the file shows; secrets and other people are left out.
"""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from callcenter.app.erasure import FoundPerson
from callcenter.domain.ids import CustomerId

INDEX: Final = "index.json"


class People(Protocol):
    """Reads all the rows."""

    async def find(self, customer_id: CustomerId) -> FoundPerson:
        """The person; `NotFound`."""
        ...

    def documents(self, customer_id: CustomerId) -> AsyncIterator[tuple[str, int, bytes]]:
        """Of each table that has rows of his: its name, how many, and they as JSON."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonIndex:
    """What is in the file."""

    customer_id: CustomerId
    merged_of: Sequence[str]
    made_at: datetime
    made_by: str
    tables: Mapping[str, int]
    audio: Sequence[str]
    missing: Sequence[str]


async def write_person(
    people: People, customer_id: CustomerId, *, recordings: Path, directory: Path, at: datetime, by: str
) -> Path:
    """A ZIP archive in the `directory` for what is sent once; who asked for it removes it. `NotFound`."""
    person = await people.find(customer_id)
    with tempfile.NamedTemporaryFile(dir=directory, prefix="person-", suffix=".zip", delete=False) as made:
        path = Path(made.name)
    try:
        counts: dict[str, int] = {}
        async for name, count, text in people.documents(person.customer_id):
            counts[name] = count
            await asyncio.to_thread(_add_text, path, f"{name}.json", text)
        audio, missing = await asyncio.to_thread(_add_audio, path, recordings, person.files)
        index = PersonIndex(
            customer_id=person.customer_id,
            merged_of=tuple(one for one in person.customer_ids if one != person.customer_id),
            made_at=at,
            made_by=by,
            tables=counts,
            audio=audio,
            missing=missing,
        )
        await asyncio.to_thread(_add_text, path, INDEX, msgspec.json.encode(index))
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise
    return path


def _add_text(path: Path, name: str, text: bytes) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, msgspec.json.format(text, indent=1))


def _add_audio(path: Path, recordings: Path, files: Sequence[str]) -> tuple[list[str], list[str]]:
    found, missing = [], []
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        for file in files:
            source = recordings / file
            if Path(file).name == file and source.is_file():
                archive.write(source, f"audio/{file}")
                found.append(file)
            else:
                missing.append(file)
    return found, missing
