"""Recordings that people bring: any common format becomes the sound that Asterisk plays, as loud as the spoken prompts.

Law: what a file is, its first bytes say; its name is never looked at. Whatever it claims to hold, no more than the
longest prompt is ever decoded, in bounded time.

RecordingRefused (of InvalidValue)
    recording_empty       no bytes
    recording_format      not a sound file, or of a format that cannot be read here
    recording_broken      begins like a sound and cannot be decoded
    recording_silent      nothing is heard
    recording_too_short, recording_too_long
SoxMissing (of Conflict)  sox_missing
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from callcenter.app.prompt_book import LONGEST_RECORDING, RecordedSound
from callcenter.asterisk.decoders import DECODERS, PACKAGES
from callcenter.asterisk.synthesis import SAMPLE_BYTES, SAMPLE_RATE_HZ
from callcenter.domain.errors import Conflict, InvalidValue

Samples = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

SPEECH_LEVEL_DB: Final = -19.7
"""How loud the synthesised prompts are on average, by `speech_level_db`; recordings are brought to the same."""
SILENT_DB: Final = -50.0
HIGHEST_PEAK_DB: Final = -1.0
SHORTEST_SECONDS: Final = 0.2
LEAD_SECONDS: Final = 0.05
TAIL_SECONDS: Final = 0.15
CONVERSION_SECONDS: Final = 30.0
HEAD_BYTES: Final = 512
SHAPE_POINTS: Final = 48

_LEVEL_BLOCK_SECONDS: Final = 0.05
_EDGE_BLOCK_SECONDS: Final = 0.01
_EDGE_BELOW_SPEECH_DB: Final = 32.0
_RELATIVE_GATE: Final = 0.1
_QUIETEST: Final = 1e-12

_SOX_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wav": "wav",
        "mp3": "mp3",
        "ogg": "vorbis",
        "opus": "opus",
        "flac": "flac",
        "aiff": "aiff",
        "amr": "amr-nb",
        "amr-wb": "amr-wb",
        "au": "au",
        "caf": "caf",
        "m4a": "m4a",
        "webm": "webm",
    }
)
"""Formats that are recognised, each with the name sox has for it; sox says whether it reads it, or a decoder does."""


class RecordingRefused(InvalidValue):
    """The sound cannot be a prompt; the message says why and what would do."""

    code = "recording_refused"


class SoxMissing(Conflict):
    """Without sox nothing can be converted."""

    code = "sox_missing"


def format_of(head: bytes) -> str | None:
    """Which format a file with this beginning is of; None for none that is known."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"OggS":
        return "opus" if b"OpusHead" in head[:64] else "ogg"
    if head[4:8] == b"ftyp":
        return "m4a"
    marks = {
        b"fLaC": "flac",
        b"#!AMR-WB\n": "amr-wb",
        b"#!AMR\n": "amr",
        b".snd": "au",
        b"caff": "caf",
        b"\x1a\x45\xdf\xa3": "webm",
        b"ID3": "mp3",
    }
    for mark, name in marks.items():
        if head.startswith(mark):
            return name
    # A frame of MPEG audio without a tag; layer 0 is AAC, which is another thing.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "mp3"
    return None


