"""A voice whose every text is heard as a sign of its own: what a caller was told of place and wait, word for word.

It stands where espeak-ng would. A text is spoken as a row of tones that spells its digest, so that what was said is
known from the RTP alone, whichever file was played and however it came to be.
"""

import asyncio
import hashlib
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from callcenter.asterisk.synthesis import DEFAULT_VOICES
from callcenter.domain.waits import MINUTES_SAID, WaitRange
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.waiting import WaitingPrompt, WaitingPrompts
from tests.e2e.prompt_tones import Samples
from tests.e2e.rtp import DECODED, SAMPLES_PER_SECOND, RtpStream
from tests.patience import PATIENCE_SECONDS

BEGIN_HERTZ: Final = 3_000
END_HERTZ: Final = 3_160
BANDS: Final = (range(600, 1_501, 60), range(1_800, 2_701, 60))
"""Of sixteen tones each; a row changes between them, so that two equal signs are two."""
SIGNS: Final = 8
SIGN_SECONDS: Final = 0.16
"""Three lost packets leave a whole block of each sign, wherever the blocks begin."""
BLOCK: Final = 400
HERTZ_A_BIN: Final = SAMPLES_PER_SECOND // BLOCK
PURE: Final = 0.8
LOUD: Final = 300.0**2
PLACES: Final = range(1, 30)
WAITS: Final = tuple(
    WaitRange(low_minutes=low, high_minutes=high)
    for low, high in product((None, *MINUTES_SAID), (*MINUTES_SAID, None))
    if (low or 0) < (high or 61) and not low is high is None
)

_LEVELS = {payload_type: np.array(levels, dtype=float) for payload_type, levels in DECODED.items()}

_PROGRAM = """#!{python} -IS
import array, hashlib, io, math, sys, wave
arguments = sys.argv[1:]
voice = arguments[arguments.index("-v") + 1]
text = sys.stdin.buffer.read().decode()
digest = hashlib.sha256((voice + chr(0) + text).encode()).hexdigest()[:{signs}]
row = [{begin}, *({bands}[place % 2][int(sign, 16)] for place, sign in enumerate(digest)), {end}]
turn, each = 2 * math.pi / {rate}, round({rate} * {seconds})
samples = (round(9000 * math.sin(hertz * turn * n)) for hertz in row for n in range(each))
memory = io.BytesIO()
with wave.open(memory, "wb") as out:
    out.setparams((1, 2, {rate}, 0, "NONE", "not compressed"))
    out.writeframes(array.array("h", samples).tobytes())
sys.stdout.buffer.write(memory.getvalue())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a caller was told, as he heard it."""

    prompt: str
    language: str
    position: int | None = None
    wait: WaitRange | None = None


def install(directory: Path) -> None:
    """Write the program `espeak-ng` into a directory that is to be first on the PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "espeak-ng"
    text = _PROGRAM.format(
        python=sys.executable,
        signs=SIGNS,
        begin=BEGIN_HERTZ,
        end=END_HERTZ,
        bands=tuple(tuple(band) for band in BANDS),
        rate=SAMPLES_PER_SECOND,
        seconds=SIGN_SECONDS,
    )
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)


def _digest(said: Utterance) -> str:
    voice = DEFAULT_VOICES[said.language].voice
    return hashlib.sha256(f"{voice}\0{said.text}".encode()).hexdigest()[:SIGNS]


class ToldEar:
    """Listens to one line from its beginning; every packet is looked at once."""

    def __init__(self, prompts: WaitingPrompts, stream: RtpStream) -> None:
        self._stream = stream
        self._known: dict[str, Told] = {}
        for language in prompts.prompts.languages:
            for prompt in (WaitingPrompt.POSITION, WaitingPrompt.MOVED_BACK):
                for place in PLACES:
                    said = prompts.announce(prompt, language, position=place)
                    self._known[_digest(said)] = Told(prompt=prompt.value, language=language, position=place)
            for prompt in (WaitingPrompt.EXPECTED_WAIT, WaitingPrompt.LONGER_WAIT):
                for wait in WAITS:
                    said = prompts.announce(prompt, language, wait=wait)
                    self._known[_digest(said)] = Told(prompt=prompt.value, language=language, wait=wait)
        self._frames = 0
        self._rest: Samples = np.zeros(0)
        self._row: str | None = None
        self._last = 0
        self._heard: list[Told] = []

    def heard(self) -> list[Told]:
        """All that was told, in order; what began and was cut short is not there."""
        frames = self._stream.heard[self._frames :]
        self._frames += len(frames)
        new = [_LEVELS[frame.payload_type][np.frombuffer(frame.payload, dtype=np.uint8)] for frame in frames]
        samples = np.concatenate([self._rest, *new])
        whole = len(samples) // BLOCK * BLOCK
        for block in samples[:whole].reshape(-1, BLOCK):
            self._take(block)
        self._rest = samples[whole:]
        return list(self._heard)

    async def hears(self, count: int, *, prompt: str, seconds: float = PATIENCE_SECONDS) -> Told:
        """Wait until so many of a prompt were heard; the last of them."""
        deadline = time.monotonic() + seconds
        while len(found := [told for told in self.heard() if told.prompt == prompt]) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{prompt} was not heard {count} times in {seconds:g} s, but {self._heard}")
            await asyncio.sleep(0.05)
        return found[count - 1]

    def _take(self, block: Samples) -> None:
        hertz = _tone_in(block)
        if hertz is None or hertz == self._last:
            return
        self._last = hertz
        if hertz == BEGIN_HERTZ:
            self._row = ""
        elif hertz == END_HERTZ and self._row is not None:
            if self._row not in self._known:
                self._row = None
                return
            self._heard.append(self._known[self._row])
            self._row = None
        elif self._row is not None and hertz in BANDS[len(self._row) % 2]:
            self._row += f"{BANDS[len(self._row) % 2].index(hertz):x}"


def _tone_in(block: Samples) -> int | None:
    """The one tone of a twentieth of a second; None where there is more in it, or silence."""
    if float(np.mean(block**2)) < LOUD:
        return None
    power = np.abs(np.fft.rfft(block)) ** 2
    top = int(power.argmax())
    is_pure = float(power[max(top - 1, 0) : top + 2].sum()) > PURE * float(power.sum())
    return top * HERTZ_A_BIN if is_pure else None
