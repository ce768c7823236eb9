"""Telephone numbers as they came and as E.164 (ITU-T E.164), where they are numbers at all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A calling or dialled number; `e164` is None for withheld, garbled or alphanumeric callers."""

    raw: str
    e164: str | None = None
    national: str | None = None
    region: str | None = None
    withheld: bool = False
