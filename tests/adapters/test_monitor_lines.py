"""Supervisors who listen, on a real Asterisk: what caller, agent and supervisor hear in each mode is measured."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callcenter.app.monitor_port import FoundMonitor, MonitorCall
from callcenter.clock import SystemClock
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.ids import AgentId, InteractionId, MonitoringId, OfferId
from callcenter.domain.monitoring import Announcement, MonitorEnd, MonitorMode
from tests.adapters.live_exchange import LiveExchange, live_exchange
from tests.e2e.phones import AgentPhone, Answer, Caller, IncomingCall, Reject, Tone
from tests.e2e.rtp import RtpStream

pytestmark = pytest.mark.e2e

CALLER, AGENT, BOSS = Tone(hertz=430), Tone(hertz=850), Tone(hertz=1_530)
LOUD, NOTHING = 0.2, 0.02
"""Shares of the energy heard; two tones at once have about half each."""
MONITORING = MonitoringId("mon-1")


class Reports:
    """What becomes of supervisors' channels, as it was told."""

    def __init__(self) -> None:
        self.modes: list[MonitorMode] = []
        self.ends: list[MonitorEnd] = []
        self.taken: list[MonitoringId] = []
        self.lists: list[list[FoundMonitor]] = []

    def heard(self, monitoring_id: MonitoringId, mode: MonitorMode) -> None:
        self.modes.append(mode)

    def took_over(self, monitoring_id: MonitoringId) -> None:
        self.taken.append(monitoring_id)

    def gone(self, monitoring_id: MonitoringId, end: MonitorEnd) -> None:
        self.ends.append(end)

    async def found(self, channels: Sequence[FoundMonitor], taken_at: datetime) -> None:
        self.lists.append(list(channels))


class Talk:
    """A caller, his agent and a supervisor's phone, each saying a tone of his own."""

    def __init__(self, exchange: LiveExchange, caller: Caller, agent: AgentPhone, boss: AgentPhone) -> None:
        self.exchange, self.caller, self.agent, self.boss = exchange, caller, agent, boss
        self.reports = Reports()
        exchange.bridge.monitor_lines.reports = self.reports
        self.interaction_id = InteractionId("")
        self.offer_id = OfferId("")

    async def begin(self) -> IncomingCall:
        self.interaction_id = (await self.exchange.question()).question.interaction_id
        self.offer_id = self.exchange.ring(self.agent, self.interaction_id)
        talk = await self.agent.talking()
        await self.exchange.told(cmd.ReportTalk)
        return talk

    def order(self, *, offer_id: OfferId | None = None, announced: Announcement = Announcement.SAID) -> MonitorCall:
        return MonitorCall(
            monitoring_id=MONITORING,
            by="super & co",
            by_name="主管 (Zhang), 100%",
            own_agent_id=AgentId("1009"),
            agent_id=AgentId("1001"),
            interaction_id=self.interaction_id,
            offer_id=offer_id or self.offer_id,
            caller_id=self.interaction_id,
            announced=announced,
            ordered_at=SystemClock().now(),
        )

    @property
    def phone(self) -> Phone:
        host, port = self.boss.address
        return Phone(kind=PhoneKind.ADDRESS, address=f"{self.boss.user}@{host}:{port}")

    def call(self, call: MonitorCall, mode: MonitorMode) -> None:
        self.exchange.bridge.monitor_lines.call(call, mode, self.phone, "Agent 1001")

    async def hears_as(self, mode: MonitorMode, number: int) -> None:
        """Wait until this mode was told as the so-manieth."""
        await self.exchange.until(lambda: len(self.reports.modes) >= number or None)
        assert self.reports.modes[number - 1] is mode

    async def ended(self) -> MonitorEnd:
        await self.exchange.until(lambda: self.reports.ends or None)
        return self.reports.ends[0]

    async def expect(self, mode: MonitorMode, boss: IncomingCall, agent: IncomingCall) -> None:
        """Measure what each hears for a second, once the new mode is there."""
        await boss.audio.hear_tone(CALLER.hertz, share=LOUD)
        await boss.audio.hear_tone(AGENT.hertz, share=LOUD)
        if mode is not MonitorMode.LISTEN:
            await agent.audio.hear_tone(BOSS.hertz, share=LOUD)
        if mode is MonitorMode.BARGE:
            await self.caller.audio.hear_tone(BOSS.hertz, share=LOUD)
        since = time.monotonic() + 0.3
        await asyncio.sleep(1.5)
        shares = {
            name: {tone.hertz: round(audio.tone_share(tone.hertz, since), 3) for tone in (CALLER, AGENT, BOSS)}
            for name, audio in (("caller", self.caller.audio), ("agent", agent.audio), ("boss", boss.audio))
        }
        assert shares["boss"][CALLER.hertz] > LOUD, shares
        assert shares["boss"][AGENT.hertz] > LOUD, shares
        assert shares["boss"][BOSS.hertz] < NOTHING, shares
        assert shares["agent"][CALLER.hertz] > LOUD, shares
        assert shares["caller"][AGENT.hertz] > LOUD, shares
        agent_hears, caller_hears = shares["agent"][BOSS.hertz], shares["caller"][BOSS.hertz]
        assert agent_hears > LOUD if mode is not MonitorMode.LISTEN else agent_hears < NOTHING, shares
        assert caller_hears > LOUD if mode is MonitorMode.BARGE else caller_hears < NOTHING, shares


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    async with (
        live_exchange() as exchange,
        AgentPhone(server=exchange.sip, user="1001", behaviour=Answer(), sound=AGENT) as agent,
        AgentPhone(server=exchange.sip, user="1009", behaviour=Answer(), sound=BOSS) as boss,
        Caller(server=exchange.sip, dnis="4000", ani="+442079460001", sound=CALLER) as caller,
    ):
        yield Talk(exchange, caller, agent, boss)


