"""Cursors for those who may not see numbers: a word that stands for the place of a page and says nothing of it.

Law: where a page of customers ends may be a telephone number, so who may not see numbers is never sent the place
itself.
"""

import secrets
from collections import OrderedDict
from typing import Final

from callcenter.domain.errors import InvalidValue

MOST_KEPT: Final = 20_000
TOKEN_BYTES: Final = 12


class HiddenCursors:
    """Keeps the places that were told of last; a server that has begun anew knows none of them."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, str] = OrderedDict()

    def hide(self, place: str | None) -> str | None:
        """A word in the place of a place; None stays None."""
        if place is None:
            return None
        token = secrets.token_hex(TOKEN_BYTES)
        self._places[token] = place
        while len(self._places) > MOST_KEPT:
            self._places.popitem(last=False)
        return token

    def find(self, token: str | None) -> str | None:
        """What a word stands for; `InvalidValue` for one that nobody was told, or too long ago."""
        if token is None:
            return None
        place = self._places.get(token)
        if place is None:
            raise InvalidValue(
                "after: this is no page's next_after, or it was too long ago; begin at the first page",
                code="invalid_cursor",
            )
        return place
