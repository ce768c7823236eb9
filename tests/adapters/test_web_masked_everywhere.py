"""Whoever may not see numbers asks every page of the description, in a house where numbers stand in every corner.

Law: neither an answer nor a frame of the feed holds a customer's number, in whatever notation, nor inside a cursor.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Table

from callcenter.app.number_mask import MARK
from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import ContactPoint, ContactPointKind, CustomerKind
from callcenter.domain.ids import CustomerId
from callcenter.domain.interactions import Interaction
from callcenter.store import hook_tables, tables
from callcenter.store.customers import StoredCustomers
from callcenter.store.interaction_rows import write_interactions
from tests.adapters.test_web_permissions import requests_of_api, sign_in
from tests.adapters.web_house import KNOWN_NUMBER, LI, WANG, WebHouse, elsewhere, furnish
from tests.fakes import START

MOBILE = "13800138000"
SECOND = "13912345678"
WRITTEN = f"手机{MOBILE}，138–0013–8000，+86 138 0013 8000"
"""As people write it: right beside a word, with printed dashes, with blanks."""
SHOWN = {
    "/api/v1/accesses",
    "/api/v1/agents/me/pop",
    "/api/v1/agreed-callbacks",
    "/api/v1/audit",
    "/api/v1/cases",
    "/api/v1/cases/{case_id}",
    "/api/v1/customers",
    "/api/v1/customers/{customer_id}",
    "/api/v1/customers/{customer_id}/accesses",
    "/api/v1/customers/{customer_id}/card",
    "/api/v1/customers/{customer_id}/changes",
    "/api/v1/customers/{customer_id}/duplicates",
    "/api/v1/customers/{customer_id}/memberships",
    "/api/v1/customers/{customer_id}/tasks",
    "/api/v1/customers/{customer_id}/timeline",
    "/api/v1/customers/{customer_id}/told-apart",
    "/api/v1/exports/customers",
    "/api/v1/exports/orders",
    "/api/v1/hooks/{hook_id}/deliveries",
    "/api/v1/imports",
    "/api/v1/imports/{import_id}",
    "/api/v1/imports/{import_id}/bad-rows",
    "/api/v1/interactions",
    "/api/v1/interactions/{interaction_id}",
    "/api/v1/messages",
    "/api/v1/messages/{message_id}",
    "/api/v1/notices",
    "/api/v1/opportunities",
    "/api/v1/opportunities/{opportunity_id}",
    "/api/v1/orders",
    "/api/v1/orders/{order_id}",
    "/api/v1/segments/{segment_id}/customers",
    "/api/v1/segments/{segment_id}/export",
    "/api/v1/shared-contact-points",
    "/api/v1/tasks",
    "/api/v1/tasks/{task_id}",
}
"""Routes that were seen to hold numbers in this house: should one hold none any more, the house has become too poor."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        elsewhere(_people(made))
        yield made


def _customer(name: str, *points: tuple[ContactPointKind, str]) -> CustomerInput:
    told = tuple(ContactPoint(kind=kind, value=value) for kind, value in points)
    return CustomerInput(name=name, notes=f"{WRITTEN}.", tags=(f"tel{MOBILE}",), contact_points=told)


async def _people(house: WebHouse) -> None:
    customers = StoredCustomers(house.database)
    wang = _customer(
        f"王芳 {MOBILE}",
        (ContactPointKind.PHONE, KNOWN_NUMBER),
        (ContactPointKind.EMAIL, f"{MOBILE}@example.org"),
        (ContactPointKind.SOCIAL, f"wx:{MOBILE}"),
        (ContactPointKind.WEB, f"https://example.org/to/{MOBILE}"),
    )
    await customers.create(WANG, wang, at=START, by="1001")
    firm = replace(_customer(f"王芳公司 {MOBILE}"), kind=CustomerKind.ORGANISATION)
    await customers.create(CustomerId("firm"), firm, at=START, by="1001")
    await customers.create(CustomerId("fourth"), _customer(f"陈示例 {MOBILE}"), at=START, by="1001")
    for name in ("twin", "third"):
        points = ((ContactPointKind.PHONE, KNOWN_NUMBER), (ContactPointKind.PHONE, f"+86{SECOND}"))
        await customers.create(CustomerId(name), _customer(f"王芳 {MOBILE}", *points), at=START, by="1001")


