"""Custom fields: what the business adds to a customer, each with its type, and the check of what is filled in.

Law: a value that has passed the check comes back from the store as it went in.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from callcenter.crm.errors import CrmError
from callcenter.domain.customers import CustomValue
from callcenter.domain.labels import Label

LONGEST_TEXT = 2_000


class CustomKind(StrEnum):
    """What a custom field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField:
    """A field of the business; a retired one keeps what is in it and takes nothing new."""

    field_id: str
    label: Label
    kind: CustomKind
    choices: tuple[str, ...] = ()
    retired: bool = False


class InvalidCustomField(CrmError):
    """A custom field that is not there, or a value that does not fit it."""

    code = "invalid_custom_field"


def check_definition(definition: CustomField) -> None:
    """Raise `InvalidCustomField` where choices are missing, doubled or not wanted."""
    name = definition.field_id
    if definition.kind is CustomKind.CHOICE:
        if not definition.choices:
            raise InvalidCustomField(f"custom field {name}: a choice needs the choices, at least one")
        if len(set(definition.choices)) != len(definition.choices):
            raise InvalidCustomField(f"custom field {name}: a choice is there twice")
    elif definition.choices:
        raise InvalidCustomField(f"custom field {name}: choices belong to the kind choice, not to {definition.kind}")


def apply_custom(
    known: Mapping[str, CustomValue],
    changes: Mapping[str, CustomValue | None],
    definitions: Mapping[str, CustomField],
) -> dict[str, CustomValue]:
    """`known` with `changes`, of which None takes a value away; raises `InvalidCustomField`.

    A value that stays as it is passes also where its field or its choice is gone since.
    """
    result = dict(known)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif name not in known or not same_value(known[name], value):
            result[name] = _checked(name, value, definitions)
    return result


def same_value(left: CustomValue, right: CustomValue) -> bool:
    """Whether a field holds this already; Python takes True for 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _checked(name: str, value: CustomValue, definitions: Mapping[str, CustomField]) -> CustomValue:
    definition = definitions.get(name)
    if definition is None or definition.retired:
        known = ", ".join(sorted(known for known, field in definitions.items() if not field.retired)) or "none"
        raise InvalidCustomField(f"there is no custom field {name!r}; there are: {known}")
    match definition.kind:
        case CustomKind.TEXT:
            fits, wanted = isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT, f"1 to {LONGEST_TEXT} characters"
        case CustomKind.NUMBER:
            number = None if isinstance(value, str | bool) else _finite(value)
            fits, wanted, value = number is not None, "a number", value if number is None else number
        case CustomKind.DATE:
            fits, wanted = isinstance(value, str) and _is_date(value), "a date as 2026-03-31"
        case CustomKind.YES_NO:
            fits, wanted = isinstance(value, bool), "true or false"
        case CustomKind.CHOICE:
            fits, wanted = value in definition.choices, f"one of {', '.join(definition.choices)}"
    if not fits:
        raise InvalidCustomField(f"custom field {name} wants {wanted}")
    return value


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
