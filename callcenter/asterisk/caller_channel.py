"""A caller's channel, as the FastAGI session of one question: Asterisk's words in, the domain's words out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import unquote

from callcenter.app.call_state import CallState, decode, interaction_of
from callcenter.app.caller import CallerGone, EndVerdict, Question, Verdict, WaitVerdict
from callcenter.asterisk.agi_codec import AgiRequest
from callcenter.asterisk.agi_session import AgiSession
from callcenter.asterisk.errors import AgiClosed, AgiCommandFailed, AgiError, AgiHangup
from callcenter.domain.errors import InvalidValue
from callcenter.domain.numbers import Number

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
)

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
    )


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

    def __init__(self, session: AgiSession, question: Question) -> None:
        self._session = session
        self._question = question
        self._played = False
        self._on_channel = {"CC_QUEUE": question.state.queue_id or "", "CHANNEL(language)": session.request.language}

    @property
    def question(self) -> Question:
        """What was asked."""
        return self._question

    async def play(self, path: str, interrupt_digits: str) -> str | None:
        """Play a sound; one that cannot be played is passed over."""
        self._played = True
        try:
            return await self._session.stream_file(path, interrupt_digits)
        except AgiCommandFailed:
            return None
        except (AgiHangup, AgiClosed) as error:
            raise CallerGone(str(error)) from error

    async def listen(self, limit: timedelta) -> str | None:
        """The next key, None when there was none in time."""
        try:
            return await self._session.wait_for_digit(limit)
        except AgiError as error:
            raise CallerGone(str(error)) from error

    async def remember(self, state: CallState) -> None:
        """Put the state on the channel; what Asterisk says by itself follows the caller's language.

        What is there already is not said again: each variable is a round trip, and the caller waits for it.
        """
        wanted = {"CC_STATE": state.encode(), "CC_QUEUE": state.queue_id or ""}
        if state.language:
            wanted["CHANNEL(language)"] = state.language
        for name, value in wanted.items():
            if self._on_channel.get(name) != value:
                await self._set((name, value))
                self._on_channel[name] = value

    async def decide(self, verdict: Verdict, state: CallState) -> None:
        """Give state and verdict; the verdict last."""
        await self.remember(state)
        if self._played:
            # What is played in a question ends the dialplan's music behind its back.
            await self._set(("CC_MUSIC_ON", ""))
        match verdict:
            case WaitVerdict():
                await self._set(
                    ("CC_PLAY", "&".join(verdict.play)),
                    ("CC_WAIT", f"{verdict.music.total_seconds():.2f}"),
                    ("CC_MUSIC", verdict.music_class),
                    ("CC_VERDICT", "wait"),
                )
            case EndVerdict():
                await self._set(
                    ("CC_PLAY", "&".join(verdict.play)), ("CC_CAUSE", str(verdict.cause)), ("CC_VERDICT", "end")
                )

    async def _set(self, *variables: tuple[str, str]) -> None:
        try:
            for name, value in variables:
                await self._session.set_variable(name, value)
        except AgiError as error:
            raise CallerGone(str(error)) from error
