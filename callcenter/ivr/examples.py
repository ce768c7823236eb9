"""Values to hear a prompt with before any caller has brought real ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from callcenter.ivr.prompts import PLACEHOLDER, PromptSet, Utterance
from callcenter.ivr.variables import (
    CALLER_VARIABLES,
    HOURS_VARIABLES,
    LOOKUP_VARIABLES,
    QUEUE_VARIABLES,
    Money,
    Value,
)

_MOMENT: Final = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_BY_FORM: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "digits": "10023",
        "phone": "13800138000",
        "number": 3,
        "count": 2,
        "ordinal": 2,
        "percent": 5,
        "money": Money(amount=Decimal("12.50"), currency="CNY"),
        "day": _MOMENT,
        "date": _MOMENT,
        "weekday": _MOMENT,
        "time": time(14, 5),
        "moment": _MOMENT,
        "duration": timedelta(hours=1, minutes=30),
        "range": timedelta(minutes=4),
    }
)
_BY_TYPE: Final[Mapping[type, Value]] = MappingProxyType(
    {
        int: 3,
        Decimal: Decimal("3.14"),
        Money: _BY_FORM["money"],
        date: date(2026, 11, 23),
        datetime: _MOMENT,
        time: time(14, 5),
        timedelta: timedelta(minutes=4),
    }
)
_KNOWN: Final[Mapping[str, Value]] = MappingProxyType(
    {
        **CALLER_VARIABLES,
        **QUEUE_VARIABLES,
        **HOURS_VARIABLES,
        **{name: value for values in LOOKUP_VARIABLES.values() for name, value in values.items()},
    }
)
_TEXT: Final[Mapping[str, str]] = MappingProxyType({"zh": "某某", "en": "so and so"})


def variables_of(text: str) -> tuple[str, ...]:
    """The variables in a text, each once, in the order they are said."""
    return tuple(dict.fromkeys(found[1] for found in PLACEHOLDER.finditer(text)))


def example_utterance(prompts: PromptSet, prompt: str, language: str) -> Utterance:
    """The prompt with example values in the place of its variables."""
    text = prompts.texts[prompt][language]
    values = {found[1]: _example(prompts, found[1], found[2], text.voice) for found in PLACEHOLDER.finditer(text.text)}
    return prompts.utterance(prompt, language, values)


def _example(prompts: PromptSet, name: str, form: str | None, language: str) -> Value:
    if form == "word" and prompts.words:
        return next(iter(prompts.words))
    if form is not None and form in _BY_FORM:
        return _BY_FORM[form]
    known = _KNOWN.get(name, "")
    return _BY_TYPE.get(type(known), _TEXT.get(language, _TEXT["en"]))
