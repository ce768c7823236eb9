"""Dialogues with the interpreter: what the caller does, what he hears, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain.hours import OpeningHours
from callcenter.ivr.faults import FlowAlreadyStarted
from callcenter.ivr.flow import Flow
from callcenter.ivr.interpreter import STEP_LIMIT, Interpreter, Phase
from callcenter.ivr.messages import (
    Action,
    CallerHungUp,
    CallerLeft,
    ConditionFailed,
    DigitPressed,
    DigitsCollected,
    Event,
    FlowEnded,
    FlowResult,
    HangUp,
    InputMissed,
    LanguageChosen,
    Listen,
    MenuChosen,
    Message,
    NodeEntered,
    Play,
    PlaybackEnded,
    StartFlow,
    StepLimitReached,
    StopPlayback,
    ToQueue,
)
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.reader import parse_flow
from callcenter.ivr.variables import Value

FLOWS = Path(__file__).parents[2] / "ivr_flows"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUEUES = {"sales", "support", "operator"}
WANG: Mapping[str, Value] = {"customer_known": True, "customer_name": "王小明"}


def shipped(name: str) -> Flow:
    return parse_flow((FLOWS / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml", queues=QUEUES)


class Call:
    """A caller who hears everything to its end unless he does otherwise; the clock is his own."""

    def __init__(
        self,
        flow: Flow,
        *,
        known: Mapping[str, Value] | None = None,
        language: str | None = None,
        at_node: str | None = None,
        step_limit: int = STEP_LIMIT,
        transfer_failed: bool = False,
        flows: Mapping[str, Flow] | None = None,
        hours: Mapping[str, OpeningHours] | None = None,
        now: datetime = NOON,
    ) -> None:
        self.interpreter = Interpreter(step_limit=step_limit)
        self.now = now
        self.all: list[Action | Event] = []
        start = StartFlow(
            flow=flow,
            variables=known or {},
            language=language,
            at_node=at_node,
            transfer_failed=transfer_failed,
            flows=flows or {},
            hours=hours or {},
        )
        self.send(start)

    def send(self, message: Message) -> list[Action | Event]:
        came = self.interpreter.handle(message, self.now)
        self.all += came
        return came

    def hear(self) -> list[str]:
        """Listen until something is asked for, or all is over; what was heard, as `language: words`."""
        heard: list[str] = []
        at = len(self.all) - 1 if self.all and isinstance(self.all[-1], Play) else len(self.all)
        while True:
            for came in self.all[at:]:
                if isinstance(came, Play):
                    heard += [f"{said.language}: {said.text}" for said in came.prompts]
            at = len(self.all)
            if self.interpreter.phase is not Phase.PLAYING:
                return heard
            self.send(PlaybackEnded())

    def press(self, keys: str) -> None:
        for key in keys:
            self.send(DigitPressed(digit=key))

    def wait(self) -> None:
        """Say and press nothing until the time is up."""
        deadline = self.interpreter.next_deadline()
        assert deadline is not None
        assert self.interpreter.handle_deadline(deadline - timedelta(microseconds=1)) == []
        self.now = deadline
        self.all += self.interpreter.handle_deadline(deadline)

    def of(self, *kinds: type) -> list[Action | Event]:
        return [came for came in self.all if isinstance(came, kinds)]

    @property
    def nodes(self) -> list[str]:
        return [came.node for came in self.all if isinstance(came, NodeEntered)]

    @property
    def result(self) -> FlowResult:
        ended = [came for came in self.all if isinstance(came, FlowEnded)]
        assert len(ended) == 1
        assert self.interpreter.next_deadline() is None
        return ended[0].result


def to(queue: str) -> ToQueue:
    return ToQueue(queue=queue, priority=0, skills=())


def test_an_unknown_caller_hears_both_languages_chooses_one_and_reaches_sales() -> None:
    call = Call(shipped("main"))
    assert call.hear() == [
        "zh: 您好，欢迎致电客户服务中心。",
        "en: Hello, and thank you for calling customer service.",
        "zh: 中文服务请按1。",
        "en: For English, press 2.",
    ]
    call.press("2")
    assert call.hear() == [
        "en: For sales, press 1. For support, press 2. To speak to an operator, press 0.",
        "zh: 中文服务请按9。",
    ]
    call.press("1")
    assert call.result == to("sales")
    assert call.of(LanguageChosen) == [LanguageChosen(node="ask_language", language="en")]
    (chosen,) = call.of(MenuChosen)
    assert isinstance(chosen, MenuChosen)
    assert (chosen.node, chosen.key, chosen.label.en, chosen.label.zh) == ("menu", "1", "Sales", "销售")


def test_a_known_caller_is_greeted_by_name_and_not_asked_for_his_language() -> None:
    call = Call(shipped("main"), known=WANG, language="zh")
    assert call.hear() == [
        "zh: 王小明，您好，欢迎再次致电客户服务中心。",
        "zh: 销售咨询请按1，技术支持请按2，人工服务请按0。",
        "en: For English, press 9.",
    ]
    call.press("2")
    assert call.result == to("support")


def test_nine_switches_the_language_and_back() -> None:
    call = Call(shipped("main"), known=WANG, language="zh")
    call.hear()
    call.press("9")
    assert call.hear()[0].startswith("en: For sales")
    call.press("9")
    assert call.hear()[0].startswith("zh: 销售")
    assert [chosen.language for chosen in call.all if isinstance(chosen, LanguageChosen)] == ["en", "zh"]


def test_zero_announces_the_operator_before_the_queue() -> None:
    call = Call(shipped("main"), language="en")
    call.hear()
    call.press("0")
    assert call.hear() == ["en: One moment please, we are connecting you to an operator."]
    assert call.result == to("operator")


def test_wrong_keys_are_excused_twice_and_then_lead_to_the_operator() -> None:
    call = Call(shipped("main"), language="zh")
    call.hear()
    for _ in range(2):
        call.press("7")
        assert call.hear()[:2] == ["zh: 对不起，您的按键有误。", "zh: 销售咨询请按1，技术支持请按2，人工服务请按0。"]
    call.press("*")
    call.hear()
    assert call.result == to("operator")
    missed = [came for came in call.all if isinstance(came, InputMissed)]
    assert [(came.silent, came.attempts, came.gave_up) for came in missed] == [
        (False, 1, False),
        (False, 2, False),
        (False, 3, True),
    ]


def test_silence_is_asked_again_twice_and_then_leads_to_the_operator() -> None:
    call = Call(shipped("main"))
    call.hear()
    for _ in range(2):
        call.wait()
        assert call.hear()[:2] == ["zh: 对不起，没有收到您的按键。", "zh: 中文服务请按1。"]
    call.wait()
    assert call.hear() == [
        "zh: 正在为您转接人工服务，请稍候。",
        "en: One moment please, we are connecting you to an operator.",
    ]
    assert call.result == to("operator")
    (ended,) = call.of(FlowEnded)
    assert isinstance(ended, FlowEnded)
    assert ended.language is None


def test_silence_is_the_time_of_the_node_and_no_more() -> None:
    call = Call(shipped("main"), language="en")
    call.hear()
    assert call.interpreter.next_deadline() == NOON + timedelta(seconds=5)
    assert call.of(Listen) == [Listen(timeout=timedelta(seconds=5))]


def test_the_retries_begin_anew_in_the_next_node() -> None:
    call = Call(shipped("main"))
    call.hear()
    call.press("5")
    call.hear()
    call.press("1")
    call.hear()
    call.wait()
    call.hear()
    call.wait()
    call.hear()
    call.press("1")
    assert call.result == to("sales")


def test_a_key_that_interrupts_the_menu_counts() -> None:
    call = Call(shipped("main"), language="en")
    call.send(PlaybackEnded())
    came = call.send(PlaybackEnded(digit="1"))
    assert isinstance(came[0], MenuChosen)
    assert call.result == to("sales")


def test_a_key_told_apart_from_the_playback_stops_it_once_and_counts() -> None:
    call = Call(shipped("main"), language="en")
    call.send(PlaybackEnded())
    assert call.send(DigitPressed(digit="1")) == [StopPlayback()]
    assert call.send(DigitPressed(digit="1")) == []
    call.send(PlaybackEnded())
    assert call.result == to("sales")


def test_keys_typed_ahead_pass_the_greeting_the_language_and_the_menu() -> None:
    call = Call(shipped("main"))
    call.press("22")
    call.send(PlaybackEnded())
    assert call.result == to("support")
    assert len(call.of(Play)) == 1


def test_what_was_typed_after_a_wrong_key_is_forgotten() -> None:
    call = Call(shipped("main"), language="en")
    call.press("71")
    call.send(PlaybackEnded())
    assert call.interpreter.phase is Phase.PLAYING
    assert call.of(MenuChosen) == []


def test_after_a_crash_the_same_node_is_heard_and_not_the_greeting() -> None:
    call = Call(shipped("main"), known=WANG, language="en", at_node="menu")
    assert call.hear()[0].startswith("en: For sales")
    assert call.nodes == ["menu"]
    call.press("1")
    assert call.result == to("sales")


def test_a_node_that_is_gone_since_the_crash_means_the_start() -> None:
    assert Call(shipped("main"), language="en", at_node="old_menu").nodes[0] == "greet"


def test_a_language_the_flow_does_not_speak_counts_as_unknown() -> None:
    call = Call(shipped("main"), language="fr")
    assert "en: For English, press 2." in call.hear()


@pytest.mark.parametrize("name", ["sales", "support"])
def test_the_direct_numbers_greet_and_queue(name: str) -> None:
    call = Call(shipped(name), language="en")
    assert call.hear() == [f"en: Hello, and thank you for calling {name}."]
    assert call.result == to(name)


@pytest.mark.parametrize("plays", range(3))
def test_a_caller_may_hang_up_at_any_moment(plays: int) -> None:
    call = Call(shipped("main"))
    for _ in range(plays):
        call.send(PlaybackEnded())
    call.send(CallerHungUp())
    assert call.result == CallerLeft()
    assert call.send(PlaybackEnded(digit="1")) == []
    assert call.send(CallerHungUp()) == []
    assert call.interpreter.handle_deadline(NOON + timedelta(hours=1)) == []


def test_a_caller_who_was_gone_before_the_start_has_left() -> None:
    interpreter = Interpreter()
    assert interpreter.handle(CallerHungUp(), NOON) == [FlowEnded(node=None, language=None, result=CallerLeft())]


def test_a_second_start_is_refused_and_changes_nothing() -> None:
    call = Call(shipped("main"), language="en")
    with pytest.raises(FlowAlreadyStarted):
        call.send(StartFlow(flow=shipped("sales"), variables={}))
    call.hear()
    call.press("2")
    assert call.result == to("support")


ACCOUNT = parse_flow(
    """\
