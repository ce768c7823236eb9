"""Events and values as JSON and back.

Law: whatever the domain can build is encoded; letters that are no text (lone surrogates) become U+FFFD,
and a float that is no finite number becomes null.

What a type looks like is learnt once, by one thread at a time: msgspec 0.22 keeps what it knows of a dataclass where
others see it before it is whole, and two threads that decode one for the first time end the process with a fault of
memory (docs/decisions/0013).
"""

import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import TypeVar, cast, get_args

import msgspec

from callcenter.domain import events as ev
from callcenter.store.errors import UnknownEvent

T = TypeVar("T")

_EVENT_UNION: UnionType = ev.Event
EVENT_CLASSES: Mapping[str, type[ev.Event]] = {cls.__name__: cls for cls in get_args(_EVENT_UNION)}
"""Every event by its name in the journal, which is its class's name."""

REPLACEMENT = "\ufffd"


def encode_json(value: object) -> bytes:
    """`value` as UTF-8 JSON; dataclasses become objects, times RFC 3339."""
    try:
        return msgspec.json.encode(value, enc_hook=_as_object)
    except UnicodeEncodeError:
        return msgspec.json.encode(_with_text_only(value), enc_hook=_as_object)


def decode_json(data: str | bytes, type_: type[T]) -> T:
    """The value of `type_` that `encode_json` made `data` of."""
    return _decoder_of(type_).decode(data)


def without_surrogates(text: str) -> str:
    """`text` as it is, or with U+FFFD for what UTF-8 cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def encode_event(event: ev.Event) -> tuple[str, bytes]:
    """The event's name and its JSON."""
    name = type(event).__name__
    if EVENT_CLASSES.get(name) is not type(event):
        raise UnknownEvent(
            f"{name} is no event of the journal; those are the members of callcenter.domain.events.Event"
        )
    return name, encode_json(event)


def decode_event(name: str, data: str | bytes) -> ev.Event:
    """The event that was written under `name`."""
    known = EVENT_CLASSES.get(name)
    if known is None:
        raise UnknownEvent(f"the journal holds an event {name!r} that this program does not know")
    return _decoder_of(known).decode(data)


_decoders: dict[object, msgspec.json.Decoder[object]] = {}
_learning = threading.Lock()


def _decoder_of(type_: type[T]) -> msgspec.json.Decoder[T]:
    decoder = _decoders.get(type_)
    if decoder is None:
        with _learning:
            decoder = _decoders.setdefault(type_, msgspec.json.Decoder(type_))
    return cast(msgspec.json.Decoder[T], decoder)


def _as_object(value: object) -> object:
    """A mapping of whatever class becomes an object."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"a {type(value).__name__} cannot be written as JSON")


def _with_text_only(value: object) -> object:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, Mapping):
        return {_with_text_only(key): _with_text_only(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_with_text_only(item) for item in value]
    if is_dataclass(value):
        return {part.name: _with_text_only(getattr(value, part.name)) for part in fields(value)}
    return value
