"""A callback that keeps its place: agent first and customer first, what may go wrong, and restarts at every stage."""

from dataclasses import replace

import pytest

from callcenter.domain import commands as cmd
from callcenter.domain.actions import RingAgent
from callcenter.domain.callbacks import Callback, CallbackRules, CalledFirst, CustomerAnswer, Presence
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.events import CustomerAnswered, InteractionEnded
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.offers import OfferCause
from callcenter.domain.queues import QueueConfig
from tests.simulation.floor import (
    Floor,
    customers_called,
    ended_offers,
    names,
    need,
    queue_config,
    rings,
    seconds,
    state_of,
    stops,
    words_after_restart,
)

BUSY, NO_ANSWER, ANSWERED, FAILED = (
    CustomerAnswer.BUSY,
    CustomerAnswer.NO_ANSWER,
    CustomerAnswer.ANSWERED,
    CustomerAnswer.FAILED,
)
RULES = CallbackRules(
    attempts=2, retry_busy_after=seconds(60), retry_no_answer_after=seconds(600), ring_timeout=seconds(30)
)


def calling(first: CalledFirst, *, lead: int = 1, name: str = "sales", wrap_up: float = 0) -> QueueConfig:
    return replace(queue_config(name, wrap_up=wrap_up), callback=replace(RULES, first=first, lead=lead))


def agent_first(*agents: str) -> Floor:
    floor = Floor()
    floor.rules(calling(CalledFirst.AGENT))
    for name in agents:
        floor.ready_agent(name)
        floor.wait(1)
    return floor


def customer_first(*agents: str, lead: int = 1) -> Floor:
    floor = Floor()
    floor.rules(calling(CalledFirst.CUSTOMER, lead=lead))
    for name in agents:
        floor.ready_agent(name)
        floor.wait(1)
    return floor


# ---- the place


def test_a_callback_keeps_its_place_and_moves_up() -> None:
    floor = agent_first()
    floor.enqueue("c1", "sales", ago=60)
    floor.enqueue("c3", "sales", ago=20)
    floor.callback("cb1", "sales", ago=40)
    assert floor.waiting("sales") == ["c1", "cb1", "c3"]
    floor.leave("c1")
    assert floor.position("cb1") == 1
    assert rings(floor.ready_agent("anna")) == [("anna", "cb1")]


def test_one_number_is_called_back_once_whatever_the_queue() -> None:
    floor = agent_first()
    floor.queue("support")
    floor.callback("cb1", "sales")
    before = state_of(floor.engine)
    with pytest.raises(Conflict, match="1001 is to be called back already") as error:
        floor.callback("cb2", "support")
    assert error.value.code == "callback_exists"
    assert state_of(floor.engine) == before
    assert floor.engine.picture.callback_of("1001") == "cb1"
    floor.leave("cb1")
    assert floor.engine.picture.callback_of("1001") is None
    floor.callback("cb2", "support")


def test_asking_again_for_the_same_callback_is_no_second_one() -> None:
    floor = agent_first()
    floor.callback("cb1", "sales")
    assert floor.callback("cb1", "sales") == []


def test_a_callback_and_its_medium_belong_together() -> None:
    floor = agent_first()
    callback = Callback(number="1", requested_at=floor.now)
    word = cmd.Enqueue(
        interaction_id=InteractionId("c1"), queue_id=QueueId("sales"), entered_at=floor.now, callback=callback
    )
    with pytest.raises(InvalidValue, match="do not go together"):
        floor.tell(word)


def test_a_chosen_time_is_waited_for() -> None:
    floor = agent_first("anna")
    assert rings(floor.callback("cb1", "sales", at=300)) == []
    assert rings(floor.wait(299)) == []
    assert rings(floor.wait(1)) == [("anna", "cb1")]


def test_a_chosen_time_that_passed_while_the_server_was_away_is_now() -> None:
    floor = agent_first("anna")
    callback = Callback(number="1", requested_at=floor.now, not_before=floor.now - seconds(5))
    word = cmd.Enqueue(
        interaction_id=InteractionId("cb1"),
        queue_id=QueueId("sales"),
        entered_at=floor.now - seconds(5),
        media_type="callback",
        callback=callback,
        admitted=True,
    )
    assert rings(floor.tell(word)) == [("anna", "cb1")]


