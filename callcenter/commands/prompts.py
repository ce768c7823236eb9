"""`callcenter prompts ...`: make the sounds of prompts, list them, find what is missing."""

from enum import StrEnum
from typing import Annotated

import typer

from callcenter import prompts
from callcenter.commands.running import EXIT_FAILED, ConfigOption, group, run_to_end, settings_from
from callcenter.logs import silence_logs

prompts_app = group("The sounds of the prompts: make, list, find what is missing.")


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
    settings = settings_from(config)
    silence_logs()

    async def run() -> int:
        failures = await prompts.make_prompts(settings, language=language, flow=flow)
        for line in prompts.failure_lines(failures):
            typer.echo(line, err=True)
        if not failures:
            typer.echo(f"all prompts are there, in {settings.sound_directory}")
        return EXIT_FAILED if failures else 0

    raise typer.Exit(run_to_end(run()))


@prompts_app.command("list")
def prompts_list(
    language: LanguageOption = None, flow: FlowOption = None, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show every prompt: recorded, made, spoken for each caller because it has variables, or missing."""
    settings = settings_from(config)
    silence_logs()

    async def run() -> int:
        rows = await prompts.prompt_rows(settings, language=language, flow=flow)
        for line in [prompts.as_json(rows)] if as_json else prompts.table_lines(rows):
            typer.echo(line)
        return 0

    raise typer.Exit(run_to_end(run()))


@prompts_app.command("missing")
def prompts_missing(
    language: LanguageOption = None, flow: FlowOption = None, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show the prompts without a sound; exit status 1 when there are any."""
    settings = settings_from(config)
    silence_logs()

    async def run() -> int:
        rows = prompts.missing_of(await prompts.prompt_rows(settings, language=language, flow=flow))
        for line in [prompts.as_json(rows)] if as_json else prompts.table_lines(rows) if rows else ["none is missing"]:
            typer.echo(line)
        return EXIT_FAILED if rows else 0

    raise typer.Exit(run_to_end(run()))
