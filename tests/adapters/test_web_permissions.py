import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.routing import BaseRoute

from callcenter.app.permissions import PERMISSIONS, Action, Grant, Role, grant_of
from callcenter.web.access import Named, Open, Require
from tests.adapters.sounds import tone
from tests.adapters.web_house import PASSWORD, SMALL_FLOW, WebHouse, furnish


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


def actions_of(dependant: Dependant) -> list[Action]:
    """The actions that a route's dependencies name."""
    found = [dependant.call.action] if isinstance(dependant.call, Require | Open | Named) else []
    for inner in dependant.dependencies:
        found += actions_of(inner)
    return found


def every_route(house: WebHouse) -> list[BaseRoute]:
    """As the application sees them, those of included routers too."""
    return [context.original_route for context in iter_route_contexts(house.app.routes)]


def test_every_route_names_one_action_of_the_table(house: WebHouse) -> None:
    routes = every_route(house)
    assert len(routes) > 25
    for route in routes:
        assert isinstance(route, APIRoute | APIWebSocketRoute), f"{route} is no route of ours: it checks nothing"
        actions = actions_of(route.dependant)
        assert len(actions) == 1, f"{route.path} names {actions}"
        assert actions[0] in PERMISSIONS


def test_every_action_of_a_request_is_used_by_a_route(house: WebHouse) -> None:
    used = {action for route in every_route(house) for action in actions_of(route.dependant)}  # type: ignore[attr-defined]
    assert set(Action) - used == {
        Action.FOLLOW_DESK,
        Action.FOLLOW_QUEUES,
        Action.FOLLOW_AGENTS,
        Action.FOLLOW_WAITING,
        Action.FOLLOW_MONITORING,
        Action.FOLLOW_ALERTS,
    }


def requests_of_api(house: WebHouse) -> list[tuple[str, str, Action]]:
    return [
        (method, route.path, actions_of(route.dependant)[0])
        for route in every_route(house)
        if isinstance(route, APIRoute) and route.path.startswith("/api/")
        for method in route.methods or ()
    ]


