"""Places: the order in which waiting interactions are served, in a form that sorts by itself."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from callcenter.domain.ids import InteractionId

Place = tuple[int, int, datetime, InteractionId]
"""0 for who has come of age (then since when), 1 for the others; the priority, negated; the moment; ties by the id."""

AGED = 0
NOT_AGED = 1


@dataclass(slots=True)
class PlaceList:
    """Places in order."""

    places: list[Place] = field(default_factory=list)

    def add(self, place: Place) -> None:
        """Put one in."""
        insort(self.places, place)

    def remove(self, place: Place) -> None:
        """Take one out that is in."""
        index = bisect_left(self.places, place)
        if index == len(self.places) or self.places[index] != place:
            raise LookupError(f"interaction {place[3]} does not wait here")
        del self.places[index]

    def before(self, place: Place) -> int:
        """How many stand before it."""
        return bisect_left(self.places, place)

    def __iter__(self) -> Iterator[InteractionId]:
        return (place[3] for place in self.places)

    def __len__(self) -> int:
        return len(self.places)