async def test_what_each_hears_in_each_mode_and_the_modes_follow_each_other_in_one_call(talk: Talk) -> None:
    agent = await talk.begin()
    order = talk.order()
    talk.call(order, MonitorMode.LISTEN)
    boss = await talk.boss.talking()
    lines = talk.exchange.bridge.monitor_lines
    follow = (MonitorMode.LISTEN, MonitorMode.WHISPER, MonitorMode.BARGE, MonitorMode.LISTEN, MonitorMode.BARGE)
    for number, mode in enumerate(follow, start=1):
        if number > 1:
            lines.change(order, mode)
        await talk.hears_as(mode, number)
        await talk.expect(mode, boss, agent)
    assert len(talk.boss.calls) == 1
    await talk.agent.hang_up()
    await boss.ended()
    assert await talk.ended() is MonitorEnd.TALK_OVER
    await talk.exchange.quiet()


async def test_what_he_presses_changes_nothing_and_leads_to_no_other_talk(talk: Talk) -> None:
    agent = await talk.begin()
    talk.call(talk.order(), MonitorMode.LISTEN)
    boss = await talk.boss.talking()
    await talk.hears_as(MonitorMode.LISTEN, 1)
    # By these, the exchange would speak to the agent, or go on to another channel, were it not told otherwise.
    for key in "564*1#17#":
        await boss.press(key)
    await talk.expect(MonitorMode.LISTEN, boss, agent)
    assert talk.reports.ends == []
    assert set(talk.reports.modes) == {MonitorMode.LISTEN}


async def test_both_sides_hear_the_tone_and_the_supervisor_ends_it_by_hanging_up(talk: Talk) -> None:
    agent = await talk.begin()
    order = talk.order(announced=Announcement.TONE)
    talk.call(order, MonitorMode.LISTEN)
    boss = await talk.boss.talking()
    await talk.hears_as(MonitorMode.LISTEN, 1)
    sides = ((talk.caller.audio, AGENT), (agent.audio, CALLER))
    for audio, other in sides:
        await audio.hear_tone(other.hertz, share=0.9)

    async def something_else(audio: RtpStream, other: Tone) -> None:
        await talk.exchange.until(lambda: audio.tone_share(other.hertz, time.monotonic() - 0.4) < 0.9 or None)

    talk.exchange.bridge.monitor_lines.sound_tone(order)
    # For a moment both hear something else over the other's tone, and then him alone again.
    await asyncio.gather(*(something_else(audio, other) for audio, other in sides))
    await agent.audio.hear_tone(CALLER.hertz, share=0.9)
    await boss.hang_up()
    assert await talk.ended() is MonitorEnd.HUNG_UP
    assert not talk.exchange.reports(cmd.ReportTalkEnded)


