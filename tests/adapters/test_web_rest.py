import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from structlog.testing import capture_logs

from callcenter.app.permissions import Role
from callcenter.app.views import PopView
from callcenter.domain.agents import AgentState
from callcenter.domain.errors import Overloaded
from callcenter.domain.ids import AgentId, InteractionId
from callcenter.domain.labels import Label
from callcenter.web.demo_info import DemoCaller, DemoInfo, DemoLogin, DemoNumber, PhoneAccount
from callcenter.web.dependencies import Check
from callcenter.web.limits import BODY_LIMIT_BYTES
from tests.adapters.web_house import CHEN, KNOWN_NUMBER, LI, PASSWORD, WANG, WebHouse, furnish

API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        yield made


@pytest.fixture
def li(client: TestClient) -> TestClient:
    """The agent 1001, signed in by cookie."""
    sign_in(client, "1001")
    return client


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> Response:
    return client.post(f"{API}/session", json={"name": name, "password": password})


def refusal(answer: Response) -> tuple[int, str]:
    """Status and code of a problem document, checked for its form."""
    content: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail"} <= set(content)
    assert content["type"] == "about:blank"
    assert content["status"] == answer.status_code
    assert content["detail"]
    return answer.status_code, content["code"]


# ---- session


def test_signing_in_gives_a_token_a_cookie_and_a_desk(client: TestClient, house: WebHouse) -> None:
    answer = sign_in(client, "1001")
    assert answer.status_code == 201
    content = answer.json()
    assert content.pop("token")
    assert content == {
        "user": {
            "name": "1001",
            "display_name": "agent 1001",
            "role": "agent",
            "agent_id": "1001",
            "language": "zh",
        },
        "expires_at": "2026-11-02T21:00:00Z",
        "timezone": "UTC",
    }
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("cc_session=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert house.desk.agent(LI).reason == "signed_in"
    assert client.get(f"{API}/session").json() == content


def test_the_cookie_is_secure_over_https(house: WebHouse) -> None:
    with TestClient(house.app, base_url="https://desk.example.org") as client:
        answer = sign_in(client, "1001")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_bearer_token_does_as_well_as_the_cookie(client: TestClient) -> None:
    token = sign_in(client, "1001").json()["token"]
    client.cookies.clear()
    assert refusal(client.get(f"{API}/session")) == (401, "not_signed_in")
    assert client.get(f"{API}/session", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert refusal(client.get(f"{API}/session", headers={"Authorization": "Basic x"})) == (401, "not_signed_in")


def test_wrong_credentials_and_then_the_lock_out(client: TestClient) -> None:
    for _ in range(10):
        assert refusal(sign_in(client, "1001", "wrong")) == (401, "wrong_credentials")
    answer = sign_in(client, "1001")
    assert refusal(answer) == (429, "locked_out")
    assert int(answer.headers["retry-after"]) == 15 * 60


def test_signing_out_ends_the_session_and_logs_the_agent_out(li: TestClient, house: WebHouse) -> None:
    answer = li.delete(f"{API}/session")
    assert answer.status_code == 204
    assert 'cc_session=""' in answer.headers["set-cookie"]
    assert house.desk.agent(LI).state == AgentState.LOGGED_OUT
    assert house.users.sessions == {}


def test_signing_out_in_a_talk_is_a_wish_for_after_it(li: TestClient, house: WebHouse) -> None:
    house.talk(LI)
    assert li.delete(f"{API}/session").status_code == 204
    agent = house.desk.agent(LI)
    assert agent.state == AgentState.TALKING
    assert agent.after_call is not None
    assert agent.after_call.state == AgentState.LOGGED_OUT


def test_a_user_whose_agent_does_not_exist_gets_no_session(client: TestClient, house: WebHouse) -> None:
    house.users.users = {
        key: replace(user, agent_id=AgentId("gone")) if user.name == "1002" else user
        for key, user in house.users.users.items()
    }
    assert refusal(sign_in(client, "1002")) == (404, "unknown_agent")
    assert house.users.sessions == {}


def test_a_role_of_another_version_gets_no_session(client: TestClient, house: WebHouse) -> None:
    house.users.users = {key: replace(user, role="visitor") for key, user in house.users.users.items()}
    assert refusal(sign_in(client, "super")) == (403, "unknown_role")
    assert house.users.sessions == {}


def test_a_store_that_is_away_is_503_with_a_time_to_come_again(client: TestClient, house: WebHouse) -> None:
    house.users.away = Overloaded("the database does not answer")
    answer = sign_in(client, "1001")
    assert refusal(answer) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) > 0


# ---- desk


def test_the_agent_as_the_contract_has_him(li: TestClient) -> None:
    assert li.get(f"{API}/agents/me").json() == {
        "agent_id": "1001",
        "name": "李娜",
        "state": "not_ready",
        "reason": "signed_in",
        "since": "2026-11-02T09:00:00Z",
        "ready_since": None,
        "interaction_id": None,
        "offer_id": None,
        "wrap_up_until": None,
        "after_call": None,
        "phone": {"kind": "sip", "address": None, "status": "unknown"},
        "skills": [{"skill": "sales", "level": 5}],
        "groups": [],
        "forced_by": None,
        "not_ready_until": None,
        "warn_at": None,
        "overdue": False,
        "misses": 0,
        "resting_until": None,
        "chats": 0,
        "chat_limit": 0,
        "queue_id": None,
        "queue_ids": [],
        "customer_name": None,
        "today": {
            "handled": 0,
            "offers": 0,
            "missed": 0,
            "rejected": 0,
            "transferred": 0,
            "calls_out": 0,
            "calls_out_reached": 0,
            "talk_seconds": 0.0,
            "hold_seconds": 0.0,
            "wrap_up_seconds": 0.0,
            "ready_seconds": 0.0,
            "not_ready_seconds": 0.0,
            "internal_seconds": 0.0,
        },
    }


def test_the_agent_sets_his_state(li: TestClient) -> None:
    assert li.put(f"{API}/agents/me/state", json={"state": "ready"}).json()["state"] == "ready"
    answer = li.put(f"{API}/agents/me/state", json={"state": "not_ready", "reason": "break"})
    assert (answer.json()["state"], answer.json()["reason"]) == ("not_ready", "break")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"state": "not_ready", "reason": "no such"}, "invalid_request"),
        ({"state": "not_ready", "reason": "nosuch"}, "unknown_reason"),
        ({"state": "ready", "reason": "break"}, "reason_not_wanted"),
        ({"state": "talking"}, "invalid_request"),
        ({"state": "ready", "extra": 1}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_a_state_that_cannot_be_is_refused(li: TestClient, body: dict[str, object], code: str) -> None:
    assert refusal(li.put(f"{API}/agents/me/state", json=body)) == (422, code)


def test_who_logged_out_begins_anew_by_being_ready(li: TestClient) -> None:
    li.put(f"{API}/agents/me/state", json={"state": "logged_out"})
    assert li.put(f"{API}/agents/me/state", json={"state": "ready"}).json()["state"] == "ready"


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ({"kind": "browser"}, None),
        ({"kind": "sip"}, None),
        ({"kind": "address", "address": "1001@10.0.0.5:5062"}, "sip:1001@10.0.0.5:5062"),
        ({"kind": "address", "address": "sip:desk-7@pbx.example.org"}, "sip:desk-7@pbx.example.org"),
        ({"kind": "outside", "address": "138 0013 8000"}, "+8613800138000"),
        ({"kind": "outside", "address": "+44 20 7946 0000"}, "+442079460000"),
    ],
)
def test_the_agent_chooses_his_phone(li: TestClient, body: dict[str, str], address: str | None) -> None:
    answer = li.put(f"{API}/agents/me/phone", json=body)
    assert answer.json()["phone"] == {"kind": body["kind"], "address": address, "status": "unknown"}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "browser", "address": "x"},
        {"kind": "address"},
        {"kind": "address", "address": "no at sign"},
        {"kind": "address", "address": 'sip:a@b>;x="<sip:c@d'},
        {"kind": "address", "address": "a@b\r\nX: y"},
        {"kind": "outside", "address": "extension seven"},
        {"kind": "outside", "address": "12"},
        {"kind": "outside"},
    ],
)
def test_a_phone_that_cannot_ring_is_refused(li: TestClient, body: dict[str, str]) -> None:
    assert refusal(li.put(f"{API}/agents/me/phone", json=body))[0] == 422


