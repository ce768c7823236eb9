"""Prompts become utterances: variables in the right words, nothing harmful in them, the right prompt for the moment."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.faults import FlowError
from callcenter.ivr.prompts import VARIABLE_MAX_CHARACTERS, PromptSet
from callcenter.ivr.reader import parse_prompts
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


def test_the_place_is_told_with_the_wait_as_a_range(waiting: WaitingPrompts) -> None:
    told = waiting.place("zh", position=3, expected_wait=timedelta(minutes=4))
    assert [said.text for said in told] == ["您现在排在第三位。", "预计等待时间大约三到五分钟。"]
    told = waiting.place("en", position=3, expected_wait=timedelta(minutes=4))
    assert [said.text for said in told] == [
        "You are number three in line.",
        "Your expected wait is about three to five minutes.",
    ]


def test_the_next_in_line_is_told_so_and_no_wait_when_it_is_unknown(waiting: WaitingPrompts) -> None:
    assert [said.text for said in waiting.place("en", position=1, expected_wait=None)] == ["You are next in line."]


@pytest.mark.parametrize("language", [None, "fr"])
def test_who_speaks_another_language_hears_the_first(waiting: WaitingPrompts, language: str | None) -> None:
    assert waiting.say(WaitingPrompt.GOODBYE, language).language == "zh"


def test_what_is_likely_to_be_said_is_what_is_said(waiting: WaitingPrompts) -> None:
    likely = set(waiting.likely_utterances())
    for language in ("zh", "en"):
        for position in (2, 20):
            for minutes in (0, 7, 90):
                told = waiting.place(language, position=position, expected_wait=timedelta(minutes=minutes))
                assert set(told) <= likely


def test_a_set_that_lacks_an_announcement_is_refused() -> None:
    some = PromptSet(name="queue", languages=("en",), texts={}, filename="queue.yaml")
    with pytest.raises(FlowError, match="no prompt 'apology'"):
        WaitingPrompts(some)
