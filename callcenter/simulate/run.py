"""A scenario under one policy, from its seed to the report."""

from collections.abc import Callable
from enum import StrEnum

from callcenter.simulate.agenda import SECOND
from callcenter.simulate.app_queue import AppQueuePolicy, Layout
from callcenter.simulate.day import Day, Policy
from callcenter.simulate.engine_policy import EnginePolicy
from callcenter.simulate.figures import CallerFigures, Report, agent_figures, caller_figures
from callcenter.simulate.record import Batch, Record, Series
from callcenter.simulate.scenario import Scenario

BATCHES = 20
PLOT_INTERVALS = 288
"""Five minutes each, of a day."""


class PolicyName(StrEnum):
    """Who decides."""

    ENGINE = "engine"
    APP_QUEUE = "app_queue"
    """Stock app_queue, one queue with penalties in the place of skills."""
    APP_QUEUE_SPLIT = "app_queue_split"
    """Stock app_queue, a queue for each need."""


def simulate(
    scenario: Scenario,
    policy: PolicyName = PolicyName.ENGINE,
    *,
    progress: Callable[[float], None] | None = None,
    forecasts: bool = True,
) -> Report:
    """Run every replication; a single one is cut into batches, of several each is one."""
    count = scenario.replications
    records = []
    for replication in range(count):

        def share(done: float, before: int = replication) -> None:
            if progress is not None:
                progress((before + done) / count)

        records.append(replicate(scenario, policy, replication, progress=share, forecasts=forecasts))
    return _report(scenario, policy, records)


def replicate(
    scenario: Scenario,
    policy: PolicyName,
    replication: int = 0,
    *,
    progress: Callable[[float], None] | None = None,
    forecasts: bool = True,
    intervals: int = 0,
) -> Record:
    """One replication; with `intervals` its record has a series to plot."""
    record = Record(scenario, BATCHES if scenario.replications == 1 else 1, intervals)
    day = Day(scenario, record, replication)
    day.run(_policy(day, policy, forecasts=forecasts), progress)
    return record


def series(scenario: Scenario, policy: PolicyName = PolicyName.ENGINE) -> Series:
    """The first replication as it went, for a plot."""
    return replicate(scenario, policy, forecasts=False, intervals=PLOT_INTERVALS).series()


def _policy(day: Day, name: PolicyName, *, forecasts: bool) -> Policy:
    match name:
        case PolicyName.ENGINE:
            return EnginePolicy(day, forecasts=forecasts)
        case PolicyName.APP_QUEUE:
            return AppQueuePolicy(day, Layout.PENALTIES)
        case PolicyName.APP_QUEUE_SPLIT:
            return AppQueuePolicy(day, Layout.QUEUES)


def _report(scenario: Scenario, policy: PolicyName, records: list[Record]) -> Report:
    seconds = (scenario.duration - scenario.warm_up) / SECOND * len(records)
    by_stream = [
        [batch for record in records for batch in record.streams[index]] for index in range(len(scenario.arrivals))
    ]
    rows: list[tuple[Batch, ...]] = list(zip(*by_stream, strict=True))

    def of_queue(queue_id: str) -> CallerFigures:
        members = [index for index, stream in enumerate(scenario.arrivals) if stream.queue_id == queue_id]
        return caller_figures([[row[index] for index in members] for row in rows])

    groups = range(len(scenario.agents))
    return Report(
        policy=policy.value,
        seed=scenario.seed,
        replications=len(records),
        batches=len(rows),
        measured_hours=seconds / 3600,
        callers=sum(record.callers for record in records),
        overall=caller_figures(rows),
        queues={queue.queue_id: of_queue(queue.queue_id) for queue in scenario.queues},
        streams={
            stream.stream_id: caller_figures([[row[index]] for row in rows])
            for index, stream in enumerate(scenario.arrivals)
        },
        agents=agent_figures(records, groups, seconds, overall=True),
        groups={
            scenario.agents[index].group_id: agent_figures(records, [index], seconds, overall=False) for index in groups
        },
    )
