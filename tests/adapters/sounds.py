"""Sounds for the tests: tones with silence around them, in the formats that sox writes; and how to measure them."""

import array
import io
import subprocess
import wave
from pathlib import Path

import numpy as np

from callcenter.asterisk.conversion import Samples


def tone(
    *,
    hertz: float = 440.0,
    seconds: float = 1.0,
    silence_seconds: float = 0.0,
    level_db: float = -12.0,
    rate: int = 8_000,
    channels: int = 1,
) -> bytes:
    """A WAV file: a tone whose power is `level_db` below full scale, with so much silence before and after it."""
    at = np.arange(round(seconds * rate)) / rate
    samples = 10 ** (level_db / 20) * np.sqrt(2) * np.sin(2 * np.pi * hertz * at)
    quiet = np.zeros(round(silence_seconds * rate))
    whole = np.clip(np.concatenate([quiet, samples, quiet]), -1, 1)
    values = np.repeat(np.round(whole * 32_767).astype("<i2"), channels)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(values.tobytes())
    return file.getvalue()


def encoded(sound: bytes, sox_type: str, *options: str) -> bytes:
    """The same sound in another format, by sox."""
    command = ["sox", "-V1", "-t", "wav", "-", *options, "-t", sox_type, "-"]
    return subprocess.run(command, input=sound, stdout=subprocess.PIPE, check=True, timeout=30).stdout


def samples_of(path: Path) -> Samples:
    """The samples of a WAV file of 16 bit, -1 to 1."""
    with wave.open(str(path), "rb") as sound:
        values = array.array("h", sound.readframes(sound.getnframes()))
    return np.array(values, dtype=np.float64) / 32_768


def loudest_hertz(samples: Samples) -> float:
    """The frequency that is loudest in a sound of 8 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(power.argmax()) * 8_000 / len(samples)