def test_a_callback_moves_to_another_queue_with_its_age() -> None:
    floor = agent_first()
    floor.rules(calling(CalledFirst.AGENT, name="support"))
    floor.callback("cb1", "sales", ago=40)
    floor.enqueue("c1", "support", ago=20)
    floor.move("cb1", "support")
    assert floor.waiting("support") == ["cb1", "c1"]
    assert floor.engine.picture.callback_of("1001") == "cb1"


def test_the_reason_says_that_it_is_a_callback() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    reason = floor.offer_to("anna").reason
    assert "callback" in reason.text.en.split("; ")
    assert "回呼" in reason.text.zh.split("；")


# ---- agent first


def test_agent_first_the_agent_is_rung_without_the_customer_and_then_the_customer_is_called() -> None:
    floor = agent_first("anna")
    out = floor.callback("cb1", "sales")
    (order,) = [o for o in out if isinstance(o, RingAgent)]
    assert order.customer_absent
    offer = floor.offer_to("anna")
    out = floor.agent_waits("anna")
    assert names(out) == ["CustomerCalled", "CallCustomer"]
    assert customers_called(out) == [("cb1", 1)]
    assert floor.place("cb1").presence is Presence.CALLING
    assert floor.agent_waits("anna") == []
    assert names(floor.customer("cb1", ANSWERED)) == ["CustomerAnswered"]
    assert names(floor.answer("anna")) == ["OfferEnded", "AgentStateChanged", "InteractionConnected"]
    assert floor.holds("anna") == "cb1"
    assert floor.waiting("sales") == []
    assert offer.offer_id in floor.engine.picture.talks


def test_several_are_rung_for_a_callback_only_when_its_customer_is_there() -> None:
    floor = agent_first("anna", "bo")
    floor.rules(replace(calling(CalledFirst.AGENT), ring_several=2))
    assert rings(floor.callback("cb1", "sales")) == [("anna", "cb1")]
    floor.agent_waits("anna")
    assert rings(floor.customer("cb1", ANSWERED)) == []
    floor.rules(replace(calling(CalledFirst.CUSTOMER), ring_several=2))
    floor.callback("cb2", "sales", number="2")
    assert rings(floor.customer("cb2", ANSWERED)) == [("bo", "cb2")]


@pytest.mark.parametrize(("answer", "pause"), [(BUSY, 60), (NO_ANSWER, 600), (FAILED, 600)])
def test_a_customer_who_is_not_reached_is_tried_again_later_in_his_place(answer: CustomerAnswer, pause: int) -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales", ago=60)
    floor.agent_waits("anna")
    offer_id = floor.offer_to("anna").offer_id
    floor.enqueue("c1", "sales")
    out = floor.customer("cb1", answer)
    (told,) = [o for o in out if isinstance(o, CustomerAnswered)]
    assert (told.attempt, told.answer, told.next_at) == (1, answer, floor.now + seconds(pause))
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert stops(out) == [offer_id]
    assert rings(out) == [("anna", "c1")]
    assert floor.record("anna").misses == 0
    assert floor.waiting("sales") == ["cb1", "c1"]
    floor.answer("anna")
    floor.hang_up("anna")
    assert rings(floor.wait(pause - 1)) == []
    assert rings(floor.wait(1)) == [("anna", "cb1")]
    assert customers_called(floor.agent_waits("anna")) == [("cb1", 2)]


def test_after_the_last_attempt_the_callback_ends_in_vain() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    floor.customer("cb1", BUSY)
    floor.wait(60)
    floor.agent_waits("anna")
    out = floor.customer("cb1", NO_ANSWER)
    (ended,) = [o for o in out if isinstance(o, InteractionEnded)]
    assert (ended.outcome, ended.side) == ("callback_failed", "system")
    assert floor.waiting("sales") == []
    assert floor.state("anna") == "ready"
    assert floor.engine.picture.callback_of("1001") is None


