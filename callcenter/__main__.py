"""The command line: `serve`, `doctor`, `config`, `user`, `phone`, `customer`, `flow`, `prompts`, `import`, `export`,
`db upgrade`, `asterisk-config`, `demo`, `simulate`, `version`.

Law: whatever can be expected to go wrong is told in one line a fault: what, where and what to do. Exit statuses:
0 done, 1 something is not well (doctor) or failed unexpectedly, 2 the settings or what they name cannot be used,
75 the database is away (trying again may help), 130 stopped by Ctrl-C before anything ran.
"""

import asyncio
import errno
import getpass
import os
import sys
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

from callcenter import __version__, administer, bulk, flow_publishing, flows, prompts
from callcenter.asterisk.errors import AsteriskError
from callcenter.bootstrap import WatchGone, run_server
from callcenter.crm.import_columns import RecordKind
from callcenter.demo import DemoError, demo_info_from_environment, run_demo
from callcenter.doctor import Level, examine
from callcenter.domain.errors import CallcenterError
from callcenter.ivr.faults import FlowError
from callcenter.logs import configure_logs, silence_logs
from callcenter.operate import check_configuration, upgrade_schema, write_asterisk_files
from callcenter.settings import Settings, SettingsError, load
from callcenter.simulate.command import simulate_lines
from callcenter.simulate.errors import SimulateError
from callcenter.simulate.run import PolicyName
from callcenter.store.errors import DatabaseUnreachable
from callcenter.watch import EXIT_SETTINGS, EXIT_TRY_LATER, Notifier, Watch, on_stop_signals
from callcenter.web.errors import WebError

HELP: Final = """A contact-centre server on Asterisk. docs/operating.md tells how to install and run it.

Exit statuses: 0 done; 1 something is to be mended (doctor) or failed unexpectedly; 2 the settings or what they name
cannot be used; 75 the database is away, try again."""

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=HELP
)
config_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What the business sets, and the check of all settings."
)
user_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may sign in.")
phone_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The agents' SIP accounts.")
customer_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Customer numbers and their PINs.")
flow_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The flows of the IVR: tools to write them.")
prompts_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The sounds of the prompts: make, list, find what is missing."
)
import_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Files of customers and orders, in.")
export_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Customers and orders, into a file.")
db_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The database.")
app.add_typer(config_app, name="config")
app.add_typer(user_app, name="user")
app.add_typer(phone_app, name="phone")
app.add_typer(customer_app, name="customer")
app.add_typer(flow_app, name="flow")
app.add_typer(prompts_app, name="prompts")
app.add_typer(db_app, name="db")
app.add_typer(import_app, name="import")
app.add_typer(export_app, name="export")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="CALLCENTER_CONFIG", help="The TOML file; without it, defaults and environment."
    ),
]

NoteOption = Annotated[str, typer.Option(help="Why, for the history.")]
FlowNameArgument = Annotated[str, typer.Argument(help="The name of the flow; prompts.queue for the announcements.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who does it, for the audit log; else the system's user.")]
StdinPassword = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]

TableArgument = Annotated[Path, typer.Argument(help="A .csv or .xlsx file.")]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="What the columns are, as JSON; else what is remembered or guessed.")
]
TryOption = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and change nothing.")]
SourceOption = Annotated[str, typer.Option(help="The system whose ids of customers to write.")]
TableEncodingOption = Annotated[str, typer.Option(help="utf-8 (with a mark, for Excel) or gb18030.")]

FlowsOption = Annotated[Path, typer.Option("--flows", help="The directory of all flows.")]

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130
OF_THE_PLACE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
)

log = structlog.get_logger(__name__)


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
    settings = _settings(config)
    configure_logs(settings)
    if not unwatched and "NOTIFY_SOCKET" not in os.environ:
        command = [sys.executable, "-m", "callcenter", "serve", "--unwatched"]
        if config is not None:
            command += ["--config", str(config)]
        raise typer.Exit(_run(_watch(Watch(command))))
    raise typer.Exit(_run(_serve(settings)))


async def _watch(watch: Watch) -> int:
    with on_stop_signals(watch.stop):
        return await watch.run()


