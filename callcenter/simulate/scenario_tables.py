"""The tables and keys of a scenario file, with what each may be; what none of them names is refused."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from callcenter.domain.overflows import OverflowKind
from callcenter.domain.queues import AgentChoice, CallerOrder
from callcenter.simulate.chance import Kind, Lengths

_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


def clock_time(value: str) -> str:
    """A time of the day, or ValueError."""
    found = _CLOCK.fullmatch(value)
    if found is None or (found[1] == "24" and found[2] != "00"):
        raise ValueError("a time of the day such as 09:30 is wanted, 24:00 at the most")
    return value


ClockTime = Annotated[str, AfterValidator(clock_time)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Level = Annotated[int, Field(ge=1, le=10)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Rate = Annotated[float, Field(ge=0, le=1_000_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LengthsTable(_Table):
    """A distribution of lengths of time."""

    kind: Kind
    mean_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    cv: Annotated[float, Field(gt=0, le=20)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "LengthsTable":
        if (self.mean_seconds is None) != (self.kind is Kind.NONE):
            raise ValueError("mean_seconds is wanted for every kind but none, which has no other key")
        if (self.cv is not None) != (self.kind is Kind.LOGNORMAL):
            raise ValueError("cv (standard deviation / mean) is wanted for lognormal, and for no other kind")
        return self

    def lengths(self) -> Lengths:
        """What the table says."""
        return Lengths(kind=self.kind, mean_seconds=self.mean_seconds or 0.0, cv=self.cv or 1.0)


class OverflowTable(_Table):
    """Where a queue sends whom it cannot serve."""

    kind: OverflowKind
    target: str = ""


class StepTable(_Table):
    """From some time on, these may serve."""

    after_seconds: Seconds
    who: str
    priority: int = 0
    overflow: OverflowTable | None = None


class BoostsTable(_Table):
    """What a caller's traits add to his priority."""

    classes: dict[str, int] = Field(default_factory=dict)
    languages: dict[str, int] = Field(default_factory=dict)
    open_complaint: int = 0
    limit: int = 100


class QueueTable(_Table):
    """One [[queues]]."""

    id: Name
    handle_time: LengthsTable
    after_call_work: LengthsTable | None = None
    skills: dict[Name, Level] = Field(default_factory=dict)
    steps: tuple[StepTable, ...] = ()
    service_level_threshold_seconds: Annotated[float, Field(gt=0, le=86_400)] = 20
    short_abandon_seconds: Seconds = 5
    wrap_up_seconds: Seconds = 30
    wrap_up_limit_seconds: Seconds = 600
    ring_timeout_seconds: Annotated[float, Field(ge=1, le=300)] = 20
    agent_choice: AgentChoice = AgentChoice.LONGEST_IDLE
    caller_order: CallerOrder = CallerOrder.AGE
    ageing_limit_seconds: Annotated[float, Field(gt=0, le=86_400)] | Literal["never"] = 600
    ring_several: Annotated[int, Field(ge=1, le=10)] = 1
    rona_limit: Annotated[int, Field(ge=1, le=100)] = 1
    rest_after_miss_seconds: Seconds = 5
    expected_handle_time_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    boosts: BoostsTable = BoostsTable()
    max_waiting: Annotated[int, Field(ge=1)] | None = None
    when_full: OverflowTable | None = None
    max_wait_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    when_too_long: OverflowTable | None = None


class ShiftTable(_Table):
    """One shift."""

    begins: ClockTime
    ends: ClockTime


class AgentsTable(_Table):
    """One [[agents]]: a group of agents alike."""

    id: Name
    count: Annotated[int, Field(ge=1, le=20_000)]
    skills: dict[Name, Level] = Field(default_factory=dict)
    shifts: tuple[ShiftTable, ...] = ()
    ring_delay: LengthsTable | None = None
    missed_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    back_after_miss: LengthsTable = LengthsTable(kind=Kind.FIXED, mean_seconds=60)
    penalty: Annotated[int, Field(ge=0, le=1000)] = 0


class RateTable(_Table):
    """So many calls an hour between two times of the day."""

    begins: ClockTime
    ends: ClockTime
    per_hour: Rate


class ArrivalsTable(_Table):
    """One [[arrivals]]: a stream of callers alike."""

    id: Name
    queue: Name
    per_hour: Rate | None = None
    rates: tuple[RateTable, ...] | None = None
    intervals_file: Annotated[str, Field(min_length=1)] | None = None
    skills: dict[Name, Level] = Field(default_factory=dict)
    language: str = ""
    customer_class: Literal["", "A", "B", "C"] = ""
    open_complaint: bool = False
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    patience: LengthsTable = LengthsTable(kind=Kind.NONE)
    handle_time: LengthsTable | None = None
    after_call_work: LengthsTable | None = None
    min_penalty: Annotated[int, Field(ge=0, le=1000)] | None = None
    max_penalty: Annotated[int, Field(ge=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "ArrivalsTable":
        if sum(each is not None for each in (self.per_hour, self.rates, self.intervals_file)) != 1:
            raise ValueError("one of per_hour, rates and intervals_file is wanted, and only one")
        return self


class AppQueueTable(_Table):
    """[app_queue]: how stock app_queue would be set up."""

    retry_seconds: Annotated[int, Field(ge=1, le=3600)] = 5
    autopause: bool = False


class ScenarioTable(_Table):
    """The whole file."""

    seed: int
    begins: ClockTime = "00:00"
    duration_minutes: Annotated[float, Field(gt=0, le=5_256_000)]
    warm_up_minutes: Annotated[float, Field(ge=0)] = 0
    replications: Annotated[int, Field(ge=1, le=1000)] = 1
    queues: Annotated[tuple[QueueTable, ...], Field(min_length=1)]
    agents: Annotated[tuple[AgentsTable, ...], Field(min_length=1)]
    arrivals: Annotated[tuple[ArrivalsTable, ...], Field(min_length=1)]
    app_queue: AppQueueTable = AppQueueTable()
