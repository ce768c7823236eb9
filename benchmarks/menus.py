"""A house with two menus on one Asterisk, ours and the dialplan's own Background() and WaitExten(), and their callers.

Both say the same sounds: a menu that says the same again after each key. A caller presses a key while it is said, again
and again; what he waits for is the first packet of the next saying.
"""

import asyncio
import math
import os
import random
import struct
import time
import wave
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from callcenter.app.ports import NumberRoute
from callcenter.domain.labels import Label
from callcenter.store.configuration import put_number
from callcenter.store.database import Database
from tests.e2e.house import House
from tests.e2e.phones import Caller, KeyStep, PhoneTimeoutError, Silence
from tests.e2e.rtp import HeardFrame
from tests.e2e.silences import has_sound
from tests.e2e.sipp_phones import CallerLoad

FIRST_HERTZ, SECOND_HERTZ = 700, 1_300
SAID_SECONDS: Final = 2.0
SOUND: Final = Silence(packets_per_second=5)
"""Enough to be heard as a phone, and so little that measuring does not slow what is measured."""
WAIT_SECONDS: Final = 10.0
KEY_SECONDS: Final = 0.16
"""How long a key is held: before its end nobody can act on it."""
LISTENERS: Final = 4
CROWD_TURNS, CROWD_KEYS = 2, 8
CROWD_PAUSE: Final = 1.2
CROWD_PER_SECOND: Final = 20

FLOW = """\
flow: bench_menu
languages: [en]
start: first
rescue: bye
asking: {timeout_seconds: 30, retries: 9}
prompts:
  first: {en: Press one.}
  second: {en: Press two.}
nodes:
  first:
    kind: menu
    say: first
    keys: {1: {label: {zh: 一, en: One}, go: second}, 2: {label: {zh: 二, en: Two}, go: first}}
  second:
    kind: menu
    say: second
    keys: {1: {label: {zh: 一, en: One}, go: second}, 2: {label: {zh: 二, en: Two}, go: first}}
  bye: {kind: end}
"""
EXTENSIONS = """\
; The plain menu that the benchmark measures beside ours; never part of the product.
[cc-inbound]
exten => {dnis},1,Answer()
 same => n,Goto(bench-first,s,1)
[bench-first]
exten => s,1,Background({first})
 same => n,WaitExten(30)
exten => 1,1,Goto(bench-second,s,1)
[bench-second]
exten => s,1,Background({second})
 same => n,WaitExten(30)
exten => 2,1,Goto(bench-first,s,1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the two menus."""

    name: str
    dnis: str


OURS = Way(name="ours", dnis="4912")
PLAIN = Way(name="dialplan", dnis="4913")
WAYS = (OURS, PLAIN)


@dataclass(slots=True)
class Measured:
    """What callers waited, in milliseconds, and what went wrong."""

    first_sound: list[float] = field(default_factory=list)
    key_to_prompt: list[float] = field(default_factory=list)
    packets: int = 0
    packets_expected: int = 0
    faults: list[str] = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)
    """How much of a processor each program took meanwhile, where that was looked at."""

    def add(self, other: "Measured") -> None:
        """Put two turns together."""
        self.first_sound += other.first_sound
        self.key_to_prompt += other.key_to_prompt
        self.packets += other.packets
        self.packets_expected += other.packets_expected
        self.faults += other.faults

    @property
    def lost_share(self) -> float:
        """How many of the packets that were to come, one each 20 ms while something is said, did not."""
        return max(0.0, 1 - self.packets / self.packets_expected) if self.packets_expected else 0.0


