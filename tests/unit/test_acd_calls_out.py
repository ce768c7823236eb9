"""Calls out in the engine: who may, who is rung, what he is afterwards, and that nobody else's call comes meanwhile."""

from dataclasses import replace

import pytest

from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain.agents import PhoneStatus
from callcenter.domain.callbacks import CustomerAnswer
from callcenter.domain.direct import direct_queue, direct_queue_id
from callcenter.domain.errors import CallcenterError, Conflict, Overloaded
from callcenter.domain.events import InteractionEnded, Outcome
from callcenter.domain.ids import AgentId, InteractionId
from callcenter.domain.offers import OfferCause
from tests.simulation.floor import (
    Floor,
    agent_config,
    customers_called,
    ended_offers,
    queue_config,
    rings,
    seconds,
    state_of,
    stops,
    words_after_restart,
)

NUMBER = "+8613700000021"


def at_work(*, wrap_up: float = 30) -> Floor:
    """Anna is ready; her own queue is there."""
    floor = Floor()
    floor.queue("sales", wrap_up=wrap_up)
    floor.ready_agent("anna")
    floor.rules(replace(direct_queue(agent_config("anna")), wrap_up=seconds(wrap_up)))
    floor.wait(1)
    return floor


def call_out(floor: Floor, name: str = "out1", agent: str = "anna") -> list[Output]:
    return floor.tell(
        cmd.CallOut(
            interaction_id=InteractionId(name),
            agent_id=AgentId(agent),
            queue_id=direct_queue_id(AgentId(agent)),
            number=NUMBER,
        )
    )


def end_of(outputs: list[Output]) -> list[Outcome]:
    return [output.outcome for output in outputs if isinstance(output, InteractionEnded)]


def test_his_phone_rings_first_and_then_the_customers() -> None:
    floor = at_work()
    assert rings(call_out(floor)) == [("anna", "out1")]
    assert floor.state("anna") == "offered"
    assert customers_called(floor.agent_waits("anna")) == [("out1", 1)]
    floor.answer("anna")
    assert (floor.state("anna"), floor.holds("anna")) == ("talking", "out1")
    floor.hang_up("anna")
    assert floor.state("anna") == "wrap_up"
    floor.wait(30)
    assert floor.state("anna") == "ready"


@pytest.mark.parametrize("waits_first", [True, False])
def test_nobody_elses_call_comes_meanwhile(waits_first: bool) -> None:
    floor = at_work()
    if waits_first:
        floor.not_ready("anna")
        floor.enqueue("c1", "sales")
    assert rings(call_out(floor)) == [("anna", "out1")]
    if not waits_first:
        assert rings(floor.enqueue("c1", "sales")) == []
    assert rings(floor.agent_waits("anna")) == []
    assert rings(floor.answer("anna")) == []
    assert rings(floor.hang_up("anna")) == []
    assert floor.waiting("sales") == ["c1"]


def test_who_was_not_ready_is_so_again_for_the_same_reason() -> None:
    floor = at_work()
    floor.not_ready("anna", "paperwork")
    call_out(floor)
    floor.agent_waits("anna")
    floor.answer("anna")
    floor.hang_up("anna")
    assert floor.state("anna") == "wrap_up"
    floor.wait(30)
    assert floor.state("anna") == "not_ready(paperwork)"


@pytest.mark.parametrize("cause", [OfferCause.NO_ANSWER, OfferCause.REJECTED, OfferCause.BUSY, OfferCause.UNREACHABLE])
@pytest.mark.parametrize("state", ["ready", "not_ready"])
def test_a_phone_that_is_not_answered_is_no_rona(state: str, cause: OfferCause) -> None:
    floor = at_work()
    if state == "not_ready":
        floor.not_ready("anna", "paperwork")
    call_out(floor)
    ended = floor.fail("anna", cause)
    assert end_of(ended) == [Outcome.CALLED_OFF]
    assert floor.state("anna") == ("ready" if state == "ready" else "not_ready(paperwork)")
    assert floor.record("anna").misses == 0
    assert customers_called(ended) == []
    assert floor.engine.picture.waiting == {}