async def _serve(settings: Settings) -> int:
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
    settings = _settings(config)
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

    raise typer.Exit(_run(run()))


@app.command(short_help="A private Asterisk, the server, demo data.")
def demo(
    traffic: Annotated[float, typer.Option(min=0, max=600, help="Simulated calls a minute.")] = 0,
    config: ConfigOption = None,
) -> None:
    """Run a private Asterisk, the server and demo data until Ctrl-C (scripts/start installs what it needs)."""
    raise typer.Exit(_run(run_demo(config, calls_a_minute=traffic)))


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

    raise typer.Exit(_run(run()))


@app.command("asterisk-config", short_help="Write files for an Asterisk you have.")
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


@config_app.command("export")
def config_export(
    file: Annotated[str, typer.Argument(help="Where to write it; - is standard output.")] = "-",
    config: ConfigOption = None,
) -> None:
    """Write what the business sets (queues, skills, agents, numbers, reasons, dispositions) as one YAML file."""
    settings = _settings(config)

    async def run() -> int:
        text = await administer.export_configuration(settings)
        if file == "-":
            typer.echo(text, nl=False)
        else:
            await asyncio.to_thread(Path(file).write_text, text, encoding="utf-8")
            typer.echo(f"wrote {file}")
        return 0

    raise typer.Exit(_run(run()))


