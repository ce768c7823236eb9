"""What takes long is waited for with music."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from callcenter.app import menu
from callcenter.app.menu import run_flow
from callcenter.ivr import messages as ivr
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.reader import parse_flow
from tests.fakes import FakeClock
from tests.office import FakeCallerChannel, FakeVoice, question

FLOW = """
flow: look
languages: [en]
start: look
rescue: end
nodes:
  look: {kind: lookup, of: queue, queue: sales, found: end, missing: end, failed: end}
  end: {kind: queue, queue: sales}
"""


class Slow:
    """Answers when it is told to."""

    def __init__(self, answers: Sequence[bool]) -> None:
        self.may_answer = asyncio.Event()
        if answers:
            self.may_answer.set()

    async def look_up(self, order: ivr.LookUp) -> ivr.Answered:
        await self.may_answer.wait()
        return ivr.Answered(order_id=order.order_id, found=ivr.Found.FOUND)

    async def fetch(self, order: ivr.Fetch) -> ivr.Fetched | ivr.Answered:
        raise AssertionError(order)


async def walked(outside: Slow, channel: FakeCallerChannel) -> ivr.FlowEnded:
    async def report(event: ivr.Event) -> None:
        del event

    flow = parse_flow(FLOW, "look.yaml", queues={"sales"})
    return await run_flow(
        channel,
        ivr.StartFlow(flow=flow, variables={}),
        voice=FakeVoice(),
        clock=FakeClock(),
        report=report,
        outside=outside,
    )


async def test_an_answer_at_once_is_waited_for_in_silence() -> None:
    channel = FakeCallerChannel(question())
    await walked(Slow([True]), channel)
    assert channel.soothed == 0


class Soothed(FakeCallerChannel):
    """The look-up is answered when the music begins."""

    def __init__(self, outside: Slow) -> None:
        super().__init__(question())
        self._outside = outside

    async def soothe(self) -> None:
        await super().soothe()
        self._outside.may_answer.set()


async def test_an_answer_that_takes_longer_than_a_moment_is_waited_for_with_music() -> None:
    outside = Slow([])
    channel = Soothed(outside)
    ended = await walked(outside, channel)
    assert isinstance(ended.result, ivr.ToQueue)
    assert channel.soothed == 1
    assert timedelta(seconds=2) >= menu.A_MOMENT, "nobody hears nothing for longer than two seconds"


SAYING = """
flow: say
languages: [en]
start: hello
rescue: end
prompts: {hello: {en: Hello.}}
nodes:
  hello: {kind: say, say: hello, next: end}
  end: {kind: queue, queue: sales}
"""


class SlowVoice(FakeVoice):
    """A sound is made when the music begins."""

    def __init__(self) -> None:
        super().__init__()
        self.may_speak = asyncio.Event()

    async def path_of(self, utterance: Utterance) -> str | None:
        await self.may_speak.wait()
        return await super().path_of(utterance)


class SoothedSpeech(FakeCallerChannel):
    """A caller whose music lets the voice go on."""

    def __init__(self, voice: SlowVoice) -> None:
        super().__init__(question())
        self._voice = voice

    async def soothe(self) -> None:
        await super().soothe()
        self._voice.may_speak.set()


async def test_a_sound_that_must_be_made_first_is_waited_for_with_music() -> None:
    voice = SlowVoice()
    channel = SoothedSpeech(voice)

    async def report(event: ivr.Event) -> None:
        del event

    flow = parse_flow(SAYING, "say.yaml", queues={"sales"})
    start = ivr.StartFlow(flow=flow, variables={})
    await run_flow(channel, start, voice=voice, clock=FakeClock(), report=report)
    assert channel.soothed == 1
    assert channel.played == ["en:say.hello"]