TONE = tone()
BODIES: dict[str, object] = {
    "/api/v1/session": {"name": "1001", "password": PASSWORD},
    "/api/v1/agents/me/state": {"state": "not_ready", "reason": "break"},
    "/api/v1/agents/me/phone": {"kind": "browser"},
    "/api/v1/agents/me/wrap-up/extend": {"seconds": 30},
    "/api/v1/agents/{agent_id}/state": {"state": "not_ready"},
    "/api/v1/waiting/{interaction_id}/priority": {"priority": 1},
    "/api/v1/waiting/{interaction_id}/queue": {"queue_id": "nothing"},
    "/api/v1/waiting/{interaction_id}/agent": {"agent_id": "nobody"},
    "/api/v1/preferences/board": {"hidden": ["sales"]},
    "/api/v1/walls": {"name": "x"},
    "/api/v1/interactions/{interaction_id}": {"notes": "x"},
    "/api/v1/customers": {"name": "Zhao"},
    "/api/v1/customers/{customer_id}": {"notes": "x"},
    "/api/v1/customers/{customer_id}/merges": {"merged_id": "nobody"},
    "/api/v1/customers/{customer_id}/members/{member_id}": {"role": "buyer"},
    "/api/v1/customers/{customer_id}/notes": {"text": "x"},
    "/api/v1/customers/{customer_id}/numbers": {"number": "10023"},
    "/api/v1/customers/{customer_id}/numbers/{number}": {"number": "20046"},
    "/api/v1/customers/{customer_id}/numbers/{number}/pin": {"pin": "3864"},
    "/api/v1/customers/{customer_id}/cases": {"kind": "question", "subject": "x"},
    "/api/v1/customers/{customer_id}/tasks": {"text": "x", "due_at": "2026-12-01T09:00:00Z"},
    "/api/v1/customers/{customer_id}/orders": {
        "number": "70012",
        "placed_on": "2026-11-01",
        "due_on": "2026-11-09",
        "currency": "CNY",
        "total": "12.50",
    },
    "/api/v1/customers/{customer_id}/opportunities": {"title": "x", "stage": "lead"},
    "/api/v1/orders/{order_id}": {"note": "x"},
    "/api/v1/opportunities/{opportunity_id}": {"title": "x"},
    "/api/v1/products/{code}": {
        "label": {"zh": "x", "en": "x"},
        "unit_price": {"amount": "1.50", "currency": "CNY"},
    },
    "/api/v1/order-states/{code}": {"label": {"zh": "x", "en": "x"}},
    "/api/v1/opportunity-stages/{code}": {"label": {"zh": "x", "en": "x"}},
    "/api/v1/closing-reasons/{code}": {"label": {"zh": "x", "en": "x"}},
    "/api/v1/cases/{case_id}": {"subject": "x"},
    "/api/v1/tasks/{task_id}": {"text": "x"},
    "/api/v1/messages/{message_id}/finish": {"notes": "x"},
    "/api/v1/custom-fields/{field_id}": {"label": {"zh": "x", "en": "x"}, "kind": "text"},
    "/api/v1/complaint-reasons/{code}": {"label": {"zh": "x", "en": "x"}},
    "/api/v1/remedies/{code}": {"label": {"zh": "x", "en": "x"}},
    "/api/v1/prompts/preview": {"language": "en", "text": "x"},
    "/api/v1/prompts/{prompt_set}/{prompt}/{voice}/recording/restore": {"version": 1},
    "/api/v1/service-targets/{kind}/{priority}": {"due_within_seconds": 3600},
    "/api/v1/monitoring": {"agent_id": "1001", "phone": {"kind": "address", "address": "boss@192.0.2.7"}},
    "/api/v1/monitoring/{monitoring_id}/mode": {"mode": "barge"},
    "/api/v1/agents/me/transfer": {"kind": "queue", "to": "sales"},
    "/api/v1/agents/me/call-out": {"number": "13700000021"},
    "/api/v1/agents/me/call-out/despite-refusal": {"number": "13700000021"},
    "/api/v1/agreed-callbacks": {
        "number": "13700000021",
        "local_time": "2026-11-23T10:00",
        "zone": "Asia/Shanghai",
        "queue_id": "sales",
    },
    "/api/v1/agreed-callbacks/{interaction_id}": {
        "local_time": "2026-11-23T10:00",
        "zone": "Asia/Shanghai",
        "queue_id": "sales",
        "version": 1,
    },
    "/api/v1/agents/me/internal-call": {"agent_id": "1002"},
    "/api/v1/agents/me/consultation": {"kind": "queue", "to": "sales"},
    "/api/v1/notices": {"to": "all", "text": "x"},
    "/api/v1/imports/{import_id}/preview": {},
    "/api/v1/imports/{import_id}/start": {"mapping": {"columns": ["name"]}},
    "/api/v1/users": {"name": "new", "role": "supervisor", "password": "long enough, surely"},
    "/api/v1/users/{user_id}": {"language": "en"},
    "/api/v1/users/{user_id}/password": {"password": "long enough, surely"},
    "/api/v1/configuration/text": {"text": "skills: {}"},
    "/api/v1/configuration/text/check": {"text": "skills: {}"},
    "/api/v1/configuration/text/compare": {"text": "skills: {}"},
    "/api/v1/configuration/{part}/order": {"order": []},
    "/api/v1/configuration/{part}/items/{item}": {"zh": "x", "en": "x"},
    "/api/v1/configuration/queues/{queue_id}/preview": {},
    "/api/v1/configuration/alerts/{alert_id}/preview": {
        "document": {"label": {"zh": "x", "en": "x"}, "kind": "nobody_ready"}
    },
    "/api/v1/configuration/versions/{version}/undo": {},
    "/api/v1/configuration/versions/{version}/restore": {},
    "/api/v1/flows/{name}/check": {"text": SMALL_FLOW},
    "/api/v1/flows/{name}/try": {"text": SMALL_FLOW},
    "/api/v1/flows/{name}/compare": {"text": SMALL_FLOW},
    "/api/v1/flows/{name}/versions": {"text": SMALL_FLOW, "based_on": 0},
    "/api/v1/flows/{name}/restore": {"version": 1, "based_on": 1},
    "/api/v1/customers/{customer_id}/erasure": {"confirm": "Zhao"},
    "/api/v1/value-runs": {"kind": "whole"},
    "/api/v1/value-rules": {"a_until": 0.7},
    "/api/v1/value-rules/undo": {"version": 0},
    "/api/v1/segments/{segment_id}": {"label": "x", "condition": "orders > 3"},
    "/api/v1/segments/{segment_id}/undo": {"version": 1},
    "/api/v1/segment-preview/count": {"condition": "orders > 3"},
    "/api/v1/segment-preview/customers": {"condition": "orders > 3"},
    "/api/v1/hooks": {"url": "https://crm.example.org/hook", "events": ["case.due"]},
    "/api/v1/hooks/{hook_id}": {"description": "x"},
    "/api/v1/interactions/{interaction_id}/best-offers/{best_offer_id}": {"answer": "accepted"},
}


