"""Every field that the business's file may have is described for the forms, with the bounds and usual values it has."""

from collections.abc import Mapping

import pytest

from callcenter.app.business import Part
from callcenter.app.business_alerts import FIELDS as ALERT_FIELDS
from callcenter.app.business_best_offers import FIELDS as BEST_OFFER_FIELDS
from callcenter.app.business_file import AGENT_FIELDS
from callcenter.app.business_form import forms
from callcenter.app.business_form_fields import Field, FieldKind, Group
from callcenter.app.business_hours import HOURS_FIELDS
from callcenter.app.business_item import BusinessFaulty, ItemFile
from callcenter.app.business_privacy import FIELDS as CONNECTOR_FIELDS
from callcenter.app.business_queue import QUEUE_FIELDS
from callcenter.app.business_text import tables_of
from callcenter.app.business_waiting import WAITING_FIELDS

LABEL = {"zh": "甲", "en": "A"}
NEEDED: Mapping[Part, Mapping[str, object]] = {
    Part.QUEUES: {"label": LABEL},
    Part.AGENTS: {"name": "Anna"},
    Part.REASONS: LABEL,
    Part.SKILLS: LABEL,
    Part.DISPOSITIONS: LABEL,
    Part.BEST_OFFERS: {"label": LABEL, "text": LABEL},
}


def described(part: Part) -> list[str]:
    return [field.name for field in forms()[part].fields]


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (Part.QUEUES, QUEUE_FIELDS),
        (Part.AGENTS, AGENT_FIELDS),
        (Part.HOURS, HOURS_FIELDS),
        (Part.NUMBERS, ("flow", "label")),
        (Part.REASONS, ("zh", "en", "limit_seconds", "warn_before_seconds")),
        (Part.ALERTS, ALERT_FIELDS),
        (Part.SKILLS, ("zh", "en")),
        (Part.ROLES, ("see_numbers",)),
        (Part.RETENTION, ("days",)),
        (Part.CONNECTORS, CONNECTOR_FIELDS),
        (Part.BEST_OFFERS, BEST_OFFER_FIELDS),
        (Part.DISPOSITIONS, ("zh", "en")),
    ],
)
def test_every_field_of_the_file_is_described_and_no_other(part: Part, fields: tuple[str, ...]) -> None:
    assert {name.partition(".")[0] for name in described(part)} == set(fields)
    assert len(described(part)) == len(set(described(part)))


def test_the_fields_within_a_queue_are_described_too() -> None:
    names = described(Part.QUEUES)
    assert {name.split(".")[1] for name in names if name.startswith("waiting.")} == set(WAITING_FIELDS)


def test_everything_is_said_in_both_languages() -> None:
    for form in forms().values():
        described: list[Group | Field] = [*form.groups, *form.fields]
        for one in described:
            assert one.label["zh"], one.name
            assert one.label["en"], one.name
            assert bool(one.help["zh"]) is bool(one.help["en"]), one.name
        assert {field.group for field in form.fields} <= {group.name for group in form.groups}


def put(table: dict[str, object], name: str, value: object) -> None:
    first, _, rest = name.partition(".")
    if not rest:
        table[first] = value
        return
    inner = table.setdefault(first, {})
    assert isinstance(inner, dict)
    put(inner, rest, value)


def read_back(part: Part, field: Field, value: object) -> dict[str, object]:
    document: dict[str, object] = dict(NEEDED[part])
    if field.name.startswith("survey."):
        put(document, "survey.flow", "survey")
    if field.name.startswith("waiting.unusual"):
        put(document, "waiting.unusual.waiting_above", 5)
    put(document, field.name, value)
    found = ItemFile(part, "one", document)  # type: ignore[arg-type]
    return dict(tables_of(found.business, part)["one"])


NUMBERS = (FieldKind.SECONDS, FieldKind.WHOLE, FieldKind.SECONDS_OR_NEVER)
FIELDS = [(part, field) for part in NEEDED for field in forms()[part].fields]


@pytest.mark.parametrize(("part", "field"), [(p, f) for p, f in FIELDS if f.kind in NUMBERS and f.high is not None])
def test_the_bounds_are_those_of_the_file(part: Part, field: Field) -> None:
    assert field.low is not None
    assert field.high is not None
    for value in (field.low, field.high):
        read_back(part, field, value)
    for value in (field.low - 1, field.high + 1):
        with pytest.raises(BusinessFaulty) as refused:
            read_back(part, field, value)
        assert [fault.field for fault in refused.value.faults] == [field.name]


USUALS = [(p, f) for p, f in FIELDS if f.usual is not None and f.kind is not FieldKind.SWITCH and f.usual != ""]


@pytest.mark.parametrize(("part", "field"), USUALS)
def test_what_is_usual_need_not_be_said(part: Part, field: Field) -> None:
    if field.name.startswith(("survey.", "waiting.unusual.")) or field.usual in ([], {}):
        return
    plain = read_back(part, field, field.usual)
    document = dict(NEEDED[part])
    assert plain == dict(tables_of(ItemFile(part, "one", document).business, part)["one"])  # type: ignore[arg-type]


def test_choices_are_those_of_the_file() -> None:
    for part, field in FIELDS:
        for choice in field.choices:
            if field.kind is FieldKind.CHOICE:
                read_back(part, field, choice.value)
        if field.kind is FieldKind.CHOICE:
            with pytest.raises(BusinessFaulty, match="use "):
                read_back(part, field, "something else")
