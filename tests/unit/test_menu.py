"""A flow on a caller's channel: what he hears, what he presses, and what is passed over."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from callcenter.app.caller import CallerGone
from callcenter.app.menu import ALL_KEYS, Outside, run_flow
from callcenter.domain.errors import CallcenterError
from callcenter.ivr import messages as ivr
from callcenter.ivr.flow import Flow
from callcenter.ivr.reader import parse_flow
from tests.fakes import FakeClock
from tests.office import FakeCallerChannel, FakeVoice, question

FLOW = """
flow: shop
languages: [en]
start: hello
rescue: bye
asking: {timeout_seconds: 5, retries: 1, invalid: wrong, silent: silence}
prompts:
  hello: {en: Hello.}
  notice: {en: This call is recorded.}
  choose: {en: Press one or two.}
  wrong: {en: That is no choice.}
  silence: {en: We heard nothing.}
  number: {en: Your number please.}
  bye: {en: Good-bye.}
nodes:
  hello: {kind: say, say: hello, next: notice}
  notice: {kind: say, say: notice, interruptible: false, next: menu}
  menu:
    kind: menu
    say: choose
    keys:
      1: {label: {zh: 号码, en: Number}, go: number}
      2: {label: {zh: 再见, en: Bye}, go: bye}
    give_up: bye
  number:
    kind: collect
    say: number
    into: customer_number
    min_digits: 2
    max_digits: 4
    end_key: "#"
    between_digits_seconds: 2
    next: sales
    give_up: bye
  sales: {kind: queue, queue: sales}
  bye: {kind: end, say: bye}
"""


def flow() -> Flow:
    return parse_flow(FLOW, "shop.yaml", queues={"sales"})


class Walk:
    """One caller's way through the flow."""

    def __init__(self, keys: str = "", *, types_ahead: bool = False, gone_after: int | None = None) -> None:
        self.channel = FakeCallerChannel(question(), keys=keys, gone_after=gone_after)
        self.channel.types_ahead = types_ahead
        self.voice = FakeVoice()
        self.clock = FakeClock()
        self.reported: list[ivr.Event] = []

    async def run(self) -> ivr.FlowEnded:
        start = ivr.StartFlow(flow=flow(), variables={}, language="en")
        return await run_flow(self.channel, start, voice=self.voice, clock=self.clock, report=self._report)

    async def _report(self, event: ivr.Event) -> None:
        self.reported.append(event)

    @property
    def heard(self) -> Sequence[str]:
        return [path.removeprefix("en:shop.") for path in self.channel.played]

    def of(self, kind: type[ivr.Event]) -> list[ivr.Event]:
        return [event for event in self.reported if isinstance(event, kind)]


async def test_a_patient_caller_hears_everything_and_is_led_to_his_choice() -> None:
    walk = Walk("112#")
    ended = await walk.run()
    assert walk.heard == ["hello", "notice", "choose", "number"]
    assert ended.result == ivr.ToQueue(queue="sales", priority=0, skills=())
    assert [event.digits for event in walk.of(ivr.DigitsCollected) if isinstance(event, ivr.DigitsCollected)] == ["12"]


async def test_keys_typed_ahead_skip_what_they_may_and_never_what_must_be_heard() -> None:
    walk = Walk("112#", types_ahead=True)
    ended = await walk.run()
    assert walk.heard == ["hello", "notice", "number"]
    assert isinstance(ended.result, ivr.ToQueue)
    assert len(walk.channel.listened) == 2


async def test_a_prompt_without_a_file_is_passed_over_and_the_choice_still_counts() -> None:
    walk = Walk("2")
    walk.voice.missing = {"shop.hello", "shop.choose"}
    ended = await walk.run()
    assert walk.heard == ["notice", "bye"]
    assert isinstance(ended.result, ivr.HangUp)


async def test_a_flow_without_any_sound_still_leads_on() -> None:
    walk = Walk("142#")
    walk.voice.missing = {f"shop.{name}" for name in ("hello", "notice", "choose", "number", "bye")}
    assert isinstance((await walk.run()).result, ivr.ToQueue)
    assert walk.heard == []


async def test_silence_is_asked_again_and_then_given_up() -> None:
    walk = Walk()
    ended = await walk.run()
    assert walk.heard == ["hello", "notice", "choose", "silence", "choose", "bye"]
    assert isinstance(ended.result, ivr.HangUp)
    assert walk.channel.listened == [timedelta(seconds=5)] * 2


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(hours=2), timedelta()])
async def test_silence_is_as_long_as_asterisk_measured_it_whatever_the_clock_does(jump: timedelta) -> None:
    walk = Walk()
    walk.channel.while_listening = lambda: walk.clock.advance(jump)
    await walk.run()
    assert walk.heard == ["hello", "notice", "choose", "silence", "choose", "bye"]
    assert len(walk.channel.listened) == 2


