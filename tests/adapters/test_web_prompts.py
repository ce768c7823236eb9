"""Prompts over REST: what is shown, heard, recorded, taken back, and every bad thing that can be sent."""

import io
import wave
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from callcenter.app.prompt_book import LARGEST_RECORDING_BYTES, PREVIEWS_A_MINUTE
from tests.adapters.sounds import encoded, loudest_hertz, samples_of, tone
from tests.adapters.web_house import PASSWORD, WebHouse, furnish

API = "/api/v1"
WELCOME = f"{API}/prompts/main/welcome/en"
SOUND = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    with furnish(tmp_path) as made:
        yield made


def signed_in(house: WebHouse, name: str) -> Iterator[TestClient]:
    with TestClient(house.app) as client:
        client.post(f"{API}/session", json={"name": name, "password": PASSWORD})
        yield client


@pytest.fixture
def admin(house: WebHouse) -> Iterator[TestClient]:
    yield from signed_in(house, "admin")


@pytest.fixture
def boss(house: WebHouse) -> Iterator[TestClient]:
    yield from signed_in(house, "super")


def refusal(answer: Response) -> tuple[int, str]:
    content: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert content["detail"]
    return answer.status_code, content["code"]


def put(client: TestClient, sound: bytes, address: str = WELCOME, **headers: str) -> Response:
    return client.put(f"{address}/recording", content=sound, headers=SOUND | headers)


def text_of(view: dict[str, Any], language: str) -> dict[str, Any]:
    found: dict[str, Any] = next(text for text in view["texts"] if text["language"] == language)
    return found


def listed(client: TestClient, prompt: str, language: str) -> dict[str, Any]:
    items = client.get(f"{API}/prompts").json()["items"]
    return text_of(next(item for item in items if item["prompt"] == prompt), language)


def hertz(answer: Response, tmp_path: Path) -> float:
    assert answer.status_code == 200, answer.content
    assert answer.headers["content-type"] == "audio/wav"
    (tmp_path / "heard.wav").write_bytes(answer.content)
    return loudest_hertz(samples_of(tmp_path / "heard.wav"))


def test_the_list_has_every_prompt_in_each_language(boss: TestClient) -> None:
    told = boss.get(f"{API}/prompts").json()
    assert [(item["prompt_set"], item["prompt"], item["of_queues"]) for item in told["items"]] == [
        ("main", "welcome", False),
        ("main", "choose", False),
        ("main", "named", False),
        ("queue", "apology", True),
    ]
    assert {"wav", "flac"} <= set(told["formats"])
    assert listed(boss, "welcome", "zh") == {
        "language": "zh",
        "voice": "zh",
        "text": "欢迎致电。",
        "variables": [],
        "state": "missing",
        "seconds": None,
        "file": None,
        "recording": None,
    }
    assert (listed(boss, "choose", "zh")["voice"], listed(boss, "choose", "zh")["state"]) == ("en", "missing")
    named = listed(boss, "named", "en")
    assert (named["state"], named["variables"]) == ("variables", ["customer_name"])


def test_a_recording_is_heard_listed_and_in_the_audit_log(house: WebHouse, admin: TestClient, tmp_path: Path) -> None:
    assert hertz(admin.get(f"{WELCOME}/audio"), tmp_path) == pytest.approx(300, abs=5)
    assert listed(admin, "welcome", "en")["state"] == "made"
    answer = put(admin, encoded(tone(hertz=700, rate=44_100, silence_seconds=0.5), "flac"))
    assert answer.status_code == 200, answer.content
    english = text_of(answer.json(), "en")
    assert (english["state"], english["recording"]["by"], english["recording"]["version"]) == ("recorded", "admin", 1)
    sound = english["recording"]["sound"]
    assert (sound["format"], sound["level_db"], len(sound["shape"])) == ("flac", -19.7, 48)
    assert text_of(answer.json(), "zh")["state"] == "missing"
    assert listed(admin, "welcome", "en") == english
    assert hertz(admin.get(f"{WELCOME}/audio"), tmp_path) == pytest.approx(700, abs=5)
    assert house.users.audit_log[-1][2:4] == ("prompt_recorded", "en/main.welcome")


def test_a_recording_is_taken_away_and_had_back(house: WebHouse, admin: TestClient, tmp_path: Path) -> None:
    put(admin, tone(hertz=500))
    put(admin, tone(hertz=900))
    gone = admin.delete(f"{WELCOME}/recording")
    assert text_of(gone.json(), "en")["state"] == "made"
    assert hertz(admin.get(f"{WELCOME}/audio"), tmp_path) == pytest.approx(300, abs=5)
    assert refusal(admin.delete(f"{WELCOME}/recording")) == (404, "no_recording")
    back = admin.post(f"{WELCOME}/recording/restore", json={"version": 1})
    assert text_of(back.json(), "en")["recording"]["restored"] == 1
    assert hertz(admin.get(f"{WELCOME}/audio"), tmp_path) == pytest.approx(500, abs=5)
    history = admin.get(f"{WELCOME}/recording/history").json()["items"]
    assert [(entry["version"], entry["change"]) for entry in history] == [
        (4, "restored"),
        (3, "removed"),
        (2, "recorded"),
        (1, "recorded"),
    ]
    assert hertz(admin.get(f"{WELCOME}/recording/history/2/audio"), tmp_path) == pytest.approx(900, abs=5)
    assert refusal(admin.get(f"{WELCOME}/recording/history/3/audio")) == (404, "unknown_recording")
    assert refusal(admin.post(f"{WELCOME}/recording/restore", json={"version": 77})) == (404, "unknown_recording")
    actions = [entry[2] for entry in house.users.audit_log if entry[2].startswith("prompt_")]
    assert actions == [
        "prompt_recorded",
        "prompt_recorded",
        "prompt_recording_removed",
        "prompt_recording_restored",
    ]


