"""Reads the rows of a file by batches, a large file in a process beside the one that writes: a row's numbers and
addresses take as long to work out as the database takes to store them.

Law: batches come in the order of the file, at most `AHEAD` of them wait, and the process ends with whoever reads it.
"""

import asyncio
import contextlib
import gc
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from callcenter.app.import_records import ImportForm
from callcenter.crm.custom_fields import CustomField, InvalidCustomField, apply_custom
from callcenter.crm.import_columns import ColumnMapping
from callcenter.crm.import_orders import OrderGroup, order_groups
from callcenter.crm.import_reasons import RowFault
from callcenter.crm.import_rows import CustomerRow, OrderRow, RowReader, new_customer
from callcenter.domain.errors import CallcenterError
from callcenter.importing.beside import begin_reader, end_reader, is_read_beside
from callcenter.importing.files import sheet_form
from callcenter.importing.seen import names_of
from callcenter.sheets.errors import SheetError
from callcenter.sheets.reading import Place, rows
from callcenter.sheets.writing import plain
from callcenter.store.new_customers import Lines, Ready, lines_of, new_id, ready

AHEAD: Final = 2
LONGEST_FRAME_BYTES: Final = 256 * 1024**2
GARBAGE_FROM: Final = 500_000
"""A batch is some hundred thousand small objects, all of which go with it: looking for cycles among them finds none,
and took a third of the reading."""
_FRAME: Final = 8
NOTHING: Final = msgspec.msgpack.encode({})


class ReaderDied(CallcenterError):
    """The process that reads the file has ended before its end."""

    code = "import_reader_died"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is to be read of a file, and how."""

    path: str
    form: ImportForm
    header: tuple[str, ...]
    mapping: ColumnMapping
    region: str
    custom: tuple[CustomField, ...]
    orders: bool
    rows_a_batch: int
    last_row: int
    """Rows up to this one are done: of them only what must not stand in another row is told."""
    at: datetime
    by: str
    """When and by whom customers are taken in."""
    lines: bool
    """Whether new customers are to be worked out as lines of PostgreSQL's COPY."""

    def rows(self) -> RowReader:
        """The reader of single rows."""
        return RowReader(
            self.header, self.mapping, region=self.region, plain=plain, custom=self.custom, orders=self.orders
        )


@dataclass(slots=True, kw_only=True)
class BadRow:
    """Everything that is wrong with a row, and the row."""

    faults: list[RowFault]
    cells: list[str]


@dataclass(slots=True, kw_only=True)
class Batch:
    """Rows that were read: what they say, what is wrong with others, and where the last one stood."""

    customers: list[CustomerRow] = field(default_factory=list)
    orders: list[OrderRow] = field(default_factory=list)
    faults: list[BadRow] = field(default_factory=list)
    ready: bytes = NOTHING
    """By row, what each of the customers would be stored as if he were new; packed, as most rows of a file that comes
    again are about nobody new."""
    lines: bool = False
    """Whether that is lines of PostgreSQL's COPY."""
    cells: bytes = NOTHING
    """By row, as they stood; packed, for who is to be told of a bad one."""
    done: list[tuple[str, int]] = field(default_factory=list)
    """What stood in rows that are done, each with its row."""
    last_row: int
    part: float
    error: tuple[str, str] | None = None
    """Code and words: the file cannot be read beyond this batch."""


def ready_of(batch: Batch) -> Mapping[int, Ready | Lines]:
    """Whom its rows are about, as if they were new."""
    return _lines.decode(batch.ready) if batch.lines else _ready.decode(batch.ready)


def cells_of(batch: Batch) -> dict[int, list[str]]:
    """The cells of its good rows."""
    return _cells.decode(batch.cells)


def batches(reading: Reading) -> Iterator[Batch]:
    """All batches; the last one may tell an error."""
    if reading.orders:
        yield from _order_batches(reading)
        return
    reader, place = reading.rows(), Place()
    fields = {one.field_id: one for one in reading.custom}
    batch, cells_by_row, count = Batch(last_row=reading.last_row, part=0.0), dict[int, list[str]](), 0
    try:
        found = rows(Path(reading.path), sheet_form(reading.form), place)
        if reading.form.has_header:
            next(found, None)
        for cells in found:
            read = reader.customer(place.row, cells)
            count += 1
            if place.row > reading.last_row:
                _add(batch, cells_by_row, place.row, cells, read)
                batch.last_row, batch.part = place.row, place.part
            elif not isinstance(read, list):
                batch.done += [(name, place.row) for name in names_of(read)]
            if count == reading.rows_a_batch:
                yield _packed(batch, cells_by_row, reading, fields)
                batch, cells_by_row, count = Batch(last_row=batch.last_row, part=place.part), {}, 0
    except SheetError as error:
        batch.error = (error.code, str(error))
        yield _packed(batch, cells_by_row, reading, fields)
        return
    if count:
        batch.part = 1.0
        yield _packed(batch, cells_by_row, reading, fields)


