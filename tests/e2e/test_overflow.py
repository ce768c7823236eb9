"""Where a queue sends those it cannot serve, on real Asterisk: another queue, a number outside, a message, words.

After every test the invariants I1-I4 are checked over everything that has happened in the house so far.
"""

import tempfile
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.e2e.phones import Reject
from tests.e2e.routing_house import AGENTS_HERTZ, CALLERS_TONE, OUTSIDE_HERTZ, RoutingHouse

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FIRST, SECOND, THIRD = "+8613700000011", "+8613700000012", "+8613700000013"
OUTSIDE = "+8613900001111"
LONGEST_SECONDS = 2

QUEUES = {
    "narrow": "skills: {billing: 1}, max_waiting: 1, when_full: {queue: wide}",
    "wide": "skills: {tech: 1}",
    "narrow_closed": "skills: {billing: 1}, max_waiting: 0, when_full: closed",
    "hasty": f"skills: {{billing: 1}}, max_wait_seconds: {LONGEST_SECONDS}, when_too_long: {{number: '{OUTSIDE}'}}",
    "lonely": "skills: {billing: 1}, when_nobody: message",
    "shut": "skills: {billing: 1}, hours: never, when_closed: closed",
    "stepping": "steps: [{after_seconds: 0, who: 'billing>=1'}, "
    "{after_seconds: 2, who: 'billing>=1', overflow: {queue: wide}}]",
    "alarmed": "skills: {billing: 1}",
    "diverted": "skills: {billing: 1}, when_emergency: {queue: wide}",
}
AGENTS = {"1001": "skills: {billing: 8}", "1004": "skills: {tech: 5}"}
HOURS = "hours: {never: {timezone: Asia/Shanghai}}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def the_house() -> AsyncIterator[RoutingHouse]:
    with tempfile.TemporaryDirectory(prefix="cc-overflow-", dir="/tmp") as base:
        async with RoutingHouse(Path(base), queues=QUEUES, agents=AGENTS, rest=HOURS) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(the_house: RoutingHouse) -> AsyncIterator[RoutingHouse]:
    yield the_house
    await the_house.check()


async def test_who_comes_to_a_full_queue_waits_in_another(house: RoutingHouse) -> None:
    async with house.dialled("narrow", FIRST) as first:
        await house.waiting("narrow", 1)
        async with house.dialled("narrow", SECOND) as second:
            (row,) = await house.waiting("wide", 1)
            assert row["ani"]["e164"] == SECOND
            async with house.agent("1004") as agent:
                await agent.talks()
                assert (await agent.desktop.pops(stage="talking"))["queue"]["queue_id"] == "wide"
                await second.audio.hear_tone(AGENTS_HERTZ["1004"])
                await second.hang_up()
            record = await house.record_of(second)
        await first.hang_up()
    sent = [entry["data"] for entry in record["timeline"] if entry["name"] == "interaction_overflowed"]
    assert [(data["queue_id"], data["cause"]) for data in sent] == [("narrow", "full")]
    assert (record["outcome"], record["queue_id"], record["agent_id"]) == ("answered", "wide", "1004")


async def test_who_comes_to_a_full_queue_may_be_told_so(house: RoutingHouse) -> None:
    async with house.agent("1001"), house.dialled("narrow_closed", FIRST) as caller:
        ear = house.ear(caller)
        await ear.hears("too_many")
        assert (await caller.ended(20)).by == "server"
    record = await house.record_of(caller)
    assert (record["outcome"], record["hangup_side"], record["offers"]) == ("closed", "system", [])


async def test_who_waits_too_long_is_transferred_outside_and_talks(house: RoutingHouse) -> None:
    async with house.agent("1001", ready=False), house.outside() as outside, house.dialled("hasty", FIRST) as caller:
        ear = house.ear(caller)
        call = await outside.talking()
        assert f"{OUTSIDE}@" in call.invite.start_line
        assert "transferring" in ear.heard()
        await caller.audio.hear_tone(OUTSIDE_HERTZ)
        await call.audio.hear_tone(CALLERS_TONE.hertz)
        await call.hang_up()
        assert (await caller.ended()).by == "server"
    record = await house.record_of(caller)
    assert (record["outcome"], record["agent_id"]) == ("transferred_out", None)
    sent = [entry["data"] for entry in record["timeline"] if entry["name"] == "interaction_overflowed"]
    assert [data["cause"] for data in sent] == ["too_long"]


async def test_a_transfer_that_nobody_takes_is_told_to_the_caller(house: RoutingHouse) -> None:
    async with (
        house.agent("1001", ready=False),
        house.outside(Reject(status=486)) as outside,
        house.dialled("hasty", FIRST) as caller,
    ):
        ear = house.ear(caller)
        await outside.ringing()
        await ear.hears("transfer_failed")
        assert (await caller.ended(20)).by == "server"
    assert (await house.record_of(caller))["outcome"] == "closed"


