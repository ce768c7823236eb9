"""A running floor follows the newest configuration, under everybody who is at work or waits."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.app import renewal as renewal_module
from callcenter.app.feed import AGENTS, QUEUES, Feed
from callcenter.app.lines import Lines
from callcenter.app.renewal import Renewal
from callcenter.domain import commands as cmd
from callcenter.domain.agents import AgentConfig, AgentState, NotReadyReason, Phone, PhoneKind, PhoneStatus
from callcenter.domain.errors import CallcenterError
from callcenter.domain.events import AgentTimeLimit, TimeLimit
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.ivr.faults import Fault, FlowError
from tests.fakes import FakeClock, FakeOutlet
from tests.office import AGENT, CALL, SALES, SUPPORT, Office

NEW = QueueConfig(queue_id=QueueId("new"), label=Label(zh="新", en="New"))
BO = AgentId("1002")
BROWSER = Phone(kind=PhoneKind.BROWSER)


class Renewed(Office):
    """An office with a renewal that is asked for by hand."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.feed = Feed(epoch="office", clock=clock)
        super().__init__(clock=clock, feed=self.feed)
        self.faults: list[Fault] = []
        self.file_changed = False
        self.prepared: list[Lines] = []
        self.has_prepared = asyncio.Event()
        self.new_lines = replace(self.lines, flow_of_dnis={"4009": "sales"})
        self.renewal = Renewal(
            configuration=self.configuration,
            floor=self.floor,
            calls=self.calls,
            screens=self.screens,
            load_lines=self._load_lines,
            lines_changed=self._lines_changed,
            prepare=self._prepare,
            version=0,
        )

    async def _load_lines(self) -> Lines:
        if self.faults:
            raise FlowError(self.faults)
        return self.new_lines

    async def _lines_changed(self) -> bool:
        changed, self.file_changed = self.file_changed, False
        return changed

    async def _prepare(self, lines: Lines) -> None:
        self.prepared.append(lines)
        self.has_prepared.set()

    async def renew(self) -> Lines | None:
        self.configuration.number_of_version += 1
        return await self.renewal.renew()


def agent_config(agent_id: AgentId, phone: Phone | None = None) -> AgentConfig:
    return AgentConfig(agent_id=agent_id, name=f"Agent {agent_id}", phone=phone or Phone())


async def test_nothing_happens_without_a_new_version() -> None:
    async with Renewed() as office:
        office.configuration.queue_configs = (NEW,)
        assert await office.renewal.renew() is None
        assert sorted(office.floor.picture.queues) == sorted((SALES.queue_id, SUPPORT.queue_id))
        assert office.calls.lines is office.lines


async def test_a_changed_file_brings_new_lines_without_a_new_version_and_a_faulty_one_brings_none() -> None:
    async with Renewed() as office:
        office.faults = [Fault(code="x", filename="main.yaml", line=1, what="wrong", right="mend it")]
        office.file_changed = True
        assert await office.renewal.renew() is None
        assert office.calls.lines is office.lines
        office.faults = []
        office.file_changed = True
        assert await office.renewal.renew() is office.new_lines
        assert office.calls.lines is office.new_lines
        assert await office.renewal.renew() is None


async def test_queues_agents_and_lines_follow() -> None:
    async with Renewed() as office:
        await office.agent()
        changed = replace(SALES, wrap_up=timedelta(seconds=1))
        office.configuration.queue_configs = (changed, SUPPORT, NEW)
        office.configuration.agent_configs[BO] = agent_config(BO)
        skills = {SkillId("dancing"): 3}
        office.configuration.agent_configs[AGENT] = replace(agent_config(AGENT), skills=skills)
        assert await office.renew() is office.new_lines
        picture = office.floor.picture
        assert picture.queue(SALES.queue_id).config == changed
        assert NEW.queue_id in picture.queues
        assert picture.agent(AGENT).config.skills == skills
        assert picture.agent(AGENT).state is AgentState.READY
        assert picture.agent(BO).state is AgentState.LOGGED_OUT
        assert office.calls.lines is office.new_lines


async def test_a_queue_a_supervisor_closed_or_opened_a_moment_ago_stays_so() -> None:
    async with Renewed() as office:
        await office.renewal.renew()  # What it was when it was looked at first.
        closed = replace(SALES, closed_by="boss")
        await office.floor.request(cmd.ConfigureQueue(config=closed))
        office.configuration.queue_configs = (replace(SALES, wrap_up=timedelta(seconds=1)), SUPPORT)
        await office.renew()
        config = office.floor.picture.queue(SALES.queue_id).config
        assert (config.closed_by, config.wrap_up) == ("boss", timedelta(seconds=1))
        # What another server or a person wrote into the store is news, and counts.
        await office.configuration.close_queue(SUPPORT.queue_id, by="other", at=office.clock.now())
        await office.renew()
        assert office.floor.picture.queue(SUPPORT.queue_id).config.closed_by == "other"
        await office.configuration.open_queue(SUPPORT.queue_id)
        await office.renew()
        assert office.floor.picture.queue(SUPPORT.queue_id).config.closed_by == ""
        assert office.floor.picture.queue(SALES.queue_id).config.closed_by == "boss"


