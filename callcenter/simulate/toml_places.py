"""Where in a TOML file a key stands, for complaints that name file, line and key; tomllib keeps no lines."""

import re
from collections.abc import Mapping
from typing import Final

NO_SUCH_KEY: Final = "there is no such key; docs/simulation.md lists all there are"

Where = tuple[int | str, ...]
"""The way to a key: names of tables and keys, and the indexes of arrays."""


def plain(message: str, kind: str) -> str:
    """Pydantic's message as ours begin."""
    if kind == "extra_forbidden":
        return NO_SUCH_KEY
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def key_of(at: Where) -> str:
    """`queues[1].wrap_up_seconds`, counting from 1 as people do."""
    text = ""
    for part in at:
        text += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def without_unions(at: Where, values: object) -> Where:
    """Pydantic names the alternative it tried in the location; the file knows nothing of it."""
    found: list[int | str] = []
    for part in at:
        if isinstance(values, dict) and isinstance(part, str):
            if part not in values and part != at[-1]:
                continue
            found.append(part)
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            found.append(part)
            values = values[part]
        elif isinstance(values, dict | list):
            found.append(part)
    return tuple(found)


def lines_of(text: str) -> dict[Where, int]:
    """The line of each table and key; tomllib keeps none, so headers and keys are read once more."""
    lines: dict[Where, int] = {}
    counts: dict[tuple[str, ...], int] = {}
    inside: Where = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]", line)
        if header is not None:
            names = tuple(header[2].split("."))
            if header[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
            inside = _with_indexes(names, counts)
            lines.setdefault(inside, number)
            continue
        key = re.match(r"\s*([A-Za-z0-9_-]+)\s*=", line)
        if key is not None:
            lines.setdefault((*inside, key[1]), number)
    return lines


def _with_indexes(names: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> Where:
    at: list[int | str] = []
    for length, name in enumerate(names, start=1):
        at.append(name)
        if names[:length] in counts:
            at.append(counts[names[:length]])
    return tuple(at)


def nearest_line(lines: Mapping[Where, int], at: Where) -> int | None:
    """The line of a key, or of the table it belongs to."""
    while at:
        if at in lines:
            return lines[at]
        at = at[:-1]
    return None