class SoxConverter:
    """Decodes with sox, and with the decoders beside it (decoders.py); every run ends within `seconds`."""

    def __init__(self, *, sox: str = "sox", seconds: float = CONVERSION_SECONDS) -> None:
        self._sox = sox
        self._seconds = seconds
        self._readable: tuple[str, ...] | None = None
        self._by_sox: frozenset[str] = frozenset()

    async def formats(self) -> tuple[str, ...]:
        """The formats that can be read here, by the names of `format_of`; none without sox."""
        if self._readable is None:
            try:
                told = await self._run("--help")
            except (SoxMissing, RecordingRefused):
                return ()
            line = next((line for line in told.splitlines() if line.startswith("AUDIO FILE FORMATS:")), "")
            known = frozenset(line.split())
            self._by_sox = frozenset(name for name, sox_name in _SOX_TYPES.items() if sox_name in known)
            decoded = {name for name, decoder in DECODERS.items() if decoder.is_here}
            self._readable = tuple(name for name in _SOX_TYPES if name in self._by_sox | decoded)
        return self._readable

    async def convert(self, upload: Path, target: Path) -> RecordedSound:
        """Write it to `target` as 8 kHz 16-bit mono WAV, trimmed and levelled; raises `CallcenterError`."""
        if shutil.which(self._sox) is None:
            raise SoxMissing("sox is not installed, so recordings cannot be converted: apt-get install sox")
        name = await self._format(upload)
        raw = target.with_name(f"{target.name}.raw")
        longest = LONGEST_RECORDING.total_seconds()
        try:
            target_of_sox = (
                "-t", "f32", "-r", str(SAMPLE_RATE_HZ), "-c", "1", _argument(raw), "trim", "0", str(longest + 1),
            )  # fmt: skip
            if name in self._by_sox:
                await self._run("-V1", "-R", "-t", _SOX_TYPES[name], _argument(upload), *target_of_sox)
            else:
                # A decoder that writes into a pipe cannot know the length when it writes the header.
                piped = ("-V1", "-R", "--ignore-length", "-t", "wav", "-", *target_of_sox)
                await self._run(*piped, decoder=DECODERS[name].command(upload))
            return await asyncio.to_thread(_finish, raw, target, name)
        finally:
            raw.unlink(missing_ok=True)

    async def _format(self, upload: Path) -> str:
        head = await asyncio.to_thread(_head, upload)
        if not head:
            raise RecordingRefused("the file is empty: record or choose it again", code="recording_empty")
        name = format_of(head)
        readable = await self.formats()
        if name not in readable:
            what = "this is not a sound file" if name is None else f"{name} cannot be read by this server"
            package = PACKAGES.get(name or "")
            more = f"; for {name}: apt-get install {package}, and start it anew" if package else ""
            raise RecordingRefused(f"{what}; it reads {', '.join(readable)}{more}", code="recording_format")
        return name

    async def _run(self, *arguments: str, decoder: tuple[str, ...] = ()) -> str:
        """Run sox; a `decoder` writes into its standard input, and ends when sox has read enough."""
        feeding: asyncio.subprocess.Process | None = None
        process: asyncio.subprocess.Process | None = None
        try:
            async with asyncio.timeout(self._seconds):
                with _pipe() as (out_of, into):
                    if decoder:
                        feeding = await _started(decoder, stdin=subprocess.DEVNULL, stdout=into)
                    process = await _started(
                        (self._sox, *arguments), stdin=out_of if decoder else subprocess.DEVNULL, stdout=subprocess.PIPE
                    )
                told, complaint = await process.communicate()
        except TimeoutError as error:
            raise RecordingRefused(
                f"converting it took longer than {self._seconds:g} s; send a shorter or plainer file",
                code="recording_broken",
            ) from error
        finally:
            for one in (process, feeding):
                if one is not None:
                    if one.returncode is None:
                        with suppress(ProcessLookupError):
                            one.kill()
                    await one.communicate()
        if process.returncode != 0:
            said = complaint.decode(errors="replace").strip().splitlines()
            # sox names our own file in its message; what is of use stands behind the last colon.
            reason = said[-1].rpartition(": ")[2] if said else "no reason given"
            raise RecordingRefused(f"the file cannot be decoded: {reason}", code="recording_broken")
        return told.decode(errors="replace")


