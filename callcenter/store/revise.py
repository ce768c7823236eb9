"""For developers: write the next migration from what `tables.py` says beyond the migrations there are.

python -m callcenter.store.revise "Add the column x to y"
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command

from callcenter.store.database import Database
from callcenter.store.schema import alembic_config, head, upgrade_database


async def revise(message: str) -> None:
    """Make the module of the next step in `migrations/versions`; read it over before it is committed."""
    with tempfile.TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{Path(directory) / 'revise.db'}")
        await upgrade_database(database)
        number = f"{int(head()) + 1:04}"
        async with database.writing() as connection:
            await connection.run_sync(
                lambda sync: command.revision(alembic_config(sync), message=message, autogenerate=True, rev_id=number)
            )
        await database.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('say in one sentence what the step does: python -m callcenter.store.revise "Add the column x to y"')
    asyncio.run(revise(sys.argv[1]))
