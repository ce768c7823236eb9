"""How users want the board, and links for screens on the wall, over REST."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.adapters.web_house import PASSWORD, WebHouse, furnish

API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        made.post(f"{API}/session", json={"name": "super", "password": PASSWORD}).raise_for_status()
        yield made


def test_wishes_are_kept_by_version_and_told_where_they_are_wrong(client: TestClient) -> None:
    first = client.get(f"{API}/preferences/board")
    assert (first.json()["version"], first.headers["ETag"]) == (0, '"0"')
    wanted = {"queues": {"*": {"waiting_warn": 3, "waiting_bad": 9}}, "hidden": ["support"]}
    kept = client.put(f"{API}/preferences/board", json=wanted, headers={"If-Match": '"0"'})
    assert (kept.status_code, kept.json()["version"]) == (200, 1)
    assert client.get(f"{API}/preferences/board").json() == kept.json()
    late = client.put(f"{API}/preferences/board", json=wanted, headers={"If-Match": '"0"'})
    assert (late.status_code, late.json()["code"]) == (412, "outdated")
    wrong = client.put(f"{API}/preferences/board", json={"queues": {"*": {"waiting_warn": 9, "waiting_bad": 3}}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_order")
    assert client.put(f"{API}/preferences/board", json={"queues": {}}).json()["version"] == 2


def test_a_wall_link_shows_figures_until_it_is_revoked(client: TestClient) -> None:
    made = client.post(f"{API}/walls", json={"name": "门厅", "days": 7})
    assert made.status_code == 201
    token, link = made.json()["token"], made.json()["link"]
    assert token not in client.get(f"{API}/walls").text
    header = {"Authorization": f"Bearer {token}"}
    shown = client.get(f"{API}/wall", headers=header)
    assert (shown.status_code, shown.json()["name"]) == (200, "门厅")
    # The token opens nothing else, and a header goes before a cookie.
    assert client.get(f"{API}/queues", headers=header).status_code == 401
    assert client.delete(f"{API}/walls/{link['link_id']}").status_code == 204
    refused = client.get(f"{API}/wall", headers=header)
    assert (refused.status_code, refused.json()["code"]) == (404, "wall_closed")
    assert client.get(f"{API}/walls").json()["items"][0]["revoked_by"] == "super"
    assert client.delete(f"{API}/walls/nothing").status_code == 404


def test_a_session_opens_no_wall_and_a_link_runs_out(client: TestClient, house: WebHouse) -> None:
    assert client.get(f"{API}/wall").status_code == 404
    token = client.post(f"{API}/walls", json={"name": "lobby", "days": 1}).json()["token"]
    house.clock.advance(timedelta(days=2))
    refused = client.get(f"{API}/wall", headers={"Authorization": f"Bearer {token}"})
    assert (refused.status_code, refused.json()["code"]) == (404, "wall_closed")


def test_no_link_is_made_where_the_settings_do_not_allow_any(client: TestClient, house: WebHouse) -> None:
    token = client.post(f"{API}/walls", json={"name": "lobby"}).json()["token"]
    house.deps.walls.allowed = False
    refused = client.post(f"{API}/walls", json={"name": "lobby"})
    assert (refused.status_code, refused.json()["code"]) == (409, "walls_not_allowed")
    assert client.get(f"{API}/wall", headers={"Authorization": f"Bearer {token}"}).status_code == 404
    house.deps.walls.allowed = True
    unknown = client.post(f"{API}/walls", json={"name": "lobby", "queues": ["nowhere"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_queue")


def test_the_agents_day_is_taken_as_a_file_and_that_is_noted(client: TestClient, house: WebHouse) -> None:
    answer = client.get(f"{API}/exports/agents-today")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["agent_id"], row["handled"], row["transfer_rate"]) for row in rows] == [
        ("1001", "0", ""),
        ("1002", "0", ""),
    ]
    assert client.get(f"{API}/exports/agents-today?format=xlsx").content.startswith(b"PK")
    assert [line[2:4] for line in house.users.audit_log if line[2] == "figures_exported"] == [
        ("figures_exported", "agents-today")
    ] * 2
