"""What supervisors do about callers, agents and queues: it happens, it is told, it is in the audit log."""

from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app.supervision import PICKED_FOR
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import AgentState, NotReadyReason, Reason
from callcenter.domain.callbacks import Callback
from callcenter.domain.errors import CallcenterError, Conflict, InvalidValue, NotFound
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.domain.interactions import Stage
from callcenter.domain.overflows import Overflow, OverflowKind
from tests.fakes import START
from tests.office import AGENT, CALL, SALES, SUPPORT, Office, arrived

BOSS = "super"
SECOND_CALL = InteractionId("cc1-1700000000.2")
CALLBACK = InteractionId("cb-1700000000.3")
GONE = InteractionId("gone")


def audited(office: Office) -> list[tuple[str, str, str, str]]:
    return [line[1:] for line in office.users.audit_log]


def kept(office: Office) -> dict[QueueId, str]:
    """The queues that will be closed after a restart, and by whom."""
    return {queue.queue_id: queue.closed_by for queue in office.configuration.queue_configs if queue.closed_by}


async def calls_back(office: Office) -> None:
    """Somebody waits to be called back."""
    callback = Callback(number="+8613900139000", requested_at=START)
    await office.tell(
        arrived(CALLBACK),
        cmd.Enqueue(
            interaction_id=CALLBACK,
            queue_id=SALES.queue_id,
            entered_at=START,
            media_type="callback",
            callback=callback,
        ),
    )


# ---- callers


async def test_another_priority_changes_the_order() -> None:
    async with Office() as office:
        await office.caller()
        await office.caller(SECOND_CALL)
        row = await office.supervision.set_priority(SECOND_CALL, 50, by=BOSS)
        assert row is not None
        assert (row.position, row.priority, row.base_priority) == (1, 50, 50)
        assert audited(office) == [(BOSS, "priority_set", SECOND_CALL, "0 -> 50")]
        assert [e.by for e in office.journal.events if isinstance(e, ev.PriorityChanged)] == [BOSS]


async def test_a_caller_moves_with_his_age_and_to_his_own_queue_nothing_happens() -> None:
    async with Office() as office:
        await office.caller()
        office.clock.advance(timedelta(seconds=30))
        row = await office.supervision.move(CALL, SUPPORT.queue_id, by=BOSS)
        assert row is not None
        assert (row.queue_id, row.entered_at) == (SUPPORT.queue_id, START)
        again = await office.supervision.move(CALL, SUPPORT.queue_id, by=BOSS)
        assert again is not None
        assert again.queue_id == SUPPORT.queue_id
        assert audited(office) == [(BOSS, "caller_moved", CALL, "sales -> support")]


async def test_who_is_picked_waits_for_that_agent_and_is_his_next() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        await office.talk()
        await office.caller(SECOND_CALL)
        row = await office.supervision.pick(SECOND_CALL, AGENT, within=None, by=BOSS)
        assert row is not None
        assert (row.reserved_for, row.reserved_until) == (AGENT, office.clock.now() + PICKED_FOR)
        await office.agent(AgentId("1002"))
        assert office.state(AgentId("1002")) is AgentState.READY
        assert audited(office) == [(BOSS, "caller_picked", SECOND_CALL, "nothing -> 1001")]


async def test_nobody_is_kept_for_an_agent_who_is_not_at_work() -> None:
    async with Office() as office:
        await office.agent(ready=False)
        await office.caller()
        with pytest.raises(Conflict) as refused:
            await office.supervision.pick(CALL, AGENT, within=None, by=BOSS)
        assert refused.value.code == "agent_not_at_work"
        assert audited(office) == []


async def test_of_one_who_does_not_wait_nothing_can_be_done() -> None:
    async with Office() as office:
        await office.agent()
        supervision = office.supervision
        with pytest.raises(NotFound) as refused:
            supervision.why_waiting(GONE)
        assert refused.value.code == "not_waiting"
        for ask in (
            supervision.set_priority(GONE, 1, by=BOSS),
            supervision.move(GONE, SUPPORT.queue_id, by=BOSS),
            supervision.pick(GONE, AGENT, within=None, by=BOSS),
            supervision.cancel_callback(GONE, by=BOSS),
        ):
            with pytest.raises(NotFound) as refused:
                await ask
            assert refused.value.code == "not_waiting"
        assert audited(office) == []


