"""The command: text, JSON, comparison, picture, and clear words when something is wrong."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callcenter.__main__ import app

SCENARIO = """\
seed = 9
begins = "08:00"
duration_minutes = 600

[[queues]]
id = "help"
handle_time = {kind = "lognormal", mean_seconds = 100, cv = 0.7}
wrap_up_seconds = 20
after_call_work = {kind = "exponential", mean_seconds = 30}
max_waiting = 4
when_full = {kind = "message"}

[[agents]]
id = "people"
count = 3
shifts = [{begins = "09:00", ends = "17:00"}]
ring_delay = {kind = "lognormal", mean_seconds = 4, cv = 0.5}
missed_share = 0.2

[[arrivals]]
id = "callers"
queue = "help"
per_hour = 80
patience = {kind = "exponential", mean_seconds = 90}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "scenario.toml"
    file.write_text(SCENARIO, encoding="utf-8")
    return file


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["simulate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_figures_add_up(scenario: Path) -> None:
    status, out, _ = run(scenario, "--json")
    assert status == 0
    report = json.loads(out)
    overall = report["overall"]
    parts = ("answered", "abandoned", "left_otherwise", "unresolved")
    assert overall["offered"] == sum(overall[part] for part in parts) > 600
    assert overall["left_otherwise"] > 0, "the queue was never full"
    assert 0.1 < overall["rona_rate"]["value"] < 0.3
    assert 0 < overall["service_level"]["value"] < 1
    assert overall["p50_wait"]["value"] <= overall["p90_wait"]["value"] <= overall["p95_wait"]["value"]
    assert report["agents"]["kept_waiting_hours"] < 0.2
    # Three people for eight hours of ten, less what they are away after a call they missed.
    assert 1.5 < report["agents"]["agents_at_work"] <= 2.41


def test_the_same_seed_is_the_same_day_and_another_is_not(scenario: Path) -> None:
    once, again, other = (
        run(scenario, "--json")[1],
        run(scenario, "--json")[1],
        run(scenario, "--json", "--seed", "4")[1],
    )
    assert once == again
    assert once != other


def test_people_read_a_table(scenario: Path) -> None:
    status, out, err = run(scenario)
    assert status == 0
    assert "service level" in out
    assert "occupancy" in out
    assert "a second" in err


def test_policies_are_compared_in_one_table(scenario: Path) -> None:
    status, out, _ = run(scenario, "--compare")
    assert status == 0
    assert [line.split("|")[2].strip() for line in out.splitlines()] == [
        "policy",
        "-" * 17,
        "engine",
        "app_queue",
        "app_queue_split",
    ]


def test_a_picture_is_drawn_and_the_same_again(scenario: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    assert run(scenario, "--plot", first)[0] == run(scenario, "--plot", second)[0] == 0
    text = first.read_text(encoding="utf-8")
    assert all(word in text for word in ("callers waiting", "mean wait, s", "hour of the day", "help"))
    assert text == second.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("plot", "told"),
    [("day.gif", "a picture ends with .svg, .png, .pdf"), ("nowhere/day.svg", "there is no directory")],
)
def test_a_picture_that_cannot_be_drawn_is_refused_first(scenario: Path, tmp_path: Path, plot: str, told: str) -> None:
    status, out, err = run(scenario, "--plot", tmp_path / plot)
    assert (status, out) == (2, "")
    assert told in err


def test_without_matplotlib_the_remedy_is_told(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, err = run(scenario, "--plot", "day.svg")
    assert (status, out) == (2, "")
    assert "pip install 'callcenter[simulate]'" in err
    assert run(scenario)[0] == 0


def test_a_bad_scenario_is_told_in_lines(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(SCENARIO.replace("count = 3", "cont = 3"), encoding="utf-8")
    status, _, err = run(tmp_path / "bad.toml")
    assert status == 2
    assert "bad.toml:15: agents[1].cont: there is no such key" in err
