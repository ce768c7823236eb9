"""Fields that several parts of the business's file have in common; on a fault each reader returns a harmless value."""

import re
from datetime import date, timedelta
from typing import Final

from callcenter.domain.ids import SkillId
from callcenter.domain.labels import Label
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.scripts import SCRIPT_FIELDS, SCRIPT_MAX_CHARACTERS, unknown_fields
from callcenter.domain.skills import HIGHEST_LEVEL, LOWEST_LEVEL
from callcenter.ivr.document import Section

LABEL_MAX_CHARACTERS: Final = 60
A_DAY_SECONDS: Final = 86_400
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
NAME_RULE: Final = "use letters, digits, _ and -, at most 64"
TELEPHONE: Final = re.compile(r"\+?[0-9*#]{3,32}")
TELEPHONE_RULE: Final = "write a telephone number, best with its country code (+8613800138000)"

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_RULE: Final = 'write a day such as "2026-12-25"'
_WITHOUT_TARGET: Final = (OverflowKind.CALLBACK, OverflowKind.MESSAGE, OverflowKind.CLOSED)


def inner_label(fields: Section) -> Label:
    """The field `label`."""
    found = fields.section("label")
    return label(found) if found is not None else Label(zh="", en="")


def label(fields: Section, *others: str) -> Label:
    """The fields `zh` and `en`; `others` are read by the caller."""
    fields.only("zh", "en", *others)
    return Label(zh=line(fields, "zh", LABEL_MAX_CHARACTERS), en=line(fields, "en", LABEL_MAX_CHARACTERS))


def line(fields: Section, name: str, at_most: int) -> str:
    """A text that is shown in one line."""
    text = fields.text(name, at_most=at_most).strip()
    if not text.isprintable():
        fields.fault("bad_text", f"{fields.path}.{name} has a line break or a control character", "one line", name)
    return text


def levels(fields: Section) -> dict[SkillId, int]:
    """The table `skills`."""
    section = fields.section("skills", needed=False)
    if section is None:
        return {}
    return {
        SkillId(skill): section.whole(skill, LOWEST_LEVEL, HIGHEST_LEVEL, usual=LOWEST_LEVEL)
        for skill in section.names(pattern=None)
    }


def seconds(fields: Section, name: str, low: int, usual: timedelta, *, high: int = A_DAY_SECONDS) -> timedelta:
    """A duration of at most a day, `usual` when it is not there."""
    return fields.seconds(name, low, high, usual=int(usual.total_seconds())) if fields.has(name) else usual


def optional_seconds(fields: Section, name: str, low: int) -> timedelta | None:
    """A duration of at most a day, None when it is not there."""
    return fields.seconds(name, low, A_DAY_SECONDS, usual=low) if fields.has(name) else None


def optional_whole(fields: Section, name: str, low: int, high: int) -> int | None:
    """A whole number, None when it is not there."""
    return fields.whole(name, low, high, usual=low) if fields.has(name) else None


def day(fields: Section, text: str, name: str) -> date | None:
    """The day that `text` is; None after a fault at `name`."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    fields.fault("bad_day", f"{fields.path}: {text!r} is no day", _DAY_RULE, name)
    return None


def optional_day(fields: Section, name: str) -> date | None:
    """A day, None when it is not there."""
    return day(fields, fields.text(name, at_most=10), name) if fields.has(name) else None


def script(fields: Section, name: str, *, needed: bool = False) -> Label | None:
    """What agents say, in both languages, with no fields in braces but those of `SCRIPT_FIELDS`."""
    section = fields.section(name, needed=needed)
    if section is None:
        return None
    section.only("zh", "en")
    texts = {language: section.text(language, at_most=SCRIPT_MAX_CHARACTERS) for language in ("zh", "en")}
    for language, text in texts.items():
        for unknown in unknown_fields(text):
            what = f"{section.path}.{language} has {unknown}, which is no field"
            section.fault("bad_script", what, f"known fields: {', '.join(SCRIPT_FIELDS)}, each in braces", language)
    return Label(zh=texts["zh"], en=texts["en"])


def overflow(fields: Section, name: str) -> Overflow | None:
    """`{queue: ID}`, `{number: "+86..."}`, or one of the words callback, message and closed."""
    if not fields.has(name):
        return None
    if not fields.is_section(name):
        word = fields.one_of(name, _WITHOUT_TARGET)
        return Overflow(kind=OverflowKind(word)) if word in _WITHOUT_TARGET else None
    section = fields.section(name)
    if section is None:
        return None
    section.only(OverflowKind.QUEUE, OverflowKind.NUMBER)
    found = [kind for kind in (OverflowKind.QUEUE, OverflowKind.NUMBER) if section.has(kind)]
    if len(found) != 1:
        fields.fault(
            "bad_overflow", f"{section.path} says no one place", "write {queue: ID} or {number: '+86...'}", name
        )
        return None
    (kind,) = found
    pattern, rule = (TELEPHONE, TELEPHONE_RULE) if kind is OverflowKind.NUMBER else (NAME, NAME_RULE)
    target = section.text(kind, at_most=64)
    if target and not pattern.fullmatch(target):
        what = (
            f"{section.path}.{kind}: {target!r} is no {kind}"
            if kind is OverflowKind.QUEUE
            else (f"{section.path}.{kind}: {target!r} cannot be dialled")
        )
        section.fault("bad_overflow", what, rule, kind)
        return None
    return Overflow(kind=kind, target=target) if target else None
