"""Systems outside that know customers too: where they are asked about a caller, and told of his call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class ExternalField(StrEnum):
    """What is read out of an answer."""

    NAME = "name"
    CLASS = "class"
    ID = "id"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """Where a secret is: a variable of the environment, or a file that only the server can read."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorRule:
    """One system outside.

    `look_up` may hold {number} and {digits}; `found` says by paths such as `data.0.name` what of the answer is shown.
    `log_calls` is where each interaction is posted when it has ended.
    """

    connector_id: str
    label_zh: str = ""
    label_en: str = ""
    look_up: str = ""
    log_calls: str = ""
    found: Mapping[ExternalField, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretPlace] = field(default_factory=dict)
    """Headers whose values are secrets."""
    timeout: timedelta = timedelta(seconds=3)
    cache: timedelta = timedelta(minutes=5)