def test_the_browsers_phone_account(li: TestClient, house: WebHouse) -> None:
    answer = li.get(f"{API}/agents/me/phone/account")
    assert answer.json() == {
        "sip_uri": "sip:1001w@127.0.0.1",
        "user": "1001w",
        "password": "phone secret",
        "websocket_url": "ws://127.0.0.1:8088/ws",
    }
    assert answer.headers["cache-control"] == "no-store"
    house.configuration.secrets.clear()
    assert refusal(li.get(f"{API}/agents/me/phone/account")) == (404, "no_phone_account")


def test_the_pop_is_there_or_is_not(li: TestClient, house: WebHouse) -> None:
    assert li.get(f"{API}/agents/me/pop").status_code == 204
    record = house.talk(LI)
    pop = li.get(f"{API}/agents/me/pop").json()
    assert pop["interaction_id"] == record.interaction_id
    assert pop["ani"] == {
        "e164": KNOWN_NUMBER,
        "national": None,
        "raw": KNOWN_NUMBER,
        "withheld": False,
        "region": "CN",
    }
    assert pop["blank"]["contact_points"] == [{"kind": "phone", "value": KNOWN_NUMBER, "label": ""}]
    assert set(pop) == set(PopView.__dataclass_fields__)


@pytest.mark.parametrize(("body", "state"), [(None, "ready"), ({"then": "not_ready", "reason": "break"}, "not_ready")])
def test_wrap_up_is_ended(li: TestClient, house: WebHouse, body: dict[str, str] | None, state: str) -> None:
    assert refusal(li.post(f"{API}/agents/me/wrap-up/end")) == (409, "not_in_wrap_up")
    house.desk.occupy(LI, InteractionId("1"), AgentState.WRAP_UP)
    answer = li.post(f"{API}/agents/me/wrap-up/end", json=body) if body else li.post(f"{API}/agents/me/wrap-up/end")
    assert answer.json()["state"] == state


