"""A text shown to people, in both languages as equals."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One text in Chinese and in English."""

    zh: str
    en: str
