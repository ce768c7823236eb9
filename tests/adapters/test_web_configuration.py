"""The business's configuration over REST: items with versions, faults at their fields, undoing, the whole as YAML."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.domain import commands as cmd
from tests.adapters.web_house import CHEN, LI, PASSWORD, WebHouse, furnish
from tests.fakes import START

API = "/api/v1/configuration"
SALES = {"label": {"zh": "销售", "en": "Sales"}, "skills": {"sales": 2}}
FIRST = """
skills: {sales: {zh: 销售, en: Sales}, zh: {zh: 中文, en: Chinese}}
queues: {sales: {label: {zh: 销售, en: Sales}, skills: {sales: 2}}}
agents: {'1001': {name: Anna, skills: {sales: 5}}, '1002': {name: Bo, skills: {zh: 3}}}
reasons: {lunch: {zh: 午餐, en: Lunch}, tea: {zh: 茶, en: Tea}}
numbers: {'4000': {flow: small, label: {zh: 总机, en: Main}}}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        sign_in(made, "admin")
        made.put(f"{API}/text", json={"text": FIRST, "note": "the beginning"}).raise_for_status()
        yield made


def sign_in(client: TestClient, name: str) -> TestClient:
    client.cookies.clear()
    client.post("/api/v1/session", json={"name": name, "password": PASSWORD}).raise_for_status()
    return client


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def faults(answer: Response) -> list[str]:
    """Where something is wrong, each place once."""
    assert answer.status_code == 422, answer.text
    return sorted({fault["where"] for fault in answer.json()["errors"]})


def test_an_item_is_changed_by_a_version_that_says_who_why_and_what(client: TestClient) -> None:
    read = client.get(f"{API}/queues/items/sales")
    assert read.json()["document"]["ring_timeout_seconds"] == 20
    changed = client.put(
        f"{API}/queues/items/sales?note=quicker",
        json={**SALES, "ring_timeout_seconds": 12},
        headers={"If-Match": read.headers["ETag"]},
    ).json()
    assert changed["version"] == 2
    (change,) = changed["changes"]
    assert (change["kind"], change["part"], change["item"]) == ("changed", "queues", "sales")
    assert change["fields"] == [{"name": "ring_timeout_seconds", "before": "20", "after": "12"}]
    assert changed["exchange_by_hand"] is True
    newest, first = client.get(f"{API}/versions").json()["items"]
    assert (newest["version"], newest["by"], newest["note"]) == (2, "admin", "quicker")
    assert newest["changes"] == changed["changes"]
    assert (first["note"], len(first["changes"])) == ("the beginning", 8)
    lines = client.get(f"{API}/versions/2/differences").json()["lines"]
    assert [line["text"].strip() for line in lines if line["kind"] in ("removed", "added")] == [
        "ring_timeout_seconds: 20",
        "ring_timeout_seconds: 12",
    ]


def test_what_is_not_changed_makes_no_version(client: TestClient) -> None:
    document = client.get(f"{API}/queues/items/sales").json()["document"]
    same = client.put(f"{API}/queues/items/sales", json=document).json()
    assert (same["version"], same["changes"]) == (1, [])
    tried = client.put(f"{API}/queues/items/sales?dry_run=true", json={**document, "ring_several": 3}).json()
    assert (tried["version"], len(tried["changes"])) == (1, 1)
    assert client.get(f"{API}/queues/items/sales").json()["document"] == document


def test_two_who_change_the_same_get_told_and_two_who_do_not_are_left_in_peace(client: TestClient) -> None:
    first = client.get(f"{API}/queues/items/sales").headers["ETag"]
    other = client.get(f"{API}/agents/items/1002").headers["ETag"]
    client.put(
        f"{API}/queues/items/sales", json={**SALES, "ring_several": 2}, headers={"If-Match": first}
    ).raise_for_status()
    late = client.put(f"{API}/queues/items/sales", json=SALES, headers={"If-Match": first})
    assert refusal(late) == (412, "outdated")
    assert client.get(f"{API}/queues/items/sales").json()["document"]["ring_several"] == 2
    client.put(
        f"{API}/agents/items/1002", json={"name": "Bo", "weight": 2}, headers={"If-Match": other}
    ).raise_for_status()
    gone = client.delete(f"{API}/agents/items/1002", headers={"If-Match": other})
    assert refusal(gone) == (412, "outdated")
    assert refusal(client.put(f"{API}/queues/items/sales", json=SALES, headers={"If-Match": '"x"'})) == (
        422,
        "invalid_if_match",
    )


def test_a_new_item_takes_nobodys_id_and_a_new_agent_has_a_secret_for_his_phone(client: TestClient) -> None:
    new = {"If-None-Match": "*"}
    assert refusal(client.put(f"{API}/queues/items/sales", json=SALES, headers=new)) == (409, "item_exists")
    made = client.put(f"{API}/agents/items/1003", json={"name": "Cem", "skills": {"sales": 1}}, headers=new).json()
    assert made["item"]["document"] == {"name": "Cem", "skills": {"sales": 1}}
    assert made["changes"][0]["kind"] == "added"
    assert refusal(client.get(f"{API}/agents/items/1009")) == (404, "unknown_item")
    assert refusal(client.delete(f"{API}/agents/items/1009")) == (404, "unknown_item")
    assert client.delete(f"{API}/agents/items/1003").json()["changes"][0]["kind"] == "removed"


