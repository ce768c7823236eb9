"""A house whose every prompt can be told from what comes over the line, and a caller who is led through a flow.

async with IvrHouse(base) as house:
    async with house.walker("main", language="en", keys_by="info") as walker:
        await walker.hears("main.welcome")
        await walker.press("1")
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from callcenter.app.business_items import HoursEntry
from callcenter.app.ports import NumberRoute
from callcenter.domain.hours import Interval
from callcenter.domain.labels import Label
from callcenter.domain.surveys import SurveyRules
from callcenter.ivr.prompts import PromptSet
from callcenter.ivr.reader import parse_flows
from callcenter.store.configuration import StoredConfiguration, put_hours, put_number, put_queue
from callcenter.store.database import Database
from tests.e2e import spoken
from tests.e2e.house import PASSWORD, PROJECT, House
from tests.e2e.invariants import Invariants
from tests.e2e.phones import AgentPhone, Answer, Behaviour, Caller, Tone
from tests.e2e.prompt_tones import queue_prompts
from tests.e2e.rtp import SAMPLES_PER_SECOND
from tests.e2e.silences import Silence, silences
from tests.e2e.sipp_phones import CallerLoad
from tests.e2e.tone_voice import Listener, ToneVoice
from tests.patience import PATIENCE_SECONDS

LONGEST_SILENCE_SECONDS: Final = 2.0
AGAIN_WITHIN_SECONDS: Final = 3.0
"""So soon after a restart he hears again what he heard when the server was killed."""
FLOWS: Final = PROJECT / "ivr_flows"
OFFICE: Final = Interval(opens=time(9), closes=time(18))
DIALLED: Final = ("main", "sales", "service", "support")
"""The flows that numbers lead to; `identify` is walked through on the way, `survey` comes after a talk."""
SURVEYED: Final = "sales"
"""The queue whose callers are asked after the talk; in this house nobody talks unless a test says so."""
AGENTS_HERTZ: Final = 400
BETWEEN_KEYS_SECONDS: Final = 0.3
"""A key that comes while Asterisk and the server have a word with each other is lost; who types gives them time."""
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
    before: int
    """How often somebody has called from his number before."""
    spoke_at: list[float] = field(default_factory=list)
    """Who leaves a message hears himself, as who types hears his keys."""

    async def hears(self, *prompts: str, language: str = "", seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until these prompts have come next, and nothing else between them."""
        await self.listener.hears(language or self.language, *prompts, seconds=seconds)

    async def hears_again(self, first: str, *others: str) -> None:
        """Wait, as short as callers may after a crash, until a prompt comes again; an apology may come before it."""
        wanted = (first, "queue.apology")
        while await self.hears_one_of(*wanted, seconds=AGAIN_WITHIN_SECONDS) != first:
            pass
        await self.hears(*others)

    async def hears_one_of(self, *prompts: str, seconds: float = PATIENCE_SECONDS) -> str:
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
        """Press some keys, one after the other, as fast as people do."""
        for number, key in enumerate(keys):
            if number:
                await asyncio.sleep(BETWEEN_KEYS_SECONDS)
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
            keys_at=[*audio.pressed_at, *self.spoke_at],
        )

    async def hears_something(self, *, seconds: float = PATIENCE_SECONDS) -> str:
        """Wait until a prompt in his language has come next; which, the first by name if several sound the same."""
        heard = await self.listener.next_heard("anything", seconds=seconds)
        said = sorted(said.prompt for said in heard.prompts if said.language == self.language)
        if not said:
            raise AssertionError(f"{heard} was said to somebody who speaks {self.language}; heard: {self.listener}")
        return said[0]

    async def speaks(self, queue: str, *, seconds: float = 2.0) -> None:
        """Wait until so much of his message for a queue is recorded."""
        began_at = asyncio.get_running_loop().time()

        async def is_recorded() -> bool:
            row = self._row()
            if row is None:
                return False
            path = self.house.settings.recordings_directory / f"message-{row['interaction_id']}_{queue}.wav"
            return path.exists() and path.stat().st_size > seconds * 2 * SAMPLES_PER_SECOND

        await self.house.until(is_recorded, f"{seconds:g} s of the message are recorded")
        while began_at < asyncio.get_running_loop().time():
            self.spoke_at.append(began_at)
            began_at += 1

    async def waits_in(self, queue: str) -> None:
        """Wait until he is in the queue, and for what he hears there in some seconds."""

        async def is_there() -> bool:
            row = self._row()
            return row is not None and row["queue_id"] == queue

        await self.house.until(is_there, f"{self.caller.ani} waits in {queue}")
        since = asyncio.get_running_loop().time()
        heard = self.caller.audio.heard
        await self.caller.dialog.until(lambda: bool(heard) and heard[-1].at > since + 3, 10, "nothing more came")

    async def record(self) -> dict[str, Any]:
        """His interaction as the API tells it, once it has ended."""
        found: list[dict[str, Any]] = []

        async def is_over() -> bool:
            row = self._row()
            found[:] = [row] if row is not None and row["ended_at"] is not None else []
            return bool(found)

        await self.house.until(is_over, f"the call from {self.caller.ani} has its record")
        return found[0]

    def _row(self) -> dict[str, Any] | None:
        checker = self.house.invariants()
        events = [e for e in checker.events("InteractionArrived") if e["data"]["ani"]["e164"] == self.caller.ani]
        mine = [event["interaction_id"] for event in events[self.before : self.before + 1]]
        return next((row for row in checker.interactions() if row["interaction_id"] in mine), None)

    def events(self, interaction_id: str, *names: str) -> list[dict[str, Any]]:
        """The data of the events of his call."""
        rows = self.house.invariants().events(*names)
        return [row["data"] for row in rows if row["interaction_id"] == interaction_id]


