"""Internal calls in memory: what each desk is told, how they end, and what a server that has just started finds."""

import pytest

from callcenter.app.feed import Feed
from callcenter.app.internal_calls import InternalCalls
from callcenter.app.internal_port import FoundInternalCall, InternalCall
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState, Phone, PhoneKind
from callcenter.domain.errors import CallcenterError, InvalidValue
from callcenter.domain.ids import AgentId, InternalCallId
from callcenter.domain.internal_calls import InternalCallEnd, InternalCallState
from tests.fakes import FakeInternalLine
from tests.office import AGENT, Office

OTHER = AgentId("1002")
CALLED = InternalCallState


class House(Office):
    """Two agents at work, and the line that would call them."""

    async def __aenter__(self) -> "House":
        await super().__aenter__()
        self.line = FakeInternalLine()
        ids = iter(range(1, 100))
        self.service = InternalCalls(
            floor=self.floor,
            line=self.line,
            feed=Feed(epoch="calls", clock=self.clock),
            clock=self.clock,
            new_id=lambda: InternalCallId(f"int-{next(ids)}."),
        )
        await self.agent()
        await self.agent(OTHER)
        return self

    def stands(self, agent_id: AgentId) -> tuple[str, str | None]:
        view = self.service.view(agent_id)
        assert view is not None
        return view.state.value, None if view.end is None else view.end.value


async def test_the_other_desk_knows_who_calls_before_his_phone_rings() -> None:
    async with House() as house:
        view = await house.service.begin(AGENT, OTHER)
        assert (view.incoming, view.agent_id, view.state) == (False, OTHER, CALLED.RINGING_CALLER)
        shown = house.service.view(OTHER)
        assert shown is not None
        assert (shown.incoming, shown.agent_id, shown.name) == (
            True,
            AGENT,
            house.floor.picture.agent(AGENT).config.name,
        )
        (call, _, _, names) = house.line.called[0]
        assert (call.caller_id, call.called_id, names.caller_name) == (AGENT, OTHER, shown.name)
        house.service.became(view.call_id, CALLED.RINGING)
        house.service.became(view.call_id, CALLED.TALKING)
        assert house.stands(OTHER) == ("talking", None)
        house.service.gone(view.call_id, InternalCallEnd.CALLED_OFF)
        await house.settle()
        assert house.stands(AGENT) == ("ended", "talked")
        assert [house.floor.picture.agent(one).state for one in (AGENT, OTHER)] == [AgentState.READY] * 2
        assert dict(house.floor.interactions) == {}


@pytest.mark.parametrize(("who", "end"), [(AGENT, "called_off"), (OTHER, "rejected")])
async def test_giving_up_and_rejecting_on_the_desk_are_told_apart(who: AgentId, end: str) -> None:
    async with House() as house:
        view = await house.service.begin(AGENT, OTHER)
        house.service.became(view.call_id, CALLED.RINGING)
        house.service.end(who)
        assert house.line.hung_up == [view.call_id]
        house.service.gone(view.call_id, InternalCallEnd.CALLED_OFF)
        assert house.stands(AGENT) == ("ended", end)
        with pytest.raises(CallcenterError, match="no internal call"):
            house.service.end(who)


async def test_a_line_that_refuses_leaves_both_free() -> None:
    async with House() as house:
        house.line.refusal = InvalidValue("no such phone", code="invalid_phone_address")
        with pytest.raises(InvalidValue):
            await house.service.begin(AGENT, OTHER)
        await house.settle()
        assert [house.floor.picture.agent(one).state for one in (AGENT, OTHER)] == [AgentState.READY] * 2


async def test_the_directory_says_who_can_be_called_and_why_not() -> None:
    async with House() as house:
        third = AgentId("1003")
        await house.agent(third)
        await house.floor.request(cmd.LogOut(agent_id=third))
        await house.service.begin(OTHER, AGENT)
        rows = {row.agent_id: row.refusal for row in house.service.colleagues(third)}
        assert rows == {AGENT: "colleague_busy", OTHER: "colleague_busy"}
        assert {row.agent_id: row.refusal for row in house.service.colleagues(AGENT)}[third] == "colleague_signed_out"


async def test_a_page_loaded_anew_is_rung_for_the_call_it_was_in_and_for_no_other() -> None:
    async with House() as house:
        browser = Phone(kind=PhoneKind.BROWSER)
        await house.floor.request(cmd.ChangePhone(agent_id=AGENT, phone=browser))
        assert not await house.service.back(AGENT)
        view = await house.service.begin(AGENT, OTHER)
        house.service.became(view.call_id, CALLED.RINGING)
        # Nobody talks yet: there is nothing to come back to.
        assert not await house.service.away(AGENT)
        house.service.became(view.call_id, CALLED.TALKING)
        assert await house.service.away(AGENT)
        assert await house.service.back(AGENT)
        # The other has a telephone on his table: no page has it.
        assert not await house.service.back(OTHER)
        other = house.floor.picture.agent(OTHER).config.name
        assert house.line.parted == [(view.call_id, AGENT)]
        assert house.line.joined == [(view.call_id, AGENT, browser, other)]
        assert house.stands(AGENT) == ("talking", None)


async def test_who_calls_in_wrap_up_and_whose_call_is_lost_is_let_out_of_it() -> None:
    async with House() as house:
        agent = house.floor.picture.agent(AGENT)
        agent.aside = InternalCallId("int-8.")
        await house.service.found([])
        await house.settle()
        assert agent.aside is None


async def test_a_new_server_shows_a_call_that_goes_on_and_lets_out_who_is_in_none() -> None:
    async with House() as house:
        call = InternalCall(
            call_id=InternalCallId("int-9."), caller_id=AGENT, called_id=OTHER, began_at=house.clock.now()
        )
        await house.service.found([FoundInternalCall(call=call, state=CALLED.TALKING)])
        await house.settle()
        assert house.stands(AGENT) == ("talking", None)
        assert house.floor.picture.agent(OTHER).state is AgentState.INTERNAL_CALL
        house.service.gone(call.call_id, InternalCallEnd.LOST)
        await house.settle()
        assert house.floor.picture.agent(OTHER).state is AgentState.READY
        # One whose end was told to nobody: the agents' records alone know of it.
        await house.floor.request(cmd.BeginInternalCall(call_id=call.call_id, caller_id=AGENT, called_id=OTHER))
        await house.service.found([])
        await house.settle()
        assert house.floor.picture.agent(AGENT).state is AgentState.READY
