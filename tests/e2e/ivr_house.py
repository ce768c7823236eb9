"""A house whose every prompt can be told from what comes over the line, and a caller who is led through a flow.

async with IvrHouse(base) as house:
    async with house.walker("main", language="en", keys_by="info") as walker:
        await walker.hears("main.welcome")
        await walker.press("1")
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from callcenter.app.business_items import HoursEntry
from callcenter.app.ports import NumberRoute
from callcenter.domain.hours import Interval
from callcenter.domain.labels import Label
from callcenter.ivr.prompts import PromptSet
from callcenter.ivr.reader import parse_flows
from callcenter.store.configuration import put_hours, put_number
from callcenter.store.database import Database
from tests.e2e.house import PROJECT, House
from tests.e2e.invariants import Invariants
from tests.e2e.phones import Caller
from tests.e2e.prompt_tones import queue_prompts
from tests.e2e.silences import Silence, silences
from tests.e2e.sipp_phones import CallerLoad
from tests.e2e.tone_voice import Listener, ToneVoice

LONGEST_SILENCE_SECONDS: Final = 2.0
AGAIN_WITHIN_SECONDS: Final = 3.0
"""So soon after a restart he hears again what he heard when the server was killed."""
FLOWS: Final = PROJECT / "ivr_flows"
OFFICE: Final = Interval(opens=time(9), closes=time(18))
DIALLED: Final = ("main", "sales", "service", "support")
"""The flows that numbers lead to; `identify` is walked through on the way, `survey` comes after a talk."""
KeysBy = Literal["rfc4733", "info"]


def shipped_prompts() -> list[PromptSet]:
    """What the shipped flows and their queues say."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(FLOWS.glob("*.yaml"))}
    return [*(flow.prompts for flow in parse_flows(texts).values()), queue_prompts(FLOWS)]


def shipped_flows() -> set[str]:
    """Their names."""
    return {path.stem for path in FLOWS.glob("*.yaml")}


@dataclass(slots=True)
class Walker:
    """A caller on his way through a flow, with all that he hears."""

    house: "IvrHouse"
    caller: Caller
    language: str
    listener: Listener

    async def hears(self, *prompts: str, language: str = "", seconds: float = 15.0) -> None:
        """Wait until these prompts have come next, and nothing else between them."""
        await self.listener.hears(language or self.language, *prompts, seconds=seconds)

    async def hears_again(self, first: str, *others: str) -> None:
        """Wait, as short as callers may after a crash, until a prompt comes again; an apology may come before it."""
        wanted = (first, "queue.apology")
        while await self.hears_one_of(*wanted, seconds=AGAIN_WITHIN_SECONDS) != first:
            pass
        await self.hears(*others)

    async def hears_one_of(self, *prompts: str, seconds: float = 15.0) -> str:
        """Wait until one of these has come next; which."""
        heard = await self.listener.next_heard(" or ".join(prompts), seconds=seconds)
        said = [prompt for prompt in prompts if heard.is_(self.language, prompt)]
        if not said:
            raise AssertionError(f"{heard} was heard where {' or '.join(prompts)} was to come; heard: {self.listener}")
        return said[0]

    async def hears_both(self, *prompts: str) -> None:
        """Whose language is not known hears each prompt in one language after the other."""
        for prompt in prompts:
            for language in ("zh", "en"):
                await self.listener.hears(language, prompt)

    async def press(self, keys: str) -> None:
        """Press some keys, one after the other."""
        for key in keys:
            await self.caller.press(key)

    def silences(self) -> list[Silence]:
        """Where he heard nothing for longer than anybody should, from the answer until now or his end."""
        assert self.caller.answered_at is not None
        until = self.caller.end.at if self.caller.end is not None else asyncio.get_running_loop().time()
        audio = self.caller.audio
        return silences(
            audio.heard,
            self.caller.answered_at,
            until,
            longer_than=LONGEST_SILENCE_SECONDS,
            keys_at=audio.pressed_at,
        )

    async def record(self) -> dict[str, Any]:
        """His interaction as the API tells it, once it has ended."""
        found: list[dict[str, Any]] = []

        async def is_over() -> bool:
            checker = self.house.invariants()
            events = [e for e in checker.events("InteractionArrived") if e["data"]["ani"]["e164"] == self.caller.ani]
            found[:] = [row for row in checker.interactions() if events and row["ended_at"] is not None
                        and row["interaction_id"] == events[-1]["interaction_id"]]  # fmt: skip
            return bool(found)

        await self.house.until(is_over, f"the call from {self.caller.ani} has its record", seconds=20)
        return found[0]

    def events(self, interaction_id: str, *names: str) -> list[dict[str, Any]]:
        """The data of the events of his call."""
        rows = self.house.invariants().events(*names)
        return [row["data"] for row in rows if row["interaction_id"] == interaction_id]


class IvrHouse(House):
    """Each flow that a number may lead to has one; nobody is at work unless a test says so."""

    usual_voice = False

    def __init__(self, base: Path) -> None:
        self.voice = ToneVoice(shipped_prompts())
        voices = base / "voice"
        self.voice.install(voices)
        super().__init__(base, {"PATH": f"{voices}{os.pathsep}{os.environ['PATH']}"})
        self._numbers = {name: str(4_701 + index) for index, name in enumerate(DIALLED)}
        self._callers = 0
        self.loads: list[CallerLoad] = []

    def number(self, flow: str) -> str:
        """The number that leads to a flow."""
        return self._numbers[flow]

    def invariants(self) -> Invariants:
        """The checker over what is in the database now, with SIPp's callers."""
        calls = [call for load in self.loads for call in load.calls]
        return Invariants(self.database_path, [*self.callers, *calls], self.phones)

    async def start_server(self, *, watched: bool = False) -> None:
        """Start it, and wait until every prompt is there."""
        before = self._built()
        await super().start_server(watched=watched)

        async def are_built() -> bool:
            return self._built() > before

        await self.until(are_built, "the prompts are built", seconds=90)

    def _built(self) -> int:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return text.count("prompts_built")

    async def _arrange_for_tests(self) -> None:
        await super()._arrange_for_tests()
        database = Database(self.settings.database_url)
        try:
            async with database.writing() as connection:
                # Closed whatever the day of the test; when it opens again is a month away.
                opens_on = datetime.now(UTC).date() + timedelta(days=30)
                hours = HoursEntry(timezone="Asia/Shanghai", special={opens_on: (OFFICE,)})
                await put_hours(connection, "office", hours)
                for flow, dnis in self._numbers.items():
                    label = Label(zh=flow, en=flow)
                    await put_number(connection, NumberRoute(dnis=dnis, flow=flow, label=label))
        finally:
            await database.dispose()

    @asynccontextmanager
    async def walker(
        self, flow: str, *, language: str, keys_by: KeysBy = "rfc4733", ani: str | None = None
    ) -> AsyncIterator[Walker]:
        """Somebody who calls the number of a flow; unknown, unless `ani` is somebody's."""
        self._callers += 1
        caller = self.caller(self._numbers[flow], ani or f"+86139{self._callers:08d}", keys_by=keys_by)
        async with caller:
            await caller.answered()
            yield Walker(self, caller, language, Listener(self.voice, caller.audio.heard))
