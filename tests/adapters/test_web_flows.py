"""The flows over REST: looking, checking, trying, publishing, undoing; what is refused, and how."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.app.floor import Touched
from callcenter.app.ports import NumberRoute
from callcenter.domain import events as ev
from callcenter.domain.ids import InteractionId
from callcenter.domain.labels import Label
from tests.adapters.web_house import PASSWORD, SMALL_FLOW, WebHouse, elsewhere, furnish

API = "/api/v1/flows"
CHANGED = SMALL_FLOW.replace("For sales, press 1.", "Press 1 for sales.")
BAD = SMALL_FLOW.replace("go: bye", "go: bey")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def admin(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as client:
        client.post("/api/v1/session", json={"name": "admin", "password": PASSWORD})
        yield client


def publish(admin: TestClient, text: str, based_on: int, *, name: str = "small", note: str = "") -> Response:
    return admin.post(f"{API}/{name}/versions", json={"text": text, "based_on": based_on, "note": note})


def load(house: WebHouse) -> None:
    elsewhere(house.flows.load())


def row(admin: TestClient, name: str = "small") -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"{API}/{name}").json()["row"]
    return found


def test_the_list_tells_where_each_text_is_from_and_who_leads_to_it(house: WebHouse, admin: TestClient) -> None:
    house.configuration.routes = (NumberRoute(dnis="4001", flow="small", label=Label(zh="销售", en="Sales")),)
    listed = admin.get(API).json()
    assert [one["name"] for one in listed["items"]] == ["small", "prompts.queue"]
    small = listed["items"][0]
    assert (small["source"], small["version"], small["file"], small["in_force"]) == ("file", 0, "small.yaml", True)
    assert small["numbers"] == [{"dnis": "4001", "label": {"zh": "销售", "en": "Sales"}}]
    assert listed["items"][1]["file"] == "prompts/queue.yaml"
    assert listed["faults"] == []


def test_a_text_is_published_seen_in_the_history_and_taken_back(house: WebHouse, admin: TestClient) -> None:
    published = publish(admin, CHANGED, 0, note="shorter")
    assert published.status_code == 201
    assert (published.json()["source"], published.json()["version"]) == ("published", 1)
    assert not published.json()["in_force"]
    load(house)
    assert row(admin)["in_force"]
    assert admin.get(f"{API}/small").json()["text"] == CHANGED
    assert publish(admin, SMALL_FLOW, 1).status_code == 201
    history = admin.get(f"{API}/small/versions").json()["items"]
    assert [(one["version"], one["note"], one["is_newest"]) for one in history] == [
        (2, "", True),
        (1, "shorter", False),
    ]
    assert admin.get(f"{API}/small/versions/1").json()["text"] == CHANGED
    changed = admin.get(f"{API}/small/differences?before=1&after=2").json()["lines"]
    assert [line["kind"] for line in changed if line["kind"] in ("added", "removed")] == ["removed", "added"]
    assert admin.get(f"{API}/small/differences?before=file").json()["lines"] == []
    restored = admin.post(f"{API}/small/restore", json={"version": 1, "based_on": 2, "note": "again"})
    assert restored.json()["version"] == 3
    back = admin.delete(f"{API}/small/published?based_on=3")
    assert (back.status_code, back.json()["source"], back.json()["version"]) == (200, "file", 4)
    assert admin.delete(f"{API}/small/published?based_on=4").json()["code"] == "not_published"
    load(house)
    assert row(admin)["in_force"]


def test_who_has_not_seen_the_newest_is_told_who_published_it(admin: TestClient) -> None:
    publish(admin, CHANGED, 0)
    refused = publish(admin, SMALL_FLOW, 0)
    assert (refused.status_code, refused.json()["code"]) == (409, "published_meanwhile")
    assert "admin published version 1" in refused.json()["detail"]
    assert admin.delete(f"{API}/small/published?based_on=7").status_code == 409


def test_a_faulty_text_is_told_with_its_place_and_not_published(admin: TestClient) -> None:
    checked = admin.post(f"{API}/small/check", json={"text": BAD}).json()
    fault = checked["faults"][0]
    line = BAD.splitlines()[fault["line"] - 1]
    assert line[fault["column"] - 1 :][: fault["length"]] == "bey"
    assert (fault["code"], checked["picture"]) == ("unknown_node", None)
    refused = publish(admin, BAD, 0)
    assert (refused.status_code, refused.json()["code"]) == (422, "flow_invalid")
    assert row(admin)["version"] == 0


def test_a_text_that_another_flow_or_a_number_could_not_live_with_is_refused(
    house: WebHouse, admin: TestClient
) -> None:
    house.configuration.routes = (NumberRoute(dnis="4001", flow="small", label=Label(zh="销售", en="Sales")),)
    renamed = SMALL_FLOW.replace("flow: small", "flow: tiny")
    assert admin.post(f"{API}/small/check", json={"text": renamed}).json()["faults"][0]["code"] == "other_name"
    led = SMALL_FLOW.replace("kind: end\n    say: goodbye", "kind: return")
    told = admin.post(f"{API}/small/check", json={"text": led}).json()
    assert "number 4001 leads to the flow 'small', which is made to be led into" in str(told["faults"])
    for agent, status in (("1001", 201), ("9999", 422)):
        # The agent of another flow, though no number leads to it yet.
        text = SMALL_FLOW.replace("flow: small", "flow: direct").replace(
            "go: menu}", f"go: agent}}\n  agent: {{kind: transfer, agent: '{agent}', failed: bye}}"
        )
        assert publish(admin, text, 0, name="direct").status_code == status, publish(admin, text, 0, name="direct").text


def test_a_flow_without_a_file_is_new_and_goes_when_nothing_leads_to_it(house: WebHouse, admin: TestClient) -> None:
    new = SMALL_FLOW.replace("flow: small", "flow: fresh")
    assert publish(admin, new, 0, name="fresh").status_code == 201
    load(house)
    assert row(admin, "fresh")["removable"]
    house.configuration.routes = (NumberRoute(dnis="4009", flow="fresh", label=Label(zh="新", en="New")),)
    assert not row(admin, "fresh")["removable"]
    refused = admin.delete(f"{API}/fresh/published?based_on=1")
    assert (refused.status_code, refused.json()["code"]) == (409, "flow_needed")
    house.configuration.routes = ()
    assert admin.delete(f"{API}/fresh/published?based_on=1").status_code == 204
    load(house)
    assert admin.get(f"{API}/fresh").status_code == 404
    restored = admin.post(f"{API}/fresh/restore", json={"version": 1, "based_on": 2})
    assert (restored.status_code, restored.json()["version"]) == (201, 3)


def test_the_announcements_of_queues_are_published_like_flows(house: WebHouse, admin: TestClient) -> None:
    text = admin.get(f"{API}/prompts.queue").json()["text"]
    assert admin.post(f"{API}/prompts.queue/check", json={"text": text}).json()["faults"] == []
    broken = admin.post(f"{API}/prompts.queue/check", json={"text": text.replace("prompt_set", "prompt_sat")}).json()
    assert broken["faults"]
    assert publish(admin, text + "# seen\n", 0, name="prompts.queue").status_code == 201
    load(house)
    assert row(admin, "prompts.queue")["in_force"]
    tried = admin.post(f"{API}/prompts.queue/try", json={"text": text})
    assert (tried.status_code, tried.json()["code"]) == (422, "not_a_flow")


def test_a_text_is_tried_step_by_step_without_anything_kept(admin: TestClient) -> None:
    steps: list[dict[str, str]] = []
    begun = admin.post(f"{API}/small/try", json={"text": CHANGED, "language": "en", "steps": steps}).json()
    assert begun["turns"][0]["heard"] == [{"language": "en", "text": "Press 1 for sales."}]
    steps = [{"did": "presses", "keys": "2"}, {"did": "presses", "keys": "1"}]
    ended = admin.post(f"{API}/small/try", json={"text": CHANGED, "language": "en", "steps": steps}).json()
    assert [turn["nodes"] for turn in ended["turns"]] == [["menu"], ["menu"], ["bye"]]
    assert ended["ended"] == {"hang_up": "goodbye"}
    left = admin.post(f"{API}/small/try", json={"text": CHANGED, "steps": [{"did": "hangs_up"}]}).json()
    assert left["ended"] == {"left": "yes"}
    assert admin.post(f"{API}/small/try", json={"text": BAD}).json()["code"] == "flow_invalid"
    odd = admin.post(f"{API}/small/try", json={"text": CHANGED, "steps": [{"did": "silent", "keys": "1"}]})
    assert odd.json()["code"] == "keys_not_fitting"


def test_the_picture_shows_today_s_callers(house: WebHouse, admin: TestClient) -> None:
    caller = InteractionId("1")
    at = house.clock.now()
    events: list[ev.Event] = [ev.FlowStarted(interaction_id=caller, at=at, flow="small", flow_version="1")]
    events += [ev.NodeEntered(interaction_id=caller, at=at, node=node) for node in ("menu", "menu", "bye")]
    none: frozenset[Any] = frozenset()
    house.flows.figures.take(Touched(agents=none, queues=none, interactions=none, events=tuple(events)))
    light = admin.get(f"{API}/small/picture?language=zh")
    assert light.headers["content-type"].startswith("image/svg+xml")
    assert "1 销售 · 1<" in light.text
    dark = admin.get(f"{API}/small/picture?theme=dark&counts=false").text
    assert "· 1<" not in dark
    assert "#1a2225" in dark
    assert row(admin)["started_today"] == 1
    assert admin.get(f"{API}/nothing/picture").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/small/check", {"text": "x" * 200_001}, 422),
        ("POST", "/small/check", {"text": "x" * 1_000_000}, 413),
        ("POST", "/small/check", {"text": "\ud800"}, 422),
        ("POST", "/small/check", {}, 422),
        ("POST", "/small/check", {"text": SMALL_FLOW, "theme": "pink"}, 422),
        ("POST", "/small/versions", {"text": SMALL_FLOW, "based_on": -1}, 422),
        ("POST", "/small/versions", {"text": SMALL_FLOW, "based_on": 0, "note": "a\nb"}, 422),
        ("POST", "/small/versions", {"text": SMALL_FLOW, "based_on": 0, "by": "somebody else"}, 422),
        ("POST", "/Small/check", {"text": SMALL_FLOW}, 422),
        ("POST", "/..%2Fetc/check", {"text": SMALL_FLOW}, 405),
        ("POST", "/prompts.other/check", {"text": SMALL_FLOW}, 422),
        ("POST", "/small/try", {"text": SMALL_FLOW, "steps": [{"did": "silent"}] * 61}, 422),
        ("POST", "/small/try", {"text": SMALL_FLOW, "steps": [{"did": "presses", "keys": "a"}]}, 422),
        ("POST", "/small/try", {"text": SMALL_FLOW, "at": "1999-01-01T00:00:00Z"}, 422),
        ("GET", "/small/differences?before=../x", None, 422),
        ("GET", "/small/versions/0", None, 422),
        ("GET", "/small/versions/77", None, 404),
        ("DELETE", "/small/published", None, 422),
    ],
)
def test_bad_input_is_a_clear_refusal(admin: TestClient, method: str, path: str, body: object, status: int) -> None:
    content = None if body is None else json.dumps(body)
    answer = admin.request(method, f"{API}{path}", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_odd_texts_are_faults_and_no_failures(admin: TestClient) -> None:
    for text in (
        "",
        "\t",
        "{",
        "- a\n- b",
        "flow: [",
        "&a *a",
        "🐉",
        "flow: small\n" * 5_000,
        "a: " * 500,
        "\x00",
        "\x07",
    ):
        answer = admin.post(f"{API}/small/check", json={"text": text})
        assert answer.status_code == 200, (text[:20], answer.text)
        assert answer.json()["faults"] or answer.json()["elsewhere"], text[:20]


def test_three_hundred_flows_are_listed_and_checked(house: WebHouse, admin: TestClient) -> None:
    for number in range(300):
        text = SMALL_FLOW.replace("flow: small", f"flow: f{number}")
        (house.flows.shelf.directory.directory / f"f{number}.yaml").write_text(text, encoding="utf-8")
    load(house)
    assert len(admin.get(API).json()["items"]) == 302
    assert admin.post(f"{API}/small/check", json={"text": CHANGED}).json()["faults"] == []


async def test_so_many_checks_at_once_are_refused_as_too_many(house: WebHouse) -> None:
    book = house.flows.book
    tries = [book.check("small", CHANGED, language="en", dark=False) for _ in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(outcome).__name__ for outcome in outcomes} == {"CheckView", "Overloaded"}
