"""Bad requests to every endpoint: always a refusal with its form, never a 5xx."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.app.permissions import Role, grant_of
from tests.adapters.test_web_permissions import BODIES, actions_of
from tests.adapters.web_house import LI, PASSWORD, WANG, WebHouse, furnish

FIELDS = [
    "name",
    "password",
    "state",
    "reason",
    "kind",
    "address",
    "then",
    "disposition",
    "notes",
    "customer_id",
    "language",
    "segment",
    "tags",
    "contact_points",
    "value",
    "label",
    "consents",
    "channel",
    "custom",
    "subject",
    "text",
    "priority",
    "due_at",
    "remind_at",
    "owner_id",
    "outcome",
    "merged_id",
    "interaction_id",
    "case_id",
    "role",
    "choices",
    "due_within_seconds",
]
WORDS = ["ready", "not_ready", "break", "sip", "outside", "address", "solved", "person", "phone", "email", "A", "zh"]
WORDS += ["question", "complaint", "resolved", "urgent", "granted", "2026-12-01T09:00:00Z", "0001-01-01T00:00:00Z"]

texts = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=30),
    st.sampled_from(
        ["\x00", "\r\nX: y", "a" * 20_000, "\ud800", "\u202e", "' OR 1=1 --", "<script>", "+86", "@", "💥"]
    ),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from([10**400, -(2**63), 1e308])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | texts, inner, max_size=4),
    max_leaves=12,
)
bodies = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=6).map(lambda body: json.dumps(body).encode()),
    values.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=60),
    st.sampled_from(
        [b"[" * 50_000, b'{"a":' * 20_000, b'"\\ud800"', b"NaN", b"1e999999", b"9" * 6_000, b"\xef\xbb\xbf{}"]
    ),
)
queries = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "before",
            "after",
            "customer_id",
            "agent_id",
            "contact_point",
            "search",
            "kind",
            "state",
            "tag",
            "open",
        ]
    ),
    st.one_of(texts, st.integers().map(str)).filter(lambda text: "\ud800" not in text),
    max_size=3,
)


IDS = ["gold", "sales", "complaint", "reasons", "small", "main", "welcome", "zh", "new", "movements", "1", "1001"]
"""Of the business, and words that routes know: with a name nobody knows most end before they read the rest."""


def body_for(path: str) -> st.SearchStrategy[bytes]:
    """Anything; what the route takes; and that with some fields of it, or others, that it does not expect."""
    sound = BODIES.get(path)
    if not isinstance(sound, dict):
        return bodies
    odd = st.dictionaries(st.sampled_from([*sound, *FIELDS]), values, max_size=2)
    known = st.dictionaries(st.sampled_from([*sound]), values, max_size=1) if sound else st.just({})
    return bodies | (odd | known).map(lambda some: json.dumps({**sound, **some}).encode())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHouse]:
    with furnish(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture(scope="module")
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app, raise_server_exceptions=False) as made:
        yield made


@dataclass(slots=True)
class SignedIn:
    """The session of whoever sends the requests to one route."""

    route: tuple[str, str, str] = ("", "", "")
    token: str = ""


@pytest.fixture(scope="module")
def signed_in() -> SignedIn:
    return SignedIn()


def calls() -> list[tuple[str, str, str]]:
    """Every route with the least who may use it: whoever may not is refused before anything is read."""
    with furnish(Path("nowhere")) as house:
        return sorted(
            (method, context.original_route.path, _asker(context.original_route))
            for context in iter_route_contexts(house.app.routes)
            if isinstance(context.original_route, APIRoute)
            for method in context.original_route.methods or ()
            if context.original_route.path != "/metrics"
        )


def _asker(route: APIRoute) -> str:
    (action,) = actions_of(route.dependant)
    names = (("1001", Role.AGENT), ("super", Role.SUPERVISOR), ("admin", Role.ADMINISTRATOR))
    return next((name for name, role in names if grant_of(role, action) is not None), "1001")


def test_the_routes_of_every_role_are_asked_by_who_may() -> None:
    by = Counter(name for _, _, name in calls())
    assert min(by["1001"], by["super"], by["admin"]) >= 20, by


@pytest.mark.parametrize(("method", "path", "name"), calls())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_request_makes_the_server_fail(
    house: WebHouse, client: TestClient, signed_in: SignedIn, method: str, path: str, name: str, data: st.DataObject
) -> None:
    client.cookies.clear()
    # A name that was locked out by bad passwords must not hide the rest.
    house.sessions._lock_out._counts.clear()
    # One that may have been ended is asked for anew: the routes of sessions end them.
    if (method, path, name) != signed_in.route or "session" in path or "user" in path:
        answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
        signed_in.route, signed_in.token = (method, path, name), answer.json()["token"]
    client.cookies.clear()
    some_id = data.draw(st.sampled_from([house.talk(LI).interaction_id, str(WANG), *IDS]) | texts)
    # The tests' own client sends no address of more than 64 kB.
    at_most = 30_000 // max(1, path.count("{"))
    part = quote(some_id[:at_most].encode("utf-8", "replace"), safe="")
    address = re.sub(r"\{\w+(:path)?\}", lambda _: part, path)
    answer = client.request(
        method,
        address,
        params=data.draw(queries),
        content=data.draw(body_for(path)),
        headers={
            "Authorization": f"Bearer {signed_in.token}",
            "Content-Type": data.draw(
                st.sampled_from(["application/json", "application/json; charset=x", "text/plain"])
            ),
        },
    )
    built_pages_are_missing = path == "/{name:path}" and answer.status_code == 503
    assert answer.status_code < 500 or built_pages_are_missing, answer.text
    assert answer.status_code != 401 or "session" in path or "password" in path, "nobody was signed in any more"
    if answer.status_code >= 400 and method != "HEAD" and not built_pages_are_missing:
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["code"]
