"""Files of bad rows: on the disk with the reasons in both languages, given out in that of who asks.

Law: what is given out is a table that may be mended and brought again; what was told before the rows is left out then.
"""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from callcenter.crm.import_columns import FAULT_COLUMNS
from callcenter.crm.import_reasons import RowFault
from callcenter.sheets.reading import LONGEST_WRITTEN
from callcenter.sheets.writing import csv_line

_KEPT: Final = (*FAULT_COLUMNS["en"], *FAULT_COLUMNS["zh"][3:])
_TOLD: Final = {"en": (0, 1, 2, 3, 4), "zh": (0, 1, 2, 5, 6)}
"""Which of them go out."""
_ROWS_A_PART: Final = 500


def bad_rows_header(header: Sequence[str]) -> str:
    """The first line of a file on the disk."""
    return csv_line([*_KEPT, *header])


def bad_row(faults: Sequence[RowFault], cells: Sequence[str]) -> str:
    """A row with everything that is wrong with it; several reasons tell the columns they are about."""
    wrong, wanted = [one.wrong() for one in faults], [one.wanted() for one in faults]
    columns = [one.column for one in faults]
    zh = [[text.zh for text in texts] for texts in (wrong, wanted)]
    en = [[text.en for text in texts] for texts in (wrong, wanted)]
    told = [
        *(_joined(columns, texts, ": ", "; ") for texts in en),
        *(_joined(columns, texts, "：", "；") for texts in zh),
    ]
    values = "; ".join(one.value for one in faults)
    return csv_line([str(faults[0].row), "; ".join(columns), values, *told, *cells])


def _joined(columns: Sequence[str], texts: Sequence[str], of: str, between: str) -> str:
    if len(texts) == 1:
        return texts[0]
    return between.join(f"{column}{of}{text}" for column, text in zip(columns, texts, strict=True))


def bad_rows_in(path: Path, language: str) -> Iterator[bytes]:
    """The file as it goes out, in parts."""
    told, count = _TOLD[language], len(_KEPT)
    csv.field_size_limit(LONGEST_WRITTEN)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        lines = itertools.chain(
            [[*FAULT_COLUMNS[language], *header[count:]]], ([*(row[at] for at in told), *row[count:]] for row in rows)
        )
        mark = "\ufeff"
        while some := list(itertools.islice(lines, _ROWS_A_PART)):
            text = io.StringIO()
            # They were quoted when they were written.
            csv.writer(text).writerows(some)
            yield (mark + text.getvalue()).encode()
            mark = ""
