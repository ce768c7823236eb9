"""Who waits in a queue, in the order he will be served: higher priority first, then who came first.

Law: an interaction keeps its place while it is offered; only answer, leaving or moving takes it out.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from callcenter.domain.ids import InteractionId, OfferId, QueueId
from callcenter.domain.skills import SkillRequirement

Place = tuple[int, datetime, InteractionId]


@dataclass(slots=True, kw_only=True)
class WaitingRecord:
    """One waiting interaction; only the engine writes it."""

    interaction_id: InteractionId
    queue_id: QueueId
    entered_at: datetime
    priority: int = 0
    skills: tuple[SkillRequirement, ...] = ()
    offer_id: OfferId | None = None

    @property
    def place(self) -> Place:
        """The order of service; ties break by the interaction's id."""
        return (-self.priority, self.entered_at, self.interaction_id)


@dataclass(slots=True)
class WaitingList:
    """The waiting interactions of one queue in order."""

    _places: list[Place] = field(default_factory=list)

    def add(self, record: WaitingRecord) -> None:
        """Put an interaction in at its place."""
        insort(self._places, record.place)

    def remove(self, record: WaitingRecord) -> None:
        """Take an interaction out that is in."""
        index = bisect_left(self._places, record.place)
        if index == len(self._places) or self._places[index] != record.place:
            raise LookupError(f"interaction {record.interaction_id} does not wait in queue {record.queue_id}")
        del self._places[index]

    def position(self, record: WaitingRecord) -> int:
        """1 for who is served next."""
        return bisect_left(self._places, record.place) + 1

    def oldest_entry(self) -> datetime | None:
        """When the longest waiting one came."""
        return min((entered_at for _, entered_at, _ in self._places), default=None)

    def __iter__(self) -> Iterator[InteractionId]:
        return (interaction_id for _, _, interaction_id in self._places)

    def __len__(self) -> int:
        return len(self._places)
