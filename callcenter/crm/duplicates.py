"""Whether two customers may be one: what they share and how alike their names are, with a score for sorting.

The score orders a list for a person, who decides; it is no probability. A shared number or address weighs 0.6, a name
up to 0.4: as written, in pinyin (张 and 章 sound the same), or by likeness (Ratcliff and Metzener 1988).
"""

from dataclasses import dataclass
from difflib import SequenceMatcher

from callcenter.crm.names import fold, pinyin_of
from callcenter.domain.customers import Customer

ALIKE = 0.85
"""Names less alike than this say nothing."""
POINT_WEIGHT = 0.6
NAME_WEIGHT = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Why two customers may be one: `shared` are values of contact points, `name` how alike the names are (0 to 1)."""

    score: float
    shared: tuple[str, ...]
    name: float


def likeness(left: Customer, right: Customer) -> Likeness | None:
    """What speaks for these two being one, None when nothing does."""
    theirs = {point.value for point in right.contact_points}
    shared = tuple(point.value for point in left.contact_points if point.value in theirs)
    name = name_likeness(left.name, right.name)
    if not shared and name == 0.0:
        return None
    score = (POINT_WEIGHT if shared else 0.0) + NAME_WEIGHT * name
    return Likeness(score=round(score, 3), shared=shared, name=round(name, 3))


def name_likeness(left: str, right: str) -> float:
    """1 for the same letters in any order of words, 0.9 for the same pinyin, less for alike; 0 below `ALIKE`."""
    one, other = fold(left), fold(right)
    if not one or not other:
        return 0.0
    if one == other or sorted(_words_of(left)) == sorted(_words_of(right)):
        return 1.0
    read_one, read_other = pinyin_of(left) or one, pinyin_of(right) or other
    if read_one == read_other:
        return 0.9
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    # Two of three Chinese characters alike are two different people.
    return ratio if ratio >= ALIKE and min(len(one), len(other)) > 3 else 0.0


def _words_of(name: str) -> list[str]:
    return [folded for word in name.split() if (folded := fold(word))]
