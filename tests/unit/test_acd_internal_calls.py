"""Internal calls in the engine: both are busy, nobody is offered anything, and afterwards each is what he was."""

import pytest

from callcenter.acd.internal_calls import WRITES_UP
from callcenter.acd.steps import Output
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentState, PhoneStatus
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, InternalCallId
from tests.simulation.floor import Floor, rings

CALL = InternalCallId("int-1.")


def at_work() -> Floor:
    """Anna and Ben are ready; both serve sales."""
    floor = Floor()
    floor.queue("sales", wrap_up=30)
    floor.ready_agent("anna")
    floor.ready_agent("ben")
    floor.wait(1)
    return floor


def call(floor: Floor, caller: str = "anna", called: str = "ben", *, found: bool = False) -> list[Output]:
    return floor.tell(
        cmd.BeginInternalCall(call_id=CALL, caller_id=AgentId(caller), called_id=AgentId(called), found=found)
    )


def end(floor: Floor) -> list[Output]:
    return floor.tell(cmd.EndInternalCall(call_id=CALL))


def test_both_are_busy_and_no_customer_is_offered_to_them() -> None:
    floor = at_work()
    call(floor)
    assert (floor.state("anna"), floor.state("ben")) == ("internal_call", "internal_call")
    assert rings(floor.enqueue("c1", "sales")) == []
    # The first to be free gets him.
    assert rings(end(floor)) in ([("anna", "c1")], [("ben", "c1")])
    assert "internal_call" not in (floor.state("anna"), floor.state("ben"))


def test_a_queue_whose_agents_are_with_each_other_is_served() -> None:
    floor = at_work()
    call(floor)
    assert all(queue.served for queue in floor.engine.picture.queues.values())


def test_who_was_on_a_break_is_back_on_it() -> None:
    floor = at_work()
    floor.not_ready("ben", "lunch")
    call(floor)
    end(floor)
    assert (floor.state("anna"), floor.state("ben")) == ("ready", "not_ready(lunch)")


def test_what_is_asked_for_meanwhile_holds_afterwards() -> None:
    floor = at_work()
    call(floor)
    floor.not_ready("anna", "meeting")
    floor.tell(cmd.LogOut(agent_id=AgentId("ben")))
    assert (floor.state("anna"), floor.state("ben")) == ("internal_call", "internal_call")
    end(floor)
    assert (floor.state("anna"), floor.state("ben")) == ("not_ready(meeting)", "logged_out")


@pytest.mark.parametrize(
    ("caller", "called", "code"),
    [
        ("anna", "anna", "own_phone"),
        ("anna", "cleo", "colleague_signed_out"),
        ("anna", "nobody", "unknown_agent"),
        ("cleo", "anna", "agent_not_free"),
        ("anna", "dora", "colleague_busy"),
        ("dora", "anna", "agent_not_free"),
        ("anna", "emil", "colleague_unreachable"),
        ("emil", "anna", "phone_not_free"),
    ],
)
def test_who_cannot_be_rung_is_refused_and_nothing_has_changed(caller: str, called: str, code: str) -> None:
    floor = at_work()
    floor.agent("cleo")
    floor.ready_agent("dora")
    floor.ready_agent("emil")
    floor.tell(cmd.ReportPhone(agent_id=AgentId("emil"), status=PhoneStatus.UNREACHABLE))
    floor.tell(cmd.SetNotReady(agent_id=AgentId("anna"), reason="lunch"))
    floor.tell(cmd.SetNotReady(agent_id=AgentId("ben"), reason="lunch"))
    floor.enqueue("c1", "sales")
    before = {name: floor.state(name) for name in ("anna", "ben", "cleo", "dora", "emil")}
    assert before["dora"] == "offered"
    with pytest.raises(CallcenterError) as refused:
        call(floor, caller, called)
    assert refused.value.code == code
    assert {name: floor.state(name) for name in before} == before


def test_our_own_call_does_not_make_the_phone_busy() -> None:
    floor = at_work()
    call(floor)
    floor.tell(cmd.ReportPhone(agent_id=AgentId("ben"), status=PhoneStatus.BUSY))
    end(floor)
    assert floor.engine.picture.agents[AgentId("ben")].offerable


