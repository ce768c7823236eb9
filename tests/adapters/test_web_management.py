"""Management's figures over REST are those the store counts, with the time of the count, on random data."""

import asyncio
import io
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from callcenter.crm.periods import Period, PeriodKind, periods_between
from callcenter.crm.value_rules import ValueRules
from callcenter.store.management import StoredManagement
from callcenter.store.sales_tables import orders
from callcenter.store.tables import cases, customers
from callcenter.store.value_tables import value_changes
from tests.adapters.test_store_values import done
from tests.adapters.web_house import PASSWORD, WebHouse, furnish

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)
SPAN = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
STAGES = ("prospect", "new", "growing", "loyal", "at_risk", "lost", "won_back")


API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        asyncio.run(scatter(made, seed=20261122))
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        made.post(f"{API}/session", json={"name": "super", "password": PASSWORD}).raise_for_status()
        yield made


async def scatter(house: WebHouse, seed: int) -> None:
    """Customers with orders, changes of stage and class, complaints and answers of random days."""
    chance = random.Random(seed)
    ids = [f"c{number}" for number in range(40)]

    def day() -> date:
        return FIRST - timedelta(days=60) + timedelta(days=chance.randrange(270))

    def moment() -> datetime:
        return datetime.combine(day(), datetime.min.time(), tzinfo=UTC) + timedelta(seconds=chance.randrange(86_400))

    now: dict[str, object] = {"created_at": moment(), "updated_at": moment()}
    changes: list[dict[str, object]] = []
    for one in ids:
        stage, is_customer = "prospect", False
        value_class: str | None = None
        for on in sorted(day() for _ in range(chance.randrange(6))):
            was, was_class = stage, value_class
            stage, value_class = chance.choice(STAGES), chance.choice("ABC")
            there = stage not in ("prospect", "lost")
            step, is_customer = there - is_customer, there
            changes.append(
                {"customer_id": one, "on": on, "was_stage": was, "stage": stage, "step": step}
                | {"was_class": was_class, "value_class": value_class}
            )
    async with house.database.writing() as connection:
        await connection.execute(insert(customers), [customer_row(one) | now for one in ids])
        await connection.execute(insert(value_changes), changes)
        await connection.execute(
            insert(orders), [order_row(number, chance.choice(ids), day(), chance) for number in range(200)]
        )
        await connection.execute(
            insert(cases), [case_row(number, chance.choice(ids), moment()) for number in range(60)]
        )
    # A run learns which currency money is counted in.
    await done(house.database)
    await house.database.dispose()


def customer_row(customer_id: str) -> dict[str, object]:
    return {"customer_id": customer_id, "kind": "person", "name": customer_id, "tags": (), "notes": ""}


def case_row(number: int, customer_id: str, at: datetime) -> dict[str, object]:
    row = {"case_id": f"k{number}", "customer_id": customer_id, "kind": "complaint", "subject": "x", "state": "open"}
    return row | {"opened_at": at, "reason": ("late", "broken", None)[number % 3]}


def order_row(number: int, customer_id: str, on: date, chance: random.Random) -> dict[str, object]:
    row = {"order_id": f"o{number}", "number": f"SO{number}", "dialled": "", "customer_id": customer_id, "note": ""}
    at = datetime.combine(on, datetime.min.time(), tzinfo=UTC)
    return row | {
        "placed_on": on,
        "due_on": on,
        "state": chance.choice(("paid", "cancelled")),
        "total": chance.randrange(1, 9_000),
        "currency": "CNY",
        "at": at,
        "created_at": at,
        "created_by": "x",
    }


