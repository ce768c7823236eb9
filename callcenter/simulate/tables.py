"""Reports as text for people, and as plain values for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from callcenter.simulate.figures import CallerFigures, Estimate, Report

_SHARES: Final = (
    ("service level", "service_level"),
    ("abandon rate", "abandon_rate"),
    ("had to wait", "waited_share"),
    ("RONA", "rona_rate"),
    ("forecast: within its range", "forecast_inside"),
)
_SECONDS: Final = (
    ("ASA", "asa"),
    ("mean wait", "mean_wait"),
    ("wait, median", "p50_wait"),
    ("wait, 90 %", "p90_wait"),
    ("wait, 95 %", "p95_wait"),
    ("forecast: mean absolute error", "forecast_error"),
    ("forecast: bias", "forecast_bias"),
)
_COUNTS: Final = ("offered", "answered", "abandoned", "left_otherwise", "unresolved")


def report_lines(report: Report) -> list[str]:
    """One report; +- is the half width of the 95 % confidence interval."""
    parts: dict[str, CallerFigures] = {"all": report.overall}
    if len(report.queues) > 1:
        parts |= {f"queue {name}": figures for name, figures in report.queues.items()}
    if len(report.streams) > max(len(report.queues), 1):
        parts |= report.streams
    names, columns = list(parts), list(parts.values())
    rows = [["", *names]]
    rows += [[name.replace("_", " "), *(str(getattr(column, name)) for column in columns)] for name in _COUNTS]
    rows += [[title, *(_share(getattr(column, name)) for column in columns)] for title, name in _SHARES]
    rows += [[title, *(_seconds(getattr(column, name)) for column in columns)] for title, name in _SECONDS]
    many = len(report.groups) > 1
    agent_rows = [["agents", *(["all"] if many else []), *report.groups]]
    groups = [*([report.agents] if many else []), *report.groups.values()]
    agent_rows.append(["occupancy", *(_share(group.occupancy) for group in groups)])
    agent_rows.append(["at work, on average", *(f"{group.agents_at_work:.1f}" for group in groups)])
    kept = report.agents.kept_waiting_share
    batches = "replications" if report.replications > 1 else "batches"
    return [
        f"{report.policy}: seed {report.seed}, {report.measured_hours:g} hours measured in {report.batches} {batches}, "
        f"{report.callers} callers simulated",
        "",
        *_aligned(rows),
        "",
        *_aligned(agent_rows),
        "",
        f"ready while somebody whom they could serve waited: {_share(kept) if kept else '-'} of the ready time, "
        f"{report.agents.kept_waiting_hours or 0:.2f} agent hours",
    ]


def comparison_lines(reports: Sequence[Report]) -> list[str]:
    """Several policies on the same callers, as a Markdown table."""
    rows = [["callers", "policy", "service level", "ASA", "abandon rate", "90 % wait", "idle beside a caller"]]
    parts = ["all", *(reports[0].streams if len(reports[0].streams) > 1 else [])]
    for part in parts:
        for report in reports:
            figures = report.overall if part == "all" else report.streams[part]
            rows.append(
                [
                    part,
                    report.policy,
                    _share(figures.service_level),
                    _seconds(figures.asa),
                    _share(figures.abandon_rate),
                    _seconds(figures.p90_wait),
                    f"{report.agents.kept_waiting_hours or 0:.1f} h" if part == "all" else "",
                ]
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def report_values(report: Report) -> dict[str, object]:
    """The report for JSON: durations in seconds, shares from 0 to 1, every estimate as value and half_width."""
    return asdict(report)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _share(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    half = "" if estimate.half_width is None else f" ±{estimate.half_width * 100:.1f}"
    return f"{estimate.value * 100:.1f}{half} %"


def _seconds(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    half = "" if estimate.half_width is None else f" ±{estimate.half_width:.1f}"
    return f"{estimate.value:.1f}{half} s"
