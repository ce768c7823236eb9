"""The flows in force: loads what counts now, keeps what was sound where the new is not, and remembers it for a restart.

Law: a text that is not sound never takes the place of one that is, not even by a restart of the server.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from callcenter.app.flow_files import FlowDirectory
from callcenter.app.flow_lines import LineRules, LinesOfBusiness, make_lines
from callcenter.app.flow_texts import FlowText, PublishedTexts, Settled, settle
from callcenter.app.lines import Lines
from callcenter.app.ports import Configuration
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.flow import Flow

log = structlog.get_logger(__name__)
_texts = msgspec.json.Decoder(dict[str, FlowText])


async def business_of(configuration: Configuration) -> LinesOfBusiness:
    """What of the business the flows name, as it is now."""
    queues = await configuration.queues()
    return LinesOfBusiness(
        queues=frozenset(queue.queue_id for queue in queues),
        agents=frozenset(agent.agent_id for agent in await configuration.agents()),
        hours=await configuration.hours(),
        numbers=await configuration.numbers(),
        surveys={queue.queue_id: queue.survey.flow for queue in queues if queue.survey is not None},
        treated=queues,
    )


class FlowShelf:
    """The texts in force, and what is wrong with those that are not."""

    def __init__(
        self,
        directory: FlowDirectory,
        *,
        published: PublishedTexts,
        configuration: Configuration,
        rules: LineRules,
        memory: Path | None = None,
    ) -> None:
        """`memory` is a file in which the sound texts are kept for the next start; None: nothing is kept back."""
        self.directory = directory
        self.rules = rules
        self.in_force: Mapping[str, FlowText] = {}
        self.flows: Mapping[str, Flow] = {}
        """What the texts in force are."""
        self.faults: tuple[Fault, ...] = ()
        """Of texts that count, but did not come into force."""
        self._published = published
        self._configuration = configuration
        self._memory = memory

    async def load(self) -> Lines:
        """What counts now, or was sound last; raises `FlowError` where that cannot be, and everything stays."""
        return await self.load_for(await business_of(self._configuration))

    async def load_for(self, business: LinesOfBusiness) -> Lines:
        """As `load`, with this business."""
        published = await self._published.newest()

        def make(texts: Mapping[str, FlowText]) -> Lines:
            return make_lines(texts, self.rules, business, known=self.flows.values())

        def work() -> tuple[Lines, Settled]:
            in_force = self.in_force or self._remembered()
            made, settled = settle(self.directory.read(), published, in_force, make)
            self._remember(settled.texts)
            return made, settled

        try:
            lines, settled = await asyncio.to_thread(work)
        except FlowError as error:
            self.faults = error.faults
            raise
        self.in_force, self.flows, self.faults = settled.texts, lines.flows, settled.faults
        for fault in settled.faults:
            log.error("flow_text_kept_out", fault=str(fault))
        return lines

    async def changed(self) -> bool:
        """Whether a file holds something else than when the texts were loaded."""
        return await asyncio.to_thread(self.directory.changed)

    def _remembered(self) -> dict[str, FlowText]:
        if self._memory is None:
            return {}
        try:
            return _texts.decode(self._memory.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            log.warning("flows_in_force_not_read", error=str(error))
            return {}

    def _remember(self, texts: Mapping[str, FlowText]) -> None:
        if self._memory is None or texts == self.in_force:
            return
        beside = self._memory.with_suffix(".new")
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(dict(texts)))
            os.replace(beside, self._memory)
        except OSError as error:
            # A full disk must not keep a sound flow from callers.
            log.warning("flows_in_force_not_kept", error=str(error))
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
