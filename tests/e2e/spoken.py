"""What was spoken for one house is kept for the next of the same run: espeak would only say the same words again."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

FIXED = Path("callcenter") / "static"
"""Where below the sounds the prompts without variables are; the names of the files are drawn from words and voice."""


@functools.cache
def _kept() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="cc-spoken-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def give(sounds: Path) -> None:
    """Put what is kept among the sounds of a house."""
    _copy(_kept(), sounds / FIXED)


def keep(sounds: Path) -> None:
    """Keep what a house has had spoken."""
    if (sounds / FIXED).is_dir():
        _copy(sounds / FIXED, _kept())


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for sound in source.glob("*-*.wav"):
        if not (target / sound.name).exists():
            shutil.copyfile(sound, target / sound.name)
