"""A caller's channel, as the FastAGI session of one question: Asterisk's words in, the domain's words out."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import structlog

from callcenter.app.call_state import CallState, decode, interaction_of
from callcenter.app.caller import (
    CallerGone,
    EndVerdict,
    NoRecording,
    Question,
    Recorded,
    Recording,
    RecordingEnd,
    TransferResult,
    TransferVerdict,
    Verdict,
    WaitVerdict,
)
from callcenter.asterisk.agi_codec import AgiRequest
from callcenter.asterisk.agi_session import AgiSession
from callcenter.asterisk.errors import AgiCommandFailed, AgiError
from callcenter.asterisk.orders import OutsideLine, dial_number
from callcenter.asterisk.recordings import NAME, SAMPLES_PER_SECOND, measure
from callcenter.domain.direct import agent_of
from callcenter.domain.errors import InvalidValue
from callcenter.domain.numbers import Number

log = structlog.get_logger(__name__)

#: The order of the question's arguments; the dialplan's AGI() line is its other end (docs/asterisk.md).
ARGUMENTS: Final = (
    "id",
    "state",
    "dnis",
    "ani",
    "name",
    "presentation",
    "trunk",
    "from",
    "entered",
    "question",
    "away",
    "transfer",
    "after",
    "keys",
)

_ALL_KEYS: Final = "0123456789*#"
_KEYS_KEPT: Final = 32
#: How long nothing is heard after a question: music in the very moment of an answer would be a nuisance.
QUIET_MOMENT: Final = timedelta(seconds=1)
_CUT_MARGIN: Final = timedelta(seconds=3)
"""A silence that ended a recording is told in its length, and cut off its file."""
_LIMIT_MARGIN: Final = timedelta(milliseconds=200)
#: What Dial() says of a call that nobody took (DIALSTATUS); whatever else it says is a failure.
_TRANSFER_RESULTS: Final = {"BUSY": TransferResult.BUSY, "NOANSWER": TransferResult.NO_ANSWER}

_TEXT_LIMIT: Final = 160


def question_of(request: AgiRequest, read_ani: Callable[[str, str], Number], now: datetime) -> Question:
    """The question in a FastAGI request; raises `InvalidValue` when it is not one of our dialplan's.

    `read_ani(raw, presentation)` normalises the calling number.
    """
    fields = dict(zip(ARGUMENTS, request.arguments, strict=False))
    if not fields.get("id") or request.path.strip("/") != "call":
        raise InvalidValue(
            f"a FastAGI request for {request.path!r} without our arguments; "
            "the dialplan must be the one that `callcenter asterisk-config` writes",
            code="unknown_question",
        )
    return Question(
        interaction_id=interaction_of(fields["id"]),
        channel=request.channel,
        started_at=_moment(fields.get("entered", ""), now),
        ani=read_ani(_text(fields, "ani"), _text(fields, "presentation")),
        dnis=_text(fields, "dnis"),
        caller_name=_text(fields, "name"),
        trunk=_text(fields, "trunk"),
        state=decode(fields.get("state", "")),
        channel_id=request.unique_id,
        transfer=_transfer(fields.get("transfer", "")),
        after_talk=bool(fields.get("after")),
    )


def _fallback_queue(state: CallState) -> str:
    """The plain queue that stands in for his while we are away; for an agent's own queue the default one does."""
    return "" if agent_of(state.queue_id) is not None else state.queue_id or ""


def not_heard(stored: str, heard: Sequence[str]) -> str:
    """Of the keys that the exchange has read, in order, those that no command has heard."""
    missed, left = "", deque(heard)
    for key in stored:
        if left and left[0] == key:
            left.popleft()
        else:
            missed += key
    return missed


def _transfer(dial_status: str) -> TransferResult | None:
    return _TRANSFER_RESULTS.get(dial_status, TransferResult.FAILED) if dial_status else None


def _text(fields: dict[str, str], name: str) -> str:
    decoded = unquote(fields.get(name, ""), errors="replace")
    return "".join(sign for sign in decoded if sign.isprintable())[:_TEXT_LIMIT].strip()


def _moment(epoch_seconds: str, now: datetime) -> datetime:
    try:
        return min(datetime.fromtimestamp(int(epoch_seconds), UTC), now)
    except (ValueError, OverflowError, OSError):
        return now


