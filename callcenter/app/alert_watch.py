"""Watches floor, trunks and overdue cases by the rules of alerts: raises and clears, shows on the feed what is open.

Laws: an alert counts as raised or cleared only once the store has it, so that a restart finds it as it was; a store
that is away leaves everything as it is, and it is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from callcenter.app.alert_readings import Elsewhere, Today, TrunkStates, WatchedFloor, readings
from callcenter.app.alerts import Alert, AlertBook, AlertSight, Verdict
from callcenter.app.feed import ALERTS
from callcenter.app.ports import Clock
from callcenter.app.screens import FeedPort
from callcenter.domain.alerts import (
    UNOWNED_CASES_RULE,
    WITH_THRESHOLD,
    AlertKind,
    AlertRule,
    Subject,
    SubjectKind,
)
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId, QueueId
from callcenter.domain.labels import Label
from callcenter.metrics.alerts import QUIET, RAISED, AlertChange, AlertPhase, is_bad, is_good, step

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = timedelta(seconds=1)
RULES_EVERY: Final = timedelta(seconds=5)
TRUNKS_EVERY: Final = timedelta(seconds=10)
CASES_EVERY: Final = timedelta(seconds=15)
FORGET_EVERY: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=90)

Place = tuple[str, Subject]
"""A rule's id and what it watches."""


_WORST_FIRST: Final = (Verdict.BAD, Verdict.BETWEEN, Verdict.UNKNOWN, Verdict.GOOD)


