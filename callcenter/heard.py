"""What callers hear: the flows that count, and the sound files of their prompts."""

from collections.abc import Callable
from pathlib import Path

import structlog

from callcenter.app.flow_files import FlowDirectory
from callcenter.app.flow_lines import LineRules
from callcenter.app.flow_shelf import FlowShelf
from callcenter.app.lines import Lines
from callcenter.app.prompt_book import PromptSets
from callcenter.asterisk.conversion import SoxConverter
from callcenter.asterisk.prompts import BuildFailure, BuildProgress, PromptLibrary
from callcenter.asterisk.recorded_prompts import RecordedPrompts
from callcenter.asterisk.synthesis import EspeakSynthesiser
from callcenter.settings import Settings
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.flows import StoredFlows

log = structlog.get_logger(__name__)


def flow_shelf(settings: Settings, database: Database, *, memory: Path | None = None) -> FlowShelf:
    """The flows of the directory and those that were published; with `memory`, what was sound last stays in force."""
    rules = LineRules(
        directory=settings.flows.directory,
        default_flow=settings.flows.default,
        default_language=settings.server.language,
    )
    return FlowShelf(
        FlowDirectory(settings.flows.directory),
        published=StoredFlows(database),
        configuration=StoredConfiguration(database),
        rules=rules,
        memory=memory,
    )


async def load_lines(settings: Settings, database: Database) -> Lines:
    """Every flow that counts and which number leads to it; raises `FlowError` with the faults of all."""
    return await flow_shelf(settings, database).load()


def prompt_library(settings: Settings) -> PromptLibrary:
    """The prompts' sound files; close it with `aclose`."""
    return PromptLibrary(settings.sound_directory, settings.recorded_directory, EspeakSynthesiser())


def recorded_prompts(settings: Settings) -> RecordedPrompts:
    """The recordings of prompts and their history."""
    return RecordedPrompts(settings.recorded_directory, SoxConverter())


def prompt_sets(lines: Lines) -> PromptSets:
    """The prompts of these lines."""
    return PromptSets(flows=tuple(flow.prompts for flow in lines.flows.values()), queues=lines.waiting_prompts.prompts)


async def build_prompts(
    library: PromptLibrary, lines: Lines, progress: Callable[[BuildProgress], None] | None = None
) -> tuple[BuildFailure, ...]:
    """Make every prompt that can be made before anybody calls; what fails is logged and tried again when needed."""
    sets = [flow.prompts for flow in lines.flows.values()]
    waiting = lines.waiting_prompts
    also = waiting.likely_utterances()
    # First what Asterisk says by itself: this server may be gone in a moment.
    stable = await library.write_stable(waiting.prompts)
    failures = await library.build_all([*sets, waiting.prompts], also=also, progress=progress)
    # What could not be made has failed twice, for the same reason; what can go wrong there alone is the disk.
    told = {failure.utterance for failure in failures}
    failures = (*failures, *(failure for failure in stable if failure.utterance not in told))
    log.info("prompts_built", failed=len(failures))
    return failures