def test_codes_carry_both_languages(li: TestClient) -> None:
    assert li.get(f"{API}/reasons").json() == {"items": [{"code": "break", "label": {"zh": "休息", "en": "Break"}}]}
    assert [item["code"] for item in li.get(f"{API}/dispositions").json()["items"]] == ["solved", "callback"]


# ---- interactions


def test_an_interaction_with_its_timeline(li: TestClient, house: WebHouse) -> None:
    record = house.talk(LI)
    house.clock.advance(timedelta(seconds=63))
    found = li.get(f"{API}/interactions/{record.interaction_id}").json()
    timeline = found.pop("timeline")
    assert [entry["name"] for entry in timeline] == [
        "interaction_arrived",
        "interaction_queued",
        "offer_made",
        "offer_ended",
        "interaction_connected",
    ]
    assert timeline[1] == {
        "at": "2026-11-02T09:00:00Z",
        "name": "interaction_queued",
        "data": {
            "queue_id": "sales",
            "entered_at": "2026-11-02T09:00:00Z",
            "priority": 0,
            "skills": [],
            "media_type": "voice",
            "base_priority": 0,
            "grounds": [],
            "traits": {
                "customer_class": "",
                "open_complaint": False,
                "language": "",
                "last_agent_id": None,
                "account_manager_id": None,
                "transferred": False,
                "segments": [],
            },
            "callback": None,
            "placed_at": None,
            "by": "",
        },
    }
    assert "PJSIP" not in str(timeline)
    handling = found.pop("handling")
    assert [talk["agent_id"] for talk in handling["talks"]] == ["1001"]
    assert (handling["transfers"], handling["consultations"]) == ([], [])
    assert found == {
        "interaction_id": record.interaction_id,
        "media_type": "voice",
        "direction": "inbound",
        "consulted_seconds": 0.0,
        "started_at": "2026-11-02T09:00:00Z",
        "ended_at": None,
        "stage": "talking",
        "outcome": None,
        "queue_id": "sales",
        "agent_id": "1001",
        "disposition": None,
        "notes": "",
        "ani": {"e164": KNOWN_NUMBER, "national": None, "raw": KNOWN_NUMBER, "withheld": False, "region": "CN"},
        "dnis": "4001",
        "flow": None,
        "flow_version": None,
        "menu_path": [],
        "typed": [],
        "verified": False,
        "scores": [],
        "messages": [],
        "language": "",
        "customer_id": None,
        "times": {
            "answered_at": "2026-11-02T09:00:00Z",
            "queued_at": "2026-11-02T09:00:00Z",
            "offered_at": "2026-11-02T09:00:00Z",
            "connected_at": "2026-11-02T09:00:03Z",
            "talk_ended_at": None,
        },
        "waited_seconds": 3.0,
        "talk_seconds": 60.0,
        "hold_seconds": 0.0,
        "holds": 0,
        "priority": 0,
        "forecast": None,
        "callback": None,
        "callback_id": None,
        "hangup_side": None,
        "hangup_cause": None,
        "legs": [
            {
                "leg_id": record.interaction_id,
                "role": "caller",
                "agent_id": None,
                "started_at": "2026-11-02T09:00:00Z",
                "ended_at": None,
                "cause": None,
            }
        ],
        "offers": [
            {
                "offer_id": "offer-1",
                "agent_id": "1001",
                "queue_id": "sales",
                "made_at": "2026-11-02T09:00:00Z",
                "ended_at": "2026-11-02T09:00:03Z",
                "outcome": "answered",
                "cause": None,
                "reason": {
                    "text": {"zh": "最久空闲", "en": "longest idle"},
                    "parts": [{"name": "idle", "value": "120"}],
                },
            }
        ],
    }


