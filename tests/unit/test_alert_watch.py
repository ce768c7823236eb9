"""The watch over alerts on a real floor: raised, shown, cleared; a store that is away leaves everything as it is."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callcenter.app.alert_readings import TrunkStates
from callcenter.app.alert_watch import AlertWatch
from callcenter.app.alerts import Alert, Verdict
from callcenter.app.feed import ALERTS, Feed
from callcenter.app.views import TodayView
from callcenter.domain.alerts import EVERYBODY, AlertKind, AlertRule, AlertTarget, Subject
from callcenter.domain.errors import CallcenterError, NotFound
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.labels import Label
from tests.office import SALES, Office

LABEL = Label(zh="告警", en="Alert")


class FakeAlertBook:
    """`AlertBook` in memory; set `away` and it raises that."""

    def __init__(self, *rules: AlertRule) -> None:
        self.in_force = list(rules)
        self.kept: list[Alert] = []
        self.away: CallcenterError | None = None

    async def rules(self) -> tuple[AlertRule, ...]:
        return tuple(self.in_force)

    async def open(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.kept if alert.cleared_at is None)

    async def alerts(self, *, limit: int, before: int | None, open_only: bool) -> tuple[Alert, ...]:
        return tuple(self.kept[:limit])

    async def raise_alert(
        self, rule: AlertRule, about: Subject, subject_label: Label, *, value: float | None, at: datetime
    ) -> Alert:
        if self.away is not None:
            raise self.away
        alert = Alert(
            number=len(self.kept) + 1,
            alert_id=rule.alert_id,
            kind=rule.kind,
            label=rule.label,
            subject_kind=about.kind,
            subject=about.name,
            subject_label=subject_label,
            threshold=rule.threshold,
            value=value,
            on_board=AlertTarget.BOARD in rule.to,
            raised_at=at,
        )
        self.kept.append(alert)
        return alert

    async def clear(self, alert: Alert, *, at: datetime, gone: bool) -> Alert:
        return self._change(alert.number, replace(alert, cleared_at=at, gone=gone))

    async def acknowledge(self, number: int, *, at: datetime, by: str) -> Alert:
        found = next((alert for alert in self.kept if alert.number == number), None)
        if found is None:
            raise NotFound("none", code="unknown_alert")
        return self._change(number, replace(found, acknowledged_at=at, acknowledged_by=by))

    async def forget(self, before: datetime) -> int:
        return 0

    def _change(self, number: int, after: Alert) -> Alert:
        self.kept[number - 1] = after
        return after


class Trunks:
    def __init__(self) -> None:
        self.states: TrunkStates = {}
        self.away = False

    async def __call__(self) -> TrunkStates:
        if self.away:
            raise TimeoutError
        return self.states


class UnseenCases:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> int:
        return self.count


def no_calls(queue_id: QueueId) -> TodayView:
    return TodayView(offered=0, answered=0, abandoned=0, service_level=None, asa_seconds=None)


def rule(kind: AlertKind, threshold: int = 0, *, hold: float = 0) -> AlertRule:
    return AlertRule(
        alert_id=kind, label=LABEL, kind=kind, threshold=threshold, hold=timedelta(seconds=hold), to=EVERYBODY
    )


def watch(
    office: Office, book: FakeAlertBook, feed: Feed, trunks: Trunks | None = None, cases: UnseenCases | None = None
) -> AlertWatch:
    return AlertWatch(
        book=book,
        floor=office.floor,
        today=no_calls,
        trunks=trunks or Trunks(),
        unseen_cases=cases or UnseenCases(),
        feed=feed,
        clock=office.clock,
    )


def shown(feed: Feed) -> list[str]:
    return sorted(feed.snapshot([ALERTS]).topics[ALERTS])


async def test_waiting_callers_raise_one_alert_and_their_going_clears_it() -> None:
    book = FakeAlertBook(rule(AlertKind.WAITING, 0, hold=5), rule(AlertKind.LONGEST_WAIT, 30))
    async with Office() as office:
        feed = Feed(clock=office.clock, epoch="e")
        alerts = watch(office, book, feed)
        await office.caller()
        await alerts.turn()
        assert book.kept == []
        await office.pass_time(timedelta(seconds=5))
        await alerts.turn()
        await alerts.turn()
        assert [(one.alert_id, one.subject, one.value) for one in book.kept] == [("waiting", "sales", 1.0)]
        assert shown(feed) == ["1"]
        await alerts.acknowledge(1, by="super")
        assert b'"acknowledged_by":"super"' in bytes(feed.snapshot([ALERTS]).topics[ALERTS]["1"])
        # A server that starts now finds it raised, and raises nothing anew.
        after = Feed(clock=office.clock, epoch="f")
        again = watch(office, book, after)
        await again.turn()
        assert (shown(after), len(book.kept)) == (["1"], 1)
        await office.agent()
        await office.talk()
        await again.turn()
        await office.pass_time(timedelta(seconds=5))
        await again.turn()
        assert shown(after) == []
        assert book.kept[0].cleared_at is not None
        with pytest.raises(NotFound):
            await again.acknowledge(9, by="super")


async def test_a_store_that_is_away_is_tried_again_and_a_rule_that_is_gone_clears() -> None:
    book = FakeAlertBook(rule(AlertKind.NOBODY_SERVES))
    async with Office() as office:
        feed = Feed(clock=office.clock, epoch="e")
        alerts = watch(office, book, feed)
        await office.caller()
        book.away = CallcenterError("the store is away")
        with pytest.raises(CallcenterError):
            await alerts.turn()
        book.away = None
        await alerts.turn()
        assert SALES.queue_id in {one.subject for one in book.kept}
        book.in_force.clear()
        await office.pass_time(timedelta(seconds=5))
        await alerts.turn()
        assert all(one.gone for one in book.kept)
        assert shown(feed) == []


async def test_a_trunk_is_down_only_when_the_exchange_says_so() -> None:
    book, trunks = FakeAlertBook(rule(AlertKind.TRUNK_DOWN)), Trunks()
    async with Office() as office:
        alerts = watch(office, book, Feed(clock=office.clock, epoch="e"), trunks)
        for states, raised in (({"a": None, "b": True}, []), ({"a": None, "b": False}, ["b"])):
            trunks.states = states
            await alerts.turn()
            await office.pass_time(timedelta(seconds=10))
            assert [one.subject for one in await book.open()] == raised
        trunks.away = True
        await alerts.turn()
        assert [one.subject for one in await book.open()] == ["b"]
        trunks.away, trunks.states = False, {"a": None, "b": True}
        await office.pass_time(timedelta(seconds=10))
        await alerts.turn()
        assert await book.open() == ()


async def test_an_agent_who_misses_twice_is_told_of() -> None:
    book = FakeAlertBook(rule(AlertKind.MISSED_OFFERS, 2))
    async with Office() as office:
        alerts = watch(office, book, Feed(clock=office.clock, epoch="e"))
        agent_id = await office.agent()
        await office.caller(InteractionId("one"))
        office.floor.picture.agents[agent_id].misses = 1
        await alerts.turn()
        assert book.kept == []
        office.floor.picture.agents[agent_id].misses = 2
        await alerts.turn()
        assert [(one.subject, one.value) for one in book.kept] == [(agent_id, 2.0)]


async def test_overdue_cases_of_nobody_are_told_without_any_rule_and_by_the_houses_own_where_there_is_one() -> None:
    book, cases = FakeAlertBook(), UnseenCases()
    async with Office() as office:
        feed = Feed(clock=office.clock, epoch="e")
        alerts = watch(office, book, feed, cases=cases)
        await alerts.turn()
        assert book.kept == []
        cases.count = 3
        await office.pass_time(timedelta(seconds=15))
        await alerts.turn()
        (raised,) = await book.open()
        assert (raised.kind, raised.value, raised.threshold) == (AlertKind.UNOWNED_CASES, 3.0, 0)
        assert (raised.subject_kind, raised.subject_label) == ("cases", Label(zh="工单", en="Cases"))
        assert shown(feed) == ["1"]
        own = replace(rule(AlertKind.UNOWNED_CASES, 5), alert_id="ours")
        book.in_force.append(own)
        await office.pass_time(timedelta(seconds=5))
        await alerts.turn()
        assert (await book.open(), shown(feed)) == ((), [])
        cases.count = 6
        assert [(one.value, one.verdict) for one in await alerts.look(own)] == [(6.0, Verdict.BAD)]
        await office.pass_time(timedelta(seconds=15))
        await alerts.turn()
        assert [one.alert_id for one in await book.open()] == ["ours"]
        cases.count = 0
        await office.pass_time(timedelta(seconds=15))
        await alerts.turn()
        assert await book.open() == ()


async def test_a_rule_that_is_not_in_force_says_what_it_would_be_raised_of_and_raises_nothing() -> None:
    book = FakeAlertBook()
    async with Office() as office:
        alerts = watch(office, book, Feed(clock=office.clock, epoch="e"), Trunks())
        await office.caller()

        async def of_sales(asked: AlertRule) -> tuple[float | None, Verdict]:
            (sight,) = await alerts.look(replace(asked, queue=QueueId("sales")))
            assert sight.subject == "sales"
            return sight.value, sight.verdict

        assert await of_sales(rule(AlertKind.WAITING, 0, hold=60)) == (1.0, Verdict.BAD)
        assert await of_sales(rule(AlertKind.WAITING, 3)) == (1.0, Verdict.GOOD)
        assert await of_sales(replace(rule(AlertKind.WAITING, 1), margin=1)) == (1.0, Verdict.BETWEEN)
        assert await of_sales(rule(AlertKind.SERVICE_LEVEL, 80)) == (None, Verdict.UNKNOWN)
        assert book.kept == []