async def test_digits_stop_counting_after_the_pause_between_them() -> None:
    walk = Walk("112")
    ended = await walk.run()
    assert isinstance(ended.result, ivr.ToQueue)
    assert walk.channel.listened[-1] == timedelta(seconds=2)


async def test_a_wrong_key_is_excused_once() -> None:
    walk = Walk("72")
    await walk.run()
    assert walk.heard == ["hello", "notice", "choose", "wrong", "choose", "bye"]


@pytest.mark.parametrize("steps", range(7))
async def test_a_caller_may_go_at_any_step(steps: int) -> None:
    with pytest.raises(CallerGone):
        await Walk("112#", gone_after=steps).run()


async def test_every_node_is_reported_before_it_speaks() -> None:
    walk = Walk("2")
    await walk.run()
    nodes = [event.node for event in walk.reported if isinstance(event, ivr.NodeEntered)]
    assert nodes == ["hello", "notice", "menu", "bye"]
    assert [event.key for event in walk.reported if isinstance(event, ivr.MenuChosen)] == ["2"]


async def test_only_what_may_be_interrupted_listens_for_keys() -> None:
    walk = Walk("2")
    stops: list[str] = []
    plain = walk.channel.play

    async def play(path: str, interrupt_digits: str) -> str | None:
        stops.append(interrupt_digits)
        return await plain(path, interrupt_digits)

    walk.channel.play = play  # type: ignore[method-assign]
    await walk.run()
    assert stops == [ALL_KEYS, "", ALL_KEYS, ""]


LOOKING = """
flow: looking
languages: [en]
start: number
rescue: bye
prompts:
  number: {en: Your number please.}
  wait: {en: One moment.}
  hello: {en: "Hello {customer_name}."}
  unknown: {en: Unknown.}
  sorry: {en: We cannot look it up.}
nodes:
  number: {kind: collect, say: number, into: account, max_digits: 2, next: look}
  look: {kind: lookup, of: customer, say: wait, number: account, found: hello, missing: unknown, failed: sorry}
  hello: {kind: say, say: hello, next: web}
  unknown: {kind: say, say: unknown, next: bye}
  sorry: {kind: say, say: sorry, next: bye}
  web:
    kind: http
    say: wait
    url: https://example.com/
    into: {x: {path: x}}
    limit_seconds: 1
    next: bye
    failed: sorry
  bye: {kind: end}
"""


class Office:
    """`Outside` that knows one customer, and may be away, broken or slow."""

    def __init__(self) -> None:
        self.numbers: list[str] = []
        self.cancelled = 0
        self.trouble: Exception | None = None
        self.while_asked = asyncio.Event()

    async def look_up(self, order: ivr.LookUp) -> ivr.Answered:
        self.numbers.append(order.number)
        if self.trouble is not None:
            raise self.trouble
        if order.number != "42":
            return ivr.Answered(order_id=order.order_id, found=ivr.Found.MISSING)
        return ivr.Answered(order_id=order.order_id, found=ivr.Found.FOUND, values={"customer_name": "Wang"})

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched | ivr.Answered:
        self.while_asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError("nobody sets it")


async def look(keys: str, outside: Outside | None, *, gone_after: int | None = None) -> list[str]:
    channel = FakeCallerChannel(question(), keys=keys, gone_after=gone_after)
    start = ivr.StartFlow(flow=parse_flow(LOOKING, "looking.yaml"), variables={}, language="en")

    async def report(event: ivr.Event) -> None:
        pass

    await run_flow(channel, start, voice=FakeVoice(), clock=FakeClock(), report=report, outside=outside)
    return [path.removeprefix("en:").removeprefix("looking.") for path in channel.played]


async def test_a_customer_is_looked_up_while_he_hears_one_moment_and_a_service_that_is_slow_is_not_waited_for() -> None:
    outside = Office()
    assert await look("42", outside) == ["number", "wait", "Hello Wang.", "wait", "sorry"]
    assert outside.numbers == ["42"]
    assert outside.cancelled == 1


async def test_what_is_not_there_and_what_cannot_be_asked_are_two_things() -> None:
    assert await look("41", Office()) == ["number", "wait", "unknown"]
    assert await look("42", None) == ["number", "wait", "sorry"]


@pytest.mark.parametrize(
    "trouble", [CallcenterError("the store is away"), ZeroDivisionError("a defect"), TimeoutError()]
)
async def test_trouble_of_a_lookup_is_a_way_of_the_flow_and_not_the_end_of_the_call(trouble: Exception) -> None:
    outside = Office()
    outside.trouble = trouble
    assert await look("42", outside) == ["number", "wait", "sorry"]


async def test_who_hangs_up_while_something_is_looked_up_leaves_no_task_behind() -> None:
    outside = Office()
    before = asyncio.all_tasks()
    with pytest.raises(CallerGone):
        await look("42", outside, gone_after=6)
    assert asyncio.all_tasks() == before
