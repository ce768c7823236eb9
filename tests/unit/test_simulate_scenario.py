"""Scenario files: what is read, and how each fault is told."""

from pathlib import Path

import pytest

from callcenter.domain.queues import AgentChoice
from callcenter.domain.rules import AnyOf
from callcenter.simulate.agenda import HOUR, SECOND
from callcenter.simulate.errors import ScenarioError
from callcenter.simulate.scenario_file import load_scenario

SCENARIOS = sorted((Path(__file__).parents[2] / "config" / "scenarios").glob("*.toml"))

WHOLE = """\
seed = 1
duration_minutes = 60

[[queues]]
id = "billing"
skills = {billing = 3}
handle_time = {kind = "fixed", mean_seconds = 60}

[[agents]]
id = "clerks"
count = 2
skills = {billing = 5}

[[arrivals]]
id = "callers"
queue = "billing"
per_hour = 30
"""


def complaints(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    return [line.removeprefix(f"{file}") for line in caught.value.lines]


def test_there_are_examples() -> None:
    assert len(SCENARIOS) >= 3


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_the_examples_can_be_read(path: Path) -> None:
    assert load_scenario(path).arrivals


def test_a_seed_on_the_command_line_takes_the_place_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(WHOLE, encoding="utf-8")
    assert load_scenario(tmp_path / "s.toml", seed=5).seed == 5
    assert load_scenario(tmp_path / "s.toml").seed == 1


def test_steps_are_read_as_rules_and_may_widen_the_one_before(tmp_path: Path) -> None:
    steps = (
        'agent_choice = "round_robin"\n'
        'steps = [{after_seconds = 0, who = "billing>=5"}, {after_seconds = 20, who = "or group clerks"}]'
    )
    (tmp_path / "s.toml").write_text(WHOLE.replace("skills = {billing = 3}", steps), encoding="utf-8")
    config = load_scenario(tmp_path / "s.toml").queues[0].config
    assert config.agent_choice is AgentChoice.ROUND_ROBIN
    assert isinstance(config.steps[1].who, AnyOf)


@pytest.mark.parametrize(
    ("replaced", "by", "told"),
    [
        ("per_hour = 30", "per_hours = 30", ":17: arrivals[1].per_hours: there is no such key"),
        ("per_hour = 30", "per_hour = -1", ":17: arrivals[1].per_hour: input should be greater than or equal to 0"),
        ("per_hour = 30", "", ":14: arrivals[1]: one of per_hour, rates and intervals_file is wanted"),
        ('queue = "billing"', 'queue = "biling"', ":16: arrivals[1].queue: there is no queue 'biling'; known: billing"),
        ("skills = {billing = 5}", "skills = {billing = 2}", ":14: arrivals[1]: nobody can serve 'callers'"),
        ("skills = {billing = 5}", "skills = {billing = 11}", ":12: agents[1].skills.billing: input should be less"),
        ("mean_seconds = 60", "mean_minutes = 1", ":7: queues[1].handle_time.mean_minutes: there is no such key"),
        ('kind = "fixed"', 'kind = "lognormal"', ":7: queues[1].handle_time: cv (standard deviation / mean) is wanted"),
        (
            'kind = "fixed"',
            'kind = "weibull"',
            ":7: queues[1].handle_time.kind: input should be 'fixed', 'exponential'",
        ),
        ("duration_minutes = 60", "duration_minutes = 60\nwarm_up_minutes = 60", ":3: warm_up_minutes: must be less"),
        ("duration_minutes = 60", 'duration_minutes = 60\nbegins = "25:00"', ":3: begins: a time of the day such as"),
        (
            "count = 2",
            "count = 2\nshifts = [{begins = '09:00', ends = '09:00'}]",
            ":12: agents[1].shifts[1]: begins and",
        ),
        ("skills = {billing = 3}", "max_waiting = 3", ":6: queues[1].max_waiting: max_waiting and when_full belong"),
        (
            "skills = {billing = 3}",
            'steps = [{after_seconds = 5, who = "anyone"}]',
            ":4: queues[1]: queue billing: the fir",
        ),
        (
            "skills = {billing = 3}",
            'steps = [{after_seconds = 0, who = "billing>"}]',
            ":6: queues[1].steps[1].who: column",
        ),
        (
            "skills = {billing = 3}",
            'ageing_limit_seconds = "no"',
            ":6: queues[1].ageing_limit_seconds: input should be",
        ),
        (
            "skills = {billing = 3}",
            "wrap_up_seconds = 0\nafter_call_work = {kind = 'fixed', mean_seconds = 5}",
            ":7: queues[1].after_call_work: wrap_up_seconds is 0",
        ),
        ("per_hour = 30", 'intervals_file = "no.csv"', ":17: arrivals[1].intervals_file: "),
        (
            "per_hour = 30",
            'rates = [{begins = "09:00", ends = "08:00", per_hour = 3}]',
            ":17: arrivals[1].rates[1]: must",
        ),
    ],
)
def test_a_fault_is_told_with_line_key_and_what_would_be_right(
    tmp_path: Path, replaced: str, by: str, told: str
) -> None:
    assert WHOLE.count(replaced) >= 1
    before, _, after = WHOLE.rpartition(replaced) if replaced.startswith("queue") else WHOLE.partition(replaced)
    lines = complaints(tmp_path, before + by + after)
    assert lines[0].startswith(told)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = WHOLE.replace("count = 2", "count = 0").replace("per_hour = 30", 'per_hour = "many"')
    assert [line.split(":")[1] for line in complaints(tmp_path, text)] == ["11", "17"]


def test_no_toml_and_no_file_are_told(tmp_path: Path) -> None:
    assert "is no TOML" in complaints(tmp_path, "seed = ")[0]
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: cannot be read"):
        load_scenario(tmp_path / "nowhere.toml")


def test_a_csv_file_of_calls_becomes_rates(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("begins,calls\n08:00,10\n08:30,20\n", encoding="utf-8")
    file = tmp_path / "s.toml"
    file.write_text(WHOLE.replace("per_hour = 30", 'intervals_file = "calls.csv"'), encoding="utf-8")
    rates = load_scenario(file).arrivals[0].rates
    assert [(rate.begins, rate.ends, rate.per_hour) for rate in rates] == [
        (8 * HOUR, 8 * HOUR + 1800 * SECOND, 20.0),
        (8 * HOUR + 1800 * SECOND, 9 * HOUR, 40.0),
    ]


def test_a_csv_file_of_intervals_is_followed_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("seconds\n1.5\n2\n", encoding="utf-8")
    file = tmp_path / "s.toml"
    file.write_text(WHOLE.replace("per_hour = 30", 'intervals_file = "calls.csv"'), encoding="utf-8")
    assert load_scenario(file).arrivals[0].seconds_between == (1.5, 2.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("when,calls\n08:00,1\n", "the columns are when, calls; wanted: begins,calls"),
        ("begins,calls\n09:00,1\n08:00,1\n", "the intervals must be in order"),
        ("begins,calls\n9,1\n", "a time of the day such as 09:30 is wanted"),
        ("seconds\n-1\n", "-1 is not a number from 0 up"),
        ("", "the columns are none"),
    ],
)
def test_a_csv_file_that_says_something_else_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "calls.csv").write_text(text, encoding="utf-8")
    assert told in complaints(tmp_path, WHOLE.replace("per_hour = 30", 'intervals_file = "calls.csv"'))[0]
