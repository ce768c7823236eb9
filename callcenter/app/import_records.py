"""What is kept of imports, and what the use case asks of the store, of files and of the process that does the work."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from callcenter.crm.import_columns import ColumnMapping
from callcenter.crm.import_fields import RecordKind
from callcenter.crm.import_reasons import RowFault
from callcenter.domain.labels import Label


class ImportState(StrEnum):
    """How far an import is."""

    UPLOADED = "uploaded"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportForm:
    """How the file is read; `encoding` and `delimiter` are of CSV alone. Without a header its first row is data."""

    format: str
    codec: str = ""
    encoding: str = ""
    delimiter: str = ""
    has_header: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What became of the rows."""

    made: int = 0
    changed: int = 0
    same: int = 0
    bad: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.made + self.changed + self.same + self.bad


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """One import; `part` says how much of the file is read, 0 to 1; `checked` is what the last dry run counted."""

    import_id: str
    number: int = 0
    kind: RecordKind
    file_name: str
    size_bytes: int
    created_at: datetime
    created_by: str
    state: ImportState = ImportState.UPLOADED
    dry_run: bool = False
    form: ImportForm
    header: tuple[str, ...]
    mapping: ColumnMapping | None = None
    started_at: datetime | None = None
    started_by: str | None = None
    ended_at: datetime | None = None
    cancelled_by: str | None = None
    error: str | None = None
    error_code: str | None = None
    part: float = 0.0
    last_row: int = 0
    counts: ImportCounts = field(default_factory=ImportCounts)
    faults_bytes: int = 0
    checked: ImportCounts | None = None
    has_file: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a file looks like, and what its first rows would come to by this mapping."""

    record: ImportRecord
    rows: tuple[tuple[str, ...], ...]
    mapping: ColumnMapping
    remembered: bool
    fields: Mapping[str, Label]
    """Everything a column may be, and what it is called."""
    faults: tuple[RowFault, ...]
    mapping_fault: Label | None = None
    examined_rows: int = 0


class ImportStore(Protocol):
    """What is kept of imports."""

    async def add(self, record: ImportRecord) -> ImportRecord:
        """Keep a new one; it gets its number."""
        ...

    async def find(self, import_id: str) -> ImportRecord | None:
        """One of them."""
        ...

    async def list(self, *, limit: int, before: int | None) -> tuple[ImportRecord, ...]:
        """The newest first, those before this number."""
        ...

    async def in_state(self, state: ImportState) -> tuple[ImportRecord, ...]:
        """Those in a state, the one that was started first first."""
        ...

    async def put(self, record: ImportRecord, *, expected: ImportState) -> bool:
        """Keep it as it is now, unless it is in another state than expected; its audit is written where the state
        changes."""
        ...

    async def customers_owed(self) -> int:
        """How many customers are not found by parts of their names and numbers yet."""
        ...

    async def remembered(self, sign: str) -> ColumnMapping | None:
        """The mapping of files with such columns."""
        ...

    async def remember(self, sign: str, mapping: ColumnMapping, *, at: datetime, by: str) -> None:
        """Use this mapping for files with such columns from now on."""
        ...

    async def ended_before(self, at: datetime, *, after: str = "") -> tuple[ImportRecord, ...]:
        """Those that have files still and neither wait nor run, and ended or were brought before then.

        At most a thousand, in the order of their ids, behind `after`.
        """
        ...


class Sheets(Protocol):
    """Reads files; blocks, so it is called in a thread. Raises `InvalidValue`."""

    def examine(self, path: Path, *, encoding: str | None, delimiter: str | None) -> ImportForm:
        """How it is to be read."""
        ...

    def first_rows(self, path: Path, form: ImportForm, count: int) -> tuple[tuple[int, list[str]], ...]:
        """So many rows from the beginning, each with its number; the header is the first."""
        ...

    def bad_rows(self, path: Path, language: str) -> Iterator[bytes]:
        """A file of bad rows as CSV in parts, with the reasons in this language."""
        ...

    def plain(self, cell: str) -> str:
        """A cell without what was put before it so that it is no formula."""
        ...


class ImportWorker(Protocol):
    """Does the work of an import in a process of its own, so that calls do not wait for it."""

    async def run(self, import_id: str) -> bool:
        """To the end; False when it could not begin, because another one runs. Cancelling ends it at once."""
        ...

    async def make_searchable(self) -> bool:
        """Have some of the customers found by parts of their names and numbers; False when it could not be done."""
        ...

    async def tidy(self, is_known: Callable[[str], Awaitable[bool]], *, before: datetime) -> int:
        """Delete what killed processes left; files of no import that `is_known` only where they are older."""
        ...


def file_of(directory: Path, import_id: str) -> Path:
    """Where the file of an import is."""
    return directory / f"{import_id}.data"


def faults_of(directory: Path, import_id: str) -> Path:
    """Where its bad rows are."""
    return directory / f"{import_id}.bad.csv"
