"""Messages on real Asterisk: spoken, kept through crashes, worked on at the desk, and taken while no server was there.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import io
import tempfile
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import pytest_asyncio

from tests.e2e.house import PASSWORD
from tests.e2e.phones import Caller
from tests.e2e.routing_house import CALLERS_TONE, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

STAYS, LEAVES, SPEAKS, WISHES, TELLS = (f"+861370000002{digit}" for digit in range(5))
API = "/api/v1"
QUEUES = {
    "lonely": "skills: {billing: 1}, when_nobody: message",
    "waited": "skills: {billing: 1}",
}
AGENTS = {"1001": "skills: {billing: 8}", "1002": "skills: {billing: 5}"}
AGAIN_WITHIN_SECONDS = 3.0
"""So soon after a restart he is where he was when the server was killed."""
SAMPLES = 8_000
BYTES_A_SECOND = 2 * SAMPLES


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-messages-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


@dataclass(slots=True)
class Clerk:
    """Somebody signed in over REST alone."""

    url: str
    token: str = ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._ask("GET", path, headers=headers)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        return await self._ask("POST", path, body={} if body is None else body)

    async def messages_of(self, interaction_id: str) -> list[dict[str, Any]]:
        answer = await self.get(f"/messages?interaction_id={interaction_id}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def _ask(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=self.url, verify=False, timeout=20) as client:
            bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            return await client.request(method, f"{API}{path}", json=body, headers=bearer | (headers or {}))


async def clerk(house: RoutingHouse, name: str) -> Clerk:
    """Sign somebody in."""
    someone = Clerk(house.web_url)
    answer = await someone.post("/session", {"name": name, "password": PASSWORD})
    answer.raise_for_status()
    someone.token = answer.json()["token"]
    return someone


async def spoken(house: RoutingHouse, interaction_id: str, seconds: float, *, queue: str = "lonely") -> None:
    """Wait until so much of a message is on the disk."""
    path = house.settings.recordings_directory / f"message-{interaction_id}_{queue}.wav"

    async def is_there() -> bool:
        return path.exists() and path.stat().st_size > seconds * BYTES_A_SECOND

    await house.until(is_there, f"{seconds} s are recorded")


async def the_message(house: RoutingHouse, interaction_id: str, *, by: str = "super") -> dict[str, Any]:
    """The one message of a call, once its row is there."""
    someone = await clerk(house, by)
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        found[:] = await someone.messages_of(interaction_id)
        return bool(found)

    await house.until(is_there, f"the message of {interaction_id} is in the list")
    assert len(found) == 1
    return found[0]


async def heard(house: RoutingHouse, message: dict[str, Any], *, hertz: int | None = CALLERS_TONE.hertz) -> float:
    """The length of a message as anybody hears it: a tone of the caller's, loud enough."""
    someone = await clerk(house, "super")
    answer = await someone.get(f"/messages/{message['message_id']}/audio")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav"), answer.text
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getframerate() == SAMPLES
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float)
    assert np.sqrt(np.mean(samples**2)) > 1_000, "the message is silent"
    loudest = np.abs(np.fft.rfft(samples)).argmax() * SAMPLES / len(samples)
    assert hertz is None or abs(loudest - hertz) < 20, f"not what the caller said, but {loudest:g} Hz"
    return len(samples) / SAMPLES


# ---- at the desk


async def leave(house: RoutingHouse, ani: str) -> str:
    """A caller leaves some three seconds; the id of his call."""
    async with house.dialled("lonely", ani) as caller:
        ear = house.ear(caller)
        await ear.hears("leave_message")
        interaction_id = await house.interaction_of(caller)
        await spoken(house, interaction_id, 3)
        await caller.press("#")
        await ear.hears("message_review")
        await caller.press("1")
        await ear.hears("message_kept")
        assert (await caller.ended(20)).by == "server"
    return interaction_id


