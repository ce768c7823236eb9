"""The tools for those who look after prompts: make them all, list them, and tell what is missing.

They read the same flows as the server, and may be used beside a running one: every file appears whole or not at all.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from unicodedata import east_asian_width

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from callcenter.app.lines import Lines
from callcenter.app.prompt_book import PromptState, prompt_views
from callcenter.asterisk.prompts import BuildFailure, BuildProgress
from callcenter.domain.errors import InvalidValue
from callcenter.heard import build_prompts, load_lines, prompt_library, prompt_sets, recorded_prompts
from callcenter.settings import Settings, make_data_directory
from callcenter.store.database import Database
from callcenter.store.schema import check_schema

TEXT_WIDTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """One prompt in one language, as it is told; `seconds` and `file` are null where there is no sound yet."""

    flow: str
    prompt: str
    language: str
    voice: str
    state: PromptState
    seconds: float | None
    file: str | None
    text: str


async def prompt_rows(settings: Settings, *, language: str | None, flow: str | None) -> list[PromptRow]:
    """Every prompt of every flow and of the queues, or those of one language or flow; raises `CallcenterError`."""
    lines = await _lines(settings)
    library, recordings = prompt_library(settings), recorded_prompts(settings)
    try:
        views = await asyncio.to_thread(prompt_views, prompt_sets(lines), library, recordings)
    finally:
        await library.aclose()
    known = {view.prompt_set for view in views}
    if flow is not None and flow not in known:
        raise InvalidValue(f"there are no prompts of {flow!r}; there are those of {', '.join(sorted(known))}")
    return [
        PromptRow(
            flow=view.prompt_set,
            prompt=view.prompt,
            language=text.language,
            voice=text.voice,
            state=text.state,
            seconds=text.seconds,
            file=text.file,
            text=text.text,
        )
        for view in views
        for text in view.texts
        if flow in (None, view.prompt_set) and language in (None, text.language)
    ]


def missing_of(rows: Sequence[PromptRow]) -> list[PromptRow]:
    """Those without a sound that should have one."""
    return [row for row in rows if row.state is PromptState.MISSING]


def table_lines(rows: Sequence[PromptRow]) -> Iterator[str]:
    """A line each, and their numbers by state."""
    name_width = max((len(f"{row.flow}.{row.prompt}") for row in rows), default=0)
    for row in rows:
        seconds = f"{row.seconds:6.2f} s" if row.seconds is not None else " " * 8
        voice = row.language if row.voice == row.language else f"{row.language}, voice {row.voice}"
        name = f"{row.flow}.{row.prompt}".ljust(name_width)
        yield f"{name}  {row.state:<9}  {seconds}  {voice}  {_cut(row.text)}  {row.file or ''}".rstrip()
    counts = [f"{sum(row.state is state for row in rows)} {state.value}" for state in PromptState]
    yield f"{len(rows)} prompts: {', '.join(counts)}"


def as_json(rows: Sequence[PromptRow]) -> str:
    """The rows for machines."""
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2)


async def make_prompts(settings: Settings, *, language: str | None, flow: str | None) -> tuple[BuildFailure, ...]:
    """Make what is missing, with a bar at the terminal; returns what failed. Raises `CallcenterError`."""
    make_data_directory(settings)
    lines = await _lines(settings)
    library = prompt_library(settings)
    try:
        with _bar() as progress:
            if language is None and flow is None:
                return await build_prompts(library, lines, progress)
            wanted = [
                utterance
                for prompts in (*prompt_sets(lines).flows, prompt_sets(lines).queues)
                if flow in (None, prompts.name)
                for utterance in prompts.fixed_utterances()
                if language in (None, utterance.language)
            ]
            return await library.build_all([], also=wanted, progress=progress)
    finally:
        await library.aclose()


def failure_lines(failures: Sequence[BuildFailure]) -> Iterator[str]:
    """Which prompts could not be made, by reason."""
    for reason in dict.fromkeys(failure.reason for failure in failures):
        names = [
            f"{failure.utterance.language}/{failure.utterance.prompt_id or failure.utterance.text}"
            for failure in failures
            if failure.reason == reason
        ]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield f"{len(names)} not made: {reason} ({shown})"


async def _lines(settings: Settings) -> Lines:
    database = Database(settings.database_url)
    try:
        await check_schema(database)
        return await load_lines(settings, database)
    finally:
        await database.dispose()


@contextmanager
def _bar() -> Iterator[Callable[[BuildProgress], None]]:
    """A bar on standard error, which stays out of what is piped on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("prompts", total=None)

        def told(progress: BuildProgress) -> None:
            failed = f", {progress.failed} failed" if progress.failed else ""
            bar.update(task, completed=progress.done, total=progress.total, description=f"prompts{failed}")

        yield told


def _cut(text: str) -> str:
    """As many signs as fit, filled up with spaces; a Chinese one is as wide as two."""
    width, kept = 0, ""
    for sign in text:
        wide = 2 if east_asian_width(sign) in "WF" else 1
        if width + wide > TEXT_WIDTH - 1:
            kept, width = kept + "…", width + 1
            break
        kept, width = kept + sign, width + wide
    return kept + " " * (TEXT_WIDTH - width)
