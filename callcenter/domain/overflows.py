"""Where a queue sends those whom it cannot or may not serve, and by which of its rules."""

from dataclasses import dataclass
from enum import StrEnum

from callcenter.domain.errors import InvalidValue


class OverflowKind(StrEnum):
    """What becomes of the caller."""

    QUEUE = "queue"
    NUMBER = "number"
    CALLBACK = "callback"
    MESSAGE = "message"
    CLOSED = "closed"
    """He is told why, and the call ends."""


class OverflowCause(StrEnum):
    """Which rule of the queue it was."""

    EMERGENCY = "emergency"
    HOURS = "hours"
    FULL = "full"
    TOO_LONG = "too_long"
    NOBODY = "nobody"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """A destination; `target` is a queue's id or a telephone number where the kind wants one."""

    kind: OverflowKind
    target: str = ""

    def __post_init__(self) -> None:
        wants_target = self.kind in (OverflowKind.QUEUE, OverflowKind.NUMBER)
        if wants_target != bool(self.target):
            needed = "a target" if wants_target else "no target"
            raise InvalidValue(f"overflow to {self.kind} has {needed}")

    def __str__(self) -> str:
        return f"{self.kind} {self.target}" if self.target else str(self.kind)
