"""What agents and supervisors can do at their desks, what is refused, and what waits for the disk."""

from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.customer_book import Merge
from callcenter.app.floor import REMEMBER_ENDED_FOR
from callcenter.app.floor_messages import CallEnded
from callcenter.app.ports import CustomerInput
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, Phone, PhoneKind, Reason
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.errors import Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MergeId
from callcenter.domain.interactions import Interaction
from tests.fakes import START, FakeCustomers
from tests.office import AGENT, CALL, Office

PHONE = (ContactPoint(kind=ContactPointKind.PHONE, value="+8613800138000"),)
WANG, LI = CustomerId("wang"), CustomerId("li")


async def known(*customer_ids: CustomerId) -> FakeCustomers:
    store = FakeCustomers()
    for customer_id in customer_ids:
        data = CustomerInput(name=customer_id.title(), contact_points=PHONE)
        await store.create(customer_id, data, at=START, by="test")
    return store


async def in_talk(office: Office) -> None:
    await office.agent()
    await office.memory.look_up(CALL, "+8613800138000")
    await office.caller()
    await office.talk()


async def annotate(
    office: Office,
    call: InteractionId = CALL,
    *,
    disposition: str | None = None,
    notes: str | None = None,
    customer_id: CustomerId | None = None,
) -> Interaction:
    return await office.desk.annotate(call, by="1001", disposition=disposition, notes=notes, customer_id=customer_id)


# ---- states


async def test_signing_in_begins_the_day_once() -> None:
    async with Office() as office:
        await office.agent(ready=False)
        await office.tell(cmd.LogOut(agent_id=AGENT))
        view = await office.desk.sign_in(AGENT)
        assert (view.state, view.reason) == ("not_ready", Reason.SIGNED_IN)
        await office.desk.set_state(AGENT, AgentState.READY, None)
        assert (await office.desk.sign_in(AGENT)).state == "ready"


async def test_every_change_waits_for_the_disk() -> None:
    async with Office() as office:
        await office.agent()
        await in_talk_done(office)
        before = office.journal.flushes
        await office.desk.set_state(AGENT, AgentState.NOT_READY, "break")
        await office.desk.set_phone(AGENT, Phone(kind=PhoneKind.BROWSER))
        await office.desk.sign_in(AGENT)
        assert office.journal.flushes == before + 3


async def in_talk_done(office: Office) -> None:
    await in_talk(office)
    await office.tell(CallEnded(interaction_id=CALL), cmd.EndWrapUp(agent_id=AGENT))


@pytest.mark.parametrize(("reason", "kept"), [("break", "break"), (None, "unspecified")])
async def test_not_ready_has_a_reason_of_the_list_or_none(reason: str | None, kept: str) -> None:
    async with Office() as office:
        await office.agent()
        assert (await office.desk.set_state(AGENT, AgentState.NOT_READY, reason)).reason == kept


@pytest.mark.parametrize("reason", ["rona", "desktop_lost", "", "golf"])
async def test_a_reason_that_is_not_the_agent_s_to_give_is_refused_and_nothing_happens(reason: str) -> None:
    async with Office() as office:
        await office.agent()
        with pytest.raises(InvalidValue, match="known: break") as refused:
            await office.desk.set_state(AGENT, AgentState.NOT_READY, reason)
        assert refused.value.code == "unknown_reason"
        assert office.state() is AgentState.READY


async def test_a_refused_reason_does_not_even_begin_the_work_of_one_who_is_out() -> None:
    async with Office() as office:
        await office.agent(ready=False)
        await office.tell(cmd.LogOut(agent_id=AGENT))
        with pytest.raises(InvalidValue):
            await office.desk.set_state(AGENT, AgentState.NOT_READY, "golf")
        assert office.state() is AgentState.LOGGED_OUT
        assert (await office.desk.set_state(AGENT, AgentState.NOT_READY, "break")).reason == "break"