class MenuHouse(House):
    """The house, with a menu of ours and a plain one that say the same two sounds."""

    forked = False

    def __init__(self, base: Path) -> None:
        recorded = base / "recorded"
        super().__init__(base, {"CALLCENTER_FLOWS_RECORDED_PROMPTS": str(recorded)})
        (base / "flows" / "bench_menu.yaml").write_text(FLOW, encoding="utf-8")
        self._sounds = recorded / "en"
        self._sounds.mkdir(parents=True)
        for prompt, hertz in (("first", FIRST_HERTZ), ("second", SECOND_HERTZ)):
            write_tone(self._sounds / f"bench_menu.{prompt}.wav", hertz)
        self._callers_so_far = 0

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self._add_plain_menu()
            await self.until(self._prompts_are_built, "the prompts are built", seconds=180)
        except BaseException:
            await super().__aexit__()
            raise
        return self

    async def _arrange_for_tests(self) -> None:
        await super()._arrange_for_tests()
        database = Database(self.settings.database_url)
        try:
            async with database.writing() as connection:
                label = Label(zh="基准测试", en="Benchmark")
                await put_number(connection, NumberRoute(dnis=OURS.dnis, flow="bench_menu", label=label))
        finally:
            await database.dispose()

    async def _prompts_are_built(self) -> bool:
        return "prompts_built" in self.log_path.read_text(errors="replace")

    async def _add_plain_menu(self) -> None:
        etc = self.asterisk.config.directories.etc
        text = EXTENSIONS.format(
            dnis=PLAIN.dnis, first=self._sounds / "bench_menu.first", second=self._sounds / "bench_menu.second"
        )

        def add() -> None:
            (etc / "extensions_benchmark.conf").write_text(text, encoding="utf-8")
            with (etc / "extensions.conf").open("a", encoding="utf-8") as out:
                out.write("\n#include extensions_benchmark.conf\n")

        await asyncio.to_thread(add)
        await self.asterisk.cli("dialplan reload")
        shown = await self.asterisk.cli("dialplan show bench-second")
        if "WaitExten" not in shown:
            raise AssertionError(f"the plain menu is not there: {shown}")

    async def walk(self, way: Way, *, keys: int, chance: random.Random, pause_seconds: float = 0.4) -> Measured:
        """One caller: hear the first prompt, then press so many keys, each while the prompt before is said."""
        measured = Measured()
        caller = self._caller(way)
        try:
            async with caller:
                answered_at = await caller.answered(WAIT_SECONDS)
                first = await _sound_of(caller, 0, FIRST_HERTZ, "the first prompt")
                measured.first_sound.append(1000 * (first - answered_at))
                for number in range(keys):
                    await asyncio.sleep(pause_seconds * chance.uniform(0.8, 1.4))
                    await self._press(caller, number, measured)
                await caller.hang_up()
        except (AssertionError, OSError, TimeoutError) as error:
            measured.faults.append(f"{way.name}: {error}")
        return measured

    async def left_over(self) -> list[str]:
        """Channels and interactions that are still there when nobody calls any more, each as a complaint."""
        try:
            await self.quiet(seconds=30)
        except AssertionError as error:
            return [str(error)[:500]]
        return []

    def _caller(self, way: Way) -> Caller:
        self._callers_so_far += 1
        ani = f"+86138{self._callers_so_far:08d}"
        caller = Caller(server=self.sip, dnis=way.dnis, ani=ani, sound=SOUND)
        if way is OURS:
            self.callers.append(caller)
        return caller

    async def _press(self, caller: Caller, number: int, measured: Measured) -> None:
        """Press the key and wait for the other prompt."""
        key, hertz = ("1", SECOND_HERTZ) if number % 2 == 0 else ("2", FIRST_HERTZ)
        heard, pressed = len(caller.audio.heard), len(caller.audio.pressed_at)
        since = caller.audio.heard[-1].at
        await caller.press(key)
        came = await _sound_of(caller, heard, hertz, f"the prompt after key {number + 1}")
        measured.packets += len(caller.audio.heard) - heard
        measured.packets_expected += round((caller.audio.heard[-1].at - since) / 0.02)
        measured.key_to_prompt.append(1000 * (came - caller.audio.pressed_at[pressed] - KEY_SECONDS))


async def _sound_of(caller: Caller, position: int, hertz: int, what: str) -> float:
    """When the first packet with this tone came, after so many packets; TimeoutError when none comes."""
    deadline = time.monotonic() + WAIT_SECONDS
    heard = caller.audio.heard
    while True:
        while position < len(heard):
            frame = heard[position]
            if is_tone(frame, hertz):
                return frame.at
            position += 1
        if caller.end is not None:
            raise TimeoutError(f"the call ended before {what}: {caller.end}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {WAIT_SECONDS:g} s")
        await asyncio.sleep(0.02)


