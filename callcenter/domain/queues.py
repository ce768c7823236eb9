"""An ACD queue as an administrator describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from callcenter.domain.callbacks import USUAL_CALLBACK, CallbackRules
from callcenter.domain.errors import InvalidValue
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.domain.monitoring import Announcement
from callcenter.domain.overflows import Overflow
from callcenter.domain.rules import AllOf, Rule
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.surveys import SurveyRules
from callcenter.domain.waiting_rules import USUAL_WAITING, WaitingRules

MAX_STEPS = 12
MAX_RING_SEVERAL = 10


class AgentChoice(StrEnum):
    """Which of several free agents gets an interaction; ties go to the longest idle, then to the first id."""

    LONGEST_IDLE = "longest_idle"
    SPECIALISTS_FIRST = "specialists_first"
    """Fewest other skills first, so that those who can do much stay free."""
    HIGHEST_LEVEL = "highest_level"
    LEAST_OCCUPIED = "least_occupied"
    """Lowest (talk + hold + wrap-up) / (the same + ready) of the day."""
    FEWEST_ANSWERED = "fewest_answered"
    ROUND_ROBIN = "round_robin"
    """Whoever was offered something by this queue the longest time ago."""
    FIXED_ORDER = "fixed_order"
    WEIGHTED = "weighted"
    """Lowest answered today / weight, so that answers go by weight."""


class CallerOrder(StrEnum):
    """What counts among callers of equal priority, when an agent could take any of several."""

    AGE = "age"
    SERVICE_OBJECTIVE = "service_objective"
    """Who misses his queue's target first: time of entry plus the service level's threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingStep:
    """From `after` in the queue on, these may serve; what else happens at that moment happens once."""

    after: timedelta
    who: Rule
    priority: int = 0
    """Added to the priority from here on."""
    announce: str = ""
    """The name of a queue prompt to say."""
    offer_callback: bool = False
    """A moment at which who waits is asked."""
    overflow: Overflow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosts:
    """What a caller's traits add to his priority, and how long he is kept for somebody he knows."""

    classes: Mapping[str, int] = field(default_factory=dict)
    open_complaint: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    transferred: int = 20
    """For whom a colleague has sent on: his wait begins anew, but he does not stand behind everybody."""
    segments: Mapping[str, int] = field(default_factory=dict)
    """Of customers by saved conditions (crm/segments.py), under their names."""
    limit: int = 100
    """The most that all of them add together."""
    last_agent: timedelta = timedelta()
    """How long to wait for who served him last, if he is at work; zero is not at all."""
    account_manager: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """What happens to callers a queue cannot or may not serve; a rule without a destination does not apply."""

    hours: OpeningHours | None = None
    when_closed: Overflow | None = None
    max_waiting: int | None = None
    when_full: Overflow | None = None
    max_wait: timedelta | None = None
    when_too_long: Overflow | None = None
    nobody_after: timedelta = timedelta()
    """How long nobody must have been at work before `when_nobody` applies."""
    when_nobody: Overflow | None = None
    when_emergency: Overflow | None = None
    """Where everybody goes, those waiting too, while a supervisor has closed the queue; None: they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """The rules of one queue."""

    queue_id: QueueId
    label: Label
    required: tuple[SkillRequirement, ...] = ()
    """What every agent of a queue without steps must have."""
    steps: tuple[RoutingStep, ...] = ()
    """Who may serve, from when on; the first begins at zero. None: whoever has what is `required`, always."""
    agent_choice: AgentChoice = AgentChoice.LONGEST_IDLE
    ring_several: int = 1
    """How many agents are rung at once; the first who answers gets the caller, the others miss nothing."""
    caller_order: CallerOrder = CallerOrder.AGE
    ageing_limit: timedelta | None = timedelta(minutes=10)
    """Who has waited so long comes before everybody who has not, whatever the priorities; None: never."""
    boosts: Boosts = Boosts()
    limits: QueueLimits = QueueLimits()
    callback: CallbackRules | None = USUAL_CALLBACK
    """None: this queue calls nobody back."""
    offer_callback_after: timedelta | None = None
    """A moment at which a waiting caller is asked what he would rather do; None: only where another rule says so."""
    offer_callback_above: timedelta | None = None
    """Or as soon as he is expected to wait longer than this."""
    waiting: WaitingRules = USUAL_WAITING
    """What those who wait hear beside place and wait, and what they may choose."""
    survey: SurveyRules | None = None
    """What callers are asked after the talk; None: nothing."""
    monitoring: Announcement = Announcement.SAID
    """What those in a talk learn when a supervisor listens."""
    auto_answer: timedelta | None = None
    """After ringing so long an agent's phone in the browser answers by itself; None: he answers it."""
    script: Label | None = None
    """What its agents are to say (domain/scripts.py); None: nothing is written down."""
    closed_by: str = ""
    """The supervisor who has closed it in an emergency; empty while it is not."""
    rona_limit: int = 1
    """After so many misses in a row an agent is set not ready."""
    rest_after_miss: timedelta = timedelta(seconds=5)
    """How long an agent who missed, but may go on, is passed over."""
    ring_timeout: timedelta = timedelta(seconds=20)
    wrap_up: timedelta = timedelta(seconds=30)
    wrap_up_limit: timedelta = timedelta(minutes=10)
    """How long agents may extend it to, counted from the talk's end."""
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
        for name in ("wrap_up", "rest_after_miss"):
            if getattr(self, name) < timedelta():
                raise InvalidValue(f"queue {self.queue_id}: {name} must not be negative")
        if self.rona_limit < 1:
            raise InvalidValue(f"queue {self.queue_id}: rona_limit must be at least 1")
        if not 1 <= self.ring_several <= MAX_RING_SEVERAL:
            raise InvalidValue(f"queue {self.queue_id}: ring_several must be 1 to {MAX_RING_SEVERAL}")
        self._check_steps()

    def _check_steps(self) -> None:
        if self.steps and self.required:
            raise InvalidValue(f"queue {self.queue_id}: it has steps; say there what is required")
        if len(self.steps) > MAX_STEPS:
            raise InvalidValue(f"queue {self.queue_id}: {len(self.steps)} steps, at most {MAX_STEPS} are possible")
        times = [step.after for step in self.steps]
        if times and times[0] != timedelta():
            raise InvalidValue(f"queue {self.queue_id}: the first step must begin at 0 s")
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise InvalidValue(f"queue {self.queue_id}: each step must begin later than the one before it")

    @property
    def routing(self) -> tuple[RoutingStep, ...]:
        """The steps; a queue without any has one, for everybody who has what is required."""
        return self.steps or (RoutingStep(after=timedelta(), who=AllOf(rules=self.required)),)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Who may serve, step by step."""
        return tuple(step.who for step in self.routing)

    @property
    def asks(self) -> bool:
        """Whether there is any moment at which those who wait are asked what they would rather do."""
        return (
            self.waiting.ask_on_entry
            or self.offer_callback_after is not None
            or self.offer_callback_above is not None
            or any(step.offer_callback for step in self.steps)
        )

    @property
    def offers_something(self) -> bool:
        """Whether those who wait may choose anything but to wait."""
        return self.callback is not None or self.waiting.message or bool(self.waiting.self_service)

    @property
    def callback_rules(self) -> CallbackRules:
        """How it calls back those who were promised it, even if it offers that to nobody any more."""
        return self.callback or USUAL_CALLBACK
