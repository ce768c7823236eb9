from dataclasses import replace
from datetime import UTC, datetime, timedelta

from callcenter.app.agents_report import HEADER, agents_table
from callcenter.app.views import AgentTodayView, AgentView, PhoneView
from callcenter.domain.agents import AgentState, PhoneKind, PhoneStatus
from callcenter.domain.ids import AgentId

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
TODAY = AgentTodayView(
    handled=8,
    offers=10,
    missed=1,
    rejected=1,
    transferred=2,
    calls_out=4,
    calls_out_reached=3,
    talk_seconds=600.0,
    hold_seconds=100.0,
    wrap_up_seconds=100.0,
    ready_seconds=800.0,
    not_ready_seconds=50.0,
)


def view(agent_id: str, state: AgentState, *, seconds: int = 0, today: AgentTodayView = TODAY) -> AgentView:
    return AgentView(
        agent_id=AgentId(agent_id),
        name=f"Agent {agent_id}",
        state=state,
        reason=None,
        since=NOW - timedelta(seconds=seconds),
        ready_since=None,
        interaction_id=None,
        offer_id=None,
        wrap_up_until=None,
        after_call=None,
        phone=PhoneView(kind=PhoneKind.SIP, address=None, status=PhoneStatus.FREE),
        skills=(),
        today=today,
    )


def row(agent: AgentView) -> dict[str, str]:
    (_, cells) = agents_table([agent], NOW)
    return dict(zip(HEADER, cells, strict=True))


def test_each_rate_is_made_of_the_counts_beside_it() -> None:
    assert row(view("1001", AgentState.LOGGED_OUT, seconds=500)) == {
        "agent_id": "1001",
        "name": "Agent 1001",
        "state": "logged_out",
        "handled": "8",
        "offers": "10",
        "missed": "1",
        "rejected": "1",
        "transferred": "2",
        "transfer_rate": "0.2500",
        "calls_out": "4",
        "calls_out_reached": "3",
        "reach_rate": "0.7500",
        "talk_seconds": "600",
        "hold_seconds": "100",
        "hold_rate": "0.1429",
        "wrap_up_seconds": "100",
        "ready_seconds": "800",
        "not_ready_seconds": "50",
        "internal_seconds": "0",
        "occupancy": "0.5000",
        "handle_seconds": "100",
    }


def test_the_state_that_lasts_is_counted_up_to_now() -> None:
    found = row(view("1001", AgentState.HOLD, seconds=100))
    assert (found["hold_seconds"], found["hold_rate"]) == ("200", "0.2500")
    assert row(view("1001", AgentState.READY, seconds=800))["occupancy"] == "0.3333"
    assert row(view("1001", AgentState.INTERNAL_CALL, seconds=5))["internal_seconds"] == "5"


def test_nothing_to_divide_by_is_an_empty_cell() -> None:
    found = row(view("1001", AgentState.LOGGED_OUT, today=AgentTodayView()))
    rates = ("transfer_rate", "reach_rate", "hold_rate", "occupancy", "handle_seconds")
    assert [found[name] for name in rates] == [""] * 5
    no_calls = replace(TODAY, handled=0)
    assert row(view("1001", AgentState.LOGGED_OUT, today=no_calls))["transfer_rate"] == ""


def test_rows_come_by_the_agents_ids() -> None:
    table = agents_table([view("1002", AgentState.READY), view("1001", AgentState.READY)], NOW)
    assert [cells[0] for cells in table[1:]] == ["1001", "1002"]