async def test_what_is_unknown_is_refused_before_anything_is_done() -> None:
    async with Office() as office:
        await office.caller()
        with pytest.raises(NotFound) as refused:
            await office.supervision.move(CALL, QueueId("nowhere"), by=BOSS)
        assert refused.value.code == "unknown_queue"
        with pytest.raises(NotFound) as refused:
            await office.supervision.pick(CALL, AgentId("nobody"), within=None, by=BOSS)
        assert refused.value.code == "unknown_agent"
        with pytest.raises(NotFound):
            await office.supervision.close_queues((SALES.queue_id, QueueId("nowhere")), by=BOSS)
        assert office.floor.picture.queue(SALES.queue_id).config.closed_by == ""
        assert audited(office) == []


async def test_a_callback_is_taken_off_and_a_caller_on_the_line_is_not() -> None:
    async with Office() as office:
        await office.caller()
        await calls_back(office)
        with pytest.raises(Conflict) as refused:
            await office.supervision.cancel_callback(CALL, by=BOSS)
        assert refused.value.code == "not_a_callback"
        await office.supervision.cancel_callback(CALLBACK, by=BOSS)
        record = office.record(CALLBACK)
        assert (record.stage, record.outcome) == (Stage.ENDED, ev.Outcome.CALLBACK_CANCELLED)
        assert CALLBACK not in office.floor.picture.waiting
        assert audited(office) == [(BOSS, "callback_cancelled", CALLBACK, "sales -> nothing")]


# ---- agents


@pytest.mark.parametrize(
    ("state", "reason", "expected", "line"),
    [
        (AgentState.NOT_READY, "break", ("not_ready", "break"), "ready -> not_ready (break)"),
        (AgentState.NOT_READY, None, ("not_ready", Reason.FORCED), "ready -> not_ready"),
        (AgentState.LOGGED_OUT, None, ("logged_out", None), "ready -> logged_out"),
    ],
)
async def test_an_agent_is_put_into_a_state_and_sees_by_whom(
    state: AgentState, reason: str | None, expected: tuple[str, str | None], line: str
) -> None:
    async with Office() as office:
        await office.agent()
        view = await office.supervision.force_state(AGENT, state, reason, by=BOSS)
        assert (view.state, view.reason) == expected
        assert view.forced_by == BOSS
        assert audited(office) == [(BOSS, "state_forced", AGENT, line)]


async def test_what_the_agent_then_does_himself_is_forced_by_nobody() -> None:
    async with Office() as office:
        await office.agent()
        await office.supervision.force_state(AGENT, AgentState.NOT_READY, None, by=BOSS)
        view = await office.desk.set_state(AGENT, AgentState.READY, None)
        assert (view.state, view.forced_by) == ("ready", None)


async def test_in_a_talk_it_is_done_after_it() -> None:
    async with Office() as office:
        await office.agent()
        await office.caller()
        offer_id = await office.talk()
        view = await office.supervision.force_state(AGENT, AgentState.NOT_READY, "break", by=BOSS)
        assert view.state == "talking"
        assert view.after_call is not None
        assert (view.after_call.reason, view.after_call.by) == ("break", BOSS)
        assert audited(office)[0][3] == "talking -> talking, after the talk not_ready (break)"
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id), cmd.EndWrapUp(agent_id=AGENT))
        assert office.desk.agent(AGENT).forced_by == BOSS


async def test_nobody_is_put_to_work_who_is_not_there() -> None:
    async with Office() as office:
        await office.agent(ready=False)
        await office.tell(cmd.LogOut(agent_id=AGENT))
        with pytest.raises(Conflict) as refused:
            await office.supervision.force_state(AGENT, AgentState.READY, None, by=BOSS)
        assert refused.value.code == "agent_not_logged_in"


