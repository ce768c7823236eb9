"""Callers and callbacks' customers of a day at random, as exchange and store know them; no crash forgets them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from random import Random

from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.agents import CALLBACK, VOICE
from callcenter.domain.callbacks import Callback
from callcenter.domain.callers import A_STRANGER, CallerTraits
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.interactions import Interaction
from callcenter.domain.skills import SkillRequirement
from tests.simulation.floor import need
from tests.simulation.random_floor import AGENT_IDS, QUEUES


class Line(Enum):
    """Where the person is: on the line, being called, or away with a callback promised."""

    HERE = auto()
    RINGING = auto()
    AWAY = auto()


@dataclass(slots=True, kw_only=True)
class Caller:
    """A caller's channel, which carries his own state; or a callback, whose state the store carries."""

    interaction_id: InteractionId
    queue_id: QueueId
    entered_at: datetime
    placed_at: datetime
    priority: int
    skills: tuple[SkillRequirement, ...]
    traits: CallerTraits = A_STRANGER
    number: str
    callback: Callback | None = None
    here: bool = True
    """Not yet over."""
    line: Line = Line.HERE
    call: int = 0
    """Which call to him the ringing is of."""
    admitted: bool = False
    talks: int = 0
    talked_long: bool = False

    def entry(self, record: Interaction | None) -> cmd.Enqueue:
        """His place, as his channel or (for a callback) his record tells it."""
        callback = self.callback
        if callback is not None and record is not None and record.callback is not None:
            callback = record.callback
        return cmd.Enqueue(
            interaction_id=self.interaction_id,
            queue_id=self.queue_id,
            entered_at=self.entered_at,
            placed_at=self.placed_at,
            priority=self.priority,
            skills=self.skills,
            traits=self.traits,
            media_type=VOICE if callback is None else CALLBACK,
            callback=callback,
            admitted=self.admitted,
        )

    def note(self, event: ev.InteractionQueued) -> None:
        """What the use cases write on his channel when he has come to a queue."""
        self.queue_id, self.priority = event.queue_id, event.base_priority
        self.placed_at = event.placed_at or event.entered_at
        self.admitted = True


def random_caller(number: int, now: datetime, random: Random) -> Caller:
    """Somebody who calls."""
    traits = A_STRANGER
    if random.random() < 0.3:
        traits = CallerTraits(
            customer_class=random.choice("ABC"),
            open_complaint=random.random() < 0.2,
            last_agent_id=random.choice((None, *AGENT_IDS)),
        )
    return Caller(
        interaction_id=InteractionId(f"c{number}"),
        queue_id=random.choice(QUEUES).queue_id,
        entered_at=now,
        placed_at=now,
        priority=random.choice([0, 0, 0, 0, 5]),
        skills=(need("zh", 2),) if random.random() < 0.15 else (),
        traits=traits,
        number=str(1000 + number % 150),
    )


def callback_of(caller: Caller, now: datetime, not_before: datetime | None) -> Caller:
    """The callback that keeps a caller's place."""
    return Caller(
        interaction_id=InteractionId(f"cb-{caller.interaction_id}"),
        queue_id=caller.queue_id,
        entered_at=not_before or caller.entered_at,
        placed_at=not_before or caller.placed_at,
        priority=caller.priority,
        skills=caller.skills,
        traits=caller.traits,
        number=caller.number,
        callback=Callback(
            number=caller.number, requested_at=now, origin_id=caller.interaction_id, not_before=not_before
        ),
        line=Line.AWAY,
    )
