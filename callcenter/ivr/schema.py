"""The JSON Schema of flow files, for editors: made of the table of fields, so that it says what the reader reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callcenter.ivr.document import IDENTIFIER, NAME
from callcenter.ivr.fields import ASKING_FIELDS, KIND_FIELDS, MAX_QUESTIONS, Field, Shape
from callcenter.ivr.flow import KEYS
from callcenter.ivr.prompts import PROMPT_MAX_CHARACTERS
from callcenter.ivr.speech import SPOKEN_LANGUAGES
from callcenter.ivr.variables import KINDS

Schema = Mapping[str, object]

_NAME: Final[Schema] = {"type": "string", "pattern": f"^{IDENTIFIER.pattern}$"}
_WORD: Final[Schema] = {"type": ["string", "integer"], "pattern": f"^{NAME.pattern}$"}
_TEXT: Final[Schema] = {"type": ["string", "number"]}
_KEY: Final = r"^[0-9*#]$"


def flow_schema() -> Schema:
    """The schema, as plain values that JSON can hold."""
    texts = _table(dict.fromkeys(SPOKEN_LANGUAGES, _prompt_text()), ())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A flow of the IVR",
        "description": "docs/ivr.md tells what it means.",
        **_table(
            {
                "flow": _NAME,
                "languages": {"type": "array", "items": {"enum": list(SPOKEN_LANGUAGES)}, "minItems": 1},
                "start": _NAME,
                "rescue": _NAME,
                "variables": _named(_NAME, {"enum": list(KINDS)}),
                "asking": _table({name: _field(field) for name, field in ASKING_FIELDS.items()}, ()),
                "words": {"type": "object", "additionalProperties": _table(dict.fromkeys(SPOKEN_LANGUAGES, _TEXT), ())},
                "prompts": _named(_NAME, texts),
                "nodes": _named(_NAME, {"oneOf": [_node(kind) for kind in KIND_FIELDS]}),
            },
            ("flow", "languages", "start", "rescue", "nodes"),
        ),
    }


def _node(kind: str) -> Schema:
    fields = KIND_FIELDS[kind]
    needed = [name for name, field in fields.items() if field.needed]
    properties = {"kind": {"const": kind}, **{name: _field(field) for name, field in fields.items()}}
    return {"title": kind, **_table(properties, ("kind", *needed))}


def _field(field: Field) -> Schema:
    return {"description": field.about, **_shape(field)}


def _shape(field: Field) -> Schema:
    match field.shape:
        case Shape.WHOLE:
            return {"type": "integer", "minimum": field.low, "maximum": field.high, "default": field.usual}
        case Shape.SECONDS:
            return {"type": "number", "minimum": field.low, "maximum": field.high, "default": field.usual}
        case Shape.YES_NO:
            # YAML 1.1 reads yes as true, YAML 1.2 as a word.
            return {"enum": [True, False, "yes", "no"], "default": bool(field.usual)}
        case Shape.CHOICE:
            return {"enum": list(field.choices)}
        case shape if shape in _SHAPES:
            return _SHAPES[shape]
        case _:
            return _NAME


def _table(properties: Mapping[str, Schema], needed: tuple[str, ...]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(needed),
        "additionalProperties": False,
    }


def _named(name: Schema, each: Schema) -> Schema:
    return {"type": "object", "propertyNames": name, "additionalProperties": each}


def _prompt_text() -> Schema:
    text: Schema = {"type": ["string", "number"], "maxLength": PROMPT_MAX_CHARACTERS}
    spoken = _table({"voice": {"enum": list(SPOKEN_LANGUAGES)}, "text": text}, ("voice", "text"))
    return {"oneOf": [text, spoken]}


_LABEL: Final[Schema] = _table({"zh": _TEXT, "en": _TEXT}, ("zh", "en"))
_PROMPTS: Final[Schema] = {"oneOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}
_QUESTION: Final[Schema] = _table(
    {
        "question": _NAME,
        "say": _PROMPTS,
        "lowest": {"type": "integer", "minimum": 0, "maximum": 9},
        "highest": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    ("question", "say"),
)
_INTO: Final[Schema] = _table(
    {"path": _TEXT, "kind": {"enum": list(KINDS)}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}}, ("path",)
)
_SHAPES: Final[Mapping[Shape, Schema]] = {
    Shape.PROMPTS: _PROMPTS,
    Shape.WORD: _WORD,
    Shape.TEXT: _TEXT,
    Shape.LANGUAGE: {"enum": ["next", *SPOKEN_LANGUAGES]},
    Shape.KEY: {"enum": [*(int(key) for key in KEYS if key.isdecimal()), *KEYS]},
    Shape.LABEL: _LABEL,
    Shape.MENU_KEYS: {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _KEY},
        "additionalProperties": _table({"label": _LABEL, "go": _NAME}, ("label", "go")),
    },
    Shape.LANGUAGE_KEYS: {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _KEY},
        "additionalProperties": {"enum": list(SPOKEN_LANGUAGES)},
    },
    Shape.CASES: {
        "type": "array",
        "minItems": 1,
        "items": _table({"when": {"type": "string"}, "go": _NAME}, ("when", "go")),
    },
    Shape.SKILLS: {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 10}},
    Shape.VALUES: {**_named(_NAME, {"type": ["string", "number", "boolean"]}), "minProperties": 1},
    Shape.QUESTIONS: {"type": "array", "items": _QUESTION, "minItems": 1, "maxItems": MAX_QUESTIONS},
    Shape.HOURS: {"oneOf": [_WORD, {"type": "object"}]},
    Shape.SEND: {"type": "object", "additionalProperties": _NAME},
    Shape.INTO: {**_named(_NAME, _INTO), "minProperties": 1},
}
