"""Web hooks, alerts and reminders over REST: the secret once, bad input refused, each role as far as it may."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.app.alerts import Alert
from callcenter.domain.alerts import AlertKind, AlertRule, Subject, SubjectKind
from callcenter.domain.labels import Label
from callcenter.store.alert_tables import reminders
from callcenter.store.alerts import StoredAlerts
from callcenter.store.crm_tables import tasks
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import make
from tests.adapters.web_house import LI, PASSWORD, WebHouse, elsewhere, furnish

API = "/api/v1"
HOOK = {"url": "https://crm.example.org/hook", "events": ["customer.created", "case.due"], "description": "CRM"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        yield sign_in(made, "admin")


def sign_in(client: TestClient, name: str) -> TestClient:
    client.cookies.clear()
    client.post(f"{API}/session", json={"name": name, "password": PASSWORD}).raise_for_status()
    return client


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_secret_is_shown_once_and_every_change_is_of_a_version(client: TestClient) -> None:
    made = client.post(f"{API}/hooks", json=HOOK)
    assert made.status_code == 201
    secret, hook_id = made.json()["secret"], made.json()["hook"]["hook_id"]
    assert secret.startswith("whsec_")
    listed = client.get(f"{API}/hooks").json()
    assert [one["hook_id"] for one in listed["items"]] == [hook_id]
    assert "interaction.ended" in listed["events"]
    one = client.get(f"{API}/hooks/{hook_id}")
    assert secret not in one.text + str(listed)
    stale = one.headers["ETag"]
    changed = client.patch(f"{API}/hooks/{hook_id}", json={"personal": True}, headers={"If-Match": stale})
    assert (changed.status_code, changed.json()["personal"], changed.json()["version"]) == (200, True, 2)
    again = client.patch(f"{API}/hooks/{hook_id}", json={"personal": False}, headers={"If-Match": stale})
    assert refusal(again) == (412, "outdated")
    renewed = client.post(f"{API}/hooks/{hook_id}/secret").json()
    assert renewed["secret"].startswith("whsec_")
    assert renewed["secret"] != secret
    assert client.post(f"{API}/hooks/{hook_id}/resume").status_code == 200
    assert client.delete(f"{API}/hooks/{hook_id}").status_code == 204
    assert refusal(client.get(f"{API}/hooks/{hook_id}")) == (404, "unknown_hook")


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.org"},
        {"url": "https://user:pass@example.org"},
        {"url": "https://"},
        {"url": ""},
        {"url": "https://example.org/" + "x" * 3_000},
        {"events": []},
        {"events": ["customer.eaten"]},
        {"events": "customer.created"},
        {"events": None},
        {"description": "line\nbreak"},
        {"personal": "perhaps"},
        {"secret": "mine"},
    ],
)
def test_what_a_hook_cannot_be_is_refused_and_nothing_is_made(client: TestClient, wrong: dict[str, object]) -> None:
    answer = client.post(f"{API}/hooks", json={**HOOK, **wrong})
    assert answer.status_code == 422, answer.text
    assert client.get(f"{API}/hooks").json()["items"] == []
    hook_id = client.post(f"{API}/hooks", json=HOOK).json()["hook"]["hook_id"]
    assert client.patch(f"{API}/hooks/{hook_id}", json=wrong).status_code == 422


def test_the_log_is_read_in_pages_and_sent_again_by_hand(house: WebHouse, client: TestClient) -> None:
    hook_id = client.post(f"{API}/hooks", json=HOOK).json()["hook"]["hook_id"]

    async def happen() -> None:
        for name in ("a", "b", "c"):
            await make(house.database, name)

    elsewhere(happen())
    newest, middle, oldest = client.get(f"{API}/hooks/{hook_id}/deliveries").json()["items"]
    assert (newest["event"], newest["state"], newest["tries"]) == ("customer.created", "pending", 0)
    page = client.get(f"{API}/hooks/{hook_id}/deliveries?limit=1&before={newest['number']}").json()["items"]
    assert page == [middle]
    assert client.get(f"{API}/hooks/{hook_id}/deliveries?state=delivered").json()["items"] == []
    assert client.get(f"{API}/hooks/{hook_id}/deliveries?state=lost").status_code == 422
    again = client.post(f"{API}/hooks/{hook_id}/deliveries/{oldest['delivery_id']}/redelivery")
    assert (again.status_code, again.json()["delivery_id"]) == (202, oldest["delivery_id"])
    other = client.post(f"{API}/hooks/{hook_id}/deliveries/msg_x/redelivery")
    assert refusal(other) == (404, "unknown_delivery")
    assert client.get(f"{API}/hooks/{hook_id}").json()["pending"] == 3


def test_there_are_only_so_many_hooks(client: TestClient) -> None:
    for _ in range(50):
        client.post(f"{API}/hooks", json=HOOK).raise_for_status()
    assert refusal(client.post(f"{API}/hooks", json=HOOK)) == (409, "too_many_hooks")


@pytest.mark.parametrize("name", ["1001", "super"])
def test_hooks_are_the_administrators_alone(client: TestClient, name: str) -> None:
    sign_in(client, name)
    assert refusal(client.get(f"{API}/hooks")) == (403, "forbidden")
    assert refusal(client.post(f"{API}/hooks", json=HOOK)) == (403, "forbidden")


def test_alerts_are_listed_with_their_history_and_acknowledged(house: WebHouse, client: TestClient) -> None:
    book = StoredAlerts(house.database)
    rule = AlertRule(alert_id="long", label=Label(zh="久", en="Long"), kind=AlertKind.WAITING, threshold=3)
    made: list[Alert] = []

    async def happen() -> None:
        for queue in ("sales", "support"):
            about = Subject(kind=SubjectKind.QUEUE, name=queue)
            made.append(await book.raise_alert(rule, about, Label(zh=queue, en=queue), value=4.0, at=NOON))
        await book.clear(made[0], at=NOON, gone=False)

    elsewhere(happen())
    sign_in(client, "super")
    assert [one["subject"] for one in client.get(f"{API}/alerts").json()["items"]] == ["support", "sales"]
    assert [one["subject"] for one in client.get(f"{API}/alerts?open=true").json()["items"]] == ["support"]
    done = client.post(f"{API}/alerts/{made[1].number}/acknowledgement").json()
    assert done["acknowledged_by"] == "super"
    sign_in(client, "admin")
    assert client.post(f"{API}/alerts/{made[1].number}/acknowledgement").json()["acknowledged_by"] == "super"
    assert refusal(client.post(f"{API}/alerts/99/acknowledgement")) == (404, "unknown_alert")
    for wrong in ("0", "-1", "x", str(10**30)):
        assert client.post(f"{API}/alerts/{wrong}/acknowledgement").status_code == 422
    sign_in(client, "1001")
    assert refusal(client.get(f"{API}/alerts")) == (403, "forbidden")


def test_a_reminder_is_dismissed_by_its_owner_alone(house: WebHouse, client: TestClient) -> None:
    async def happen() -> None:
        await make(house.database, "Anna", customer_id="anna")
        async with house.database.writing() as connection:
            task = {"task_id": "t1", "customer_id": "anna", "kind": "promise", "text": "Call", "due_at": NOON}
            row = {**task, "created_at": NOON, "created_by": "x", "version": 1}
            await connection.execute(tasks.insert(), [row])
            reminder = {"number": 7, "agent_id": LI, "kind": "task_due", "at": NOON, "task_id": "t1"}
            await connection.execute(reminders.insert(), [reminder])

    elsewhere(happen())
    sign_in(client, "1002")
    assert refusal(client.delete(f"{API}/agents/me/reminders/7")) == (404, "unknown_reminder")
    sign_in(client, "1001")
    assert client.delete(f"{API}/agents/me/reminders/7").status_code == 204
    assert client.delete(f"{API}/agents/me/reminders/7").status_code == 204
    assert house.feed.snapshot([f"agent:{LI}"]).topics["me"]["reminders"] == msgspec.Raw(b'{"items":[]}')
    sign_in(client, "super")
    assert refusal(client.delete(f"{API}/agents/me/reminders/7")) == (403, "no_agent")


def test_a_test_goes_into_the_log_like_any_delivery(client: TestClient) -> None:
    hook_id = client.post(f"{API}/hooks", json=HOOK).json()["hook"]["hook_id"]
    sent = client.post(f"{API}/hooks/{hook_id}/test")
    assert (sent.status_code, sent.json()["event"], sent.json()["state"]) == (202, "hook.test", "pending")
    log = client.get(f"{API}/hooks/{hook_id}/deliveries").json()["items"]
    assert [one["delivery_id"] for one in log] == [sent.json()["delivery_id"]]
    client.patch(f"{API}/hooks/{hook_id}", json={"active": False}).raise_for_status()
    assert refusal(client.post(f"{API}/hooks/{hook_id}/test")) == (409, "hook_not_sending")
    assert refusal(client.post(f"{API}/hooks/nothing/test")) == (404, "unknown_hook")
