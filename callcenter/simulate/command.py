"""`callcenter simulate`: a scenario file, the figures on standard output, the rest on standard error."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from callcenter.simulate.app_queue import Layout, check_comparable
from callcenter.simulate.plot import check_plot, draw
from callcenter.simulate.run import PolicyName, series, simulate
from callcenter.simulate.scenario_file import load_scenario
from callcenter.simulate.tables import comparison_lines, report_lines, report_values


def simulate_lines(
    file: Path,
    *,
    policies: tuple[PolicyName, ...] = (PolicyName.ENGINE,),
    seed: int | None = None,
    as_json: bool = False,
    plot: Path | None = None,
) -> Iterator[str]:
    """The lines to print; raises SimulateError."""
    scenario = load_scenario(file, seed=seed)
    for policy, layout in ((PolicyName.APP_QUEUE, Layout.PENALTIES), (PolicyName.APP_QUEUE_SPLIT, Layout.QUEUES)):
        if policy in policies:
            check_comparable(scenario, layout)
    if plot is not None:
        check_plot(plot)
    reports = []
    for policy in policies:
        with _progress(policy.value) as progress:
            began = time.perf_counter()
            report = simulate(scenario, policy, progress=progress)
            took = time.perf_counter() - began
        sys.stderr.write(f"{policy}: {report.callers} callers in {took:.1f} s, {report.callers / took:,.0f} a second\n")
        reports.append(report)
    if as_json:
        values = [report_values(report) for report in reports]
        yield json.dumps(values[0] if len(values) == 1 else values, indent=2)
    elif len(reports) > 1:
        yield from comparison_lines(reports)
    else:
        yield from report_lines(reports[0])
    if plot is not None:
        draw(series(scenario, policies[0]), f"{file.name}, {policies[0]}, seed {scenario.seed}", plot)
        sys.stderr.write(f"wrote {plot}\n")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[float], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)

        def show(done: float) -> None:
            bar.update(task, completed=done)

        yield show
