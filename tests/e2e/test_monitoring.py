"""Supervisors in talks on the real system: what caller, agent and supervisor hear is measured, what is kept is read.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from callcenter.domain.ids import AgentId
from callcenter.store.database import Database
from callcenter.store.users import StoredUsers, put_user
from tests.e2e.agent_phone import IncomingCall
from tests.e2e.desktop import Desktop
from tests.e2e.house import PASSWORD
from tests.e2e.phones import Caller
from tests.e2e.routing_house import AGENTS_HERTZ, CALLERS_TONE, RoutingHouse
from tests.e2e.rtp import RtpStream

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

AGENT, BOSS = "1001", "1009"
FIRST, SECOND, THIRD, FOURTH = (f"+861370000001{number}" for number in range(4))
HEARD, UNHEARD = 0.15, 0.02
"""Shares of the energy over a line: of two voices at once each has about half."""
QUEUES = {
    "told": "skills: {tech: 1}, wrap_up_seconds: 30",
    "secret": "skills: {tech: 1}, monitoring: silent",
    "toned": "skills: {tech: 1}, monitoring: tone",
}
AGENTS = {AGENT: "skills: {tech: 5}", BOSS: "skills: {billing: 5}", "1002": "skills: {billing: 5}"}


class EarHouse(RoutingHouse):
    """A house whose supervisor is an agent too, with a phone of his own."""

    async def _arrange_for_tests(self) -> None:
        await super()._arrange_for_tests()
        database = Database(self.settings.database_url)
        try:
            user = await StoredUsers(database).by_name("super")
            assert user is not None
            async with database.writing() as connection:
                await put_user(connection, replace(user, agent_id=AgentId(BOSS)))
        finally:
            await database.dispose()

    async def listen(self, mode: str = "listen", agent_id: str = AGENT) -> str:
        """Order it, as the page does; the id."""
        board = await self.board()
        begun = await board.send("POST", "/monitoring", {"agent_id": agent_id, "mode": mode})
        return str(begun["monitoring_id"])

    async def shows(self, monitoring_id: str, **wanted: str) -> dict[str, Any]:
        """Wait until the board shows this of somebody who listens."""
        board = await self.board()

        def does() -> bool:
            row = board.documents.get("monitoring", {}).get(monitoring_id, {})
            return all(row.get(name) == value for name, value in wanted.items())

        await board.until(does, f"{monitoring_id} shows {wanted}", 20.0)
        return board.documents["monitoring"][monitoring_id]

    async def audited(self, count: int, interaction_id: str) -> list[tuple[str, str]]:
        """The lines of the audit log about an interaction, once there are so many."""
        query = 'SELECT action, detail, "by" FROM audit WHERE subject = ? ORDER BY audit_id'

        async def are_there() -> bool:
            return len(self.invariants().rows(query, interaction_id)) >= count

        await self.until(are_there, f"{count} lines of the audit log")
        rows = self.invariants().rows(query, interaction_id)
        assert {row["by"] for row in rows} == {"super"}
        return [(row["action"], row["detail"]) for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[EarHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-ears-", dir="/tmp") as base:
        async with EarHouse(Path(base), queues=QUEUES, agents=AGENTS) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: EarHouse) -> AsyncIterator[EarHouse]:
    yield the_house
    await the_house.check()


async def measured(lines: Mapping[str, RtpStream]) -> dict[str, dict[str, float]]:
    """For a second: whose voice has what share on whose line."""
    voices = {"caller": CALLERS_TONE.hertz, "agent": AGENTS_HERTZ[AGENT], "boss": AGENTS_HERTZ[BOSS]}
    since = time.monotonic() + 0.3
    await asyncio.sleep(1.3)  # So long is what is measured.
    return {
        who: {whose: round(line.tone_share(hertz, since), 3) for whose, hertz in voices.items()}
        for who, line in lines.items()
    }


def hears(shares: Mapping[str, float]) -> set[str]:
    """Whose voices are on a line; one that can hardly be told from nothing is an error, either way."""
    assert all(share > HEARD or share < UNHEARD for share in shares.values()), shares
    return {whose for whose, share in shares.items() if share > HEARD}


EXPECTED = {
    "listen": {"caller": {"agent"}, "agent": {"caller"}, "boss": {"caller", "agent"}},
    "whisper": {"caller": {"agent"}, "agent": {"caller", "boss"}, "boss": {"caller", "agent"}},
    "barge": {"caller": {"agent", "boss"}, "agent": {"caller", "boss"}, "boss": {"caller", "agent"}},
}


async def hear_as(mode: str, caller: Caller, agent: IncomingCall, boss: IncomingCall) -> None:
    """Hold what each of the three hears to the mode."""
    lines = {"caller": caller.audio, "agent": agent.audio, "boss": boss.audio}
    await boss.audio.hear_tone(CALLERS_TONE.hertz, share=HEARD)
    if mode != "listen":
        await agent.audio.hear_tone(AGENTS_HERTZ[BOSS], share=HEARD)
    if mode == "barge":
        await caller.audio.hear_tone(AGENTS_HERTZ[BOSS], share=HEARD)
    shares = await measured(lines)
    assert {who: hears(shares[who]) for who in lines} == EXPECTED[mode], (mode, shares)


def monitoring_of(record: Mapping[str, Any]) -> list[str]:
    """What an interaction's timeline says of listeners."""
    return [entry["name"] for entry in record["timeline"] if entry["name"].startswith("monitoring")]