async def test_a_message_is_heard_and_worked_on_by_one_agent(house: RoutingHouse) -> None:
    desk = await house.desktop("1001")
    before = desk.documents["me"]["messages"]["new"]
    interaction_id = await leave(house, SPEAKS)
    # The desk knows without asking.
    await desk.until(lambda: desk.documents["me"]["messages"]["new"] == before + 1, "the desk shows a new message", 20)
    message = await the_message(house, interaction_id, by="1001")
    assert (message["queue_id"], message["state"], message["ani"]["e164"]) == ("lonely", "new", SPEAKS)
    assert await heard(house, message) == pytest.approx(message["seconds"], abs=2.0)
    first, second = await clerk(house, "1001"), await clerk(house, "1002")
    address = f"/messages/{message['message_id']}"
    part = await first.get(f"{address}/audio", Range="bytes=1000-1999")
    assert (part.status_code, len(part.content)) == (206, 1_000)
    assert (await first.post(f"{address}/take")).json()["taken_by"] == "1001"
    refused = await second.post(f"{address}/take")
    assert (refused.status_code, refused.json()["code"]) == (409, "message_taken")
    assert "Agent 1001" in refused.json()["detail"]
    done = await first.post(f"{address}/finish", {"notes": "called him"})
    assert (done.status_code, done.json()["state"], done.json()["done_by"]) == (200, "done", "1001")
    rows = house.invariants().rows("SELECT * FROM audit WHERE action = 'message_played'")
    assert [row["by"] for row in rows] == ["super"]
    assert (await house.ended(interaction_id))["outcome"] == "message_left"


async def test_who_is_called_back_talks_to_the_agent_who_heard_him(house: RoutingHouse) -> None:
    interaction_id = await leave(house, SPEAKS)
    message = await the_message(house, interaction_id)
    async with house.outside() as outside, house.agent("1001") as agent:
        someone = await clerk(house, "1001")
        answer = await someone.post(f"/messages/{message['message_id']}/call-back")
        assert answer.status_code == 201, answer.text
        call = await outside.talking()
        assert f"{SPEAKS}@" in call.invite.start_line
        await agent.talks()
        await call.hang_up()
    record = await house.ended(answer.json()["interaction_id"])
    assert (record["outcome"], record["agent_id"], record["queue_id"]) == ("answered", "1001", "lonely")
    assert (await the_message(house, interaction_id))["taken_by"] == "1001"


# ---- the server is killed in the middle


async def speak_and_kill(house: RoutingHouse, caller: Caller) -> str:
    """He speaks, and the server is gone."""
    await house.ear(caller).hears("leave_message")
    interaction_id = await house.interaction_of(caller)
    await spoken(house, interaction_id, 1)
    await house.kill_server()
    await spoken(house, interaction_id, 3)
    return interaction_id


async def test_killed_while_he_speaks_nothing_is_lost_and_he_goes_on(house: RoutingHouse) -> None:
    async with house.dialled("lonely", STAYS) as caller:
        interaction_id = await speak_and_kill(house, caller)
        ear = house.ear(caller)
        before = len(ear.heard())
        await house.launch_server()
        await caller.press("#")
        await house.ready()
        await ear.hears("message_review", seconds=AGAIN_WITHIN_SECONDS)
        # He goes on where he was, and is not told anew to speak.
        assert [said for said in ear.heard()[before:] if said != "apology"] == ["message_review"]
        await caller.press("1")
        await ear.hears("message_kept")
        assert (await caller.ended(20)).by == "server"
    assert (await house.ended(interaction_id))["outcome"] == "message_left"
    message = await the_message(house, interaction_id)
    assert await heard(house, message) == pytest.approx(message["seconds"], abs=2.0)
    assert message["seconds"] >= 3


