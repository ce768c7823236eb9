"""The command line: `callcenter serve`, `doctor`, `config check`, `db upgrade`, `asterisk-config`, `demo`, `version`.

Law: whatever goes wrong is one line that says what, where and what to do, and an exit status that is not zero.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated

import structlog
import typer

from callcenter import __version__
from callcenter.asterisk.errors import AsteriskError
from callcenter.bootstrap import WatchGone, run_server
from callcenter.demo import DemoError, demo_info_from_environment, run_demo
from callcenter.doctor import Finding, examine
from callcenter.domain.errors import CallcenterError
from callcenter.ivr.faults import FlowError
from callcenter.logs import configure_logs
from callcenter.operate import check_configuration, upgrade_schema, write_asterisk_files
from callcenter.settings import Settings, SettingsError, load
from callcenter.watch import EXIT_SETTINGS, Notifier, Watch

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
config_app = typer.Typer(no_args_is_help=True, help="The operator's settings.")
db_app = typer.Typer(no_args_is_help=True, help="The database.")
app.add_typer(config_app, name="config")
app.add_typer(db_app, name="db")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="CALLCENTER_CONFIG", help="The TOML file; without it, defaults and environment."
    ),
]

log = structlog.get_logger(__name__)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"callcenter {__version__}")


@app.command()
def serve(
    config: ConfigOption = None,
    unwatched: Annotated[
        bool, typer.Option("--unwatched", help="Run the server itself, as under systemd with WatchdogSec.")
    ] = False,
) -> None:
    """Serve calls and pages; a watch restarts the server when it dies or freezes."""
    settings = _settings(config)
    configure_logs(settings)
    if not unwatched and "NOTIFY_SOCKET" not in os.environ:
        command = [sys.executable, "-m", "callcenter", "serve", "--unwatched"]
        if config is not None:
            command += ["--config", str(config)]
        watch = Watch(command)
        raise typer.Exit(_run(_until_signalled(watch.run, watch.stop)))
    raise typer.Exit(_run(_serve(settings)))


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    notifier = Notifier.from_environment()

    async def run() -> int:
        await run_server(settings, notifier, stop, demo_info_from_environment(settings))
        return 0

    try:
        return await _until_signalled(run, stop.set)
    finally:
        notifier.close()


@app.command()
def doctor(config: ConfigOption = None) -> None:
    """Examine Asterisk, its rights and modules, ports, database and prompts, and say how to mend what is wrong."""
    settings = _settings(config)
    configure_logs(settings)

    async def run() -> int:
        findings = await examine(settings)
        for finding in findings:
            typer.echo(_told(finding))
        return 0 if all(finding.ok for finding in findings) else 1

    raise typer.Exit(_run(run()))


def _told(finding: Finding) -> str:
    mark = "ok  " if finding.ok else "FAIL"
    mend = f"\n       mend: {finding.mend}" if finding.mend and not finding.ok else ""
    return f"{mark}  {finding.name}: {finding.detail}{mend}"


@app.command()
def demo(
    traffic: Annotated[float, typer.Option(min=0, max=600, help="Simulated calls a minute.")] = 0,
    config: ConfigOption = None,
) -> None:
    """A private Asterisk, the server and demo data, until Ctrl-C (scripts/start installs what it needs)."""
    raise typer.Exit(_run(run_demo(config, calls_a_minute=traffic)))


@app.command("asterisk-config")
def asterisk_config(
    directory: Annotated[Path, typer.Argument(help="Where to write the files.")],
    config: ConfigOption = None,
) -> None:
    """Write pjsip, manager, dialplan and other files for an Asterisk one already has, with instructions."""
    settings = _settings(config)

    async def run() -> int:
        for name in await write_asterisk_files(settings, directory):
            typer.echo(f"wrote {directory / name}")
        typer.echo(f"how to include them: {directory / 'README.txt'}")
        return 0

    raise typer.Exit(_run(run()))


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Check the settings, the flows and what they need, without starting anything."""
    settings = _settings(config)

    async def run() -> int:
        for line in await check_configuration(settings):
            typer.echo(line)
        return 0

    raise typer.Exit(_run(run()))


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Make the tables, or bring them to this program's version."""
    settings = _settings(config)

    async def run() -> int:
        typer.echo(await upgrade_schema(settings))
        return 0

    raise typer.Exit(_run(run()))


def _settings(config: Path | None) -> Settings:
    try:
        return load(config)
    except SettingsError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(EXIT_SETTINGS) from None


def _run(work: Coroutine[None, None, int]) -> int:
    """Run to the end and turn every expected failure into lines for people."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        return 130
    except BaseException as error:
        lines = _explained(error)
        if lines is None:
            raise
        for line in lines:
            typer.echo(line, err=True)
        return EXIT_SETTINGS


def _explained(error: BaseException) -> list[str] | None:
    if isinstance(error, BaseExceptionGroup):
        told = [_explained(inner) for inner in error.exceptions]
        known = [lines for lines in told if lines is not None]
        return [line for lines in known for line in lines] if len(known) == len(told) else None
    if isinstance(error, SettingsError):
        return error.lines
    if isinstance(error, FlowError):
        return [f"{fault.filename}:{fault.line}: {fault.what}; {fault.right}" for fault in error.faults]
    if isinstance(error, CallcenterError | AsteriskError | WatchGone | DemoError):
        return [str(error)]
    return None


async def _until_signalled(run: Callable[[], Coroutine[None, None, int]], stop: Callable[[], None]) -> int:
    """Run, and call `stop` at SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)


if __name__ == "__main__":
    app()
