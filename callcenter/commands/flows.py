"""`callcenter flow ...`: check, draw, try, test, publish and take back flows."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callcenter import flow_publishing, flows
from callcenter.commands.running import (
    EXIT_FAILED,
    ByOption,
    ConfigOption,
    by_whom,
    group,
    print_lines,
    run_to_end,
    settings_from,
)

NoteOption = Annotated[str, typer.Option(help="Why, for the history.")]
FlowNameArgument = Annotated[str, typer.Argument(help="The name of the flow; prompts.queue for the announcements.")]
FlowsOption = Annotated[Path, typer.Option("--flows", help="The directory of all flows.")]

flow_app = group("The flows of the IVR: tools to write them.")


@flow_app.command("check")
def flow_check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files that join the others, or a directory of flows; none: all of --flows."),
    ] = None,
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

    raise typer.Exit(run_to_end(run()))


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

    raise typer.Exit(run_to_end(run()))


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

    raise typer.Exit(run_to_end(run()))


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

    raise typer.Exit(run_to_end(run()))


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
    settings = settings_from(config)
    print_lines(flow_publishing.publish_file(settings, file, name=name, note=note, by=by_whom(by)))


@flow_app.command("history")
def flow_history(
    name: FlowNameArgument,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many versions at most.")] = 20,
    config: ConfigOption = None,
) -> None:
    """List what was published of a flow, the newest first: number, when, who, and why."""
    print_lines(flow_publishing.history_lines(settings_from(config), name, limit=limit))


@flow_app.command("show")
def flow_show(
    name: FlowNameArgument,
    version: Annotated[
        int | None, typer.Argument(min=1, help="Its number, as history lists it; none: what counts.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print a flow as calls have it, or one version of it; a file of it can be kept in git."""
    settings = settings_from(config)

    async def run() -> int:
        typer.echo(await flow_publishing.shown_text(settings, name, version), nl=False)
        return 0

    raise typer.Exit(run_to_end(run()))


@flow_app.command("retract")
def flow_retract(
    name: FlowNameArgument, note: NoteOption = "", by: ByOption = None, config: ConfigOption = None
) -> None:
    """Take back what is published of a flow: its file counts again."""
    print_lines(flow_publishing.retract_flow(settings_from(config), name, note=note, by=by_whom(by)))
