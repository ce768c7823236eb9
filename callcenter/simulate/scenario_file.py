"""A scenario as a TOML file becomes a `Scenario`, or complaints: file, line, key, what is wrong, what would be right.

Law: nothing is guessed. A key that is not known, or a name that nothing has, is refused; all faults are told at once.
"""

import csv
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from callcenter.domain.callers import CallerTraits
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.overflows import Overflow, OverflowKind
from callcenter.domain.queues import Boosts, QueueConfig, QueueLimits, RoutingStep
from callcenter.domain.rule_text import parse_rule
from callcenter.domain.rules import Anyone
from callcenter.domain.skills import SkillRequirement
from callcenter.simulate.agenda import DAY, SECOND, micros
from callcenter.simulate.arrivals import RateInterval, whole_day
from callcenter.simulate.chance import NEVER, NOTHING, Kind
from callcenter.simulate.errors import ScenarioError
from callcenter.simulate.scenario import (
    AgentGroup,
    AppQueueOptions,
    Scenario,
    Shift,
    SimulatedQueue,
    Stream,
)
from callcenter.simulate.scenario_tables import (
    AgentsTable,
    ArrivalsTable,
    OverflowTable,
    QueueTable,
    RateTable,
    ScenarioTable,
    StepTable,
    clock_time,
)
from callcenter.simulate.toml_places import Where, key_of, lines_of, nearest_line, plain, without_unions

_CSV_RATES: Final = ("begins", "calls")
_CSV_INTERVALS: Final = ("seconds",)
_CSV_MOST_LINES: Final = 1_000_000
Complain = Callable[[Where, str], None]