@pytest.mark.parametrize("state", [AgentState.TALKING, AgentState.OFFERED, AgentState.WRAP_UP])
async def test_nobody_puts_himself_into_a_talk(state: AgentState) -> None:
    async with Office() as office:
        await office.agent()
        with pytest.raises(InvalidValue):
            await office.desk.set_state(AGENT, state, None)


async def test_what_is_asked_for_in_a_talk_is_a_wish_for_after_it() -> None:
    async with Office() as office:
        await in_talk(office)
        view = await office.desk.set_state(AGENT, AgentState.NOT_READY, "break")
        assert view.state == "talking"
        assert view.after_call is not None
        assert view.after_call.reason == "break"


async def test_ready_in_wrap_up_ends_it_and_the_next_caller_is_offered() -> None:
    async with Office() as office:
        await in_talk(office)
        await office.caller(InteractionId("cc1-17.2"))
        await office.tell(CallEnded(interaction_id=CALL))
        assert (await office.desk.set_state(AGENT, AgentState.READY, None)).state == "offered"


async def test_wrap_up_ends_into_a_state_with_a_reason_of_the_list() -> None:
    async with Office() as office:
        await in_talk(office)
        with pytest.raises(Conflict):
            await office.desk.end_wrap_up(AGENT, None, None)
        await office.tell(CallEnded(interaction_id=CALL))
        with pytest.raises(InvalidValue):
            await office.desk.end_wrap_up(AGENT, AgentState.NOT_READY, "golf")
        assert office.state() is AgentState.WRAP_UP
        view = await office.desk.end_wrap_up(AGENT, AgentState.NOT_READY, "break")
        assert (view.state, view.reason) == ("not_ready", "break")


async def test_nobody_who_does_not_exist_has_a_desk() -> None:
    async with Office() as office:
        nobody = AgentId("nobody")
        for look in (office.desk.agent, office.desk.pop):
            with pytest.raises(NotFound):
                look(nobody)
        for ask in (
            office.desk.sign_in(nobody),
            office.desk.set_state(nobody, AgentState.READY, None),
            office.desk.set_phone(nobody, Phone()),
            office.desk.desktop_lost(nobody),
            office.desk.desktop_back(nobody),
        ):
            with pytest.raises(NotFound):
                await ask


# ---- phones


async def test_a_phone_is_kept_in_the_configuration_and_rung_from_the_next_offer_on() -> None:
    async with Office() as office:
        await office.agent()
        phone = Phone(kind=PhoneKind.OUTSIDE, address="+442079460000")
        view = await office.desk.set_phone(AGENT, phone)
        assert (view.phone.kind, view.phone.address) == ("outside", "+442079460000")
        assert office.configuration.agent_configs[AGENT].phone == phone
        await office.caller()
        assert office.telephony.rung[0][0].phone == phone


@pytest.mark.parametrize("kind", [PhoneKind.ADDRESS, PhoneKind.OUTSIDE])
async def test_a_phone_elsewhere_needs_an_address(kind: PhoneKind) -> None:
    async with Office() as office:
        await office.agent()
        with pytest.raises(InvalidValue, match="needs an address"):
            await office.desk.set_phone(AGENT, Phone(kind=kind))


async def test_an_account_of_our_own_has_no_address() -> None:
    async with Office() as office:
        await office.agent()
        await office.desk.set_phone(AGENT, Phone(kind=PhoneKind.BROWSER, address="sip:evil@example.org"))
        assert office.configuration.agent_configs[AGENT].phone == Phone(kind=PhoneKind.BROWSER)


# ---- writing on the record


async def test_disposition_and_notes_are_written_and_taken_back() -> None:
    async with Office() as office:
        await in_talk(office)
        record = await annotate(office, disposition="solved", notes="Called about the bill.")
        assert (record.disposition, record.notes) == ("solved", "Called about the bill.")
        record = await annotate(office, disposition="", notes="")
        assert (record.disposition, record.notes) == ("", "")
        assert office.names().count("InteractionAnnotated") == 2


