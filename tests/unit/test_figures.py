"""Today's figures: folded from the day's events, begun anew at local midnight, the same after a restart."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callcenter.app.agent_figures import AgentFigures
from callcenter.app.figures import DayFigures
from callcenter.app.floor_messages import CallEnded
from callcenter.domain import commands as cmd
from callcenter.domain.ids import InteractionId
from tests.fakes import FakeClock
from tests.office import AGENT, SALES, SUPPORT, Office

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEFORE_MIDNIGHT = datetime(2026, 11, 2, 15, 59, tzinfo=UTC)
"""A minute before midnight in Shanghai."""


async def serve(office: Office, number: int, *, waits: timedelta = timedelta()) -> None:
    call = InteractionId(f"cc1-17.{number}")
    await office.caller(call)
    office.clock.advance(waits)
    if office.floor.picture.agent(AGENT).offer_id is None:
        await office.tell(cmd.SetReady(agent_id=AGENT))
    offer_id = await office.talk(call)
    await office.tell(cmd.ReportTalkEnded(offer_id=offer_id), CallEnded(interaction_id=call))
    await office.tell(cmd.EndWrapUp(agent_id=AGENT))


async def test_the_figures_are_those_of_the_day() -> None:
    async with Office() as office:
        await office.agent()
        await serve(office, 1)
        await serve(office, 2, waits=timedelta(seconds=10))
        await office.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        await office.caller(InteractionId("cc1-17.3"))
        office.clock.advance(timedelta(seconds=30))
        await office.tell(CallEnded(interaction_id=InteractionId("cc1-17.3")))
        today = office.figures.today(SALES.queue_id)
        assert (today.offered, today.answered, today.abandoned) == (3, 2, 1)
        assert today.asa_seconds == 5.0
        assert today.service_level == pytest.approx(2 / 3)
        assert office.figures.today(SUPPORT.queue_id).offered == 0


async def test_at_local_midnight_everything_begins_anew() -> None:
    async with Office(clock=FakeClock(BEFORE_MIDNIGHT), timezone=SHANGHAI) as office:
        await office.agent()
        await serve(office, 1)
        await office.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        await office.caller(InteractionId("cc1-17.2"))
        assert office.figures.today(SALES.queue_id).offered == 2
        office.clock.advance(timedelta(minutes=2))
        assert office.figures.day_begins() == datetime(2026, 11, 3, tzinfo=SHANGHAI)
        assert office.figures.today(SALES.queue_id).offered == 0
        # Who came yesterday is yesterday's, whatever becomes of him.
        await office.tell(CallEnded(interaction_id=InteractionId("cc1-17.2")))
        await serve(office, 3)
        today = office.figures.today(SALES.queue_id)
        assert (today.offered, today.answered, today.abandoned) == (1, 1, 0)


async def test_after_a_restart_the_figures_are_what_they_were_and_count_nothing_twice() -> None:
    async with Office() as first:
        await first.agent()
        await serve(first, 1)
        await first.tell(cmd.SetNotReady(agent_id=AGENT, reason="break"))
        waiting = await first.caller(InteractionId("cc1-17.2"))
        before = first.figures.today(SALES.queue_id)
    async with Office(records=first.records) as office:
        office.figures.load(await office.records.events_since(office.figures.day_begins()))
        assert office.figures.today(SALES.queue_id) == before
        await office.agent(ready=False)
        await office.tell(
            *[cmd.Enqueue(interaction_id=waiting, queue_id=SALES.queue_id, entered_at=first.clock.now())] * 2
        )
        assert office.figures.today(SALES.queue_id) == before


async def test_what_was_loaded_is_forgotten_at_midnight_too() -> None:
    async with Office(clock=FakeClock(BEFORE_MIDNIGHT), timezone=SHANGHAI) as first:
        await first.agent()
        await serve(first, 1)
    clock = FakeClock(BEFORE_MIDNIGHT)
    async with Office(clock=clock, timezone=SHANGHAI) as office:
        office.figures.load(first.journal.events)
        clock.advance(timedelta(minutes=2))
        assert office.figures.today(SALES.queue_id).offered == 0


async def test_a_threshold_that_is_changed_counts_from_then_on() -> None:
    async with Office() as office:
        await office.agent()
        await serve(office, 1, waits=timedelta(seconds=10))
        strict = replace(SALES, service_level_threshold=timedelta(seconds=5))
        await office.tell(cmd.ConfigureQueue(config=strict))
        await serve(office, 2, waits=timedelta(seconds=10))
        assert office.figures.today(SALES.queue_id).service_level == 0.5


def test_figures_without_a_floor_say_so() -> None:
    figures = DayFigures(clock=FakeClock(), timezone=UTC)
    with pytest.raises(RuntimeError, match="no queues yet"):
        figures.today(SALES.queue_id)


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin"))),
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=ZoneInfo("Europe/Berlin"))),
    ],
)
def test_a_day_of_23_or_25_hours_begins_at_its_midnight(now: datetime, begins: datetime) -> None:
    assert DayFigures(clock=FakeClock(now), timezone=ZoneInfo("Europe/Berlin")).day_begins() == begins


async def test_the_last_hour_goes_on_over_midnight_and_over_a_restart() -> None:
    async with Office(clock=FakeClock(BEFORE_MIDNIGHT), timezone=SHANGHAI) as office:
        await office.agent()
        await serve(office, 1)
        office.clock.advance(timedelta(minutes=2))
        assert office.figures.today(SALES.queue_id).offered == 0
        half_hour = office.figures.half_hour(SALES.queue_id)
        assert (half_hour.offered, half_hour.answered, half_hour.service_level) == (1, 1, 1.0)
        trend = office.figures.trend(SALES.queue_id)
        again = DayFigures(clock=office.clock, timezone=SHANGHAI)
        again.attach(office.floor.picture)
        assert again.needs_events_since() < BEFORE_MIDNIGHT
        again.load(office.journal.events)
        assert again.half_hour(SALES.queue_id) == half_hour
        assert again.trend(SALES.queue_id) == trend
        assert again.today(SALES.queue_id).offered == 0


async def test_an_agents_row_carries_his_day_and_whom_he_talks_to() -> None:
    async with Office() as office:
        await office.agent()
        await serve(office, 1)
        call = InteractionId("cc1-17.2")
        await office.caller(call)
        await office.talk(call)
        row = office.screens.agent_view(AGENT)
        assert (row.today.handled, row.today.offers, row.today.missed) == (1, 2, 0)
        assert (row.queue_id, row.queue_ids) == (SALES.queue_id, (SALES.queue_id, SUPPORT.queue_id))
        again = AgentFigures(day_begins=office.figures.day_begins)
        again.load(office.journal.events)
        assert again.today(AGENT) == row.today
