"""Programs that decode what sox does not: each writes WAV on its standard output, which sox reads through a pipe.

Law: a decoder is another program, started for one file and ended with it; nothing of it is linked in, and no more of
its output is read than the longest prompt takes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """A program and the Debian package it is in; `before` and `after` stand around the file's name."""

    program: str
    package: str
    before: tuple[str, ...]
    after: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether it can be started."""
        return shutil.which(self.program) is not None

    def command(self, upload: Path) -> tuple[str, ...]:
        """What is started; the name is absolute, so that it cannot be taken for an option."""
        return (self.program, *self.before, str(upload.absolute()), *self.after)


DECODERS: Final[Mapping[str, Decoder]] = MappingProxyType(
    {
        "opus": Decoder(program="opusdec", package="opus-tools", before=("--quiet", "--force-wav"), after=("-",)),
        "m4a": Decoder(program="faad", package="faad", before=("-q", "-w")),
    }
)
"""By the names of `conversion.format_of`."""

PACKAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"mp3": "libsox-fmt-mp3"} | {name: decoder.package for name, decoder in DECODERS.items()}
)
"""What is to be installed for a format that cannot be read here."""