def seed(house: WebHouse, client: TestClient) -> dict[str, str]:
    """Everything that can be written gets numbers; the ids of what was made, by the names that paths have for them."""
    record = house.talk(LI, customer_id=WANG)
    ids = {"customer_id": str(WANG), "interaction_id": str(record.interaction_id), "agent_id": str(LI)}
    ids |= {"segment_id": "all", "hook_id": "h1", "message_id": "m1", "what": "new", "figure": "movements"}
    ids |= {"part": "reasons", "item": "tea", "name": "small", "version": "1"}
    ids |= {"prompt_set": "main", "prompt": "welcome", "voice": "zh"}
    _, token = sign_in(client, "admin")
    headers = {"Authorization": f"Bearer {token}"}

    def make(method: str, path: str, body: object, takes: str = "", name: str = "") -> None:
        answer = client.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code < 300, f"{path}: {answer.text}"
        if name:
            ids[name] = str(answer.json()[takes or name])

    make("POST", f"/customers/{WANG}/notes", {"text": WRITTEN})
    case = {"kind": "question", "subject": WRITTEN, "description": WRITTEN, "interaction_id": record.interaction_id}
    make("POST", f"/customers/{WANG}/cases", case, name="case_id")
    make("POST", f"/customers/{WANG}/tasks", {"text": WRITTEN, "due_at": "2026-12-01T09:00:00Z"}, name="task_id")
    order = {"placed_on": "2026-11-01", "due_on": "2026-11-09", "currency": "CNY", "total": "12.50", "note": WRITTEN}
    make("POST", f"/customers/{WANG}/orders", {"number": "70012", **order}, name="order_id")
    deal = {"title": WRITTEN, "stage": "lead", "next_step": WRITTEN, "remark": WRITTEN}
    make("POST", f"/customers/{WANG}/opportunities", deal, name="opportunity_id")
    make("PUT", f"/customers/firm/members/{WANG}", {"role": f"tel{MOBILE}"})
    make("PATCH", f"/customers/{WANG}", {"notes": f"{WRITTEN}!"})
    make("PUT", f"/customers/{WANG}/told-apart/fourth", None)
    make("POST", f"/customers/{WANG}/merges", {"merged_id": "twin"}, name="merge_id")
    make("POST", "/notices", {"to": "all", "text": WRITTEN})
    when = {"local_time": "2026-11-23T10:00", "zone": "Asia/Shanghai", "queue_id": "sales"}
    _, own = sign_in(client, "1001")
    agreed = client.post(
        "/api/v1/agreed-callbacks", json={"number": MOBILE, **when}, headers={"Authorization": f"Bearer {own}"}
    )
    assert agreed.status_code == 201, agreed.text
    make("PATCH", f"/interactions/{record.interaction_id}", {"notes": WRITTEN})
    for listed in ("customers", "orders"):
        client.get(f"/api/v1/exports/{listed}?search={MOBILE}&number={MOBILE}", headers=headers)
    table = f"手机{MOBILE},phone\nWang {MOBILE},{MOBILE}\n,{MOBILE} {MOBILE} x\n".encode()
    brought = client.post(
        f"/api/v1/imports?file_name={MOBILE}.csv", content=table, headers={**headers, "Content-Type": "text/csv"}
    )
    assert brought.status_code == 201, brought.text
    ids["import_id"] = str(brought.json()["import_id"])
    preview = client.post(f"/api/v1/imports/{ids['import_id']}/preview", json={}, headers=headers)
    start = {"mapping": {"columns": ["name", "phone"], "key": "phone"}}
    begun = client.post(f"/api/v1/imports/{ids['import_id']}/start", json=start, headers=headers)
    assert begun.status_code == 200, f"{begun.text} {preview.text}"
    elsewhere(house.deps.imports.turn())
    make("PUT", "/segments/all", {"label": WRITTEN, "condition": "orders >= 0"})
    elsewhere(_write(house, record))
    client.cookies.clear()
    return ids


async def _write(house: WebHouse, record: Interaction) -> None:
    """What no request writes: a message that was left, a delivery that failed, and the access log."""
    hook = {"url": "http://x", "events": (), "description": WRITTEN, "personal": True, "active": True, "secret": "s"}
    delivery = {"hook_id": "h1", "event": "customer.changed", "at": START, "state": "pending", "tries": 1}
    message = {"message_id": "m1", "queue_id": "sales", "file": "x.wav", "seconds": 1.0, "left_at": START}
    rows: list[tuple[Table, dict[str, object]]] = [
        (hook_tables.hooks, {**hook, "hook_id": "h1", "created_at": START, "created_by": "x", "version": 1}),
        (hook_tables.hook_deliveries, {**delivery, "delivery_id": "d1", "data": b"{}", "last_error": WRITTEN}),
        (tables.messages, {**message, "interaction_id": record.interaction_id, "state": "new", "notes": WRITTEN}),
    ]
    async with house.database.writing() as connection:
        await write_interactions(connection, [record])
        for table, row in rows:
            await connection.execute(table.insert().values(row))
    await house.deps.privacy.log.write()


def leaks(answer: httpx.Response | str) -> list[str]:
    """Which numbers stand in it: whatever is written between their digits, and written as hex within a word."""
    text = answer if isinstance(answer, str) else f"{dict(answer.headers)} {answer.text}"
    hidden = [bytes.fromhex(found).decode("latin-1") for found in re.findall(r"\b(?:[0-9a-f]{2}){12,}\b", text)]
    plain = re.sub(r"[^0-9A-Za-z]", "", unicodedata.normalize("NFKC", " ".join([text, *hidden])))
    return [number for number in (MOBILE, MOBILE[::-1], SECOND, SECOND[::-1]) if number in plain]


