"""The port to a caller's channel while it asks what is next, and the verdicts it can be given."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from callcenter.app.call_state import CallState
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import InteractionId
from callcenter.domain.numbers import Number


class CallerGone(CallcenterError):
    """The caller hung up, or was pulled into a talk, while we were asking or saying something."""

    code = "caller_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All the dialplan knows when it asks."""

    interaction_id: InteractionId
    channel: str
    started_at: datetime
    ani: Number
    dnis: str
    caller_name: str
    trunk: str
    state: CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitVerdict:
    """Say `play`, then music, then ask again."""

    play: tuple[str, ...] = ()
    music: timedelta
    music_class: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndVerdict:
    """Say `play`, then hang up with the Q.850 cause."""

    play: tuple[str, ...] = ()
    cause: int = 16


Verdict = WaitVerdict | EndVerdict


class CallerChannel(Protocol):
    """One question from a caller's channel; every method raises `CallerGone` when there is nobody any more."""

    @property
    def question(self) -> Question:
        """What was asked."""
        ...

    async def play(self, path: str, interrupt_digits: str) -> str | None:
        """Play a sound file, named without its extension; the key that stopped it, if one did."""
        ...

    async def listen(self, limit: timedelta) -> str | None:
        """The next key, None when there was none in time."""
        ...

    async def remember(self, state: CallState) -> None:
        """Put the state on the channel, where it survives us."""
        ...

    async def decide(self, verdict: Verdict, state: CallState) -> None:
        """Give state and verdict; the verdict last, for it makes the rest count."""
        ...