@pytest.mark.parametrize("answer", [BUSY, NO_ANSWER, FAILED])
def test_what_became_of_a_call_that_is_over_changes_nothing_when_told_again(answer: CustomerAnswer) -> None:
    floor = agent_first("anna", "bo")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    floor.customer("cb1", BUSY)
    before = state_of(floor.engine)
    assert floor.customer("cb1", answer) == []
    assert state_of(floor.engine) == before


def test_a_late_word_takes_no_offer_away_that_began_after_it() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    floor.fail("anna", OfferCause.BRIDGE_FAILED)
    floor.wait(1)
    assert floor.holds("anna") == "cb1"
    assert floor.customer("cb1", NO_ANSWER) == []
    assert floor.holds("anna") == "cb1"


def test_an_agent_who_hangs_up_while_the_customer_is_called_gives_him_to_the_next() -> None:
    floor = agent_first("anna", "bo")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    out = floor.fail("anna", OfferCause.REJECTED)
    assert rings(out) == [("bo", "cb1")]
    assert floor.place("cb1").presence is Presence.ABSENT
    assert customers_called(floor.agent_waits("bo")) == [("cb1", 2)]


def test_a_customer_who_answers_when_the_agent_has_just_gone_waits_on_the_line_for_the_next() -> None:
    floor = agent_first("anna", "bo")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    floor.fail("anna", OfferCause.REJECTED)
    out = floor.customer("cb1", ANSWERED)
    assert ended_offers(out) == [("bo", "withdrawn")]
    (order,) = [o for o in out if isinstance(o, RingAgent)]
    assert (order.agent_id, order.customer_absent) == ("bo", False)


def test_the_agent_who_waits_hears_that_nobody_answered_though_nobody_reports_it() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    assert floor.wait(39.9) == []
    out = floor.wait(0.1)
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert [o.answer for o in out if isinstance(o, CustomerAnswered)] == [NO_ANSWER]
    assert (floor.state("anna"), floor.record("anna").misses) == ("ready", 0)


def test_the_agents_leg_that_ends_for_want_of_the_customer_is_an_attempt_too() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    out = floor.fail("anna", OfferCause.CUSTOMER_NOT_REACHED)
    assert [o.answer for o in out if isinstance(o, CustomerAnswered)] == [NO_ANSWER]
    assert rings(out) == []
    assert floor.customer("cb1", BUSY) == []


def test_an_agent_who_misses_the_offer_of_a_callback_is_treated_as_with_any_call() -> None:
    floor = agent_first("anna", "bo")
    floor.callback("cb1", "sales")
    assert rings(floor.fail("anna", OfferCause.NO_ANSWER)) == [("bo", "cb1")]
    assert floor.state("anna") == "not_ready(rona)"


def test_a_callback_that_is_called_off_while_the_agent_rings_frees_him() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    assert ended_offers(floor.leave("cb1")) == [("anna", "abandoned")]
    assert floor.state("anna") == "ready"


# ---- customer first


def test_customer_first_who_is_next_is_called_and_then_waits_on_the_line_at_his_place() -> None:
    floor = customer_first("anna")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.callback("cb1", "sales", ago=60)
    assert floor.place("cb1").presence is Presence.CALLING
    assert customers_called(floor.said) == [("cb1", 1)]
    floor.enqueue("c1", "sales")
    floor.customer("cb1", ANSWERED)
    assert floor.waiting("sales") == ["cb1", "c1"]
    out = floor.hang_up("anna")
    (order,) = [o for o in out if isinstance(o, RingAgent)]
    assert (order.interaction_id, order.customer_absent) == ("cb1", False)


def test_he_is_called_when_he_comes_among_the_next_so_many() -> None:
    floor = customer_first("anna", lead=2)
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.enqueue("c1", "sales", ago=60)
    floor.enqueue("c2", "sales", ago=50)
    assert customers_called(floor.callback("cb1", "sales", ago=40)) == []
    assert customers_called(floor.leave("c1")) == [("cb1", 1)]


def test_nobody_is_called_while_nobody_is_at_work() -> None:
    floor = customer_first()
    assert customers_called(floor.callback("cb1", "sales")) == []
    assert customers_called(floor.ready_agent("anna")) == [("cb1", 1)]


