"""The production engine and stock app_queue's policy on the same callers."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from callcenter.simulate.agenda import HOUR, SECOND
from callcenter.simulate.app_queue import AppQueuePolicy, Layout
from callcenter.simulate.arrivals import recorded
from callcenter.simulate.chance import NEVER, Kind, Lengths
from callcenter.simulate.day import Day
from callcenter.simulate.engine_policy import EnginePolicy
from callcenter.simulate.errors import SimulateError
from callcenter.simulate.figures import Estimate, Report
from callcenter.simulate.record import Record
from callcenter.simulate.run import PolicyName, simulate
from callcenter.simulate.scenario import Scenario
from callcenter.simulate.scenario_file import load_scenario

SCENARIOS = Path(__file__).parents[2] / "config" / "scenarios"


def scenario(name: str, hours: int) -> Scenario:
    return replace(load_scenario(SCENARIOS / f"{name}.toml"), duration=hours * HOUR, warm_up=2 * HOUR)


@cache
def report(name: str, hours: int, policy: PolicyName) -> Report:
    return simulate(scenario(name, hours), policy, forecasts=False)


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


def half_width(estimate: Estimate) -> float:
    assert estimate.half_width is not None
    return estimate.half_width


def test_where_skills_differ_the_engine_serves_far_better_than_one_queue_with_penalties() -> None:
    ours, theirs = (report("two-languages", 40, policy) for policy in (PolicyName.ENGINE, PolicyName.APP_QUEUE))
    english, blocked = ours.streams["english"], theirs.streams["english"]
    margin = half_width(english.service_level) + half_width(blocked.service_level)
    gained = value(english.service_level) - value(blocked.service_level)
    assert gained > 0.12
    assert gained > margin
    assert value(blocked.asa) > 1.5 * value(english.asa)
    assert value(blocked.abandon_rate) > 1.4 * value(english.abandon_rate)
    assert value(ours.overall.abandon_rate) < value(theirs.overall.abandon_rate)
    # That is how it comes: agents are free while somebody waits whom they could serve.
    assert ours.agents.kept_waiting_hours == 0
    assert theirs.agents.kept_waiting_hours is not None
    assert theirs.agents.kept_waiting_hours > 3


def test_where_everybody_serves_everybody_they_are_about_equal() -> None:
    ours, theirs = (report("one-skill", 60, policy).overall for policy in (PolicyName.ENGINE, PolicyName.APP_QUEUE))
    assert abs(value(ours.service_level) - value(theirs.service_level)) < 0.03
    assert abs(value(ours.abandon_rate) - value(theirs.abandon_rate)) < 0.01
    # A caller of app_queue looks once a second, so half a second is lost where somebody waits.
    assert -0.3 < value(theirs.asa) - value(ours.asa) < 1.5


def test_every_policy_meets_the_same_callers() -> None:
    offered = {policy: report("two-languages", 40, policy).overall.offered for policy in tuple(PolicyName)[:2]}
    assert len(set(offered.values())) == 1


# ---- app_queue's rules, one by one, with callers who come at given moments and agents who pick up at once


class Story:
    """Callers who come at given seconds; who talks to whom, and when."""

    def __init__(self, world: Scenario, policy: Callable[[Day], AppQueuePolicy | EnginePolicy]) -> None:
        self.answers: dict[str, list[float]] = {stream.stream_id: [] for stream in world.arrivals}
        answers = self.answers

        class Telling(Record):
            def answered(self, stream: int, came_at: int, now: int) -> None:
                super().answered(stream, came_at, now)
                answers[world.arrivals[stream].stream_id].append(now / SECOND)

        day = Day(world, Telling(world, 1))
        day.run(policy(day))


def told(
    chinese: list[float], english: list[float], *, handle_seconds: float = 100, wrap_up_seconds: int = 0
) -> Scenario:
    """One Chinese agent and one English; the callers come at these moments, seconds after midnight."""
    base = scenario("two-languages", 3)
    queue = base.queues[0]
    handle = Lengths(kind=Kind.FIXED, mean_seconds=handle_seconds)
    config = replace(queue.config, wrap_up=queue.config.wrap_up * wrap_up_seconds / 30)
    groups = tuple(replace(base.agents[index], count=1, ring_delay=Lengths(kind=Kind.FIXED)) for index in (0, 2))
    streams = tuple(
        replace(stream, rates=(), seconds_between=between(moments), patience=NEVER)
        for stream, moments in zip(base.arrivals, (chinese, english), strict=True)
    )
    return replace(
        base,
        warm_up=0,
        queues=(replace(queue, config=config, handle_time=handle),),
        agents=groups,
        arrivals=streams,
    )


def between(moments: list[float]) -> tuple[float, ...]:
    return tuple(later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False))


def stock(day: Day) -> AppQueuePolicy:
    return AppQueuePolicy(day, Layout.PENALTIES)


def test_the_head_of_the_line_blocks_those_whom_a_free_agent_could_serve() -> None:
    # The Chinese agent talks until 110; two Chinese callers wait before the English one, whose agent is free.
    world = told([10, 20, 30], [40])
    assert Story(world, stock).answers["english"][0] > 110
    assert Story(world, EnginePolicy).answers["english"] == [40]


def test_with_a_queue_for_each_need_nobody_is_blocked() -> None:
    world = told([10, 20, 30], [40])
    assert Story(world, lambda day: AppQueuePolicy(day, Layout.QUEUES)).answers["english"] == [40]


def test_a_waiting_caller_looks_once_a_second() -> None:
    # He comes at 20.3 and looks at 21.3, 22.3 ...; the agent is free at 110.
    assert Story(told([10, 20.3], []), stock).answers["chinese"] == [10, pytest.approx(110.3)]
    assert Story(told([10, 20.3], []), EnginePolicy).answers["chinese"] == [10, 110]


def test_who_tried_in_vain_waits_for_retry() -> None:
    # The English agent is free, so it is the Chinese caller's turn at 20.5; nobody may be rung for him, and he looks
    # again only every five seconds.
    world = told([10, 20.5], [])
    slow = replace(world, app_queue=replace(world.app_queue, retry_seconds=5))
    assert Story(slow, stock).answers["chinese"] == [10, pytest.approx(110.5)]
    slower = replace(world, app_queue=replace(world.app_queue, retry_seconds=40))
    assert Story(slower, stock).answers["chinese"] == [10, pytest.approx(140.5)]


def test_wrapuptime_counts_in_whole_seconds() -> None:
    # The talk ends at 110.4, which is second 110; with a wrapuptime of 7 the member is available in second 117.
    world = told([10.4, 20.1], [], wrap_up_seconds=7)
    assert Story(world, stock).answers["chinese"] == [10.4, pytest.approx(117.1)]


def test_penalties_that_do_not_stand_for_the_skills_are_refused() -> None:
    world = scenario("two-languages", 3)
    wrong = replace(world, arrivals=(replace(world.arrivals[0], max_penalty=3), world.arrivals[1]))
    with pytest.raises(SimulateError, match="arrivals chinese: min_penalty and max_penalty admit other groups"):
        simulate(wrong, PolicyName.APP_QUEUE)


def test_what_app_queue_cannot_do_is_refused() -> None:
    with pytest.raises(SimulateError, match="app_queue knows no steps"):
        simulate(load_scenario(SCENARIOS / "working-day.toml"), PolicyName.APP_QUEUE)


def test_recorded_intervals_are_moments() -> None:
    assert list(recorded(between([10, 20.5]))) == [10 * SECOND, 20_500_000]