async def test_a_reason_of_nobody_s_list_and_a_state_nobody_can_be_put_into_are_refused() -> None:
    async with Office() as office:
        await office.agent()
        with pytest.raises(InvalidValue, match="known: break"):
            await office.supervision.force_state(AGENT, AgentState.NOT_READY, "golf", by=BOSS)
        with pytest.raises(InvalidValue, match="possible are"):
            await office.supervision.force_state(AGENT, AgentState.TALKING, None, by=BOSS)
        assert (office.state(), audited(office)) == (AgentState.READY, [])


async def test_the_limit_of_a_reason_is_seen_near_and_over() -> None:
    async with Office() as office:
        await office.agent()
        reason = NotReadyReason(code="break", limit=timedelta(minutes=15), warn_before=timedelta(minutes=2))
        await office.tell(cmd.ConfigureReasons(reasons=(reason,)))
        view = await office.supervision.force_state(AGENT, AgentState.NOT_READY, "break", by=BOSS)
        assert view.not_ready_until == START + timedelta(minutes=15)
        assert (view.warn_at, view.overdue) == (START + timedelta(minutes=13), False)
        await office.pass_time(timedelta(minutes=15))
        assert office.desk.agent(AGENT).overdue
        assert (await office.desk.set_state(AGENT, AgentState.READY, None)).not_ready_until is None


# ---- queues


async def test_closing_a_queue_takes_out_who_waits_and_is_kept() -> None:
    elsewhere = Overflow(kind=OverflowKind.QUEUE, target=SUPPORT.queue_id)
    sales = replace(SALES, limits=replace(SALES.limits, when_emergency=elsewhere))
    async with Office(queues=(sales, SUPPORT)) as office:
        await office.caller()
        (row,) = await office.supervision.close_queues((SALES.queue_id,), by=BOSS)
        assert (row.closed_by, row.waiting, row.when_emergency) == (BOSS, 0, elsewhere)
        assert office.floor.picture.waiting[CALL].queue_id == SUPPORT.queue_id
        assert kept(office) == {SALES.queue_id: BOSS}
        assert audited(office) == [(BOSS, "queue_closed", "sales", "open -> closed")]
        (row,) = await office.supervision.open_queues((SALES.queue_id,), by="other")
        assert row.closed_by is None
        assert kept(office) == {}
        assert audited(office)[1:] == [("other", "queue_opened", "sales", "closed by super -> open")]


async def test_all_queues_at_once_and_who_closed_one_before_stays_the_one() -> None:
    async with Office() as office:
        await office.supervision.close_queues((SALES.queue_id,), by="first")
        rows = await office.supervision.close_queues(None, by=BOSS)
        assert [(row.queue_id, row.closed_by) for row in rows] == [("sales", "first"), ("support", BOSS)]
        assert kept(office) == {"sales": "first", "support": BOSS}
        assert [line[:3] for line in audited(office)] == [
            ("first", "queue_closed", "sales"),
            (BOSS, "queue_closed", "support"),
        ]
        rows = await office.supervision.open_queues(None, by=BOSS)
        assert [row.closed_by for row in rows] == [None, None]


async def test_a_store_that_is_away_does_not_keep_a_queue_open() -> None:
    async with Office() as office:
        office.users.away = CallcenterError("the database is gone", code="store_away")
        office.configuration.away = office.users.away
        with pytest.raises(CallcenterError):
            await office.supervision.close_queues((SALES.queue_id,), by=BOSS)
        assert office.screens.queue_view(SALES.queue_id).closed_by == BOSS
        # The same again, once the store is back, keeps it closed over a restart.
        office.users.away = office.configuration.away = None
        await office.supervision.close_queues((SALES.queue_id,), by="other")
        assert kept(office) == {SALES.queue_id: BOSS}


async def test_an_audit_log_that_is_away_makes_nothing_look_refused() -> None:
    async with Office() as office:
        await office.caller()
        office.users.away = CallcenterError("the database is gone", code="store_away")
        row = await office.supervision.set_priority(CALL, 9, by=BOSS)
        assert row is not None
        assert row.priority == 9
        assert [e.by for e in office.journal.events if isinstance(e, ev.PriorityChanged)] == [BOSS]