async def test_who_hangs_up_while_the_server_is_away_has_left_what_he_said(house: RoutingHouse) -> None:
    async with house.dialled("lonely", LEAVES) as caller:
        interaction_id = await speak_and_kill(house, caller)
        await caller.hang_up()
    await house.start_server()
    record = await house.ended(interaction_id)
    assert record["outcome"] == "message_left"
    message = await the_message(house, interaction_id)
    assert await heard(house, message) == pytest.approx(message["seconds"], abs=2.0)
    # A second start finds nothing more.
    await house.stop_server()
    await house.start_server()
    await the_message(house, interaction_id)
    left = house.invariants().events("MessageLeft")
    assert [event["interaction_id"] for event in left].count(interaction_id) == 1


# ---- no server for long: Asterisk's own script

LADDER = {
    "CALLCENTER_ASTERISK_APOLOGY_AFTER_SECONDS": "1",
    "CALLCENTER_ASTERISK_FALLBACK_AFTER_SECONDS": "2",
    "CALLCENTER_ASTERISK_FALLBACK_LIMIT_SECONDS": "1",
}


async def prompts_written(house: RoutingHouse) -> None:
    """Wait until Asterisk can say by itself all that the script says; a server writes it after its start."""
    names = ("emergency_offer", "emergency_callback_taken", "leave_message", "message_kept")
    paths = [house.settings.sound_directory / "zh" / "callcenter" / f"{name}.wav" for name in names]

    async def are_there() -> bool:
        return all(path.is_file() for path in paths)

    await house.until(are_there, "the prompts of the emergency script are written", seconds=60)


async def in_spool(house: RoutingHouse, wish: str) -> str:
    """Wait until the script has written what somebody wants; the id of his call."""
    found: list[Path] = []

    async def is_there() -> bool:
        found[:] = [path for path in house.settings.emergency_directory.glob("*.json") if wish in path.read_text()]
        return bool(found)

    await house.until(is_there, f"a {wish} is in the spool")
    (path,) = found
    return path.stem


async def test_what_callers_want_while_nobody_is_there_is_there_once_when_the_server_is_back() -> None:
    with tempfile.TemporaryDirectory(prefix="cc-emergency-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS, environment=LADDER) as house:
            async with house.dialled("waited", WISHES) as wishes, house.dialled("waited", TELLS) as tells:
                await asyncio.gather(wishes.answered(), tells.answered())
                calls = [await house.interaction_of(wishes), await house.interaction_of(tells)]
                await prompts_written(house)
                await house.stop_server()
                hears, listens = house.ear(wishes), house.ear(tells)
                await asyncio.gather(hears.hears("emergency_offer"), listens.hears("emergency_offer"))
                await wishes.press("1")
                await hears.hears("emergency_callback_taken")
                assert await in_spool(house, '"callback"') == calls[0]
                await tells.press("2")
                await listens.hears("leave_message")
                recording = house.settings.emergency_directory / f"message-{calls[1]}.wav"

                async def has_three_seconds() -> bool:
                    return recording.exists() and recording.stat().st_size > 3 * BYTES_A_SECOND

                await house.until(has_three_seconds, "three seconds are recorded")
                await tells.press("#")
                await listens.hears("message_kept")
                assert await in_spool(house, '"message"') == calls[1]
                await asyncio.gather(wishes.ended(30), tells.ended(30))
            for _ in range(2):
                await house.start_server()
                assert (await house.ended(calls[0]))["outcome"] == "callback_taken"
                assert (await house.ended(calls[1]))["outcome"] == "message_left"
                message = await the_message(house, calls[1])
                assert await heard(house, message) == pytest.approx(message["seconds"], abs=2.0)
                callbacks = house.invariants().callbacks()
                assert [row["interaction_id"] for row in callbacks] == [f"cb-{calls[0]}"]
                assert (callbacks[0]["queue_id"], callbacks[0]["ended_at"]) == ("waited", None)

                async def is_empty() -> bool:
                    return not list(house.settings.emergency_directory.glob("*.json"))

                await house.until(is_empty, "the spool is empty")
                await house.stop_server()
            await house.start_server()
            async with house.outside() as outside, house.agent("1001") as agent:
                call = await outside.talking()
                assert f"{WISHES}@" in call.invite.start_line
                await agent.talks()
                await call.hang_up()
            await house.check()
