"""Who cannot be served goes where his queue's rules send him: each rule, each destination, and no loops."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import time

import pytest

from callcenter.acd.steps import Output
from callcenter.domain import events as ev
from callcenter.domain.hours import Interval, OpeningHours
from callcenter.domain.offers import OfferCause
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rules import Anyone
from tests.simulation.floor import Floor, ended_offers, need, queue_config, rings, seconds, stops

NUMBER = Overflow(kind=OverflowKind.NUMBER, target="2000")
MESSAGE = Overflow(kind=OverflowKind.MESSAGE)
CALLBACK = Overflow(kind=OverflowKind.CALLBACK)
NINE_TO_TEN = OpeningHours(timezone="UTC", week={day: (Interval(opens=time(9), closes=time(10)),) for day in range(7)})


def to(queue: str) -> Overflow:
    return Overflow(kind=OverflowKind.QUEUE, target=queue)


def limited(limits: QueueLimits, name: str = "sales") -> QueueConfig:
    return replace(queue_config(name), limits=limits)


def sent(outputs: Iterable[Output]) -> list[tuple[str, str, str]]:
    """Who was sent where, and by which rule."""
    return [
        (str(o.interaction_id), str(o.cause), str(o.overflow))
        for o in outputs
        if isinstance(o, ev.InteractionOverflowed)
    ]


def test_a_closed_queue_sends_newcomers_on_and_keeps_those_who_wait() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(hours=NINE_TO_TEN, when_closed=MESSAGE)))
    floor.enqueue("early", "sales")
    floor.wait(3600)
    out = floor.enqueue("late", "sales")
    assert sent(out) == [("late", "hours", "message")]
    assert floor.sent("late") == ("hours", "message")
    assert floor.waiting("sales") == ["early"]


def test_hours_without_a_destination_do_not_apply() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(hours=NINE_TO_TEN)))
    floor.wait(3600)
    floor.enqueue("late", "sales")
    assert floor.waiting("sales") == ["late"]


def test_a_full_queue_sends_newcomers_on() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=2, when_full=NUMBER)))
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales", priority=-1)
    assert sent(floor.enqueue("c3", "sales", priority=9)) == [("c3", "full", "number 2000")]
    floor.leave("c1")
    assert sent(floor.enqueue("c4", "sales")) == []


def test_callbacks_do_not_fill_a_queue() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=1, when_full=MESSAGE)))
    floor.callback("cb1", "sales", number="1", at=1000)
    floor.callback("cb2", "sales", number="2")
    assert sent(floor.enqueue("c1", "sales")) == []
    assert sent(floor.enqueue("c2", "sales")) == [("c2", "full", "message")]
    floor.callback("cb3", "sales", number="3")
    assert floor.waiting("sales") == ["c1", "cb2", "cb3", "cb1"]


def test_a_caller_found_again_after_a_restart_is_no_newcomer() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=1, when_full=NUMBER, hours=NINE_TO_TEN, when_closed=MESSAGE)))
    floor.enqueue("c1", "sales")
    floor.wait(3600)
    assert sent(floor.enqueue("c2", "sales", admitted=True)) == []


def test_nobody_at_work_applies_at_once_where_the_rule_says_so() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(when_nobody=MESSAGE)))
    assert sent(floor.enqueue("c1", "sales")) == [("c1", "nobody", "message")]
    floor.ready_agent("anna")
    floor.enqueue("c2", "sales")
    floor.enqueue("c3", "sales")
    floor.answer("anna")
    # He who asks for a break in a talk will serve nobody after it.
    out = floor.not_ready("anna")
    assert sent(out) == []
    assert sent(floor.wait(0)) == [("c3", "nobody", "message")]


def test_nobody_at_work_applies_after_a_time_to_those_who_wait_and_then_to_newcomers() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(when_nobody=NUMBER, nobody_after=seconds(60))))
    floor.enqueue("c1", "sales")
    floor.wait(30)
    floor.enqueue("c2", "sales")
    assert sent(floor.wait(29)) == []
    assert sent(floor.wait(1)) == [("c1", "nobody", "number 2000"), ("c2", "nobody", "number 2000")]
    assert sent(floor.enqueue("c3", "sales")) == [("c3", "nobody", "number 2000")]


def test_somebody_who_comes_in_between_begins_the_time_anew() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(when_nobody=NUMBER, nobody_after=seconds(60))))
    floor.ready_agent("anna")
    floor.not_ready("anna")
    floor.enqueue("c1", "sales")
    floor.wait(59)
    floor.ready("anna")
    floor.not_ready("anna")
    assert sent(floor.wait(59)) == []
    assert sent(floor.wait(1)) == [("c1", "nobody", "number 2000")]


def test_who_can_serve_only_at_a_later_step_serves_the_queue() -> None:
    floor = Floor()
    config = limited(QueueLimits(when_nobody=MESSAGE))
    steps = (RoutingStep(after=seconds(0), who=need("zh")), RoutingStep(after=seconds(60), who=Anyone()))
    floor.rules(replace(config, steps=steps))
    floor.ready_agent("anna")
    assert sent(floor.enqueue("c1", "sales")) == []


def test_an_unserved_queue_is_told_of_once_and_again_when_it_is_served() -> None:
    floor = Floor()
    told = [type(o).__name__ for o in floor.rules(queue_config("sales"))]
    assert told == ["QueueUnserved"]
    assert [type(o).__name__ for o in floor.ready_agent("anna") if isinstance(o, ev.QueueEvent)] == ["QueueServed"]
    assert [o for o in floor.ready_agent("bo") if isinstance(o, ev.QueueEvent)] == []


def test_who_has_waited_too_long_is_sent_on() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=CALLBACK)))
    floor.enqueue("c1", "sales")
    assert sent(floor.wait(59.999)) == []
    assert sent(floor.wait(0.001)) == [("c1", "too_long", "callback")]
    assert floor.waiting("sales") == []


def test_whom_an_agent_is_being_rung_for_is_sent_on_only_when_he_is_not_taken() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=MESSAGE)))
    floor.enqueue("c1", "sales")
    floor.wait(55)
    floor.ready_agent("anna")
    assert sent(floor.wait(10)) == []
    floor.fail("anna", OfferCause.NO_ANSWER)
    assert sent(floor.wait(0)) == [("c1", "too_long", "message")]


def test_a_limit_that_passed_while_the_server_was_away_applies_at_once() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=MESSAGE)))
    floor.enqueue("c1", "sales", ago=70, admitted=True)
    assert sent(floor.wait(0)) == [("c1", "too_long", "message")]


def test_a_limit_that_is_made_shorter_applies_to_those_who_wait() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("old", "sales", ago=70)
    floor.enqueue("young", "sales")
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=MESSAGE)))
    assert sent(floor.wait(0)) == [("old", "too_long", "message")]
    assert sent(floor.wait(60)) == [("young", "too_long", "message")]


def stepped(*overflows: Overflow | None, name: str = "sales") -> QueueConfig:
    steps = tuple(
        RoutingStep(after=seconds(10 * number), who=need("zh"), overflow=overflow)
        for number, overflow in enumerate(overflows)
    )
    return replace(queue_config(name), steps=steps)


def test_a_step_may_send_on() -> None:
    floor = Floor()
    floor.rules(stepped(None, NUMBER))
    floor.enqueue("c1", "sales")
    assert sent(floor.wait(10)) == [("c1", "step", "number 2000")]


def test_a_step_that_sends_to_a_queue_keeps_his_age_and_begins_its_steps_anew() -> None:
    floor = Floor()
    floor.rules(stepped(None, to("backup")))
    floor.rules(stepped(None, None, name="backup"))
    floor.enqueue("c1", "sales", priority=2)
    came = floor.now
    out = floor.wait(10)
    assert sent(out) == [("c1", "step", "queue backup")]
    queued = next(o for o in out if isinstance(o, ev.InteractionQueued))
    assert (queued.queue_id, queued.entered_at, queued.placed_at) == ("backup", came, came + seconds(10))
    assert (floor.place("c1").step, floor.place("c1").priority) == (0, 2)
    assert floor.sent("c1") is None
    floor.wait(10)
    assert floor.place("c1").step == 1


def test_the_offer_of_who_is_sent_on_by_closing_ends_and_its_agent_is_ready() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.ready_agent("anna")
    floor.enqueue("c1", "sales")
    offer = floor.offer_to("anna")
    out = floor.rules(replace(queue_config("sales"), closed_by="sue"))
    assert ended_offers(out) == [("anna", "withdrawn")]
    assert stops(out) == [offer.offer_id]
    assert floor.state("anna") == "ready"


def test_closing_in_an_emergency_sends_everybody_and_newcomers_away_until_it_opens() -> None:
    floor = Floor()
    limits = QueueLimits(when_emergency=MESSAGE)
    floor.rules(limited(limits))
    floor.enqueue("c1", "sales")
    floor.enqueue("c2", "sales")
    out = floor.rules(replace(limited(limits), closed_by="sue"))
    closed = next(o for o in out if isinstance(o, ev.QueueClosed))
    assert closed.by == "sue"
    assert sent(out) == [("c1", "emergency", "message"), ("c2", "emergency", "message")]
    assert sent(floor.enqueue("c3", "sales")) == [("c3", "emergency", "message")]
    assert sent(floor.enqueue("c4", "sales", admitted=True)) == [("c4", "emergency", "message")]
    out = floor.rules(limited(limits))
    assert [type(o).__name__ for o in out] == ["QueueOpened"]
    assert sent(floor.enqueue("c5", "sales")) == []


def test_an_emergency_without_a_destination_tells_them() -> None:
    floor = Floor()
    floor.queue("sales")
    floor.enqueue("c1", "sales")
    assert sent(floor.rules(replace(queue_config("sales"), closed_by="sue"))) == [("c1", "emergency", "closed")]


def test_who_cannot_go_where_an_emergency_sends_is_told() -> None:
    floor = Floor()
    for name, other in (("sales", "support"), ("support", "sales")):
        floor.rules(replace(limited(QueueLimits(when_emergency=to(other)), name), closed_by="sue"))
    out = floor.enqueue("c1", "sales")
    assert sent(out) == [("c1", "emergency", "queue support"), ("c1", "emergency", "closed")]
    assert floor.sent("c1") == ("emergency", "closed")


def test_the_rules_apply_in_their_order() -> None:
    floor = Floor()
    limits = QueueLimits(
        hours=NINE_TO_TEN,
        when_closed=MESSAGE,
        max_waiting=0,
        when_full=NUMBER,
        when_nobody=CALLBACK,
        when_emergency=Overflow(kind=OverflowKind.CLOSED),
    )
    floor.rules(limited(limits))
    assert floor_cause(floor, "c1") == "full"
    floor.wait(3600)
    assert floor_cause(floor, "c2") == "hours"
    floor.rules(replace(limited(limits), closed_by="sue"))
    assert floor_cause(floor, "c3") == "emergency"
    floor.rules(limited(replace(limits, max_waiting=5, hours=None)))
    assert floor_cause(floor, "c4") == "nobody"


def floor_cause(floor: Floor, name: str) -> str:
    """By which rule a newcomer is sent on."""
    floor.enqueue(name, "sales")
    told = floor.sent(name)
    assert told is not None
    return told[0]


def test_an_overflow_to_a_queue_serves_him_there_at_once() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=to("backup"))))
    floor.queue("backup", need("zh"))
    floor.ready_agent("anna", {"zh": 1})
    floor.not_ready("anna")
    floor.enqueue("c1", "sales", ago=5)
    assert floor.waiting("backup") == ["c1"]
    assert rings(floor.ready("anna")) == [("anna", "c1")]


def test_the_queue_he_is_sent_to_may_send_him_on_in_turn() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=to("second"))))
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=to("third")), "second"))
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=MESSAGE), "third"))
    out = floor.enqueue("c1", "sales")
    assert sent(out) == [("c1", "full", "queue second"), ("c1", "full", "queue third"), ("c1", "full", "message")]


def test_nobody_is_sent_back_into_a_queue_he_came_from() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(10), when_too_long=to("support"))))
    floor.rules(limited(QueueLimits(max_wait=seconds(10), when_too_long=to("sales")), "support"))
    floor.enqueue("c1", "sales")
    assert sent(floor.wait(1000)) == [("c1", "too_long", "queue support")]
    assert floor.waiting("support") == ["c1"]


def test_where_one_rule_cannot_send_him_the_next_is_tried() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=to("nowhere"), when_nobody=MESSAGE)))
    assert sent(floor.enqueue("c1", "sales")) == [("c1", "nobody", "message")]


def test_a_supervisor_who_moves_him_opens_the_way_again() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(10), when_too_long=to("support"))))
    floor.queue("support")
    floor.enqueue("c1", "sales")
    floor.wait(10)
    floor.move("c1", "sales")
    assert sent(floor.wait(10)) == [("c1", "too_long", "queue support")]


@pytest.mark.parametrize("kind", [NUMBER, MESSAGE, CALLBACK, Overflow(kind=OverflowKind.CLOSED)])
def test_what_is_carried_out_elsewhere_is_kept_until_he_is_gone(kind: Overflow) -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=kind)))
    floor.enqueue("c1", "sales")
    assert floor.sent("c1") == ("full", str(kind))
    assert floor.position("c1") is None
    floor.leave("c1")
    assert floor.sent("c1") is None


def test_who_queues_again_after_he_was_sent_on_is_sent_on_no_more() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_waiting=0, when_full=MESSAGE)))
    floor.queue("support")
    floor.enqueue("c1", "sales")
    floor.enqueue("c1", "support")
    assert floor.sent("c1") is None
    assert floor.waiting("support") == ["c1"]


def test_who_is_found_in_a_talk_was_not_sent_on() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=MESSAGE)))
    floor.ready_agent("anna")
    floor.not_ready("anna")
    floor.enqueue("c1", "sales", ago=70)
    floor.wait(0)
    floor.talk("o1", "c1", "anna")
    assert floor.sent("c1") is None


def test_a_callback_follows_to_queues_alone() -> None:
    floor = Floor()
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=MESSAGE)))
    floor.rules(limited(QueueLimits(max_wait=seconds(60), when_too_long=to("sales")), "support"))
    floor.callback("cb1", "support")
    assert sent(floor.wait(60)) == [("cb1", "too_long", "queue sales")]
    assert sent(floor.wait(600)) == []
    assert floor.waiting("sales") == ["cb1"]
    assert sent(floor.rules(replace(queue_config("sales"), closed_by="sue"))) == []


def test_nobody_is_sent_on_for_want_of_agents_before_the_picture_is_whole() -> None:
    floor = Floor(routing=False)
    floor.rules(limited(QueueLimits(when_nobody=MESSAGE)))
    floor.enqueue("c1", "sales", admitted=True)
    assert floor.waiting("sales") == ["c1"]
