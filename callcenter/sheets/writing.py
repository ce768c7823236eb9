"""Writes tables row by row, as CSV or XLSX, so that no spreadsheet works out what a cell says.

Law: a cell that begins as a formula does gets an apostrophe before it (OWASP, "CSV injection"); `plain` takes it away.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
MOST_SHEET_ROWS = 1_048_575
"""Below the header of an XLSX sheet."""
_ROWS_A_PART = 500
_NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")


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


def csv_parts(table: Iterable[Sequence[str]], encoding: str) -> Iterator[bytes]:
    """The file in parts; UTF-8 with its mark, without which Excel takes it for something else."""
    text = io.StringIO()
    writer = csv.writer(text)
    codec = "utf-8" if encoding == "utf-8" else "gb18030"
    if codec == "utf-8":
        text.write("\ufeff")
    for count, cells in enumerate(table, start=1):
        writer.writerow([quoted(cell) for cell in cells])
        if count % _ROWS_A_PART == 0:
            yield text.getvalue().encode(codec, "replace")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode(codec, "replace")


class WorkbookWriter:
    """An XLSX file with one sheet; rows go to the disk as they come."""

    def __init__(self, title: str) -> None:
        import openpyxl
        from openpyxl.cell import WriteOnlyCell

        self._cell = WriteOnlyCell
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet(title)

    def add(self, cells: Sequence[str]) -> None:
        """One row; every cell is text."""
        row = []
        for value in cells:
            cell = self._cell(self._sheet, value="")
            cell.value = quoted(value).translate(_NO_XML)
            cell.data_type = "s"
            row.append(cell)
        self._sheet.append(row)

    def save(self, path: Path) -> None:
        """Write the file."""
        self._book.save(path)
