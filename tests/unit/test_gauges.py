"""What Prometheus reads of the floor."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from callcenter.domain import commands as cmd
from callcenter.domain.ids import InteractionId
from callcenter.gauges import FloorGauges
from callcenter.store.journal import JournalState
from tests.office import SALES, FakeCallerChannel, Office, question


class FakeJournalState:
    """A journal with nothing to do."""

    def state(self) -> JournalState:
        return JournalState(
            pending_rows=0,
            spilled_batches=0,
            database_away=False,
            stored_batches=0,
            rejected_entries=0,
            lost_rows=0,
        )


async def test_the_error_of_the_expected_waits_is_a_metric_once_one_came_true() -> None:
    async with Office() as office:
        registry = CollectorRegistry()
        registry.register(FloorGauges(office.floor, FakeJournalState(), office.figures))
        queue: dict[str, str] = {"queue": SALES.queue_id}
        await office.agent()
        await office.caller(InteractionId("other"))
        offer_id = await office.talk(InteractionId("other"))
        await office.calls.answer(FakeCallerChannel(question(dnis="4001")))
        await office.settle()
        assert registry.get_sample_value("callcenter_waiting", queue) == 1
        assert registry.get_sample_value("callcenter_expected_wait_error_seconds", queue) is None
        forecast = office.record().forecast
        assert forecast is not None
        assert forecast.expected_seconds is not None
        office.clock.advance(timedelta(seconds=10))
        await office.tell(cmd.ReportTalkEnded(offer_id=offer_id))
        await office.pass_time(SALES.wrap_up)
        await office.talk()
        error = registry.get_sample_value("callcenter_expected_wait_error_seconds", queue)
        assert error is not None
        assert abs(error - abs(forecast.expected_seconds - 40)) < 0.001
