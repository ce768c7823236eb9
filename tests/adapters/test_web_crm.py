"""The customer store over REST, on a real SQLite: search, merges, history, own fields, cases, tasks, ETags."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from prometheus_client import CollectorRegistry

from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import CustomerId
from callcenter.store.configuration import put_agent
from callcenter.store.customers import StoredCustomers
from callcenter.web.app import create_app
from tests.adapters.web_house import CHEN, LI, PASSWORD, WebHouse, elsewhere, furnish

API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:

        async def hire() -> None:
            async with made.database.writing() as connection:
                for agent_id in (LI, CHEN):
                    await put_agent(connection, AgentConfig(agent_id=agent_id, name=agent_id))

        elsewhere(hire())
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    app = create_app(replace(house.deps, customers=StoredCustomers(house.database), metrics=CollectorRegistry()))
    with TestClient(app) as made:
        sign_in(made, "1001")
        yield made


def sign_in(client: TestClient, name: str) -> None:
    client.post(f"{API}/session", json={"name": name, "password": PASSWORD}).raise_for_status()


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def make(client: TestClient, name: str, **fields: object) -> str:
    answer = client.post(f"{API}/customers", json={"name": name, **fields})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["customer_id"]
    return found


def phone(value: str) -> dict[str, str]:
    return {"kind": "phone", "value": value}


def test_a_part_of_a_name_or_number_finds_customers_page_by_page(client: TestClient) -> None:
    ids = [make(client, f"王小{letter}", contact_points=[phone(f"1380013800{n}")]) for n, letter in enumerate("明红华")]
    make(client, "John Smith", kind="organisation", segment="A", tags=["vip"])
    for text in ("王", "wangx", "wx", "138001", "小"):
        found = client.get(f"{API}/customers", params={"search": text}).json()
        assert sorted(item["customer_id"] for item in found["items"]) == sorted(ids), text
        assert found["next_after"] is None
    seen: list[str] = []
    after = None
    for _ in range(4):
        params = {"search": "wang", "limit": "1", **({"after": after} if after else {})}
        page = client.get(f"{API}/customers", params=params).json()
        seen += [item["customer_id"] for item in page["items"]]
        after = page["next_after"]
        if after is None:
            break
    assert sorted(seen) == sorted(ids)
    for filters in ({"kind": "organisation"}, {"segment": "A"}, {"tag": "vip"}):
        (only,) = client.get(f"{API}/customers", params=filters).json()["items"]
        assert only["name"] == "John Smith"
    assert len(client.get(f"{API}/customers").json()["items"]) == 4
    assert refusal(client.get(f"{API}/customers", params={"search": "--"})) == (422, "empty_search")
    assert refusal(client.get(f"{API}/customers", params={"search": "x", "after": "y"})) == (422, "invalid_cursor")
    both = {"search": "x", "contact_point": "y"}
    assert refusal(client.get(f"{API}/customers", params=both)) == (422, "invalid_value")


def test_addresses_of_the_web_and_of_networks_have_one_form(client: TestClient) -> None:
    points = [{"kind": "web", "value": "Shop.Example.org/"}, {"kind": "social", "value": "WeChat:Li_Na"}]
    customer_id = make(client, "Li", contact_points=points)
    found = client.get(f"{API}/customers/{customer_id}").json()
    assert [point["value"] for point in found["contact_points"]] == ["https://shop.example.org", "wechat:Li_Na"]
    for text in ("https://SHOP.example.org", "wechat:Li_Na"):
        (same,) = client.get(f"{API}/customers", params={"contact_point": text}).json()["items"]
        assert same["customer_id"] == customer_id
    for kind, value in (("web", "no page"), ("social", "li na"), ("web", "javascript:alert(1)")):
        body = {"name": "x", "contact_points": [{"kind": kind, "value": value}]}
        assert refusal(client.post(f"{API}/customers", json=body)) == (422, "invalid_contact_point")


def test_a_change_of_another_version_is_refused(client: TestClient) -> None:
    address = f"{API}/customers/{make(client, 'Anna')}"
    first = client.get(address).headers["etag"]
    assert first == '"1"'
    changed = client.patch(address, json={"name": "Bea"}, headers={"If-Match": first})
    assert (changed.headers["etag"], changed.json()["version"]) == ('"2"', 2)
    late = client.patch(address, json={"name": "Cleo"}, headers={"If-Match": first})
    assert refusal(late) == (412, "outdated")
    assert "version 2 now, not 1" in late.json()["detail"]
    assert client.patch(address, json={"name": "Cleo"}).json()["version"] == 3
    assert client.patch(address, json={"name": "Cleo"}, headers={"If-Match": "*"}).json()["version"] == 3
    assert refusal(client.patch(address, json={}, headers={"If-Match": "seven"})) == (422, "invalid_if_match")


def test_an_account_manager_who_is_no_agent_is_refused_with_the_field_and_what_would_be_right(
    client: TestClient,
) -> None:
    anna = make(client, "Anna", account_manager_id=LI)
    for answer in (
        client.post(f"{API}/customers", json={"name": "Bea", "account_manager_id": "9999"}),
        client.patch(f"{API}/customers/{anna}", json={"account_manager_id": "9999", "name": "Cleo"}),
    ):
        assert refusal(answer) == (422, "unknown_agent")
        (fault,) = answer.json()["errors"]
        assert fault == {"where": "body.account_manager_id", "message": answer.json()["detail"]}
        assert "there is no agent '9999'; give the id of one" in fault["message"]
    assert client.get(f"{API}/customers/{anna}").json()["name"] == "Anna"
    assert [one["name"] for one in client.get(f"{API}/customers?search=Bea").json()["items"]] == []
    changed = client.patch(f"{API}/customers/{anna}", json={"account_manager_id": CHEN})
    assert changed.json()["account_manager_id"] == CHEN
    task = {"text": "x", "due_at": "2026-11-03T09:00:00Z", "owner_id": "9999"}
    answer = client.post(f"{API}/customers/{anna}/tasks", json=task)
    assert (refusal(answer), answer.json()["errors"][0]["where"]) == ((422, "unknown_agent"), "body.owner_id")


def test_consent_says_who_noted_it_and_when(client: TestClient, house: WebHouse) -> None:
    address = f"{API}/customers/{make(client, 'Anna', consents=[{'channel': 'email', 'state': 'granted'}])}"
    said = [{"channel": "phone", "state": "do_not_contact", "source": "call"}]
    answer = client.patch(address, json={"consents": said}).json()
    assert answer["consents"] == [
        {"channel": "email", "state": "granted", "at": "2026-11-02T09:00:00Z", "by": "1001", "source": ""},
        {"channel": "phone", "state": "do_not_contact", "at": "2026-11-02T09:00:00Z", "by": "1001", "source": "call"},
    ]
    assert client.patch(address, json={"consents": said}).json()["version"] == 2
    (newest, _) = client.get(f"{address}/changes").json()["items"]
    assert [field["field"] for field in newest["fields"]] == ["consents"]


def test_the_businesss_own_fields_are_made_by_administrators_and_checked(client: TestClient) -> None:
    field = {"label": {"zh": "等级", "en": "Level"}, "kind": "choice", "choices": ["gold", "silver"]}
    assert refusal(client.put(f"{API}/custom-fields/level", json=field)) == (403, "forbidden")
    sign_in(client, "admin")
    assert client.put(f"{API}/custom-fields/level", json=field).status_code == 200
    size = {"label": {"zh": "人数", "en": "Size"}, "kind": "number"}
    assert client.put(f"{API}/custom-fields/size", json=size).status_code == 200
    assert refusal(client.put(f"{API}/custom-fields/size", json={**size, "kind": "text"})) == (409, "custom_kind_fixed")
    sign_in(client, "1001")
    listed = client.get(f"{API}/custom-fields").json()["items"]
    assert [item["field_id"] for item in listed] == ["level", "size"]
    address = f"{API}/customers/{make(client, 'Anna', custom={'level': 'gold', 'size': 3})}"
    assert client.patch(address, json={"custom": {"size": None}}).json()["custom"] == {"level": "gold"}
    for custom in ({"level": "bronze"}, {"size": "many"}, {"other": "x"}):
        assert refusal(client.patch(address, json={"custom": custom})) == (422, "invalid_custom_field")


def test_two_who_are_one_are_found_merged_and_parted_again(client: TestClient, house: WebHouse) -> None:
    anna = make(client, "张伟", contact_points=[phone("13800138000")])
    bea = make(client, "章伟", contact_points=[phone("13800138000"), phone("13900139000")])
    (alike,) = client.get(f"{API}/customers/{anna}/duplicates").json()["items"]
    assert (alike["customer"]["customer_id"], alike["shared"]) == (bea, ["+8613800138000"])
    merges = f"{API}/customers/{anna}/merges"
    assert refusal(client.post(merges, json={"merged_id": bea})) == (403, "forbidden")
    sign_in(client, "super")
    listed = client.get(f"{API}/shared-contact-points").json()
    assert listed["customers"] == {anna: "张伟", bea: "章伟"}
    (shared,) = listed["items"]
    assert sorted(shared["customer_ids"]) == sorted([anna, bea])
    outdated = client.post(merges, json={"merged_id": bea}, headers={"If-Match": '"9"'})
    assert refusal(outdated) == (412, "outdated")
    merge = client.post(merges, json={"merged_id": bea}, headers={"If-Match": '"1"'})
    assert merge.status_code == 201
    assert [one.merge_id for one in house.desk.merges] == [merge.json()["merge_id"]]
    assert client.get(f"{API}/customers/{bea}").json()["customer_id"] == anna
    assert refusal(client.patch(f"{API}/customers/{bea}", json={"name": "x"})) == (409, "customer_merged")
    listed = client.get(merges).json()
    (told,) = listed["items"]
    assert listed["customers"] == {anna: "张伟", bea: "章伟"}
    assert (told["merged_id"], told["undone_at"]) == (bea, None)
    undo = f"{API}/merges/{told['merge_id']}/undo"
    assert client.post(undo).json()["undone_by"] == "super"
    assert refusal(client.post(undo)) == (409, "merge_undone")
    assert len(house.desk.merges) == 2
    assert len(client.get(f"{API}/customers/{bea}").json()["contact_points"]) == 2


def test_two_who_look_alike_are_told_apart_and_that_is_taken_back(client: TestClient) -> None:
    anna = make(client, "张伟", contact_points=[phone("13800138000")])
    bea = make(client, "章伟", contact_points=[phone("13800138000")])
    mark, marks = f"{API}/customers/{bea}/told-apart/{anna}", f"{API}/customers/{anna}/told-apart"
    assert client.put(mark).status_code == 204
    assert client.put(mark).status_code == 204
    for one in (anna, bea):
        assert client.get(f"{API}/customers/{one}/duplicates").json()["items"] == []
    (told,) = client.get(marks).json()["items"]
    assert (told["other"]["customer_id"], told["by"]) == (bea, "1001")
    history = client.get(f"{API}/customers/{anna}/changes").json()
    (line, _) = history["items"]
    assert (line["action"], line["by"], line["fields"][0]["after"]) == ("told_apart", "1001", bea)
    assert history["customers"] == {bea: "章伟"}
    sign_in(client, "super")
    assert client.get(f"{API}/shared-contact-points").json()["items"] == []
    assert refusal(client.post(f"{API}/customers/{anna}/merges", json={"merged_id": bea})) == (409, "told_apart")
    sign_in(client, "1001")
    assert client.delete(mark).status_code == 204
    assert refusal(client.delete(mark)) == (404, "not_told_apart")
    assert client.get(marks).json()["items"] == []
    assert len(client.get(f"{API}/customers/{anna}/duplicates").json()["items"]) == 1
    assert refusal(client.put(f"{API}/customers/{anna}/told-apart/{anna}")) == (422, "same_customer")
    assert refusal(client.put(f"{API}/customers/{anna}/told-apart/nobody")) == (404, "unknown_customer")


def test_members_notes_and_the_timeline(client: TestClient) -> None:
    firm, anna = make(client, "示例公司", kind="organisation"), make(client, "Anna")
    member = f"{API}/customers/{firm}/members/{anna}"
    assert client.put(member, json={"role": "buyer"}).status_code == 204
    (found,) = client.get(f"{API}/customers/{firm}/memberships").json()["members"]
    assert (found["customer_id"], found["role"]) == (anna, "buyer")
    assert refusal(client.put(f"{API}/customers/{anna}/members/{firm}", json={})) == (422, "no_organisation")
    assert client.delete(member).status_code == 204
    assert refusal(client.delete(member)) == (404, "unknown_member")
    notes = f"{API}/customers/{anna}/notes"
    note = client.post(notes, json={"text": " wants\ntwo "}).json()
    assert (note["text"], note["by"]) == ("wants\ntwo", "1001")
    assert refusal(client.post(notes, json={"text": " "})) == (422, "invalid_request")
    client.post(f"{API}/customers/{anna}/cases", json={"kind": "question", "subject": "x"})
    timeline = f"{API}/customers/{anna}/timeline"
    everything = client.get(timeline).json()["items"]
    assert sorted(entry["kind"] for entry in everything) == ["case", "change", "change", "note"]
    seen = []
    before = None
    while True:
        page = client.get(timeline, params={"limit": 1, **({"before": before} if before else {})}).json()
        seen += page["items"]
        before = page["next_before"]
        if before is None:
            break
    assert seen == everything
    only = client.get(timeline, params={"kind": ["note", "case"]}).json()["items"]
    assert {entry["kind"] for entry in only} == {"note", "case"}
    assert refusal(client.get(timeline, params={"before": "x"})) == (422, "invalid_cursor")
    assert refusal(client.get(f"{API}/customers/nobody/timeline")) == (404, "unknown_customer")


def test_a_complaint_from_its_opening_to_its_end(client: TestClient, house: WebHouse) -> None:
    anna = make(client, "Anna")
    record = house.talk(LI)
    body = {"kind": "complaint", "subject": "Two boxes are missing", "interaction_id": record.interaction_id}
    opened = client.post(f"{API}/customers/{anna}/cases", json=body)
    assert (opened.status_code, opened.headers["etag"]) == (201, '"1"')
    case = opened.json()
    assert (case["state"], case["owner_id"], case["due_at"]) == ("open", LI, "2026-11-04T09:00:00Z")
    assert [link["interaction_id"] for link in case["interactions"]] == [record.interaction_id]
    address = f"{API}/cases/{case['case_id']}"
    assert refusal(client.patch(address, json={"state": "resolved"})) == (422, "complaint_unsettled")
    settled = {"state": "resolved", "reason": "delivery", "remedy": "refund", "outcome": "recovered"}
    assert refusal(client.patch(address, json={**settled, "reason": "nonsense"})) == (422, "unknown_reason")
    resolved = client.patch(address, json=settled, headers={"If-Match": '"1"'})
    assert (resolved.json()["resolved_at"], resolved.headers["etag"]) == ("2026-11-02T09:00:00Z", '"2"')
    assert refusal(client.patch(address, json={"state": "in_progress"})) == (409, "illegal_transition")
    assert refusal(client.patch(address, json={"subject": "x"}, headers={"If-Match": '"1"'})) == (412, "outdated")
    again = client.patch(address, json={"state": "reopened"}).json()
    assert (again["outcome"], again["reopened"], again["reason"]) == (None, 1, "delivery")
    assert client.patch(address, json={"owner_id": None, "due_at": None}).json()["due_at"] is None
    for asked in ({"customer_id": anna}, {"open": "true"}, {"state": "reopened"}, {"kind": "complaint"}):
        listed = client.get(f"{API}/cases", params=asked).json()
        assert len(listed["items"]) == 1, asked
        assert list(listed["customers"]) == [anna], asked
    for asked in ({"open": "false"}, {"overdue": "true"}, {"owner_id": str(CHEN)}):
        assert client.get(f"{API}/cases", params=asked).json()["items"] == [], asked
    link = f"{address}/interactions/{record.interaction_id}"
    assert client.delete(link).json()["interactions"] == []
    assert len(client.put(link).json()["interactions"]) == 1
    assert refusal(client.put(f"{address}/interactions/nothing")) == (404, "unknown_interaction")
    assert house.desk.changed_customers.count(CustomerId(anna)) >= 3


def test_tasks_are_on_the_work_list_of_their_owner_until_they_are_done(client: TestClient) -> None:
    anna = make(client, "Anna")
    body = {"kind": "promise", "text": "Call back", "due_at": "2026-11-03T09:00:00+08:00"}
    made = client.post(f"{API}/customers/{anna}/tasks", json=body)
    assert (made.status_code, made.headers["etag"], made.json()["owner_id"]) == (201, '"1"', LI)
    assert made.json()["due_at"] == "2026-11-03T01:00:00Z"
    client.post(f"{API}/customers/{anna}/tasks", json={**body, "owner_id": CHEN})
    client.post(f"{API}/customers/{anna}/cases", json={"kind": "fault", "subject": "x"})
    work = client.get(f"{API}/agents/me/work").json()
    assert ([task["text"] for task in work["tasks"]], len(work["cases"])) == (["Call back"], 1)
    address = f"{API}/tasks/{made.json()['task_id']}"
    assert client.patch(address, json={"done": True}, headers={"If-Match": '"1"'}).json()["done_by"] == "1001"
    assert client.get(f"{API}/agents/me/work").json()["tasks"] == []
    assert refusal(client.patch(address, json={"text": "x"}, headers={"If-Match": '"1"'})) == (412, "outdated")
    assert len(client.get(f"{API}/customers/{anna}/tasks").json()["items"]) == 2
    listed = client.get(f"{API}/tasks", params={"due_before": "2026-11-03T10:00:00+08:00"}).json()
    assert ([task["owner_id"] for task in listed["items"]], listed["customers"]) == ([CHEN], {anna: "Anna"})
    assert client.get(f"{API}/tasks", params={"due_before": "2026-11-03T01:00:00Z"}).json()["items"] == []
    assert [task["owner_id"] for task in client.get(f"{API}/tasks?done=true").json()["items"]] == [LI]
    assert client.get(f"{API}/tasks", params={"owner_id": LI}).json()["next_after"] is None
    assert refusal(client.get(f"{API}/tasks?after=x")) == (422, "invalid_cursor")
    named = {row["agent_id"]: row["name"] for row in client.get(f"{API}/agents/names").json()["items"]}
    assert {LI, CHEN} <= set(named)
    late = {"remind_at": "2026-12-01T00:00:00Z"}
    assert refusal(client.patch(address, json=late)) == (422, "reminder_too_late")
    for due_at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        assert refusal(client.patch(address, json={"due_at": due_at})) == (422, "invalid_request")
    assert refusal(client.patch(address, json={"due_at": "2026-12-01T00:00:00"})) == (422, "invalid_request")
    assert refusal(client.get(f"{API}/tasks/nothing")) == (404, "unknown_task")


def test_lists_and_targets_are_set_by_administrators(client: TestClient) -> None:
    smell = {"label": {"zh": "气味", "en": "Smell"}}
    target = f"{API}/service-targets/fault/urgent"
    assert refusal(client.put(f"{API}/complaint-reasons/smell", json=smell)) == (403, "forbidden")
    assert refusal(client.put(target, json={"due_within_seconds": 3600})) == (403, "forbidden")
    sign_in(client, "admin")
    assert client.put(f"{API}/complaint-reasons/smell", json=smell).json()["code"] == "smell"
    assert client.put(f"{API}/remedies/flowers", json={**smell, "retired": True}).json()["retired"] is True
    assert client.get(f"{API}/complaint-reasons").json()["items"][-1]["code"] == "smell"
    assert client.get(f"{API}/remedies").json()["items"][-1] == {"code": "flowers", **smell, "retired": True}
    body = {"due_within_seconds": 3600, "escalate_to": CHEN}
    assert client.put(target, json=body).json() == {
        "kind": "fault",
        "priority": "urgent",
        **body,
        "due_within_seconds": 3600.0,
    }
    assert len(client.get(f"{API}/service-targets").json()["items"]) == 20
    assert refusal(client.put(target, json={**body, "escalate_to": "nobody"})) == (422, "unknown_agent")
    assert refusal(client.put(f"{API}/service-targets/fault/never", json=body)) == (422, "invalid_request")


def test_numbers_are_given_by_agents_and_pins_set_by_supervisors(client: TestClient, house: WebHouse) -> None:
    anna = make(client, "Anna", contact_points=[phone("13800138000")])
    numbers = f"{API}/customers/{anna}/numbers"
    made = client.post(numbers, json={"number": "10023"})
    assert (made.status_code, made.json()["has_pin"]) == (201, False)
    assert len(client.post(numbers, json={}).json()["number"]) == 8
    assert refusal(client.post(numbers, json={"number": "10023"})) == (409, "customer_number_taken")
    assert refusal(client.post(numbers, json={"number": "12"})) == (422, "invalid_request")
    assert refusal(client.put(f"{numbers}/10023/pin", json={"pin": "3864"})) == (403, "forbidden")
    sign_in(client, "super")
    for pin, code in (("1234", "weak_pin"), ("8000", "weak_pin"), ("38a4", "invalid_pin"), ("", "invalid_pin")):
        refused = client.put(f"{numbers}/10023/pin", json={"pin": pin})
        assert refusal(refused) == (422, code)
        assert not pin or pin not in refused.text
    too_long = client.put(f"{numbers}/10023/pin", json={"pin": "38642" * 20})
    assert refusal(too_long) == (422, "invalid_request")
    assert "38642" not in too_long.text
    answer = client.put(f"{numbers}/10023/pin", json={"pin": "386402"})
    assert (answer.status_code, answer.json()["has_pin"]) == (200, True)
    assert client.delete(f"{numbers}/10023/lock").json()["failures"] == 0
    assert client.patch(f"{numbers}/10023", json={"number": "20046"}).json()["has_pin"] is True
    assert client.delete(f"{numbers}/20046/pin").json()["has_pin"] is False
    assert client.delete(f"{numbers}/20046").status_code == 204
    assert refusal(client.delete(f"{numbers}/20046")) == (404, "unknown_customer_number")
    (left,) = client.get(numbers).json()["items"]
    assert left["given_by"] == "1001"
    changes = client.get(f"{API}/customers/{anna}/changes").text
    assert "pin_set" in changes
    assert "386402" not in changes + answer.text
    assert house.desk.changed_customers.count(CustomerId(anna)) >= 6


def test_products_orders_and_opportunities_are_kept_over_rest(client: TestClient) -> None:
    anna = make(client, "Anna")
    price = {"amount": "36.50", "currency": "CNY"}
    product = {"label": {"zh": "标签", "en": "Labels"}, "unit_price": price}
    assert refusal(client.put(f"{API}/products/labels", json=product)) == (403, "forbidden")
    sign_in(client, "admin")
    assert client.put(f"{API}/products/labels", json=product).headers["etag"] == '"1"'
    state = {"label": {"zh": "已退货", "en": "Returned"}}
    assert client.put(f"{API}/order-states/returned", json=state).status_code == 200
    sign_in(client, "1001")
    states = [item["code"] for item in client.get(f"{API}/order-states").json()["items"]]
    assert states == ["new", "paid", "packed", "sent", "delivered", "cancelled", "returned"]
    stages = [item["code"] for item in client.get(f"{API}/opportunity-stages").json()["items"]]
    assert stages == ["lead", "qualified", "quoted", "negotiation", "decision"]
    order = {
        "number": "70012",
        "placed_on": "2026-11-01",
        "due_on": "2026-11-09",
        "currency": "CNY",
        "lines": [{"product": "labels", "quantity": "3", "amount": "109.50"}, {"text": "运费", "amount": "8.80"}],
    }
    made = client.post(f"{API}/customers/{anna}/orders", json=order)
    assert (made.status_code, made.json()["total"]) == (201, {"amount": "118.30", "currency": "CNY"})
    assert refusal(client.post(f"{API}/customers/{anna}/orders", json=order)) == (409, "order_exists")
    address = f"{API}/orders/{made.json()['order_id']}"
    assert client.patch(address, json={"state": "sent"}, headers={"If-Match": '"1"'}).headers["etag"] == '"2"'
    assert refusal(client.patch(address, json={"state": "paid"}, headers={"If-Match": '"1"'})) == (412, "outdated")
    assert refusal(client.patch(address, json={"state": "eaten"})) == (422, "unknown_state")
    assert refusal(client.patch(address, json={"total": "1"})) == (422, "total_differs")
    for amount in ("1e400", "NaN", "0.00001", "many"):
        body = {**order, "number": "2", "lines": [], "total": amount}
        assert refusal(client.post(f"{API}/customers/{anna}/orders", json=body)) == (422, "invalid_request")
    (found,) = client.get(f"{API}/orders", params={"number": "70012"}).json()["items"]
    assert (found["customer_id"], found["state"]) == (anna, "sent")
    assert refusal(client.get(f"{API}/orders", params={"placed_from": "0001-01-01"})) == (422, "invalid_request")
    (known,) = client.get(f"{API}/customers", params={"search": "70012"}).json()["items"]
    assert known["customer_id"] == anna
    chance = {"title": "For a year", "stage": "lead", "value": price, "probability": 40}
    opened = client.post(f"{API}/customers/{anna}/opportunities", json=chance)
    assert (opened.status_code, opened.json()["owner_id"]) == (201, "1001")
    address = f"{API}/opportunities/{opened.json()['opportunity_id']}"
    quote = {"number": "Q1", "given_on": "2026-11-02", "value": {"amount": 35, "currency": "CNY"}}
    quoted = client.patch(address, json={"quotes": [quote], "stage": "quoted"}).json()
    assert quoted["quotes"][0]["value"] == {"amount": "35.00", "currency": "CNY"}
    assert refusal(client.patch(address, json={"state": "lost"})) == (422, "lost_without_reason")
    lost = client.patch(address, json={"state": "lost", "reason": "price"}).json()
    assert (lost["state"], lost["probability"]) == ("lost", 0)
    assert refusal(client.patch(address, json={"state": "won"})) == (409, "illegal_transition")
    found = client.get(f"{API}/opportunities", params={"state": "lost", "owner_id": "1001"}).json()
    (listed,) = found["items"]
    assert list(found["customers"]) == [anna]
    assert listed == client.get(address).json()
    kinds = [entry["kind"] for entry in client.get(f"{API}/customers/{anna}/timeline").json()["items"]]
    assert kinds.count("order") == kinds.count("opportunity") == 1
