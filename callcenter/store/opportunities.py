"""Opportunities: rows and back, each change with its line of history."""

from datetime import datetime

from sqlalchemy import Connection, Row, Select, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.sales_book import OpportunityFilters
from callcenter.crm.opportunity_steps import OpportunityInput, opened_opportunity, revised_opportunity
from callcenter.domain.cases import CodeList
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.ids import AgentId, CustomerId, OpportunityId
from callcenter.domain.money import Money
from callcenter.domain.sales import Opportunity, OpportunityState
from callcenter.store.case_lists import check_agent, check_code
from callcenter.store.changes import add_change, differences
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.sales_tables import opportunities as table
from callcenter.store.upsert import insert_into

_PLAIN = (
    "title",
    "stage",
    "state",
    "probability",
    "next_step",
    "next_step_due_at",
    "owner_id",
    "reason",
    "remark",
    "quotes",
)
FIELDS = (*_PLAIN, "value")
"""What history tells of."""


class StoredOpportunities:
    """Implements `callcenter.app.sales_book.OpportunityBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_opportunity(
        self,
        opportunity_id: OpportunityId,
        customer_id: CustomerId,
        data: OpportunityInput,
        *,
        at: datetime,
        by: str,
    ) -> Opportunity:
        """Open one under an id that is new."""
        async with self._database.writing() as connection:
            root = await root_of(connection, customer_id)
            made = opened_opportunity(opportunity_id, root, data, at=at, by=by)
            await _check(connection, None, made)
            row = {
                "opportunity_id": opportunity_id,
                "customer_id": root,
                "opened_at": at,
                "opened_by": by,
                **_row(made),
            }
            new = insert_into(connection, table).values(row).on_conflict_do_nothing()
            if (await connection.execute(new.returning(table.c.opportunity_id))).first() is None:
                raise Conflict(
                    f"there is an opportunity {opportunity_id} already; choose a new id", code="opportunity_exists"
                )
            await _note(connection, None, made, at=at, by=by, action="opened")
            return made

    async def opportunity(self, opportunity_id: OpportunityId) -> Opportunity | None:
        """One opportunity."""
        query = table.select().where(table.c.opportunity_id == opportunity_id)
        found = await self._database.look(lambda connection: _read(connection, query))
        return found[0] if found else None

    async def change_opportunity(
        self,
        opportunity_id: OpportunityId,
        data: OpportunityInput,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> Opportunity:
        """Change one; the same again is no change."""
        async with self._database.writing() as connection:
            query = table.select().where(table.c.opportunity_id == opportunity_id).with_for_update()
            found = await connection.run_sync(_read, query)
            if not found:
                raise NotFound(f"there is no opportunity {opportunity_id}", code="unknown_opportunity")
            before = found[0]
            if expected_version is not None and before.version != expected_version:
                raise Outdated(
                    f"opportunity {opportunity_id} has version {before.version} now, not {expected_version}; "
                    "read it again"
                )
            after = revised_opportunity(before, data, at=at)
            if after is before:
                return before
            await _check(connection, before, after)
            change = update(table).where(table.c.opportunity_id == opportunity_id)
            await connection.execute(change.values(_row(after)))
            await _note(connection, before, after, at=at, by=by, action="changed")
            return after

    async def opportunities(
        self, filters: OpportunityFilters, *, limit: int, before: OpportunityId | None
    ) -> tuple[Opportunity, ...]:
        """Those opened last first, from behind `before` on."""

        def look(connection: Connection) -> tuple[Opportunity, ...]:
            place = (table.c.opened_at, table.c.opportunity_id)
            query = _matching(filters).order_by(*(column.desc() for column in place)).limit(limit)
            if before is not None:
                at = select(table.c.opened_at).where(table.c.opportunity_id == before)
                opened_at = connection.execute(at).scalar_one_or_none()
                if opened_at is None:
                    raise NotFound(f"there is no opportunity {before} to page from", code="unknown_opportunity")
                query = query.where(tuple_(*place) < tuple_(opened_at, before))
            return _read(connection, query)

        return await self._database.look(look)


async def _check(connection: AsyncConnection, before: Opportunity | None, after: Opportunity) -> None:
    stage, reason = (None, None) if before is None else (before.stage, before.reason)
    await check_code(connection, CodeList.OPPORTUNITY_STAGES, stage, after.stage, name="stage")
    await check_code(connection, CodeList.CLOSING_REASONS, reason, after.reason, name="reason")
    if before is None or after.owner_id != before.owner_id:
        await check_agent(connection, after.owner_id, field="owner_id")


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Opportunity, ...]:
    return tuple(_opportunity(row) for row in connection.execute(query).all())


def _opportunity(row: Row[tuple[object, ...]]) -> Opportunity:
    return Opportunity(
        opportunity_id=OpportunityId(row.opportunity_id),
        customer_id=CustomerId(row.customer_id),
        title=row.title,
        stage=row.stage,
        state=OpportunityState(row.state),
        value=None if row.amount is None else Money(amount=row.amount, currency=row.currency),
        probability=row.probability,
        next_step=row.next_step,
        next_step_due_at=row.next_step_due_at,
        owner_id=None if row.owner_id is None else AgentId(row.owner_id),
        reason=row.reason,
        remark=row.remark,
        quotes=row.quotes,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        closed_at=row.closed_at,
        version=row.version,
    )


def _row(one: Opportunity) -> dict[str, object]:
    """What may change."""
    return {
        **{name: getattr(one, name) for name in _PLAIN},
        "amount": None if one.value is None else one.value.amount,
        "currency": None if one.value is None else one.value.currency,
        "closed_at": one.closed_at,
        "version": one.version,
    }


def _matching(filters: OpportunityFilters) -> Select[tuple[object, ...]]:
    query = table.select()
    for column, value in (
        (table.c.customer_id, filters.customer_id),
        (table.c.owner_id, filters.owner_id),
        (table.c.state, filters.state),
        (table.c.stage, filters.stage),
    ):
        if value is not None:
            query = query.where(column == value)
    if filters.unowned:
        query = query.where(table.c.owner_id.is_(None))
    if filters.due_by is not None:
        query = query.where(table.c.closed_at.is_(None), table.c.next_step_due_at <= filters.due_by)
    return query


async def _note(
    connection: AsyncConnection, before: Opportunity | None, after: Opportunity, *, at: datetime, by: str, action: str
) -> None:
    await add_change(
        connection,
        customer_id=after.customer_id,
        at=at,
        by=by,
        entity="opportunity",
        entity_id=after.opportunity_id,
        action=action,
        fields=differences(before, after, FIELDS),
    )
