"""What every command shares: its settings, running to the end, and telling failures in lines for people."""

import asyncio
import errno
import getpass
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Final

import typer

from callcenter.asterisk.errors import AsteriskError
from callcenter.demo import DemoError
from callcenter.domain.errors import CallcenterError
from callcenter.ivr.faults import FlowError
from callcenter.settings import Settings, SettingsError, load
from callcenter.simulate.errors import SimulateError
from callcenter.store.errors import DatabaseUnreachable
from callcenter.watch import EXIT_SETTINGS, EXIT_TRY_LATER, WatchGone
from callcenter.web.errors import WebError

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130
OF_THE_PLACE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="CALLCENTER_CONFIG", help="The TOML file; without it, defaults and environment."
    ),
]
ByOption = Annotated[str | None, typer.Option("--by", help="Who does it, for the audit log; else the system's user.")]


def group(about: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=about)


def print_lines(work: Coroutine[None, None, str | list[str]]) -> None:
    """Print the lines a piece of work gives; ends the program when it fails."""

    async def run() -> int:
        told = await work
        for line in [told] if isinstance(told, str) else told:
            typer.echo(line)
        return 0

    status = run_to_end(run())
    if status:
        raise typer.Exit(status)


def by_whom(by: str | None) -> str:
    """Who is at the command line."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def asked_password(*, from_stdin: bool) -> str:
    """A password that is not on the command line."""
    return asked("Password", from_stdin=from_stdin, option="--password-stdin")


def asked(what: str, *, from_stdin: bool, option: str) -> str:
    """What must not stand on the command line, which everybody on the machine can read."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        typer.echo(f"there is no terminal to ask for the {what.lower()} at; use {option}", err=True)
        raise typer.Exit(EXIT_SETTINGS)
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=True))


def settings_from(config: Path | None) -> Settings:
    """The settings; ends the program with every fault of them."""
    try:
        return load(config)
    except SettingsError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(EXIT_SETTINGS) from None


def run_to_end(work: Coroutine[None, None, int]) -> int:
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