def test_an_unknown_interaction(li: TestClient) -> None:
    assert refusal(li.get(f"{API}/interactions/nothing")) == (404, "unknown_interaction")
    assert refusal(li.patch(f"{API}/interactions/nothing", json={"notes": "x"})) == (404, "unknown_interaction")


def test_the_list_pages_from_newest_to_oldest(client: TestClient, house: WebHouse) -> None:
    sign_in(client, "super")
    made = []
    for _ in range(5):
        made.append(house.end(house.talk(LI), LI).interaction_id)
        house.clock.advance(timedelta(minutes=1))
    newest_first = made[::-1]
    page = client.get(f"{API}/interactions?limit=2").json()
    assert [item["interaction_id"] for item in page["items"]] == newest_first[:2]
    assert page["next_before"] == newest_first[1]
    page = client.get(f"{API}/interactions?limit=3&before={page['next_before']}").json()
    assert [item["interaction_id"] for item in page["items"]] == newest_first[2:]
    assert page["next_before"] is None


def test_a_card_has_what_is_open_and_what_was(li: TestClient, house: WebHouse) -> None:
    card = li.get(f"{API}/customers/{WANG}/card").json()
    assert card["customer_id"] == WANG
    assert {"last_interactions", "open_cases", "numbers"} <= set(card)
    assert refusal(li.get(f"{API}/customers/nobody/card")) == (404, "unknown_customer")


def test_an_agent_lists_his_own_or_a_customers(li: TestClient, house: WebHouse) -> None:
    mine = house.end(house.talk(LI), LI).interaction_id
    other = house.end(house.talk(CHEN, customer_id=WANG), CHEN).interaction_id
    listed = li.get(f"{API}/interactions").json()["items"]
    assert [item["interaction_id"] for item in listed] == [mine]
    assert refusal(li.get(f"{API}/interactions?agent_id=1002")) == (403, "forbidden")
    listed = li.get(f"{API}/interactions?customer_id={WANG}").json()["items"]
    assert [item["interaction_id"] for item in listed] == [other]