def test_the_figures_are_those_the_store_counts(client: TestClient, house: WebHouse) -> None:
    management = StoredManagement(house.database, ZoneInfo("UTC"))
    portal = client.portal
    assert portal is not None
    months = periods_between(FIRST, LAST, PeriodKind.MONTH)
    moved = client.get(f"{API}/management/movements", params=SPAN).json()
    counted = portal.call(management.movements, months)
    told = ("at_start", "new", "won_back", "lost", "upgraded", "downgraded", "at_end", "new_rate", "lost_rate")
    assert [[one[name] for name in told] for one in moved["items"]] == [
        [getattr(one, name) for name in told] for one in counted
    ]
    assert sum(one["new"] + one["lost"] + one["upgraded"] for one in moved["items"]) > 20, "the data says nothing"
    assert (moved["counted_at"], moved["counting"]) == ("2026-11-02T09:00:00Z", None)
    earned = client.get(f"{API}/management/profits", params=SPAN).json()
    rows = portal.call(management.profits, months, ValueRules(), "CNY")
    money = ("value_class", "customers", "revenue", "profit", "average_profit")
    assert [[one[name] for name in money] for one in earned["items"]] == [
        [getattr(one, name) for name in money] for one in rows
    ]
    assert len(rows) > len(months)
    whole = Period(start=FIRST, end=LAST + timedelta(days=1))
    complaints = client.get(f"{API}/management/complaints", params=SPAN).json()["items"]
    assert {one["reason"]: one["complaints"] for one in complaints} == {
        reason: one.complaints for reason, one in portal.call(management.complaints, whole).items()
    }
    assert sum(one["complaints"] for one in complaints) > 20


def test_a_count_can_be_asked_for_and_what_cannot_be_counted_is_refused(client: TestClient) -> None:
    count = f"{API}/management/figures/movements/count"
    answer = client.post(count, params=SPAN)
    assert (answer.status_code, answer.json()) == (200, {"counted_at": "2026-11-02T09:00:00Z", "counting": None})
    for params in ({"from": "2026-02-01", "to": "2026-01-01"}, {"from": "2000-01-01", "to": "2026-01-01"}):
        assert client.post(count, params=params).status_code == 422
        assert client.get(f"{API}/management/movements", params=params).status_code == 422


def test_the_file_shows_what_the_page_shows(client: TestClient) -> None:
    shown = client.get(f"{API}/management/movements", params=SPAN).json()["items"]
    lines = client.get(f"{API}/management/export/movements", params=SPAN).text.removeprefix("\ufeff").splitlines()
    assert [line.split(",")[:4] for line in lines[1:]] == [
        [one["start"], one["end"], str(one["at_start"]), str(one["new"])] for one in shown
    ]


def test_whoever_takes_a_list_out_stands_in_the_access_log(client: TestClient, house: WebHouse) -> None:
    condition = {"label": "All", "condition": 'kind = "person"'}
    client.put(f"{API}/segments/all", json=condition).raise_for_status()
    lines = client.get(f"{API}/management/lists/complaints/export", params={**SPAN, "key": "late"}).text.splitlines()
    everybody = client.get(f"{API}/segments/all/export?format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(everybody.content)).active
    assert sheet is not None
    assert client.portal is not None
    client.portal.call(house.deps.privacy.log.write)
    client.post(f"{API}/session", json={"name": "admin", "password": PASSWORD}).raise_for_status()
    noted = [line["detail"] for line in client.get(f"{API}/accesses?kind=list_exported").json()["items"]]
    assert noted == [
        f'segment-all.xlsx rows={sheet.max_row - 1} condition=kind = "person"',
        f"list-complaints.csv rows={len(lines) - 1} from={FIRST} to={LAST} key=late",
    ]
    assert sheet.max_row > 40


def test_numbers_and_days_of_a_workbook_can_be_added_up(client: TestClient) -> None:
    book = client.get(f"{API}/management/export/profits", params={**SPAN, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(book.content)).active
    assert sheet is not None
    header, first, *_ = sheet.iter_rows()
    told = {str(name.value): cell for name, cell in zip(header, first, strict=True)}
    assert (told["start"].is_date, told["start"].number_format) == (True, "yyyy-mm-dd")
    assert (told["customers"].data_type, told["customers"].number_format) == ("n", "0")
    assert (told["revenue"].data_type, told["revenue"].number_format) == ("n", "#,##0.00")
    assert told["value_class"].data_type == "s"