@pytest.mark.parametrize("name", [None, "1001", "super", "admin"])
def test_every_call_answers_each_role_as_the_table_says(house: WebHouse, name: str | None) -> None:
    with TestClient(house.app) as client:
        for method, path, action in requests_of_api(house):
            role, token = sign_in(client, name)
            answer = call(client, method, path, token)
            code = answer.json().get("code") if "json" in answer.headers.get("content-type", "") else None
            grant = grant_of(role, action)
            where = f"{method} {path} as {role}: {answer.status_code} {code}"
            if role is Role.VISITOR and grant is None:
                assert (answer.status_code, code) == (401, "not_signed_in"), where
            elif grant is None:
                assert (answer.status_code, code) == (403, "forbidden"), where
            elif grant is Grant.OWN and role is not Role.AGENT:
                assert (answer.status_code, code) == (403, "no_agent"), where
            else:
                assert answer.status_code in (200, 201, 204, 404, 409), where
                assert code not in ("forbidden", "not_signed_in", "no_agent"), where


def sign_in(client: TestClient, name: str | None) -> tuple[Role, str | None]:
    """Each call has a session of its own, for one of them signs out."""
    if name is None:
        return Role.VISITOR, None
    session = client.post("/api/v1/session", json={"name": name, "password": PASSWORD}).json()
    client.cookies.clear()
    return Role(session["user"]["role"]), session["token"]


def call(client: TestClient, method: str, path: str, token: str | None) -> Response:
    names = dict.fromkeys(
        (
            "interaction_id",
            "customer_id",
            "queue_id",
            "case_id",
            "task_id",
            "merge_id",
            "message_id",
            "monitoring_id",
            "notice_id",
            "import_id",
            "link_id",
        ),
        "nothing",
    )
    names |= {"agent_id": "nobody", "member_id": "nobody", "field_id": "size", "code": "smell", "number": "10023"}
    names |= {"prompt_set": "main", "prompt": "welcome", "voice": "zh", "part": "reasons", "item": "tea"}
    names |= {"run_id": "nothing", "segment_id": "gold", "what": "new", "figure": "movements"}
    names |= {"user_id": "nobody", "alert_id": "new"}
    names |= {"order_id": "nothing", "opportunity_id": "nothing", "hook_id": "nothing", "delivery_id": "nothing"}
    names |= {"erasure_id": "nothing", "best_offer_id": "nothing", "other_id": "nobody"}
    address = path.format(**names, kind="fault", priority="low", name="small", version="1")
    if method == "DELETE" and path == "/api/v1/flows/{name}/published":
        address += "?based_on=1"
    if method == "GET" and path == "/api/v1/customers":
        address += "?contact_point=13800138000"
    if path.startswith("/api/v1/management/") and path != "/api/v1/management/models":
        address += "?from=2026-01-01&to=2026-06-30"
    body = BODIES.get(path) if method in ("POST", "PUT", "PATCH") else None
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if method == "POST" and path == "/api/v1/imports":
        address += "?file_name=x.csv"
        content, headers = b"name,phone\nZhao,13800138000\n", {"Content-Type": "text/csv"}
    if method == "PUT" and path.endswith("/recording"):
        content, headers = TONE, {"Content-Type": "audio/wav"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    answer = client.request(method, address, content=content, headers=headers)
    client.cookies.clear()
    return answer
