"""A file is read the same here and in a process beside, and a process that dies is noticed."""

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from callcenter.app.import_records import ImportForm
from callcenter.crm.import_columns import guess
from callcenter.crm.import_fields import RecordKind
from callcenter.importing.beside import APART_FROM_BYTES
from callcenter.importing.files import FileSheets
from callcenter.importing.reading import (
    Batch,
    ReaderDied,
    Reading,
    batches,
    read_ahead,
    ready_of,
)
from callcenter.sheets.errors import SheetError
from callcenter.store.new_customers import Lines

HEADER = ("编号", "姓名", "手机", "邮箱")


def reading_of(path: Path, *, last_row: int = 1, lines: bool = False) -> Reading:
    form: ImportForm = FileSheets().examine(path, encoding="utf-8", delimiter=None)
    return Reading(
        path=str(path),
        form=form,
        header=HEADER,
        mapping=guess(RecordKind.CUSTOMERS, HEADER),
        region="CN",
        custom=(),
        orders=False,
        rows_a_batch=500,
        last_row=last_row,
        at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        by="1001",
        lines=lines,
    )


def without_ids(batch: Batch) -> Batch:
    """Ids of who may be new are chance."""
    ready = {row: msgspec.structs.replace(one, customer_id="") for row, one in ready_of(batch).items()}
    return replace(batch, ready=msgspec.msgpack.encode(ready))


def large_file(path: Path) -> Path:
    """Good and bad rows, larger than what is read at once."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(HEADER) + "\n")
        at = 0
        while file.tell() < APART_FROM_BYTES + 100_000:
            at += 1
            number = f"139{at:08}" if at % 50 else "12"
            file.write(f"C{at:07},王小明{at},{number},who{at}@example.org\n")
    return path


async def all_of(reading: Reading) -> list[Batch]:
    return [batch async for batch in read_ahead(reading)]


async def test_a_process_beside_reads_what_is_read_here(tmp_path: Path) -> None:
    reading = reading_of(large_file(tmp_path / "large.csv"))

    beside = await all_of(reading)

    here = list(batches(reading))
    assert [one.last_row for one in beside] == [one.last_row for one in here]
    assert without_ids(beside[3]) == without_ids(here[3])
    assert without_ids(beside[-1]) == without_ids(here[-1])
    assert ready_of(beside[0]).keys() == {one.row for one in beside[0].customers}
    assert beside[0].faults


async def test_for_postgresql_new_customers_are_read_as_lines(tmp_path: Path) -> None:
    (batch, *_) = await all_of(reading_of(large_file(tmp_path / "large.csv"), lines=True))

    one = ready_of(batch)[3]
    assert isinstance(one, Lines)
    customer, point = one.customer.decode().split("\t"), one.points.decode().splitlines()[0].split("\t")
    assert (customer[0], customer[1], customer[2]) == (one.customer_id, "person", "王小明2")
    assert customer[8] == "2026-11-20 12:00:00.000000+00"
    assert point == [one.customer_id, "0", "phone", "+8613900000002", ""]
    assert one.history.startswith(f"{one.customer_id}\t{customer[8]}\t1001\tcustomer\t".encode())


async def test_of_rows_that_are_done_only_the_names_are_told(tmp_path: Path) -> None:
    reading = reading_of(large_file(tmp_path / "large.csv"), last_row=700)

    read = await all_of(reading)

    assert [len(one.customers) for one in read[:2]] == [0, 294]
    assert ("k:C0000001", 2) in read[0].done
    assert read[1].last_row == 1_001


async def test_a_reader_that_is_killed_is_no_end_of_the_file(tmp_path: Path) -> None:
    reading = reading_of(large_file(tmp_path / "large.csv"))

    found = read_ahead(reading)
    await anext(found)
    for pid in children():
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(ReaderDied, match="-9"):
        async for _ in found:
            pass


async def test_what_cannot_be_read_is_told_after_what_can(tmp_path: Path) -> None:
    path = large_file(tmp_path / "large.csv")
    reading = reading_of(path)
    with path.open("ab") as file:
        file.write(b"C9,\xff\xfe,13900000000,\n")
    found = read_ahead(reading)
    first = await anext(found)

    with pytest.raises(SheetError, match="utf-8"):
        async for _ in found:
            pass

    assert len(first.customers) > 400


async def test_whoever_reads_no_further_leaves_no_process(tmp_path: Path) -> None:
    found = read_ahead(reading_of(large_file(tmp_path / "large.csv")))
    await anext(found)
    assert children()

    await found.aclose()

    assert not children()


def children() -> list[int]:
    """Processes of readers that this one has started."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return [int(pid) for pid in listed if b"importing.reading" in Path(f"/proc/{pid}/cmdline").read_bytes()]
