"""Two customers who are one: what the survivor is afterwards, and what he is again when it was a mistake.

Law: `unmerged(merged(a, b), before=a, after=merged(a, b))` is `a`; what was changed between the two stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from callcenter.domain.customers import Channel, Consent, ConsentState, ContactPoint, Customer

_STRICTNESS: Mapping[ConsentState, int] = {
    ConsentState.GRANTED: 0,
    ConsentState.REFUSED: 1,
    ConsentState.DO_NOT_CONTACT: 2,
}
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def merged(survivor: Customer, other: Customer) -> Customer:
    """The survivor with what he lacked: his own word counts, lists are joined, of consents the stricter stays."""
    values = {point.value for point in survivor.contact_points}
    return replace(
        survivor,
        language=survivor.language if survivor.language is not None else other.language,
        segment=survivor.segment if survivor.segment is not None else other.segment,
        account_manager_id=(
            survivor.account_manager_id if survivor.account_manager_id is not None else other.account_manager_id
        ),
        tags=tuple(dict.fromkeys((*survivor.tags, *other.tags))),
        contact_points=(
            *survivor.contact_points,
            *(point for point in other.contact_points if point.value not in values),
        ),
        notes="\n".join(dict.fromkeys(text for text in (survivor.notes, other.notes) if text)),
        consents=_stricter(survivor.consents, other.consents),
        custom={**other.custom, **survivor.custom},
    )


def unmerged(now: Customer, *, before: Customer, after: Customer) -> Customer:
    """The survivor without what the merge brought, keeping what was changed since; the ids are those of `now`."""
    return replace(
        now,
        kind=_field(now.kind, before.kind, after.kind),
        name=_field(now.name, before.name, after.name),
        language=_field(now.language, before.language, after.language),
        segment=_field(now.segment, before.segment, after.segment),
        account_manager_id=_field(now.account_manager_id, before.account_manager_id, after.account_manager_id),
        tags=_items(now.tags, before.tags, after.tags),
        contact_points=_points(now.contact_points, before.contact_points, after.contact_points),
        notes=_field(now.notes, before.notes, after.notes),
        consents=tuple(
            _keys(_by_channel(now.consents), _by_channel(before.consents), _by_channel(after.consents)).values()
        ),
        custom=dict(_keys(now.custom, before.custom, after.custom)),
    )


def _stricter(mine: Iterable[Consent], theirs: Iterable[Consent]) -> tuple[Consent, ...]:
    chosen = _by_channel(mine)
    for consent in theirs:
        known = chosen.get(consent.channel)
        if known is None or _STRICTNESS[consent.state] > _STRICTNESS[known.state]:
            chosen[consent.channel] = consent
    return tuple(chosen.values())


def _by_channel(consents: Iterable[Consent]) -> dict[Channel, Consent]:
    return {consent.channel: consent for consent in consents}


def _field(now: _Value, before: _Value, after: _Value) -> _Value:
    return before if now == after else now


def _items(now: tuple[_Item, ...], before: tuple[_Item, ...], after: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """As before, without what was taken away since, and with what was added since."""
    kept = [item for item in before if item in now or item not in after]
    return tuple(dict.fromkeys((*kept, *(item for item in now if item not in after))))


def _points(
    now: tuple[ContactPoint, ...], before: tuple[ContactPoint, ...], after: tuple[ContactPoint, ...]
) -> tuple[ContactPoint, ...]:
    """By their values, for a label may have been changed since."""
    by_value = {point.value: point for point in now}
    known = {point.value for point in after}
    mine = {point.value for point in before}
    kept = [by_value[point.value] for point in before if point.value in by_value]
    return (*kept, *(point for point in now if point.value not in known and point.value not in mine))


def _keys(
    now: Mapping[_Key, _Value], before: Mapping[_Key, _Value], after: Mapping[_Key, _Value]
) -> dict[_Key, _Value]:
    """Key by key: as before where it is as the merge left it, else as it is now."""
    result: dict[_Key, _Value] = {}
    for key in dict.fromkeys((*before, *now)):
        source = before if (key in now) == (key in after) and now.get(key) == after.get(key) else now
        if key in source:
            result[key] = source[key]
    return result
