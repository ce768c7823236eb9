"""No number of a customer leaves by any route, feed, export or file for a role that may not see numbers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from callcenter.app.number_mask import MARK
from callcenter.app.ports import CustomerInput
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.ids import CustomerId
from callcenter.store.customers import StoredCustomers
from tests.adapters.test_web_permissions import BODIES, requests_of_api, sign_in
from tests.adapters.web_house import KNOWN_NUMBER, LI, WANG, WebHouse, elsewhere, furnish
from tests.fakes import START

DIGITS = "13800138000"
NOTATIONS = (DIGITS, "138 0013 8000", "138-0013-8000")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        data = CustomerInput(
            name="王芳",
            notes=f"call her at {NOTATIONS[1]} or {NOTATIONS[2]}",
            contact_points=(ContactPoint(kind=ContactPointKind.PHONE, value=KNOWN_NUMBER),),
        )
        elsewhere(_keep(made, data))
        yield made


async def _keep(house: WebHouse, data: CustomerInput) -> None:
    await StoredCustomers(house.database).create(WANG, data, at=START, by="1001")


@pytest.mark.parametrize("name", ["1001", "super", "admin"])
def test_no_number_leaves_by_any_route(house: WebHouse, name: str) -> None:
    house.sight.blind = {"agent", "supervisor", "administrator"}
    record = house.talk(LI, customer_id=WANG)
    masked = 0
    with TestClient(house.app) as client:
        for method, path, _ in requests_of_api(house):
            if path == "/api/v1/session" or path.endswith("/erasure"):
                continue
            _, token = sign_in(client, name)
            names = dict.fromkeys(_names_in(path), "nothing")
            names |= {key: WANG for key in names if key in ("customer_id",)}
            names |= {key: record.interaction_id for key in names if key == "interaction_id"}
            names |= {key: LI for key in names if key == "agent_id"}
            body = BODIES.get(path) if method in ("POST", "PUT", "PATCH") else None
            query = f"?contact_point={DIGITS}" if (method, path) == ("GET", "/api/v1/customers") else ""
            answer = client.request(
                method,
                path.format(**names) + query,
                content=None if body is None else json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            client.cookies.clear()
            for notation in NOTATIONS:
                assert notation not in answer.text, f"{method} {path}: {answer.text[:500]}"
            masked += MARK in answer.text
    assert masked >= 5, "numbers must have been asked for, or this proves nothing"


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def test_who_may_see_numbers_sees_them(house: WebHouse) -> None:
    house.sight.blind = {"agent"}
    with TestClient(house.app) as client:
        _, token = sign_in(client, "super")
        answer = client.get(f"/api/v1/customers/{WANG}", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["contact_points"][0]["value"] == KNOWN_NUMBER


def test_a_workbook_is_refused_and_a_text_is_masked(house: WebHouse) -> None:
    house.sight.blind = {"supervisor"}
    with TestClient(house.app) as client:
        _, token = sign_in(client, "super")
        headers = {"Authorization": f"Bearer {token}"}
        book = client.get("/api/v1/exports/customers?format=xlsx", headers=headers)
        assert (book.status_code, book.json()["code"]) == (403, "numbers_hidden")
        for encoding in ("utf-8", "gb18030"):
            text = client.get(f"/api/v1/exports/customers?encoding={encoding}", headers=headers)
            assert text.status_code == 200
            assert "王芳" in text.content.decode(encoding)
            assert DIGITS not in text.content.decode(encoding)


def test_what_was_shown_masked_is_not_written_back(house: WebHouse) -> None:
    house.sight.blind = {"agent"}
    customer = CustomerId(WANG)
    with TestClient(house.app) as client:
        _, token = sign_in(client, "1001")
        headers = {"Authorization": f"Bearer {token}"}
        shown = client.get(f"/api/v1/customers/{customer}", headers=headers).json()["contact_points"]
        assert shown[0]["value"] == "••••••••••000"
        changed = client.patch(
            f"/api/v1/customers/{customer}",
            json={"contact_points": [*shown, {"kind": "phone", "value": "021 55550000"}]},
            headers=headers,
        )
        assert changed.status_code == 200, changed.text
        assert [point.value for point in house.customers.customers[customer].contact_points] == [
            KNOWN_NUMBER,
            "+862155550000",
        ]
        other = {"contact_points": [{"kind": "phone", "value": "•••999"}]}
        wrong = client.patch(f"/api/v1/customers/{customer}", json=other, headers=headers)
        assert wrong.json()["code"] == "masked_number"
