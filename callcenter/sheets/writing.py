"""Writes tables row by row, as CSV or XLSX, so that no spreadsheet works out what a cell says.

Laws: text that begins as a formula does gets an apostrophe before it (OWASP, "CSV injection"); `plain` takes it away.
What is a number or a day is one in a workbook, with its format, and can be added up.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
MOST_SHEET_ROWS = 1_048_575
"""Below the header of an XLSX sheet."""
_ROWS_A_PART = 500
_NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")


Cell = str | int | float | Decimal | date | None
"""Texts, numbers and days; None is an empty cell. A float below 1 is told to six digits, other ones to two places."""


def text_of(cell: Cell) -> str:
    """The cell as text; numbers are no formulas, so they are not quoted."""
    match cell:
        case None:
            return ""
        case str():
            return quoted(cell)
        case float():
            return f"{cell:.6g}" if abs(cell) < 1 else f"{cell:.2f}"
    return str(cell)


def quoted(cell: str) -> str:
    """The cell as it is written; one that looks quoted already is quoted once more."""
    return f"'{cell}" if cell.startswith(FORMULA_SIGNS) or _is_quoted(cell) else cell


def plain(cell: str) -> str:
    """The cell as it was before `quoted`."""
    return cell[1:] if _is_quoted(cell) else cell


def _is_quoted(cell: str) -> bool:
    return cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_SIGNS)


def csv_line(cells: Sequence[str]) -> str:
    """One row with its end."""
    text = io.StringIO()
    csv.writer(text).writerow([quoted(cell) for cell in cells])
    return text.getvalue()


def csv_parts(table: Iterable[Sequence[Cell]], encoding: str) -> Iterator[bytes]:
    """The file in parts; UTF-8 with its mark, without which Excel takes it for something else."""
    text = io.StringIO()
    writer = csv.writer(text)
    codec = "utf-8" if encoding == "utf-8" else "gb18030"
    if codec == "utf-8":
        text.write("\ufeff")
    for count, cells in enumerate(table, start=1):
        writer.writerow([text_of(cell) for cell in cells])
        if count % _ROWS_A_PART == 0:
            yield text.getvalue().encode(codec, "replace")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode(codec, "replace")


class WorkbookWriter:
    """An XLSX file with one sheet; rows go to the disk as they come: into `directory`, else where the system keeps
    files for a while."""

    def __init__(self, title: str, directory: Path | None = None) -> None:
        import openpyxl
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.worksheet import _writer as writing

        self._cell = WriteOnlyCell
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet(title)
        with tempfile.NamedTemporaryFile(dir=directory, prefix="sheet-", delete=False) as file:
            self._rows = Path(file.name)
        # The library would take a name of its own, where nobody who erases a person looks.
        writing.ALL_TEMP_FILES.append(file.name)
        self._sheet._writer = writing.WorksheetWriter(self._sheet, file.name)
        self._sheet._writer.write_top()

    def add(self, cells: Sequence[Cell]) -> None:
        """One row; whatever is no number and no day is text, never a formula."""
        row = []
        for value in cells:
            cell = self._cell(self._sheet, value="")
            match value:
                case bool() | str() | None:
                    cell.value = text_of(value).translate(_NO_XML)
                    cell.data_type = "s"
                case _:
                    cell.value = value
                    cell.number_format = _format_of(value)
            row.append(cell)
        self._sheet.append(row)

    def save(self, path: Path) -> None:
        """Write the file."""
        self._book.save(path)

    def discard(self) -> None:
        """Leave nothing of what was added; also after `save`."""
        self._rows.unlink(missing_ok=True)


def _format_of(value: Cell) -> str:
    """How a spreadsheet shows it: shares to four places, money to two and in thousands, counts whole."""
    match value:
        case date():
            return "yyyy-mm-dd"
        case int():
            return "0"
        case float() if abs(value) < 1:
            return "0.0000"
    return "#,##0.00"
