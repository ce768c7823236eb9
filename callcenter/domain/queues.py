"""An ACD queue as an administrator describes it."""

from dataclasses import dataclass
from datetime import timedelta

from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.skills import SkillRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """The rules of one queue."""

    queue_id: QueueId
    label: Label
    required: tuple[SkillRequirement, ...] = ()
    ring_timeout: timedelta = timedelta(seconds=20)
    wrap_up: timedelta = timedelta(seconds=30)
    service_level_threshold: timedelta = timedelta(seconds=20)
    expected_handle_time: timedelta = timedelta(minutes=3)
    """What to reckon with until the queue has handled calls of its own."""
    announce_first_after: timedelta = timedelta(seconds=1)
    announce_interval: timedelta = timedelta(seconds=30)
    music_class: str = "default"

    def __post_init__(self) -> None:
        for name in ("ring_timeout", "service_level_threshold", "expected_handle_time", "announce_interval"):
            if getattr(self, name) <= timedelta():
                raise InvalidValue(f"queue {self.queue_id}: {name} must be longer than zero")
        if self.wrap_up < timedelta():
            raise InvalidValue(f"queue {self.queue_id}: wrap_up must not be negative")
