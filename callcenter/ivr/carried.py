"""Values of a flow as text and back, so that a call that was interrupted goes on with what it knew.

The text is the value's kind, a colon, and the value: `number:3`, `day:2026-11-23`, `money:12.50 CNY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from callcenter.ivr.variables import Money, Value, Variables

MOST_CHARACTERS = 500
"""A longer text is not carried: the flow looks it up again, or says what it says of an empty one."""


def carry(values: Variables) -> dict[str, str]:
    """What can be carried of these values."""
    told = {name: _text(value) for name, value in values.items()}
    return {name: text for name, text in told.items() if len(text) <= MOST_CHARACTERS}


def carried(texts: Mapping[str, str]) -> dict[str, Value]:
    """The values; what cannot be read is left out, for a call must go on whatever was kept."""
    values: dict[str, Value] = {}
    for name, text in texts.items():
        value = _value(text)
        if value is not None:
            values[name] = value
    return values


def _text(value: Value) -> str:
    match value:
        case bool():
            return "yes_no:yes" if value else "yes_no:no"
        case str():
            return f"text:{value}"
        case int():
            return f"number:{value}"
        case timedelta():
            return f"duration:{value // timedelta(microseconds=1)}"
        case datetime():
            return f"moment:{value.isoformat()}"
        case date():
            return f"day:{value.isoformat()}"
        case time():
            return f"time:{value.isoformat()}"
        case Money():
            return f"money:{value.amount} {value.currency}"
        case Decimal():
            return f"amount:{value}"


def _value(text: str) -> Value | None:
    kind, _, said = text.partition(":")
    try:
        match kind:
            case "yes_no":
                return said == "yes"
            case "text":
                return said
            case "number":
                return int(said)
            case "duration":
                return timedelta(microseconds=int(said))
            case "moment":
                return datetime.fromisoformat(said)
            case "day":
                return date.fromisoformat(said)
            case "time":
                return time.fromisoformat(said)
            case "money":
                amount, _, currency = said.partition(" ")
                return Money(amount=Decimal(amount), currency=currency)
            case "amount":
                return Decimal(said)
    except (ValueError, OverflowError, InvalidOperation):
        return None
    return None