QUERIES = {
    "/api/v1/customers": (f"contact_point={MOBILE}", f"search={MOBILE}", "search=王芳&limit=1", "limit=1"),
    "/api/v1/shared-contact-points": ("limit=1",),
    "/api/v1/exports/customers": ("", "format=xlsx"),
    "/api/v1/exports/orders": ("", "format=xlsx"),
}
DAYS = "from=2026-01-01&to=2026-12-31"


@pytest.mark.parametrize("name", ["1001", "super", "admin"])
def test_no_page_shows_a_number_to_who_may_not_see_it(house: WebHouse, name: str) -> None:
    with TestClient(house.app) as client:
        ids = seed(house, client)
        paths = [path for method, path, _ in requests_of_api(house) if method == "GET"]
        seen = _ask_all(client, paths, ids, name)
        house.sight.blind = {"agent", "supervisor", "administrator"}
        masked = _ask_all(client, paths, ids, name)
    leaking = {path: leaks(answer) for path, answer in masked if leaks(answer)}
    assert not leaking
    open_to_others = {path.partition("?")[0] for path, answer in seen if leaks(answer)}
    marked = {path.partition("?")[0] for path, answer in masked if MARK in answer.text or answer.status_code == 403}
    assert open_to_others <= marked, "what others see is masked, and not only missing"
    if name == "admin":
        assert open_to_others >= SHOWN - {"/api/v1/agents/me/pop"}, SHOWN - open_to_others
    elif name == "1001":
        assert "/api/v1/agents/me/pop" in open_to_others


def _ask_all(client: TestClient, paths: list[str], ids: dict[str, str], name: str) -> list[tuple[str, httpx.Response]]:
    found = []
    for path in paths:
        names = dict.fromkeys((part[1:-1] for part in path.split("/") if part.startswith("{")), "nothing") | ids
        usual = DAYS if path.startswith("/api/v1/management/") else ""
        for query in QUERIES.get(path, (usual,)):
            _, token = sign_in(client, name)
            answer = client.get(
                path.format(**names) + (f"?{query}" if query else ""), headers={"Authorization": f"Bearer {token}"}
            )
            client.cookies.clear()
            found.append((f"{path}?{query}", answer))
    return found


def test_numbers_cannot_be_found_out_digit_by_digit(house: WebHouse) -> None:
    house.sight.blind = {"supervisor"}
    with TestClient(house.app) as client:
        _, token = sign_in(client, "super")
        headers = {"Authorization": f"Bearer {token}"}

        def found(text: str) -> int:
            answer = client.get("/api/v1/customers", params={"search": text}, headers=headers)
            assert answer.status_code == 200, answer.text
            exported = client.get("/api/v1/exports/customers", params={"search": text}, headers=headers)
            assert len(list(csv.reader(io.StringIO(exported.text)))) - 1 == len(answer.json()["items"])
            return len(answer.json()["items"])

        for guess in ("13", "1380", "1380013800", "8000", "wx:1380", "https://example.org/to/138", "王芳 1380", "+861"):
            assert found(guess) == 0, guess
        for whole in (MOBILE, KNOWN_NUMBER, "138 0013 8000", f"{MOBILE}@example.org", f"wx:{MOBILE}", "wangfang"):
            assert found(whole) >= 1, whole
        house.sight.blind = set()
        assert found("1380") == 5


def test_pages_go_on_by_cursors_that_say_nothing(house: WebHouse) -> None:
    house.sight.blind = {"supervisor"}
    with TestClient(house.app) as client:
        _, token = sign_in(client, "super")
        headers = {"Authorization": f"Bearer {token}"}
        for path, query in (("customers", "search=wang"), ("shared-contact-points", "")):
            items, after = [], ""
            while True:
                answer = client.get(f"/api/v1/{path}?limit=1&{query}{after}", headers=headers)
                assert answer.status_code == 200
                assert leaks(answer) == []
                items += answer.json()["items"]
                if answer.json()["next_after"] is None:
                    break
                after = f"&after={answer.json()['next_after']}"
            assert len(items) == {"customers": 4, "shared-contact-points": 2}[path]
        unknown = client.get("/api/v1/customers?search=wang&after=00112233445566778899aabb", headers=headers)
        assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid_cursor")


def test_the_check_sees_a_number_however_it_is_written() -> None:
    for text in (
        MOBILE,
        WRITTEN,
        "138-0013-8000",
        json.dumps({"a": [0, MOBILE]}).encode().hex(),
        "～１３８００１３８０００",
    ):
        assert leaks(text) == [MOBILE], text
    assert leaks("••••••••000") == []
