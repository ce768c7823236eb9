"""Prompts that a test can hear: each prompt of a queue is a tone of its own, and what a phone heard is a list of names.

The tones stand where recorded prompts do, so that everything between the server's choice of a prompt and the caller's
ear is the real thing. Prompts with variables in them are spoken and heard by nobody here.
"""

import asyncio
import time
import wave
from pathlib import Path
from typing import Final

import numpy as np

from callcenter.ivr.prompts import PromptSet
from callcenter.ivr.reader import parse_prompts
from tests.e2e.rtp import DECODED, SAMPLES_PER_SECOND, RtpStream
from tests.patience import PATIENCE_SECONDS

Samples = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

LOWEST_HERTZ: Final = 530
STEP_HERTZ: Final = 50
HIGHEST_HERTZ: Final = 3_300
SECONDS: Final = 0.6
PEAK: Final = 9_000
BLOCK: Final = 800
HERTZ_A_BIN: Final = SAMPLES_PER_SECOND // BLOCK
PURE: Final = 0.8
LOUD: Final = 300.0**2
BLOCKS_HEARD: Final = 3
"""Of the six blocks of a tone at least so many follow each other whole, wherever the blocks begin."""

_LEVELS = {payload_type: np.array(levels, dtype=float) for payload_type, levels in DECODED.items()}


def queue_prompts(flows: Path) -> PromptSet:
    """What callers hear while they wait."""
    path = flows / "prompts" / "queue.yaml"
    return parse_prompts(path.read_text(encoding="utf-8"), str(path))


class PromptTones:
    """Knows which tone is which prompt; prompts of one name in several sets are one tone."""

    def __init__(self, *sets: PromptSet) -> None:
        said = [utterance for prompts in sets for utterance in prompts.fixed_utterances()]
        fixed = [(one.language, one.prompt_id) for one in said if one.prompt_id is not None]
        names = sorted({prompt_id.partition(".")[2] for _, prompt_id in fixed})
        self._hertz = {name: LOWEST_HERTZ + STEP_HERTZ * index for index, name in enumerate(names)}
        self._names = {hertz // HERTZ_A_BIN: name for name, hertz in self._hertz.items()}
        self._fixed = fixed
        highest = max(self._hertz.values())
        if highest >= HIGHEST_HERTZ:
            raise ValueError(f"{len(names)} prompts need tones up to {highest} Hz; a telephone carries {HIGHEST_HERTZ}")

    def write(self, recorded: Path) -> None:
        """Put the tones where recorded prompts are looked for."""
        at = np.arange(int(SECONDS * SAMPLES_PER_SECOND)) / SAMPLES_PER_SECOND
        for language, prompt_id in self._fixed:
            (recorded / language).mkdir(parents=True, exist_ok=True)
            hertz = self._hertz[prompt_id.partition(".")[2]]
            samples = np.round(PEAK * np.sin(2 * np.pi * hertz * at)).astype("<i2")
            with wave.open(str(recorded / language / f"{prompt_id}.wav"), "wb") as out:
                out.setparams((1, 2, SAMPLES_PER_SECOND, 0, "NONE", "not compressed"))
                out.writeframes(samples.tobytes())

    def name_in(self, block: Samples) -> str:
        """The prompt in a tenth of a second; empty when there is none, or anything else besides."""
        if float(np.mean(block**2)) < LOUD:
            return ""
        power = np.abs(np.fft.rfft(block)) ** 2
        top = int(power.argmax())
        is_pure = float(power[max(top - 1, 0) : top + 2].sum()) > PURE * float(power.sum())
        return self._names.get(top, "") if is_pure else ""

    def known(self, prompt: str) -> str:
        """The name, if there is a tone for it."""
        if prompt not in self._hertz:
            raise ValueError(f"no tone for {prompt!r}; there are {', '.join(self._hertz)}")
        return prompt


class Ear:
    """Listens to one line from its beginning; every packet is looked at once."""

    def __init__(self, tones: PromptTones, stream: RtpStream) -> None:
        self._tones = tones
        self._stream = stream
        self._frames = 0
        self._rest: Samples = np.zeros(0)
        self._run, self._before = 0, ""
        self._heard: list[str] = []

    def heard(self) -> list[str]:
        """The prompts that have come over the line, in order; one said twice stands there twice."""
        frames = self._stream.heard[self._frames :]
        self._frames += len(frames)
        new = [_LEVELS[frame.payload_type][np.frombuffer(frame.payload, dtype=np.uint8)] for frame in frames]
        samples = np.concatenate([self._rest, *new])
        whole = len(samples) // BLOCK * BLOCK
        for block in samples[:whole].reshape(-1, BLOCK):
            name = self._tones.name_in(block)
            self._run = self._run + 1 if name == self._before else 1
            self._before = name
            if name and self._run == BLOCKS_HEARD:
                self._heard.append(name)
        self._rest = samples[whole:]
        return list(self._heard)

    async def hears(self, prompt: str, *, times: int = 1, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until this prompt has come over the line so often."""
        self._tones.known(prompt)
        deadline = time.monotonic() + seconds
        while self.heard().count(prompt) < times:
            if time.monotonic() > deadline:
                raise AssertionError(f"{prompt!r} was not heard {times} times within {seconds:g} s, but {self.heard()}")
            await asyncio.sleep(0.05)
