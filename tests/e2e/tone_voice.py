"""A voice that tests can understand: it says every text as two tones, and from the tones the prompt is known again.

It stands where espeak-ng would, so that everything between a flow's choice of words and the caller's ear is the real
thing, prompts with variables in them included. Whatever it has said can be read afterwards, word for word.
"""

import asyncio
import json
import math
import re
import sys
import time
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from callcenter.asterisk.synthesis import DEFAULT_VOICES, EspeakSynthesiser, SynthesisFailed
from callcenter.ivr.prompts import PLACEHOLDER, PromptSet
from tests.e2e.prompt_tones import Samples
from tests.e2e.rtp import DECODED, SAMPLES_PER_SECOND, HeardFrame
from tests.patience import PATIENCE_SECONDS

BLOCK: Final = 400
HERTZ_A_BIN: Final = SAMPLES_PER_SECOND // BLOCK
LOW: Final = range(500, 1_601, 80)
HIGH: Final = range(1_740, 3_241, 60)
SECONDS: Final = 0.7
PURE: Final = 0.85
LOUD: Final = 300.0**2
BLOCKS_HEARD: Final = 3
"""Of the fourteen blocks of a prompt at least so many follow each other whole; music is never so pure for so long."""

_LEVELS = {payload_type: np.array(levels, dtype=float) for payload_type, levels in DECODED.items()}