WRONG: list[tuple[dict[str, object], list[str]]] = [
    ({}, [""]),
    ({**SALES, "ring_timeout_seconds": 0}, ["ring_timeout_seconds"]),
    ({**SALES, "ring_timeout_seconds": "soon"}, ["ring_timeout_seconds"]),
    ({**SALES, "bells": 3}, ["bells"]),
    ({**SALES, "skills": {"sales": 11}}, ["skills.sales"]),
    ({**SALES, "skills": {"magic": 1}}, ["skills.magic"]),
    ({**SALES, "label": {"zh": "甲"}}, ["label"]),
    ({**SALES, "label": "x"}, ["label"]),
    ({**SALES, "hours": "office"}, ["hours"]),
    ({**SALES, "when_full": {"queue": "sales"}}, ["when_full"]),
    ({**SALES, "waiting": {"self_service": "nothing"}}, ["waiting.self_service"]),
    ({**SALES, "waiting": {"notice": "nothing"}}, ["waiting.notice"]),
    (
        {"label": SALES["label"], "steps": [{"who": "sales>=2"}, {"after_seconds": 5, "who": "sales>"}]},
        ["steps.1.who"],
    ),
    ({"label": SALES["label"], "steps": [{"after_seconds": 3, "who": "anyone"}]}, ["steps.0.after_seconds"]),
    ({**SALES, "boosts": {"classes": {"A": [1]}}}, ["boosts.classes.A"]),
    ({**SALES, "label": {"zh": "甲\n乙", "en": "x" * 70}}, ["label.en", "label.zh"]),
]


def test_every_fault_is_told_with_its_field_and_nothing_is_written(client: TestClient) -> None:
    for document, where in WRONG:
        assert faults(client.put(f"{API}/queues/items/sales", json=document)) == where, document
    assert client.get(f"{API}/text").json()["version"] == 1


def test_what_others_need_cannot_be_taken_away(client: TestClient) -> None:
    answer = client.delete(f"{API}/skills/items/sales")
    assert faults(answer) == [""]
    assert "there is no skill 'sales'" in answer.json()["errors"][0]["message"]
    assert refusal(client.put(f"{API}/numbers/items/4000", json={"flow": "none", "label": SALES["label"]})) == (
        422,
        "configuration_faulty",
    )
    assert refusal(client.put(f"{API}/queues/items/sales", json=[1])) == (422, "invalid_request")
    deep: object = 1
    for _ in range(30):
        deep = {"a": deep}
    assert client.put(f"{API}/queues/items/sales", json={"label": deep}).status_code == 422


def test_a_change_is_taken_back_alone_and_only_while_it_still_stands(client: TestClient) -> None:
    client.put(f"{API}/queues/items/sales", json={**SALES, "ring_several": 2}).raise_for_status()
    client.put(f"{API}/agents/items/1002", json={"name": "Bo", "weight": 3}).raise_for_status()
    undone = client.post(f"{API}/versions/2/undo", json={"note": "too much"}).json()
    assert (undone["version"], [change["item"] for change in undone["changes"]]) == (4, ["sales"])
    assert "ring_several" not in client.get(f"{API}/queues/items/sales").json()["document"]
    assert client.get(f"{API}/agents/items/1002").json()["document"]["weight"] == 3
    client.put(f"{API}/agents/items/1002", json={"name": "Bo", "weight": 4}).raise_for_status()
    late = client.post(f"{API}/versions/3/undo", json={})
    assert refusal(late) == (412, "outdated")
    assert "agent 1002" in late.json()["detail"]
    again = client.post(f"{API}/versions/4/undo", json={}).json()
    assert client.get(f"{API}/queues/items/sales").json()["document"]["ring_several"] == 2
    assert again["version"] == 6
    assert refusal(client.post(f"{API}/versions/99/undo", json={})) == (404, "unknown_version")
    assert refusal(client.post(f"{API}/versions/1/undo", json={})) == (409, "first_version")


def test_everything_is_brought_back_as_it_was_in_a_version(client: TestClient) -> None:
    before = client.get(f"{API}/text").json()["text"]
    client.delete(f"{API}/numbers/items/4000").raise_for_status()
    client.put(f"{API}/reasons/order", json={"order": ["tea", "lunch"]}).raise_for_status()
    assert [one["item_id"] for one in client.get(f"{API}/reasons").json()["items"]] == ["tea", "lunch"]
    stale = client.post(f"{API}/versions/1/restore", json={}, headers={"If-Match": '"2"'})
    assert refusal(stale) == (412, "outdated")
    client.post(f"{API}/versions/1/restore", json={}, headers={"If-Match": '"3"'}).raise_for_status()
    assert client.get(f"{API}/text").json()["text"] == before
    assert refusal(client.put(f"{API}/skills/order", json={"order": []})) == (422, "no_order")


