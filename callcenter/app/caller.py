"""The port to a caller's channel while it asks what is next, and the verdicts it can be given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from callcenter.app.call_state import CallState
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import InteractionId
from callcenter.domain.numbers import Number


class CallerGone(CallcenterError):
    """The caller hung up, or was pulled into a talk, while we were asking or saying something."""

    code = "caller_gone"


class NoRecording(CallcenterError):
    """Nothing can be recorded: there is no directory for it, or the exchange cannot write there."""

    code = "no_recording"


class TransferResult(StrEnum):
    """Why nobody outside took a caller who was to be transferred."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


class RecordingEnd(StrEnum):
    """What ended a recording."""

    KEY = "key"
    SILENCE = "silence"
    """Of nothing but silence the length says so: it is about the silence that was allowed."""
    LIMIT = "limit"
    HANGUP = "hangup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is on the disk of a recording; `voiced` says that somebody speaks in it."""

    path: Path
    length: timedelta
    voiced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Recorded):
    """A finished recording; the file is there in every case."""

    ended_by: RecordingEnd


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
    channel_id: str = ""
    """The unique id of the channel: the interaction's own, but of a callback."""
    after_talk: bool = False
    """He comes from a talk that is over, and his channel asks whether there is anything more."""
    transfer: TransferResult | None = None
    """After a `TransferVerdict` that reached nobody: why. Asked once only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitVerdict:
    """Say `play`, then music, then ask again; one of `keys` ends the music, which nobody hears, and is `typed` then."""

    play: tuple[str, ...] = ()
    music: timedelta
    music_class: str = "default"
    keys: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndVerdict:
    """Say `play`, then hang up with the Q.850 cause."""

    play: tuple[str, ...] = ()
    cause: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferVerdict:
    """Say `play`, then call `number` outside for the caller, who hears music meanwhile.

    A talk with whoever answers ends the call (its outcome is `TRANSFERRED_OUT`); where nobody does, the next question
    tells why (`Question.transfer`). `number` is the business's, never one that a caller has given; `shown_number` is
    what the far end sees, the caller's own number when empty.
    """

    play: tuple[str, ...] = ()
    number: str
    ring_timeout: timedelta
    music_class: str = "default"
    shown_number: str = ""


Verdict = WaitVerdict | EndVerdict | TransferVerdict


class CallerChannel(Protocol):
    """One question from a caller's channel; every method raises `CallerGone` when there is nobody any more.

    No key is lost between the first sound and the verdict: one that stops nothing is kept for who asks next. Nor is one
    in the music of a `WaitVerdict` with keys, or in the instant of the question after it.
    """

    @property
    def question(self) -> Question:
        """What was asked."""
        ...

    async def play(self, path: str, interrupt_digits: str) -> str | None:
        """Play a sound file, named without its extension; the key that stopped it, if one did."""
        ...

    async def listen(self, limit: timedelta) -> str | None:
        """The next key, None when there was none in time; after a quiet moment he hears music meanwhile."""
        ...

    async def ask(self, paths: Sequence[str], keys: str, limit: timedelta, music_class: str) -> str | None:
        """Play sounds, each of which one of `keys` stops, then wait for one with music; other keys are passed over.

        The music goes on afterwards. A talk that begins meanwhile ends it at once.
        """
        ...

    def typed(self, keys: str) -> str | None:
        """The first of `keys` that he pressed in the music before this question.

        What he pressed before it is passed over, what he pressed after it is kept for who asks next.
        """
        ...

    async def soothe(self) -> None:
        """Let music play in the background until the next sound, where he hears nothing now."""
        ...

    async def record(
        self, name: str, *, limit: timedelta, silence: timedelta, beep: bool = True, finish_key: str = "#"
    ) -> Recording:
        """Record what the caller says until a key, silence, the limit or his hang-up; `name` is ours, without a path.

        After `RecordingEnd.HANGUP` there is nobody any more. Raises `NoRecording`.
        """
        ...

    async def recorded(self, name: str) -> Recorded | None:
        """What is there of a recording of this name, from this question or from one before it."""
        ...

    async def supersede(self, name: str, by: str) -> Recorded | None:
        """Let the recording `by` take the place of `name`, at once and whole; None when it cannot."""
        ...

    async def remember(self, state: CallState) -> None:
        """Put the state on the channel, where it survives us."""
        ...

    async def decide(self, verdict: Verdict, state: CallState) -> None:
        """Give state and verdict; the verdict last, for it makes the rest count."""
        ...
