"""One AGI session as its handler sees it: typed commands, one at a time, each with a time limit.

Law: a command gets its own reply or an error; after a lost or late reply the session is closed, never out of step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from enum import IntEnum
from typing import Final

from callcenter.asterisk.agi_codec import AgiReply, AgiRequest, encode_command
from callcenter.asterisk.errors import (
    AgiClosed,
    AgiCommandError,
    AgiCommandFailed,
    AgiError,
    AgiHangup,
    AgiProtocolError,
    AgiTimeout,
)

# What Asterisk still does for a leg whose caller is gone; anything else is refused there with 511.
_WORKS_WITHOUT_CALLER: Final = frozenset({"SET VARIABLE", "GET VARIABLE", "GET FULL VARIABLE", "NOOP", "VERBOSE"})
_CALLER_GONE: Final = 511
_DIGITS: Final = frozenset("0123456789*#ABCD")

# GET VARIABLE silently cuts a value to 1,023 bytes, perhaps within a letter; GET FULL VARIABLE does not.
_SHORTENED_BYTES: Final = 1020

_PLAYING_LIMIT: Final = timedelta(minutes=10)
_DIALPLAN_LIMIT: Final = timedelta(hours=12)
_BEEP_LIMIT: Final = timedelta(seconds=5)
_REPLY_MARGIN: Final = timedelta(seconds=5)


class ChannelStatus(IntEnum):
    """Asterisk's states of a channel, as CHANNEL STATUS numbers them."""

    DOWN_AVAILABLE = 0
    DOWN_RESERVED = 1
    OFF_HOOK = 2
    DIALLED = 3
    RINGING_REMOTE = 4
    RINGING = 5
    UP = 6
    BUSY = 7
    DIALLING_OFF_HOOK = 8
    PRE_RING = 9