def test_he_is_called_when_an_agent_is_free_for_him_whoever_stands_before_him() -> None:
    floor = customer_first()
    floor.enqueue("c1", "sales", need("zh"), ago=60)
    floor.callback("cb1", "sales")
    assert customers_called(floor.ready_agent("anna")) == [("cb1", 1)]


def test_one_free_agent_has_one_customer_called_at_a_time() -> None:
    floor = customer_first()
    floor.enqueue("c1", "sales", need("zh"), ago=60)
    for number in ("1", "2", "3"):
        floor.callback(f"cb{number}", "sales", number=number)
    assert customers_called(floor.ready_agent("anna")) == [("cb1", 1)]
    assert customers_called(floor.ready_agent("bo")) == [("cb2", 1)]
    assert customers_called(floor.customer("cb1", BUSY)) == [("cb3", 1)]


def test_the_free_agent_takes_others_while_the_customer_is_called() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales")
    assert floor.state("anna") == "ready"
    assert rings(floor.enqueue("c1", "sales")) == [("anna", "c1")]
    assert rings(floor.customer("cb1", ANSWERED)) == []
    floor.answer("anna")
    assert rings(floor.hang_up("anna")) == [("anna", "cb1")]


@pytest.mark.parametrize(("answer", "pause"), [(BUSY, 60), (NO_ANSWER, 600)])
def test_customer_first_he_is_tried_again_later_and_then_no_more(answer: CustomerAnswer, pause: int) -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales")
    assert names(floor.customer("cb1", answer)) == ["CustomerAnswered"]
    assert customers_called(floor.wait(pause - 1)) == []
    assert customers_called(floor.wait(1)) == [("cb1", 2)]
    assert names(floor.customer("cb1", answer)) == ["CustomerAnswered", "InteractionEnded"]


def test_customer_first_he_is_tried_again_though_every_agent_is_busy() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales", ago=60)
    floor.customer("cb1", BUSY)
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    assert customers_called(floor.wait(60)) == [("cb1", 2)]


def test_those_who_are_to_be_tried_later_do_not_hide_who_is_next() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales", number="1", ago=60)
    floor.customer("cb1", NO_ANSWER)
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    assert customers_called(floor.callback("cb2", "sales", number="2", ago=30)) == [("cb2", 1)]


def test_a_call_to_the_customer_of_which_nobody_reports_is_over_by_itself() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales")
    assert names(floor.wait(39.9)) == []
    assert names(floor.wait(0.1)) == ["CustomerAnswered"]


def test_a_customer_who_hangs_up_while_he_waits_is_gone() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales")
    floor.customer("cb1", ANSWERED)
    assert floor.holds("anna") == "cb1"
    assert ended_offers(floor.leave("cb1")) == [("anna", "abandoned")]
    assert floor.engine.picture.callback_of("1001") is None


def test_a_customer_found_gone_by_the_agent_comes_back_to_his_place_with_his_next_question() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales", ago=60)
    floor.customer("cb1", ANSWERED)
    floor.fail("anna", OfferCause.CALLER_LEFT)
    assert floor.waiting("sales") == []
    floor.callback("cb1", "sales", ago=60)
    assert rings(floor.customer("cb1", ANSWERED)) == [("anna", "cb1")]


def test_a_picked_callback_is_called_for_the_agent_it_is_kept_for() -> None:
    floor = customer_first("anna", "bo")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.enqueue("c1", "sales", need("zh"), ago=90)
    floor.not_ready("bo")
    floor.callback("cb1", "sales", ago=60)
    floor.pick("cb1", "anna")
    assert customers_called(floor.ready("bo")) == []
    assert customers_called(floor.hang_up("anna")) == [("cb1", 1)]
    assert rings(floor.customer("cb1", ANSWERED)) == [("anna", "cb1")]


# ---- rules that change, and restarts


def test_from_agent_first_to_customer_first_while_the_agent_rings_goes_on_as_begun() -> None:
    floor = agent_first("anna", "bo")
    floor.callback("cb1", "sales")
    assert customers_called(floor.rules(calling(CalledFirst.CUSTOMER))) == []
    assert customers_called(floor.agent_waits("anna")) == [("cb1", 1)]


