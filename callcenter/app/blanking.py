"""Takes the person out of records and events: what is left says that there was a call, when, where and how it went.

Law: no figure changes. Times, queues, agents, outcomes, scores and keys of menus stay; numbers, names, what was typed,
said or written, and who it was, go.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from callcenter.domain import events as ev
from callcenter.domain.callbacks import Callback
from callcenter.domain.callers import A_STRANGER
from callcenter.domain.ids import CustomerId
from callcenter.domain.interactions import Given, Placement
from callcenter.domain.numbers import Number
from callcenter.domain.transfers import Handling

BLANK = "[erased]"
"""What stands in a text for what was taken out of it."""
SAFE_LENGTH = 8
"""A word of Latin letters or digits that is shorter may be a part of something else."""

Value = TypeVar("Value")


def blank_number(number: Number) -> Number:
    """Whether it was withheld is a figure; all else is the person."""
    return Number(raw="", withheld=number.withheld)


def blank_given(given: Given) -> Given:
    """That a number was typed stays, its digits do not; what was said is gone with its file."""
    return replace(
        given,
        typed=tuple(replace(typed, digits="") for typed in given.typed),
        values={},
        messages=(),
    )


def blank_callback(callback: Callback | None) -> Callback | None:
    """Whom to call is the person."""
    return None if callback is None else replace(callback, number="")


def blank_placement(placement: Placement | None) -> Placement | None:
    """What was known of him goes; his place in the queue was a figure."""
    return None if placement is None else replace(placement, traits=A_STRANGER)


def blank_handling(handling: Handling | None) -> Handling | None:
    """Who had him when is a figure; what was noted of him is not."""
    if handling is None:
        return None
    return replace(
        handling,
        transfers=tuple(replace(one, note="") for one in handling.transfers),
        consultations=tuple(replace(one, note="") for one in handling.consultations),
    )


def blank_event(event: ev.InteractionEvent) -> ev.InteractionEvent:
    """The event without the person; the same one where nothing of him is in it."""
    match event:
        case ev.InteractionArrived():
            return replace(event, ani=blank_number(event.ani), caller_name="", channel="")
        case ev.CustomerMatched():
            return replace(event, customer_ids=(), customer_id=None)
        case ev.CallerVerified():
            return replace(event, customer_id=CustomerId(""))
        case ev.SurveyAsked():
            return replace(event, customer_id=None, number="")
        case ev.SurveyAnswered():
            return replace(event, customer_id=None)
        case ev.InteractionQueued():
            return replace(event, traits=A_STRANGER, callback=blank_callback(event.callback))
        case ev.LegStarted():
            return replace(event, channel="")
        case _:
            return _blank_given_event(event)


def _blank_given_event(event: ev.InteractionEvent) -> ev.InteractionEvent:
    """Of the events that say what he typed and said, and what was written of it."""
    match event:
        case ev.DigitsCollected():
            return replace(event, digits="")
        case ev.ValuesKept():
            return replace(event, values={})
        case ev.InteractionTransferred() | ev.ConsultationStarted():
            return replace(event, note="")
        case ev.CallbackRequested():
            return replace(event, number="")
        case ev.MessageLeft():
            return replace(event, file="")
        case ev.InteractionAnnotated():
            return replace(event, notes=None if event.notes is None else "", customer_id=None)
        case _:
            return event


def without_number(event: ev.InteractionEvent, numbers: Collection[str]) -> ev.InteractionEvent:
    """Somebody else's event without these numbers, which are nobody's but the person's."""
    if isinstance(event, ev.InteractionArrived) and event.ani.e164 in numbers:
        return replace(event, ani=blank_number(event.ani), caller_name="", channel="")
    if isinstance(event, ev.InteractionQueued) and event.callback is not None and event.callback.number in numbers:
        return replace(event, callback=blank_callback(event.callback))
    if isinstance(event, ev.CallbackRequested) and event.number in numbers:
        return replace(event, number="")
    if isinstance(event, ev.SurveyAsked) and event.number in numbers:
        return replace(event, number="")
    return event


def without_customers(event: ev.InteractionEvent, customers: Collection[str]) -> ev.InteractionEvent:
    """Somebody else's event that does not say that it might have been one of these."""
    if isinstance(event, ev.CustomerMatched):
        rest = tuple(one for one in event.customer_ids if one not in customers)
        chosen = None if event.customer_id in customers else event.customer_id
        return replace(event, customer_ids=rest, customer_id=chosen)
    if isinstance(event, ev.InteractionAnnotated) and event.customer_id in customers:
        return replace(event, customer_id=None)
    return event


def blank_words(text: str, words: Collection[str]) -> str:
    """A text with `BLANK` for each of these words, the longest first; a short one only where it stands alone."""
    for word in sorted(words, key=len, reverse=True):
        if word in text:
            alone = word.isascii() and len(word) < SAFE_LENGTH
            pattern = rf"(?<!\w){re.escape(word)}(?!\w)" if alone else re.escape(word)
            text = re.sub(pattern, BLANK, text)
    return text


def texts_in(value: object) -> frozenset[str]:
    """Every text inside a JSON value."""
    match value:
        case str():
            return frozenset({value})
        case Mapping():
            return frozenset().union(*(texts_in(one) for one in value.values()))
        case list() | tuple():
            return frozenset().union(*(texts_in(one) for one in value))
        case _:
            return frozenset()