@config_app.command("apply")
def config_apply(
    file: Annotated[str, typer.Argument(help="The YAML file; - is standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    remove_missing: Annotated[
        bool, typer.Option("--remove-missing", help="Of the parts the file has, remove what it does not name.")
    ] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Check a YAML file of what the business sets, and apply it whole or not at all; a running server follows."""
    settings = _settings(config)

    async def run() -> int:
        name = "standard input" if file == "-" else file
        data = await asyncio.to_thread(sys.stdin.buffer.read if file == "-" else Path(file).read_bytes)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            typer.echo(f"{name}:1: this is no UTF-8 text; save it as UTF-8", err=True)
            return EXIT_SETTINGS
        for line in await administer.apply_configuration(
            settings, text, name, by=_by(by), dry_run=dry_run, remove_missing=remove_missing
        ):
            typer.echo(line)
        return 0

    raise typer.Exit(_run(run()))


@config_app.command("history")
def config_history(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many versions at most.")] = 20,
    config: ConfigOption = None,
) -> None:
    """List the versions of what the business sets, the newest first: number, when, who."""
    _print(administer.configuration_history(_settings(config), limit=limit))


@config_app.command("show")
def config_show(
    version: Annotated[int, typer.Argument(min=1, help="Its number, as history lists it.")], config: ConfigOption = None
) -> None:
    """Print one version; applying it with --remove-missing undoes what came after it."""
    settings = _settings(config)

    async def run() -> int:
        typer.echo(await administer.configuration_version(settings, version), nl=False)
        return 0

    raise typer.Exit(_run(run()))


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="The login name.")],
    role: Annotated[str, typer.Option(help="agent, supervisor or administrator.")],
    agent: Annotated[str | None, typer.Option(help="The agent he is, by id; needed for the role agent.")] = None,
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    display_name: Annotated[str | None, typer.Option(help="What others read; else the login name.")] = None,
    password_stdin: StdinPassword = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Let somebody sign in."""
    settings, password = _settings(config), _password(password_stdin)
    _print(
        administer.add_user(
            settings,
            name,
            role=role,
            agent_id=agent,
            language=language,
            display_name=display_name,
            password=password,
            by=_by(by),
        )
    )


@user_app.command("password")
def user_password(
    name: Annotated[str, typer.Argument(help="The login name.")],
    password_stdin: StdinPassword = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a user another password; he is signed out everywhere."""
    settings, password = _settings(config), _password(password_stdin)
    _print(administer.change_password(settings, name, password=password, by=_by(by)))


@user_app.command("list")
def user_list(config: ConfigOption = None) -> None:
    """List everyone who may sign in."""
    _print(administer.user_lines(_settings(config)))


@user_app.command("remove")
def user_remove(
    name: Annotated[str, typer.Argument(help="The login name.")], by: ByOption = None, config: ConfigOption = None
) -> None:
    """Let a user sign in no more; he is signed out everywhere."""
    _print(administer.take_user_away(_settings(config), name, by=_by(by)))


@phone_app.command("secret")
def phone_secret(
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    generate: Annotated[bool, typer.Option("--generate", help="Make one that nobody can guess.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="With --generate: print it, for a desk phone's own page.")
    ] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the secret of an agent's SIP account; without an option it is asked for."""
    settings = _settings(config)
    if generate and stdin:
        raise typer.BadParameter("--generate and --stdin exclude each other")
    if show and not generate:
        raise typer.BadParameter("--show is for --generate alone")
    secret = administer.new_secret() if generate else _asked("Secret", from_stdin=stdin, option="--stdin")
    _print(administer.set_phone_secret(settings, agent, secret=secret, by=_by(by)))
    if show:
        typer.echo(secret)


@customer_app.command("number")
def customer_number(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    number: Annotated[str | None, typer.Argument(help="The number, 4 to 12 digits; none: one by chance.")] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a customer a number by which he says on the telephone who he is."""
    _print(administer.give_number(_settings(config), customer, number, by=_by(by)))


@customer_app.command("pin")
def customer_pin(
    number: Annotated[str, typer.Argument(help="The customer number.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the PIN of a customer number; without an option it is asked for. A lock ends."""
    settings = _settings(config)
    if remove and stdin:
        raise typer.BadParameter("--remove and --stdin exclude each other")
    pin = None if remove else _asked("PIN", from_stdin=stdin, option="--stdin")
    _print(administer.set_pin(settings, number, pin=pin, by=_by(by)))


@customer_app.command("unlock")
def customer_unlock(
    number: Annotated[str, typer.Argument(help="The customer number.")],
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget the wrong PINs of a customer number."""
    _print(administer.unlock_number(_settings(config), number, by=_by(by)))


@import_app.command("customers")
def import_customers(
    file: TableArgument,
    mapping: MappingOption = None,
    dry_run: TryOption = False,
    encoding: Annotated[str | None, typer.Option(help="Where it is guessed wrongly: utf-8, gb18030, ...")] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Take customers in from a file: good rows go in, bad ones into a file with their reasons."""
    _import(RecordKind.CUSTOMERS, file, mapping, dry_run=dry_run, encoding=encoding, by=by, config=config)


@import_app.command("orders")
def import_orders(
    file: TableArgument,
    mapping: MappingOption = None,
    dry_run: TryOption = False,
    encoding: Annotated[str | None, typer.Option(help="Where it is guessed wrongly: utf-8, gb18030, ...")] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Take orders in from a file, one a row; their customers must be there."""
    _import(RecordKind.ORDERS, file, mapping, dry_run=dry_run, encoding=encoding, by=by, config=config)


def _import(
    kind: RecordKind,
    file: Path,
    mapping: Path | None,
    *,
    dry_run: bool,
    encoding: str | None,
    by: str | None,
    config: Path | None,
) -> None:
    settings = _settings(config)
    silence_logs()

    async def run() -> int:
        all_good = await bulk.import_file(
            settings,
            file,
            kind=kind,
            mapping=mapping,
            dry_run=dry_run,
            encoding=encoding,
            by=_by(by),
            tell=typer.echo,
        )
        return 0 if all_good else EXIT_FAILED

    raise typer.Exit(_run(run()))


@export_app.command("customers")
def export_customers(
    file: TableArgument,
    source: SourceOption = "import",
    encoding: TableEncodingOption = "utf-8",
    config: ConfigOption = None,
) -> None:
    """Write all customers into a file that can be imported again."""
    _print(bulk.export_file(_settings(config), file, kind=RecordKind.CUSTOMERS, encoding=encoding, source=source))


@export_app.command("orders")
def export_orders(
    file: TableArgument,
    source: SourceOption = "import",
    encoding: TableEncodingOption = "utf-8",
    config: ConfigOption = None,
) -> None:
    """Write all orders into a file."""
    _print(bulk.export_file(_settings(config), file, kind=RecordKind.ORDERS, encoding=encoding, source=source))


@flow_app.command("check")
def flow_check(
    files: Annotated[list[Path] | None, typer.Argument(help="Files that join the others; none: all of them.")] = None,
    directory: FlowsOption = Path("ivr_flows"),
    business: Annotated[
        Path | None, typer.Option(help="What `config export` wrote: its queues, agents and hours are checked too.")
    ] = None,
) -> None:
    """Tell everything that is wrong with flows, with file and line, before they run."""

    async def run() -> int:
        for line in await asyncio.to_thread(flows.check_files, directory, files or [], business):
            typer.echo(line)
        return 0

    raise typer.Exit(_run(run()))


@flow_app.command("graph")
def flow_graph(
    file: Annotated[Path, typer.Argument(help="The flow.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="An .svg file, or .mmd for Mermaid.")] = None,
    language: Annotated[str, typer.Option(help="zh or en.")] = "en",
) -> None:
    """Draw a flow."""

    async def run() -> int:
        typer.echo(await asyncio.to_thread(flows.draw_file, file, out, language), nl=False)
        return 0

    raise typer.Exit(_run(run()))


@flow_app.command("try")
def flow_try(
    file: Annotated[Path, typer.Argument(help="The flow.")],
    data: Annotated[Path | None, typer.Option(help="A file of dialogues: its answers and hours count.")] = None,
    language: Annotated[str | None, typer.Option(help="The language the caller is known to speak.")] = None,
    at: Annotated[str | None, typer.Option(help="When he calls, such as 2026-11-23T10:00:00+08:00.")] = None,
) -> None:
    """Walk through a flow at the terminal: type keys, read what is said; silence takes no time."""

    async def run() -> int:
        terminal = flows.StandardTerminal()
        await asyncio.to_thread(flows.try_file, file, terminal, data=data, language=language, at=at)
        return 0

    raise typer.Exit(_run(run()))


@flow_app.command("test")
def flow_test(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of dialogues; none: those of all flows.")] = None,
    directory: FlowsOption = Path("ivr_flows"),
) -> None:
    """Run the dialogues written beside the flows as tests."""

    async def run() -> int:
        well = True
        for line, fine in flows.dialogue_lines(directory, files or []):
            typer.echo(line)
            well = well and fine
        return 0 if well else EXIT_FAILED

    raise typer.Exit(_run(run()))


@flow_app.command("schema")
def flow_schema() -> None:
    """Print the JSON Schema of flow files, for editors that know YAML."""
    typer.echo(flows.schema_text(), nl=False)


@flow_app.command("publish")
def flow_publish(
    file: Annotated[Path, typer.Argument(help="The flow, or a set of prompts.")],
    note: NoteOption = "",
    name: Annotated[str | None, typer.Option(help="Under which name; else the one the file says.")] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Check a flow together with all others and let it take the place of its file; new calls have it within seconds."""
    settings = _settings(config)
    _print(flow_publishing.publish_file(settings, file, name=name, note=note, by=_by(by)))


@flow_app.command("history")
def flow_history(
    name: FlowNameArgument,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many versions at most.")] = 20,
    config: ConfigOption = None,
) -> None:
    """List what was published of a flow, the newest first: number, when, who, and why."""
    _print(flow_publishing.history_lines(_settings(config), name, limit=limit))


@flow_app.command("show")
def flow_show(
    name: FlowNameArgument,
    version: Annotated[
        int | None, typer.Argument(min=1, help="Its number, as history lists it; none: what counts.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print a flow as calls have it, or one version of it; a file of it can be kept in git."""
    settings = _settings(config)

    async def run() -> int:
        typer.echo(await flow_publishing.shown_text(settings, name, version), nl=False)
        return 0

    raise typer.Exit(_run(run()))


@flow_app.command("retract")
def flow_retract(
    name: FlowNameArgument, note: NoteOption = "", by: ByOption = None, config: ConfigOption = None
) -> None:
    """Take back what is published of a flow: its file counts again."""
    _print(flow_publishing.retract_flow(_settings(config), name, note=note, by=_by(by)))


class SpokenLanguage(StrEnum):
    """The languages that prompts are in."""

    ZH = "zh"
    EN = "en"


LanguageOption = Annotated[SpokenLanguage | None, typer.Option("--language", help="Those of one language alone.")]
FlowOption = Annotated[str | None, typer.Option("--flow", help="Those of one flow alone; `queue` are the queues'.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


@prompts_app.command("build")
def prompts_build(language: LanguageOption = None, flow: FlowOption = None, config: ConfigOption = None) -> None:
    """Make every prompt that is not recorded and not made yet; exit status 1 when some could not be."""
    settings = _settings(config)
    silence_logs()

    async def run() -> int:
        failures = await prompts.make_prompts(settings, language=language, flow=flow)
        for line in prompts.failure_lines(failures):
            typer.echo(line, err=True)
        if not failures:
            typer.echo(f"all prompts are there, in {settings.sound_directory}")
        return EXIT_FAILED if failures else 0

    raise typer.Exit(_run(run()))


@prompts_app.command("list")
def prompts_list(
    language: LanguageOption = None, flow: FlowOption = None, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show every prompt: recorded, made, spoken for each caller because it has variables, or missing."""
    settings = _settings(config)
    silence_logs()

    async def run() -> int:
        rows = await prompts.prompt_rows(settings, language=language, flow=flow)
        for line in [prompts.as_json(rows)] if as_json else prompts.table_lines(rows):
            typer.echo(line)
        return 0

    raise typer.Exit(_run(run()))


@prompts_app.command("missing")
def prompts_missing(
    language: LanguageOption = None, flow: FlowOption = None, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show the prompts without a sound; exit status 1 when there are any."""
    settings = _settings(config)
    silence_logs()

    async def run() -> int:
        rows = prompts.missing_of(await prompts.prompt_rows(settings, language=language, flow=flow))
        for line in [prompts.as_json(rows)] if as_json else prompts.table_lines(rows) if rows else ["none is missing"]:
            typer.echo(line)
        return EXIT_FAILED if rows else 0

    raise typer.Exit(_run(run()))


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Make the tables, or bring them to this program's version."""
    settings = _settings(config)

    async def run() -> int:
        typer.echo(await upgrade_schema(settings))
        return 0

    raise typer.Exit(_run(run()))


def _print(work: Coroutine[None, None, str | list[str]]) -> None:
    """Print the lines a piece of work gives; ends the program when it fails."""

    async def run() -> int:
        told = await work
        for line in [told] if isinstance(told, str) else told:
            typer.echo(line)
        return 0

    status = _run(run())
    if status:
        raise typer.Exit(status)


def _by(by: str | None) -> str:
    """Who is at the command line."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _password(from_stdin: bool) -> str:
    return _asked("Password", from_stdin=from_stdin, option="--password-stdin")


def _asked(what: str, *, from_stdin: bool, option: str) -> str:
    """What must not stand on the command line, which everybody on the machine can read."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        typer.echo(f"there is no terminal to ask for the {what.lower()} at; use {option}", err=True)
        raise typer.Exit(EXIT_SETTINGS)
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=True))


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
        return EXIT_INTERRUPTED
    except BaseException as error:
        lines = _explained(error)
        if lines is None:
            raise
        for line in lines:
            typer.echo(line, err=True)
        return EXIT_TRY_LATER if _may_pass(error) else EXIT_SETTINGS


def _explained(error: BaseException) -> list[str] | None:
    """The lines that tell what is wrong; None for what nobody expected."""
    if isinstance(error, BaseExceptionGroup):
        told = [_explained(inner) for inner in error.exceptions]
        known = [lines for lines in told if lines is not None]
        return [line for lines in known for line in lines] if len(known) == len(told) else None
    if isinstance(error, SettingsError | SimulateError):
        return error.lines
    if isinstance(error, FlowError):
        return [str(fault) for fault in error.faults]
    if isinstance(error, CallcenterError | AsteriskError | WebError | WatchGone | DemoError):
        return [str(error)]
    if isinstance(error, OSError) and error.filename is not None and error.errno in OF_THE_PLACE:
        return [f"{error.filename}: {error.strerror}; give this user the right to it, or name another place"]
    return None


def _may_pass(error: BaseException) -> bool:
    """Whether the same start may succeed later without anybody mending the settings."""
    if isinstance(error, BaseExceptionGroup):
        return all(_may_pass(inner) for inner in error.exceptions)
    return isinstance(error, DatabaseUnreachable | WatchGone)


if __name__ == "__main__":
    app()
