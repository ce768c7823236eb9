"""Publishing flows at the command line: a file's text takes the place of the one that counts, and that is taken back.

Law: what is published is checked first, together with everything that counts; a running server follows within seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from callcenter.app.flow_book import FlowBook
from callcenter.app.flow_figures import FlowFigures
from callcenter.app.flow_files import read_file
from callcenter.app.flow_texts import QUEUE_PROMPTS, Publication, name_in
from callcenter.app.lines import Lines
from callcenter.clock import SystemClock
from callcenter.domain.errors import NotFound
from callcenter.heard import flow_shelf
from callcenter.settings import Settings
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.flows import StoredFlows
from callcenter.store.schema import check_schema


async def publish_file(settings: Settings, file: Path, *, name: str | None, note: str, by: str) -> str:
    """Publish a file under the name it gives itself, or under `name`; raises `FlowError` or `FlowFaulty`."""
    text = await asyncio.to_thread(read_file, file)
    name = name or name_in(text) or (QUEUE_PROMPTS if text.startswith("prompt_set:") else file.stem)
    async with _book(settings) as (book, published):
        newest = (await published.newest()).get(name)
        based_on = 0 if newest is None else newest.version
        row = await book.publish(name, text, by=by, note=note, based_on=based_on)
    return f"published {name} as version {row.version}; a running server follows within seconds"


async def history_lines(settings: Settings, name: str, *, limit: int) -> list[str]:
    """What was published under a name, a line each, the newest first."""
    async with _book(settings) as (_, published):
        return [_line(one) for one in await published.history(name, limit=limit)]


async def shown_text(settings: Settings, name: str, version: int | None) -> str:
    """The text of a version, or the one that counts; `NotFound` when there is none."""
    async with _book(settings) as (book, published):
        if version is None:
            return (await book.read(name)).text
        found = await published.version(name, version)
    if found.retracted:
        raise NotFound(f"version {version} of {name} took back what was published; it has no text", code="no_text")
    return found.text


async def retract_flow(settings: Settings, name: str, *, note: str, by: str) -> str:
    """Let the file count again, or let a flow without a file be gone."""
    async with _book(settings) as (book, published):
        newest = (await published.newest()).get(name)
        based_on = 0 if newest is None else newest.version
        row = await book.retract(name, by=by, note=note, based_on=based_on)
    return f"took back {name}; there is no file of it" if row is None else f"took back {name}; {row.file} counts again"


def _line(one: Publication) -> str:
    did = "took it back" if one.retracted else "published"
    note = f": {one.note}" if one.note else ""
    return f"{one.version:>6}  {one.at:%Y-%m-%d %H:%M:%S} UTC  {did} by {one.by}{note}"


@asynccontextmanager
async def _book(settings: Settings) -> AsyncIterator[tuple[FlowBook, StoredFlows]]:
    database = Database(settings.database_url)
    try:
        await check_schema(database)
        # With the server's memory what was sound last counts here too, where a file is faulty now.
        shelf = flow_shelf(settings, database, memory=None)
        lines = await shelf.load()
        published, clock = StoredFlows(database), SystemClock()
        book = FlowBook(
            shelf=shelf,
            published=published,
            configuration=StoredConfiguration(database),
            figures=FlowFigures(clock=clock, timezone=ZoneInfo(settings.server.timezone)),
            clock=clock,
            lines=_always(lines),
        )
        yield book, published
    finally:
        await database.dispose()


def _always(lines: Lines) -> Callable[[], Lines]:
    return lambda: lines
