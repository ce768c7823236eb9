"""Rules of alerts and every alert there was, with the facts that web hooks are told of."""

from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Row, Select, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.alerts import Alert
from callcenter.domain.alerts import AlertKind, AlertRule, AlertTarget, Subject, SubjectKind
from callcenter.domain.errors import InvalidValue, NotFound
from callcenter.domain.hooks import HookEvent, HookFact
from callcenter.domain.labels import Label
from callcenter.store.alert_tables import alert_rules, alerts
from callcenter.store.database import Database
from callcenter.store.encoding import decode_json, encode_json
from callcenter.store.errors import DamagedRules
from callcenter.store.hook_facts import note_facts
from callcenter.store.upsert import upsert_into


async def read_alert_rules(connection: AsyncConnection) -> tuple[AlertRule, ...]:
    """The rules, by id; raises `DamagedRules`."""
    rows = (await connection.execute(alert_rules.select().order_by(alert_rules.c.alert_id))).all()
    return tuple(_rule(row.alert_id, row.rules) for row in rows)


async def put_alert_rule(connection: AsyncConnection, rule: AlertRule) -> None:
    """Make or change a rule."""
    row = {"alert_id": rule.alert_id, "rules": encode_json(rule)}
    await connection.execute(upsert_into(connection, alert_rules), [row])


class StoredAlerts:
    """Implements `callcenter.app.alerts.AlertBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rules(self) -> tuple[AlertRule, ...]:
        """The rules, by id."""
        async with self._database.reading() as connection:
            return await read_alert_rules(connection)

    async def open(self) -> tuple[Alert, ...]:
        """Those that are not cleared, the oldest first."""
        query = alerts.select().where(alerts.c.cleared_at.is_(None)).order_by(alerts.c.number)
        return await self._database.look(lambda connection: _read(connection, query))

    async def alerts(self, *, limit: int, before: int | None, open_only: bool) -> tuple[Alert, ...]:
        """The newest first."""
        query = alerts.select().order_by(alerts.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(alerts.c.number < before)
        if open_only:
            query = query.where(alerts.c.cleared_at.is_(None))
        return await self._database.look(lambda connection: _read(connection, query))

    async def raise_alert(
        self, rule: AlertRule, about: Subject, subject_label: Label, *, value: float | None, at: datetime
    ) -> Alert:
        """Keep a new alert, and tell web hooks if the rule says so; one that is open already is returned as it is."""
        row = {
            "alert_id": rule.alert_id,
            "kind": rule.kind,
            "label_zh": rule.label.zh,
            "label_en": rule.label.en,
            "subject_kind": about.kind,
            "subject": about.name,
            "subject_label_zh": subject_label.zh,
            "subject_label_en": subject_label.en,
            "threshold": rule.threshold,
            "value": value,
            "on_board": AlertTarget.BOARD in rule.to,
            "to_hooks": AlertTarget.HOOK in rule.to,
            "raised_at": at,
            "gone": False,
        }
        query = alerts.select().where(
            alerts.c.alert_id == rule.alert_id,
            alerts.c.subject_kind == about.kind,
            alerts.c.subject == about.name,
            alerts.c.cleared_at.is_(None),
        )
        async with self._database.writing() as connection:
            known = await connection.run_sync(_read, query)
            if known:
                return known[0]
            await connection.execute(insert(alerts), [row])
            made = (await connection.run_sync(_read, query))[0]
            if AlertTarget.HOOK in rule.to:
                await note_facts(connection, (_fact(HookEvent.ALERT_RAISED, made, at),))
            return made

    async def clear(self, alert: Alert, *, at: datetime, gone: bool) -> Alert:
        """Note that it is over, and tell web hooks if its raising was told."""
        mine = (alerts.c.number == alert.number, alerts.c.cleared_at.is_(None))
        async with self._database.writing() as connection:
            step = update(alerts).where(*mine).values(cleared_at=at, gone=gone).returning(alerts.c.to_hooks)
            row = (await connection.execute(step)).one_or_none()
            cleared = replace(alert, cleared_at=at, gone=gone)
            if row is not None and row.to_hooks:
                await note_facts(connection, (_fact(HookEvent.ALERT_CLEARED, cleared, at),))
            return cleared

    async def acknowledge(self, number: int, *, at: datetime, by: str) -> Alert:
        """Note that somebody looks after it; the first counts. `NotFound`."""
        async with self._database.writing() as connection:
            mine = (alerts.c.number == number, alerts.c.acknowledged_at.is_(None))
            await connection.execute(update(alerts).where(*mine).values(acknowledged_at=at, acknowledged_by=by))
            found = await connection.run_sync(_read, alerts.select().where(alerts.c.number == number))
        if not found:
            raise NotFound(f"there is no alert {number}", code="unknown_alert")
        return found[0]

    async def forget(self, before: datetime) -> int:
        """Drop what was cleared before; returns how many."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(alerts).where(alerts.c.cleared_at < before))).rowcount


def _rule(alert_id: str, data: bytes) -> AlertRule:
    try:
        return decode_json(data, AlertRule)
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise DamagedRules(
            f"alert {alert_id}: the rule in the database cannot be read: {error}; somebody changed it by other means "
            "than `callcenter config apply`, or a newer program wrote it: run that program, or restore a backup"
        ) from error


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Alert, ...]:
    return tuple(_alert(row) for row in connection.execute(query).all())


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    return Alert(
        number=row.number,
        alert_id=row.alert_id,
        kind=AlertKind(row.kind),
        label=Label(zh=row.label_zh, en=row.label_en),
        subject_kind=SubjectKind(row.subject_kind),
        subject=row.subject,
        subject_label=Label(zh=row.subject_label_zh, en=row.subject_label_en),
        threshold=row.threshold,
        value=row.value,
        on_board=row.on_board,
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        cleared_at=row.cleared_at,
        gone=row.gone,
    )


def _fact(event: HookEvent, alert: Alert, at: datetime) -> HookFact:
    return HookFact(
        event=event,
        at=at,
        data={
            "alert": alert.number,
            "alert_id": alert.alert_id,
            "kind": alert.kind,
            "subject_kind": alert.subject_kind,
            "subject": alert.subject,
            "threshold": alert.threshold,
            "value": alert.value,
            "raised_at": alert.raised_at.isoformat(),
            "gone": alert.gone,
        },
    )
