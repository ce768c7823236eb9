"""Supervisors' notices over REST and the store: whom they reach, what is refused, what is left when they are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.domain.ids import AgentId, NoticeId
from callcenter.domain.notices import LONGEST_NOTICE, MOST_UNREAD, Audience, Notice
from callcenter.store.database import Database
from callcenter.store.notices import StoredNotices
from tests.adapters.store_calls import at
from tests.adapters.web_house import PASSWORD, WebHouse, furnish

API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


class Desks:
    """A supervisor and two agents over REST."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._tokens: dict[str, str] = {}

    def ask(self, who: str, method: str, path: str, body: object = None) -> Response:
        if who not in self._tokens:
            answer = self._client.post(f"{API}/session", json={"name": who, "password": PASSWORD})
            self._tokens[who] = answer.json()["token"]
            self._client.cookies.clear()
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        return self._client.request(method, f"{API}{path}", json=body, headers=headers)

    def send(self, **body: object) -> Response:
        return self.ask("super", "POST", "/notices", {"text": "Stay calm.", **body})

    def unread(self, who: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(who, "GET", "/agents/me/notices").json()["items"]
        return found


@pytest.fixture
def desks(house: WebHouse) -> Iterator[Desks]:
    with TestClient(house.app) as client:
        yield Desks(client)


@pytest.mark.parametrize(
    ("to", "reached"),
    [
        ({"to": "agent", "to_id": "1001"}, {"1001"}),
        ({"to": "queue", "to_id": "support"}, {"1002"}),
        ({"to": "queue", "to_id": "sales"}, {"1001", "1002"}),
        ({"to": "all"}, {"1001", "1002"}),
    ],
)
def test_a_notice_reaches_whom_it_is_for_and_nobody_else(desks: Desks, to: dict[str, str], reached: set[str]) -> None:
    answer = desks.send(**to)
    assert answer.status_code == 201, answer.text
    assert {receipt["agent_id"] for receipt in answer.json()["receipts"]} == reached
    assert {who for who in ("1001", "1002") if desks.unread(who)} == reached


def test_what_is_read_lies_there_no_more_and_the_sender_sees_when(house: WebHouse, desks: Desks) -> None:
    notice_id = desks.send(to="all").json()["notice"]["notice_id"]
    assert desks.ask("1001", "PUT", f"/agents/me/notices/{notice_id}/read").status_code == 204
    again = desks.ask("1001", "PUT", f"/agents/me/notices/{notice_id}/read")
    assert (again.status_code, again.json()["code"]) == (404, "unknown_notice")
    assert (desks.unread("1001"), len(desks.unread("1002"))) == ([], 1)
    (sent,) = desks.ask("super", "GET", "/notices").json()["items"]
    assert {one["agent_id"]: one["read_at"] is not None for one in sent["receipts"]} == {"1001": True, "1002": False}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "agent", "to_id": "nobody"}, 404, "unknown_agent"),
        ({"to": "queue", "to_id": "nothing"}, 404, "unknown_queue"),
        ({"to": "agent"}, 422, "invalid_notice"),
        ({"to": "all", "to_id": "1001"}, 422, "invalid_notice"),
        ({"to": "all", "text": " \n "}, 422, "invalid_request"),
        ({"to": "all", "text": "x" * (LONGEST_NOTICE + 1)}, 422, "invalid_request"),
        ({"to": "all", "text": "bell\x07"}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_sent_is_refused(desks: Desks, body: dict[str, object], status: int, code: str) -> None:
    answer = desks.send(**body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert desks.unread("1001") == []


def test_a_full_desk_takes_no_more_and_the_sender_is_told(desks: Desks) -> None:
    for _ in range(MOST_UNREAD):
        assert desks.send(to="agent", to_id="1001").status_code == 201
    refused = desks.send(to="agent", to_id="1001")
    assert (refused.status_code, refused.json()["code"]) == (409, "desk_full")
    to_all = desks.send(to="all").json()
    assert (to_all["full"], [one["agent_id"] for one in to_all["receipts"]]) == (["1001"], ["1002"])
    assert len(desks.unread("1001")) == MOST_UNREAD


async def test_the_store_keeps_what_is_unread_in_order_on_both_databases(database: Database) -> None:
    store = StoredNotices(database)
    li, chen = AgentId("1001"), AgentId("1002")
    for number in (2, 1):
        notice = Notice(
            notice_id=NoticeId(f"n{number}"), at=at(number), by="super", by_name="Super", text="请\nok", to=Audience.ALL
        )
        await store.add(notice, [li, chen])
    assert [one.notice_id for one in (await store.unread())[li]] == ["n1", "n2"]
    assert await store.read(NoticeId("n1"), li, at(9))
    assert not await store.read(NoticeId("n1"), li, at(10))
    assert not await store.read(NoticeId("n1"), AgentId("1003"), at(10))
    unread = await store.unread()
    assert {agent: [one.notice_id for one in lying] for agent, lying in unread.items()} == {
        li: ["n2"],
        chen: ["n1", "n2"],
    }
    (newest, oldest) = await store.sent(limit=10)
    assert (newest.notice.notice_id, newest.notice.text) == ("n2", "请\nok")
    assert [receipt.read_at for receipt in oldest.receipts] == [at(9), None]
    assert len(await store.sent(limit=1)) == 1
