"""Segments in the store: the query finds just whom the condition is true of; versions, undo, members for routing."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert

from callcenter.crm.custom_fields import CustomField, CustomKind
from callcenter.crm.segment_fields import segment_fields
from callcenter.crm.segment_text import parse_segment
from callcenter.crm.segments import (
    AllOf,
    AnyOf,
    Between,
    Comparator,
    Compare,
    Condition,
    Contains,
    FieldKind,
    FieldValue,
    IsMissing,
    Not,
    OneOf,
    Operand,
    Value,
    predicate,
    text_of,
)
from callcenter.domain.customers import Channel, Consent, ConsentState
from callcenter.domain.labels import Label
from callcenter.store.database import Database
from callcenter.store.segment_records import records_of
from callcenter.store.segment_sql import segment_query
from callcenter.store.survey_tables import survey_answers
from callcenter.store.tables import cases, customers, interactions
from callcenter.store.value_tables import customer_values
from tests.adapters.store_calls import NOON

TODAY = date(2026, 6, 30)
TIMEZONE = ZoneInfo("Asia/Shanghai")
CUSTOM = tuple(
    CustomField(field_id=kind.value, label=Label(zh=kind, en=kind), kind=kind, choices=("x", "Y"))
    if kind is CustomKind.CHOICE
    else CustomField(field_id=kind.value, label=Label(zh=kind, en=kind), kind=kind)
    for kind in CustomKind
)
FIELDS = segment_fields(CUSTOM)
TEXTS = (
    "",
    "A",
    "B",
    "a",
    "王小明",
    "Wang",
    "wang",
    "ÉCOLE école",
    "Ωmega ωMEGA",
    "x_y%",
    "İstanbul",
    "straße",
    "王芳",
)
WORDS = ("vip", "VIP", "老客户", "a b")


def people(chance: Random, count: int) -> dict[str, list[dict[str, object]]]:
    rows: dict[str, list[dict[str, object]]] = {"customers": [], "values": [], "calls": [], "cases": [], "answers": []}
    for number in range(count):
        name = f"c{number:04}"
        created = datetime(2026, 6, 30, tzinfo=UTC) - timedelta(hours=chance.randrange(24 * 500))
        consent = Consent(
            channel=chance.choice((Channel.PHONE, Channel.SMS)),
            state=chance.choice(tuple(ConsentState)),
            at=NOON,
            by="1001",
        )
        custom = {
            "text": chance.choice((*TEXTS, 5.0)),
            "choice": chance.choice(("x", "Y")),
            "number": chance.choice((1.0, 2.5, -3.0, 1e20, "2")),
            "date": (TODAY - timedelta(days=chance.randrange(-3, 200))).isoformat(),
            "yes_no": chance.choice((True, False)),
        }
        rows["customers"].append(
            {
                "customer_id": name,
                "kind": chance.choice(("person", "organisation")),
                "name": chance.choice(TEXTS[1:]),
                "language": chance.choice(("zh", "en", None)),
                "segment": chance.choice(("A", "B", None, None)),
                "account_manager_id": chance.choice(("1001", None)),
                "tags": tuple(chance.sample(WORDS, chance.randrange(3))),
                "notes": chance.choice(TEXTS),
                "created_at": created,
                "updated_at": created,
                "consents": chance.choice((None, (consent,))),
                "custom": chance.choice((None, {key: custom[key] for key in chance.sample(sorted(custom), 3)})),
                "merged_into": "c0000" if number % 17 == 16 else None,
            }
        )
        if chance.random() < 0.7:
            last = TODAY - timedelta(days=chance.randrange(120))
            rows["values"].append(
                {
                    "customer_id": name,
                    "as_of": TODAY,
                    "orders": chance.randrange(1, 5),
                    "purchases": chance.randrange(1, 4),
                    "first_on": last - timedelta(days=chance.randrange(300)),
                    "last_on": last,
                    "spent": chance.choice((0.0, 99.5, 100.0, 1e6)),
                    "currency": "CNY",
                    "recency_score": chance.randrange(1, 6),
                    "frequency_score": chance.randrange(1, 6),
                    "monetary_score": chance.randrange(1, 6),
                    "value_class": chance.choice(("A", "B", "C")),
                    "p_alive": chance.choice((None, 0.25, 0.9)),
                    "lifetime_value": chance.choice((None, 12.34)),
                    "stage": chance.choice(("new", "lost", "loyal")),
                    "why": "silent",
                    "interval_days": 30.5,
                }
            )
        for call in range(chance.randrange(3)):
            rows["calls"].append(
                {
                    "interaction_id": f"{name}-{call}",
                    "media_type": "voice",
                    "started_at": created + timedelta(hours=chance.randrange(1_000)),
                    "stage": "ended",
                    "ani_raw": "",
                    "ani_withheld": False,
                    "dnis": "4001",
                    "caller_name": "",
                    "trunk": "",
                    "menu_path": (),
                    "language": "zh",
                    "priority": 0,
                    "customer_ids": (name,),
                    "customer_id": name,
                    "notes": "",
                }
            )
            rows["answers"].append(
                {
                    "interaction_id": f"{name}-{call}",
                    "flow": "survey",
                    "question": "agent",
                    "score": chance.randrange(1, 6),
                    "customer_id": name,
                    "at": NOON,
                }
            )
        for case in range(chance.randrange(3)):
            rows["cases"].append(
                {
                    "case_id": f"{name}-{case}",
                    "customer_id": name,
                    "kind": chance.choice(("complaint", "question")),
                    "subject": "",
                    "state": "open",
                    "opened_at": NOON,
                    "closed_at": chance.choice((None, NOON)),
                    "resolved_at": chance.choice((None, NOON)),
                }
            )
    return rows


def literal_of(chance: Random, kind: FieldKind) -> Value:
    if kind is FieldKind.NUMBER:
        return chance.choice((0.0, 1.0, 2.0, 2.5, 3.0, 99.5, 30.5, 0.25, 1e30, -1.0))
    if kind is FieldKind.BOOLEAN:
        return chance.choice((True, False))
    if kind is FieldKind.DATE:
        return chance.choice((TODAY, TODAY - timedelta(days=chance.randrange(-5, 200)), date.min, date.max))
    return chance.choice((*TEXTS, "zh", "person", "new", "prospect", "1001", "x", "C"))


def condition_of(chance: Random, depth: int = 3) -> Condition:
    if depth and chance.random() < 0.55:
        parts = tuple(condition_of(chance, depth - 1) for _ in range(2))
        return chance.choice((AllOf(parts=parts), AnyOf(parts=parts), Not(part=parts[0])))
    name = chance.choice(sorted(FIELDS))
    kind = FIELDS[name]
    operand = Operand(field=name)
    missing = IsMissing(operand=operand, negated=chance.random() < 0.5)
    if kind is FieldKind.WORDS:
        return chance.choice((Contains(operand=operand, part=chance.choice((*WORDS, "v"))), missing))
    if kind is FieldKind.DATE and chance.random() < 0.5:
        operand, kind = Operand(field=name, days_since=True), FieldKind.NUMBER
        far = Compare(operand=operand, comparator=chance.choice(tuple(Comparator)), value=chance.choice((1e7, -1e7)))
        near = Compare(
            operand=operand, comparator=chance.choice(tuple(Comparator)), value=chance.randrange(-10, 240) / 2
        )
        return chance.choice((far, near, near, near))
    low, high = literal_of(chance, kind), literal_of(chance, kind)
    comparators = tuple(Comparator) if kind is not FieldKind.BOOLEAN else (Comparator.EQUAL, Comparator.NOT_EQUAL)
    found: list[Condition] = [
        missing,
        Compare(operand=operand, comparator=chance.choice(comparators), value=low),
        OneOf(operand=operand, values=(low, high), negated=chance.random() < 0.5),
    ]
    if kind is not FieldKind.BOOLEAN:
        found.append(Between(operand=operand, low=low, high=high))
    if kind is FieldKind.TEXT:
        found.append(Contains(operand=operand, part=chance.choice(("", "WANG", "é", "ωm", "王", "_", "%", "İ", "SS"))))
    return chance.choice(found)


async def test_the_query_finds_just_those_of_whom_the_condition_is_true(database: Database) -> None:
    chance = Random(20_260_630)
    rows = people(chance, 150)
    conditions = [condition_of(chance) for _ in range(300)]

    def ask(connection: Connection) -> int:
        everybody = [str(row["customer_id"]) for row in rows["customers"]]
        records = records_of(connection, everybody, FIELDS, timezone=TIMEZONE)
        hits = 0
        for number, condition in enumerate(conditions):
            said = text_of(condition)
            assert parse_segment(said, FIELDS) == condition
            test = predicate(condition, today=TODAY)
            wanted = [name for name in sorted(records) if test(records[name])]
            query = segment_query(
                condition, FIELDS, today=TODAY, timezone=TIMEZONE, is_sqlite=connection.dialect.name == "sqlite"
            )
            found = [str(one) for one in connection.execute(query.ids(after=None, limit=1_000)).scalars()]
            assert sorted(found) == wanted, f"condition {number}: {said}"
            assert connection.execute(query.count()).one().found == len(wanted)
            hits += 0 < len(wanted) < len(records)
        return hits

    async with database.writing() as connection:
        await connection.execute(insert(customers), rows["customers"])
        await connection.execute(insert(customer_values), rows["values"])
        await connection.execute(insert(interactions), rows["calls"])
        await connection.execute(insert(survey_answers), rows["answers"])
        await connection.execute(insert(cases), rows["cases"])
    # The test would say nothing if nearly all conditions held of all or of none.
    assert await database.look(ask, timedelta(seconds=120)) > 100


def test_no_value_gets_into_the_text_of_the_query() -> None:
    evil: dict[str, FieldValue] = {"name": "x'); DROP TABLE customers; --"}
    condition = Compare(operand=Operand(field="name"), comparator=Comparator.EQUAL, value=str(evil["name"]))
    for is_sqlite in (True, False):
        query = segment_query(condition, FIELDS, today=TODAY, timezone=TIMEZONE, is_sqlite=is_sqlite)
        assert "DROP" not in str(query.count())
