"""Users, the audit log and trunks over REST: roles, shutting out, signing out, always an administrator left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.adapters.web_house import PASSWORD, WebHouse, furnish

API = "/api/v1"
ANNA = {"name": "anna", "role": "administrator", "display_name": "Anna", "password": "correct horse battery"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        sign_in(made, "admin")
        agents = "agents: {'1001': {name: A}, '1002': {name: B}}"
        made.put(f"{API}/configuration/text", json={"text": agents}).raise_for_status()
        yield made


def sign_in(client: TestClient, name: str) -> TestClient:
    client.cookies.clear()
    client.post(f"{API}/session", json={"name": name, "password": PASSWORD}).raise_for_status()
    return client


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_user_is_added_changed_shut_out_and_removed_with_a_line_for_each(client: TestClient) -> None:
    anna = client.post(f"{API}/users", json=ANNA).json()
    assert (anna["name"], anna["role"], anna["agent_id"], anna["disabled"]) == ("anna", "administrator", None, False)
    assert "password" not in str(anna)
    bo = client.post(f"{API}/users", json={**ANNA, "name": "bo", "role": "agent", "agent_id": "1001"}).json()
    assert refusal(client.post(f"{API}/users", json={**ANNA, "name": "bo"})) == (409, "user_exists")
    taken = client.post(f"{API}/users", json={**ANNA, "name": "cy", "role": "agent", "agent_id": "1001"})
    assert refusal(taken) == (409, "agent_taken")
    url = f"{API}/users/{bo['user_id']}"
    assert client.patch(url, json={"agent_id": "1002", "language": "en"}).json()["agent_id"] == "1002"
    assert refusal(client.patch(url, json={"agent_id": ""})) == (422, "agent_missing")
    assert client.patch(url, json={"disabled": True}).json()["disabled"] is True
    assert client.put(f"{url}/password", json={"password": "another good one"}).status_code == 204
    assert refusal(client.put(f"{url}/password", json={"password": "short"})) == (422, "password_length")
    assert client.delete(f"{url}/sessions").status_code == 204
    assert client.delete(url).status_code == 204
    assert refusal(client.delete(url)) == (404, "unknown_user")
    assert [one["name"] for one in client.get(f"{API}/users").json()["items"]] == ["anna"]
    lines = client.get(f"{API}/audit?about=bo").json()["items"]
    assert [line["action"] for line in lines] == [
        "user_removed",
        "sessions_ended",
        "password_changed",
        "user_changed",
        "user_changed",
        "user_added",
    ]
    assert lines[4]["detail"] == "agent 1001 -> 1002, language zh -> en"
    assert all(line["by"] == "admin" for line in lines)


def test_there_always_is_an_administrator(client: TestClient) -> None:
    anna = client.post(f"{API}/users", json=ANNA).json()
    url = f"{API}/users/{anna['user_id']}"
    for change in ({"role": "supervisor"}, {"disabled": True}):
        assert refusal(client.patch(url, json=change)) == (409, "last_administrator")
    assert refusal(client.delete(url)) == (409, "last_administrator")
    client.post(f"{API}/users", json={**ANNA, "name": "eve"}).raise_for_status()
    assert client.patch(url, json={"role": "supervisor"}).json()["role"] == "supervisor"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": "two words"}, "invalid_name"),
        ({"name": ""}, "invalid_request"),
        ({"role": "boss"}, "invalid_request"),
        ({"role": "agent"}, "agent_missing"),
        ({"password": "short"}, "password_length"),
        ({"display_name": "a\nb"}, "invalid_display_name"),
        ({"language": "fr"}, "invalid_request"),
        ({"password_hash": "x"}, "invalid_request"),
    ],
)
def test_what_no_user_can_be_is_refused(client: TestClient, wrong: dict[str, str], code: str) -> None:
    assert refusal(client.post(f"{API}/users", json={**ANNA, **wrong})) == (422, code)
    assert client.get(f"{API}/users").json()["items"] == []


def test_an_agents_phone_gets_a_new_secret_that_is_told_once(client: TestClient) -> None:
    made = client.post(f"{API}/agents/1001/phone/secret").json()
    assert made == {"agent_id": "1001", "secret": "secret of a phone"}
    assert refusal(client.post(f"{API}/agents/1009/phone/secret")) == (404, "unknown_agent")
    (line,) = client.get(f"{API}/audit?action=phone_secret_set").json()["items"]
    assert (line["subject"], line["detail"]) == ("1001", "")


def test_the_log_is_filtered_and_read_in_pages(client: TestClient) -> None:
    for name in ("a1", "a2", "a3"):
        client.post(f"{API}/users", json={**ANNA, "name": name}).raise_for_status()
    page = client.get(f"{API}/audit?action=user_added&limit=2").json()["items"]
    assert [line["subject"] for line in page] == ["a3", "a2"]
    rest = client.get(f"{API}/audit?action=user_added&before={page[-1]['number']}").json()["items"]
    assert [line["subject"] for line in rest] == ["a1"]
    assert client.get(f"{API}/audit?by=nobody").json()["items"] == []
    assert client.get(f"{API}/audit?about=%25").json()["items"] == []
    assert client.get(f"{API}/audit?until=2020-01-01T00:00:00Z").json()["items"] == []
    assert "user_added" in client.get(f"{API}/audit/actions").json()["items"]
    assert client.get(f"{API}/audit?limit=0").status_code == 422


def test_trunks_are_shown_without_secrets(client: TestClient) -> None:
    (row,) = client.get(f"{API}/trunks").json()["items"]
    assert (row["trunk"]["name"], row["answers"], row["trunk"]["is_outside"]) == ("carrier", None, True)


@pytest.mark.parametrize("name", ["1001", "super"])
def test_users_and_the_log_are_the_administrators_alone(client: TestClient, name: str) -> None:
    sign_in(client, name)
    for path in ("users", "audit"):
        assert refusal(client.get(f"{API}/{path}")) == (403, "forbidden")
    assert refusal(client.post(f"{API}/users", json=ANNA)) == (403, "forbidden")