async def test_each_hears_what_the_mode_says_and_all_of_it_is_kept(house: EarHouse) -> None:
    async with house.phone(BOSS) as phone, house.agent(AGENT) as agent, house.dialled("told", FIRST) as caller:
        talk = await agent.talks()
        interaction_id = await house.interaction_of(caller)
        monitoring_id = await house.listen()
        boss = await phone.talking()
        await house.shows(monitoring_id, state="live", mode="listen", by="super", agent_id=AGENT)
        shown = await agent.desktop.sees("me", "monitored")
        assert [one["mode"] for one in shown["listeners"]] == ["listen"]
        board = await house.board()
        await hear_as("listen", caller, talk, boss)
        for mode in ("whisper", "barge", "listen"):
            answer = await board.send("PUT", f"/monitoring/{monitoring_id}/mode", {"mode": mode})
            assert answer["mode"] == mode
            await hear_as(mode, caller, talk, boss)
        ended = await board.send("DELETE", f"/monitoring/{monitoring_id}", None)
        assert (ended["state"], ended["end"]) == ("ended", "stopped")
        await boss.ended()
        await agent.desktop.until(lambda: "monitored" not in agent.desktop.documents["me"], "nobody listens")
        await caller.audio.hear_tone(AGENTS_HERTZ[AGENT], share=0.9)
        assert len(phone.calls) == 1
        await caller.hang_up()
    record = await house.ended(interaction_id)
    assert monitoring_of(record) == [
        "monitoring_started",
        "monitoring_changed",
        "monitoring_changed",
        "monitoring_changed",
        "monitoring_ended",
    ]
    lines = await house.audited(5, interaction_id)
    assert lines[:2] == [
        ("monitoring_started", f"agent {AGENT}, listen, said"),
        ("monitoring_changed", f"agent {AGENT}, listen -> whisper"),
    ]
    assert lines[-1][0] == "monitoring_ended"
    assert record["agent_id"] == AGENT


