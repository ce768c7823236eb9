"""Where a line was silent: over what a phone has recorded, time without packets and packets without sound alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.e2e.rtp import DECODED, HeardFrame

QUIETER_THAN_DBFS: Final = -65.0
"""Music has quiet moments and lines have noise; what nobody hears on a telephone is far below both."""

_SQUARES = {kind: np.array(levels, dtype=float) ** 2 / 32_768**2 for kind, levels in DECODED.items()}


@dataclass(frozen=True, slots=True)
class Silence:
    """From when, on the phone's clock, and how long."""

    since: float
    seconds: float


def has_sound(frame: HeardFrame, *, quieter_than_dbfs: float = QUIETER_THAN_DBFS) -> bool:
    """Whether somebody would hear this packet."""
    if not frame.payload:
        return False
    power = float(np.mean(_SQUARES[frame.payload_type][np.frombuffer(frame.payload, dtype=np.uint8)]))
    return power > 10 ** (quieter_than_dbfs / 10)


def first_sound(frames: Iterable[HeardFrame], since: float) -> float | None:
    """When the first packet with sound came; None when there was none."""
    return next((frame.at for frame in frames if frame.at >= since and has_sound(frame)), None)


def silences(
    frames: Iterable[HeardFrame], since: float, until: float, *, longer_than: float, keys_at: Iterable[float] = ()
) -> list[Silence]:
    """Every silence of more than so many seconds, from its beginning to the next sound or to `until`.

    Who types hears his own keys: pressed at `keys_at`, they are sounds as well.
    """
    found = []
    last = since
    sounds = [frame.at for frame in frames if since <= frame.at <= until and has_sound(frame)]
    keys = [at for at in keys_at if since <= at <= until]
    for at in [*sorted([*sounds, *keys]), until]:
        if at - last > longer_than:
            found.append(Silence(last, at - last))
        last = at
    return found
