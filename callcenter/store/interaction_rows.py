"""Interactions as rows of three tables, and back.

Law: an interaction that has ended is never overwritten by one that has not.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, delete, insert, or_, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.domain.events import Direction, Outcome, Side
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, OfferId, QueueId
from callcenter.domain.interactions import Given, Hold, Interaction, Leg, LegRole, OfferRecord, Stage, Times
from callcenter.domain.numbers import Number
from callcenter.domain.offers import OfferCause, OfferOutcome
from callcenter.domain.transfers import Handling
from callcenter.store import tables
from callcenter.store.merged_customers import follow_merges
from callcenter.store.upsert import insert_into

IDS_A_QUERY = 1000
"""Databases limit the parameters of one statement; longer lists are asked in parts."""

Row = dict[str, object]


def interaction_row(record: Interaction) -> Row:
    """The row of the table `interactions`."""
    return {
        "interaction_id": record.interaction_id,
        "media_type": record.media_type,
        "direction": record.direction,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "stage": record.stage,
        "outcome": record.outcome,
        "ani_raw": record.ani.raw,
        "ani_e164": record.ani.e164,
        "ani_national": record.ani.national,
        "ani_region": record.ani.region,
        "ani_withheld": record.ani.withheld,
        "dnis": record.dnis,
        "caller_name": record.caller_name,
        "trunk": record.trunk,
        "flow": record.flow,
        "flow_version": record.flow_version,
        "node": record.node,
        "menu_path": record.menu_path,
        "given": record.given,
        "language": record.language,
        "queue_id": record.queue_id,
        "priority": record.priority,
        "placement": record.placement,
        "forecast": record.forecast,
        "callback": record.callback,
        "callback_id": record.callback_id,
        "hold": record.hold,
        "handling": record.handling,
        "agent_id": record.agent_id,
        "customer_ids": record.customer_ids,
        "customer_id": record.customer_id,
        "answered_at": record.times.answered_at,
        "queued_at": record.times.queued_at,
        "offered_at": record.times.offered_at,
        "connected_at": record.times.connected_at,
        "talk_ended_at": record.times.talk_ended_at,
        "hangup_side": record.hangup_side,
        "hangup_cause": record.hangup_cause,
        "disposition": record.disposition,
        "notes": record.notes,
    }


def leg_rows(record: Interaction) -> list[Row]:
    """The rows of the table `legs`."""
    return [
        {
            "interaction_id": record.interaction_id,
            "position": position,
            "leg_id": leg.leg_id,
            "role": leg.role,
            "channel": leg.channel,
            "agent_id": leg.agent_id,
            "started_at": leg.started_at,
            "ended_at": leg.ended_at,
            "cause": leg.cause,
        }
        for position, leg in enumerate(record.legs)
    ]


def offer_rows(record: Interaction) -> list[Row]:
    """The rows of the table `offers`."""
    return [
        {
            "interaction_id": record.interaction_id,
            "position": position,
            "offer_id": offer.offer_id,
            "agent_id": offer.agent_id,
            "queue_id": offer.queue_id,
            "made_at": offer.made_at,
            "reason": offer.reason,
            "ended_at": offer.ended_at,
            "outcome": offer.outcome,
            "cause": offer.cause,
        }
        for position, offer in enumerate(record.offers)
    ]


def last_of_each(records: Iterable[Interaction]) -> tuple[Interaction, ...]:
    """Of several states of one interaction the last one, or the last one that has ended."""
    latest: dict[InteractionId, Interaction] = {}
    for record in records:
        known = latest.get(record.interaction_id)
        if known is None or known.ended_at is None or record.ended_at is not None:
            latest[record.interaction_id] = record
    return tuple(latest.values())


async def write_interactions(connection: AsyncConnection, records: Iterable[Interaction]) -> None:
    """Make the store say what `records` say, the later of them last."""
    latest = last_of_each(records)
    ended = await ended_among(connection, [record.interaction_id for record in latest if record.ended_at is None])
    wanted = [record for record in latest if record.interaction_id not in ended]
    if not wanted:
        return
    statement = insert_into(connection, tables.interactions)
    columns = [column.name for column in tables.interactions.c if not column.primary_key]
    upsert = statement.on_conflict_do_update(
        index_elements=["interaction_id"],
        set_={name: statement.excluded[name] for name in columns},
        where=or_(statement.excluded.ended_at.is_not(None), tables.interactions.c.ended_at.is_(None)),
    )
    named = [(record.interaction_id, record.customer_id) for record in wanted if record.customer_id is not None]
    into = await follow_merges(connection, named) if named else {}
    rows_of_records = [interaction_row(record) for record in wanted]
    for row, record in zip(rows_of_records, wanted, strict=True):
        row["customer_id"] = into.get(record.customer_id or "", record.customer_id)
    await connection.execute(upsert, rows_of_records)
    ids = [record.interaction_id for record in wanted]
    for table, rows in (
        (tables.legs, [row for record in wanted for row in leg_rows(record)]),
        (tables.offers, [row for record in wanted for row in offer_rows(record)]),
    ):
        for start in range(0, len(ids), IDS_A_QUERY):
            part = ids[start : start + IDS_A_QUERY]
            await connection.execute(delete(table).where(table.c.interaction_id.in_(part)))
        if rows:
            await connection.execute(insert(table), rows)


async def ended_among(connection: AsyncConnection, ids: Sequence[InteractionId]) -> frozenset[InteractionId]:
    """Which of these interactions have a row with an end."""
    table = tables.interactions
    found: set[InteractionId] = set()
    for start in range(0, len(ids), IDS_A_QUERY):
        part = ids[start : start + IDS_A_QUERY]
        query = select(table.c.interaction_id).where(table.c.interaction_id.in_(part), table.c.ended_at.is_not(None))
        found.update(InteractionId(name) for name in (await connection.execute(query)).scalars())
    return frozenset(found)


async def read_interactions(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> tuple[Interaction, ...]:
    """The interactions that `query` (of whole rows of `interactions`) finds, in its order; three statements in all."""
    rows = (await connection.execute(query)).mappings().all()
    ids = [row["interaction_id"] for row in rows]
    legs: dict[str, list[Leg]] = {name: [] for name in ids}
    offers: dict[str, list[OfferRecord]] = {name: [] for name in ids}
    for start in range(0, len(ids), IDS_A_QUERY):
        part = ids[start : start + IDS_A_QUERY]
        for row in await _rows_of(connection, tables.legs.select().where(tables.legs.c.interaction_id.in_(part))):
            legs[row["interaction_id"]].append(leg_from_row(row))
        for row in await _rows_of(connection, tables.offers.select().where(tables.offers.c.interaction_id.in_(part))):
            offers[row["interaction_id"]].append(offer_from_row(row))
    return tuple(interaction_from_row(row, legs[row["interaction_id"]], offers[row["interaction_id"]]) for row in rows)


async def _rows_of(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> Sequence[RowMapping]:
    ordered = query.order_by("interaction_id", "position")
    return (await connection.execute(ordered)).mappings().all()


def interaction_from_row(row: RowMapping, legs: Sequence[Leg], offers: Sequence[OfferRecord]) -> Interaction:
    """The record of one row of `interactions` and what belongs to it."""
    return Interaction(
        interaction_id=InteractionId(row["interaction_id"]),
        media_type=row["media_type"],
        direction=Direction(row["direction"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        stage=Stage(row["stage"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] is not None else None,
        ani=Number(
            raw=row["ani_raw"],
            e164=row["ani_e164"],
            national=row["ani_national"],
            region=row["ani_region"],
            withheld=row["ani_withheld"],
        ),
        dnis=row["dnis"],
        caller_name=row["caller_name"],
        trunk=row["trunk"],
        flow=row["flow"],
        flow_version=row["flow_version"],
        node=row["node"],
        menu_path=row["menu_path"],
        given=row["given"] if row["given"] is not None else Given(),
        language=row["language"],
        queue_id=QueueId(row["queue_id"]) if row["queue_id"] is not None else None,
        priority=row["priority"],
        placement=row["placement"],
        forecast=row["forecast"],
        callback=row["callback"],
        callback_id=InteractionId(row["callback_id"]) if row["callback_id"] is not None else None,
        hold=row["hold"] if row["hold"] is not None else Hold(),
        handling=row["handling"] if row["handling"] is not None else Handling(),
        agent_id=AgentId(row["agent_id"]) if row["agent_id"] is not None else None,
        customer_ids=tuple(CustomerId(name) for name in row["customer_ids"]),
        customer_id=CustomerId(row["customer_id"]) if row["customer_id"] is not None else None,
        times=Times(
            answered_at=row["answered_at"],
            queued_at=row["queued_at"],
            offered_at=row["offered_at"],
            connected_at=row["connected_at"],
            talk_ended_at=row["talk_ended_at"],
        ),
        hangup_side=Side(row["hangup_side"]) if row["hangup_side"] is not None else None,
        hangup_cause=row["hangup_cause"],
        legs=tuple(legs),
        offers=tuple(offers),
        disposition=row["disposition"],
        notes=row["notes"],
    )


def leg_from_row(row: RowMapping) -> Leg:
    """One row of `legs`."""
    return Leg(
        leg_id=row["leg_id"],
        role=LegRole(row["role"]),
        channel=row["channel"],
        agent_id=AgentId(row["agent_id"]) if row["agent_id"] is not None else None,
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        cause=row["cause"],
    )


def offer_from_row(row: RowMapping) -> OfferRecord:
    """One row of `offers`."""
    return OfferRecord(
        offer_id=OfferId(row["offer_id"]),
        agent_id=AgentId(row["agent_id"]),
        queue_id=QueueId(row["queue_id"]),
        made_at=row["made_at"],
        reason=row["reason"],
        ended_at=row["ended_at"],
        outcome=OfferOutcome(row["outcome"]) if row["outcome"] is not None else None,
        cause=OfferCause(row["cause"]) if row["cause"] is not None else None,
    )