async def _started(command: tuple[str, ...], *, stdin: int, stdout: int) -> asyncio.subprocess.Process:
    """Start a program; what it complains of is kept where its output is."""
    kept = subprocess.PIPE if stdout == subprocess.PIPE else subprocess.DEVNULL
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=stdout, stderr=kept)
    except OSError as error:
        raise SoxMissing(f"{command[0]} does not start: {error}") from error


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """Its two ends, closed here at the end of the block: then each program has the only one."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def speech_level_db(samples: Samples) -> float:
    """The mean power of the blocks in which something is said, in dB below full scale.

    The gate is that of ITU-R BS.1770: blocks 10 dB below the mean of all that is heard do not count. Its filter for
    loudspeakers is left out: of a telephone's band it changes next to nothing.
    """
    power = _block_power(samples, _LEVEL_BLOCK_SECONDS)
    heard = power[power > 10 ** (SILENT_DB / 10)]
    if len(heard) == 0:
        return float(10 * np.log10(max(float(power.max(initial=0.0)), _QUIETEST)))
    spoken = heard[heard > float(heard.mean()) * _RELATIVE_GATE]
    return float(10 * np.log10(float(spoken.mean())))


def _argument(path: Path) -> str:
    # A relative name might begin with a dash and be taken for an option.
    return str(path.absolute())


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _finish(raw: Path, target: Path, name: str) -> RecordedSound:
    samples: Samples = np.fromfile(raw, dtype="<f4").astype(np.float64)
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    longest = LONGEST_RECORDING.total_seconds()
    if len(samples) > longest * SAMPLE_RATE_HZ:
        raise RecordingRefused(
            f"it is longer than {longest / 60:g} minutes, the most that a prompt may take", code="recording_too_long"
        )
    if len(samples) < SHORTEST_SECONDS * SAMPLE_RATE_HZ:
        raise RecordingRefused(
            f"it has {len(samples) / SAMPLE_RATE_HZ:.2f} s of sound; at least {SHORTEST_SECONDS} s are wanted",
            code="recording_too_short",
        )
    samples = samples - float(samples.mean())
    level = speech_level_db(samples)
    if level < SILENT_DB:
        raise RecordingRefused("nothing is heard in it: look at the microphone", code="recording_silent")
    samples = _trimmed(samples, level)
    samples = _limited(samples * 10 ** ((SPEECH_LEVEL_DB - level) / 20))
    with wave.open(str(target), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(SAMPLE_BYTES)
        sound.setframerate(SAMPLE_RATE_HZ)
        sound.writeframes(np.round(samples * 32_767).astype("<i2").tobytes())
    peak = float(np.abs(samples).max())
    return RecordedSound(
        seconds=round(len(samples) / SAMPLE_RATE_HZ, 2),
        level_db=round(speech_level_db(samples), 1),
        peak_db=round(20 * float(np.log10(max(peak, _QUIETEST))), 1),
        came_level_db=round(level, 1),
        format=name,
        shape=_shape(samples),
    )


def _block_power(samples: Samples, seconds: float) -> Samples:
    size = int(seconds * SAMPLE_RATE_HZ)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    power: Samples = np.mean(blocks**2, axis=1)
    return power


def _trimmed(samples: Samples, level_db: float) -> Samples:
    """Without the silence at both ends; a breath of it stays, so that no first or last sound is cut."""
    floor = 10 ** (max(level_db - _EDGE_BELOW_SPEECH_DB, SILENT_DB - 10) / 10)
    loud = np.nonzero(_block_power(samples, _EDGE_BLOCK_SECONDS) > floor)[0]
    size = int(_EDGE_BLOCK_SECONDS * SAMPLE_RATE_HZ)
    begin = max(0, int(loud[0]) * size - int(LEAD_SECONDS * SAMPLE_RATE_HZ))
    end = (int(loud[-1]) + 1) * size + int(TAIL_SECONDS * SAMPLE_RATE_HZ)
    return samples[begin:end]


def _limited(samples: Samples) -> Samples:
    """Peaks above half of what is allowed are bent, so that none goes over it."""
    highest = 10 ** (HIGHEST_PEAK_DB / 20)
    if float(np.abs(samples).max()) <= highest:
        return samples
    knee = highest / 2
    size = np.abs(samples)
    bent = knee + (highest - knee) * np.tanh((size - knee) / (highest - knee))
    limited: Samples = np.where(size > knee, np.sign(samples) * bent, samples)
    return limited


def _shape(samples: Samples) -> tuple[float, ...]:
    """How loud it is along its length, 0 to 1, to be drawn."""
    return tuple(round(float(np.abs(part).max()), 3) for part in np.array_split(samples, SHAPE_POINTS) if len(part))
