"""What a call's query names and the call does not know is refused; what the description of the API names is known."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from callcenter.web.app import api_description, create_app
from tests.adapters.web_house import PASSWORD, furnish

API = "/api/v1"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with furnish(tmp_path) as house, TestClient(create_app(replace(house.deps, metrics=CollectorRegistry()))) as made:
        made.post(f"{API}/session", json={"name": "admin", "password": PASSWORD}).raise_for_status()
        yield made


def described() -> Iterator[tuple[str, str, list[str]]]:
    """Every call with the parameters of its query; parts of paths are filled with something."""
    paths = api_description()["paths"]
    assert isinstance(paths, dict)
    for path, calls in paths.items():
        for method, call in calls.items():
            names = [one["name"] for one in call.get("parameters", ()) if one["in"] == "query"]
            yield method, str(path).replace("{", "").replace("}", ""), names


def test_every_call_refuses_a_parameter_it_does_not_have_and_knows_those_it_has(client: TestClient) -> None:
    calls = list(described())
    assert len(calls) > 200
    assert sum(len(names) for *_, names in calls) > 100
    for method, path, names in calls:
        answer = client.request(method, path, params={**dict.fromkeys(names, ""), "serach": "x"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (method, path, answer.text)
        refused = [one["where"] for one in answer.json()["errors"] if "no such parameter" in one["message"]]
        assert refused == ["query.serach"], (method, path)


def test_a_misspelt_filter_is_told_with_what_was_probably_meant(client: TestClient) -> None:
    answer = client.get(f"{API}/customers", params={"serach": "wang", "limit": 5})
    (fault,) = answer.json()["errors"]
    assert fault["where"] == "query.serach"
    assert fault["message"].startswith("there is no such parameter; did you mean search? known: ")
    long = client.get(f"{API}/customers", params={"x" * 10_000: "1"})
    assert (long.status_code, len(long.text) < 2_000) == (422, True)
