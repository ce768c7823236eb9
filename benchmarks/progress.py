"""Tells on the standard error what a long measurement is at, so that nobody takes it for dead."""

import sys
import time

_BEGAN = time.monotonic()


def say(what: str) -> None:
    """A line with the seconds since the program began."""
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {what}", file=sys.stderr, flush=True)
