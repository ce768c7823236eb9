"""Messages over REST: who sees which, one agent each, the audio in parts, and each play in the audit log."""

import wave
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete

from callcenter.domain import events as ev
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.interactions import apply, begin
from callcenter.domain.messages import message_name
from callcenter.domain.numbers import Number
from callcenter.store import tables
from callcenter.store.batches import make_entry, store_entries
from tests.adapters.web_house import PASSWORD, WANG, WebHouse, elsewhere, furnish

API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


@pytest.fixture
def client(house: WebHouse) -> Iterator[TestClient]:
    with TestClient(house.app) as made:
        yield made


def sign_in(client: TestClient, name: str) -> TestClient:
    client.cookies.clear()
    client.post(f"{API}/session", json={"name": name, "password": PASSWORD}).raise_for_status()
    return client


def left(house: WebHouse, call: str, queue: str = "sales", *, known: bool = False) -> str:
    """A message with its file; the message's id."""
    interaction_id, at = InteractionId(call), house.clock.now() + timedelta(seconds=len(call))
    name = message_name(interaction_id, QueueId(queue))
    number = Number(raw="13800138000", e164="+8613800138000")
    arrived = ev.InteractionArrived(
        interaction_id=interaction_id, at=at, channel="x", ani=number, dnis="4000", caller_name=""
    )
    told: list[ev.InteractionEvent] = [
        ev.MessageLeft(interaction_id=interaction_id, at=at, queue_id=QueueId(queue), file=f"{name}.wav", seconds=1.0),
        ev.InteractionEnded(interaction_id=interaction_id, at=at, outcome=ev.Outcome.MESSAGE_LEFT),
    ]
    if known:
        told.insert(0, ev.CustomerMatched(interaction_id=interaction_id, at=at, customer_ids=(WANG,), customer_id=WANG))
    record = begin(arrived)
    for event in told:
        record = apply(record, event)

    async def store() -> None:
        async with house.database.writing() as connection:
            await store_entries(connection, [make_entry([arrived, *told], [record], [])])

    elsewhere(store())
    house.deps.recordings.mkdir(exist_ok=True)
    with wave.open(str(house.deps.recordings / f"{name}.wav"), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", "not compressed"))
        file.writeframes(bytes(range(200)) * 80)
    return name.removeprefix("message-")


def listed(client: TestClient, query: str = "") -> list[str]:
    answer = client.get(f"{API}/messages{query}")
    assert answer.status_code == 200, answer.text
    return [item["message_id"] for item in answer.json()["items"]]


def test_an_agent_sees_the_queues_he_serves_and_a_supervisor_all(house: WebHouse, client: TestClient) -> None:
    sales, support = left(house, "1.1"), left(house, "1.22", "support")
    assert listed(sign_in(client, "1001")) == [sales]
    assert listed(client, "?queue_id=support") == []
    for path in ("", "/audio", "/customer"):
        assert client.get(f"{API}/messages/{support}{path}").status_code == 404
    assert client.post(f"{API}/messages/{support}/take").status_code == 404
    assert listed(sign_in(client, "1002")) == [sales, support]
    assert listed(sign_in(client, "super")) == [sales, support]
    assert listed(client, "?newest_first=true&limit=1") == [support]
    first = client.get(f"{API}/messages?limit=1").json()
    assert listed(client, f"?after={first['next_after']}") == [support]


def test_one_has_it_the_other_is_told_who_and_a_supervisor_decides(house: WebHouse, client: TestClient) -> None:
    message = f"{API}/messages/{left(house, '1.1')}"
    taken = sign_in(client, "1001").post(f"{message}/take").json()
    assert (taken["state"], taken["taken_by"]) == ("taken", "1001")
    assert listed(client, "?mine=true&state=taken") == [taken["message_id"]]
    refused = sign_in(client, "1002").post(f"{message}/take")
    assert (refused.status_code, refused.json()["code"]) == (409, "message_taken")
    assert "李娜" in refused.json()["detail"]
    back = sign_in(client, "super").post(f"{message}/put-back")
    assert (back.status_code, back.json()["state"]) == (200, "new")
    sign_in(client, "1002").post(f"{message}/take").raise_for_status()
    wrong = client.post(f"{message}/finish", json={"disposition": "nonsense"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_disposition")
    done = client.post(f"{message}/finish", json={"disposition": "solved", "notes": "x"}).json()
    assert (done["state"], done["done_by"], done["disposition"]) == ("done", "1002", "solved")
    assert client.post(f"{message}/put-back").json()["code"] == "message_done"
    assert listed(client, "?state=new&state=taken") == []


def test_it_is_played_whole_and_in_parts_and_each_play_is_written_down(house: WebHouse, client: TestClient) -> None:
    message_id = left(house, "1.1")
    audio = f"{API}/messages/{message_id}/audio"
    assert client.get(audio).status_code == 401
    whole = sign_in(client, "1001").get(audio)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    part = client.get(audio, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert client.get(audio, headers={"Range": "bytes=0-"}).status_code == 206
    assert client.get(audio, headers={"Range": "bytes=999999999-"}).status_code == 416
    plays = [line for line in house.users.audit_log if line[2] == "message_played"]
    assert [(by, subject) for _, by, _, subject, _ in plays] == [("1001", message_id)] * 2


def test_a_recording_that_is_gone_is_said_and_no_other_file_is_served(house: WebHouse, client: TestClient) -> None:
    message_id = left(house, "1.1")
    sign_in(client, "1001")
    (house.deps.recordings / f"message-{message_id}.wav").unlink()
    gone = client.get(f"{API}/messages/{message_id}/audio")
    assert (gone.status_code, gone.json()["code"]) == (404, "recording_missing")
    secret = house.deps.recordings.parent / "message-x_y.wav"
    secret.write_bytes(b"secret")

    async def point_elsewhere() -> None:
        async with house.database.writing() as connection:
            await connection.execute(tables.messages.update().values(file="../message-x_y.wav"))

    elsewhere(point_elsewhere())
    assert client.get(f"{API}/messages/{message_id}/audio").status_code == 404


def test_the_card_of_who_left_it_and_none_of_a_stranger(house: WebHouse, client: TestClient) -> None:
    known, stranger = left(house, "1.1", known=True), left(house, "1.22")
    sign_in(client, "1001")
    assert client.get(f"{API}/messages/{known}/customer").json()["name"] == "王芳"
    assert client.get(f"{API}/messages/{stranger}/customer").json()["code"] == "unknown_customer"


def test_calling_back_takes_it_in_hand_or_says_why_not(house: WebHouse, client: TestClient) -> None:
    message_id = left(house, "1.1")
    house.called_back.refusal = Conflict("there is no trunk", code="no_calls_out")
    refused = sign_in(client, "1001").post(f"{API}/messages/{message_id}/call-back")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_calls_out")
    house.called_back.refusal = None
    made = client.post(f"{API}/messages/{message_id}/call-back")
    assert (made.status_code, made.json()) == (201, {"interaction_id": "cb1-1.1"})
    assert client.get(f"{API}/messages/{message_id}").json()["taken_by"] == "1001"


def test_a_message_goes_with_the_record_of_its_call(house: WebHouse, client: TestClient) -> None:
    left(house, "1.1")

    async def erase() -> None:
        async with house.database.writing() as connection:
            await connection.execute(delete(tables.interactions))

    elsewhere(erase())
    assert listed(sign_in(client, "super")) == []
