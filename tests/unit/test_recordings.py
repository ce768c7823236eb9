"""What is on the disk of a recording, by its samples and not by its header."""

import math
import os
import struct
import wave
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callcenter.asterisk.recordings import Recordings, measure

FILE = "message-cc1-1.1_sales.wav"


def write(path: Path, seconds: float, loudness: int = 0) -> Path:
    """A tone of this amplitude."""
    count = round(seconds * 8000)
    samples = array("h", (round(loudness * math.sin(n * 2 * math.pi * 440 / 8000)) for n in range(count)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return path


@pytest.mark.parametrize(("loudness", "voiced"), [(0, False), (100, False), (3000, True)])
def test_a_voice_is_louder_than_silence(tmp_path: Path, loudness: int, voiced: bool) -> None:
    found = measure(write(tmp_path / FILE, 2.0, loudness))
    assert found is not None
    assert (found.length, found.voiced) == (timedelta(seconds=2), voiced)


def test_a_click_is_no_voice(tmp_path: Path) -> None:
    path = write(tmp_path / FILE, 3.0)
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(struct.pack("<200h", *([20_000] * 200)))
    found = measure(path)
    assert found is not None
    assert not found.voiced


@pytest.mark.parametrize("size", [0, 10, 44, 45])
def test_a_file_without_sound_has_no_length(tmp_path: Path, size: int) -> None:
    (tmp_path / FILE).write_bytes(bytes(size))
    found = measure(tmp_path / FILE)
    assert found is not None
    assert not found.voiced
    assert found.length < timedelta(milliseconds=1)


async def test_a_recording_that_was_never_closed_is_mended(tmp_path: Path) -> None:
    path = write(tmp_path / FILE, 2.0, 3000)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(bytes(4))
    found = measure(path)
    assert found is not None
    assert found.length == timedelta(seconds=2)
    recordings = Recordings(tmp_path)
    await recordings.mend(FILE)
    with wave.open(str(path), "rb") as sound:
        assert sound.getnframes() == 16_000
    before = path.read_bytes()
    await recordings.mend(FILE)
    assert path.read_bytes() == before


async def test_messages_are_told_apart_from_all_else_and_nothing_outside_is_touched(tmp_path: Path) -> None:
    inside = tmp_path / "recordings"
    recordings = Recordings(inside)
    assert list(await recordings.messages()) == []
    inside.mkdir()
    write(inside / FILE, 1.0)
    os.utime(inside / FILE, (1_700_000_000, 1_700_000_000))
    (inside / "talk-1.wav").touch()
    (tmp_path / FILE).touch()
    assert list(await recordings.messages()) == [(FILE, datetime.fromtimestamp(1_700_000_000, UTC))]
    assert await recordings.recorded(f"../{FILE}") is None
    await recordings.remove(f"../{FILE}")
    assert (tmp_path / FILE).exists()
    await recordings.remove(FILE)
    await recordings.remove(FILE)
    assert await recordings.recorded(FILE) is None


async def test_a_recording_from_elsewhere_comes_in_whole(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "recordings")
    outside = write(tmp_path / "spoken.wav", 1.0, 3000)
    await recordings.take_in(outside, FILE)
    assert not outside.exists()
    found = await recordings.recorded(FILE)
    assert found is not None
    assert found.voiced
    with pytest.raises(ValueError, match="no name"):
        await recordings.take_in(outside, "../x.wav")