class IvrHouse(House):
    """Each flow that a number may lead to has one; nobody is at work unless a test says so."""

    def __init__(self, base: Path) -> None:
        self.voice = ToneVoice(shipped_prompts())
        voices = base / "voice"
        self.voice.install(voices)
        super().__init__(base, {"PATH": f"{voices}{os.pathsep}{os.environ['PATH']}"})
        self._numbers = {name: str(4_701 + index) for index, name in enumerate(DIALLED)}
        self._callers = 0
        self._calls: Counter[str] = Counter()
        self._line_of = defaultdict[str, asyncio.Lock](asyncio.Lock)
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

    async def _have_prompts_spoken(self) -> None:
        await spoken.fill(self.settings.sound_directory, self.voice)

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
                for queue in await StoredConfiguration(database).queues():
                    if queue.queue_id == SURVEYED:
                        await put_queue(connection, replace(queue, survey=SurveyRules(flow="survey", rest=timedelta())))
        finally:
            await database.dispose()

    def phone(self, agent_id: str, behaviour: Behaviour | None = None) -> AgentPhone:
        """A registered phone whose agent is never silent."""
        phone = AgentPhone(
            server=self.sip,
            user=agent_id,
            password=PASSWORD,
            behaviour=behaviour or Answer(),
            sound=Tone(hertz=AGENTS_HERTZ),
            log_dir=self.base / "sip",
        )
        self.phones.append(phone)
        return phone

    @asynccontextmanager
    async def walker(
        self,
        flow: str,
        *,
        language: str,
        keys_by: KeysBy = "rfc4733",
        ani: str | None = None,
        sound: Tone | None = None,
    ) -> AsyncIterator[Walker]:
        """Somebody who calls the number of a flow; unknown, unless `ani` is somebody's, whose calls come in turn."""
        self._callers += 1
        number = ani or f"+86139{self._callers:08d}"
        async with self._line_of[number]:
            before = self._calls[number]
            self._calls[number] += 1
            caller = self.caller(self._numbers[flow], number, keys_by=keys_by, sound=sound)
            async with caller:
                await caller.answered()
                yield Walker(self, caller, language, Listener(self.voice, caller.audio.heard), before)
