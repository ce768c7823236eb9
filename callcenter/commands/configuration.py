"""`callcenter config ...` and `callcenter db ...`: what the business sets, the check of all settings, the database."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from callcenter import administer
from callcenter.commands.running import ByOption, ConfigOption, by_whom, group, print_lines, run_to_end, settings_from
from callcenter.operate import check_configuration, upgrade_schema
from callcenter.watch import EXIT_SETTINGS

config_app = group("What the business sets, and the check of all settings.")
db_app = group("The database.")


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Check the settings, the flows and what they need, without starting anything."""
    settings = settings_from(config)

    async def run() -> int:
        for line in await check_configuration(settings):
            typer.echo(line)
        return 0

    raise typer.Exit(run_to_end(run()))


@config_app.command("export")
def config_export(
    file: Annotated[str, typer.Argument(help="Where to write it; - is standard output.")] = "-",
    config: ConfigOption = None,
) -> None:
    """Write what the business sets (queues, skills, agents, numbers, reasons, dispositions) as one YAML file."""
    settings = settings_from(config)

    async def run() -> int:
        text = await administer.export_configuration(settings)
        if file == "-":
            typer.echo(text, nl=False)
        else:
            await asyncio.to_thread(Path(file).write_text, text, encoding="utf-8")
            typer.echo(f"wrote {file}")
        return 0

    raise typer.Exit(run_to_end(run()))


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
    settings = settings_from(config)

    async def run() -> int:
        name = "standard input" if file == "-" else file
        data = await asyncio.to_thread(sys.stdin.buffer.read if file == "-" else Path(file).read_bytes)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            typer.echo(f"{name}:1: this is no UTF-8 text; save it as UTF-8", err=True)
            return EXIT_SETTINGS
        for line in await administer.apply_configuration(
            settings, text, name, by=by_whom(by), dry_run=dry_run, remove_missing=remove_missing
        ):
            typer.echo(line)
        return 0

    raise typer.Exit(run_to_end(run()))


@config_app.command("history")
def config_history(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many versions at most.")] = 20,
    config: ConfigOption = None,
) -> None:
    """List the versions of what the business sets, the newest first: number, when, who."""
    print_lines(administer.configuration_history(settings_from(config), limit=limit))


@config_app.command("show")
def config_show(
    version: Annotated[int, typer.Argument(min=1, help="Its number, as history lists it.")], config: ConfigOption = None
) -> None:
    """Print one version; applying it with --remove-missing undoes what came after it."""
    settings = settings_from(config)

    async def run() -> int:
        typer.echo(await administer.configuration_version(settings, version), nl=False)
        return 0

    raise typer.Exit(run_to_end(run()))


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Make the tables, or bring them to this program's version."""
    settings = settings_from(config)

    async def run() -> int:
        typer.echo(await upgrade_schema(settings))
        return 0

    raise typer.Exit(run_to_end(run()))
