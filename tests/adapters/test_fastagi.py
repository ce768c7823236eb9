"""The FastAGI server against scripted peers, hostile ones too, and against an independent AGI script."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Self

import pytest

from callcenter.asterisk.agi_codec import AgiReply, AgiReplyParser, AgiRequestParser
from callcenter.asterisk.agi_session import AgiSession, ChannelStatus
from callcenter.asterisk.errors import (
    AgiClosed,
    AgiCommandError,
    AgiCommandFailed,
    AgiHangup,
    AgiListenError,
    AgiProtocolError,
    AgiTimeout,
)
from callcenter.asterisk.fastagi import AgiHandler, FastAgiConfig, FastAgiServer
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.timed

WAIT_SECONDS = PATIENCE_SECONDS
LONG = timedelta(seconds=WAIT_SECONDS)
SHORT = timedelta(milliseconds=50)

REQUEST = (
    "agi_network: yes\nagi_network_script: ask?queue=sales\nagi_request: agi://127.0.0.1:4573/ask?queue=sales\n"
    "agi_channel: PJSIP/trunk-0000002a\nagi_language: zh\nagi_uniqueid: 1790000000.42\n"
    "agi_callerid: 13800138000\nagi_calleridname: 王小明\nagi_dnid: 4000\nagi_context: cc-inbound\n"
    "agi_extension: 4000\nagi_priority: 3\nagi_enhanced: 0.0\nagi_accountcode: \nagi_arg_1: one\nagi_arg_2: 二\n\n"
)

# No time limit of the server may strike by itself on a slow machine.
CONFIG = FastAgiConfig(port=0, request_timeout=LONG, command_timeout=LONG, stop_timeout=LONG)


class Leg:
    """A leg of Asterisk's: sends the request, answers commands."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    def say(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)

    async def command(self) -> str:
        """The next command line, empty when the server has closed."""
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                return (await self.reader.readline()).decode().rstrip("\n")
            except ConnectionError:
                return ""


@asynccontextmanager
async def serving(handler: AgiHandler, config: FastAgiConfig = CONFIG) -> AsyncIterator[FastAgiServer]:
    server = FastAgiServer(config)
    await server.start(handler)
    try:
        yield server
    finally:
        await server.stop()
        assert server.session_count == 0