async def test_with_nobody_at_work_a_message_is_taken(house: RoutingHouse) -> None:
    async with house.dialled("lonely", FIRST) as caller:
        ear = house.ear(caller)
        await ear.hears("leave_message")
        assert ear.heard().index("nobody_left") < ear.heard().index("leave_message")
        interaction_id = await house.interaction_of(caller)
        recording = house.settings.server.data_directory / "recordings" / f"message-{interaction_id}_lonely.wav"

        async def has_two_seconds() -> bool:
            return recording.exists() and recording.stat().st_size > 2 * 16_000

        await house.until(has_two_seconds, "two seconds are recorded")
        await caller.press("#")
        await ear.hears("message_review")
        await caller.press("1")
        await ear.hears("message_kept")
        assert (await caller.ended(20)).by == "server"
    record = await house.record_of(caller)
    assert record["outcome"] == "message_left"
    (left,) = [entry["data"] for entry in record["timeline"] if entry["name"] == "message_left"]
    assert (left["file"], left["queue_id"]) == (recording.name, "lonely")
    samples = sound_of(recording)
    power = np.abs(np.fft.rfft(samples))
    loudest = power.argmax() * 8_000 / len(samples)
    assert np.sqrt(np.mean(samples**2)) > 1_000, "the message is silent"
    assert abs(loudest - CALLERS_TONE.hertz) < 20, f"the message is not what the caller said, but {loudest:g} Hz"


async def test_a_caller_who_hangs_up_after_his_message_has_left_it(house: RoutingHouse) -> None:
    async with house.dialled("lonely", FIRST) as caller:
        await house.ear(caller).hears("leave_message")
        interaction_id = await house.interaction_of(caller)
        recording = house.settings.server.data_directory / "recordings" / f"message-{interaction_id}_lonely.wav"

        async def has_two_seconds() -> bool:
            return recording.exists() and recording.stat().st_size > 2 * 16_000

        await house.until(has_two_seconds, "two seconds are recorded")
        await caller.hang_up()
    record = await house.record_of(caller)
    assert (record["outcome"], record["hangup_side"]) == ("message_left", "caller")


async def test_somebody_who_talks_is_waited_for_until_he_goes(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("lonely", FIRST) as talking:
        await agent.talks()
        async with house.dialled("lonely", SECOND) as caller:
            await house.waiting("lonely", 1)
            # He will go when the talk is over; then nobody is there for who waits.
            await agent.desktop.set_state("logged_out")
            ear = house.ear(caller)
            await ear.hears("leave_message")
            await caller.hang_up()
            record = await house.record_of(caller)
        await talking.hang_up()
    sent = [entry["data"] for entry in record["timeline"] if entry["name"] == "interaction_overflowed"]
    assert [data["cause"] for data in sent] == ["nobody"]


async def test_outside_the_hours_the_caller_is_told_and_the_call_ends(house: RoutingHouse) -> None:
    async with house.agent("1001") as agent, house.dialled("shut", FIRST) as caller:
        ear = house.ear(caller)
        await ear.hears("closed")
        assert (await caller.ended(20)).by == "server"
        assert agent.phone.calls == []
        board = await house.board()
        assert board.documents["queues"]["shut"]["open"] is False
    record = await house.record_of(caller)
    assert (record["outcome"], record["queue_id"]) == ("closed", "shut")


async def test_a_step_sends_on_whoever_is_still_there(house: RoutingHouse) -> None:
    async with house.agent("1004") as agent, house.dialled("stepping", FIRST) as caller:
        await agent.talks()
        assert (await agent.desktop.pops(stage="talking"))["queue"]["queue_id"] == "wide"
        await caller.hang_up()
    record = await house.record_of(caller)
    sent = [entry["data"] for entry in record["timeline"] if entry["name"] == "interaction_overflowed"]
    assert [(data["queue_id"], data["cause"]) for data in sent] == [("stepping", "step")]


async def test_an_emergency_tells_all_who_wait_and_ends_when_the_supervisor_says(house: RoutingHouse) -> None:
    board = await house.board()
    async with (
        house.agent("1001", ready=False) as agent,
        house.dialled("alarmed", FIRST) as first,
        house.dialled("alarmed", SECOND) as second,
    ):
        ears = [house.ear(first), house.ear(second)]
        await house.waiting("alarmed", 2)
        row = await board.send("PUT", "/queues/alarmed/emergency", None)
        assert row["closed_by"] == "super"
        for ear, caller in zip(ears, (first, second), strict=True):
            await ear.hears("closed_now")
            assert (await caller.ended(20)).by == "server"
        async with house.dialled("alarmed", THIRD) as late:
            await house.ear(late).hears("closed_now")
            await late.ended(20)
        # It lasts over a restart, and ends with one order.
        await house.kill_server()
        await house.start_server()
        async with house.dialled("alarmed", THIRD) as late:
            await house.ear(late).hears("closed_now")
            await late.ended(20)
        row = await board.send("DELETE", "/queues/alarmed/emergency", None)
        assert row["closed_by"] is None
        await agent.desktop.set_state("ready")
        async with house.dialled("alarmed", FIRST) as served:
            await agent.talks()
            await served.hang_up()
    assert {(await house.record_of(caller))["outcome"] for caller in (second, late)} == {"closed"}


async def test_an_emergency_may_send_them_to_another_queue(house: RoutingHouse) -> None:
    board = await house.board()
    async with house.agent("1004", ready=False) as agent, house.dialled("diverted", FIRST) as first:
        await house.waiting("diverted", 1)
        await board.send("PUT", "/queues/diverted/emergency", None)
        await house.waiting("wide", 1)
        async with house.dialled("diverted", SECOND) as second:
            await house.waiting("wide", 2)
            await agent.desktop.set_state("ready")
            for caller in (first, second):
                await agent.talks()
                assert (await agent.desktop.pops(stage="talking"))["ani"]["e164"] == caller.ani
                await caller.hang_up()
        await board.send("DELETE", "/queues/diverted/emergency", None)


def sound_of(recording: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """The samples of a WAV file."""
    with wave.open(str(recording), "rb") as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(float)
