"""SIPp's phones proved against the asyncio ones and against each other."""

from pathlib import Path

import pytest

from tests.e2e.phones import AgentPhone, Caller, Ring
from tests.e2e.sipp_phones import CallerLoad, SippAgent

pytestmark = pytest.mark.e2e

NOWHERE = ("127.0.0.3", 9)


async def test_many_sipp_callers_stay_until_told(tmp_path: Path) -> None:
    async with AgentPhone(server=NOWHERE, user="1001") as phone:
        async with CallerLoad(server=phone.address, dnis="4000", count=5, per_second=20, log_dir=tmp_path) as load:
            await load.until_up(5)
            assert len(phone.calls_alive) == 5
            assert [call.caller.user for call in phone.invites] == load.anis
            await load.hang_up()
        assert {(await call.ended()).by for call in phone.calls} == {"server"}
        sent = [traced for traced in load.messages if traced.message.method == "INVITE"]
        assert min(traced.at for traced in sent) <= phone.calls[0].invited_at + 0.1


async def test_a_sipp_caller_presses_keys_and_leaves(tmp_path: Path) -> None:
    async with (
        AgentPhone(server=NOWHERE, user="1001") as phone,
        CallerLoad(
            server=phone.address,
            dnis="4000",
            count=1,
            per_second=1,
            keys=[("wait", 0.05), ("key", "2"), ("key", "#")],
            stay_seconds=0.2,
            log_dir=tmp_path,
        ) as load,
    ):
        call = await phone.talking()
        end = await call.ended()
        await load.until_ended(1)
    assert call.audio.keys_heard == "2#"
    assert end.by == "server"
    assert [event.what for event in load.events] == ["up", "ended-by-phone"]


async def test_a_sipp_caller_is_hung_up_on(tmp_path: Path) -> None:
    async with (
        AgentPhone(server=NOWHERE, user="1001") as phone,
        CallerLoad(server=phone.address, dnis="4000", count=1, per_second=1, log_dir=tmp_path) as load,
    ):
        await load.until_up(1)
        await phone.hang_up()
        await load.until_ended(1)
        assert load.counted("ended-by-server") == 1


async def test_a_sipp_caller_notes_a_refusal(tmp_path: Path) -> None:
    async with (
        AgentPhone(server=NOWHERE, user="1001", behaviour=Ring()) as phone,
        CallerLoad(server=phone.address, dnis="4000", count=1, per_second=1, log_dir=tmp_path) as load,
    ):
        (await phone.ringing()).reject(486)
        await load.sipp.until(lambda: load.counted("refused") == 1, 5, "no refusal noted")


async def test_a_sipp_agent_answers_call_after_call(tmp_path: Path) -> None:
    async with SippAgent(server=NOWHERE, user="1002", log_dir=tmp_path) as agent:
        for number in (1, 2):
            async with Caller(server=agent.address, dnis="1002", ani=f"+4930{number}") as caller:
                await caller.answered()
                await caller.hang_up()
                await agent.until("ended-by-server", number)
    assert [event.party for event in agent.events if event.what == "up"] == ["+49301", "+49302"]


async def test_a_sipp_agent_hangs_up_and_is_cancelled(tmp_path: Path) -> None:
    async with SippAgent(
        server=NOWHERE, user="1002", answer_after_seconds=0.3, hang_up_after_seconds=0.2, log_dir=tmp_path
    ) as agent:
        async with Caller(server=agent.address, dnis="1002", ani="1") as caller:
            assert (await caller.ended()).by == "server"
        async with Caller(server=agent.address, dnis="1002", ani="2") as caller:
            await caller.ringing()
            await caller.cancel()
            assert (await caller.ended()).status == 487
            await agent.until("cancelled")


async def test_a_sipp_that_cannot_start_says_why(tmp_path: Path) -> None:
    load = CallerLoad(server=("127.0.0.1", 0), dnis="4000", count=1, per_second=1, log_dir=tmp_path)
    load.sipp.host = "203.0.113.1"
    async with load:
        with pytest.raises(ConnectionError, match="SIPp ended"):
            await load.until_up(1, timeout_seconds=5)


async def test_sipp_callers_who_are_told_to_leave_while_it_rings_cancel(tmp_path: Path) -> None:
    async with AgentPhone(server=NOWHERE, user="1001", behaviour=Ring()) as phone:
        load = CallerLoad(server=phone.address, dnis="4000", count=2, per_second=20, log_dir=tmp_path)
        async with load:
            calls = [await phone.ringing(), await phone.ringing()]
            await load.hang_up()
            ends = [await call.ended() for call in calls]
    assert [(end.by, end.status) for end in ends] == [("server", 487), ("server", 487)]
    assert load.events == []


async def test_sipp_callers_that_vanish_tell_nobody(tmp_path: Path) -> None:
    async with AgentPhone(server=NOWHERE, user="1001") as phone:
        async with CallerLoad(server=phone.address, dnis="4000", count=1, per_second=1, log_dir=tmp_path) as load:
            await load.until_up(1)
            load.sipp.kill()
        call = phone.calls[0]
        await call.audio.hear_silence()
        assert call.end is None
        call.dialog.finish("server", 200, "the test is over")