def load_scenario(path: Path, *, seed: int | None = None) -> Scenario:
    """Read a scenario; `seed` takes the place of the file's. Raises ScenarioError with everything that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError([f"{path}: cannot be read ({error.strerror})"]) from error
    except UnicodeDecodeError as error:
        raise ScenarioError([f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8"]) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([f"{path}: is no TOML: {error}"]) from error
    lines = lines_of(text)
    complaints: list[str] = []

    def complain(at: Where, message: str) -> None:
        line = nearest_line(lines, at)
        complaints.append(f"{path}{f':{line}' if line else ''}: {key_of(at)}: {message}")

    try:
        table = ScenarioTable.model_validate(values)
    except ValidationError as error:
        faults = error.errors()
        for fault in faults:
            # Of a list whose items are wrong pydantic says besides that it is too short.
            if any(other["loc"][: len(fault["loc"])] == fault["loc"] != other["loc"] for other in faults):
                continue
            complain(without_unions(fault["loc"], values), plain(fault["msg"], fault["type"]))
        raise ScenarioError(list(dict.fromkeys(complaints))) from None
    scenario = _Builder(table, path.parent, complain).scenario(seed)
    if complaints or scenario is None:
        raise ScenarioError(complaints)
    return scenario


class _Builder:
    """Turns checked tables into what they mean, and complains of what does not fit together."""

    def __init__(self, table: ScenarioTable, directory: Path, complain: Complain) -> None:
        self._table = table
        self._directory = directory
        self._complain = complain

    def scenario(self, seed: int | None) -> Scenario | None:
        table = self._table
        if table.warm_up_minutes >= table.duration_minutes:
            self._complain(
                ("warm_up_minutes",),
                f"must be less than duration_minutes ({table.duration_minutes:g}); it is within it",
            )
        for part, names in (
            ("queues", [queue.id for queue in table.queues]),
            ("agents", [group.id for group in table.agents]),
            ("arrivals", [stream.id for stream in table.arrivals]),
        ):
            for index, name in enumerate(names):
                if name in names[:index]:
                    self._complain((part, index, "id"), f"{name!r} is there already; each wants an id of its own")
        queues = [self._queue(index, queue) for index, queue in enumerate(table.queues)]
        agents = tuple(self._group(index, group) for index, group in enumerate(table.agents))
        streams = tuple(self._stream(index, stream) for index, stream in enumerate(table.arrivals))
        known = tuple(queue for queue in queues if queue is not None)
        if len(known) < len(queues):
            return None
        scenario = Scenario(
            seed=table.seed if seed is None else seed,
            begins=_micros_of(table.begins) % DAY,
            duration=micros(table.duration_minutes * 60),
            warm_up=micros(table.warm_up_minutes * 60),
            replications=table.replications,
            queues=known,
            agents=agents,
            arrivals=streams,
            app_queue=AppQueueOptions(retry_seconds=table.app_queue.retry_seconds, autopause=table.app_queue.autopause),
        )
        self._check_served(scenario)
        return scenario

    def _check_served(self, scenario: Scenario) -> None:
        for index, stream in enumerate(scenario.arrivals):
            try:
                config = scenario.queue(stream.queue_id).config
            except KeyError:
                names = ", ".join(queue.queue_id for queue in scenario.queues)
                self._complain(("arrivals", index, "queue"), f"there is no queue {stream.queue_id!r}; known: {names}")
                continue
            if not any(scenario.able(stream, step=step) for step in range(len(config.routing))):
                self._complain(
                    ("arrivals", index),
                    f"nobody can serve {stream.stream_id!r}: no group of agents has what queue {stream.queue_id} "
                    "and these callers need; give a group the skills, or ask for less",
                )

    def _queue(self, index: int, table: QueueTable) -> SimulatedQueue | None:
        at: Where = ("queues", index)
        handle = table.handle_time.lengths()
        if handle.kind is Kind.NONE:
            self._complain((*at, "handle_time"), "a talk must end; give a kind other than none")
        if table.after_call_work is not None and not table.wrap_up_seconds:
            self._complain((*at, "after_call_work"), "wrap_up_seconds is 0, so there is none; make it longer")
        ageing = table.ageing_limit_seconds
        expected = table.expected_handle_time_seconds or handle.mean_seconds or 180
        limits = QueueLimits(
            max_waiting=table.max_waiting,
            when_full=self._overflow((*at, "when_full"), table.when_full),
            max_wait=None if table.max_wait_seconds is None else timedelta(seconds=table.max_wait_seconds),
            when_too_long=self._overflow((*at, "when_too_long"), table.when_too_long),
        )
        for limit, action in (("max_waiting", "when_full"), ("max_wait_seconds", "when_too_long")):
            if (getattr(table, limit) is None) != (getattr(table, action) is None):
                self._complain((*at, limit), f"{limit} and {action} belong together; give both or none")
        try:
            config = QueueConfig(
                queue_id=QueueId(table.id),
                label=Label(zh=table.id, en=table.id),
                required=_needs(table.skills),
                steps=self._steps(at, table.steps),
                agent_choice=table.agent_choice,
                ring_several=table.ring_several,
                caller_order=table.caller_order,
                ageing_limit=None if ageing == "never" else timedelta(seconds=float(ageing)),
                boosts=Boosts(
                    classes=table.boosts.classes,
                    languages=table.boosts.languages,
                    open_complaint=table.boosts.open_complaint,
                    limit=table.boosts.limit,
                ),
                limits=limits,
                rona_limit=table.rona_limit,
                rest_after_miss=timedelta(seconds=table.rest_after_miss_seconds),
                ring_timeout=timedelta(seconds=table.ring_timeout_seconds),
                wrap_up=timedelta(seconds=table.wrap_up_seconds),
                wrap_up_limit=timedelta(seconds=max(table.wrap_up_limit_seconds, table.wrap_up_seconds)),
                service_level_threshold=timedelta(seconds=table.service_level_threshold_seconds),
                expected_handle_time=timedelta(seconds=expected),
            )
        except InvalidValue as error:
            self._complain(at, str(error))
            return None
        return SimulatedQueue(
            config=config,
            handle_time=handle,
            after_call_work=None if table.after_call_work is None else table.after_call_work.lengths(),
            short_abandon_seconds=table.short_abandon_seconds,
        )

    def _steps(self, at: Where, tables: Sequence[StepTable]) -> tuple[RoutingStep, ...]:
        steps: list[RoutingStep] = []
        for number, table in enumerate(tables):
            here = (*at, "steps", number)
            try:
                who = parse_rule(table.who, before=steps[-1].who if steps else None)
            except InvalidValue as error:
                self._complain((*here, "who"), str(error))
                who = Anyone()
            steps.append(
                RoutingStep(
                    after=timedelta(seconds=table.after_seconds),
                    who=who,
                    priority=table.priority,
                    overflow=self._overflow((*here, "overflow"), table.overflow),
                )
            )
        return tuple(steps)

    def _overflow(self, at: Where, table: OverflowTable | None) -> Overflow | None:
        if table is None:
            return None
        names = [queue.id for queue in self._table.queues]
        if table.kind is OverflowKind.QUEUE and table.target not in names:
            self._complain(at, f"there is no queue {table.target!r}; known: {', '.join(names)}")
        try:
            return Overflow(kind=table.kind, target=table.target)
        except InvalidValue as error:
            self._complain(at, str(error))
            return None

    def _group(self, index: int, table: AgentsTable) -> AgentGroup:
        shifts = []
        for number, shift in enumerate(table.shifts):
            begins, ends = _micros_of(shift.begins), _micros_of(shift.ends)
            if begins % DAY == ends % DAY:
                self._complain(
                    ("agents", index, "shifts", number), "begins and ends at the same time; leave shifts out for always"
                )
            shifts.append(Shift(begins=begins % DAY, ends=ends % DAY))
        for name in ("ring_delay", "back_after_miss"):
            lengths = getattr(table, name)
            if lengths is not None and lengths.kind is Kind.NONE:
                self._complain(("agents", index, name), "it must end; give a kind other than none")
        return AgentGroup(
            group_id=table.id,
            count=table.count,
            skills={SkillId(skill): level for skill, level in table.skills.items()},
            # In order: where one shift ends as the next begins, the agent goes before he comes.
            shifts=tuple(sorted(shifts, key=lambda shift: shift.begins)),
            ring_delay=NOTHING if table.ring_delay is None else table.ring_delay.lengths(),
            missed_share=table.missed_share,
            back_after_miss=table.back_after_miss.lengths(),
            penalty=table.penalty,
        )

    def _stream(self, index: int, table: ArrivalsTable) -> Stream:
        at: Where = ("arrivals", index)
        rates: tuple[RateInterval, ...] = ()
        intervals: tuple[float, ...] = ()
        if table.per_hour is not None:
            rates = whole_day(table.per_hour)
        elif table.rates is not None:
            rates = self._rates(at, table.rates)
        elif table.intervals_file is not None:
            rates, intervals = self._file((*at, "intervals_file"), table.intervals_file)
        for name in ("handle_time", "after_call_work"):
            lengths = getattr(table, name)
            if lengths is not None and lengths.kind is Kind.NONE:
                self._complain((*at, name), "it must end; give a kind other than none")
        return Stream(
            stream_id=table.id,
            queue_id=QueueId(table.queue),
            rates=rates,
            seconds_between=intervals,
            skills=_needs(table.skills),
            traits=CallerTraits(
                customer_class=table.customer_class, open_complaint=table.open_complaint, language=table.language
            ),
            priority=table.priority,
            patience=NEVER if table.patience.kind is Kind.NONE else table.patience.lengths(),
            handle_time=None if table.handle_time is None else table.handle_time.lengths(),
            after_call_work=None if table.after_call_work is None else table.after_call_work.lengths(),
            min_penalty=table.min_penalty,
            max_penalty=table.max_penalty,
        )

    def _rates(self, at: Where, tables: Sequence[RateTable]) -> tuple[RateInterval, ...]:
        rates = []
        until = 0
        for number, table in enumerate(tables):
            begins, ends = _micros_of(table.begins), _micros_of(table.ends)
            if begins < until or ends <= begins:
                self._complain(
                    (*at, "rates", number), "must end after it begins, and begin when the one before it has ended"
                )
            until = ends
            rates.append(RateInterval(begins=begins, ends=ends, per_hour=table.per_hour))
        return tuple(rates)

    def _file(self, at: Where, name: str) -> tuple[tuple[RateInterval, ...], tuple[float, ...]]:
        path = self._directory / name
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [row for row, _ in zip(csv.DictReader(file), range(_CSV_MOST_LINES), strict=False)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            self._complain(at, f"{path} cannot be read ({error})")
            return (), ()
        columns = tuple(rows[0]) if rows else ()
        try:
            if columns == _CSV_INTERVALS:
                return (), tuple(_not_negative(row["seconds"]) for row in rows)
            if columns == _CSV_RATES:
                return _rates_of_counts(rows), ()
        except (ValueError, TypeError) as error:
            self._complain(at, f"{path}: {error}")
            return (), ()
        self._complain(
            at,
            f"{path}: the columns are {', '.join(columns) or 'none'}; wanted: begins,calls (calls to expect in each "
            "interval of the day) or seconds (from each call to the next)",
        )
        return (), ()


def _rates_of_counts(rows: Sequence[Mapping[str, str]]) -> tuple[RateInterval, ...]:
    """Intervals that last until the next begins; the last is as long as the one before it."""
    begins = [_micros_of(clock_time(row["begins"].strip())) for row in rows]
    if any(later <= earlier for earlier, later in pairwise(begins)):
        raise ValueError("the intervals must be in order, each beginning later than the one before it")
    last = begins[-1] - begins[-2] if len(begins) > 1 else DAY - begins[0]
    ends = [*begins[1:], min(begins[-1] + last, DAY)]
    return tuple(
        RateInterval(begins=begin, ends=end, per_hour=_not_negative(row["calls"]) * 3600 * SECOND / (end - begin))
        for begin, end, row in zip(begins, ends, rows, strict=True)
    )


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text} is not a number from 0 up")
    return value


def _needs(skills: Mapping[str, int]) -> tuple[SkillRequirement, ...]:
    return tuple(SkillRequirement(skill=SkillId(skill), minimum_level=level) for skill, level in skills.items())


def _micros_of(clock: str) -> int:
    hours, minutes = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60 * SECOND
