"""Prompts become utterances: variables in the right words, nothing harmful in them, the right prompt for the moment."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.treatment import Announcement
from callcenter.domain.waits import WaitRange, said_of
from callcenter.ivr.faults import FlowError
from callcenter.ivr.prompts import VARIABLE_MAX_CHARACTERS, PromptSet
from callcenter.ivr.reader import parse_prompts
from callcenter.ivr.speech import say_wait_range
from callcenter.ivr.waiting import WaitingPrompt, WaitingPrompts

QUEUE_FILE = Path(__file__).parents[2] / "ivr_flows" / "prompts" / "queue.yaml"

SET = parse_prompts(
    """\
prompt_set: trial
languages: [zh, en]
prompts:
  hello: {zh: "{customer_name}，您好。", en: "Hello, {customer_name}."}
  plain: {zh: 您好。, en: Hello.}
  other: {zh: {voice: en, text: English.}, en: {voice: zh, text: 中文。}}
  called: {zh: "您的号码是{ani:phone}。", en: "Your number is {ani:phone}."}
""",
    "trial.yaml",
)


@pytest.fixture(scope="module")
def waiting() -> WaitingPrompts:
    return WaitingPrompts(parse_prompts(QUEUE_FILE.read_text(encoding="utf-8"), QUEUE_FILE.name))


def test_only_a_prompt_without_variables_has_an_id_and_so_a_recording() -> None:
    assert SET.utterance("plain", "en", {}).prompt_id == "trial.plain"
    assert SET.utterance("hello", "en", {"customer_name": "Ann"}).prompt_id is None


def test_variables_are_said_in_the_language_of_the_voice() -> None:
    assert SET.utterance("hello", "zh", {"customer_name": "王小明"}).text == "王小明，您好。"
    assert SET.utterance("called", "zh", {"ani": "+8613800138000"}).text == "您的号码是八六幺三八零零幺三八零零零。"
    assert SET.utterance("called", "en", {"ani": "+442"}).text == "Your number is four four two."


def test_a_prompt_may_be_spoken_in_another_language_than_the_callers() -> None:
    assert SET.utterance("other", "zh", {}).language == "en"


def test_every_fixed_utterance_is_listed_once() -> None:
    assert [(said.language, said.text) for said in SET.fixed_utterances()] == [
        ("zh", "您好。"),
        ("en", "Hello."),
        ("en", "English."),
        ("zh", "中文。"),
    ]


@given(st.text(max_size=200))
def test_a_name_from_outside_is_one_short_line_without_commands_for_the_voice(name: str) -> None:
    said = SET.utterance("hello", "en", {"customer_name": name}).text
    assert said.startswith("Hello, ")
    inside = said.removeprefix("Hello, ").removesuffix(".")
    assert len(inside) <= VARIABLE_MAX_CHARACTERS
    assert inside.isprintable()
    assert not set(inside) & set("[]{}<>\n")


def test_a_placeholder_in_a_name_is_not_filled_in() -> None:
    assert SET.utterance("hello", "en", {"customer_name": "{ani}", "ani": "4711"}).text == "Hello, ani."


@pytest.mark.parametrize(
    ("prompt", "chinese", "english"),
    [
        (WaitingPrompt.POSITION, "您现在排在第三位。", "You are number three in line."),
        (WaitingPrompt.NEXT_IN_LINE, "您是下一位。", "You are next in line."),
        (
            WaitingPrompt.EXPECTED_WAIT,
            "预计等待时间大约两到五分钟。",
            "Your expected wait is about two to five minutes.",
        ),
        (
            WaitingPrompt.LONGER_WAIT,
            "非常抱歉，等待时间比预计的要长，现在预计还需要大约两到五分钟。",
            "We are sorry, it is taking longer than expected. "
            "Your wait is now expected to be about two to five minutes.",
        ),
    ],
)
def test_place_and_wait_are_said(waiting: WaitingPrompts, prompt: WaitingPrompt, chinese: str, english: str) -> None:
    wait = WaitRange(low_minutes=2, high_minutes=5)
    assert waiting.announce(prompt, "zh", position=3, wait=wait).text == chinese
    assert waiting.announce(prompt, "en", position=3, wait=wait).text == english


@pytest.mark.parametrize(
    ("low", "high", "chinese", "english"),
    [
        (None, 1, "不到一分钟", "less than a minute"),
        (None, 2, "不到两分钟", "less than two minutes"),
        (30, None, "超过三十分钟", "more than thirty minutes"),
        (60, None, "超过一个小时", "more than an hour"),
    ],
)
def test_ranges_that_are_open(low: int | None, high: int | None, chinese: str, english: str) -> None:
    wait = WaitRange(low_minutes=low, high_minutes=high)
    assert (say_wait_range(wait, "zh"), say_wait_range(wait, "en")) == (chinese, english)


def test_every_announcement_of_the_treatment_has_a_prompt_and_says_its_place_and_wait(waiting: WaitingPrompts) -> None:
    for words in Announcement:
        for language in ("zh", "en"):
            said = waiting.announce(
                WaitingPrompt(words.value), language, position=7, wait=WaitRange(low_minutes=3, high_minutes=5)
            )
            assert said.text
            assert "{" not in said.text
            assert "  " not in said.text


@pytest.mark.parametrize("language", [None, "fr"])
def test_who_speaks_another_language_hears_the_first(waiting: WaitingPrompts, language: str | None) -> None:
    assert waiting.say(WaitingPrompt.GOODBYE, language).language == "zh"


def test_what_is_likely_to_be_said_is_what_is_said(waiting: WaitingPrompts) -> None:
    likely = set(waiting.likely_utterances())
    for language in ("zh", "en"):
        for position in (2, 20):
            assert waiting.announce(WaitingPrompt.POSITION, language, position=position) in likely
        for low, high in ((0, 0.5), (1, 4), (4, 12), (40, 70)):
            wait = said_of(timedelta(minutes=low), timedelta(minutes=high))
            assert waiting.announce(WaitingPrompt.EXPECTED_WAIT, language, wait=wait) in likely
    assert len(likely) < 200


def test_a_set_that_lacks_an_announcement_is_refused() -> None:
    some = PromptSet(name="queue", languages=("en",), texts={}, filename="queue.yaml")
    with pytest.raises(FlowError, match="no prompt 'apology'"):
        WaitingPrompts(some)