def is_tone(frame: HeardFrame, hertz: int) -> bool:
    """Whether most of a packet is this tone (Goertzel)."""
    if not has_sound(frame):
        return False
    samples = frame.samples()
    factor = 2 * math.cos(2 * math.pi * hertz / 8_000)
    one_back = two_back = 0.0
    for sample in samples:
        one_back, two_back = sample + factor * one_back - two_back, one_back
    power = one_back**2 + two_back**2 - factor * one_back * two_back
    energy = sum(sample * sample for sample in samples)
    return 2 * power / len(samples) > 0.5 * energy


def write_tone(path: Path, hertz: int) -> None:
    """A prompt that is one tone."""
    samples = (round(9_000 * math.sin(2 * math.pi * hertz * n / 8_000)) for n in range(round(8_000 * SAID_SECONDS)))
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8_000, 0, "NONE", "not compressed"))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


class Crowd:
    """Callers in our menus who press keys and do not listen, and four who do; use it with `async with`.

    The crowd is SIPp's, which sends back whatever it hears, as much as a telephone would send: it takes a twentieth of
    what our own phones take, and those would be what is measured, for they run on the same machine.
    """

    def __init__(self, house: MenuHouse, chance: random.Random) -> None:
        self._house = house
        self._chance = chance
        self._loads: list[CallerLoad] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def measured(self, callers: int) -> Measured:
        """What the four find who listen when so many are in menus, and what each program takes of the machine then.

        The crowd only grows. Four come, and four when they have gone: all of them tell what the first sound takes.
        """
        measured = Measured()
        try:
            await self._grow(callers - LISTENERS)
            before, began_at = self._seconds_taken(), time.monotonic()
            for _ in range(CROWD_TURNS):
                walks = (
                    self._house.walk(
                        OURS, keys=CROWD_KEYS, chance=random.Random(self._chance.random()), pause_seconds=CROWD_PAUSE
                    )
                    for _ in range(LISTENERS)
                )
                for part in await asyncio.gather(*walks):
                    measured.add(part)
            took = time.monotonic() - began_at
            after = self._seconds_taken()
            measured.cores = {name: (after[name] - before[name]) / took for name in after}
        except (PhoneTimeoutError, ConnectionError) as error:
            measured.faults.append(f"the crowd of {callers}: {error}")
        shown = await self._house.asterisk.cli("core show channels count")
        there = int(shown.split(maxsplit=1)[0])
        if there < callers - LISTENERS:
            measured.faults.append(f"of the crowd of {callers - LISTENERS} only {there} are there at the end")
        return measured

    async def _grow(self, callers: int) -> None:
        more = callers - sum(load.count for load in self._loads)
        if more <= 0:
            return
        number = len(self._loads)
        pause: KeyStep = ("wait", 1.1 * CROWD_PAUSE + KEY_SECONDS)
        load = CallerLoad(
            server=self._house.sip,
            dnis=OURS.dnis,
            count=more,
            per_second=CROWD_PER_SECOND,
            log_dir=self._house.base / "sipp",
            anis=[f"+4940{number:03d}{caller:04d}" for caller in range(more)],
            keys=[pause, ("key", "1"), pause, ("key", "2")],
            keys_again=True,
            name=f"crowd-{number}",
        )
        self._loads.append(load)
        await self._stack.enter_async_context(load)
        await load.until_up(more, more / CROWD_PER_SECOND + WAIT_SECONDS)

    def _seconds_taken(self) -> dict[str, float]:
        """The processors' time that each has taken so far."""
        server, asterisk = self._house.server, self._house.asterisk.pid
        crowd = [load.sipp.pid for load in self._loads]
        pids = {
            "server": [server.pid] if server is not None else [],
            "asterisk": [asterisk] if asterisk is not None else [],
            "crowd": [pid for pid in crowd if pid is not None],
            "listeners": [os.getpid()],
        }
        return {name: sum(map(_seconds_of, of)) for name, of in pids.items()}


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
