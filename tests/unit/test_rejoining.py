"""A phone that was lost in a talk: whose talk is fetched back, and whose is not."""

from datetime import timedelta

import pytest

from callcenter.app.call_state import CallStage
from callcenter.app.callback_choice import Numbers
from callcenter.app.rejoining import DESK_PHONE_LIMIT, REJOIN_LIMIT, Rejoining
from callcenter.app.sent_callers import FRONT_PRIORITY
from callcenter.app.transfers import Transfers
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneKind, Reason
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import OfferId, TransferId
from tests.fakes import FakeRejoinLine, FakeTransferLine
from tests.office import AGENT, CALL, Office


def talks(office: Office) -> Transfers:
    return Transfers(
        floor=office.floor,
        line=FakeTransferLine(),
        journal=office.journal,
        numbers=Numbers(region="CN"),
        clock=office.clock,
        new_id=lambda: TransferId("t-1"),
    )


async def test_the_talk_of_the_browser_s_phone_is_parted_and_joined_as_the_same_talk() -> None:
    async with Office() as office:
        line = FakeRejoinLine()
        rejoining = Rejoining(floor=office.floor, talks=talks(office), line=line)
        await office.agent()
        await office.tell(cmd.ChangePhone(agent_id=AGENT, phone=Phone(kind=PhoneKind.BROWSER)))
        await office.caller()
        offer = await office.talk()
        await rejoining.away(AGENT)
        await rejoining.back(AGENT)
        assert line.parted == line.joined
        [talk] = line.joined
        assert (talk.offer_id, talk.interaction_id, talk.agent_id) == (offer, CALL, AGENT)
        assert talk.caller_id == CALL
        # Should nobody come back: the first place of the queue he came from.
        then = talk.next_state
        assert (then.stage, then.queue_id, then.priority) == (CallStage.QUEUE, "sales", FRONT_PRIORITY)
        assert (then.sent, then.traits.transferred) == (None, True)
        # The talk lasts until the music is over; he waits from then on, so that no second counts as both.
        assert then.entered_at == office.clock.now() + REJOIN_LIMIT


async def test_who_talks_over_another_phone_or_not_at_all_is_left_alone() -> None:
    async with Office() as office:
        line = FakeRejoinLine()
        rejoining = Rejoining(floor=office.floor, talks=talks(office), line=line)
        await office.agent()
        await rejoining.away(AGENT)
        for phone in (Phone(kind=PhoneKind.BROWSER), Phone(kind=PhoneKind.SIP)):
            await office.tell(cmd.ChangePhone(agent_id=AGENT, phone=phone))
            if phone.kind is PhoneKind.SIP:
                await office.caller()
                await office.talk()
            with pytest.raises(Conflict, match="in no talk"):
                await rejoining.back(AGENT)
        assert (line.parted, line.joined) == ([], [])


async def test_a_talk_whose_phone_fell_silent_is_told_over_whatever_phone() -> None:
    async with Office() as office:
        rejoining = Rejoining(floor=office.floor, talks=talks(office), line=FakeRejoinLine())
        await office.agent()
        await office.caller()
        offer = await office.talk()
        talk = rejoining.lost(offer)
        assert talk is not None
        assert (talk.offer_id, talk.next_state.priority) == (offer, FRONT_PRIORITY)
        # A desk phone is not rung anew: he goes on as soon as it is said where to.
        assert talk.next_state.entered_at == office.clock.now() + DESK_PHONE_LIMIT
        assert rejoining.lost(OfferId("another")) is None


async def test_a_phone_that_is_back_goes_on_with_the_talk_and_begins_no_second_one() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        offer = await office.talk()
        began = office.clock.now()
        office.clock.advance(timedelta(seconds=20))
        await office.tell(cmd.ReportTalk(offer_id=offer, interaction_id=CALL, agent_id=AGENT))
        office.clock.advance(timedelta(seconds=10))
        await office.tell(cmd.ReportTalkEnded(offer_id=offer))
        [talk] = office.floor.interactions[CALL].handling.talks
        assert (talk.since, talk.until) == (began, office.clock.now())


async def test_who_does_not_come_back_is_not_ready_for_that_reason_and_the_record_tells_it() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        offer = await office.talk()
        await office.desk.desktop_lost(AGENT)
        await office.tell(cmd.ReportTalkEnded(offer_id=offer, phone_lost=True))
        await office.tell(cmd.EndWrapUp(agent_id=AGENT, then=None, reason=None))
        agent = office.desk.agent(AGENT)
        assert (agent.state, agent.reason) == (AgentState.NOT_READY, Reason.PHONE_LOST)
        [ended] = [event for event in office.journal.events if isinstance(event, ev.TalkEnded)]
        assert ended.phone_lost


async def test_what_he_wished_himself_stands_above_the_lost_phone() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        offer = await office.talk()
        await office.tell(cmd.LogOut(agent_id=AGENT))
        await office.tell(cmd.ReportTalkEnded(offer_id=offer, phone_lost=True))
        wish = office.floor.picture.agent(AGENT).wish
        assert wish is not None
        assert wish.state is AgentState.LOGGED_OUT