async def test_another_server_finds_who_listens_and_can_change_and_end_it(talk: Talk) -> None:
    agent = await talk.begin()
    order = talk.order()
    talk.call(order, MonitorMode.LISTEN)
    boss = await talk.boss.talking()
    await talk.hears_as(MonitorMode.LISTEN, 1)
    await talk.exchange.disconnect()
    await talk.expect(MonitorMode.LISTEN, boss, agent)
    await talk.exchange.restart_server()
    talk.reports = Reports()
    lines = talk.exchange.bridge.monitor_lines
    lines.reports = talk.reports
    await talk.exchange.find_monitors()
    ((found,),) = talk.reports.lists
    assert found == FoundMonitor(
        call=replace(order, ordered_at=found.call.ordered_at), mode=MonitorMode.LISTEN, up=True
    )
    assert abs(found.call.ordered_at - order.ordered_at) < timedelta(seconds=1)
    lines.change(order, MonitorMode.BARGE)
    await talk.hears_as(MonitorMode.BARGE, 1)
    await talk.expect(MonitorMode.BARGE, boss, agent)
    lines.stop(order)
    await boss.ended()
    assert await talk.ended() is MonitorEnd.STOPPED
    # The two talk on.
    await talk.caller.audio.hear_tone(AGENT.hertz, share=0.9)
    assert not talk.exchange.reports(cmd.ReportTalkEnded)


@pytest.mark.parametrize("offer", ["nothing", "cc1"])
async def test_there_is_nothing_to_hear_but_the_talk_that_was_chosen(talk: Talk, offer: str) -> None:
    await talk.begin()
    talk.call(talk.order(offer_id=OfferId(offer)), MonitorMode.BARGE)
    boss = await talk.boss.talking()
    await boss.ended()
    assert await talk.ended() is MonitorEnd.TALK_OVER
    assert talk.reports.modes == []


async def test_the_beginning_of_a_talks_id_is_no_key_to_it(talk: Talk) -> None:
    await talk.begin()
    talk.call(talk.order(offer_id=OfferId(talk.offer_id[:-1])), MonitorMode.BARGE)
    await (await talk.boss.talking()).ended()
    assert await talk.ended() is MonitorEnd.TALK_OVER
    assert talk.reports.modes == []


async def test_a_phone_that_does_not_want_and_one_that_is_not_there_are_told_apart(talk: Talk) -> None:
    await talk.begin()
    lines = talk.exchange.bridge.monitor_lines
    async with AgentPhone(server=talk.exchange.sip, user="1008", behaviour=Reject()) as refusing:
        host, port = refusing.address
        phone = Phone(kind=PhoneKind.ADDRESS, address=f"1008@{host}:{port}")
        lines.call(talk.order(), MonitorMode.LISTEN, phone, "Agent 1001")
        assert await talk.ended() is MonitorEnd.DECLINED
    talk.reports.ends.clear()
    other = replace(talk.order(), monitoring_id=MonitoringId("mon-2"))
    lines.call(other, MonitorMode.LISTEN, Phone(), "Agent 1001")
    assert await talk.ended() is MonitorEnd.UNREACHABLE
    assert len(talk.reports.ends) == 1


async def test_the_caller_is_taken_over_and_the_agent_is_let_go(talk: Talk) -> None:
    agent = await talk.begin()
    order = talk.order()
    talk.call(order, MonitorMode.WHISPER)
    boss = await talk.boss.talking()
    await talk.hears_as(MonitorMode.WHISPER, 1)
    talk.exchange.bridge.monitor_lines.take_over(order)
    await agent.ended()
    second = await talk.exchange.told(cmd.ReportTalk, number=2)
    assert (second.offer_id, second.interaction_id) == (OfferId(MONITORING), talk.interaction_id)
    assert second.agent_id == "1009"
    ended = await talk.exchange.told(cmd.ReportTalkEnded)
    assert (ended.offer_id, ended.side) == (talk.offer_id, None)
    assert talk.reports.taken == [MONITORING]
    assert talk.reports.ends == []
    started = [leg for leg in talk.exchange.reports(ev.LegStarted) if leg.leg_id == MONITORING]
    assert [leg.agent_id for leg in started] == ["1009"]
    await talk.caller.audio.hear_tone(BOSS.hertz, share=0.9)
    await boss.audio.hear_tone(CALLER.hertz, share=0.9)
    legs = await talk.exchange.legs()
    assert legs[MONITORING].agent_id == "1009"
    assert legs[MONITORING].bridge_id == legs[talk.interaction_id].bridge_id is not None
    await talk.boss.hang_up()
    over = await talk.exchange.told(cmd.ReportTalkEnded, number=2)
    assert (over.offer_id, over.side) == (OfferId(MONITORING), ev.Side.AGENT)
    # Whoever had been let go by his agent would go the same way: through what follows a talk, to the end.
    end = await talk.caller.ended()
    assert end.by == "server"
    await talk.exchange.quiet()