def test_the_list_is_narrowed_by_queue_outcome_and_day(client: TestClient, house: WebHouse) -> None:
    sign_in(client, "super")
    first = house.end(house.talk(LI), LI)
    house.clock.advance(timedelta(minutes=10))
    second = house.end(house.talk(LI), LI)

    def listed(**wanted: str) -> list[str]:
        answer = client.get(f"{API}/interactions", params=wanted)
        return [item["interaction_id"] for item in answer.json()["items"]]

    border = second.started_at.isoformat()
    assert listed(since=border) == [second.interaction_id]
    assert listed(until=border) == [first.interaction_id]
    assert len(listed(queue_id=str(first.queue_id), outcome="answered")) == 2
    assert listed(outcome="abandoned_in_queue") == listed(queue_id="no-such-queue") == []
    assert refusal(client.get(f"{API}/interactions?outcome=nonsense"))[0] == 422
    assert refusal(client.get(f"{API}/interactions?since=2026-11-22"))[0] == 422


def test_notes_are_saved_as_they_are_typed(li: TestClient, house: WebHouse) -> None:
    record = house.talk(LI)
    for notes in ("Wants a", "Wants a new\ncontract", "Wants a new\ncontract"):
        answer = li.patch(f"{API}/interactions/{record.interaction_id}", json={"notes": notes})
        assert answer.json()["notes"] == notes
    assert house.desk.annotations == ["1001", "1001"]
    assert li.get(f"{API}/agents/me/pop").json()["notes"] == "Wants a new\ncontract"


def test_a_disposition_is_set_and_taken_back(li: TestClient, house: WebHouse) -> None:
    address = f"{API}/interactions/{house.talk(LI).interaction_id}"
    assert li.patch(address, json={"disposition": "solved", "notes": "ok"}).json()["disposition"] == "solved"
    answer = li.patch(address, json={"disposition": None}).json()
    assert (answer["disposition"], answer["notes"]) == (None, "ok")


