"""How a user wants the board: from when on a figure is coloured, and which queues are shown. Nothing here is a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from callcenter.domain.ids import UserId

EVERY_QUEUE: Final = "*"
"""The name under which the thresholds of all queues stand that have none of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From which value on a figure is of concern (`warn`) and bad; None: as the queue's own promise suggests.

    Waiting callers and seconds of the longest wait are so from there on up, the service level (percent) below it.
    """

    waiting_warn: int | None = None
    waiting_bad: int | None = None
    longest_warn_seconds: int | None = None
    longest_bad_seconds: int | None = None
    service_level_warn: int | None = None
    service_level_bad: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardWishes:
    """What one user set; `queues` has an entry for `EVERY_QUEUE` and those with thresholds of their own.

    `hidden` are the queues he does not want to see. Version 0: he never set anything.
    """

    queues: Mapping[str, Thresholds] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    version: int = 0


class WishBook(Protocol):
    """Where wishes are kept."""

    async def wishes(self, user_id: UserId) -> BoardWishes:
        """What the user set last."""
        ...

    async def keep(self, user_id: UserId, wishes: BoardWishes, *, at: datetime, expected: int) -> BoardWishes:
        """Keep them as the next version; `Outdated` when they are not those of version `expected` any more."""
        ...
