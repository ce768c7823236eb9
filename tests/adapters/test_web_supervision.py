"""What a supervisor can do over REST: about callers, agents and queues; what is refused, and how."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.app.views import AgentCounts, CallbackView, QueueView, TodayView, WaitingView
from callcenter.domain.agents import AgentState
from callcenter.domain.callbacks import Presence
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.labels import Label
from callcenter.domain.numbers import Number
from tests.adapters.web_house import CHEN, KNOWN_NUMBER, LI, PASSWORD, WebHouse, furnish
from tests.fakes import START

API = "/api/v1"
SALES, HELP = QueueId("sales"), QueueId("help")
CALL, CALLBACK = InteractionId("1793600000.1"), InteractionId("cb-1793600000.2")


def queue_row(queue_id: QueueId) -> QueueView:
    return QueueView(
        queue_id=queue_id,
        label=Label(zh=queue_id, en=queue_id),
        waiting=1,
        longest_wait_since=START,
        expected_wait_seconds=None,
        agents=AgentCounts(ready=0, not_ready=0, offered=0, talking=0, hold=0, wrap_up=0),
        today=TodayView(offered=0, answered=0, abandoned=0, service_level=None, asa_seconds=None),
        service_level_threshold_seconds=20.0,
    )


def waiting_row(interaction_id: InteractionId, callback: CallbackView | None = None) -> WaitingView:
    return WaitingView(
        interaction_id=interaction_id,
        queue_id=SALES,
        position=1,
        entered_at=START,
        priority=0,
        expected_wait_seconds=None,
        ani=Number(raw=KNOWN_NUMBER, e164=KNOWN_NUMBER),
        customer_name=None,
        callback=callback,
    )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        made.desk.queue_rows = {queue_id: queue_row(queue_id) for queue_id in (SALES, HELP)}
        callback = CallbackView(
            number=KNOWN_NUMBER,
            requested_at=START,
            waiting_since=START,
            not_before=None,
            attempt=1,
            attempts_allowed=3,
            presence=Presence.ABSENT,
        )
        made.desk.waiting_rows = (waiting_row(CALL), waiting_row(CALLBACK, callback))
        yield made


@pytest.fixture
def boss(house: WebHouse) -> Iterator[TestClient]:
    """The supervisor, signed in by cookie."""
    with TestClient(house.app) as client:
        client.post(f"{API}/session", json={"name": "super", "password": PASSWORD})
        yield client


def refusal(answer: Response) -> tuple[int, str]:
    content: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert content["detail"]
    return answer.status_code, content["code"]


def test_why_a_caller_waits_in_both_languages(boss: TestClient) -> None:
    answer = boss.get(f"{API}/waiting/{CALL}/why")
    assert answer.status_code == 200
    assert answer.json() == {
        "text": {"zh": "没有空闲坐席。", "en": "Nobody is free."},
        "parts": [{"name": "position", "value": "1"}],
    }


@pytest.mark.parametrize(
    ("what", "body", "done"),
    [
        ("priority", {"priority": -5}, ("priority", CALL, -5, "super")),
        ("queue", {"queue_id": "help"}, ("move", CALL, "help", "super")),
        ("agent", {"agent_id": "1001"}, ("pick", CALL, LI, None, "super")),
        ("agent", {"agent_id": "1001", "within_seconds": 30}, ("pick", CALL, LI, timedelta(seconds=30), "super")),
    ],
)
def test_a_caller_is_directed_by_whoever_is_signed_in(
    boss: TestClient, house: WebHouse, what: str, body: dict[str, object], done: tuple[object, ...]
) -> None:
    answer = boss.put(f"{API}/waiting/{CALL}/{what}", json=body)
    assert (answer.status_code, answer.json()["interaction_id"]) == (200, CALL)
    assert house.supervisor.done == [done]


def test_who_waits_no_more_when_it_is_done_has_no_row(boss: TestClient) -> None:
    answer = boss.put(f"{API}/waiting/{CALL}/priority", json={"priority": 1_000})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/waiting/gone/why", None, (404, "not_waiting")),
        ("PUT", "/waiting/gone/priority", {"priority": 1}, (404, "not_waiting")),
        ("PUT", f"/waiting/{CALL}/priority", {"priority": 1_001}, (422, "invalid_request")),
        ("PUT", f"/waiting/{CALL}/priority", {"priority": "high"}, (422, "invalid_request")),
        ("PUT", f"/waiting/{CALL}/priority", {"priority": 1, "by": "somebody else"}, (422, "invalid_request")),
        ("PUT", f"/waiting/{CALL}/queue", {"queue_id": "nowhere"}, (404, "unknown_queue")),
        ("PUT", f"/waiting/{CALL}/queue", {}, (422, "invalid_request")),
        ("PUT", f"/waiting/{CALL}/agent", {"agent_id": "nobody"}, (404, "unknown_agent")),
        ("PUT", f"/waiting/{CALL}/agent", {"agent_id": "1001", "within_seconds": 0}, (422, "invalid_request")),
        ("DELETE", "/waiting/gone", None, (404, "not_waiting")),
        ("DELETE", f"/waiting/{CALL}", None, (409, "not_a_callback")),
        ("PUT", "/agents/nobody/state", {"state": "not_ready"}, (404, "unknown_agent")),
        ("PUT", "/agents/1002/state", {"state": "ready"}, (409, "agent_not_logged_in")),
        ("PUT", "/agents/1001/state", {"state": "talking"}, (422, "invalid_request")),
        ("PUT", "/agents/1001/state", {"state": "not_ready", "reason": "golf"}, (422, "unknown_reason")),
        ("PUT", "/agents/1001/state", {"state": "logged_out", "reason": "break"}, (422, "reason_not_wanted")),
        ("PUT", "/queues/nowhere/emergency", None, (404, "unknown_queue")),
        ("DELETE", "/queues/nowhere/emergency", None, (404, "unknown_queue")),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_done(
    boss: TestClient, house: WebHouse, method: str, path: str, body: object, expected: tuple[int, str]
) -> None:
    assert refusal(boss.request(method, API + path, json=body)) == expected
    assert [done for done in house.supervisor.done if done[0] != "force"] == []


def test_a_callback_is_taken_off(boss: TestClient, house: WebHouse) -> None:
    assert boss.delete(f"{API}/waiting/{CALLBACK}").status_code == 204
    assert house.supervisor.done == [("cancel", CALLBACK, "super")]


async def test_an_agent_is_put_into_a_state(boss: TestClient, house: WebHouse) -> None:
    answer = boss.put(f"{API}/agents/{CHEN}/state", json={"state": "not_ready", "reason": "break"})
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "not_ready", "break")
    assert house.supervisor.done == [("force", CHEN, AgentState.NOT_READY, "break", "super")]


def test_one_queue_is_closed_and_opened(boss: TestClient, house: WebHouse) -> None:
    closed = boss.put(f"{API}/queues/sales/emergency")
    assert (closed.status_code, closed.json()["closed_by"]) == (200, "super")
    assert [row["closed_by"] for row in boss.get(f"{API}/queues").json()["items"]] == ["super", None]
    assert boss.delete(f"{API}/queues/sales/emergency").json()["closed_by"] is None


def test_all_queues_are_closed_and_opened_with_one_call(boss: TestClient) -> None:
    closed = boss.put(f"{API}/queues/emergency")
    assert [(row["queue_id"], row["closed_by"]) for row in closed.json()["items"]] == [
        ("sales", "super"),
        ("help", "super"),
    ]
    opened = boss.delete(f"{API}/queues/emergency")
    assert [row["closed_by"] for row in opened.json()["items"]] == [None, None]


@pytest.mark.parametrize("seconds", [0, 3_601, "long"])
def test_wrap_up_is_extended_by_a_time_that_can_be(house: WebHouse, seconds: object) -> None:
    with TestClient(house.app) as client:
        client.post(f"{API}/session", json={"name": "1001", "password": PASSWORD})
        address = f"{API}/agents/me/wrap-up/extend"
        assert refusal(client.post(address, json={"seconds": 30})) == (409, "not_in_wrap_up")
        house.desk.occupy(LI, None, AgentState.WRAP_UP)
        assert client.post(address, json={"seconds": 30}).json()["wrap_up_until"] == "2026-11-02T09:00:30Z"
        assert refusal(client.post(address, json={"seconds": seconds})) == (422, "invalid_request")