flow: account
languages: [en]
start: ask
rescue: bye
prompts:
  number: {en: "Please enter your number."}
  wrong: {en: "That is too short."}
  thanks: {en: "You typed {account:digits}."}
  vip: {en: "Welcome."}
  bye: {en: Goodbye.}
nodes:
  ask:
    kind: collect
    say: number
    into: account
    min_digits: 3
    max_digits: 5
    timeout_seconds: 6
    between_digits_seconds: 2
    retries: 1
    invalid: wrong
    next: fork
  fork:
    kind: branch
    cases:
      - {when: account == "777", go: vip}
      - {when: open_cases > 0, go: bye}
    otherwise: read_back
  vip: {kind: say, say: vip, interruptible: no, next: bye}
  read_back: {kind: say, say: thanks, next: bye}
  bye: {kind: end, say: bye}
""",
    "account.yaml",
)


def test_digits_are_collected_to_their_number_and_read_back() -> None:
    call = Call(ACCOUNT)
    call.hear()
    call.press("12345")
    assert call.of(DigitsCollected) == [DigitsCollected(node="ask", variable="account", digits="12345", secret=False)]
    assert call.hear() == ["en: You typed one two three four five.", "en: Goodbye."]
    assert call.result == HangUp(prompt="bye")


def test_the_end_key_and_a_pause_end_a_number() -> None:
    for end in ("key", "pause"):
        call = Call(ACCOUNT)
        call.hear()
        call.press("777")
        assert call.interpreter.next_deadline() == NOON + timedelta(seconds=2)
        if end == "key":
            call.press("#")
        else:
            call.wait()
        assert call.hear() == ["en: Welcome.", "en: Goodbye."]


def test_too_short_a_number_is_asked_again_and_begun_anew() -> None:
    call = Call(ACCOUNT)
    call.hear()
    call.press("12#")
    assert call.hear() == ["en: That is too short.", "en: Please enter your number."]
    assert call.interpreter.next_deadline() == NOON + timedelta(seconds=6)
    call.press("45678")
    (collected,) = call.of(DigitsCollected)
    assert isinstance(collected, DigitsCollected)
    assert collected.digits == "45678"


def test_typed_digits_are_never_in_what_could_be_logged() -> None:
    call = Call(ACCOUNT)
    call.hear()
    call.press("98765")
    assert "98765" not in repr(call.of(DigitsCollected))
    assert "9" not in repr(DigitPressed(digit="9")) + repr(PlaybackEnded(digit="9"))


def test_keys_during_what_cannot_be_interrupted_stop_nothing() -> None:
    call = Call(ACCOUNT)
    call.hear()
    call.press("777#")
    assert call.of(Play)[-1] == Play(
        prompts=(Utterance(language="en", prompt_id="account.vip", text="Welcome."),), interruptible=False
    )
    assert call.send(DigitPressed(digit="1")) == []


def test_a_condition_that_has_no_answer_counts_as_not_met() -> None:
    call = Call(ACCOUNT, known={"open_cases": "many"})
    call.hear()
    call.press("12345")
    (failed,) = call.of(ConditionFailed)
    assert isinstance(failed, ConditionFailed)
    assert failed.node == "fork"
    assert call.nodes[-1] == "read_back"


def test_a_caller_who_goes_round_for_ever_is_sent_to_the_rescue() -> None:
    call = Call(shipped("main"), language="en", step_limit=20)
    call.hear()
    while call.interpreter.phase is not Phase.ENDED:
        call.press("9")
        call.hear()
    assert call.result == to("operator")
    assert len(call.nodes) == 21
    (reached,) = call.of(StepLimitReached)
    assert isinstance(reached, StepLimitReached)
    assert reached.steps == 21


SHIPPED = {name: shipped(name) for name in ("main", "sales", "support")} | {"account": ACCOUNT}


@given(
    name=st.sampled_from(sorted(SHIPPED)),
    language=st.sampled_from([None, "zh", "en"]),
    acts=st.lists(st.one_of(st.sampled_from("0123456789*#"), st.sampled_from(["end", "wait", "late"])), max_size=400),
    step_limit=st.integers(3, 40),
)
def test_whatever_is_pressed_the_flow_waits_for_something_or_has_ended(
    name: str, language: str | None, acts: list[str], step_limit: int
) -> None:
    call = Call(SHIPPED[name], language=language, step_limit=step_limit)
    for act in acts:
        match act:
            case "end":
                call.send(PlaybackEnded())
            case "late":
                call.all += call.interpreter.handle_deadline(call.now - timedelta(seconds=1))
            case "wait" if call.interpreter.next_deadline() is not None:
                call.wait()
            case "wait":
                call.send(PlaybackEnded())
            case _:
                call.press(act)
        waits = call.interpreter.next_deadline() is not None
        assert waits == (call.interpreter.phase is Phase.LISTENING)
    # Now he does nothing any more: silence alone must bring him to the end, in few steps.
    for _ in range(10 * step_limit):
        call.hear()
        if call.interpreter.phase is Phase.ENDED:
            break
        call.wait()
    assert isinstance(call.result, ToQueue | HangUp)
    assert len(call.nodes) <= step_limit + 1
    assert call.of(FlowEnded) == call.all[-1:]
