"""Next best offers over REST: set up, proposed with a reason, answered in a talk, counted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.domain.ids import CustomerId
from callcenter.domain.interactions import Interaction
from tests.adapters.store_crm import make
from tests.adapters.web_house import CHEN, LI, PASSWORD, WebHouse, furnish

API = "/api/v1"
UPGRADE = {
    "label": {"zh": "升级", "en": "Upgrade"},
    "text": {"zh": "您好 {customer.name}", "en": "Hello {customer.name}"},
    "segment": "vips",
    "priority": 9,
}
ANNA = CustomerId("anna")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        asyncio.run(_anna(made))
        yield made


async def _anna(house: WebHouse) -> None:
    await make(house.database, "anna", tags=("vip",))
    await house.database.dispose()


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        sign_in(made, "admin")
        made.put(
            f"{API}/segments/vips", json={"label": "Our VIPs", "condition": 'tags contains "vip"'}
        ).raise_for_status()
        put(made, "upgrade", UPGRADE).raise_for_status()
        for name, priority in (("second", 5), ("third", 1)):
            put(made, name, {**UPGRADE, "segment": "", "condition": 'kind = "person"', "priority": priority})
        made.portal.call(house.rules.load)  # type: ignore[union-attr]
        yield made


def put(client: TestClient, name: str, document: dict[str, object]) -> Response:
    document = {key: value for key, value in document.items() if value != ""}
    return client.put(f"{API}/configuration/best_offers/items/{name}", json=document)


def sign_in(client: TestClient, name: str) -> TestClient:
    client.cookies.clear()
    client.post("/api/v1/session", json={"name": name, "password": PASSWORD}).raise_for_status()
    return client


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def proposed(client: TestClient, record: Interaction | None = None) -> list[tuple[str, str | None]]:
    params = {} if record is None else {"interaction_id": record.interaction_id}
    items = client.get(f"{API}/customers/anna/best-offers", params=params).raise_for_status().json()["items"]
    return [(item["best_offer_id"], item["answer"]) for item in items]


def test_the_best_two_are_proposed_with_their_reason(client: TestClient) -> None:
    sign_in(client, CHEN)
    found = client.get(f"{API}/customers/anna/best-offers").json()
    first, second = found["items"]
    assert found["withheld"] is None
    assert (first["best_offer_id"], first["text"]["en"]) == ("upgrade", "Hello {customer.name}")
    assert first["reason"] == {"segment": "Our VIPs", "condition": None, "last_offered_on": None}
    assert second["reason"] == {"segment": None, "condition": 'kind = "person"', "last_offered_on": None}
    assert refusal(client.get(f"{API}/customers/nobody/best-offers")) == (404, "unknown_customer")


def test_an_answer_is_noted_changed_taken_back_and_told(client: TestClient, house: WebHouse) -> None:
    record = house.talk(LI, customer_id=ANNA)
    sign_in(client, LI)
    where = f"{API}/interactions/{record.interaction_id}/best-offers"
    assert proposed(client, record) == [("upgrade", None), ("second", None)]
    noted = client.put(f"{where}/upgrade", json={"answer": "not_now"}).raise_for_status().json()
    assert (noted["customer_id"], noted["answer"], noted["by"]) == ("anna", "not_now", LI)
    # No third one in the same talk.
    assert proposed(client, record) == [("upgrade", "not_now"), ("second", None)]
    client.put(f"{where}/upgrade", json={"answer": "accepted"}).raise_for_status()
    assert proposed(client, record) == [("upgrade", "accepted"), ("second", None)]
    # In the next talk it rests.
    assert proposed(client) == [("second", None), ("third", None)]
    (entry,) = client.get(f"{API}/customers/anna/timeline", params={"kind": "best_offer"}).json()["items"]
    assert (entry["data"]["answer"], entry["data"]["label_zh"]) == ("accepted", "升级")
    assert client.delete(f"{where}/upgrade").status_code == 204
    assert refusal(client.delete(f"{where}/upgrade")) == (404, "unknown_answer")
    assert proposed(client) == [("upgrade", None), ("second", None)]
    assert refusal(client.put(f"{where}/gone", json={"answer": "accepted"})) == (404, "unknown_best_offer")
    assert refusal(client.put(f"{where}/upgrade", json={"answer": "maybe"})) == (422, "invalid_request")


def test_an_answer_is_written_by_whose_talk_it_is_and_about_somebody_known(client: TestClient, house: WebHouse) -> None:
    record, nobody = house.talk(LI, customer_id=ANNA), house.talk(CHEN)
    sign_in(client, CHEN)
    mine = f"{API}/interactions/{record.interaction_id}/best-offers/upgrade"
    assert refusal(client.put(mine, json={"answer": "accepted"})) == (409, "interaction_not_yours")
    other = f"{API}/interactions/{nobody.interaction_id}/best-offers/upgrade"
    assert refusal(client.put(other, json={"answer": "accepted"})) == (409, "no_customer")


def test_an_offer_is_checked_when_it_is_saved_and_its_segment_stays(client: TestClient) -> None:
    faulty = put(client, "upgrade", {**UPGRADE, "segment": "gone", "condition": "clas = 1"})
    assert faulty.status_code == 422
    assert {fault["where"] for fault in faulty.json()["errors"]} == {"segment", "condition"}
    assert refusal(client.delete(f"{API}/segments/vips")) == (409, "segment_in_use")
    (vips,) = client.get(f"{API}/segments").json()["items"]
    assert (vips["used_by"], vips["best_offers"]) == ([], ["upgrade"])
    assert "best_offers:" in client.get(f"{API}/configuration/text").json()["text"]
    versions = client.get(f"{API}/configuration/versions").json()["items"]
    assert versions[-1]["changes"][0]["part"] == "best_offers"
    client.delete(f"{API}/configuration/best_offers/items/upgrade").raise_for_status()
    client.delete(f"{API}/segments/vips").raise_for_status()
    newest = client.get(f"{API}/configuration/versions").json()["items"][0]["version"]
    # What it needs is gone meanwhile, so taking the removal back is refused, in words.
    undone = client.post(f"{API}/configuration/versions/{newest}/undo", json={"note": ""})
    assert undone.status_code == 422
    assert "no segment 'vips'" in undone.text


def test_management_reads_what_was_answered(client: TestClient, house: WebHouse) -> None:
    record = house.talk(LI, customer_id=ANNA)
    answered = client.put(
        f"{API}/interactions/{record.interaction_id}/best-offers/upgrade", json={"answer": "declined"}
    )
    answered.raise_for_status()
    day = house.clock.now().date().isoformat()
    params = {"from": day, "to": day}
    (row,) = client.get(f"{API}/management/best-offers", params=params).json()["items"]
    assert (row["best_offer_id"], row["offered"], row["declined"], row["acceptance_rate"]) == ("upgrade", 1, 1, 0.0)
    (line,) = client.get(f"{API}/management/lists/best_offer", params={**params, "key": "upgrade"}).json()["items"]
    assert (line["customer_id"], line["what"], line["reference"]) == ("anna", "declined", record.interaction_id)
    table = client.get(f"{API}/management/export/best_offers", params=params).text
    assert "upgrade,升级,Upgrade,1,1,0,1,0," in table