async def test_time_limits_of_reasons_follow() -> None:
    async with Renewed() as office:
        await office.agent(ready=False)
        office.configuration.reason_rules = (NotReadyReason(code="break", limit=timedelta(minutes=15)),)
        await office.renew()
        await office.floor.request(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        office.clock.advance(timedelta(minutes=14))
        await office.floor.request(cmd.ReportPhone(agent_id=AGENT, status=PhoneStatus.FREE))
        limits = [event for event in office.journal.events if isinstance(event, AgentTimeLimit)]
        assert [(event.reason, event.limit) for event in limits] == [("break", TimeLimit.NEAR)]


async def test_lines_with_a_fault_do_not_replace_those_that_run_and_no_queue_goes() -> None:
    async with Renewed() as office:
        office.faults = [Fault(code="x", filename="f.yaml", line=1, what="bad", right="mend")]
        office.configuration.queue_configs = (SALES, NEW)
        assert await office.renew() is None
        assert office.calls.lines is office.lines
        assert {SUPPORT.queue_id, NEW.queue_id} <= office.floor.picture.queues.keys()
        office.faults = []
        assert await office.renew() is office.new_lines
        assert SUPPORT.queue_id not in office.floor.picture.queues


async def test_who_is_at_work_and_who_is_waited_for_go_when_they_can() -> None:
    async with Renewed() as office:
        await office.agent(ready=False)
        await office.caller(queue=SUPPORT.queue_id)
        office.configuration.queue_configs = (SALES,)
        office.configuration.agent_configs.clear()
        await office.renew()
        picture = office.floor.picture
        assert AGENT in picture.agents
        assert SUPPORT.queue_id in picture.queues
        await office.floor.request(cmd.LogOut(agent_id=AGENT))
        assert await office.renewal.renew() is None
        assert AGENT not in picture.agents
        assert SUPPORT.queue_id in picture.queues
        await office.floor.request(cmd.Leave(interaction_id=CALL))
        assert await office.renewal.renew() is None
        assert list(picture.queues) == [SALES.queue_id]


async def test_what_is_gone_is_gone_from_the_screens() -> None:
    async with Renewed() as office:
        await office.agent(ready=False)
        await office.floor.request(cmd.LogOut(agent_id=AGENT))
        office.screens.refresh_everything()
        office.screens.show_board()
        before = _snapshot(office.feed)
        assert f'"{AGENT}"' in before
        assert f'"{SUPPORT.queue_id}"' in before
        office.configuration.queue_configs = (SALES,)
        office.configuration.agent_configs.clear()
        await office.renew()
        office.screens.show_board()
        later = _snapshot(office.feed)
        assert f'"{AGENT}"' not in later
        assert f'"{SUPPORT.queue_id}"' not in later
        assert f'"{SALES.queue_id}"' in later


def _snapshot(feed: Feed) -> str:
    """What whoever comes now is shown of agents and queues."""
    outlet = FakeOutlet()
    feed.subscribe({AGENTS, QUEUES}, outlet).close()
    return outlet.frames[0].message.decode()


async def test_a_phone_the_agent_chose_a_moment_ago_is_not_undone() -> None:
    async with Renewed() as office:
        await office.agent()
        await office.renewal.renew()  # What it was when it was looked at first.
        await office.floor.request(cmd.ChangePhone(agent_id=AGENT, phone=BROWSER))
        office.configuration.agent_configs[BO] = agent_config(BO)
        await office.renew()
        assert office.floor.picture.agent(AGENT).phone == BROWSER
        wanted = Phone(kind=PhoneKind.OUTSIDE, address="+8613800138000")
        config = office.configuration.agent_configs[AGENT]
        office.configuration.agent_configs[AGENT] = replace(config, phone=wanted)
        await office.renew()
        assert office.floor.picture.agent(AGENT).phone == wanted


async def test_a_store_that_is_away_or_a_defect_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal_module, "POLL_INTERVAL", timedelta(0))
    async with Renewed() as office:
        troubles: list[Exception] = [CallcenterError("away"), ValueError("a defect"), CallcenterError("away")]
        tried = 0

        async def version() -> int:
            nonlocal tried
            tried += 1
            if tried <= len(troubles):
                raise troubles[tried - 1]
            return 1

        monkeypatch.setattr(type(office.configuration), "version", lambda _self: version())
        running = asyncio.create_task(office.renewal.run())
        try:
            async with asyncio.timeout(10):
                await office.has_prepared.wait()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert office.prepared == [office.new_lines]
        assert office.calls.lines is office.new_lines