def test_an_order_is_taken_back_too(client: TestClient) -> None:
    client.put(f"{API}/reasons/order", json={"order": ["tea", "lunch"]}).raise_for_status()
    client.delete(f"{API}/reasons/items/tea").raise_for_status()
    client.post(f"{API}/versions/3/undo", json={}).raise_for_status()
    assert [one["item_id"] for one in client.get(f"{API}/reasons").json()["items"]] == ["tea", "lunch"]
    client.post(f"{API}/versions/2/undo", json={}).raise_for_status()
    assert [one["item_id"] for one in client.get(f"{API}/reasons").json()["items"]] == ["lunch", "tea"]


def test_a_whole_file_is_checked_compared_and_applied(client: TestClient) -> None:
    text = client.get(f"{API}/text").json()["text"]
    faulty = text.replace("sales: 2", "sales: 20")
    answer = client.post(f"{API}/text/check", json={"text": faulty})
    (fault,) = answer.json()["errors"]
    assert fault["where"] == f"line {next(n for n, line in enumerate(faulty.splitlines(), 1) if 'sales: 20' in line)}"
    better = text.replace("ring_timeout_seconds: 20", "ring_timeout_seconds: 15")
    tried = client.post(f"{API}/text/check", json={"text": better}).json()
    assert [change["fields"][0]["after"] for change in tried["changes"]] == ["15"]
    lines = client.post(f"{API}/text/compare", json={"text": better}).json()["lines"]
    assert sum(line["kind"] == "added" for line in lines) == 1
    outdated = client.put(f"{API}/text", json={"text": better}, headers={"If-Match": '"7"'})
    assert refusal(outdated) == (412, "outdated")
    assert client.put(f"{API}/text", json={"text": better}, headers={"If-Match": '"1"'}).json()["version"] == 2
    none = client.put(f"{API}/text", json={"text": "numbers: {}\n", "remove_missing": True}).json()
    assert [change["kind"] for change in none["changes"]] == ["removed"]
    assert faults(client.put(f"{API}/text", json={"text": "numbers: ["})) == ["line 1"]


def test_the_preview_tells_who_would_serve_with_the_rules_of_a_form(house: WebHouse, client: TestClient) -> None:
    for agent in (LI, CHEN):
        house.floor.engine.handle(cmd.LogIn(agent_id=agent), START)
        house.floor.engine.handle(cmd.SetReady(agent_id=agent), START)
    found = client.post(f"{API}/queues/sales/preview", json={}).json()
    assert (found["free"], found["is_open"], found["rule"]) == (0, True, "sales>=2")
    assert [one["kind"] for one in found["candidates"]] == ["unfit", "unfit"]
    anyone = {"label": SALES["label"], "steps": [{"after_seconds": 0, "who": "anyone"}]}
    draft = client.post(f"{API}/queues/draft/preview", json={"document": anyone}).json()
    assert [one["place"] for one in draft["candidates"]] == [1, 2]
    assert faults(client.post(f"{API}/queues/sales/preview", json={"document": {"steps": []}})) == ["", "steps"]
    assert refusal(client.post(f"{API}/queues/none/preview", json={})) == (404, "unknown_queue")


def test_the_forms_explain_every_field_and_the_choices_are_there(client: TestClient) -> None:
    forms = {form["part"]: form for form in client.get(f"{API}/forms").json()["items"]}
    ring = next(field for field in forms["queues"]["fields"] if field["name"] == "ring_timeout_seconds")
    assert (ring["kind"], ring["low"], ring["high"], ring["usual"]) == ("seconds", 1, 300, 20)
    choices = client.get(f"{API}/choices").json()
    assert choices["flows"] == ["small"]
    assert "Asia/Shanghai" in choices["timezones"]
    assert choices["prompts"]


def test_supervisors_read_and_administrators_change(client: TestClient) -> None:
    sign_in(client, "super")
    assert client.get(f"{API}/queues").status_code == 200
    assert refusal(client.put(f"{API}/queues/items/sales", json=SALES)) == (403, "forbidden")
    assert refusal(client.post(f"{API}/versions/1/undo", json={})) == (403, "forbidden")
    sign_in(client, "1001")
    assert refusal(client.get(f"{API}/queues")) == (403, "forbidden")


def test_a_rule_of_alerts_is_tried_as_the_form_has_it(client: TestClient) -> None:
    label = {"zh": "等待", "en": "Waiting"}
    tried = client.post(
        f"{API}/alerts/new/preview",
        json={"document": {"label": label, "kind": "longest_wait", "threshold": 100, "for_seconds": 5}},
    ).json()
    assert (tried["threshold"], tried["margin"], tried["for_seconds"]) == (100, 20, 5)
    wrong = client.post(f"{API}/alerts/new/preview", json={"document": {"label": label, "kind": "waiting"}})
    assert refusal(wrong) == (422, "configuration_faulty")
    form = next(one for one in client.get(f"{API}/forms").json()["items"] if one["part"] == "alerts")
    threshold = next(field for field in form["fields"] if field["name"] == "threshold")
    assert (threshold["governed_by"], "trunk_down" in threshold["governing"]) == ("kind", False)