def test_a_recording_of_a_queue_is_where_asterisk_plays_it_by_itself(
    house: WebHouse, admin: TestClient, tmp_path: Path
) -> None:
    address = f"{API}/prompts/queue/apology/en"
    stable = house.directory / "sounds" / "en" / "callcenter" / "apology.wav"
    assert put(admin, tone(hertz=650), address).status_code == 200
    assert loudest_hertz(samples_of(stable)) == pytest.approx(650, abs=5)
    assert admin.delete(f"{address}/recording").status_code == 200
    assert loudest_hertz(samples_of(stable)) == pytest.approx(300, abs=5)


def test_a_prompt_spoken_by_the_other_voice_is_recorded_for_that_voice(admin: TestClient) -> None:
    answer = put(admin, tone(), f"{API}/prompts/main/choose/en")
    assert [(text["language"], text["state"]) for text in answer.json()["texts"]] == [
        ("zh", "recorded"),
        ("en", "missing"),
    ]


def test_what_has_variables_is_heard_as_an_example_and_cannot_be_recorded(admin: TestClient) -> None:
    address = f"{API}/prompts/main/named/zh"
    assert admin.get(f"{address}/audio").status_code == 200
    assert refusal(put(admin, tone(), address)) == (422, "prompt_has_variables")


def test_part_of_a_sound_may_be_asked_for(admin: TestClient) -> None:
    put(admin, tone())
    whole = admin.get(f"{WELCOME}/audio").content
    part = admin.get(f"{WELCOME}/audio", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    with wave.open(io.BytesIO(whole)) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (8_000, 2, 1)


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        (b"", "recording_empty"),
        (b"Our welcome text, saved as welcome.wav.\n" * 20, "recording_format"),
        (b"PK\x03\x04" + b"\x00" * 500, "recording_format"),
        (tone()[:40], "recording_broken"),
        (tone(level_db=-75), "recording_silent"),
    ],
)
def test_what_is_no_recording_is_refused_and_changes_nothing(admin: TestClient, sound: bytes, code: str) -> None:
    put(admin, tone())
    before = listed(admin, "welcome", "en")
    assert refusal(put(admin, sound)) == (422, code)
    assert listed(admin, "welcome", "en") == before


def test_too_much_is_refused_whether_or_not_it_says_so(house: WebHouse, admin: TestClient) -> None:
    assert refusal(put(admin, b"", **{"Content-Length": str(100 * 1024 * 1024)})) == (413, "body_too_large")

    def endless() -> Iterator[bytes]:
        yield tone()[:44]
        for _ in range(LARGEST_RECORDING_BYTES // 65_536 + 1):
            yield b"\x00" * 65_536

    answer = admin.put(f"{WELCOME}/recording", content=endless(), headers=SOUND)
    assert answer.status_code in (413, 422), answer.content
    assert list((house.directory / "recorded" / "incoming").iterdir()) == []
    assert listed(admin, "welcome", "en")["state"] == "missing"


def test_other_calls_take_no_more_than_before(admin: TestClient) -> None:
    large = b'{"language": "en", "text": "' + b"x" * 300_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert refusal(admin.post(f"{API}/prompts/preview", content=large, headers=headers)) == (413, "body_too_large")
    assert refusal(admin.put(f"{WELCOME}/recording", content=b"{}", headers=headers)) == (415, "not_sound")


@pytest.mark.parametrize(
    "path",
    [
        "main/..%2F..%2Fetc%2Fpasswd/en",
        "..%2Fmain/welcome/en",
        "main/welcome/fr",
        "main/welcome/..",
        "main/nothing/en",
        "nothing/welcome/en",
        "queue/welcome/en",
        "main/Welcome/en",
    ],
)
def test_only_prompts_that_are_there_have_recordings(house: WebHouse, admin: TestClient, path: str) -> None:
    answer = put(admin, tone(), f"{API}/prompts/{path}")
    assert answer.status_code in (404, 405, 415, 422), answer.content
    assert not list((house.directory / "recorded").rglob("*.wav"))


def test_a_text_is_spoken_with_examples_so_often_a_minute(house: WebHouse, boss: TestClient) -> None:
    body = {"language": "zh", "text": "您排在第{position:number}位。"}
    for _ in range(PREVIEWS_A_MINUTE):
        answer = boss.post(f"{API}/prompts/preview", json=body)
        assert (answer.status_code, answer.content[:4]) == (200, b"RIFF")
    assert refusal(boss.post(f"{API}/prompts/preview", json=body)) == (503, "too_many_previews")
    house.clock.advance(timedelta(seconds=61))
    assert boss.post(f"{API}/prompts/preview", json=body).status_code == 200
    assert refusal(boss.post(f"{API}/prompts/preview", json={"language": "zh", "text": "x" * 601}))[0] == 422
    assert refusal(boss.post(f"{API}/prompts/preview", json={"language": "fr", "text": "x"}))[0] == 422


def test_supervisors_listen_and_administrators_record(boss: TestClient) -> None:
    assert boss.get(f"{WELCOME}/audio").status_code == 200
    assert refusal(put(boss, tone())) == (403, "forbidden")
    assert refusal(boss.delete(f"{WELCOME}/recording")) == (403, "forbidden")
