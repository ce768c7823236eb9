"""The variables that prompts and conditions may use: their types, and what they are when nobody knows better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

Value = str | int | bool | timedelta
Variables = Mapping[str, Value]

CALLER_VARIABLES: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "ani": "",
        "dnis": "",
        "customer_known": False,
        "customer_name": "",
        "customer_class": "",
        "open_cases": 0,
        "language": "",
        "language_known": False,
    }
)
"""What a flow knows of its caller; the interpreter itself keeps the two about the language."""

QUEUE_VARIABLES: Final[Mapping[str, Value]] = MappingProxyType(
    {"position": 1, "expected_wait": timedelta(0), "number": ""}
)
"""What the announcements of a queue know besides."""

COLLECTED: Final = ""
"""Digits that a flow collects are text: a number typed in may begin with 0."""

TYPE_NAMES: Final[Mapping[type, str]] = MappingProxyType(
    {bool: "true or false", str: "a text", int: "a number", timedelta: "a duration"}
)
