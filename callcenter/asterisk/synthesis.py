"""Speech offline: espeak-ng speaks a text, sox makes of it the sound that Asterisk plays without converting.

PromptError (of AsteriskError)
├── SynthesiserMissing  prompt_program_missing  a program is not installed
├── SynthesisFailed     prompt_synthesis        a program failed, took too long or made silence
├── PromptNameInvalid   prompt_name             a name that is no prompt's
└── PromptsOverloaded   prompt_overloaded       too much waits to be made, or the library is closed
"""

# The names are said as they are caught; the suffix Error would add nothing.

from __future__ import annotations

import array
import asyncio
import shutil
import sys
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from callcenter.asterisk.errors import AsteriskError

SAMPLE_RATE_HZ: Final = 8_000
SAMPLE_BYTES: Final = 2
TEXT_MAX_CHARACTERS: Final = 1_000
PROGRAM_SECONDS: Final = 20.0

# Speech peaks 3 dB below full scale: loud enough, and no codec behind it clips.
_PEAK_DB: Final = "-3"
_AUDIBLE_PEAK: Final = 1_000
_SHORTEST_SECONDS: Final = 0.1

_PACKAGES: Final = MappingProxyType({"espeak-ng": "espeak-ng", "sox": "sox"})


class PromptError(AsteriskError):
    """A prompt that has no sound."""

    code = "prompt"


class SynthesiserMissing(PromptError):
    """A program is not installed; the message says which package holds it."""

    code = "prompt_program_missing"


class SynthesisFailed(PromptError):
    """A program failed, took too long or made silence."""

    code = "prompt_synthesis"


class PromptNameInvalid(PromptError):
    """A name that is no prompt's, and so never becomes a path."""

    code = "prompt_name"


class PromptsOverloaded(PromptError):
    """Too much waits to be made already, or the library is closed."""

    code = "prompt_overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """How a language sounds: a voice of espeak-ng, its speed and its pitch (0 to 99)."""

    voice: str
    words_per_minute: int
    pitch: int = 50


# Not "cmn": as packaged by Debian and Ubuntu (1.51) that voice reads Chinese characters as the English names of the
# letters of their pinyin. The voice that takes Latin letters for pinyin reads the characters as they are spoken.
DEFAULT_VOICES: Final[Mapping[str, VoiceSettings]] = MappingProxyType(
    {
        "zh": VoiceSettings(voice="cmn-latn-pinyin", words_per_minute=160),
        "en": VoiceSettings(voice="en", words_per_minute=155),
    }
)


class EspeakSynthesiser:
    """Speaks with espeak-ng; every run of a program ends within `program_seconds`."""

    def __init__(
        self,
        voices: Mapping[str, VoiceSettings] = DEFAULT_VOICES,
        *,
        espeak: str = "espeak-ng",
        sox: str = "sox",
        program_seconds: float = PROGRAM_SECONDS,
    ) -> None:
        self._voices = voices
        self._espeak = espeak
        self._sox = sox
        self._program_seconds = program_seconds

    def problems(self) -> list[str]:
        """One line for each program that is missing: which, and how to install it."""
        return [_missing(program) for program in (self._espeak, self._sox) if shutil.which(program) is None]

    def settings_of(self, language: str) -> str:
        """All that decides how `language` sounds."""
        settings = self._settings(language)
        return f"espeak-ng {settings.voice} {settings.words_per_minute} {settings.pitch} peak {_PEAK_DB}"

    async def speak(self, text: str, language: str, target: Path) -> None:
        """Write `text`, spoken, to `target` as 8 kHz 16-bit mono WAV; raises PromptError."""
        settings = self._settings(language)
        if len(text) > TEXT_MAX_CHARACTERS:
            raise SynthesisFailed(f"the text has {len(text)} characters, at most {TEXT_MAX_CHARACTERS} are spoken")
        speech = await self._program(
            (self._espeak, "-v", settings.voice, "-s", str(settings.words_per_minute), "-p", str(settings.pitch),
             "-b", "1", "--stdin", "--stdout"),
            text.encode("utf-8", "replace"),
        )  # fmt: skip
        # espeak-ng cannot know the length when it writes the header.
        await self._to_telephone(("--ignore-length", "-t", "wav", "-"), speech, target)

    async def convert(self, recorded: Path, target: Path) -> None:
        """Write a recording of any format sox reads to `target` as 8 kHz 16-bit mono WAV; raises PromptError."""
        await self._to_telephone((_argument(recorded),), b"", target)

    async def _to_telephone(self, source: Sequence[str], sound: bytes, target: Path) -> None:
        await self._program(
            (self._sox, "-V1", "-R", *source, "-t", "wav", "-r", str(SAMPLE_RATE_HZ), "-b", "16", "-c", "1",
             "-e", "signed-integer", _argument(target), "norm", _PEAK_DB),
            sound,
        )  # fmt: skip
        await asyncio.to_thread(_check_audible, target)

    def _settings(self, language: str) -> VoiceSettings:
        settings = self._voices.get(language)
        if settings is None:
            raise SynthesisFailed(f"no voice speaks {language!r}: there are {', '.join(sorted(self._voices))}")
        return settings

    async def _program(self, command: Sequence[str], text: bytes) -> bytes:
        name = command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise SynthesiserMissing(_missing(name)) from error
        except OSError as error:
            raise SynthesisFailed(f"{name} does not start: {error}") from error
        try:
            async with asyncio.timeout(self._program_seconds):
                output, complaint = await process.communicate(text)
        except TimeoutError as error:
            raise SynthesisFailed(f"{name} took longer than {self._program_seconds} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        if process.returncode != 0:
            said = complaint.decode(errors="replace").strip().splitlines()
            raise SynthesisFailed(f"{name} failed ({process.returncode}): {said[-1] if said else 'no reason given'}")
        return output


def plays_as_it_is(sound: Path) -> bool:
    """Whether Asterisk plays the file as it is: a WAV file of 8 kHz, 16 bit, mono."""
    try:
        with wave.open(str(sound), "rb") as header:
            form = (header.getframerate(), header.getsampwidth(), header.getnchannels())
            return form == (SAMPLE_RATE_HZ, SAMPLE_BYTES, 1)
    except (wave.Error, EOFError):
        return False


def seconds_of(sound: Path) -> float | None:
    """How long a WAV file is; None when it is none."""
    try:
        with wave.open(str(sound), "rb") as header:
            return round(header.getnframes() / header.getframerate(), 2)
    except (OSError, wave.Error, EOFError, ZeroDivisionError):
        return None


def _argument(path: Path) -> str:
    # A relative name might begin with a dash and be taken for an option.
    return str(path.absolute())


def _check_audible(sound: Path) -> None:
    with wave.open(str(sound), "rb") as spoken:
        samples = array.array("h", spoken.readframes(spoken.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    seconds = len(samples) / SAMPLE_RATE_HZ
    if seconds < _SHORTEST_SECONDS or max(max(samples), -min(samples)) < _AUDIBLE_PEAK:
        sound.unlink(missing_ok=True)
        raise SynthesisFailed(f"{seconds:.2f} s of silence came out: the text holds nothing this voice can say")


def _missing(program: str) -> str:
    name = Path(program).name
    package = _PACKAGES.get(name, name)
    return f"{name} is not installed, so prompts cannot be made: apt-get install {package}"
