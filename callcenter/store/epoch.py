"""The server's epoch: a number that grows with every start, so that orders of an earlier run can be refused."""

from sqlalchemy import select, update

from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.upsert import insert_into

EPOCH = "epoch"


async def take_epoch(database: Database) -> int:
    """The next epoch, never given out before."""
    table = tables.meta
    async with database.writing() as connection:
        first = insert_into(connection, table).values(name=EPOCH, value="0")
        await connection.execute(first.on_conflict_do_nothing(index_elements=["name"]))
        held = (
            await connection.execute(select(table.c.value).where(table.c.name == EPOCH).with_for_update())
        ).scalar_one()
        epoch = int(held) + 1
        await connection.execute(update(table).where(table.c.name == EPOCH).values(value=str(epoch)))
    return epoch
