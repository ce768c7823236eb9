"""Statements that are put into a database's words once: for what somebody on the line waits for.

SQLAlchemy takes longer over a statement and its rows than SQLite takes to answer it. Here it says once how a statement
is written and how its values are read; from then on the driver is asked past it.

Law: rows are those that SQLAlchemy would give, and errors are its own: what fails is asked once more through it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import CompoundSelect, Connection, Dialect, Select

from callcenter.store.many_rows import plain

Values = Sequence[object]
"""A row, in the order of the columns."""
_Readers = Sequence[tuple[int, Callable[[object], object]]]


class _Wording(NamedTuple):
    """A statement as one database reads it."""

    text: str
    places: tuple[str, ...]
    """The names of its parameters by their places, where these are counted."""
    constants: dict[str, object]
    """The values of the other parameters."""


class Prepared:
    """A statement with one parameter, a text."""

    def __init__(self, query: Select[tuple[object, ...]] | CompoundSelect[tuple[object, ...]], parameter: str) -> None:
        self._query = query
        self._parameter = parameter
        self._wordings: dict[str, _Wording] = {}
        self._readers: dict[str, _Readers] = {}

    def rows(self, connection: Connection, value: str) -> Sequence[Values]:
        """Its rows; nothing of it stays open, and no transaction is begun."""
        dialect = connection.dialect
        wording = self._wordings.get(dialect.driver)
        if wording is None:
            wording = self._wordings[dialect.driver] = self._put_into_words(dialect)
        said = {**wording.constants, self._parameter: plain(value)}
        values = tuple(said[name] for name in wording.places) or said
        try:
            cursor = connection.connection.cursor()
            try:
                cursor.execute(wording.text, values)
                found, told = cursor.fetchall(), cursor.description
            finally:
                cursor.close()
        except dialect.loaded_dbapi.Error:
            # SQLAlchemy knows which errors mean that the connection is gone, and what to do about its pool.
            with connection.exec_driver_sql(wording.text, values) as result:
                told = result.cursor.description
                found = [tuple(row) for row in result]
        if not found:
            return ()
        readers = self._readers.get(dialect.driver)
        if readers is None:
            readers = self._readers[dialect.driver] = self._learn(dialect, [one[1] for one in told])
        rows = [list(row) for row in found]
        for row in rows:
            for place, read in readers:
                if row[place] is not None:
                    row[place] = read(row[place])
        return rows

    def _put_into_words(self, dialect: Dialect) -> _Wording:
        compiled = self._query.compile(dialect=dialect)
        return _Wording(
            text=str(compiled),
            places=tuple(compiled.positiontup or ()),
            constants={name: value for name, value in compiled.params.items() if name != self._parameter},
        )

    def _learn(self, dialect: Dialect, kinds: Sequence[object]) -> _Readers:
        """How its columns are read, of which the driver says these kinds."""
        types = [column.type.dialect_impl(dialect) for column in self._query.selected_columns]
        found = [type_.result_processor(dialect, kind) for type_, kind in zip(types, kinds, strict=True)]
        return [(place, read) for place, read in enumerate(found) if read is not None]
