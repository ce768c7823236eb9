"""Cases: rows and back, each change with its line of history; and what an agent has to do."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.case_book import CaseEscalated, CaseFilters, WorkList
from callcenter.app.customer_book import FieldChange
from callcenter.crm.case_steps import CaseInput, Targets, escalated, is_to_escalate, opened, revised
from callcenter.domain.cases import CaseKind, CaseLink, CaseOutcome, CasePriority, CaseRecord, CaseState
from callcenter.domain.errors import Conflict, NotFound, Outdated
from callcenter.domain.hooks import HookValue
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId
from callcenter.store import crm_tables, tables
from callcenter.store.case_lists import check_agent, check_codes, read_targets
from callcenter.store.changes import add_change, differences
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.reminders import remind_of_cases
from callcenter.store.tasks import open_tasks_of
from callcenter.store.upsert import insert_into

SYSTEM = "system"
"""Who escalates."""
ESCALATED = "escalated"
FIELDS = (
    "kind",
    "subject",
    "description",
    "state",
    "priority",
    "owner_id",
    "due_at",
    "reason",
    "remedy",
    "outcome",
)
"""What history tells of; the other columns follow from these."""
_COLUMNS = (*FIELDS, "escalated_at", "escalations", "resolved_at", "closed_at", "reopened", "version")


class StoredCases:
    """Implements `callcenter.app.case_book.CaseBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_case(
        self,
        case_id: CaseId,
        customer_id: CustomerId,
        data: CaseInput,
        *,
        at: datetime,
        by: str,
        interaction_id: InteractionId | None = None,
    ) -> CaseRecord:
        """Open a case under an id that is new."""
        async with self._database.writing() as connection:
            customer_id = await root_of(connection, customer_id)
            case = opened(case_id, customer_id, data, await read_targets(connection), at=at, by=by)
            await check_codes(connection, None, case)
            await check_agent(connection, case.owner_id, field="owner_id")
            row = {
                "case_id": case_id,
                "customer_id": customer_id,
                "opened_at": at,
                "opened_by": by,
                **{name: getattr(case, name) for name in _COLUMNS},
            }
            statement = insert_into(connection, tables.cases).values(row).on_conflict_do_nothing()
            if (await connection.execute(statement.returning(tables.cases.c.case_id))).first() is None:
                raise Conflict(f"there is a case {case_id} already; choose a new id", code="case_exists")
            await _note(connection, None, case, at=at, by=by, action="opened")
            if interaction_id is None:
                return case
            link = CaseLink(interaction_id=interaction_id, at=at, by=by)
            row = {"case_id": case_id, "interaction_id": interaction_id, "at": at, "by": by}
            await connection.execute(insert(crm_tables.case_interactions), [row])
            return replace(case, interactions=(link,))

    async def case(self, case_id: CaseId) -> CaseRecord | None:
        """One case."""
        query = tables.cases.select().where(tables.cases.c.case_id == case_id)
        found = await self._database.look(lambda connection: read_cases(connection, query))
        return found[0] if found else None

    async def change_case(
        self, case_id: CaseId, data: CaseInput, *, at: datetime, by: str, expected_version: int | None = None
    ) -> CaseRecord:
        """Change a case; the same again is no change."""
        async with self._database.writing() as connection:
            before = await _lock(connection, case_id, expected_version)
            after = revised(before, data, await read_targets(connection), at=at)
            if after is not before:
                await check_codes(connection, before, after)
                if after.owner_id != before.owner_id:
                    await check_agent(connection, after.owner_id, field="owner_id")
                await _write(connection, before, after, at=at, by=by, action="changed")
            return after

    async def cases(self, filters: CaseFilters, *, limit: int, before: CaseId | None) -> tuple[CaseRecord, ...]:
        """The newest first, those opened before `before`; `NotFound` when that names none."""

        def look(connection: Connection) -> tuple[CaseRecord, ...]:
            table = tables.cases
            query = _matching(filters).order_by(table.c.opened_at.desc(), table.c.case_id.desc()).limit(limit)
            if before is not None:
                place = select(table.c.opened_at).where(table.c.case_id == before)
                opened_at = connection.execute(place).scalar_one_or_none()
                if opened_at is None:
                    raise NotFound(f"there is no case {before} to page from", code="unknown_case")
                query = query.where(tuple_(table.c.opened_at, table.c.case_id) < tuple_(opened_at, before))
            return read_cases(connection, query)

        return await self._database.look(look)

    async def link(
        self,
        case_id: CaseId,
        interaction_id: InteractionId,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> CaseRecord:
        """Make an interaction belong to the case; one that does already stays as it is."""

        async def change(connection: AsyncConnection) -> bool:
            table = crm_tables.case_interactions
            row = {"case_id": case_id, "interaction_id": interaction_id, "at": at, "by": by}
            new = insert_into(connection, table).values(row).on_conflict_do_nothing()
            return (await connection.execute(new.returning(table.c.case_id))).first() is not None

        return await self._change_links(
            case_id, change, at=at, by=by, told=f"linked {interaction_id}", expected_version=expected_version
        )

    async def unlink(
        self,
        case_id: CaseId,
        interaction_id: InteractionId,
        *,
        at: datetime,
        by: str,
        expected_version: int | None = None,
    ) -> CaseRecord:
        """Undo a link; `NotFound` when there is none."""

        async def change(connection: AsyncConnection) -> bool:
            table = crm_tables.case_interactions
            gone = delete(table).where(table.c.case_id == case_id, table.c.interaction_id == interaction_id)
            if (await connection.execute(gone.returning(table.c.case_id))).first() is None:
                raise NotFound(
                    f"interaction {interaction_id} does not belong to case {case_id}", code="unknown_interaction"
                )
            return True

        return await self._change_links(
            case_id, change, at=at, by=by, told=f"unlinked {interaction_id}", expected_version=expected_version
        )

    async def escalate_due(self, *, now: datetime, limit: int) -> tuple[CaseEscalated, ...]:
        """Escalate those whose time has passed, each once for its due time; the oldest first.

        A target's person who is no agent any more is nobody: the case stays with its owner.
        """
        table = tables.cases
        query = (
            table.select()
            .where(
                table.c.resolved_at.is_(None),
                table.c.closed_at.is_(None),
                table.c.escalated_at.is_(None),
                table.c.due_at <= now,
            )
            .order_by(table.c.due_at)
            .limit(limit)
            .with_for_update()
        )
        async with self._database.writing() as connection:
            found = await connection.run_sync(read_cases, query)
            targets = await _targets_that_are_there(connection) if found else {}
            done = []
            for before in found:
                if is_to_escalate(before, now):
                    after = escalated(before, targets, at=now)
                    await _write(connection, before, after, at=now, by=SYSTEM, action=ESCALATED)
                    done.append(CaseEscalated(case=after, previous_owner_id=before.owner_id))
            await remind_of_cases(connection, done, at=now)
            return tuple(done)

    async def unseen(self) -> int:
        """How many overdue cases nobody has: escalated, unsettled, and of no agent there is."""
        table = tables.cases
        # A due time that is moved takes the mark of the escalation away: whatever bears it is overdue.
        query = select(func.count()).where(
            table.c.resolved_at.is_(None), table.c.closed_at.is_(None), table.c.escalated_at.is_not(None), _is_nobodys()
        )
        return await self._database.look(lambda connection: connection.execute(query).scalar_one())

    async def work_of(self, agent_id: AgentId, *, limit: int) -> WorkList:
        """The open cases and tasks of an agent, what is due first at the top."""

        def look(connection: Connection) -> WorkList:
            table = tables.cases
            query = _matching(CaseFilters(owner_id=agent_id, open=True))
            query = query.order_by(table.c.due_at.asc().nulls_last(), table.c.case_id).limit(limit)
            return WorkList(cases=read_cases(connection, query), tasks=open_tasks_of(connection, agent_id, limit=limit))

        return await self._database.look(look)

    async def _change_links(
        self,
        case_id: CaseId,
        change: Callable[[AsyncConnection], Awaitable[bool]],
        *,
        at: datetime,
        by: str,
        told: str,
        expected_version: int | None,
    ) -> CaseRecord:
        async with self._database.writing() as connection:
            before = await _lock(connection, case_id, expected_version)
            if not await change(connection):
                return before
            table = tables.cases
            newer = update(table).where(table.c.case_id == case_id).values(version=before.version + 1)
            await connection.execute(newer)
            await _note(connection, before, before, at=at, by=by, action=told)
            query = table.select().where(table.c.case_id == case_id)
            return (await connection.run_sync(read_cases, query))[0]


def read_cases(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[CaseRecord, ...]:
    """The cases of rows of the table, in their order, with their links."""
    rows = connection.execute(query).all()
    links: dict[str, list[CaseLink]] = {}
    table = crm_tables.case_interactions
    mine = table.c.case_id.in_([row.case_id for row in rows])
    if rows:
        for row in connection.execute(table.select().where(mine).order_by(table.c.at, table.c.interaction_id)).all():
            link = CaseLink(interaction_id=InteractionId(row.interaction_id), at=row.at, by=row.by)
            links.setdefault(row.case_id, []).append(link)
    return tuple(_case(row, links.get(row.case_id, ())) for row in rows)


def _case(row: Row[tuple[object, ...]], links: Sequence[CaseLink]) -> CaseRecord:
    return CaseRecord(
        case_id=CaseId(row.case_id),
        customer_id=CustomerId(row.customer_id),
        kind=CaseKind(row.kind),
        subject=row.subject,
        description=row.description,
        state=CaseState(row.state),
        priority=CasePriority(row.priority),
        owner_id=AgentId(row.owner_id) if row.owner_id is not None else None,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        due_at=row.due_at,
        escalated_at=row.escalated_at,
        escalations=row.escalations,
        resolved_at=row.resolved_at,
        closed_at=row.closed_at,
        reopened=row.reopened,
        reason=row.reason,
        remedy=row.remedy,
        outcome=CaseOutcome(row.outcome) if row.outcome is not None else None,
        interactions=tuple(links),
        version=row.version,
    )


def _matching(filters: CaseFilters) -> Select[tuple[object, ...]]:
    table = tables.cases
    query = table.select()
    for column, value in (
        (table.c.customer_id, filters.customer_id),
        (table.c.owner_id, filters.owner_id),
        (table.c.kind, filters.kind),
        (table.c.state, filters.state),
    ):
        if value is not None:
            query = query.where(column == value)
    unsettled = (table.c.resolved_at.is_(None), table.c.closed_at.is_(None))
    if filters.open or filters.overdue_at is not None:
        query = query.where(*unsettled)
    elif filters.open is False:
        query = query.where(table.c.resolved_at.is_not(None) | table.c.closed_at.is_not(None))
    if filters.overdue_at is not None:
        query = query.where(table.c.due_at <= filters.overdue_at)
    if filters.unowned:
        query = query.where(_is_nobodys())
    if filters.escalated:
        query = query.where(table.c.escalations > 0)
    if filters.interaction_id is not None:
        links = crm_tables.case_interactions
        named = select(links.c.case_id).where(links.c.interaction_id == filters.interaction_id)
        query = query.where(table.c.case_id.in_(named))
    return query


def _is_nobodys() -> ColumnElement[bool]:
    owner = tables.cases.c.owner_id
    return or_(owner.is_(None), owner.not_in(select(tables.agents.c.agent_id)))


async def _targets_that_are_there(connection: AsyncConnection) -> Targets:
    agents = set((await connection.execute(select(tables.agents.c.agent_id))).scalars())
    return {
        key: target if target.escalate_to in agents else replace(target, escalate_to=None)
        for key, target in (await read_targets(connection)).items()
    }


async def _lock(connection: AsyncConnection, case_id: CaseId, expected_version: int | None) -> CaseRecord:
    query = tables.cases.select().where(tables.cases.c.case_id == case_id).with_for_update()
    found = await connection.run_sync(read_cases, query)
    if not found:
        raise NotFound(f"there is no case {case_id}", code="unknown_case")
    if expected_version is not None and found[0].version != expected_version:
        raise Outdated(f"case {case_id} has version {found[0].version} now, not {expected_version}; read it again")
    return found[0]


async def _write(
    connection: AsyncConnection, before: CaseRecord, after: CaseRecord, *, at: datetime, by: str, action: str
) -> None:
    change = update(tables.cases).where(tables.cases.c.case_id == after.case_id)
    await connection.execute(change.values({name: getattr(after, name) for name in _COLUMNS}))
    await _note(connection, before, after, at=at, by=by, action=action)


async def _note(
    connection: AsyncConnection, before: CaseRecord | None, after: CaseRecord, *, at: datetime, by: str, action: str
) -> None:
    fields = differences(before, after, FIELDS)
    told: dict[str, HookValue] = {
        "kind": after.kind,
        "state": after.state,
        "priority": after.priority,
        "owner_id": after.owner_id,
        "due_at": None if after.due_at is None else after.due_at.isoformat(),
        "escalations": after.escalations,
    }
    if action == ESCALATED:
        told["previous_owner_id"] = None if before is None else before.owner_id
        # Why it was: the line says by when it should have been resolved, whatever becomes of that time later.
        fields = (FieldChange(field="missed", before=None, after=after.due_at), *fields)
    await add_change(
        connection,
        customer_id=after.customer_id,
        at=at,
        by=by,
        entity="case",
        entity_id=after.case_id,
        action=action,
        fields=fields,
        told=told,
    )