def test_choosing_the_customer_changes_the_pop(li: TestClient, house: WebHouse) -> None:
    record = house.talk(LI)
    li.patch(f"{API}/interactions/{record.interaction_id}", json={"customer_id": WANG})
    pop = li.get(f"{API}/agents/me/pop").json()
    assert (pop["customer_id"], pop["blank"]) == (WANG, None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_value"),
        ({"notes": None}, 422, "invalid_value"),
        ({"customer_id": None}, 422, "invalid_value"),
        ({"disposition": "nonsense"}, 422, "unknown_disposition"),
        ({"customer_id": "nobody"}, 404, "unknown_customer"),
        ({"notes": "x" * 10_001}, 422, "invalid_request"),
        ({"notes": "a\u0000b"}, 422, "invalid_request"),
        ({"note": "x"}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_written_is_refused(
    li: TestClient, house: WebHouse, body: dict[str, object], status: int, code: str
) -> None:
    address = f"{API}/interactions/{house.talk(LI).interaction_id}"
    assert refusal(li.patch(address, json=body)) == (status, code)
    assert house.desk.annotations == []


def test_an_agent_writes_on_what_he_had_for_a_day(li: TestClient, house: WebHouse) -> None:
    record = house.talk(LI)
    address = f"{API}/interactions/{record.interaction_id}"
    house.end(record, LI)
    house.clock.advance(timedelta(hours=24))
    house.users.sessions = {
        key: replace(one, last_seen_at=house.clock.now(), expires_at=house.clock.now() + timedelta(hours=1))
        for key, one in house.users.sessions.items()
    }
    sign_in(li, "1001")
    assert li.patch(address, json={"notes": "late"}).status_code == 200
    house.clock.advance(timedelta(seconds=1))
    assert refusal(li.patch(address, json={"notes": "too late"})) == (409, "interaction_too_old")
    sign_in(li, "super")
    assert li.patch(address, json={"notes": "supervisor"}).status_code == 200


def test_an_agent_does_not_write_on_a_colleagues_interaction(li: TestClient, house: WebHouse) -> None:
    record = house.talk(CHEN)
    address = f"{API}/interactions/{record.interaction_id}"
    assert refusal(li.patch(address, json={"notes": "x"})) == (409, "interaction_not_yours")
    house.end(record, CHEN)
    assert refusal(li.patch(address, json={"notes": "x"})) == (409, "interaction_not_yours")


def test_an_agent_who_let_it_ring_does_not_write_while_another_talks(li: TestClient, house: WebHouse) -> None:
    record = house.talk(LI)
    house.desk.occupy(LI, None, AgentState.NOT_READY)
    address = f"{API}/interactions/{record.interaction_id}"
    assert refusal(li.patch(address, json={"notes": "x"})) == (409, "interaction_not_yours")


# ---- customers


def test_a_customer_is_found_by_number_in_any_notation(li: TestClient) -> None:
    for notation in ("+86 138-0013-8000", "13800138000", "0086 138 0013 8000"):
        found = li.get(f"{API}/customers", params={"contact_point": notation}).json()
        assert [item["customer_id"] for item in found["items"]] == [WANG]
    assert li.get(f"{API}/customers", params={"contact_point": "nobody"}).json() == {
        "items": [],
        "next_after": None,
    }


def test_a_customer_is_made_and_is_the_nameless_caller(li: TestClient, house: WebHouse) -> None:
    house.talk(LI, ani="+8613900139000")
    answer = li.post(
        f"{API}/customers",
        json={
            "name": " 赵敏 ",
            "language": "zh",
            "segment": "B",
            "account_manager_id": LI,
            "tags": ["vip", "vip"],
            "contact_points": [
                {"kind": "phone", "value": "139 0013 9000", "label": "mobile"},
                {"kind": "phone", "value": "+8613900139000"},
                {"kind": "email", "value": "Zhao@Example.org"},
            ],
        },
    )
    assert answer.status_code == 201
    customer = answer.json()
    customer_id = customer.pop("customer_id")
    assert customer == {
        "kind": "person",
        "name": "赵敏",
        "language": "zh",
        "segment": "B",
        "account_manager_id": LI,
        "tags": ["vip"],
        "contact_points": [
            {"kind": "phone", "value": "+8613900139000", "label": "mobile"},
            {"kind": "email", "value": "zhao@example.org", "label": ""},
        ],
        "notes": "",
        "created_at": "2026-11-02T09:00:00Z",
        "consents": [],
        "custom": {},
        "version": 1,
    }
    assert li.get(f"{API}/agents/me/pop").json()["customer_id"] == customer_id
    assert li.get(f"{API}/customers/{customer_id}").json()["name"] == "赵敏"


def test_a_customer_with_another_number_is_not_the_caller(li: TestClient, house: WebHouse) -> None:
    house.talk(LI)
    li.post(f"{API}/customers", json={"name": "Someone else"})
    assert li.get(f"{API}/agents/me/pop").json()["customer_id"] is None


def test_parts_of_a_customer_change_and_pops_are_told(li: TestClient, house: WebHouse) -> None:
    answer = li.patch(f"{API}/customers/{WANG}", json={"segment": "A", "language": None}).json()
    assert (answer["segment"], answer["language"], answer["name"]) == ("A", None, "王芳")
    assert [point["value"] for point in answer["contact_points"]] == [KNOWN_NUMBER]
    assert house.desk.changed_customers == [WANG]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": ""}, "invalid_request"),
        ({"name": "a\nb"}, "invalid_request"),
        ({"name": None}, "invalid_request"),
        ({"name": "x", "segment": "D"}, "invalid_request"),
        ({"name": "x", "contact_points": [{"kind": "phone", "value": "call me"}]}, "invalid_contact_point"),
        ({"name": "x", "contact_points": [{"kind": "email", "value": "nobody"}]}, "invalid_contact_point"),
        ({"name": "x", "contact_points": [{"kind": "fax", "value": "1"}]}, "invalid_request"),
        ({"name": "x", "tags": [""]}, "invalid_request"),
    ],
)
def test_a_customer_who_cannot_be_is_refused(li: TestClient, body: dict[str, object], code: str) -> None:
    assert refusal(li.post(f"{API}/customers", json=body)) == (422, code)


def test_changing_nobody_or_to_nothing_is_refused(li: TestClient) -> None:
    assert refusal(li.patch(f"{API}/customers/nobody", json={"name": "x"})) == (404, "unknown_customer")
    assert refusal(li.patch(f"{API}/customers/{WANG}", json={"name": None})) == (422, "invalid_value")


# ---- board, demo, health