async def test_the_same_again_is_no_event() -> None:
    async with Office(customers=await known(WANG)) as office:
        await in_talk(office)
        for _ in range(2):
            await annotate(office, disposition="solved", notes="x", customer_id=WANG)
        await annotate(office)
        assert office.names().count("InteractionAnnotated") == 1


async def test_a_disposition_that_is_not_on_the_list_is_refused_and_nothing_is_written() -> None:
    async with Office() as office:
        await in_talk(office)
        with pytest.raises(InvalidValue, match="known: callback, solved") as refused:
            await annotate(office, disposition="golf", notes="lost")
        assert refused.value.code == "unknown_disposition"
        assert office.record().notes == ""


async def test_a_customer_who_does_not_exist_is_refused() -> None:
    async with Office() as office:
        await in_talk(office)
        with pytest.raises(NotFound, match="no customer"):
            await annotate(office, customer_id=CustomerId("nobody"))
        assert office.record().customer_id is None


async def test_the_chosen_one_of_several_customers_comes_first_and_the_others_stay() -> None:
    async with Office(customers=await known(WANG, LI)) as office:
        await in_talk(office)
        for chosen in (LI, WANG):
            await annotate(office, customer_id=chosen)
            pop = office.desk.pop(AGENT)
            assert pop is not None
            assert pop.customer_id == chosen
            assert pop.customers[0].customer_id == chosen
            assert {customer.customer_id for customer in pop.customers} == {WANG, LI}


async def test_a_customer_made_during_the_call_takes_the_place_of_the_blank_card() -> None:
    async with Office() as office:
        await in_talk(office)
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert pop.blank is not None
        await office.customers.create(WANG, replace(pop.blank, name="Wang"), at=START, by="1001")
        await annotate(office, customer_id=WANG)
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert (pop.blank, pop.customers[0].name) == (None, "Wang")


def merge(*, undone: bool = False, interactions: tuple[InteractionId, ...] = ()) -> Merge:
    """Li was found to be Wang."""
    return Merge(
        merge_id=MergeId("m"),
        survivor_id=WANG,
        merged_id=LI,
        at=START,
        by="super",
        undone_at=START if undone else None,
        interactions=interactions,
    )


async def test_a_call_of_who_is_merged_into_another_follows_him_there_and_back() -> None:
    async with Office(customers=await known(WANG, LI)) as office:
        await in_talk(office)
        await annotate(office, customer_id=LI)
        office.customers.merged_into[LI] = WANG
        await office.desk.customers_merged(merge(interactions=(CALL,)), by="super")
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert [card.customer_id for card in pop.customers] == [WANG]
        assert office.record().customer_id == pop.customer_id == WANG
        office.customers.merged_into.clear()
        await office.desk.customers_merged(merge(undone=True, interactions=(CALL,)), by="super")
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert {card.customer_id for card in pop.customers} == {WANG, LI}
        assert office.record().customer_id == pop.customer_id == LI


async def test_there_is_nothing_to_choose_between_two_who_are_one() -> None:
    async with Office(customers=await known(WANG, LI)) as office:
        await in_talk(office)
        assert office.record().customer_id is None
        office.customers.merged_into[LI] = WANG
        await office.desk.customers_merged(merge(), by="super")
        pop = office.desk.pop(AGENT)
        assert pop is not None
        assert ([card.customer_id for card in pop.customers], pop.customer_id) == ([WANG], WANG)


async def test_a_merge_leaves_the_calls_of_others_and_of_the_survivor_as_they_are() -> None:
    async with Office(customers=await known(WANG)) as office:
        await in_talk(office)
        await annotate(office, customer_id=WANG)
        before = office.record()
        await office.desk.customers_merged(merge(), by="super")
        await office.desk.customers_merged(merge(undone=True), by="super")
        assert office.record() == before
        other = replace(merge(), survivor_id=CustomerId("x"), merged_id=CustomerId("y"))
        await office.desk.customers_merged(other, by="super")
        assert office.record() == before


