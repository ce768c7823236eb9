"""Customers as the records that segments are asked about, made of what the store keeps, one value a field."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from callcenter.crm.segment_fields import CUSTOM
from callcenter.crm.segments import FieldKind, Fields, FieldValue
from callcenter.domain.cases import CaseKind
from callcenter.domain.customers import Channel, Consent, ConsentState, CustomValue
from callcenter.store.segment_sql import WITHOUT_PURCHASE
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases, customers, interactions
from callcenter.store.value_tables import customer_values


def records_of(
    connection: Connection, ids: Sequence[str], fields: Fields, *, timezone: ZoneInfo
) -> dict[str, dict[str, FieldValue]]:
    """Of those of these who are there, neither merged into others nor erased."""
    mine = select(customers).where(
        customers.c.customer_id.in_(ids), customers.c.merged_into.is_(None), customers.c.erased_at.is_(None)
    )
    people = connection.execute(mine).all()
    worths = select(customer_values).where(customer_values.c.customer_id.in_(ids))
    worth = {row.customer_id: row for row in connection.execute(worths).all()}
    told = _told(connection, ids)
    found = {}
    for row in people:
        name = row.customer_id
        record: dict[str, FieldValue] = {
            "kind": row.kind,
            "name": row.name,
            "language": row.language,
            "account_manager": row.account_manager_id,
            "notes": row.notes,
            "tags": frozenset(row.tags),
            "created": row.created_at.astimezone(timezone).date(),
            "do_not_call": _do_not_call(row.consents or ()),
            "class": row.segment,
            "contacts": float(told.contacts[name]),
            "last_contact": None if name not in told.last else told.last[name].astimezone(timezone).date(),
            "open_cases": float(told.open_cases[name]),
            "open_complaints": float(told.open_complaints[name]),
            "complaints": float(told.complaints[name]),
            "satisfaction": told.satisfaction.get(name),
        }
        record |= _worth(worth.get(name), row.segment)
        for field, kind in fields.items():
            if field.startswith(CUSTOM):
                record[field] = _custom((row.custom or {}).get(field.removeprefix(CUSTOM)), kind)
        found[name] = record
    return found


class _Told:
    """What happened with each."""

    def __init__(self) -> None:
        self.contacts: Counter[str] = Counter()
        self.last: dict[str, datetime] = {}
        self.open_cases: Counter[str] = Counter()
        self.open_complaints: Counter[str] = Counter()
        self.complaints: Counter[str] = Counter()
        self.satisfaction: dict[str, float] = {}


def _told(connection: Connection, ids: Sequence[str]) -> _Told:
    told = _Told()
    calls = select(interactions.c.customer_id, interactions.c.started_at).where(interactions.c.customer_id.in_(ids))
    for row in connection.execute(calls).all():
        told.contacts[row.customer_id] += 1
        told.last[row.customer_id] = max(told.last.get(row.customer_id, row.started_at), row.started_at)
    matters = select(cases.c.customer_id, cases.c.kind, cases.c.closed_at, cases.c.resolved_at)
    for case in connection.execute(matters.where(cases.c.customer_id.in_(ids))).all():
        is_open = case.closed_at is None and case.resolved_at is None
        is_complaint = case.kind == CaseKind.COMPLAINT
        told.open_cases[case.customer_id] += is_open
        told.open_complaints[case.customer_id] += is_open and is_complaint
        told.complaints[case.customer_id] += is_complaint
    scores: dict[str, list[int]] = {}
    answers = select(survey_answers.c.customer_id, survey_answers.c.score)
    for answer in connection.execute(answers.where(survey_answers.c.customer_id.in_(ids))).all():
        scores.setdefault(answer.customer_id, []).append(answer.score)
    told.satisfaction = {name: sum(given) / len(given) for name, given in scores.items()}
    return told


def _worth(row: object, segment: str | None) -> dict[str, FieldValue]:
    if row is None:
        return dict(WITHOUT_PURCHASE)
    kept = row._mapping  # type: ignore[attr-defined]
    record: dict[str, FieldValue] = {
        "class": segment if segment is not None else kept["value_class"],
        "stage": kept["stage"],
        "first_purchase": kept["first_on"],
        "last_purchase": kept["last_on"],
    }
    for field, column in (
        ("orders", "orders"),
        ("purchases", "purchases"),
        ("spent", "spent"),
        ("interval_days", "interval_days"),
        ("recency", "recency_score"),
        ("frequency", "frequency_score"),
        ("monetary", "monetary_score"),
        ("p_alive", "p_alive"),
        ("lifetime_value", "lifetime_value"),
    ):
        record[field] = None if kept[column] is None else float(kept[column])
    return record


def _do_not_call(consents: Sequence[Consent]) -> bool:
    return any(one.channel is Channel.PHONE and one.state is ConsentState.DO_NOT_CONTACT for one in consents)


def _custom(value: CustomValue | None, kind: FieldKind) -> FieldValue:
    """What is of another kind than the field counts as missing."""
    if kind is FieldKind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if kind is FieldKind.NUMBER:
        return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    if kind is not FieldKind.DATE:
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
