"""The files of imports, as the use case reads them."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from callcenter.app.import_records import ImportForm
from callcenter.importing.bad_rows import bad_rows_in
from callcenter.sheets.reading import Place, SheetForm, SheetFormat, examine, rows
from callcenter.sheets.writing import plain


class FileSheets:
    """Implements `callcenter.app.import_records.Sheets`."""

    def examine(self, path: Path, *, encoding: str | None, delimiter: str | None) -> ImportForm:
        """How it is to be read."""
        form = examine(path, encoding=encoding, delimiter=delimiter)
        return ImportForm(format=form.format, codec=form.codec, encoding=form.encoding, delimiter=form.delimiter)

    def first_rows(self, path: Path, form: ImportForm, count: int) -> tuple[tuple[int, list[str]], ...]:
        """So many rows from the beginning."""
        place = Place()
        found = rows(path, sheet_form(form), place)
        return tuple((place.row, cells) for cells in itertools.islice(found, count))

    def bad_rows(self, path: Path, language: str) -> Iterator[bytes]:
        """A file of bad rows as it goes out, in parts."""
        return bad_rows_in(path, language)

    def plain(self, cell: str) -> str:
        """A cell without what was put before it so that it is no formula."""
        return plain(cell)


def sheet_form(form: ImportForm) -> SheetForm:
    """As the reader of sheets knows it."""
    return SheetForm(
        format=SheetFormat(form.format), codec=form.codec, encoding=form.encoding, delimiter=form.delimiter
    )
