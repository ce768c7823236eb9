"""Interactions of customers who were merged away while they went on: written for whom they were merged into."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.domain.ids import InteractionId
from callcenter.store import crm_tables, tables
from callcenter.store.upsert import insert_into

INTERACTION = "interaction"
"""The kind of such a move."""


async def follow_merges(connection: AsyncConnection, customers: Sequence[tuple[InteractionId, str]]) -> dict[str, str]:
    """For interactions about to be written: whom customers were merged into who were merged away meanwhile.

    The moves are noted with the merges, so that undoing them gives these interactions back, too.
    """
    table, merges = tables.customers, crm_tables.customer_merges
    ids = sorted({customer_id for _, customer_id in customers})
    query = select(table.c.customer_id, table.c.merged_into).where(table.c.customer_id.in_(ids))
    # A merge that is under way is waited for, and one that comes waits for this: none misses an interaction.
    found = (await connection.execute(query.order_by(table.c.customer_id).with_for_update(read=True))).all()
    into = {row.customer_id: row.merged_into for row in found if row.merged_into is not None}
    moves = []
    for interaction_id, customer_id in customers:
        at_hand = customer_id
        while at_hand != into.get(customer_id, at_hand):
            of = select(merges.c.merge_id, merges.c.survivor_id).where(
                merges.c.merged_id == at_hand, merges.c.undone_at.is_(None)
            )
            row = (await connection.execute(of)).one()
            moves.append({"merge_id": row.merge_id, "kind": INTERACTION, "reference": interaction_id})
            at_hand = row.survivor_id
    if moves:
        await connection.execute(insert_into(connection, crm_tables.merge_moves).on_conflict_do_nothing(), moves)
    return into
