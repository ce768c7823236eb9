"""Two who read and change at once: a change may say which version it is of; what is unchanged is not sent again."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from prometheus_client import CollectorRegistry

from callcenter.domain.agents import AgentConfig
from callcenter.store.configuration import put_agent
from callcenter.store.customers import StoredCustomers
from callcenter.web.app import api_description, create_app
from tests.adapters.web_house import LI, PASSWORD, WebHouse, elsewhere, furnish

API = "/api/v1"
METHODS = ("put", "patch", "delete", "post")
SAID_OTHERWISE = {
    "PUT /agreed-callbacks/{interaction_id}": "the body has the version, and must",
    "POST /configuration/text/check": "changes nothing: says what would change",
    "DELETE /flows/{name}/published": "the query has the version it is based on, and must",
    "POST /configuration/versions/{version}/undo": "refused with 412 wherever what it takes back has changed since",
    "PUT /configuration/{part}/order": "names every item there is; refused where one is missing or more",
}
"""Changes of what has a version that take no If-Match, and why."""
STALE = '"77"'
STALE_CONTENT = '"0123456789abcdef"'
BUSINESS = "skills: {zh: {zh: 中文, en: Chinese}}\nreasons: {tea: {zh: 茶, en: Tea}}\n"


def operations() -> Iterator[tuple[str, dict[str, object]]]:
    """Every call that changes something, as `PUT /products/{code}`."""
    paths = api_description()["paths"]
    assert isinstance(paths, dict)
    for path, calls in paths.items():
        for method in METHODS:
            if method in calls:
                yield f"{method.upper()} {path.removeprefix(API)}", calls[method]


def takes_if_match(call: dict[str, object]) -> bool:
    parameters = call.get("parameters", [])
    assert isinstance(parameters, list)
    return any(one["name"] == "If-Match" for one in parameters)


def has_version(description: dict[str, object], call: dict[str, object]) -> bool:
    """Whether what it answers with, where it makes nothing new, has a version."""
    schemas = description["components"]["schemas"]  # type: ignore[index]
    found = re.search(r"#/components/schemas/(\w+)'", str(call["responses"].get("200", "")))  # type: ignore[attr-defined]
    return found is not None and "version" in schemas[found[1]].get("properties", {})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:

        async def hire() -> None:
            async with made.database.writing() as connection:
                await put_agent(connection, AgentConfig(agent_id=LI, name=LI))

        elsewhere(hire())
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    app = create_app(replace(house.deps, customers=StoredCustomers(house.database), metrics=CollectorRegistry()))
    with TestClient(app) as made:
        made.post(f"{API}/session", json={"name": "admin", "password": PASSWORD}).raise_for_status()
        yield made


def make(client: TestClient, path: str, body: Mapping[str, object], key: str) -> str:
    answer = client.post(f"{API}{path}", json=body)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    return str(found[key] if key in found else found["hook"][key])


@pytest.fixture
def ids(client: TestClient, house: WebHouse) -> dict[str, str]:
    """One of everything that has a version."""
    anna = make(client, "/customers", {"name": "Anna"}, "customer_id")
    order = {"number": "A-1", "placed_on": "2026-11-01", "due_on": "2026-11-09", "currency": "CNY", "total": "5.00"}
    opportunity = {"title": "x", "stage": client.get(f"{API}/opportunity-stages").json()["items"][0]["code"]}
    hook = {"url": "https://crm.example.org/hook", "events": ["case.due"]}
    client.put(f"{API}/products/labels", json=PRODUCT).raise_for_status()
    client.put(f"{API}/segments/vip", json=SEGMENT).raise_for_status()
    client.put(f"{API}/configuration/text", json={"text": BUSINESS}).raise_for_status()
    return {
        "customer_id": anna,
        "other": make(client, "/customers", {"name": "Bea"}, "customer_id"),
        "case_id": make(client, f"/customers/{anna}/cases", {"kind": "question", "subject": "x"}, "case_id"),
        "task_id": make(client, f"/customers/{anna}/tasks", {"text": "x", "due_at": "2026-12-01T00:00:00Z"}, "task_id"),
        "order_id": make(client, f"/customers/{anna}/orders", order, "order_id"),
        "opportunity_id": make(client, f"/customers/{anna}/opportunities", opportunity, "opportunity_id"),
        "hook_id": make(client, "/hooks", hook, "hook_id"),
        "interaction_id": house.talk(LI).interaction_id,
        "code": "labels",
        "segment_id": "vip",
        "version": "1",
        "part": "reasons",
        "item": "tea",
    }


PRODUCT: dict[str, object] = {
    "label": {"zh": "标签", "en": "Labels"},
    "unit_price": {"amount": "1.00", "currency": "CNY"},
}
SEGMENT: dict[str, object] = {"label": "VIP", "condition": 'name contains "A"'}
BODIES: dict[str, dict[str, object] | None] = {
    "PATCH /customers/{customer_id}": {"name": "Cleo"},
    "POST /customers/{customer_id}/merges": {"merged_id": "{other}"},
    "PUT /products/{code}": {**PRODUCT, "active": False},
    "PATCH /orders/{order_id}": {"note": "y"},
    "PATCH /opportunities/{opportunity_id}": {"title": "y"},
    "PATCH /cases/{case_id}": {"subject": "y"},
    "PUT /cases/{case_id}/interactions/{interaction_id}": None,
    "DELETE /cases/{case_id}/interactions/{interaction_id}": None,
    "PATCH /tasks/{task_id}": {"text": "y"},
    "PUT /preferences/board": {"hidden": []},
    "PUT /configuration/text": {"text": BUSINESS.replace("Tea", "Teas")},
    "POST /configuration/versions/{version}/restore": {},
    "PUT /configuration/{part}/items/{item}": {"zh": "茶", "en": "Teas"},
    "DELETE /configuration/{part}/items/{item}": None,
    "PUT /value-rules": {"margin": 0.5},
    "POST /value-rules/undo": {"version": 0},
    "PUT /segments/{segment_id}": {**SEGMENT, "label": "y"},
    "DELETE /segments/{segment_id}": None,
    "POST /segments/{segment_id}/undo": {"version": 1},
    "PATCH /hooks/{hook_id}": {"personal": True},
    "DELETE /hooks/{hook_id}": None,
    "POST /hooks/{hook_id}/secret": None,
    "POST /hooks/{hook_id}/resume": None,
}
"""Of every call that takes If-Match something that would change."""


def send(client: TestClient, call: str, ids: dict[str, str], tag: str | None) -> Response:
    method, path = call.split(" ", 1)
    body = BODIES[call]
    if body is not None:
        body = {
            name: value.format(**ids) if isinstance(value, str) and value == "{other}" else value
            for name, value in body.items()
        }
    headers = {} if tag is None else {"If-Match": tag}
    return client.request(method, API + path.format(**ids), json=body, headers=headers)


def test_every_change_of_what_has_a_version_may_say_which() -> None:
    description = api_description()
    calls = dict(operations())
    wanted = {name for name, call in calls.items() if has_version(description, call)}
    reads = {name.removeprefix("DELETE ") for name in calls if name.startswith("DELETE ")}
    paths = description["paths"]
    assert isinstance(paths, dict)
    wanted |= {
        f"DELETE {path}"
        for path in reads
        if "get" in paths[API + path] and has_version(description, paths[API + path]["get"])
    }
    taking = {name for name, call in calls.items() if takes_if_match(call)}
    assert len(wanted) > 20
    assert wanted - taking == set(SAID_OTHERWISE), "a call that changes what has a version takes no If-Match"
    assert taking == set(BODIES), "a call that takes If-Match is not tried here"


@pytest.mark.parametrize("call", BODIES)
def test_a_change_of_another_version_is_refused_and_changes_nothing(
    client: TestClient, ids: dict[str, str], call: str
) -> None:
    address = API + call.split(" ", 1)[1].format(**ids)
    before = client.get(address)
    tag = STALE_CONTENT if call.startswith(("PUT /configuration/{part}", "DELETE /configuration")) else STALE
    answer = send(client, call, ids, tag)
    assert (answer.status_code, answer.json()["code"]) == (412, "outdated"), answer.text
    after = client.get(address)
    assert (after.status_code, after.content) == (before.status_code, before.content)
    nonsense = send(client, call, ids, "seven")
    assert (nonsense.status_code, nonsense.json()["code"]) == (422, "invalid_if_match")


LISTS = (
    "/customers",
    "/customers?search=anna",
    "/cases",
    "/tasks",
    "/opportunities",
    "/orders",
    "/products",
    "/segments",
    "/segments/vip/customers",
    "/hooks",
    "/complaint-reasons",
    "/agents/names",
)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_that_has_not_changed_is_not_sent_again(client: TestClient, ids: dict[str, str], path: str) -> None:
    first = client.get(API + path)
    name = first.headers["etag"]
    assert re.fullmatch(r'W/"[0-9a-f]{24}"', name)
    for said in (name, name.removeprefix("W/"), f'"other", {name}', "*"):
        again = client.get(API + path, headers={"If-None-Match": said})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", name)
        assert "content-type" not in again.headers
        assert again.headers["cache-control"] == "no-store"
    other = client.get(API + path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content, other.headers["etag"]) == (200, first.content, name)


def test_a_list_that_has_changed_has_another_name(client: TestClient, ids: dict[str, str]) -> None:
    known = {path: client.get(API + path).headers["etag"] for path in ("/customers", "/cases", "/products")}
    client.patch(f"{API}/customers/{ids['customer_id']}", json={"name": "Cleo"}).raise_for_status()
    for path, changed in (("/customers", True), ("/cases", True), ("/products", False)):
        answer = client.get(API + path, headers={"If-None-Match": known[path]})
        assert (answer.status_code, answer.headers["etag"] != known[path]) == ((200, True) if changed else (304, False))


def test_whoever_may_not_see_numbers_has_names_of_his_own(
    client: TestClient, ids: dict[str, str], house: WebHouse
) -> None:
    point = {"kind": "phone", "value": "13800138111"}
    client.patch(f"{API}/customers/{ids['customer_id']}", json={"contact_points": [point]}).raise_for_status()
    whole = client.get(f"{API}/customers")
    house.sight.blind.add("administrator")
    masked = client.get(f"{API}/customers", headers={"If-None-Match": whole.headers["etag"]})
    assert masked.status_code == 200
    assert "138111" not in masked.text
    assert masked.headers["etag"] != whole.headers["etag"]


def test_answers_with_a_version_and_refusals_are_sent_as_they_are(client: TestClient, ids: dict[str, str]) -> None:
    address = f"{API}/segments/vip"
    one = client.get(address)
    assert one.headers["etag"] == '"1"'
    assert client.get(address, headers={"If-None-Match": '"1"'}).status_code == 200
    missing = client.get(f"{API}/segments/none", headers={"If-None-Match": "*"})
    assert (missing.status_code, "etag" in missing.headers) == (404, False)
    table = client.get(f"{API}/segments/vip/export?format=csv", headers={"If-None-Match": "*"})
    assert (table.status_code, "etag" in table.headers) == (200, False)
    assert table.text