async def test_a_call_that_has_ended_and_is_forgotten_can_still_be_written_on() -> None:
    async with Office() as office:
        await in_talk_done(office)
        await office.pass_time(REMEMBER_ENDED_FOR + timedelta(seconds=1))
        assert office.desk.interaction(CALL) is None
        ended = office.records.kept[CALL]
        record = await annotate(office, disposition="solved", notes="Later.")
        assert (record.disposition, record.notes, record.outcome) == ("solved", "Later.", ev.Outcome.ANSWERED)
        assert replace(office.records.kept[CALL], disposition=None, notes="") == ended
        await office.pass_time(REMEMBER_ENDED_FOR + timedelta(seconds=1))
        assert office.desk.interaction(CALL) is None


async def test_a_call_that_never_was_cannot_be_written_on() -> None:
    async with Office() as office:
        with pytest.raises(NotFound) as refused:
            await annotate(office, notes="x")
        assert refused.value.code == "unknown_interaction"


# ---- the desktop


async def test_an_agent_whose_desktop_is_lost_is_offered_nothing_more() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        offer_id = office.offer_of()
        await office.desk.desktop_lost(AGENT)
        assert (office.state(), office.desk.agent(AGENT).reason) == (AgentState.NOT_READY, Reason.DESKTOP_LOST)
        assert office.telephony.stopped == [offer_id]
        await office.desk.desktop_back(AGENT)
        assert office.state() is AgentState.NOT_READY, "he says himself when he is ready again"


async def test_a_desktop_that_is_lost_and_back_during_a_talk_changes_nothing_after_it() -> None:
    async with Office() as office:
        await in_talk(office)
        await office.desk.desktop_lost(AGENT)
        wish = office.desk.agent(AGENT).after_call
        assert wish is not None
        assert wish.reason == Reason.DESKTOP_LOST
        await office.desk.desktop_back(AGENT)
        assert office.desk.agent(AGENT).after_call is None


@pytest.mark.parametrize("lost", [True, False])
async def test_a_desktop_that_comes_back_leaves_the_agent_s_own_wish_alone(lost: bool) -> None:
    async with Office() as office:
        await in_talk(office)
        await office.desk.set_state(AGENT, AgentState.NOT_READY, "break")
        if lost:
            await office.desk.desktop_lost(AGENT)
        await office.desk.desktop_back(AGENT)
        wish = office.desk.agent(AGENT).after_call
        assert wish is not None
        assert wish.reason == "break"


async def test_who_was_not_ready_keeps_his_reason_when_the_desktop_is_lost() -> None:
    async with Office() as office:
        await office.agent(ready=False)
        await office.desk.set_state(AGENT, AgentState.NOT_READY, "break")
        await office.desk.desktop_lost(AGENT)
        assert office.desk.agent(AGENT).reason == "break"
        await office.tell(cmd.LogOut(agent_id=AGENT))
        await office.desk.desktop_lost(AGENT)
        assert office.state() is AgentState.LOGGED_OUT


# ---- the board


async def test_the_board_lists_everything_in_order() -> None:
    async with Office() as office:
        for number in ("1002", "1001"):
            await office.agent(AgentId(number), ready=False)
        for number in "21":
            await office.caller(InteractionId(f"cc1-17.{number}"))
            office.clock.advance(timedelta(seconds=1))
        assert [row.queue_id for row in office.desk.queues()] == ["sales", "support"]
        assert [row.agent_id for row in office.desk.agents()] == ["1001", "1002"]
        assert [(row.interaction_id, row.position) for row in office.desk.waiting()] == [
            ("cc1-17.2", 1),
            ("cc1-17.1", 2),
        ]
