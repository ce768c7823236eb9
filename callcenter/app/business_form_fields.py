"""The words in which fields of the business's configuration are described."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from callcenter.app.business_tables import Value

Words = Mapping[str, str]
"""The same in `zh` and in `en`."""


def words(zh: str, en: str) -> Words:
    """A text in both languages."""
    return {"zh": zh, "en": en}


class FieldKind(StrEnum):
    """What a field holds, and so how it is asked for."""

    LINE = "line"
    LABEL = "label"
    SCRIPT = "script"
    """Several lines in each language, with fields in braces (domain/scripts.py)."""
    SECONDS = "seconds"
    SECONDS_OR_NEVER = "seconds_or_never"
    WHOLE = "whole"
    YES_NO = "yes_no"
    SWITCH = "switch"
    """A table of further fields (`NAME.FIELD`) that may be there or not."""
    CHOICE = "choice"
    CHOICES = "choices"
    WORDS = "words"
    LEVELS = "levels"
    """Of skills, the level of each."""
    POINTS = "points"
    """Of names, the points of each."""
    TEXTS = "texts"
    """Of names, the text of each."""
    STEPS = "steps"
    OVERFLOW = "overflow"
    PROMPT = "prompt"
    PROMPTS = "prompts"
    FLOW = "flow"
    SURVEY_FLOW = "survey_flow"
    SELF_SERVICE = "self_service"
    HOURS = "hours"
    QUEUE = "queue"
    PHONE = "phone"
    PREFERENCES = "preferences"
    TIMEZONE = "timezone"
    WEEK = "week"
    HOLIDAYS = "holidays"
    DAYS = "days"
    SPECIAL_DAYS = "special_days"
    DAY = "day"
    SEGMENT = "segment"
    CONDITION = "condition"
    """As a segment's (crm/segment_text.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the words a field may hold."""

    value: str
    label: Words
    help: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields that belong together."""

    name: str
    label: Words
    help: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field; of nested ones the name is a path with dots."""

    name: str
    kind: FieldKind
    group: str
    label: Words
    help: Words
    needed: bool = False
    low: int | None = None
    high: int | None = None
    """Of numbers the greatest, of texts the most characters."""
    usual: Value | None = None
    """What counts where the field is left out; None: nothing does."""
    choices: tuple[Choice, ...] = ()
    governed_by: str = ""
    """The choice that says whether the field means anything; empty: it always does."""
    governing: tuple[str, ...] = ()
    """With which values of that choice it does."""