def test_from_customer_first_to_agent_first_while_nobody_is_called_rings_the_agent() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales")
    floor.customer("cb1", BUSY)
    floor.rules(calling(CalledFirst.AGENT))
    assert rings(floor.wait(60)) == [("anna", "cb1")]


def test_from_customer_first_to_agent_first_while_he_is_called_he_waits_on_the_line() -> None:
    floor = customer_first("anna")
    floor.callback("cb1", "sales")
    assert rings(floor.rules(calling(CalledFirst.AGENT))) == []
    assert rings(floor.customer("cb1", ANSWERED)) == [("anna", "cb1")]


def test_a_queue_that_calls_nobody_back_any_more_keeps_its_promises() -> None:
    floor = agent_first()
    floor.callback("cb1", "sales")
    floor.rules(replace(calling(CalledFirst.AGENT), callback=None))
    assert rings(floor.ready_agent("anna")) == [("anna", "cb1")]


def test_a_callback_moved_while_its_agent_waits_for_the_customer_is_called_anew_there() -> None:
    floor = agent_first("anna")
    floor.rules(calling(CalledFirst.AGENT, name="support"))
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    out = floor.move("cb1", "support")
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert rings(out) == [("anna", "cb1")]
    assert floor.place("cb1").presence is Presence.ABSENT


def test_a_callback_moved_while_its_customer_is_called_is_still_being_called() -> None:
    floor = customer_first("anna")
    floor.rules(calling(CalledFirst.CUSTOMER, name="support"))
    floor.callback("cb1", "sales")
    assert customers_called(floor.move("cb1", "support")) == []
    assert names(floor.wait(40)) == ["CustomerAnswered"]


def restarted(old: Floor) -> Floor:
    new = Floor(routing=False)
    new.now = old.now + seconds(1)
    for word in words_after_restart(old.engine.picture):
        new.tell(word)
    new.tell(cmd.StartRouting())
    return new


def test_a_restart_while_it_waits_for_its_next_attempt_keeps_time_and_count() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    floor.customer("cb1", BUSY)
    new = restarted(floor)
    assert rings(new.wait(58)) == []
    assert rings(new.wait(1)) == [("anna", "cb1")]
    assert customers_called(new.agent_waits("anna")) == [("cb1", 2)]


def test_a_restart_while_the_agent_rings_lets_him_ring_on() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    new = restarted(floor)
    assert new.offer_to("anna") == floor.offer_to("anna")
    assert customers_called(new.agent_waits("anna")) == [("cb1", 1)]


def test_a_restart_while_the_customer_is_called_for_his_place_believes_his_answer() -> None:
    floor = customer_first()
    floor.enqueue("c0", "sales", need("zh"))
    floor.ready_agent("anna")
    floor.callback("cb1", "sales")
    assert floor.place("cb1").presence is Presence.CALLING
    new = Floor(routing=False)
    new.now = floor.now
    for word in words_after_restart(floor.engine.picture):
        new.tell(word)
    new.customer("cb1", ANSWERED)
    assert rings(new.tell(cmd.StartRouting())) == [("anna", "cb1")]


def test_a_restart_while_the_customer_waits_on_the_line_keeps_him_there() -> None:
    floor = customer_first("anna")
    floor.enqueue("c0", "sales")
    floor.answer("anna")
    floor.callback("cb1", "sales", ago=60)
    floor.customer("cb1", ANSWERED)
    new = restarted(floor)
    assert new.place("cb1").presence is Presence.PRESENT
    assert rings(new.hang_up("anna")) == [("anna", "cb1")]
    assert new.place("cb1").callback == floor.place("cb1").callback


def test_a_restart_in_the_talk_with_the_customer_keeps_the_talk() -> None:
    floor = agent_first("anna")
    floor.callback("cb1", "sales")
    floor.agent_waits("anna")
    floor.customer("cb1", ANSWERED)
    floor.answer("anna")
    new = restarted(floor)
    assert (new.state("anna"), new.holds("anna")) == ("talking", "cb1")
