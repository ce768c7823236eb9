"""A phone that was lost in a talk: whose talk is fetched back, and whose is not."""

import pytest

from callcenter.app.rejoining import Rejoining
from callcenter.domain import commands as cmd
from callcenter.domain.agents import Phone, PhoneKind
from callcenter.domain.errors import Conflict
from tests.fakes import FakeRejoinLine
from tests.office import AGENT, CALL, Office


async def test_the_talk_of_the_browser_s_phone_is_parted_and_joined_as_the_same_talk() -> None:
    async with Office() as office:
        line = FakeRejoinLine()
        rejoining = Rejoining(floor=office.floor, line=line)
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


async def test_who_talks_over_another_phone_or_not_at_all_is_left_alone() -> None:
    async with Office() as office:
        line = FakeRejoinLine()
        rejoining = Rejoining(floor=office.floor, line=line)
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