def test_a_live_bridge_with_a_customer_is_believed_over_it() -> None:
    floor = at_work()
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    assert floor.state("anna") == "talking"
    with pytest.raises(CallcenterError):
        call(floor, "ben", "anna")
    assert call(floor, "ben", "anna", found=True)
    assert (floor.state("anna"), floor.state("ben")) == ("talking", "internal_call")
    end(floor)
    assert (floor.state("anna"), floor.state("ben")) == ("talking", "ready")


def test_its_end_told_twice_changes_nothing() -> None:
    floor = at_work()
    call(floor)
    end(floor)
    assert end(floor) == []


def in_wrap_up() -> Floor:
    """Anna has served c1 and writes it up, for 30 s; Ben is ready."""
    floor = at_work()
    floor.not_ready("ben", "lunch")
    floor.enqueue("c1", "sales")
    floor.answer("anna")
    floor.tell(cmd.SetReady(agent_id=AgentId("ben")))
    floor.hang_up("anna")
    assert floor.state("anna") == "wrap_up"
    return floor


def test_who_calls_in_wrap_up_stays_in_it_and_it_does_not_end_while_they_talk() -> None:
    floor = in_wrap_up()
    call(floor)
    assert (floor.state("anna"), floor.state("ben")) == ("wrap_up", "internal_call")
    floor.wait(100)
    assert floor.state("anna") == "wrap_up"
    assert rings(floor.enqueue("c2", "sales")) == []
    # The other is free for a customer; she has some seconds more for what she has heard.
    assert rings(end(floor)) == [("ben", "c2")]
    assert floor.state("anna") == "wrap_up"
    floor.wait(WRITES_UP.total_seconds() + 1)
    assert floor.state("anna") == "ready"


def test_a_short_call_leaves_the_wrap_up_as_long_as_it_was() -> None:
    floor = in_wrap_up()
    until = floor.engine.picture.agents[AgentId("anna")].wrap_up_until
    call(floor)
    floor.wait(5)
    end(floor)
    assert floor.engine.picture.agents[AgentId("anna")].wrap_up_until == until


def test_nobody_in_wrap_up_is_called() -> None:
    floor = in_wrap_up()
    with pytest.raises(CallcenterError) as refused:
        call(floor, "ben", "anna")
    assert refused.value.code == "colleague_busy"
    call(floor)
    floor.ready_agent("cleo")
    with pytest.raises(CallcenterError) as again:
        floor.tell(
            cmd.BeginInternalCall(
                call_id=InternalCallId("int-2."), caller_id=AgentId("anna"), called_id=AgentId("cleo")
            )
        )
    assert again.value.code == "agent_not_free"


@pytest.mark.parametrize(
    ("order", "afterwards"),
    [
        (cmd.EndWrapUp(agent_id=AgentId("anna"), then=AgentState.READY), "ready"),
        (cmd.EndWrapUp(agent_id=AgentId("anna")), "ready"),
        (cmd.EndWrapUp(agent_id=AgentId("anna"), then=AgentState.NOT_READY, reason="lunch"), "not_ready(lunch)"),
        (cmd.SetReady(agent_id=AgentId("anna")), "ready"),
        (cmd.SetNotReady(agent_id=AgentId("anna"), reason="lunch"), "not_ready(lunch)"),
        (cmd.LogOut(agent_id=AgentId("anna")), "logged_out"),
    ],
)
def test_who_ends_the_wrap_up_in_the_call_talks_on_and_is_then_what_he_asked_for(
    order: cmd.Command, afterwards: str
) -> None:
    floor = in_wrap_up()
    call(floor)
    floor.tell(order)
    assert floor.state("anna") == "internal_call"
    end(floor)
    assert floor.state("anna") == afterwards


def test_a_new_server_finds_her_in_wrap_up_still() -> None:
    floor = in_wrap_up()
    call(floor, found=True)
    assert (floor.state("anna"), floor.state("ben")) == ("wrap_up", "internal_call")
