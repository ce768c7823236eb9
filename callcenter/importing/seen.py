"""Which keys and customers stood in earlier rows of a file: on the disk, for they may be a million."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from callcenter.crm.import_rows import CustomerRow, OrderRow

_NAMES_HELD: Final = 8_000


class Seen:
    """Which keys and customers stood in earlier rows, and in which: on the disk, for they may be a million."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._file = sqlite3.connect(path)
        self._file.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;"
            "CREATE TABLE seen (name TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;"
        )
        self._noted: list[tuple[str, int]] = []

    def note(self, done: Sequence[tuple[str, int]]) -> None:
        """What stood in rows that are done already."""
        self._noted += done
        if len(self._noted) >= _NAMES_HELD:
            self._flush()

    def twice(self, said: Sequence[CustomerRow] | Sequence[OrderRow]) -> list[tuple[CustomerRow | OrderRow, int]]:
        """Rows of keys that stood in an earlier row; those of the others are kept."""
        self._flush()
        names = {row.row: names_of(row) for row in said}
        there = self._find([one for listed in names.values() for one in listed])
        found: list[tuple[CustomerRow | OrderRow, int]] = []
        for row in said:
            first = there.get(f"k:{key_of(row)}")
            if first is not None:
                found.append((row, first))
                continue
            for name in names[row.row]:
                there.setdefault(name, row.row)
                self._noted.append((name, row.row))
        self._flush()
        return found

    def customers_twice(self, touched: Mapping[int, str]) -> list[tuple[int, int]]:
        """Rows about customers whom an earlier row was about."""
        there = self._find([f"c:{one}" for one in touched.values()])
        return [(row, there[f"c:{one}"]) for row, one in touched.items() if f"c:{one}" in there]

    def add_customers(self, touched: Mapping[int, str]) -> None:
        """Keep whom rows were about."""
        self._noted += [(f"c:{one}", row) for row, one in touched.items()]
        self._flush()

    def close(self) -> None:
        """Forget all."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _find(self, names: Sequence[str]) -> dict[str, int]:
        query = "SELECT name, row FROM seen WHERE name IN (SELECT value FROM json_each(?))"
        return dict(self._file.execute(query, (json.dumps(list(names)),)).fetchall())

    def _flush(self) -> None:
        if self._noted:
            self._file.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", self._noted)
            self._file.commit()
            self._noted = []


def key_of(row: CustomerRow | OrderRow) -> str:
    """By what the row is told from others."""
    return row.number if isinstance(row, OrderRow) else row.key


def names_of(row: CustomerRow | OrderRow) -> list[str]:
    """What must not stand in another row: the key, and with a key among contact points all of that kind."""
    if isinstance(row, OrderRow):
        return [f"k:{row.number}"]
    points = [point.value for point in row.points]
    if row.key not in points:
        return [f"k:{row.key}"]
    return [f"k:{one}" for one in dict.fromkeys((row.key, *points))]