class AgiCallerChannel:
    """The port `CallerChannel` over one AGI session."""

    def __init__(
        self,
        session: AgiSession,
        question: Question,
        *,
        outside: OutsideLine | None = None,
        recordings: Path | None = None,
        menu_music: str = "default",
    ) -> None:
        """`menu_music` is the music class for who thinks what key to press; empty: he hears nothing."""
        self._session = session
        self._question = question
        self._outside = outside or OutsideLine()
        self._recordings = recordings.absolute() if recordings is not None else None
        self._menu_music = menu_music
        self._music: str | None = None
        """What plays in the background now, or empty; None: what the dialplan has put there."""
        arguments = dict(zip(ARGUMENTS, session.request.arguments, strict=False))
        pressed = (key for key in arguments.get("keys", "") if key in _ALL_KEYS)
        self._typed: deque[str] = deque(pressed, maxlen=_KEYS_KEPT)
        self._heard: list[str] = []
        """Every key that a command of this question has heard."""
        self._has_listened = False
        self._is_answered = False
        """Whether a key of his was given out: then those he pressed before the verdict are no choice any more."""
        self._on_channel = {
            "CC_QUEUE": _fallback_queue(question.state),
            "CHANNEL(language)": session.request.language,
            "CC_AWAY_SINCE": arguments.get("away", ""),
        }

    @property
    def question(self) -> Question:
        """What was asked."""
        return self._question

    async def play(self, path: str, interrupt_digits: str) -> str | None:
        """Play a sound; one that cannot be played is passed over.

        Every key stops it in the exchange, which would lose it otherwise; after one that is not to stop it the sound
        goes on from there. A key that was typed ahead is taken as if it were pressed now.
        """
        if self._typed and self._typed[0] in interrupt_digits:
            return self._given(self._typed.popleft())
        sample = 0
        while True:
            self._music = ""
            self._has_listened = True
            try:
                key, sample = await self._session.stream_from(path, _ALL_KEYS, sample)
            except AgiCommandFailed:
                return None
            except AgiError as error:
                raise CallerGone(str(error)) from error
            if key is None:
                return None
            self._heard.append(key)
            if key in interrupt_digits:
                return self._given(key)
            self._typed.append(key)

    async def listen(self, limit: timedelta) -> str | None:
        """The next key, None when there was none in time; after a quiet moment he hears music meanwhile."""
        key = await self._next_key(limit)
        return None if key is None else self._given(key)

    async def _next_key(self, limit: timedelta) -> str | None:
        if self._typed:
            return self._typed.popleft()
        self._has_listened = True
        key: str | None = None
        try:
            if self._is_silent() and limit > QUIET_MOMENT:
                key = await self._session.wait_for_digit(QUIET_MOMENT)
                limit -= QUIET_MOMENT
                if key is None:
                    await self.soothe()
            if key is None:
                key = await self._session.wait_for_digit(limit)
        except AgiError as error:
            raise CallerGone(str(error)) from error
        if key is not None:
            self._heard.append(key)
        return key

    def typed(self, keys: str) -> str | None:
        """The first of `keys` that he pressed in the music before this question; those before it are passed over."""
        while self._typed:
            key = self._typed.popleft()
            if key in keys:
                return self._given(key)
        return None

    def _given(self, key: str) -> str:
        self._is_answered = True
        return key

    async def soothe(self) -> None:
        """Let music play in the background until the next sound, where he hears nothing now."""
        if self._is_silent():
            await self._play_music(self._menu_music)

    def _is_silent(self) -> bool:
        return self._music == "" and bool(self._menu_music)

    async def _play_music(self, music_class: str) -> None:
        try:
            await self._session.music_on(music_class)
            self._music = music_class
        except AgiCommandFailed:
            self._music = ""
        except AgiError as error:
            raise CallerGone(str(error)) from error

    async def ask(self, paths: Sequence[str], keys: str, limit: timedelta, music_class: str) -> str | None:
        """Play sounds, each of which one of `keys` stops, then wait for one with music; other keys are passed over."""
        for path in paths:
            key = await self.play(path, keys)
            if key is not None:
                return key
        await self._play_music(music_class)
        clock = asyncio.get_running_loop().time
        deadline = clock() + limit.total_seconds()
        while (left := deadline - clock()) > 0:
            key = await self._next_key(timedelta(seconds=left))
            if key is None:
                return None
            if key in keys:
                return self._given(key)
        return None

    async def record(
        self, name: str, *, limit: timedelta, silence: timedelta, beep: bool = True, finish_key: str = "#"
    ) -> Recording:
        """Record what the caller says; a hang-up ends the recording, and the file stays."""
        path = await self._recording_path(name)
        self._music = ""
        try:
            reply, is_there = await self._session.record_file(str(path), finish_key, limit, silence, beep=beep)
        except AgiCommandFailed as error:
            raise NoRecording(f"the exchange cannot record to {path}.wav: {error}; may it write there?") from error
        except AgiError as error:
            raise CallerGone(str(error)) from error
        length = timedelta(seconds=max(reply.endpos or 0, 0) / SAMPLES_PER_SECOND)
        ended_by = RecordingEnd.LIMIT if length >= limit - _LIMIT_MARGIN else RecordingEnd.SILENCE
        if not is_there:
            ended_by = RecordingEnd.HANGUP
        elif reply.value == "dtmf":
            ended_by = RecordingEnd.KEY
        file = path.with_name(f"{name}.wav")
        on_disk = await asyncio.to_thread(measure, file)
        if on_disk is None or on_disk.length < length / 2 - _CUT_MARGIN:
            kept = 0.0 if on_disk is None else on_disk.length.total_seconds()
            raise NoRecording(f"of {length.total_seconds():.1f} s only {kept:.1f} s are in {file}; is the disk full?")
        return Recording(path=file, length=length, ended_by=ended_by, voiced=on_disk.voiced)

    async def recorded(self, name: str) -> Recorded | None:
        """What is there of a recording of this name, from this question or from one before it."""
        if self._recordings is None or not NAME.fullmatch(name):
            return None
        return await asyncio.to_thread(measure, self._recordings / f"{name}.wav")

    async def supersede(self, name: str, by: str) -> Recorded | None:
        """Let the recording `by` take the place of `name`, at once and whole; None when it cannot."""
        target, source = await self._recording_path(name), await self._recording_path(by)
        try:
            await asyncio.to_thread(source.with_name(f"{by}.wav").replace, target.with_name(f"{name}.wav"))
        except OSError as error:
            log.warning("recording_not_superseded", recording=name, error=str(error))
            return None
        return await self.recorded(name)

    async def _recording_path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise NoRecording(f"{name!r} is no name of a recording: letters, digits, '.', '_' and '-' are")
        if self._recordings is None:
            raise NoRecording("no directory for recordings is set")
        try:
            await asyncio.to_thread(self._recordings.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NoRecording(f"the directory {self._recordings} for recordings cannot be made: {error}") from error
        return self._recordings / name

    async def remember(self, state: CallState) -> None:
        """Put the state on the channel; what Asterisk says by itself follows the caller's language.

        What is there already is not said again: each variable is a round trip, and the caller waits for it.
        """
        # A server is here again: an outage that comes later in this very question is one of its own.
        wanted = {"CC_STATE": state.encode(), "CC_QUEUE": _fallback_queue(state), "CC_AWAY_SINCE": ""}
        if self._on_channel["CC_AWAY_SINCE"]:
            wanted["CC_SORRY"] = ""
        if state.language:
            wanted["CHANNEL(language)"] = state.language
        for name, value in wanted.items():
            if self._on_channel.get(name) != value:
                await self._set((name, value))
                self._on_channel[name] = value

    async def decide(self, verdict: Verdict, state: CallState) -> None:
        """Give state and verdict; the verdict last."""
        await self.remember(state)
        if self._music is not None:
            # What is played in a question ends the dialplan's music behind its back.
            await self._set(("CC_MUSIC_ON", self._music))
        match verdict:
            case WaitVerdict():
                await self._set(
                    ("CC_PLAY", "&".join(verdict.play)),
                    ("CC_WAIT", f"{verdict.music.total_seconds():.2f}"),
                    ("CC_MUSIC", verdict.music_class),
                    ("CC_KEYS", verdict.keys),
                    *(await self._missed() if verdict.keys and self._has_listened else ()),
                    ("CC_VERDICT", "wait"),
                )
            case EndVerdict():
                await self._set(
                    ("CC_PLAY", "&".join(verdict.play)), ("CC_CAUSE", str(verdict.cause)), ("CC_VERDICT", "end")
                )

            case TransferVerdict():
                await self._set(
                    ("CC_PLAY", "&".join(verdict.play)),
                    ("CC_DIAL", self._dialled(verdict.number)),
                    ("CC_RING", str(max(round(verdict.ring_timeout.total_seconds()), 1))),
                    ("CC_MUSIC", verdict.music_class),
                    ("CC_SHOWN", verdict.shown_number),
                    ("CC_VERDICT", "transfer"),
                )

    async def _missed(self) -> tuple[tuple[str, str], ...]:
        """What the dialplan is to know of the keys that came while no command waited for one; it goes on from there."""
        try:
            stored = await self._session.get_variable("CC_TYPED") or ""
        except AgiError as error:
            raise CallerGone(str(error)) from error
        missed = "" if self._is_answered else not_heard(stored, self._heard)
        return (("CC_MISSED", missed), ("CC_SEEN", str(len(stored))))

    def _dialled(self, number: str) -> str:
        """What is dialled; empty where nothing can be, which the next question tells as a failure."""
        try:
            return dial_number("the transfer's destination", number, self._outside)
        except InvalidValue as error:
            log.warning("transfer_impossible", code=error.code, error=str(error))
            return ""

    async def _set(self, *variables: tuple[str, str]) -> None:
        try:
            for name, value in variables:
                await self._session.set_variable(name, value)
        except AgiError as error:
            raise CallerGone(str(error)) from error