class Conversation:
    """Runs a handler for one leg and keeps how it ended."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def handler(self, handler: AgiHandler) -> AgiHandler:
        async def keep(session: AgiSession) -> None:
            try:
                await handler(session)
            except BaseException as error:
                self.outcome.set_result(error)
                raise
            else:
                self.outcome.set_result(None)

        return keep

    async def end(self) -> object:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.outcome


async def converse(handler: AgiHandler, replies: list[str], config: FastAgiConfig = CONFIG) -> tuple[list[str], object]:
    """The commands that a handler gave to these replies, and what it ended with."""
    conversation = Conversation()
    async with serving(conversation.handler(handler), config) as server, Leg(server.port) as leg:
        leg.say(REQUEST)
        commands = []
        for reply in replies:
            commands.append(await leg.command())
            leg.say(reply)
        outcome = await conversation.end()
        return commands, outcome


async def test_a_session_has_the_request_and_typed_commands() -> None:
    seen: list[object] = []

    async def handler(session: AgiSession) -> None:
        seen.extend([session.request.path, session.request.query, session.request.arguments])
        await session.answer()
        seen.append(await session.stream_file("zh/welcome", "12"))
        seen.append(await session.stream_file("zh/menu"))
        seen.append(await session.wait_for_digit(timedelta(seconds=2)))
        seen.append(await session.wait_for_digit(timedelta(milliseconds=1500)))
        seen.append(await session.get_data("zh/number", timedelta(seconds=3), 11))
        seen.append(await session.get_variable("CC_QUEUE"))
        seen.append(await session.get_variable("CC_NONE"))
        seen.append(await session.get_full_variable("${CALLERID(name)}"))
        await session.set_variable("CC_VERDICT", 'say "wait"')
        seen.append(await session.exec("Playback", "a&b", "noanswer"))
        seen.append(await session.channel_status())
        await session.hangup()

    commands, outcome = await converse(
        handler,
        [
            "200 result=0\n",
            "200 result=50 endpos=800\n",
            "200 result=0 endpos=16000\n",
            "200 result=42\n",
            "200 result=0\n",
            "200 result=0138 (timeout)\n",
            "200 result=1 (sales (A))\n",
            "200 result=0\n",
            "200 result=1 (王小明)\n",
            "200 result=1\n",
            "200 result=0\n",
            "200 result=6\n",
            "200 result=1\n",
        ],
    )
    assert outcome is None
    assert commands == [
        "ANSWER",
        'STREAM FILE "zh/welcome" "12"',
        'STREAM FILE "zh/menu" ""',
        'WAIT FOR DIGIT "2000"',
        'WAIT FOR DIGIT "1500"',
        'GET DATA "zh/number" "3000" "11"',
        'GET VARIABLE "CC_QUEUE"',
        'GET VARIABLE "CC_NONE"',
        'GET FULL VARIABLE "${CALLERID(name)}"',
        'SET VARIABLE "CC_VERDICT" "say \\"wait\\""',
        'EXEC "Playback" "a&b,noanswer"',
        "CHANNEL STATUS",
        "HANGUP",
    ]
    assert seen == [
        "ask",
        {"queue": "sales"},
        ("one", "二"),
        "2",
        None,
        "*",
        None,
        ("0138", True),
        "sales (A)",
        None,
        "王小明",
        "0",
        ChannelStatus.UP,
    ]


async def test_a_hangup_line_ends_the_next_command_but_not_the_last_notes() -> None:
    async def handler(session: AgiSession) -> None:
        await session.set_variable("a", "1")
        await session.wait_until_gone()
        assert session.hung_up
        await session.set_variable("b", "2")
        await session.stream_file("never")

    commands, outcome = await converse(handler, ["200 result=1\nHANGUP\n", "200 result=1\n"])
    assert commands == ['SET VARIABLE "a" "1"', 'SET VARIABLE "b" "2"']
    assert isinstance(outcome, AgiHangup)


@pytest.mark.parametrize(
    "replies",
    [
        ["HANGUP\n200 result=-1 endpos=0\n"],
        ["200 result=-1 endpos=800\n", "HANGUP\n511 Command Not Permitted on a dead channel\n"],
        ["200 result=-1 endpos=800\nHANGUP\n"],
        ["511 Command Not Permitted on a dead channel or intercept routine\n"],
    ],
)
async def test_every_way_of_hanging_up_is_a_hangup(replies: list[str]) -> None:
    async def handler(session: AgiSession) -> None:
        await session.stream_file("x")

    _, outcome = await converse(handler, replies)
    assert isinstance(outcome, AgiHangup)


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        (["200 result=-1 endpos=0\n", "200 result=6\n"], "such a sound"),
        (["510 Invalid or unknown command\n"], "510 Invalid"),
        (["520-Invalid command syntax.\nUsage: x\n520 End of proper usage.\n"], "Usage: x"),
        (["200 result=1\n"], "no digit"),
        (["200 result=\n"], "no digit"),
    ],
)
async def test_a_refused_command_is_told_apart_from_a_hangup(replies: list[str], text: str) -> None:
    async def handler(session: AgiSession) -> None:
        await session.stream_file("x")

    _, outcome = await converse(handler, replies)
    assert isinstance(outcome, AgiCommandFailed)
    assert text in str(outcome)


async def test_a_value_that_asterisk_shortens_is_asked_for_in_full() -> None:
    seen = []

    async def handler(session: AgiSession) -> None:
        seen.append(await session.get_variable("CC_NOTE"))

    whole = "王" * 500
    commands, _ = await converse(handler, [f"200 result=1 ({'王' * 341})\n", f"200 result=1 ({whole})\n"])
    assert commands == ['GET VARIABLE "CC_NOTE"', 'GET FULL VARIABLE "${CC_NOTE}"']
    assert seen == [whole]


async def test_a_failed_command_leaves_the_session_in_step() -> None:
    seen = []

    async def handler(session: AgiSession) -> None:
        with pytest.raises(AgiCommandFailed, match="no dialplan application"):
            await session.exec("NoSuchApp")
        seen.append(await session.get_variable("x"))

    _, outcome = await converse(handler, ["200 result=-2\n", "200 result=1 (y)\n"])
    assert (outcome, seen) == (None, ["y"])


async def test_a_command_without_reply_times_out_and_closes_the_session() -> None:
    async def handler(session: AgiSession) -> None:
        with pytest.raises(AgiTimeout, match="GET VARIABLE"):
            await session.get_variable("x")
        await session.set_variable("after", "1")

    commands, outcome = await converse(handler, [""], replace(CONFIG, command_timeout=SHORT))
    assert commands == ['GET VARIABLE "x"']
    assert isinstance(outcome, AgiTimeout)


async def test_a_cancelled_command_closes_the_session_lest_replies_shift() -> None:
    sent = asyncio.Event()

    async def handler(session: AgiSession) -> None:
        command = asyncio.create_task(session.get_variable("x"))
        await sent.wait()
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command
        await session.get_variable("y")

    conversation = Conversation()
    async with serving(conversation.handler(handler)) as server, Leg(server.port) as leg:
        leg.say(REQUEST)
        assert await leg.command() == 'GET VARIABLE "x"'
        sent.set()
        assert isinstance(await conversation.end(), AgiClosed)
        assert await leg.command() == ""


async def test_two_commands_at_once_are_refused() -> None:
    async def handler(session: AgiSession) -> None:
        first = asyncio.create_task(session.get_variable("x"))
        await asyncio.sleep(0)
        with pytest.raises(AgiCommandError, match="under way"):
            await session.get_variable("y")
        assert await first == "1"

    commands, outcome = await converse(handler, ["200 result=1 (1)\n"])
    assert (commands, outcome) == (['GET VARIABLE "x"'], None)


async def test_a_bad_value_is_refused_before_anything_is_sent() -> None:
    async def handler(session: AgiSession) -> None:
        for value in ("x\nEXEC System reboot", "y" * 2047):
            with pytest.raises(AgiCommandError):
                await session.set_variable("a", value)
        with pytest.raises(AgiCommandError, match="comma"):
            await session.exec("Playback", "a,b")
        with pytest.raises(AgiCommandError, match="DTMF"):
            await session.stream_file("a", "12x")
        await session.set_variable("a", "fine")

    commands, outcome = await converse(handler, ["200 result=1\n"])
    assert (commands, outcome) == (['SET VARIABLE "a" "fine"'], None)


@pytest.mark.parametrize("nonsense", ["hello\n", "200 result=0\n200 result=0\n", "x" * 70000])
async def test_a_peer_out_of_step_is_left(nonsense: str) -> None:
    async def handler(session: AgiSession) -> None:
        await session.get_variable("x")
        await session.wait_until_gone()
        await session.get_variable("y")

    _, outcome = await converse(handler, [nonsense])
    assert isinstance(outcome, AgiProtocolError)


async def test_a_connection_that_goes_is_closed_for_the_handler() -> None:
    async def handler(session: AgiSession) -> None:
        await session.get_variable("x")

    conversation = Conversation()
    async with serving(conversation.handler(handler)) as server, Leg(server.port) as leg:
        leg.say(REQUEST)
        await leg.command()
        leg.writer.transport.abort()
        assert isinstance(await conversation.end(), AgiClosed)


async def test_a_handler_that_waits_elsewhere_is_ended_some_time_after_its_leg() -> None:
    async def handler(session: AgiSession) -> None:
        await asyncio.get_running_loop().create_future()

    conversation = Conversation()
    config = replace(CONFIG, leave_timeout=SHORT)
    async with serving(conversation.handler(handler), config) as server, Leg(server.port) as leg:
        leg.say(REQUEST)
        leg.writer.write_eof()
        assert isinstance(await conversation.end(), asyncio.CancelledError)


async def test_a_fault_in_one_handler_harms_no_other_session() -> None:
    async def handler(session: AgiSession) -> None:
        if session.request.arguments[0] == "one":
            raise RuntimeError("a handler's fault")
        await session.set_variable("a", "1")

    async with serving(handler) as server:
        async with Leg(server.port) as faulty:
            faulty.say(REQUEST)
            assert await faulty.command() == ""
        async with Leg(server.port) as fine:
            fine.say(REQUEST.replace("agi_arg_1: one", "agi_arg_1: two"))
            assert await fine.command() == 'SET VARIABLE "a" "1"'


async def greet(session: AgiSession) -> None:
    await session.set_variable("served", "yes")


async def assert_served(server: FastAgiServer) -> None:
    async with Leg(server.port) as leg:
        leg.say(REQUEST)
        assert await leg.command() == 'SET VARIABLE "served" "yes"'
        leg.say("200 result=1\n")
        assert await leg.command() == ""


@pytest.mark.parametrize(
    "rubbish", ["", "\n", "GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00", "agi_x: y\n" * 300, "agi_" + "x" * 70000]
)
async def test_scans_and_rubbish_are_harmless(rubbish: str | bytes) -> None:
    async with serving(greet) as server:
        for _ in range(5):
            async with Leg(server.port) as stranger:
                stranger.say(rubbish)
                if rubbish:
                    assert await stranger.command() == ""
        await assert_served(server)


async def test_half_a_request_is_closed_after_its_time() -> None:
    async with serving(greet, replace(CONFIG, request_timeout=SHORT)) as server, Leg(server.port) as leg:
        leg.say(REQUEST[:100])
        assert await leg.command() == ""
        assert server.waiting_count == 0


@pytest.fixture
def many_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_open_files")
async def test_a_thousand_silent_connections_keep_no_call_out() -> None:
    loop = asyncio.get_running_loop()
    config = replace(CONFIG, max_waiting=20)
    async with serving(greet, config) as server, AsyncExitStack() as silent:
        for number in range(1000):
            stranger = silent.enter_context(socket.socket())
            stranger.setblocking(False)
            await loop.sock_connect(stranger, ("127.0.0.1", server.port))
            if number % 250 == 249:
                await assert_served(server)
                assert server.waiting_count <= config.max_waiting


async def test_the_oldest_without_a_whole_request_makes_room() -> None:
    async with (
        serving(greet, replace(CONFIG, max_waiting=2)) as server,
        Leg(server.port) as oldest,
        Leg(server.port) as older,
        Leg(server.port),
    ):
        assert await oldest.command() == ""
        older.say(REQUEST)
        assert await older.command() == 'SET VARIABLE "served" "yes"'


async def test_sessions_beyond_the_bound_are_closed_at_once() -> None:
    async with serving(greet, replace(CONFIG, max_sessions=1)) as server:
        async with Leg(server.port) as first, Leg(server.port) as waiting:
            first.say(REQUEST)
            await first.command()
            waiting.say(REQUEST)
            assert await waiting.command() == ""
            async with Leg(server.port) as late:
                assert await late.command() == ""
            first.say("200 result=1\n")
            assert await first.command() == ""
        await assert_served(server)


async def test_strangers_are_refused() -> None:
    config = replace(CONFIG, allowed_networks=("10.0.0.0/8",))
    async with serving(greet, config) as server, Leg(server.port) as leg:
        leg.say(REQUEST)
        assert await leg.command() == ""


async def test_an_idle_session_is_ended() -> None:
    async def handler(session: AgiSession) -> None:
        await session.wait_until_gone()
        await session.answer()

    _, outcome = await converse(handler, [], replace(CONFIG, idle_timeout=SHORT))
    assert isinstance(outcome, AgiClosed)


async def test_cancelling_serve_ends_every_session_and_frees_the_port() -> None:
    conversation = Conversation()

    async def handler(session: AgiSession) -> None:
        await session.get_variable("x")

    before = asyncio.all_tasks()
    server = FastAgiServer(CONFIG)
    serve = asyncio.create_task(server.serve(conversation.handler(handler)))
    await asyncio.wait_for(server.wait_until_listening(), WAIT_SECONDS)
    port = server.port
    async with Leg(port) as leg, Leg(port) as silent:
        leg.say(REQUEST)
        await leg.command()
        serve.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serve
        assert isinstance(await conversation.end(), asyncio.CancelledError | AgiClosed)
        assert await leg.command() == ""
        assert await silent.command() == ""
    async with serving(greet, replace(CONFIG, port=port)) as again:
        await assert_served(again)
    assert asyncio.all_tasks() == before


async def test_a_taken_port_and_a_wrong_network_are_named() -> None:
    async with serving(greet) as server:
        with pytest.raises(AgiListenError, match=rf"127\.0\.0\.1:{server.port}"):
            await FastAgiServer(replace(CONFIG, port=server.port)).start(greet)
    with pytest.raises(AgiListenError, match="allowed network"):
        FastAgiServer(replace(CONFIG, allowed_networks=("everybody",)))


FOREIGN_SCRIPT = """
import io, json, os, sys
sys.stdin = os.fdopen(0, "r", encoding="utf-8", newline="\\n")
results = os.fdopen(3, "w")
from asterisk.agi import AGI, AGIResultHangup
agi = AGI(sys.stdin, sys.stdout, io.StringIO())
seen = {"env": agi.env}
seen["digit"] = agi.wait_for_digit(2000)
seen["variable"] = agi.get_variable("CC_QUEUE")
seen["data"] = agi.get_data("number", 3000, 11)
agi.set_variable("a", "b c")
json.dump(seen, results)
"""


async def test_an_independent_script_reads_the_same_in_the_same_bytes() -> None:
    """pyst2 speaks the script's side as we do: given one Asterisk's bytes, both must see and say the same."""
    replies = ["200 result=53\n", "200 result=1 (sales)\n", "200 result=0138 (timeout)\n", "200 result=1\n"]
    seen: dict[str, object] = {}

    async def handler(session: AgiSession) -> None:
        seen["env"] = {f"agi_{name}": value for name, value in session.request.variables.items()}
        seen["digit"] = await session.wait_for_digit(timedelta(seconds=2))
        seen["variable"] = await session.get_variable("CC_QUEUE")
        seen["data"] = (await session.get_data("number", timedelta(seconds=3), 11))[0]
        await session.set_variable("a", "b c")

    ours, outcome = await converse(handler, replies)
    assert outcome is None

    read_end, write_end = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"import os; os.dup2({write_end}, 3)\n{FOREIGN_SCRIPT}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=(write_end,),
    )
    os.close(write_end)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(REQUEST.encode())
    theirs = []
    for reply in replies:
        line = await asyncio.wait_for(process.stdout.readline(), WAIT_SECONDS)
        theirs.append(line.decode().rstrip("\n"))
        process.stdin.write(reply.encode())
    await asyncio.wait_for(process.wait(), WAIT_SECONDS)
    with os.fdopen(read_end) as results:
        assert json.load(results) == seen
    # They leave numbers and names unquoted, which to Asterisk is the same words.
    assert [line.replace('"', "") for line in theirs] == [line.replace('"', "") for line in ours]


def test_the_parsers_take_what_comes_behind_a_request() -> None:
    parser = AgiRequestParser()
    assert parser.receive(REQUEST.encode() + b"HANGUP\n200 result=-1\n") is not None
    replies = AgiReplyParser()
    replies.receive(parser.rest)
    replies.next_reply()
    assert replies.next_reply() == AgiReply(code=200, result="-1", text="200 result=-1")
