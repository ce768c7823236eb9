"""Reads a table row by row: a CSV file or the first sheet of an XLSX workbook, in memory that does not grow with it.

Law: a cell is text, just as it stands; a formula is never worked out, and what is too large is refused, not cut.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

from callcenter.sheets.encoding import Detected, detect
from callcenter.sheets.errors import SheetError

MOST_ROWS = 2_000_000
MOST_COLUMNS = 200
LONGEST_CELL = 40_000
"""Characters; Excel's own limit is 32,767."""
LONGEST_WRITTEN = LONGEST_CELL + 1
"""With the apostrophe before what looks like a formula."""
DELIMITERS = (",", ";", "\t", "|")
LARGEST_WORKBOOK_BYTES = 2 * 1024**3
LARGEST_STRINGS_BYTES = 256 * 1024**2
"""Of the shared texts of a workbook, which are held in memory."""
LARGEST_RATIO = 500
"""XML of tables is packed to a tenth or a fiftieth; what is packed further is made to fill a memory."""
MOST_PARTS = 2_000
_LOOKED_AT = 20
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_NO_TABLES = (
    b"%PDF",
    b"{\\rtf",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"<!DOCTYP",
    b"<html",
)
"""How documents, pictures and other archives begin, of which some would pass for a text of one column."""


class SheetFormat(StrEnum):
    """What kind of file it is."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetForm:
    """How to read the file; `encoding` and `delimiter` are of CSV alone."""

    format: SheetFormat
    codec: str = ""
    encoding: str = ""
    delimiter: str = ""


@dataclass(slots=True)
class Place:
    """How far a reading is: the row, counted as a spreadsheet does, and the part of the file, 0 to 1."""

    row: int = 0
    part: float = 0.0


def examine(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> SheetForm:
    """How the file is to be read; raises `SheetError` for one that cannot be."""
    size = path.stat().st_size
    if size == 0:
        raise SheetError("the file is empty: it has 0 bytes", code="sheet_empty")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_OLE):
        raise SheetError(
            "this is a workbook of the old format (.xls), or one with a password; save it as .xlsx without a password",
            code="sheet_old_format",
        )
    if start.startswith(_NO_TABLES):
        raise SheetError(
            "this is a document or a picture and no table; give an .xlsx or a .csv file", code="sheet_no_table"
        )
    if start.startswith(_ZIP):
        _check_archive(path)
        return SheetForm(format=SheetFormat.XLSX)
    found: Detected = detect(path, encoding)
    if delimiter is not None and delimiter not in DELIMITERS:
        raise SheetError("a delimiter is one of comma, semicolon, tab and |")
    with path.open(encoding=found.codec, newline="") as text:
        chosen = delimiter or _delimiter(text.read(1 << 16))
    return SheetForm(format=SheetFormat.CSV, codec=found.codec, encoding=found.name, delimiter=chosen)


def rows(path: Path, form: SheetForm, place: Place | None = None) -> Iterator[list[str]]:
    """Every row that is not empty, the header first; `place` tells where the last one stood."""
    place = Place() if place is None else place
    reader = _csv_rows if form.format is SheetFormat.CSV else _xlsx_rows
    for cells in reader(path, form, place):
        if len(cells) > MOST_COLUMNS:
            raise SheetError(f"row {place.row} has {len(cells)} columns; at most {MOST_COLUMNS} are read")
        if place.row > MOST_ROWS + 1:
            raise SheetError(f"the file has more than {MOST_ROWS:,} rows; divide it", code="sheet_too_large")
        if any(cells):
            yield cells


def _csv_rows(path: Path, form: SheetForm, place: Place) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_WRITTEN)
    size = path.stat().st_size
    with path.open("rb") as raw, closing(io.TextIOWrapper(raw, encoding=form.codec, newline="")) as text:
        reader = csv.reader(text, delimiter=form.delimiter)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                place.part = 1.0
                return
            except csv.Error as error:
                raise SheetError(
                    f"row {place.row + 1} (line {reader.line_num}) cannot be read: {error}; "
                    "most often a quotation mark is not closed",
                    code="sheet_quotes",
                ) from None
            except UnicodeDecodeError:
                raise SheetError(
                    f"behind row {place.row} stands something that is no {form.encoding}", code="sheet_encoding"
                ) from None
            place.row += 1
            if place.row % 512 == 0:
                place.part = min(raw.tell() / size, 1.0)
            yield cells


def _delimiter(head: str) -> str:
    """The one by which the first rows have the same number of columns, more than one, and the most of them."""
    best, score = ",", (0, 0)
    lines = head.splitlines(keepends=True)
    for candidate in DELIMITERS:
        widths: list[int] = []
        try:
            for cells in csv.reader(lines, delimiter=candidate):
                if cells:
                    widths.append(len(cells))
                if len(widths) == _LOOKED_AT:
                    break
        except csv.Error:
            continue
        width = widths[0] if widths else 0
        alike = sum(1 for one in widths if one == width)
        if width > 1 and (alike * 10 // len(widths), width) > score:
            best, score = candidate, (alike * 10 // len(widths), width)
    return best


def _check_archive(path: Path) -> None:
    """Refuse what is no workbook, is damaged, or would unpack to more than a table has."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise _broken() from None
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise SheetError("this is an archive and no workbook; give an .xlsx or a .csv file", code="sheet_no_table")
    whole = sum(part.file_size for part in parts)
    packed = max(sum(part.compress_size for part in parts), 1)
    strings = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    if (
        len(parts) > MOST_PARTS
        or whole > LARGEST_WORKBOOK_BYTES
        or strings > LARGEST_STRINGS_BYTES
        or (whole > 64 * 1024**2 and whole / packed > LARGEST_RATIO)
    ):
        raise SheetError(
            f"the workbook unpacks to {whole // 1024**2} MB, which is more than is read; save the sheet as CSV",
            code="sheet_too_large",
        )