_PROGRAM = """#!{python} -IS
import array, io, json, math, re, sys, wave
arguments = sys.argv[1:]
voice = arguments[arguments.index("-v") + 1]
text = sys.stdin.buffer.read().decode()
table = json.load(open({table!r}, encoding="utf-8"))
found = next((row for row in table if row[0] == voice and re.fullmatch(row[1], text, re.DOTALL)), None)
if found is None:
    sys.exit("no prompt has these words: " + text)
with open({said!r}, "a", encoding="utf-8") as out:
    out.write(json.dumps([voice, text]) + "\\n")
low, high = found[2], found[3]
turn = 2 * math.pi / {rate}
samples = (round(6000 * (math.sin(low * turn * n) + math.sin(high * turn * n))) for n in range({count}))
memory = io.BytesIO()
with wave.open(memory, "wb") as out:
    out.setparams((1, 2, {rate}, 0, "NONE", "not compressed"))
    out.writeframes(array.array("h", samples).tobytes())
sys.stdout.buffer.write(memory.getvalue())
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A prompt as flows name it, `main.welcome`, to a caller of that language."""

    language: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was recognised; several prompts of one language may have the same words."""

    at: float
    prompts: frozenset[Said]

    def is_(self, language: str, prompt: str) -> bool:
        """Whether it was this prompt."""
        return Said(language, prompt) in self.prompts

    def __str__(self) -> str:
        return "/".join(sorted(f"{said.language}:{said.prompt}" for said in self.prompts))


class ToneVoice:
    """Speaks the prompts of these sets; `install` puts its program where espeak-ng is looked for."""

    def __init__(self, sets: Iterable[PromptSet]) -> None:
        by_words: dict[tuple[str, str], set[Said]] = {}
        for prompts in sets:
            for prompt, texts in prompts.texts.items():
                for language, text in texts.items():
                    words = (DEFAULT_VOICES[text.voice].voice, _pattern(text.text))
                    by_words.setdefault(words, set()).add(Said(language, f"{prompts.name}.{prompt}"))
        pairs = list(product(LOW, HIGH))
        if len(by_words) > len(pairs):
            raise ValueError(f"{len(by_words)} prompts need as many pairs of tones; there are {len(pairs)}")
        # Neighbours in the files are far apart in sound: a slip of the ear would be another flow's prompt.
        step = next(step for step in range(len(pairs) // 3, len(pairs)) if math.gcd(step, len(pairs)) == 1)
        tones = (pairs[index * step % len(pairs)] for index in range(len(pairs)))
        self._table = [
            (voice, pattern, *pair, frozenset(said))
            for ((voice, pattern), said), pair in zip(by_words.items(), tones, strict=False)
        ]
        # Fixed words first: what a variable may hold could read like them.
        self._table.sort(key=lambda row: ".*" in row[1])
        self._prompts = {(low // HERTZ_A_BIN, high // HERTZ_A_BIN): said for _, _, low, high, said in self._table}
        self._said: Path | None = None

    def install(self, directory: Path) -> None:
        """Write the program `espeak-ng` into a directory that is to be first on the PATH."""
        directory.mkdir(parents=True, exist_ok=True)
        table = directory / "table.json"
        table.write_text(json.dumps([row[:4] for row in self._table]), encoding="utf-8")
        self._said = directory / "said.jsonl"
        program = directory / "espeak-ng"
        program.write_text(
            _PROGRAM.format(
                python=sys.executable,
                table=str(table),
                said=str(self._said),
                rate=SAMPLES_PER_SECOND,
                count=round(SAMPLES_PER_SECOND * SECONDS),
            ),
            encoding="utf-8",
        )
        program.chmod(0o755)

    def settings_of(self, language: str) -> str:
        """As of the synthesiser that has its program called."""
        return EspeakSynthesiser().settings_of(language)

    async def speak(self, text: str, language: str, target: Path) -> None:
        """What its program would say, without a program: for all that is made before anybody calls."""
        voice = DEFAULT_VOICES[language].voice
        low, high = next((row[2], row[3]) for row in self._table if row[0] == voice and _says(row[1], text))
        with wave.open(str(target), "wb") as out:
            out.setparams((1, 2, SAMPLES_PER_SECOND, 0, "NONE", "not compressed"))
            out.writeframes(_tones(low, high).round().astype("<i2").tobytes())

    async def convert(self, recorded: Path, target: Path) -> None:
        """There are no recordings here."""
        raise SynthesisFailed(f"{recorded} is no prompt of the voice that says tones, so {target} cannot be made")

    def said(self, language: str, prompt: str) -> list[str]:
        """Every text that its program has made of a prompt so far, each once."""
        if self._said is None or not self._said.exists():
            return []
        patterns = [(row[0], row[1]) for row in self._table if Said(language, prompt) in row[4]]
        lines = (json.loads(line) for line in self._said.read_text(encoding="utf-8").splitlines())
        return [
            text
            for voice, text in lines
            if any(voice == spoken and re.fullmatch(pattern, text, re.DOTALL) for spoken, pattern in patterns)
        ]

    def known(self, language: str, prompt: str) -> None:
        """Fail when there is no such prompt."""
        if not any(Said(language, prompt) in said for said in self._prompts.values()):
            raise ValueError(f"no flow says {prompt!r} to callers who speak {language!r}")

    def tones_of(self, language: str, prompt: str) -> Samples:
        """What a prompt sounds like."""
        low, high = next((row[2], row[3]) for row in self._table if Said(language, prompt) in row[4])
        return _tones(low, high)

    def prompts_in(self, block: Samples) -> frozenset[Said]:
        """The prompts whose tones are in a twentieth of a second; none when anything else is."""
        if float(np.mean(block**2)) < LOUD:
            return frozenset()
        power = np.abs(np.fft.rfft(block)) ** 2
        middle = (LOW[-1] + HIGH[0]) // 2 // HERTZ_A_BIN
        low, high = int(power[:middle].argmax()), middle + int(power[middle:].argmax())
        parts = [float(power[top - 1 : top + 2].sum()) for top in (low, high)]
        if sum(parts) < PURE * float(power.sum()) or min(parts) < 0.1 * sum(parts):
            return frozenset()
        return self._prompts.get((low, high), frozenset())

    @property
    def every(self) -> Iterator[Said]:
        """All that it can say."""
        for said in self._prompts.values():
            yield from said


def _tones(low: int, high: int) -> Samples:
    at = np.arange(round(SAMPLES_PER_SECOND * SECONDS)) / SAMPLES_PER_SECOND
    return 6000 * (np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at))


def _says(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def _pattern(text: str) -> str:
    words, last = [], 0
    for found in PLACEHOLDER.finditer(text):
        words += [re.escape(text[last : found.start()]), ".*"]
        last = found.end()
    return "".join([*words, re.escape(text[last:])])


class Listener:
    """Listens to one line from its beginning; `frames` are the packets that came, and grow."""

    def __init__(self, voice: ToneVoice, frames: Sequence[HeardFrame]) -> None:
        self._voice = voice
        self._all = frames
        self._frames = 0
        self._rest: Samples = np.zeros(0)
        self._run, self._before = 0, frozenset[Said]()
        self._heard: list[Heard] = []
        self._taken = 0

    def heard(self) -> list[Heard]:
        """The prompts that have come over the line, in order; one said twice stands there twice."""
        frames = self._all[self._frames :]
        self._frames += len(frames)
        for frame in frames:
            levels = _LEVELS[frame.payload_type][np.frombuffer(frame.payload, dtype=np.uint8)]
            self._rest = np.concatenate([self._rest, levels])
            while len(self._rest) >= BLOCK:
                block, self._rest = self._rest[:BLOCK], self._rest[BLOCK:]
                self._take(block, frame.at)
        return list(self._heard)

    def _take(self, block: Samples, at: float) -> None:
        prompts = self._voice.prompts_in(block)
        self._run = self._run + 1 if prompts == self._before else 1
        self._before = prompts
        if prompts and self._run == BLOCKS_HEARD:
            self._heard.append(Heard(at, prompts))

    async def hears(self, language: str, *prompts: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until these have come next, in this order and with nothing said between."""
        for prompt in prompts:
            self._voice.known(language, prompt)
            came = await self.next_heard(f"{language}:{prompt}", seconds=seconds)
            if not came.is_(language, prompt):
                raise AssertionError(f"{came} was heard where {language}:{prompt} was to come; heard: {self}")

    async def next_heard(self, what: str, *, seconds: float = PATIENCE_SECONDS) -> Heard:
        """Wait for the next prompt, whichever it is; `what` is what the complaint names."""
        deadline = time.monotonic() + seconds
        while len(self.heard()) <= self._taken:
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} was not heard within {seconds:g} s; heard: {self}")
            await asyncio.sleep(0.02)
        self._taken += 1
        return self._heard[self._taken - 1]

    def __str__(self) -> str:
        return ", ".join(str(heard) for heard in self.heard()) or "nothing"