def test_the_board_for_a_supervisor(client: TestClient) -> None:
    sign_in(client, "super")
    assert [agent["agent_id"] for agent in client.get(f"{API}/agents").json()["items"]] == ["1001", "1002"]
    assert client.get(f"{API}/queues").json() == {"items": []}
    assert client.get(f"{API}/waiting").json() == {"items": []}


def test_there_is_no_demo_outside_the_demo(client: TestClient) -> None:
    assert refusal(client.get(f"{API}/demo")) == (404, "no_demo")


def test_the_demo_tells_a_newcomer_what_to_do(tmp_path: Path) -> None:
    label = Label(zh="主菜单", en="Main menu")
    demo = DemoInfo(
        numbers=(DemoNumber(dnis="4000", label=label),),
        callers=(DemoCaller(ani=KNOWN_NUMBER, label=label), DemoCaller(ani=None, label=label)),
        phone=PhoneAccount(sip_uri="sip:demo@x", user="demo", password="p", websocket_url="ws://x/ws"),
        logins=(DemoLogin(name="1001", role=Role.AGENT),),
    )
    with furnish(tmp_path, demo=demo) as house, TestClient(house.app) as client:
        assert client.get(f"{API}/demo").json() == {
            "numbers": [{"dnis": "4000", "label": {"zh": "主菜单", "en": "Main menu"}}],
            "callers": [
                {"ani": KNOWN_NUMBER, "label": {"zh": "主菜单", "en": "Main menu"}},
                {"ani": None, "label": {"zh": "主菜单", "en": "Main menu"}},
            ],
            "phone": {"sip_uri": "sip:demo@x", "user": "demo", "password": "p", "websocket_url": "ws://x/ws"},
            "logins": [{"name": "1001", "role": "agent"}],
        }


def test_health_names_what_is_not_well(client: TestClient, house: WebHouse) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {
        "ready": True,
        "checks": {"database": {"ok": True, "detail": "answers"}},
    }
    house.health.answer = {
        "database": Check(ok=True, detail="answers"),
        "asterisk": Check(ok=False, detail="not connected"),
    }
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["asterisk"] == {"ok": False, "detail": "not connected"}


def test_figures_count_by_route_and_not_by_address(li: TestClient) -> None:
    for number in range(3):
        li.get(f"{API}/customers/nobody-{number}")
    figures = li.get("/metrics").text
    line = 'callcenter_http_requests_total{method="GET",route="/api/v1/customers/{customer_id}",status="404"} 3.0'
    assert line in figures
    assert "nobody-1" not in figures


def test_the_description_names_the_calls_of_the_contract(client: TestClient) -> None:
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    assert {f"{API}/session", f"{API}/agents/me/state", f"{API}/interactions/{{interaction_id}}"} <= set(paths)
    assert set(paths[f"{API}/interactions/{{interaction_id}}"]) == {"get", "patch"}


# ---- the outside of every call


def test_a_request_leaves_one_line_without_names_and_numbers(li: TestClient, house: WebHouse) -> None:
    record = house.talk(LI)
    with capture_logs() as lines:
        li.get(f"{API}/customers", params={"contact_point": KNOWN_NUMBER})
        li.post(f"{API}/customers", json={"name": "赵敏", "contact_points": [{"kind": "phone", "value": "x"}]})
        li.get(f"{API}/interactions/{record.interaction_id}")
        li.get("/13800138000")
        sign_in(li, "1001", "wrong secret")
    written = str([line for line in lines if line["log_level"] != "debug"])
    for secret in ("13800138000", "赵敏", "wrong secret", "王芳", "李娜"):
        assert secret not in written
    assert [line["route"] for line in lines if line["event"] == "http_request"] == [
        f"{API}/customers",
        f"{API}/customers",
        f"{API}/interactions/{{interaction_id}}",
        "/{name:path}",
        f"{API}/session",
    ]
    assert lines[2]["interaction_id"] == record.interaction_id


