"""The published schema is the one the code makes, and it says what the reader says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from callcenter.flows import schema_text
from callcenter.ivr.faults import FlowError
from callcenter.ivr.fields import FLOW_FIELDS, KIND_FIELDS, Shape
from callcenter.ivr.reader import parse_flow
from callcenter.ivr.schema import flow_schema

FLOWS = Path(__file__).parents[2] / "ivr_flows"
SAMPLES: dict[Shape, str] = {
    Shape.NODE: "last",
    Shape.PERSON: "last",
    Shape.PROMPT: "p",
    Shape.PROMPTS: "p",
    Shape.VARIABLE: "digits",
    Shape.FLOW: "inner",
    Shape.WORD: "sales",
    Shape.TEXT: "'+8620123456'",
    Shape.YES_NO: "yes",
    Shape.LANGUAGE: "next",
    Shape.LABEL: "{zh: 一, en: One}",
    Shape.MENU_KEYS: "{1: {label: {zh: 一, en: One}, go: last}}",
    Shape.LANGUAGE_KEYS: "{1: zh, 2: en}",
    Shape.CASES: "[{when: customer_known, go: last}]",
    Shape.SKILLS: "{billing: 3}",
    Shape.VALUES: "{tries: 1}",
    Shape.QUESTIONS: "[{question: q, say: p}]",
    Shape.HOURS: "office",
    Shape.SEND: "{a: ani}",
    Shape.INTO: "{total: {path: a}}",
}
OWN = {
    ("http", "url"): "https://example.com/",
    ("confirm", "yes_key"): "3",
    ("confirm", "no_key"): "4",
    ("collect", "end_key"): "'*'",
    ("lookup", "of"): "customer",
    ("lookup", "pin"): "pin",
    ("survey", "say"): "p",
}
# A lookup has what its kind wants, a transfer one of three.
LEFT_OUT = {("lookup", "queue"), ("transfer", "agent"), ("transfer", "queue")}


def fields_of(kind: str) -> dict[str, str]:
    written = {}
    for name, field in KIND_FIELDS[kind].items():
        if (kind, name) not in LEFT_OUT:
            usual = SAMPLES.get(field.shape) or (field.choices[0] if field.choices else str(field.usual or field.low))
            written[name] = OWN.get((kind, name), usual)
    return written


def text_with(kind: str, fields: dict[str, str]) -> str:
    node = "".join(f"    {name}: {value}\n" for name, value in fields.items())
    return (
        "flow: trial\nlanguages: [zh, en]\nstart: pin\nrescue: last\nvariables: {tries: number}\n"
        "prompts: {p: {zh: 好, en: Well}}\nnodes:\n"
        "  pin: {kind: collect, say: p, into: pin, secret: yes, next: digits}\n"
        "  digits: {kind: collect, say: p, into: digits, min_digits: 2, next: it}\n"
        f"  it:\n    kind: {kind}\n{node}  last: {{kind: end}}\n"
    ).replace("into: digits\n    label", "into: more\n    label")


def codes(text: str) -> set[str]:
    try:
        parse_flow(text, "trial.yaml")
    except FlowError as error:
        return {fault.code for fault in error.faults}
    return set()


def test_the_published_schema_is_current() -> None:
    assert (FLOWS / "flow.schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_schema_has_every_field_of_a_flow() -> None:
    properties = json.loads(schema_text())["properties"]
    assert set(properties) == set(FLOW_FIELDS)


@pytest.mark.parametrize("kind", KIND_FIELDS)
def test_every_field_the_table_has_is_read(kind: str) -> None:
    assert not codes(text_with(kind, fields_of(kind))) & {"unknown_field", "missing_field", "bad_type", "bad_choice"}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, fields in KIND_FIELDS.items() for name in fields if fields[name].needed]
)
def test_every_field_the_schema_needs_is_missed(kind: str, name: str) -> None:
    fields = fields_of(kind)
    del fields[name]
    assert codes(text_with(kind, fields)) & {"missing_field", "dead_end"}


@pytest.mark.parametrize("kind", KIND_FIELDS)
def test_every_field_the_schema_does_not_need_may_be_left_out(kind: str) -> None:
    fields = {name: value for name, value in fields_of(kind).items() if KIND_FIELDS[kind][name].needed}
    if kind == "transfer":
        fields["queue"] = "sales"
    if kind == "lookup":
        fields["of"] = "caller"
    assert not codes(text_with(kind, fields)) & {"missing_field", "dead_end", "bad_transfer"}


TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def matches(value: object, schema: object) -> bool:
    """Whether a value fits, as far as our schemas go: a small reader of JSON Schema of its own."""
    assert isinstance(schema, dict)
    if "oneOf" in schema:
        return sum(matches(value, each) for each in schema["oneOf"]) == 1
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    wanted = schema.get("type", list(TYPES))
    if not any(isinstance(value, TYPES[each]) for each in ([wanted] if isinstance(wanted, str) else wanted)):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(matches(each, schema["items"]) for each in value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        more = schema.get("additionalProperties", {})
        names = schema.get("propertyNames", {})
        return set(schema.get("required", ())) <= set(value) and all(
            matches(str(name), names)
            and (matches(each, properties[name]) if name in properties else more is not False and matches(each, more))
            for name, each in value.items()
        )
    return True


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_flows_fit_the_schema(path: Path) -> None:
    value = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    schema = flow_schema()
    for name, node in value["nodes"].items():
        kinds = json.loads(schema_text())["properties"]["nodes"]["additionalProperties"]["oneOf"]
        assert any(matches(node, each) for each in kinds), name
    assert matches(value, schema)
    value["nodes"][value["start"]]["surprise"] = 1
    assert not matches(value, schema)
