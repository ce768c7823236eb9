"""The kinds of text a request may carry: bounded, and without the characters no store and no screen should meet."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints


class Body(BaseModel):
    """A request's body: unknown fields are refused, for they are mostly misspelt ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _single_line(text: str) -> str:
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def many_lines(text: str) -> str:
    """The text as it is; raises `ValueError` for control characters other than line breaks and tabs."""
    if any(ord(character) < 0x20 and character not in "\n\r\t" for character in text):
        raise ValueError("must not contain control characters other than line breaks and tabs")
    return text


def _in_utc(moment: datetime) -> datetime:
    """Far enough from the ends of the calendar that any zone's clock can show it."""
    if not 2000 <= moment.year <= 2200:
        raise ValueError("must be in the years 2000 to 2200")
    return moment.astimezone(UTC)


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_single_line)
]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(_single_line)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$")]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), AfterValidator(many_lines)
]
Notes = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(many_lines)]
Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]

# What ids are made of here and in Asterisk: visible ASCII without the slash.
_ID_PATTERN = r"^[!-.0-~]+$"
PathId = Annotated[str, Path(min_length=1, max_length=150, pattern=_ID_PATTERN)]
QueryId = Annotated[str | None, Query(min_length=1, max_length=150, pattern=_ID_PATTERN)]
BodyId = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=_ID_PATTERN)]
