"""A program to be killed: writes numbered events to the journal and prints the number of each one acknowledged.

python -m tests.adapters.journal_program URL SPILL_DIRECTORY FIRST_NUMBER
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import structlog

from callcenter.store.database import Database
from callcenter.store.journal import JournalLimits, JournalWriter
from tests.adapters.store_calls import node


async def main(url: str, spill_directory: Path, first: int) -> None:
    """Write until killed; three events between two acknowledgements."""
    limits = JournalLimits(attempt=timedelta(seconds=0.2))
    journal = JournalWriter(Database(url), spill_directory=spill_directory, limits=limits)
    await journal.start()
    number = first
    while True:
        for _ in range(3):
            journal.write(events=[node(number)])
            number += 1
        if await journal.flushed(timedelta(seconds=30)):
            print(number - 1, flush=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
