"""The process of its own that an import has, so that calls keep theirs.

What it works with is loaded once it has begun, while the reader of a large file does the same beside it.
"""

import asyncio
import gc
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from callcenter.importing.alone import remove_leftovers
from callcenter.importing.beside import begin_reader, end_reader, is_read_beside

log = structlog.get_logger(__name__)

NICE: Final = 10
PAUSE_SECONDS: Final = 2.0
CACHE_KIBIBYTES: Final = 64 * 1024
"""Of pages: numbers stand all over their index."""
EXIT_BUSY: Final = 75
GARBAGE_FROM: Final = 500_000


class ImportProcess:
    """Implements `callcenter.app.import_records.ImportWorker`: a process of its own, so that calls keep theirs."""

    def __init__(self, *, database_url: str, directory: Path, region: str) -> None:
        self._job = {"database_url": database_url, "directory": str(directory.absolute()), "region": region}

    async def run(self, import_id: str) -> bool:
        """To the end of the process; False when another import runs. Cancelling ends the process."""
        from callcenter.app.import_records import file_of

        file = str(file_of(Path(self._job["directory"]), import_id))
        status = await self._process({**self._job, "import_id": import_id, "file": file})
        if status not in (0, EXIT_BUSY):
            log.error("import_process_ended", import_id=import_id, status=status)
            await asyncio.sleep(PAUSE_SECONDS)
        return status != EXIT_BUSY

    async def make_searchable(self) -> bool:
        """A round of search terms that are owed; False when it came to nothing. Cancelling ends the process."""
        status = await self._process(self._job)
        if status not in (0, EXIT_BUSY):
            log.error("search_terms_not_written", status=status)
        return status == 0

    async def tidy(self, is_known: Callable[[str], Awaitable[bool]], *, before: datetime) -> int:
        """Delete what killed processes left; files of no import that `is_known` only where they are older."""
        return await remove_leftovers(Path(self._job["directory"]), is_known, before=before)

    async def _process(self, job: Mapping[str, str]) -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "callcenter.importing.process",
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            # By a pipe: what stands in the command line everybody on the machine can read, a password too.
            await process.communicate(json.dumps(job).encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        return process.returncode


async def _work(job: dict[str, str]) -> int:
    reader = await begin_reader() if "file" in job and is_read_beside(job["file"]) else None
    try:
        return await _do(job, reader)
    finally:
        if reader is not None:
            await end_reader(reader)


async def _do(job: dict[str, str], reader: Process | None) -> int:
    from callcenter.importing.alone import ImportBusy
    from callcenter.importing.work import make_searchable, run_import
    from callcenter.store.database import Database

    database = Database(job["database_url"], pool_size=2, cache=CACHE_KIBIBYTES, generic_plans=True)
    directory, import_id = Path(job["directory"]), job.get("import_id")
    try:
        if import_id is None:
            await make_searchable(database, directory)
        else:
            await run_import(database, directory, import_id, region=job["region"], beside=reader)
    except ImportBusy:
        return EXIT_BUSY
    finally:
        await database.dispose()
    return 0


def main() -> int:
    """Do the job that stands in standard input; calls on the same machine come first."""
    os.nice(NICE)
    # A batch is some hundred thousand small objects, all of which go with it: looking for cycles among them finds none.
    gc.set_threshold(GARBAGE_FROM)
    job: dict[str, str] = json.loads(sys.stdin.read())
    return asyncio.run(_work(job))


if __name__ == "__main__":
    sys.exit(main())
