"""The AGI codec: requests and replies whatever the split, and no value that becomes a command or an argument."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callcenter.asterisk.agi_codec import (
    COMMAND_MAX_BYTES,
    AgiHangupNotice,
    AgiReply,
    AgiReplyParser,
    AgiRequest,
    AgiRequestParser,
    encode_command,
)
from callcenter.asterisk.errors import AgiCommandError, AgiProtocolError

EXAMPLES = int(os.environ.get("CALLCENTER_FUZZ_EXAMPLES", "200"))
pytestmark = pytest.mark.timeout(120 + EXAMPLES // 50)

REQUEST = (
    "agi_network: yes\nagi_network_script: hold/ask?queue=sales&x=\n"
    "agi_request: agi://127.0.0.1:4573/hold/ask?queue=sales&x=\nagi_channel: PJSIP/trunk-0000002a\n"
    "agi_language: zh\nagi_type: PJSIP\nagi_uniqueid: 1790000000.42\nagi_version: 22.10.1\n"
    "agi_callerid: 13800138000\nagi_calleridname: 王小明: 客户\nagi_callingpres: 0\nagi_dnid: 4000\n"
    "agi_rdnis: unknown\nagi_context: cc-inbound\nagi_extension: 4000\nagi_priority: 3\nagi_enhanced: 0.0\n"
    "agi_accountcode: \nagi_threadid: 139\nagi_arg_1: one\nagi_arg_2: \nagi_arg_3: 三\n\n"
).encode()

REPLIES = (
    "100 Trying...\n200 result=0\n200 result=1 (a (b) c)\n200 result=53 endpos=16000\n"
    "HANGUP\n200 result=-1\n510 Invalid or unknown command\n"
    "511 Command Not Permitted on a dead channel or intercept routine\n"
    "520-Invalid command syntax.  Proper usage follows:\n Usage: GET DATA <file>\nHANGUP\n520 End of proper usage.\n"
    "200 result= (timeout)\n200 result=0123 (timeout)\n200 result=1 (first\nsecond)\n"
    "200 result=1 (王 endpos=5)\n200 result=0 (timeout) endpos=1600\n200 result=1 ()\n"
).encode()

EXPECTED = [
    AgiReply(code=200, result="0", text="200 result=0"),
    AgiReply(code=200, result="1", value="a (b) c", text="200 result=1 (a (b) c)"),
    AgiReply(code=200, result="53", endpos=16000, text="200 result=53 endpos=16000"),
    AgiHangupNotice(),
    AgiReply(code=200, result="-1", text="200 result=-1"),
    AgiReply(code=510, text="Invalid or unknown command"),
    AgiReply(code=511, text="Command Not Permitted on a dead channel or intercept routine"),
    AgiReply(
        code=520,
        text="520-Invalid command syntax.  Proper usage follows:\n Usage: GET DATA <file>\nHANGUP\n"
        "520 End of proper usage.",
    ),
    AgiReply(code=200, result="", value="timeout", text="200 result= (timeout)"),
    AgiReply(code=200, result="0123", value="timeout", text="200 result=0123 (timeout)"),
    AgiReply(code=200, result="1", value="first\nsecond", text="200 result=1 (first\nsecond)"),
    AgiReply(code=200, result="1", value="王 endpos=5", text="200 result=1 (王 endpos=5)"),
    AgiReply(code=200, result="0", value="timeout", endpos=1600, text="200 result=0 (timeout) endpos=1600"),
    AgiReply(code=200, result="1", value="", text="200 result=1 ()"),
]


def read_request(chunks: Sequence[bytes], **limits: int) -> tuple[AgiRequest | None, bytes]:
    parser = AgiRequestParser(**limits)
    request, rest = None, b""
    for chunk in chunks:
        if request is None:
            request = parser.receive(chunk)
            rest = parser.rest
        else:
            rest += chunk
    return request, rest


def read_replies(chunks: Sequence[bytes], max_bytes: int = 65536) -> list[AgiReply | AgiHangupNotice]:
    parser = AgiReplyParser(max_bytes=max_bytes)
    replies = []
    for chunk in chunks:
        parser.receive(chunk)
        while (reply := parser.next_reply()) is not None:
            replies.append(reply)
    return replies


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def asterisk_reads(data: bytes) -> list[list[str]]:
    """How Asterisk reads commands: a line each; blanks separate words outside quotes, a backslash takes the next."""
    lines = data.decode().split("\n")
    assert lines.pop() == ""
    return [asterisk_words(line) for line in lines]


def asterisk_words(line: str) -> list[str]:
    words: list[str] = []
    quoted = escaped = False
    between = True
    for character in line:
        if not escaped and character == '"':
            quoted = not quoted
            if quoted and between:
                words.append("")
                between = False
        elif not escaped and not quoted and character in " \t":
            between = True
        elif not escaped and character == "\\":
            escaped = True
        else:
            if between:
                words.append("")
                between = False
            words[-1] += character
            escaped = False
    return words


def test_a_request_gives_headers_arguments_path_and_query() -> None:
    request, rest = read_request([REQUEST + b"200 result=0\n"])
    assert request is not None
    assert rest == b"200 result=0\n"
    assert request.channel == "PJSIP/trunk-0000002a"
    assert request.unique_id == "1790000000.42"
    assert request.path == "hold/ask"
    assert request.query == {"queue": "sales", "x": ""}
    assert request.arguments == ("one", "", "三")
    assert request.caller_number == "13800138000"
    assert request.caller_name == "王小明: 客户"
    assert request.dialled_number == "4000"
    assert request.variables["accountcode"] == ""
    assert (request.context, request.extension, request.language) == ("cc-inbound", "4000", "zh")


def test_a_withheld_caller_has_no_number() -> None:
    request, _ = read_request([REQUEST.replace(b"agi_callerid: 13800138000", b"agi_callerid: unknown")])
    assert request is not None
    assert request.caller_number is None


def test_every_split_of_a_request_gives_the_same() -> None:
    data = REQUEST + b"HANGUP\n"
    whole = read_request([data])
    for place in range(len(data) + 1):
        assert read_request(cut(data, [place])) == whole, place


def test_every_split_of_replies_gives_the_same() -> None:
    assert read_replies([REPLIES]) == EXPECTED
    for place in range(len(REPLIES) + 1):
        assert read_replies(cut(REPLIES, [place])) == EXPECTED, place
    assert read_replies([REPLIES[place : place + 1] for place in range(len(REPLIES))]) == EXPECTED


@given(st.lists(st.integers(0, len(REPLIES)), max_size=30))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_split_of_replies_gives_the_same(places: list[int]) -> None:
    assert read_replies(cut(REPLIES, places)) == EXPECTED


@given(st.binary(max_size=300))
@settings(max_examples=EXAMPLES, deadline=None)
@example(b"agi_request: agi://[\nagi_channel: x\n\n")
@example(b"agi_request: agi://x:99999999/\nagi_channel: x\n\n")
def test_rubbish_is_a_protocol_error_and_nothing_else(rubbish: bytes) -> None:
    for read in (read_request, read_replies):
        outcomes = []
        for chunks in ([rubbish], [rubbish[place : place + 1] for place in range(len(rubbish))]):
            try:
                outcomes.append(str(read(chunks)))
            except AgiProtocolError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\n",
        b"agi_channel: x\n\n",
        b"agi_channel\n",
        b"\x16\x03\x01\x02\x00\x01\n",
        b"agi_a: x\n" * 50,
        b"agi_" + b"x" * 5000,
        b"agi_a: " + b"x" * 5000 + b"\n\n",
    ],
)
def test_what_is_no_request_is_refused_within_the_bounds(data: bytes) -> None:
    for chunks in ([data], [data[place : place + 1] for place in range(len(data))]):
        with pytest.raises(AgiProtocolError):
            read_request(chunks, max_lines=40, max_bytes=4096)


@pytest.mark.parametrize(
    "data", [b"hello\n", b"200\n", b"200 OK\n", b"200 result=1 (x) y\n" + b"z)\n", b"2000 result=0\n", b"\n"]
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(AgiProtocolError):
        read_replies([data, b")\nnothing\n"])


@pytest.mark.parametrize("data", [b"200 result=1 (" + b"x" * 200, b"520-x\n" + b"usage\n" * 40])
def test_a_reply_without_end_is_bounded(data: bytes) -> None:
    with pytest.raises(AgiProtocolError, match="more than 100 bytes"):
        read_replies([data[place : place + 1] for place in range(len(data))], max_bytes=100)


def test_commands_are_quoted() -> None:
    assert encode_command("ANSWER") == b"ANSWER\n"
    assert encode_command("SET VARIABLE", "a", 'say "hi" \\ there') == (b'SET VARIABLE "a" "say \\"hi\\" \\\\ there"\n')
    assert encode_command("STREAM FILE", "zh/你好", "") == 'STREAM FILE "zh/你好" ""\n'.encode()


@pytest.mark.parametrize("value", ["a\nHANGUP", "a\r", "a\0", "\x1b", "\x85", "\u2029", "\udfff"])
def test_control_characters_are_refused(value: str) -> None:
    with pytest.raises(AgiCommandError):
        encode_command("SET VARIABLE", "a", value)


@pytest.mark.parametrize("keywords", ["", "answer", "ANSWER\nHANGUP", "SET  VARIABLE", " ANSWER", 'EXEC "Dial"'])
def test_only_commands_are_commands(keywords: str) -> None:
    with pytest.raises(AgiCommandError):
        encode_command(keywords)


def test_a_line_of_2047_bytes_fits_and_one_more_does_not() -> None:
    fixed = len(encode_command("SET VARIABLE", "a", ""))
    fits = encode_command("SET VARIABLE", "a", "x" * (COMMAND_MAX_BYTES - fixed))
    assert len(fits) == COMMAND_MAX_BYTES
    with pytest.raises(AgiCommandError, match="2048 bytes"):
        encode_command("SET VARIABLE", "a", "x" * (COMMAND_MAX_BYTES - fixed + 1))
    with pytest.raises(AgiCommandError):
        encode_command("SET VARIABLE", "a", '"' * 1020)


@given(st.lists(st.text(alphabet=st.one_of(st.sampled_from('"\\ \n\ta'), st.characters()), max_size=20), max_size=4))
@settings(max_examples=EXAMPLES, deadline=None)
@example(['" "', "\\", ""])
@example(["x\nEXEC System reboot"])
def test_no_value_creates_a_command_or_an_argument(arguments: list[str]) -> None:
    try:
        encoded = encode_command("SET VARIABLE", *arguments)
    except AgiCommandError:
        return
    assert asterisk_reads(encoded) == [["SET", "VARIABLE", *arguments]]
