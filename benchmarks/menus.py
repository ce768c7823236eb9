"""A house with two menus on one Asterisk, ours and the dialplan's own Background() and WaitExten(), and their callers.

Both say the same sounds: a menu that says the same again after each key. A caller presses a key while it is said, again
and again; what he waits for is the first packet of the next saying.
"""

import asyncio
import itertools
import math
import random
import struct
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from callcenter.app.ports import NumberRoute
from callcenter.domain.labels import Label
from callcenter.store.configuration import put_number
from callcenter.store.database import Database
from tests.e2e.house import House
from tests.e2e.phones import Caller, Silence
from tests.e2e.rtp import HeardFrame
from tests.e2e.silences import has_sound

FIRST_HERTZ, SECOND_HERTZ = 700, 1_300
SAID_SECONDS: Final = 2.0
SOUND: Final = Silence(packets_per_second=5)
"""Enough to be heard as a phone, and so little that measuring does not slow what is measured."""
WAIT_SECONDS: Final = 10.0
KEY_SECONDS: Final = 0.16
"""How long a key is held: before its end nobody can act on it."""
LISTENERS: Final = 4
CROWD_TURNS, CROWD_KEYS = 3, 8
CROWD_PAUSE: Final = 1.2
CROWD_PER_SECOND: Final = 10

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
  first: {kind: menu, say: first, keys: {1: {label: {zh: 一, en: One}, go: second}}}
  second: {kind: menu, say: second, keys: {2: {label: {zh: 二, en: Two}, go: first}}}
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

    def crowd_caller(self) -> Caller:
        """Somebody who presses keys and does not listen."""
        return self._caller(OURS, deaf=True)

    async def left_over(self) -> list[str]:
        """Channels and interactions that are still there when nobody calls any more, each as a complaint."""
        try:
            await self.quiet(seconds=30)
        except AssertionError as error:
            return [str(error)[:500]]
        return []

    def _caller(self, way: Way, *, deaf: bool = False) -> Caller:
        self._callers_so_far += 1
        ani = f"+86138{self._callers_so_far:08d}"
        caller = Caller(server=self.sip, dnis=way.dnis, ani=ani, sound=SOUND, deaf=deaf)
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


async def crowd(house: MenuHouse, *, callers: int, chance: random.Random) -> Measured:
    """So many callers in our menus at once, four of whom listen and tell; counted is when all are there.

    The others press their keys without listening: what they hear is left to the kernel, so that the phones, which run
    on the same machine, are not what is measured.
    """
    stop = asyncio.Event()
    up = asyncio.Semaphore(0)
    deaf = [asyncio.create_task(_press_blindly(house, number, up, stop)) for number in range(callers - LISTENERS)]
    measured = Measured()
    try:
        for _ in deaf:
            async with asyncio.timeout(WAIT_SECONDS):
                await up.acquire()
        # Four come now, and four when they have gone: what the first sound takes is told by all of them.
        for _ in range(CROWD_TURNS):
            walks = (
                house.walk(OURS, keys=CROWD_KEYS, chance=random.Random(chance.random()), pause_seconds=CROWD_PAUSE)
                for _ in range(LISTENERS)
            )
            for part in await asyncio.gather(*walks):
                measured.add(part)
    except TimeoutError:
        measured.faults.append(f"{callers} callers were not answered in time")
    finally:
        stop.set()
        for ended in await asyncio.gather(*deaf, return_exceptions=True):
            if isinstance(ended, BaseException):
                measured.faults.append(f"a caller of the crowd: {ended}")
    return measured


async def _press_blindly(house: MenuHouse, number: int, up: asyncio.Semaphore, stop: asyncio.Event) -> None:
    await asyncio.sleep(number / CROWD_PER_SECOND)
    caller = house.crowd_caller()
    async with caller:
        await caller.answered(WAIT_SECONDS)
        up.release()
        for turn in itertools.count():
            try:
                async with asyncio.timeout(1.1 * CROWD_PAUSE + KEY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                if caller.end is not None:
                    raise ConnectionError(f"the call ended: {caller.end}") from None
                await caller.press("12"[turn % 2])
            else:
                break
        await caller.hang_up()
