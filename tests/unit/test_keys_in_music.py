"""Which keys of a question no command of it has heard, and which are still the answer to what a caller was told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from callcenter.app.call_state import CallState
from callcenter.app.caller import Question, WaitVerdict
from callcenter.asterisk.agi_codec import AgiRequest
from callcenter.asterisk.agi_session import AgiSession
from callcenter.asterisk.caller_channel import AgiCallerChannel, not_heard
from callcenter.domain.ids import InteractionId
from callcenter.domain.numbers import Number


class Line:
    """The exchange's end of a session: `heard` are what its commands hear, `stored` what came over the line."""

    def __init__(self, pressed: str = "", *, heard: Sequence[str | None] = (), stored: str = "") -> None:
        arguments = ("", *[""] * 12, pressed)
        self.request = AgiRequest(variables={}, arguments=arguments, path="call", query={})
        self.variables: dict[str, str] = {}
        self._heard = list(heard)
        self._stored = stored

    async def stream_from(self, path: str, digits: str, sample: int) -> tuple[str | None, int]:
        return (self._heard.pop(0) if self._heard else None), sample

    async def set_variable(self, name: str, value: str) -> None:
        self.variables[name] = value

    async def get_variable(self, name: str) -> str | None:
        return self._stored if name == "CC_TYPED" else None


def channel_of(line: Line) -> AgiCallerChannel:
    question = Question(
        interaction_id=InteractionId("cc1-1.1"),
        channel="PJSIP/trunk-1",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        ani=Number(raw=""),
        dnis="4000",
        caller_name="",
        trunk="trunk",
        state=CallState(),
    )
    return AgiCallerChannel(cast(AgiSession, line), question)


async def waits_on(channel: AgiCallerChannel, keys: str = "1234") -> None:
    await channel.decide(WaitVerdict(music=timedelta(seconds=5), keys=keys), CallState())


@pytest.mark.parametrize(
    ("stored", "heard", "missed"),
    [("", "", ""), ("3", "", "3"), ("3", "3", ""), ("9341", "94", "31"), ("33", "3", "3"), ("12", "3", "12")],
)
def test_what_no_command_has_heard_is_left_in_its_order(stored: str, heard: str, missed: str) -> None:
    assert not_heard(stored, heard) == missed


def test_keys_in_the_music_are_read_in_order_and_those_that_mean_nothing_passed_over() -> None:
    channel = channel_of(Line("9#2x13"))
    assert channel.typed("12") == "2"
    assert channel.typed("34") == "3"
    assert channel.typed("1234") is None


async def test_after_a_question_without_a_sound_the_dialplan_looks_by_itself() -> None:
    line = Line(stored="3")
    await waits_on(channel_of(line))
    assert line.variables["CC_KEYS"] == "1234"
    assert not {"CC_SEEN", "CC_MISSED"} & set(line.variables)


async def test_a_key_between_two_sounds_is_told_to_the_dialplan_and_no_other() -> None:
    line = Line(heard=[None, "9", None], stored="39")
    channel = channel_of(line)
    assert await channel.play("first", "1234") is None
    assert await channel.play("second", "1234") is None
    await waits_on(channel)
    assert (line.variables["CC_SEEN"], line.variables["CC_MISSED"]) == ("2", "3")


async def test_what_was_pressed_before_a_choice_was_made_is_no_choice_any_more() -> None:
    line = Line(heard=["1"], stored="31")
    channel = channel_of(line)
    assert await channel.play("offers", "1234") == "1"
    await waits_on(channel)
    assert (line.variables["CC_SEEN"], line.variables["CC_MISSED"]) == ("2", "")


async def test_where_no_key_counts_nothing_is_looked_up() -> None:
    line = Line(stored="3")
    channel = channel_of(line)
    await channel.play("news", "")
    await waits_on(channel, keys="")
    assert line.variables["CC_KEYS"] == ""
    assert "CC_MISSED" not in line.variables
