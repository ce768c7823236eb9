"""What a queue's agents are to say, as texts with fields in braces that the caller's card fills in.

Law: only the fields of `SCRIPT_FIELDS` exist; a text with any other is refused when it is read, and a field is put in
as text, never as anything that is carried out.
"""

import re
from collections.abc import Iterator
from typing import Final

SCRIPT_FIELDS: Final = (
    "customer.name",
    "customer.class",
    "caller.number",
    "queue.name",
    "agent.name",
    "waited",
)
SCRIPT_MAX_CHARACTERS: Final = 4_000
_IN_BRACES: Final = re.compile(r"\{([^{}]*)\}")


def unknown_fields(text: str) -> tuple[str, ...]:
    """What stands in braces and is no field, each once; a brace that is never closed or opened is one too."""
    return tuple(dict.fromkeys(_unknown(text)))


def _unknown(text: str) -> Iterator[str]:
    for match in _IN_BRACES.finditer(text):
        if match[1].strip() not in SCRIPT_FIELDS:
            yield match[0]
    rest = _IN_BRACES.sub("", text)
    yield from (brace for brace in "{}" if brace in rest)
