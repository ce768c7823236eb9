"""`callcenter import ...` and `callcenter export ...`: files of customers and orders."""

from pathlib import Path
from typing import Annotated

import typer

from callcenter import bulk
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
from callcenter.crm.import_fields import RecordKind
from callcenter.logs import silence_logs

TableArgument = Annotated[Path, typer.Argument(help="A .csv or .xlsx file.")]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="What the columns are, as JSON; else what is remembered or guessed.")
]
TryOption = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and change nothing.")]
SourceOption = Annotated[str, typer.Option(help="The system whose ids of customers to write.")]
TableEncodingOption = Annotated[str, typer.Option(help="utf-8 (with a mark, for Excel) or gb18030.")]

import_app = group("Files of customers and orders, in.")
export_app = group("Customers and orders, into a file.")


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
    settings = settings_from(config)
    silence_logs()

    async def run() -> int:
        all_good = await bulk.import_file(
            settings,
            file,
            kind=kind,
            mapping=mapping,
            dry_run=dry_run,
            encoding=encoding,
            by=by_whom(by),
            tell=typer.echo,
        )
        return 0 if all_good else EXIT_FAILED

    raise typer.Exit(run_to_end(run()))


@export_app.command("customers")
def export_customers(
    file: TableArgument,
    source: SourceOption = "import",
    encoding: TableEncodingOption = "utf-8",
    config: ConfigOption = None,
) -> None:
    """Write all customers into a file that can be imported again."""
    print_lines(
        bulk.export_file(settings_from(config), file, kind=RecordKind.CUSTOMERS, encoding=encoding, source=source)
    )


@export_app.command("orders")
def export_orders(
    file: TableArgument,
    source: SourceOption = "import",
    encoding: TableEncodingOption = "utf-8",
    config: ConfigOption = None,
) -> None:
    """Write all orders into a file."""
    print_lines(bulk.export_file(settings_from(config), file, kind=RecordKind.ORDERS, encoding=encoding, source=source))
