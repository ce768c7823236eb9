"""A picture of one replication: who waits, who is ready, how long people waited, over time."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from callcenter.simulate.errors import PlotError
from callcenter.simulate.record import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS: Final = (".svg", ".png", ".pdf")
_DAY_SECONDS: Final = 86_400.0
_HOUR_SECONDS: Final = 3_600.0
_QUEUE_COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#e377c2", "#17becf")


def check_plot(path: Path) -> None:
    """Raise PlotError when no picture can be drawn there, before anything is simulated."""
    if path.suffix.lower() not in FORMATS:
        raise PlotError([f"{path}: a picture ends with {', '.join(FORMATS)}; give such a name to --plot"])
    if not path.absolute().parent.is_dir():
        raise PlotError([f"{path}: there is no directory {path.parent}; make it, or name another place"])
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise PlotError(
            ["--plot needs matplotlib, which is not installed; say: pip install 'callcenter[simulate]'"]
        ) from None


def draw(series: Series, title: str, path: Path) -> None:
    """Write the picture; the same series gives the same file."""
    # Imported here: it is an optional part, and takes long to load.
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(series.ready)
    unit, divisor = (
        ("days", _DAY_SECONDS) if count * series.interval_seconds > 3 * _DAY_SECONDS else ("hour", _HOUR_SECONDS)
    )
    offset = 0.0 if unit == "days" else series.begins_seconds
    times = [(offset + (index + 0.5) * series.interval_seconds) / divisor for index in range(count)]
    with mpl.rc_context({"svg.hashsalt": "callcenter", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 7.5), layout="constrained")
        FigureCanvasAgg(figure)
        waiting, agents, waits = figure.subplots(3, 1, sharex=True)
        for (queue_id, values), colour in zip(series.waiting.items(), _repeated(len(series.waiting)), strict=True):
            waiting.step(times, values, where="mid", label=queue_id, color=colour, linewidth=1.2)
        agents.step(times, series.at_work, where="mid", label="at work", color="#999999", linewidth=1.2)
        agents.step(times, series.ready, where="mid", label="ready", color="#2ca02c", linewidth=1.2)
        agents.fill_between(times, series.ready, step="mid", color="#2ca02c", alpha=0.25, linewidth=0)
        for (queue_id, means), colour in zip(series.waits.items(), _repeated(len(series.waits)), strict=True):
            gaps = [float("nan") if mean is None else mean for mean in means]
            waits.plot(times, gaps, label=queue_id, color=colour, linewidth=1.2)
        _dress(waiting, "callers waiting")
        _dress(agents, "agents")
        _dress(waits, "mean wait, s")
        waiting.set_title(title, loc="left")
        waits.set_xlabel("days since the beginning" if unit == "days" else "hour of the day")
        # Without a date the same run gives the same file.
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        try:
            figure.savefig(path, metadata=metadata)
        except OSError as error:
            raise PlotError([f"{path}: cannot be written ({error.strerror}); name another place"]) from error


def _repeated(count: int) -> list[str]:
    return [_QUEUE_COLOURS[index % len(_QUEUE_COLOURS)] for index in range(count)]


def _dress(axes: "Axes", label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