def _broken() -> SheetError:
    return SheetError("the workbook is damaged; open it, save it again as .xlsx, and try that", code="sheet_broken")


def _xlsx_rows(path: Path, form: SheetForm, place: Place) -> Iterator[list[str]]:
    # By its path openpyxl refuses a workbook whose name does not end in .xlsx, and what was brought has another.
    with path.open("rb") as file:
        yield from _workbook_rows(file, place)


def _workbook_rows(file: BinaryIO, place: Place) -> Iterator[list[str]]:
    # It takes a fifth of a second to load: not when the server starts.
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    bad = (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, EOFError, OSError)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except bad:
        raise _broken() from None
    try:
        if not book.worksheets:
            raise SheetError("the workbook has no sheet with cells", code="sheet_empty")
        sheet = book.worksheets[0]
        expected = sheet.max_row or 0
        # What a workbook says of its own size is often wrong.
        sheet.reset_dimensions()
        found = sheet.iter_rows(values_only=True)
        while True:
            try:
                values = next(found)
            except StopIteration:
                place.part = 1.0
                return
            except bad:
                raise _broken() from None
            place.row += 1
            if expected:
                place.part = min(place.row / expected, 1.0)
            yield _texts(values, place.row)
    finally:
        book.close()


def _texts(values: Sequence[object], row: int) -> list[str]:
    cells = [value if isinstance(value, str) else _text(value) for value in values]
    while cells and not cells[-1]:
        cells.pop()
    if any(len(cell) > LONGEST_CELL for cell in cells):
        raise SheetError(f"row {row} has a cell of more than {LONGEST_CELL} characters", code="sheet_too_large")
    return cells


def _text(value: object) -> str:
    """As it is meant: 13800138000 and not 13800138000.0, a day without its midnight."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
        case date():
            return value.isoformat()
    return str(value)