async def test_the_end_of_the_talk_is_the_end_of_the_hearing_and_the_next_talk_is_not_heard(house: EarHouse) -> None:
    async with house.phone(BOSS) as phone, house.agent(AGENT) as agent:
        async with house.dialled("secret", FIRST) as caller:
            await agent.talks()
            interaction_id = await house.interaction_of(caller)
            monitoring_id = await house.listen("barge")
            boss = await phone.talking()
            await house.shows(monitoring_id, state="live")
            # Whom nobody is to know of, the desk does not show; the audit log does.
            assert "monitored" not in agent.desktop.documents["me"]
            await caller.hang_up()
            await boss.ended()
            assert (await house.shows(monitoring_id, state="ended"))["end"] == "talk_over"
        assert (await house.audited(2, interaction_id))[0] == ("monitoring_started", f"agent {AGENT}, barge, silent")
        await agent.desktop.state_becomes("ready")
        async with house.dialled("secret", SECOND) as caller:
            await agent.talks()
            assert len(phone.calls) == 1
            await caller.hang_up()


def disturbed(line: RtpStream, hertz: int, since: float) -> Callable[[], Awaitable[bool]]:
    """Whether for a fifth of a second something else was heard over the other's voice."""

    async def was() -> bool:
        parts = int((time.monotonic() - since) / 0.2)
        shares = [line.tone_share(hertz, since + 0.2 * part, since + 0.2 * part + 0.2) for part in range(parts)]
        return any(0.0 < share < 0.9 for share in shares)

    return was


async def test_both_hear_a_tone_where_the_queue_says_so(house: EarHouse) -> None:
    async with house.phone(BOSS) as phone, house.agent(AGENT) as agent, house.dialled("toned", FIRST) as caller:
        talk = await agent.talks()
        await caller.audio.hear_tone(AGENTS_HERTZ[AGENT], share=0.9)
        since = time.monotonic()
        monitoring_id = await house.listen()
        await phone.talking()
        await house.shows(monitoring_id, state="live")

        for line, hertz in ((caller.audio, AGENTS_HERTZ[AGENT]), (talk.audio, CALLERS_TONE.hertz)):
            await house.until(disturbed(line, hertz, since), "a tone over the talk")
            await line.hear_tone(hertz, share=0.95)
        await caller.hang_up()


async def test_the_supervisor_takes_the_caller_over_and_the_agent_goes_to_his_after_call_work(house: EarHouse) -> None:
    board = await house.board()
    async with house.phone(BOSS) as phone, house.agent(AGENT) as agent, house.dialled("told", THIRD) as caller:
        talk = await agent.talks()
        interaction_id = await house.interaction_of(caller)
        monitoring_id = await house.listen("whisper")
        boss = await phone.talking()
        await house.shows(monitoring_id, state="live")
        taken = await board.send("POST", f"/monitoring/{monitoring_id}/take-over", {})
        assert taken["end"] == "took_over"
        await talk.ended()
        await agent.desktop.state_becomes("wrap_up")
        await board.until(lambda: board.documents["agents"][BOSS]["state"] == "talking", "he talks himself")
        await caller.audio.hear_tone(AGENTS_HERTZ[BOSS], share=0.9)
        await boss.audio.hear_tone(CALLERS_TONE.hertz, share=0.9)
        # Through several reconciliations and another server, it stays his talk.
        await house.kill_server()
        await house.start_server()
        await house.renew_board()
        board = await house.board()
        await board.until(lambda: board.documents["agents"][BOSS]["state"] == "talking", "it is still his")
        await boss.hang_up()
        await caller.ended()
    record = await house.ended(interaction_id)
    assert record["agent_id"] == BOSS
    talks = [entry for entry in record["timeline"] if entry["name"] in ("interaction_connected", "talk_ended")]
    assert [(entry["name"], entry["data"]["agent_id"]) for entry in talks] == [
        ("interaction_connected", AGENT),
        ("talk_ended", AGENT),
        ("interaction_connected", BOSS),
        ("talk_ended", BOSS),
    ]
    assert [leg["agent_id"] for leg in record["legs"] if leg["role"] == "agent"] == [AGENT, BOSS]
    assert monitoring_of(record) == ["monitoring_started", "monitoring_ended"]
    await board.send("PUT", f"/agents/{BOSS}/state", {"state": "logged_out"})


