"""How fast the process that does it takes in a file of customers, in how much memory, and what look-ups notice."""

import asyncio
import contextlib
import csv
import os
import resource
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.people import people
from callcenter.app.import_records import ImportCounts, ImportRecord, ImportState, file_of
from callcenter.crm.import_columns import guess
from callcenter.crm.import_fields import RecordKind
from callcenter.domain.customers import ContactPointKind
from callcenter.importing.files import FileSheets
from callcenter.importing.process import ImportProcess
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.imports import StoredImports

HEADER = ("编号", "姓名", "类型", "手机", "邮箱", "标签")
PAUSE_SECONDS = 0.02
JsonValue = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFigures:
    """Of one file that is taken in, and then once more."""

    rows: int
    database: str
    rows_per_second: float
    again_rows_per_second: float
    cpu_microseconds: float
    """Of a core for a new row, in all processes: what it takes whatever else the machine does."""
    again_cpu_microseconds: float
    searchable_seconds: float
    """From the last row until all are found by parts of their names and numbers."""
    memory_mb: float
    early_memory_mb: float
    lookup: Figures
    quiet_lookup: Figures
    is_right: bool

    def as_json(self) -> JsonValue:
        """One entry of `imports`."""
        return {
            "rows": self.rows,
            "database": self.database,
            "rows_per_second": round(self.rows_per_second),
            "again_rows_per_second": round(self.again_rows_per_second),
            "cpu_microseconds": round(self.cpu_microseconds, 1),
            "again_cpu_microseconds": round(self.again_cpu_microseconds, 1),
            "searchable_seconds": round(self.searchable_seconds, 1),
            "memory_mb": round(self.memory_mb),
            "early_memory_mb": round(self.early_memory_mb),
            "lookup_p50_ms": round(self.lookup.p50, 3),
            "lookup_p99_ms": round(self.lookup.p99, 3),
            "quiet_lookup_p99_ms": round(self.quiet_lookup.p99, 3),
        }


def write_file(path: Path, count: int, seed: int) -> list[str]:
    """A file of so many people, with numbers as people write them; returns some numbers that are in it."""
    numbers = []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for at, one in enumerate(people(count, seed)):
            phones = [point.value for point in one.points if point.kind is ContactPointKind.PHONE]
            mails = [point.value for point in one.points if point.kind is ContactPointKind.EMAIL]
            shown = ";".join(phones).replace("+86", "")
            writer.writerow((f"C{at:08}", one.name, "公司" if one.is_firm else "个人", shown, ";".join(mails), "导入"))
            if at % max(count // 500, 1) == 0:
                numbers.append(phones[0])
    return numbers


async def measure_import(database: Database, url: str, directory: Path, count: int, seed: int) -> ImportFigures:
    """Take a file in, and the same once more, while numbers are looked up."""
    path = file_of(directory, "bench")
    numbers = await asyncio.to_thread(write_file, path, count, seed)
    form = FileSheets().examine(path, encoding=None, delimiter=None)
    store = StoredImports(database)
    record = await store.add(
        ImportRecord(
            import_id="bench",
            kind=RecordKind.CUSTOMERS,
            file_name=path.name,
            size_bytes=path.stat().st_size,
            created_at=datetime.now(UTC),
            created_by="bench",
            form=form,
            header=HEADER,
        )
    )
    running = replace(record, state=ImportState.RUNNING, mapping=guess(RecordKind.CUSTOMERS, HEADER))
    worker = ImportProcess(database_url=url, directory=directory, region="CN")
    customers = StoredCustomers(database)
    speeds: list[float] = []
    spent: list[float] = []
    first: list[float] = []
    right, memory, early, searchable = True, 0.0, 0.0, 0.0
    for wanted in (ImportCounts(made=count), ImportCounts(same=count)):
        await store.put(running, expected=ImportState.UPLOADED if not speeds else ImportState.DONE)
        started, spent_before = time.perf_counter(), spent_by_children()
        work = asyncio.create_task(worker.run("bench"))
        seen: list[float] = []
        while not work.done():
            number = numbers[len(seen) % len(numbers)]
            began = time.perf_counter()
            await customers.cards_by_contact_point(number)
            seen.append((time.perf_counter() - began) * 1_000)
            if len(seen) % 20 == 0:
                now = await asyncio.to_thread(memory_of_children)
                memory = max(memory, now)
                early = early or (now if (await _part(store)) > 0.1 else 0.0)
            await asyncio.wait({work}, timeout=PAUSE_SECONDS)
        speeds.append(count / (time.perf_counter() - started))
        spent.append((spent_by_children() - spent_before) / count * 1e6)
        first = first or seen
        ended = await store.find("bench")
        right = right and ended is not None and ended.counts == wanted
        if not searchable:
            started = time.perf_counter()
            while await store.customers_owed():
                right = right and await worker.make_searchable()
            searchable = time.perf_counter() - started
    quiet = []
    for number in numbers:
        began = time.perf_counter()
        await customers.cards_by_contact_point(number)
        quiet.append((time.perf_counter() - began) * 1_000)
    return ImportFigures(
        rows=count,
        database="sqlite" if database.is_sqlite else "postgresql",
        rows_per_second=speeds[0],
        again_rows_per_second=speeds[1],
        cpu_microseconds=spent[0],
        again_cpu_microseconds=spent[1],
        searchable_seconds=searchable,
        memory_mb=memory,
        early_memory_mb=early or memory,
        lookup=Figures.of(first),
        quiet_lookup=Figures.of(quiet),
        is_right=right,
    )


async def _part(store: StoredImports) -> float:
    record = await store.find("bench")
    return 0.0 if record is None else record.part


def spent_by_children() -> float:
    """Of a core, in seconds, by the processes that this one has started and that have ended, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spent_by_postgres() -> float:
    """Of a core, in seconds, by a PostgreSQL that this process has started; 0 without one."""
    parents, ticks = {}, {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                command, _, rest = Path(f"/proc/{name}/stat").read_text(encoding="utf-8").rpartition(")")
                if command.endswith("(postgres"):
                    fields = rest.split()
                    # Its own, and that of those of its processes that have ended.
                    parents[int(name)], ticks[int(name)] = int(fields[1]), sum(int(one) for one in fields[11:15])
    ours = {one for one, parent in parents.items() if parent == os.getpid()}
    return sum(ticks[one] for one, parent in parents.items() if {one, parent} & ours) / os.sysconf("SC_CLK_TCK")


def memory_of_children() -> float:
    """Of the processes that this one has started, the largest, in MB."""
    largest = 0.0
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            status = Path(f"/proc/{name}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        is_mine = fields.get("PPid", "").strip() == str(os.getpid()) and "python" in fields.get("Name", "")
        if is_mine and "VmRSS" in fields:
            largest = max(largest, int(fields["VmRSS"].split()[0]) / 1024)
    return largest


def line_of(one: ImportFigures) -> str:
    """One line of the table."""
    return (
        f"{one.database:10} {one.rows:>10,} rows taken in: {one.rows_per_second:,.0f}/s, the same again "
        f"{one.again_rows_per_second:,.0f}/s ({one.cpu_microseconds:.0f}, {one.again_cpu_microseconds:.0f} µs of a "
        f"core each), searchable after {one.searchable_seconds:.1f} s, "
        f"{one.memory_mb:.0f} MB ({one.early_memory_mb:.0f} MB early), "
        f"look-ups meanwhile p50 {one.lookup.p50:.2f} p99 {one.lookup.p99:.2f} ms "
        f"(quiet p99 {one.quiet_lookup.p99:.2f})"
    )