class AgiSession:
    """Commands raise AgiHangup (caller gone), AgiClosed, AgiTimeout, AgiCommandFailed, AgiCommandError.

    Cancelling a command closes the session for further ones, for its reply would be taken for the next one's.
    """

    def __init__(
        self,
        request: AgiRequest,
        write: Callable[[bytes], None],
        set_idle: Callable[[bool], None],
        command_timeout: timedelta,
    ) -> None:
        self.request = request
        self._write = write
        self._set_idle = set_idle
        self._command_timeout = command_timeout
        self._reply: asyncio.Future[AgiReply] | None = None
        self._end: AgiError | None = None
        self._caller_left = False
        self._gone = asyncio.Event()

    @property
    def hung_up(self) -> bool:
        """Whether Asterisk has said that the caller is gone."""
        return self._caller_left

    async def wait_until_gone(self) -> None:
        """Return when the caller or the connection has gone; to be raced against what the handler waits for."""
        await self._gone.wait()

    async def answer(self) -> None:
        """Answer the leg, if it is not answered yet."""
        await self._refuse_failure("ANSWER", await self._command("ANSWER"))

    async def stream_file(
        self, file: str, escape_digits: str = "", *, time_limit: timedelta = _PLAYING_LIMIT
    ) -> str | None:
        """Play a sound, named without its extension; the digit that stopped it, or None at its end."""
        _check_digits(escape_digits)
        reply = await self._command("STREAM FILE", file, escape_digits, time_limit=time_limit)
        return await self._digit("STREAM FILE", reply)

    async def stream_from(
        self, file: str, escape_digits: str, sample: int, *, time_limit: timedelta = _PLAYING_LIMIT
    ) -> tuple[str | None, int]:
        """Play a sound from a sample on: the digit that stopped it, or None at its end, and the sample it came to."""
        _check_digits(escape_digits)
        reply = await self._command("STREAM FILE", file, escape_digits, str(sample), time_limit=time_limit)
        return await self._digit("STREAM FILE", reply), max(reply.endpos or 0, 0)

    async def record_file(
        self, file: str, escape_digits: str, limit: timedelta, silence: timedelta, *, beep: bool
    ) -> tuple[AgiReply, bool]:
        """Record to `file` ".wav" until a digit, that much silence (whole seconds; none is waited for at 0), the limit
        or a hang-up; the reply, whose value names which, and whether the caller is there still."""
        _check_digits(escape_digits)
        arguments = [file, "wav", escape_digits, _milliseconds(limit)]
        if beep:
            arguments.append("BEEP")
        if silence >= timedelta(seconds=1):
            arguments.append(f"s={silence // timedelta(seconds=1)}")
        reply = await self._command("RECORD FILE", *arguments, time_limit=limit + _BEEP_LIMIT + _REPLY_MARGIN)
        try:
            await self._refuse_failure("RECORD FILE", reply)
        except AgiHangup:
            return reply, False
        return reply, True

    async def music_on(self, music_class: str) -> None:
        """Play a class of music in the background, through the commands that follow, until a sound is played."""
        await self._command("SET MUSIC", "on", music_class)

    async def wait_for_digit(self, timeout: timedelta) -> str | None:  # noqa: ASYNC109  Asterisk does the waiting.
        """The next digit, or None when there was none in time."""
        reply = await self._command("WAIT FOR DIGIT", _milliseconds(timeout), time_limit=timeout + _REPLY_MARGIN)
        return await self._digit("WAIT FOR DIGIT", reply)

    async def get_data(
        self,
        file: str,
        timeout: timedelta,  # noqa: ASYNC109  Asterisk does the waiting: after the sound, and after each digit.
        max_digits: int,
        *,
        time_limit: timedelta = _PLAYING_LIMIT,
    ) -> tuple[str, bool]:
        """Play a sound and collect digits up to `#`; the digits, and whether the time ran out."""
        reply = await self._command("GET DATA", file, _milliseconds(timeout), str(max_digits), time_limit=time_limit)
        await self._refuse_failure("GET DATA", reply)
        return reply.result, reply.value == "timeout"

    async def get_variable(self, name: str) -> str | None:
        """A channel variable or function; None when it has no value."""
        reply = await self._command("GET VARIABLE", name)
        if reply.result != "1":
            return None
        value = reply.value or ""
        if len(value.encode()) >= _SHORTENED_BYTES:
            return await self.get_full_variable(f"${{{name}}}")
        return value

    async def get_full_variable(self, expression: str) -> str | None:
        """The value of an expression such as "${CALLERID(num)}"; never put a caller's words into it."""
        reply = await self._command("GET FULL VARIABLE", expression)
        return (reply.value or "") if reply.result == "1" else None

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable or function; works for a caller who has just gone."""
        await self._command("SET VARIABLE", name, value)

    async def exec(self, application: str, *arguments: str, time_limit: timedelta = _DIALPLAN_LIMIT) -> str:
        """Run a dialplan application to its end; its result as Asterisk gives it.

        Raises AgiCommandError for an argument with a comma, which Asterisk would take for two, and
        AgiCommandFailed when there is no such application.
        """
        for argument in arguments:
            if "," in argument:
                raise AgiCommandError(f"the argument {argument!r} of {application} holds a comma: pass its parts")
        reply = await self._command("EXEC", application, ",".join(arguments), time_limit=time_limit)
        if reply.result == "-2":
            raise AgiCommandFailed("EXEC", reply.code, f"there is no dialplan application {application!r}")
        if reply.result == "-1" and self._caller_left:
            raise self._hangup("EXEC")
        return reply.result

    async def hangup(self) -> None:
        """Hang up the leg."""
        await self._command("HANGUP")

    async def channel_status(self) -> ChannelStatus:
        """The state of the leg's channel."""
        reply = await self._command("CHANNEL STATUS")
        try:
            return ChannelStatus(int(reply.result))
        except ValueError as error:
            raise AgiCommandFailed("CHANNEL STATUS", reply.code, f"unknown state {reply.result!r}") from error

    async def _digit(self, keywords: str, reply: AgiReply) -> str | None:
        await self._refuse_failure(keywords, reply)
        if reply.result == "0":
            return None
        digit = chr(int(reply.result)) if reply.result.isascii() and reply.result.isdigit() else ""
        if digit not in _DIGITS:
            raise AgiCommandFailed(keywords, reply.code, f"{reply.result!r} is the code of no digit")
        return digit

    async def _refuse_failure(self, keywords: str, reply: AgiReply) -> None:
        """A result of -1 is either a hang-up or a failure, and the line HANGUP comes only after that reply.

        It comes before the reply to the next command, though, so asking anything settles which of the two it was.
        """
        if reply.result != "-1":
            return
        if not self._caller_left and reply.value != "hangup":
            await self._command("CHANNEL STATUS")
        if self._caller_left or reply.value == "hangup":
            raise self._hangup(keywords)
        raise AgiCommandFailed(keywords, reply.code, "result -1: it could not be done, is there such a sound?")

    def _hangup(self, keywords: str) -> AgiHangup:
        return AgiHangup(f"the caller on {self.request.channel} has gone ({keywords})")

    async def _command(self, keywords: str, *arguments: str, time_limit: timedelta | None = None) -> AgiReply:
        encoded = encode_command(keywords, *arguments)
        if self._caller_left and keywords not in _WORKS_WITHOUT_CALLER:
            raise self._hangup(keywords)
        if self._end is not None:
            raise self._ended()
        if self._reply is not None:
            raise AgiCommandError(f"the AGI command {keywords} cannot be sent while another is under way")
        limit = self._command_timeout if time_limit is None else time_limit
        self._reply = asyncio.get_running_loop().create_future()
        self._set_idle(False)
        self._write(encoded)
        try:
            async with asyncio.timeout(limit.total_seconds()):
                reply = await self._reply
        except TimeoutError:
            self.connection_ended(AgiTimeout(f"no reply to the AGI command {keywords} in {limit}"))
            raise self._ended() from None
        except asyncio.CancelledError:
            self.connection_ended(AgiClosed(f"the AGI command {keywords} was cancelled before its reply"))
            raise
        finally:
            self._reply = None
            self._set_idle(True)
        return self._accept(keywords, reply)

    def _accept(self, keywords: str, reply: AgiReply) -> AgiReply:
        if reply.code == _CALLER_GONE:
            self.caller_left()
            raise self._hangup(keywords)
        if reply.code != 200:
            raise AgiCommandFailed(keywords, reply.code, reply.text)
        return reply

    def _ended(self) -> AgiError:
        """The reason of the end, as a new exception: one object raised twice would grow its traceback."""
        if self._caller_left:
            return AgiHangup(f"the caller on {self.request.channel} has gone")
        end = self._end or AgiClosed("the AGI session is over")
        return type(end)(*end.args) if isinstance(end, AgiTimeout | AgiClosed | AgiProtocolError) else end

    def take_reply(self, reply: AgiReply) -> None:
        """For the connection: raises AgiProtocolError when nobody has asked."""
        if self._reply is None or self._reply.done():
            if self._end is None:
                raise AgiProtocolError(f"an AGI reply that nobody has asked for: {reply.text[:60]!r}")
            return
        self._reply.set_result(reply)

    def caller_left(self) -> None:
        """For the connection: the line HANGUP came."""
        self._caller_left = True
        self._gone.set()

    def connection_ended(self, error: AgiError) -> None:
        """For the connection: nothing will come any more. The first reason stays."""
        if self._end is None:
            self._end = error
        self._gone.set()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(self._ended())


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def _check_digits(digits: str) -> None:
    if not _DIGITS.issuperset(digits):
        raise AgiCommandError(f"{digits!r} are no DTMF digits: 0 to 9, *, #, A to D")