async def test_who_listens_is_heard_on_and_shown_again_after_a_restart(house: EarHouse) -> None:
    async with house.phone(BOSS) as phone, house.agent(AGENT) as agent, house.dialled("told", FOURTH) as caller:
        talk = await agent.talks()
        interaction_id = await house.interaction_of(caller)
        monitoring_id = await house.listen("whisper")
        boss = await phone.talking()
        before = await house.shows(monitoring_id, state="live", mode="whisper")
        await house.audited(1, interaction_id)

        async def is_kept() -> bool:
            return any(e["interaction_id"] == interaction_id for e in house.invariants().events("MonitoringStarted"))

        await house.until(is_kept, "the beginning is on the disk")
        await house.kill_server()
        await hear_as("whisper", caller, talk, boss)
        await house.start_server()
        await house.renew_board()
        after = await house.shows(monitoring_id, state="live", mode="whisper")
        assert after["live_since"] == before["live_since"]
        board = await house.board()
        await board.send("PUT", f"/monitoring/{monitoring_id}/mode", {"mode": "barge"})
        await hear_as("barge", caller, talk, boss)
        # While the next server is away he hangs up: his end is told by the one after it, once.
        await house.kill_server()
        await boss.hang_up()
        await house.start_server()
        await house.renew_board()
        lines = await house.audited(3, interaction_id)
        assert [action for action, _ in lines] == ["monitoring_started", "monitoring_changed", "monitoring_ended"]
        assert "lost" in lines[-1][1]
        await caller.hang_up()
    assert monitoring_of(await house.ended(interaction_id))[-1] == "monitoring_ended"


async def test_what_is_not_possible_is_said(house: EarHouse) -> None:
    board = await house.board()

    async def refused(body: Mapping[str, object], who: str = "super") -> tuple[int, str]:
        async with httpx2.AsyncClient(base_url=f"{house.web_url}/api/v1", verify=False) as client:
            session = await client.post("/session", json={"name": who, "password": PASSWORD})
            headers = {"Authorization": f"Bearer {session.json()['token']}"}
            answer = await client.post("/monitoring", json=body, headers=headers)
            return answer.status_code, answer.json()["code"]

    async with house.agent(AGENT) as agent:
        assert await refused({"agent_id": AGENT}) == (409, "not_in_talk")
        async with house.dialled("secret", FIRST) as caller:
            await agent.talks()
            assert await refused({"agent_id": AGENT}, "1002") == (403, "forbidden")
            await board.until(
                lambda: board.documents["agents"][BOSS]["phone"]["status"] == "unreachable", "his phone is away", 20.0
            )
            assert await refused({"agent_id": AGENT}) == (409, "phone_unreachable")
            await caller.hang_up()


async def test_a_notice_lies_on_every_desk_until_it_is_read(house: EarHouse) -> None:
    board = await house.board()
    async with house.agent(AGENT) as agent:
        text = "Stay calm.\n系统故障,请安抚客户。"
        sent = await board.send("POST", "/notices", {"to": "all", "text": text})
        # Those of the demo who are nobody's here have desks too.
        assert {AGENT, BOSS, "1002"} <= {receipt["agent_id"] for receipt in sent["receipts"]}
        (shown,) = (await agent.desktop.sees("me", "notices"))["items"]
        assert (shown["text"], shown["to"]) == (text, "all")
        await agent.desktop.send("PUT", f"/agents/me/notices/{shown['notice_id']}/read", None)
        await agent.desktop.until(lambda: "notices" not in agent.desktop.documents["me"], "it is closed")
        await house.kill_server()
        await house.start_server()
        await house.renew_board()
    late: Desktop = await house.desktop("1002")
    (shown,) = (await late.sees("me", "notices"))["items"]
    assert shown["text"] == text
    (kept,) = (await (await house.board()).get("/notices"))["items"]
    read = {receipt["agent_id"]: receipt["read_at"] is not None for receipt in kept["receipts"]}
    assert read[AGENT]
    assert not read["1002"]
