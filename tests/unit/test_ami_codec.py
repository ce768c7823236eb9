"""The AMI codec: whole messages whatever the split, and no value that breaks out of its line."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callcenter.asterisk.ami_codec import (
    HEADERS_MAX,
    LINE_MAX_BYTES,
    AmiEvent,
    AmiParser,
    AmiResponse,
    encode_action,
    variable_field,
)
from callcenter.asterisk.errors import AmiFieldError, AmiMessageTooLong, AmiProtocolError

EXAMPLES = int(os.environ.get("CALLCENTER_FUZZ_EXAMPLES", "200"))
pytestmark = pytest.mark.timeout(120 + EXAMPLES // 50)
BANNER = b"Asterisk Call Manager/11.0.0\r\n"

SAMPLE = (
    BANNER
    + (
        "Response: Success\r\nActionID: cc-login-1\r\nMessage: Authentication accepted\r\n\r\n"
        "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 12\r\nLastReload: 12\r\nStatus: Fully Booted\r\n\r\n"
        "Event: Newstate\r\nChannel: PJSIP/trunk-0000002a\r\nCallerIDName: 王小明 – 客户\r\nConnectedLineName: \r\n"
        "ChanVariable: cc_interaction=I-17\r\nChanVariable: cc_queue=销售=A\r\nAppData: a: b, c\r\n\r\n"
        "Response: Success\r\nActionID: cc-4\r\nMessage: Command output follows\r\n"
        "Output: Asterisk 22.10.1\r\nOutput: \r\nOutput:   indented: yes\r\n\r\n"
        "Response: Error\r\nActionID: cc-5\r\nMessage: No such channel\r\n\r\n"
        "Event: StatusComplete\r\nActionID: cc-6\r\nEventList: Complete\r\nListItems: 0\r\n\r\n"
    ).encode()
)

Message = AmiEvent | AmiResponse


def parse(chunks: Sequence[bytes], message_max_bytes: int = 1 << 20) -> list[Message]:
    return list(messages(AmiParser(message_max_bytes=message_max_bytes), chunks))


def messages(parser: AmiParser, chunks: Sequence[bytes]) -> Iterator[Message]:
    for chunk in chunks:
        parser.receive(chunk)
        while (message := parser.next_message()) is not None:
            yield message


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def asterisk_reads(data: bytes) -> list[list[tuple[str, str]]]:
    """How Asterisk itself reads actions: CR LF ends a header, a blank line ends an action, names are caseless."""
    blocks = data.decode().split("\r\n\r\n")
    assert blocks.pop() == ""
    return [
        [(name.lower(), value) for name, _, value in (line.partition(": ") for line in block.split("\r\n"))]
        for block in blocks
    ]


def test_messages_keep_case_repeats_order_and_empty_values() -> None:
    login, booted, newstate, command, error, complete = parse([SAMPLE])
    assert isinstance(login, AmiResponse)
    assert login.success
    assert login.message == "Authentication accepted"
    assert isinstance(booted, AmiEvent)
    assert booted.name == "FullyBooted"
    assert newstate["callerIDNAME"] == "王小明 – 客户"
    assert newstate["ConnectedLineName"] == ""
    assert "connectedlinename" in newstate
    assert newstate.get("NoSuchHeader") is None
    assert newstate.all("chanvariable") == ("cc_interaction=I-17", "cc_queue=销售=A")
    assert newstate.variables() == {"cc_interaction": "I-17", "cc_queue": "销售=A"}
    assert newstate["AppData"] == "a: b, c"
    assert list(newstate)[:2] == ["Event", "Channel"]
    assert isinstance(command, AmiResponse)
    assert command.output == ("Asterisk 22.10.1", "", "  indented: yes")
    assert isinstance(error, AmiResponse)
    assert not error.success
    assert error.action_id == "cc-5"
    assert isinstance(complete, AmiEvent)
    assert complete.ends_list


def test_a_header_repeated_in_another_case_is_one_header() -> None:
    event = AmiEvent((("Event", "A"), ("Variable", "a=1"), ("VARIABLE", "b=2")))
    assert list(event) == ["Event", "Variable"]
    assert len(event) == 2
    assert event.all("variable") == ("a=1", "b=2")


def test_every_split_into_two_gives_the_same_messages() -> None:
    whole = parse([SAMPLE])
    for place in range(len(SAMPLE) + 1):
        assert parse(cut(SAMPLE, [place])) == whole, place


def test_byte_by_byte_gives_the_same_messages() -> None:
    assert parse([SAMPLE[place : place + 1] for place in range(len(SAMPLE))]) == parse([SAMPLE])


@given(st.lists(st.integers(0, len(SAMPLE)), max_size=40))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_split_gives_the_same_messages(places: list[int]) -> None:
    assert parse(cut(SAMPLE, places)) == parse([SAMPLE])


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=EXAMPLES, deadline=None)
@example(b"\r\n\r\n\r\nEvent: A\r\n\r\n:\r\n\r\n", [])
@example(b"\r\n\n\r\r\n\r\n\r\n\r\nx", [3])
def test_rubbish_never_breaks_the_parser_and_splits_the_same(rubbish: bytes, places: list[int]) -> None:
    data = BANNER + rubbish
    assert parse(cut(data, [min(place, len(data)) for place in places]), 4096) == parse([data], 4096)


def test_blank_lines_too_many_shift_nothing() -> None:
    data = BANNER + b"\r\n\r\nEvent: A\r\nX: 1\r\n\r\n\r\nEvent: B\r\n\r\n\r\n\r\nEvent: C\r\n\r\n"
    assert [message["Event"] for message in parse([data])] == ["A", "B", "C"]


def test_bare_line_feeds_and_unicode_line_ends_stay_in_their_value() -> None:
    (event,) = parse([BANNER + "Event: A\r\nAppData: one\ntwo\u2028three\r\nno header\r\n\r\n".encode()])
    assert event["AppData"] == "one\ntwo\u2028three"
    assert event.stray == ("no header",)


@given(st.text(alphabet=st.one_of(st.sampled_from("\\\"'?nrt\n\r\t"), st.characters()), max_size=30))
@settings(max_examples=EXAMPLES, deadline=None)
@example('王小明 "q" \\\\ b')
def test_names_written_as_in_c_are_read_back(name: str) -> None:
    letters = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}
    letters |= {mark: mark for mark in "\\\"'?"}
    written = "".join(f"\\{letters[letter]}" if letter in letters else letter for letter in name)
    event = AmiEvent((("Event", "Newchannel"), ("CallerIDName", written)))
    assert event.unescaped("calleridname") == name
    assert event.unescaped("ConnectedLineName") == ""


def test_broken_utf8_is_replaced_and_harms_no_other_header() -> None:
    (event,) = parse([BANNER + b"Event: A\r\nCallerIDName: M\xfcller\r\nChannel: x\r\n\r\n"])
    assert event["CallerIDName"] == "M�ller"
    assert event["Channel"] == "x"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_message_past_its_limit_is_an_error_for_ever(step: int) -> None:
    data = BANNER + b"Event: A\r\n\r\nEvent: " + b"x" * 200 + b"\r\n\r\n"
    parser = AmiParser(message_max_bytes=100)
    reading = messages(parser, [data[place : place + step] for place in range(0, len(data), step)])
    assert next(reading)["Event"] == "A"
    with pytest.raises(AmiMessageTooLong, match="passed 100 bytes"):
        next(reading)
    parser.receive(b"Event: B\r\n\r\n")
    with pytest.raises(AmiMessageTooLong):
        parser.next_message()


def test_a_message_of_exactly_its_limit_is_taken_in_every_split() -> None:
    block = b"Event: " + b"x" * 93
    data = BANNER + block + b"\r\n\r\n"
    for place in range(len(data)):
        assert len(parse(cut(data, [place]), len(block))) == 1
        with pytest.raises(AmiMessageTooLong):
            parse(cut(data, [place]), len(block) - 1)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400\r\n", b"X", b"Asterisk Cell"])
def test_a_peer_that_is_no_manager_port_is_named_at_its_first_wrong_byte(greeting: bytes) -> None:
    with pytest.raises(AmiProtocolError, match="no Asterisk manager port"):
        parse([greeting])


def test_a_greeting_without_end_is_bounded() -> None:
    with pytest.raises(AmiMessageTooLong):
        parse([b"Asterisk Call Manager/" + b"9" * 300])


def test_actions_keep_their_order_and_repeat_headers() -> None:
    encoded = encode_action(
        "Originate", "cc-1", {"Channel": "PJSIP/1001", "Variable": ["a=1", "b=二"], "Async": "true", "Account": ""}
    )
    assert (
        encoded
        == (
            "Action: Originate\r\nActionID: cc-1\r\nChannel: PJSIP/1001\r\nVariable: a=1\r\nVariable: b=二\r\n"
            "Async: true\r\nAccount: \r\n\r\n"
        ).encode()
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"Channel": "x\r\nAction: Hangup"},
        {"Channel": "x\n"},
        {"Channel": "x\r"},
        {"Channel": "x\0y"},
        {"Channel": "x\x85y"},
        {"Channel": "x\u2028y"},
        {"Channel": "x\ud800y"},
        {"Variable": ["fine", "not\nfine"]},
        {"Chan nel": "x"},
        {"Channel: x\r\nFoo": "x"},
        {"": "x"},
        {"action": "Hangup"},
        {"ActionId": "mine"},
        {"Channel": "x" * LINE_MAX_BYTES},
        {"Channel": "王" * (LINE_MAX_BYTES // 3)},
        {f"H{number}": "x" for number in range(HEADERS_MAX)},
    ],
)
def test_what_would_break_out_is_refused(fields: Mapping[str, str | Sequence[str]]) -> None:
    with pytest.raises(AmiFieldError):
        encode_action("Originate", "cc-1", fields)


@pytest.mark.parametrize(("action", "action_id"), [("Ping\r\nX: y", "cc-1"), ("", "cc-1"), ("Ping", "cc\n1")])
def test_names_and_ids_of_actions_are_checked_too(action: str, action_id: str) -> None:
    with pytest.raises(AmiFieldError):
        encode_action(action, action_id, {})


FIELDS = st.dictionaries(
    st.one_of(st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True), st.text(max_size=6)),
    st.one_of(st.text(max_size=30), st.lists(st.text(max_size=12), max_size=3)),
    max_size=6,
)


@given(FIELDS, st.text(max_size=12))
@settings(max_examples=EXAMPLES, deadline=None)
@example({"A": "\r\n\r\nAction: Originate"}, "x")
@example({"A": ["\r\nVariable: x"]}, "\r\n")
def test_no_value_creates_a_header_or_an_action(fields: dict[str, str | list[str]], action_id: str) -> None:
    try:
        encoded = encode_action("Originate", action_id, fields)
    except AmiFieldError:
        return
    wanted = [("action", "Originate"), ("actionid", action_id)]
    for name, value in fields.items():
        wanted.extend((name.lower(), item) for item in ([value] if isinstance(value, str) else value))
    assert asterisk_reads(encoded) == [wanted]


def asterisk_splits(field: str) -> list[str]:
    """How Asterisk splits `Variable`: at bare commas, outside quotes and brackets; a backslash takes the next."""
    parts, depth, quoted, taken = [""], {"(": 0, "[": 0}, False, iter(field)
    for character in taken:
        if character == "\\":
            parts[-1] += next(taken, "")
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted and not any(depth.values()):
            parts.append("")
        else:
            if character in "([":
                depth[character] += 1
            elif character in ")]":
                depth["(["[")]".index(character)]] -= 1
            parts[-1] += character
    return parts


@given(st.text(alphabet=st.one_of(st.sampled_from('\\,"()[]= a'), st.characters()), max_size=30))
@settings(max_examples=EXAMPLES, deadline=None)
@example('x,CALLERID(num)=evil\\",')
def test_no_value_creates_a_variable(value: str) -> None:
    assert asterisk_splits(variable_field("__cc_name", value)) == [f"__cc_name={value}"]


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a,b", "a\n", "___x", "SHELL(x y)"])
def test_names_of_variables_are_checked(name: str) -> None:
    with pytest.raises(AmiFieldError):
        variable_field(name, "x")