class AlertWatch:
    """One task runs it; it alone raises and clears."""

    def __init__(
        self,
        *,
        book: AlertBook,
        floor: WatchedFloor,
        today: Today,
        trunks: Callable[[], Awaitable[TrunkStates]],
        unseen_cases: Callable[[], Awaitable[int]],
        feed: FeedPort,
        clock: Clock,
    ) -> None:
        """`trunks` asks the exchange; it raises `CallcenterError` or `TimeoutError` when that does not answer.

        `unseen_cases` asks the store how many overdue cases nobody has.
        """
        self._book = book
        self._floor = floor
        self._today = today
        self._ask_trunks = trunks
        self._ask_cases = unseen_cases
        self._feed = feed
        self._clock = clock
        self._rules: Mapping[str, AlertRule] = {}
        self._rules_at: datetime | None = None
        self._elsewhere = Elsewhere()
        self._trunks_at: datetime | None = None
        self._cases_at: datetime | None = None
        self._forget_at: datetime | None = None
        self._phases: dict[Place, AlertPhase] = {}
        self._open: dict[Place, Alert] | None = None

    async def run(self) -> None:
        """Look again and again until cancelled."""
        away = False
        while True:
            try:
                await self.turn()
                away = False
            except CallcenterError as error:
                if not away:
                    log.warning("alerts_not_kept", error=error.code)
                away = True
            except Exception:
                # A defect here must not end the routing of calls.
                if not away:
                    log.exception("alerts_defect")
                away = True
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def turn(self) -> None:
        """Look once."""
        now = self._clock.now()
        await self._refresh(now)
        await self._read_trunks(now)
        await self._read_cases(now)
        seen: set[Place] = set()
        for rule in self._rules.values():
            found = tuple(readings(rule, self._floor.picture, self._today, self._elsewhere, now))
            for about, value in found:
                place = (rule.alert_id, about)
                seen.add(place)
                await self._look(rule, place, value, now)
        await self._clear_gone(seen, now)
        if self._forget_at is None or now >= self._forget_at:
            await self._book.forget(now - KEPT)
            self._forget_at = now + FORGET_EVERY

    async def acknowledge(self, number: int, *, by: str) -> Alert:
        """Somebody looks after it; `NotFound`."""
        alert = await self._book.acknowledge(number, at=self._clock.now(), by=by)
        place = (alert.alert_id, alert.about)
        if self._open is not None and place in self._open and self._open[place].number == number:
            self._open[place] = alert
            self._show(alert)
        return alert

    async def look(self, rule: AlertRule) -> tuple[AlertSight, ...]:
        """What a rule, in force or not, sees now; the worst first. Nothing is raised by it."""
        elsewhere = Elsewhere()
        if rule.kind is AlertKind.TRUNK_DOWN:
            elsewhere = Elsewhere(trunks=await self._trunks_now())
        elif rule.kind is AlertKind.UNOWNED_CASES:
            elsewhere = Elsewhere(unseen_cases=await self._ask_cases())
        seen = [
            AlertSight(
                subject_kind=about.kind,
                subject=about.name,
                subject_label=self._label_of(about),
                value=value,
                verdict=_verdict(rule, value),
            )
            for about, value in readings(rule, self._floor.picture, self._today, elsewhere, self._clock.now())
        ]
        return tuple(sorted(seen, key=lambda one: (_WORST_FIRST.index(one.verdict), one.subject)))

    async def _refresh(self, now: datetime) -> None:
        if self._open is None:
            self._open = {(alert.alert_id, alert.about): alert for alert in await self._book.open()}
            self._phases = dict.fromkeys(self._open, RAISED)
            for alert in self._open.values():
                self._show(alert)
        if self._rules_at is None or now >= self._rules_at + RULES_EVERY:
            rules = {rule.alert_id: rule for rule in await self._book.rules()}
            if not any(rule.kind is AlertKind.UNOWNED_CASES for rule in rules.values()):
                rules.setdefault(UNOWNED_CASES_RULE.alert_id, UNOWNED_CASES_RULE)
            for place, phase in self._phases.items():
                # What held by the old rule says nothing about the new one.
                if rules.get(place[0]) != self._rules.get(place[0]):
                    self._phases[place] = AlertPhase(raised=phase.raised)
            self._rules, self._rules_at = rules, now

    async def _read_trunks(self, now: datetime) -> None:
        if not any(rule.kind is AlertKind.TRUNK_DOWN for rule in self._rules.values()):
            return
        if self._trunks_at is not None and now < self._trunks_at + TRUNKS_EVERY:
            return
        self._trunks_at = now
        self._elsewhere = replace(self._elsewhere, trunks=await self._trunks_now())

    async def _trunks_now(self) -> TrunkStates:
        try:
            return await self._ask_trunks()
        except (CallcenterError, TimeoutError):
            # Whether the exchange itself is there is a matter of its health, not of its trunks.
            return dict.fromkeys(self._elsewhere.trunks)

    async def _read_cases(self, now: datetime) -> None:
        if self._cases_at is None or now >= self._cases_at + CASES_EVERY:
            self._elsewhere = replace(self._elsewhere, unseen_cases=await self._ask_cases())
            self._cases_at = now

    async def _look(self, rule: AlertRule, place: Place, value: float | None, now: datetime) -> None:
        phase, change = step(rule, self._phases.get(place, QUIET), value, now)
        if change is AlertChange.RAISED:
            shown = value if rule.kind in WITH_THRESHOLD else None
            about = place[1]
            alert = await self._book.raise_alert(rule, about, self._label_of(about), value=shown, at=now)
            self._opened[place] = alert
            self._show(alert)
            log.warning("alert_raised", alert_id=rule.alert_id, subject=about.name, value=value)
        elif change is AlertChange.CLEARED:
            await self._clear(place, now, gone=False)
        self._phases[place] = phase

    async def _clear_gone(self, seen: set[Place], now: datetime) -> None:
        for place in [place for place in self._opened if place not in seen]:
            # A trunk nobody knows of after a restart is not gone: it was only not asked for yet.
            if place[1].kind is SubjectKind.TRUNK and place[0] in self._rules and not self._elsewhere.trunks:
                continue
            await self._clear(place, now, gone=True)
        for place in [place for place in self._phases if place not in seen and place not in self._opened]:
            del self._phases[place]

    async def _clear(self, place: Place, now: datetime, *, gone: bool) -> None:
        alert = self._opened.get(place)
        if alert is None:
            return
        await self._book.clear(alert, at=now, gone=gone)
        del self._opened[place]
        self._feed.delete(ALERTS, str(alert.number))
        log.info("alert_cleared", alert_id=alert.alert_id, subject=alert.subject, gone=gone)

    @property
    def _opened(self) -> dict[Place, Alert]:
        if self._open is None:
            raise RuntimeError("the alerts have not been read yet")
        return self._open

    def _show(self, alert: Alert) -> None:
        if alert.on_board:
            self._feed.put(ALERTS, str(alert.number), alert)

    def _label_of(self, about: Subject) -> Label:
        picture = self._floor.picture
        match about.kind:
            case SubjectKind.QUEUE:
                return picture.queue(QueueId(about.name)).config.label
            case SubjectKind.AGENT:
                name = picture.agent(AgentId(about.name)).config.name
                return Label(zh=name, en=name)
            case SubjectKind.TRUNK:
                return Label(zh=about.name, en=about.name)
            case SubjectKind.CASES:
                return Label(zh="工单", en="Cases")


def _verdict(rule: AlertRule, value: float | None) -> Verdict:
    if value is None:
        return Verdict.UNKNOWN
    if is_bad(rule, value):
        return Verdict.BAD
    return Verdict.GOOD if is_good(rule, value) else Verdict.BETWEEN