def test_a_request_has_an_id(client: TestClient) -> None:
    assert (
        client.get("/healthz", headers={"X-Request-ID": "given-by-client"}).headers["x-request-id"] == "given-by-client"
    )
    made = client.get("/healthz", headers={"X-Request-ID": "x\ty <script>"}).headers["x-request-id"]
    assert re.fullmatch(r"request-\d+", made)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "http://testserver:8080"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://testserver"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_a_page_of_another_site_changes_nothing(li: TestClient, headers: dict[str, str], status: int) -> None:
    answer = li.put(f"{API}/agents/me/state", json={"state": "ready"}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert refusal(answer) == (403, "foreign_origin")
        assert li.get(f"{API}/agents/me").json()["state"] == "not_ready"


def test_a_bearer_token_may_come_from_any_page(client: TestClient) -> None:
    token = sign_in(client, "1001").json()["token"]
    client.cookies.clear()
    headers = {"Authorization": f"Bearer {token}", "Origin": "https://crm.example"}
    assert client.put(f"{API}/agents/me/state", json={"state": "ready"}, headers=headers).status_code == 200


def test_a_body_has_a_size_a_kind_and_a_form(li: TestClient) -> None:
    address = f"{API}/agents/me/state"
    assert refusal(li.put(address, content=b"x" * (BODY_LIMIT_BYTES + 1), headers=_JSON)) == (413, "body_too_large")

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 8_192

    assert refusal(li.put(address, content=chunks(), headers=_JSON)) == (413, "body_too_large")
    assert refusal(li.put(address, content=b"state=ready")) == (415, "not_json")
    assert refusal(li.put(address, data={"state": "ready"})) == (415, "not_json")
    assert refusal(li.put(address, content=b"{", headers=_JSON)) == (422, "invalid_request")
    assert refusal(li.put(address, content=b"\xff\xfe", headers=_JSON))[0] in (400, 422)
    assert refusal(li.put(address)) == (422, "invalid_request")


_JSON = {"Content-Type": "application/json"}


def test_a_refused_body_is_never_repeated(client: TestClient) -> None:
    answer = client.post(f"{API}/session", json={"name": "1001", "password": ["hunter2"]})
    assert refusal(answer) == (422, "invalid_request")
    assert "hunter2" not in answer.text
    assert answer.json()["errors"][0]["where"] == "body.password"


def test_unknown_addresses_and_methods_are_problems_too(client: TestClient) -> None:
    assert refusal(client.get(f"{API}/nothing")) == (404, "not_found")
    assert refusal(client.get("/api")) == (404, "not_found")
    assert refusal(client.delete(f"{API}/queues")) == (405, "method_not_allowed")


def test_a_failure_of_ours_is_a_problem_without_its_cause(house: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(house.desk, "queues", fail)
    with TestClient(house.app, raise_server_exceptions=False) as client:
        sign_in(client, "super")
        answer = client.get(f"{API}/queues")
    assert refusal(answer) == (500, "internal_error")
    assert "secret" not in answer.text


# ---- pages


def test_without_built_pages_there_is_help(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 503
    assert "npm run build" in answer.text


def test_every_path_is_the_page_and_files_are_files(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.js").write_text("export {}")
    (tmp_path / "index.html").write_text("<!doctype html>the page")
    for path in ("/", "/desk", "/call", "/board/sales"):
        answer = client.get(path)
        assert answer.text == "<!doctype html>the page"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"].startswith("text/html")
    script = client.get("/assets/main.js")
    assert script.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert "immutable" in script.headers["cache-control"]
    assert refusal(client.get("/assets/old.js")) == (404, "not_found")
    assert client.head("/").status_code == 200


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "//etc/passwd", "/link"])
def test_a_path_never_leaves_the_pages(client: TestClient, tmp_path: Path, path: str) -> None:
    (tmp_path.parent / "secret").write_text("the secret")
    (tmp_path / "index.html").write_text("the page")
    (tmp_path / "link").symlink_to(tmp_path.parent / "secret")
    assert "the secret" not in client.get(path).text


def test_pages_and_answers_carry_their_policies(client: TestClient) -> None:
    page = client.get("/").headers
    policy = dict(part.split(" ", 1) for part in page["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8088"
    assert "unsafe" not in page["content-security-policy"]
    assert page["x-content-type-options"] == "nosniff"
    assert page["x-frame-options"] == "DENY"
    answer = client.get(f"{API}/queues").headers
    assert answer["content-security-policy"].startswith("default-src 'none'")
    assert answer["cache-control"] == "no-store"