@pytest.mark.parametrize("answer", [CustomerAnswer.BUSY, CustomerAnswer.NO_ANSWER, CustomerAnswer.FAILED])
def test_who_is_not_reached_is_tried_once(answer: CustomerAnswer) -> None:
    floor = at_work()
    call_out(floor)
    floor.agent_waits("anna")
    offer = floor.offer_to("anna")
    ended = floor.customer("out1", answer)
    assert end_of(ended) == [Outcome.NOT_REACHED]
    assert stops(ended) == [offer.offer_id]
    assert floor.state("anna") == "ready"
    assert floor.engine.picture.waiting == {}
    assert rings(floor.wait(3600)) == []


def test_after_call_work_that_was_broken_off_goes_on_when_nobody_is_reached() -> None:
    floor = at_work(wrap_up=30)
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    floor.hang_up("anna")
    floor.wait(10)
    call_out(floor)
    floor.wait(15)
    floor.fail("anna", OfferCause.REJECTED)
    assert floor.state("anna") == "wrap_up"
    floor.wait(19)
    assert floor.state("anna") == "wrap_up"
    floor.wait(1)
    assert floor.state("anna") == "ready"


def test_after_a_talk_its_own_wrap_up_stands_for_both_and_the_wish_is_kept() -> None:
    floor = at_work(wrap_up=30)
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    floor.not_ready("anna", "lunch")
    floor.hang_up("anna")
    call_out(floor)
    floor.agent_waits("anna")
    floor.answer("anna")
    floor.hang_up("anna")
    floor.wait(30)
    assert floor.state("anna") == "not_ready(lunch)"


def test_an_agent_who_goes_away_while_it_rings_ends_it() -> None:
    floor = at_work()
    call_out(floor)
    offer = floor.offer_to("anna")
    gone = floor.not_ready("anna", "lunch")
    assert end_of(gone) == [Outcome.CALLED_OFF]
    assert stops(gone) == [offer.offer_id]
    assert floor.state("anna") == "not_ready(lunch)"


def test_leaving_ends_the_ringing_and_nothing_else_is_told() -> None:
    floor = at_work()
    call_out(floor)
    floor.agent_waits("anna")
    left = floor.leave("out1")
    assert end_of(left) == []
    assert len(ended_offers(left)) == 1
    assert floor.state("anna") == "ready"


@pytest.mark.parametrize("situation", ["talking", "offered", "logged_out", "phone_busy", "away"])
def test_what_cannot_be_is_refused_and_nothing_has_changed(situation: str) -> None:
    floor = at_work()
    error: type[CallcenterError] = Conflict
    if situation in ("talking", "offered"):
        floor.enqueue("c1", "sales")
    if situation == "talking":
        floor.answer("anna")
    if situation == "logged_out":
        floor.log_out("anna")
    if situation == "phone_busy":
        floor.phone("anna", PhoneStatus.BUSY)
    if situation == "away":
        floor.tell(cmd.StopRouting())
        error = Overloaded
    before = state_of(floor.engine)
    with pytest.raises(error):
        call_out(floor)
    assert state_of(floor.engine) == before


def test_supervisors_do_not_move_or_pick_it() -> None:
    floor = at_work()
    call_out(floor)
    with pytest.raises(Conflict) as moved:
        floor.move("out1", "sales")
    with pytest.raises(Conflict) as picked:
        floor.pick("out1", "anna")
    assert {moved.value.code, picked.value.code} == {"call_out"}


def test_a_callback_of_the_same_number_goes_on_waiting() -> None:
    floor = at_work()
    floor.rules(replace(queue_config("later"), required=()))
    call_out(floor)
    floor.callback("cb1", "sales")
    floor.fail("anna", OfferCause.REJECTED)
    assert floor.waiting("sales") == ["cb1"]


def test_a_server_that_finds_him_offered_makes_him_what_he_was() -> None:
    floor = at_work()
    floor.not_ready("anna", "paperwork")
    call_out(floor)
    fresh = Floor(routing=False)
    for word in words_after_restart(floor.engine.picture, with_offers=False):
        if not isinstance(word, cmd.Enqueue):
            fresh.tell(word)
    fresh.tell(cmd.StartRouting())
    assert fresh.state("anna") == "not_ready(paperwork)"