def _order_batches(reading: Reading) -> Iterator[Batch]:
    """Of orders: the lines of one never stand in two batches."""
    reader, place = reading.rows(), Place()
    batch, cells_by_row = Batch(last_row=reading.last_row, part=0.0), dict[int, list[str]]()
    count = 0
    try:
        found = rows(Path(reading.path), sheet_form(reading.form), place)
        if reading.form.has_header:
            next(found, None)
        for group in order_groups(((place.row, cells) for cells in found), reader):
            last_row = group.rows[-1][0]
            count += len(group.rows)
            if last_row <= reading.last_row:
                if group.order is not None:
                    batch.done += [(name, group.order.row) for name in names_of(group.order)]
            else:
                _add_order(batch, cells_by_row, group)
                batch.last_row, batch.part = last_row, place.part
            if count >= reading.rows_a_batch:
                yield _packed(batch, cells_by_row, reading, {})
                batch, cells_by_row, count = Batch(last_row=batch.last_row, part=place.part), {}, 0
    except SheetError as error:
        batch.error = (error.code, str(error))
        yield _packed(batch, cells_by_row, reading, {})
        return
    if count:
        batch.part = 1.0
        yield _packed(batch, cells_by_row, reading, {})


def _add_order(batch: Batch, cells_by_row: dict[int, list[str]], group: OrderGroup) -> None:
    if group.order is None:
        pairs = zip(group.faults, group.rows, strict=True)
        batch.faults += [BadRow(faults=faults, cells=cells) for faults, (_, cells) in pairs]
        return
    batch.orders.append(group.order)
    cells_by_row.update(group.rows)


def _add(
    batch: Batch, cells_by_row: dict[int, list[str]], row: int, cells: list[str], read: CustomerRow | list[RowFault]
) -> None:
    if isinstance(read, list):
        batch.faults.append(BadRow(faults=read, cells=cells))
        return
    cells_by_row[row] = cells
    batch.customers.append(read)


def _packed(batch: Batch, cells: dict[int, list[str]], reading: Reading, fields: Mapping[str, CustomField]) -> Batch:
    """With whatever can be worked out before anybody knows who is new."""
    found: dict[int, Ready | Lines] = {}
    for row in batch.customers:
        if row.name is None:
            continue
        try:
            custom = apply_custom({}, row.custom, fields) if row.custom else {}
        except InvalidCustomField:
            continue  # The plan says so.
        said = replace(row, custom=custom) if row.custom else row
        customer = new_customer(said, new_id(), at=reading.at, by=reading.by)
        rows_of_him = ready(customer)
        if rows_of_him is not None:
            found[row.row] = lines_of(rows_of_him, at=reading.at, by=reading.by) if reading.lines else rows_of_him
    batch.ready, batch.lines = msgspec.msgpack.encode(found), reading.lines
    batch.cells = msgspec.msgpack.encode(cells)
    return batch


_frames = msgspec.msgpack.Decoder(Batch)
_jobs = msgspec.msgpack.Decoder(Reading)
_ready = msgspec.msgpack.Decoder(dict[int, Ready])
_lines = msgspec.msgpack.Decoder(dict[int, Lines])
_cells = msgspec.msgpack.Decoder(dict[int, list[str]])


async def read_ahead(reading: Reading, beside: Process | None = None) -> AsyncGenerator[Batch, None]:
    """The batches, read while the last ones are being stored; raises `SheetError`, `ReaderDied`.

    `beside` is a reader that was begun already; it has ended at the end.
    """
    if beside is None and await asyncio.to_thread(is_read_beside, reading.path):
        beside = await begin_reader()
    source = _here(reading) if beside is None else _apart(reading, beside)
    async with contextlib.aclosing(source) as found:
        async for batch in found:
            yield batch
            if batch.error is not None:
                raise SheetError(batch.error[1], code=batch.error[0])


async def _here(reading: Reading) -> AsyncGenerator[Batch, None]:
    for batch in batches(reading):
        yield batch


async def _apart(reading: Reading, process: Process) -> AsyncGenerator[Batch, None]:
    if process.stdin is None or process.stdout is None:
        raise ReaderDied("the process that reads the file has no pipes")
    waiting: asyncio.Queue[Batch | None] = asyncio.Queue(AHEAD)
    taking = asyncio.create_task(_take_frames(process.stdout, waiting), name="import_reader")
    try:
        job = msgspec.msgpack.encode(reading)
        process.stdin.write(len(job).to_bytes(_FRAME, "big") + job)
        await process.stdin.drain()
        while (batch := await waiting.get()) is not None:
            yield batch
        # None comes at the pipe's end, which is also what a process that was killed leaves.
        if await process.wait() != 0:
            raise ReaderDied(f"the process that reads the file ended with status {process.returncode}")
    finally:
        taking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await taking
        await end_reader(process)


async def _take_frames(pipe: asyncio.StreamReader, waiting: "asyncio.Queue[Batch | None]") -> None:
    try:
        while True:
            size = int.from_bytes(await pipe.readexactly(_FRAME), "big")
            await waiting.put(_frames.decode(await pipe.readexactly(size)))
    except asyncio.IncompleteReadError:
        await waiting.put(None)


def main() -> int:
    """Read what standard input says, and write its batches to standard output."""
    put, take = sys.stdout.buffer, sys.stdin.buffer
    head = take.read(_FRAME)
    if not head:
        return 0  # Whoever began it had nothing to be read.
    gc.set_threshold(GARBAGE_FROM)
    reading = _jobs.decode(take.read(int.from_bytes(head, "big")))
    try:
        for batch in batches(reading):
            _write(put, msgspec.msgpack.encode(batch))
        put.flush()
    except BrokenPipeError:
        # Whoever reads it is gone; so nothing is left to be flushed at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _write(put: BinaryIO, frame: bytes) -> None:
    if len(frame) > LONGEST_FRAME_BYTES:
        raise ReaderDied(f"a batch has {len(frame):,} bytes; at most {LONGEST_FRAME_BYTES:,} are passed on")
    put.write(len(frame).to_bytes(_FRAME, "big") + frame)


if __name__ == "__main__":
    sys.exit(main())
