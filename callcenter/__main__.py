"""The command line: `serve`, `doctor`, `config`, `user`, `phone`, `customer`, `flow`, `prompts`, `import`, `export`,
`db upgrade`, `asterisk-config`, `demo`, `simulate`, `version`.

Law: whatever can be expected to go wrong is told in one line a fault: what, where and what to do. Exit statuses:
0 done, 1 something is not well (doctor) or failed unexpectedly, 2 the settings or what they name cannot be used,
75 the database is away (trying again may help), 130 stopped by Ctrl-C before anything ran.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from callcenter import __version__
from callcenter.commands import configuration, flows, people, prompts, tables
from callcenter.commands.running import EXIT_FAILED, ConfigOption, run_to_end, settings_from
from callcenter.demo import demo_info_from_environment, run_demo
from callcenter.doctor import Level, examine
from callcenter.logs import configure_logs, show_where_it_stands, silence_logs
from callcenter.operate import write_asterisk_files
from callcenter.settings import Settings
from callcenter.simulate.command import simulate_lines
from callcenter.simulate.run import PolicyName
from callcenter.watch import Notifier, Watch, on_stop_signals

HELP: Final = """A contact-centre server on Asterisk. docs/operating.md tells how to install and run it.

Exit statuses: 0 done; 1 something is to be mended (doctor) or failed unexpectedly; 2 the settings or what they name
cannot be used; 75 the database is away, try again."""

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=HELP
)
app.add_typer(configuration.config_app, name="config")
app.add_typer(people.user_app, name="user")
app.add_typer(people.phone_app, name="phone")
app.add_typer(people.customer_app, name="customer")
app.add_typer(flows.flow_app, name="flow")
app.add_typer(prompts.prompts_app, name="prompts")
app.add_typer(configuration.db_app, name="db")
app.add_typer(tables.import_app, name="import")
app.add_typer(tables.export_app, name="export")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"callcenter {__version__}")


@app.command(short_help="Serve calls and pages, and restart when need be.")
def serve(
    config: ConfigOption = None,
    unwatched: Annotated[
        bool, typer.Option("--unwatched", help="Run the server itself, as under systemd with WatchdogSec.")
    ] = False,
) -> None:
    """Serve calls and pages; a watch restarts the server when it dies or freezes."""
    settings = settings_from(config)
    configure_logs(settings)
    if not unwatched and "NOTIFY_SOCKET" not in os.environ:
        command = [sys.executable, "-m", "callcenter", "serve", "--unwatched"]
        if config is not None:
            command += ["--config", str(config)]
        raise typer.Exit(run_to_end(_watch(Watch(command))))
    show_where_it_stands()
    raise typer.Exit(run_to_end(_serve(settings)))


async def _watch(watch: Watch) -> int:
    with on_stop_signals(watch.stop):
        return await watch.run()


async def _serve(settings: Settings) -> int:
    # Nothing else needs the whole server, which takes longer to load than most commands to run.
    from callcenter.bootstrap import run_server

    stop = asyncio.Event()
    notifier = Notifier.from_environment()
    try:
        with on_stop_signals(stop.set):
            await run_server(settings, notifier, stop, demo_info_from_environment(settings))
    finally:
        notifier.close()
    return 0


@app.command(short_help="Find what is wrong and say how to mend it.")
def doctor(config: ConfigOption = None) -> None:
    """Examine Asterisk, its rights and modules, ports, database and prompts, and say how to mend what is wrong."""
    settings = settings_from(config)
    silence_logs()

    async def run() -> int:
        levels = []
        async for finding in examine(settings):
            typer.echo(str(finding))
            levels.append(finding.level)
        failed = levels.count(Level.FAIL)
        unknown = levels.count(Level.UNKNOWN)
        typer.echo(f"{failed} to mend" + (f", {unknown} could not be looked at" if unknown else ""))
        return EXIT_FAILED if failed else 0

    raise typer.Exit(run_to_end(run()))


@app.command(short_help="A private Asterisk, the server, demo data.")
def demo(
    traffic: Annotated[float, typer.Option(min=0, max=600, help="Simulated calls a minute.")] = 0,
    config: ConfigOption = None,
) -> None:
    """Run a private Asterisk, the server and demo data until Ctrl-C (scripts/start installs what it needs)."""
    raise typer.Exit(run_to_end(run_demo(config, calls_a_minute=traffic)))


@app.command(short_help="A day or a year in the production engine, by figures.")
def simulate(
    scenario: Annotated[Path, typer.Argument(help="A TOML file, such as those in config/scenarios.")],
    policy: Annotated[PolicyName, typer.Option(help="Who decides: our engine or app_queue.")] = PolicyName.ENGINE,
    compare: Annotated[bool, typer.Option("--compare", help="All of them on the same callers, as a table.")] = False,
    seed: Annotated[int | None, typer.Option(help="Another seed than the file's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures for machines.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw waiting, agents and waits over time (.svg, .png).")] = None,
) -> None:
    """Simulate callers and agents on the production engine and print what became of them (docs/simulation.md)."""
    silence_logs()

    async def run() -> int:
        policies = tuple(PolicyName) if compare else (policy,)
        for line in simulate_lines(scenario, policies=policies, seed=seed, as_json=as_json, plot=plot):
            typer.echo(line)
        return 0

    raise typer.Exit(run_to_end(run()))


@app.command("asterisk-config", short_help="Write files for an Asterisk you have.")
def asterisk_config(
    directory: Annotated[Path, typer.Argument(help="Where to write the files.")],
    config: ConfigOption = None,
) -> None:
    """Write pjsip, manager, dialplan and other files for an Asterisk one already has, with instructions."""
    settings = settings_from(config)

    async def run() -> int:
        for name in await write_asterisk_files(settings, directory):
            typer.echo(f"wrote {directory / name}")
        typer.echo(f"how to include them: {directory / 'README.txt'}")
        return 0

    raise typer.Exit(run_to_end(run()))


if __name__ == "__main__":
    app()
