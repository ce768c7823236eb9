"""The fields a segment may name: of the customer himself, of what he is worth, of what happened with him, and the
business's own under `custom.NAME`.

Law: the store keeps or counts a value for each of them, and a record made of those values (`store/segment_records.py`)
is in a segment just when the store's own query says so.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from callcenter.crm.custom_fields import CustomField, CustomKind
from callcenter.crm.segments import FieldKind, Fields

CUSTOM: Final = "custom."
BUILT_IN: Final[Mapping[str, FieldKind]] = {
    "kind": FieldKind.TEXT,
    "name": FieldKind.TEXT,
    "language": FieldKind.TEXT,
    "account_manager": FieldKind.TEXT,
    "tags": FieldKind.WORDS,
    "notes": FieldKind.TEXT,
    "created": FieldKind.DATE,
    "do_not_call": FieldKind.BOOLEAN,
    "class": FieldKind.TEXT,
    "stage": FieldKind.TEXT,
    "orders": FieldKind.NUMBER,
    "purchases": FieldKind.NUMBER,
    "first_purchase": FieldKind.DATE,
    "last_purchase": FieldKind.DATE,
    "spent": FieldKind.NUMBER,
    "interval_days": FieldKind.NUMBER,
    "recency": FieldKind.NUMBER,
    "frequency": FieldKind.NUMBER,
    "monetary": FieldKind.NUMBER,
    "p_alive": FieldKind.NUMBER,
    "lifetime_value": FieldKind.NUMBER,
    "contacts": FieldKind.NUMBER,
    "last_contact": FieldKind.DATE,
    "open_cases": FieldKind.NUMBER,
    "open_complaints": FieldKind.NUMBER,
    "complaints": FieldKind.NUMBER,
    "satisfaction": FieldKind.NUMBER,
}
_KINDS: Final = {
    CustomKind.TEXT: FieldKind.TEXT,
    CustomKind.CHOICE: FieldKind.TEXT,
    CustomKind.NUMBER: FieldKind.NUMBER,
    CustomKind.DATE: FieldKind.DATE,
    CustomKind.YES_NO: FieldKind.BOOLEAN,
}


def segment_fields(custom: Iterable[CustomField]) -> Fields:
    """All that a condition may name now; retired fields too, for they keep what is in them."""
    return {**BUILT_IN, **{f"{CUSTOM}{one.field_id}": _KINDS[one.kind] for one in custom}}
