"""The lists the business keeps for cases: service targets, reasons of complaints, remedies."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.crm.case_steps import usual_targets
from callcenter.domain.cases import CaseCode, CaseKind, CasePriority, CaseRecord, CodeList, ServiceTarget
from callcenter.domain.errors import InvalidValue
from callcenter.domain.ids import AgentId
from callcenter.domain.labels import Label
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.crm_tables import case_codes, service_targets
from callcenter.store.database import Database
from callcenter.store.upsert import insert_into, upsert_into


class StoredCaseLists:
    """Implements `callcenter.app.case_book.CaseLists`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def targets(self) -> Mapping[tuple[CaseKind, CasePriority], ServiceTarget]:
        """Every pair of kind and priority has its target, the usual one where the business set none."""
        async with self._database.reading() as connection:
            return await read_targets(connection)

    async def put_target(self, target: ServiceTarget, *, at: datetime, by: str) -> None:
        """Set a target; `InvalidValue` for an agent who is not there."""
        row = {
            "kind": target.kind,
            "priority": target.priority,
            "due_within_seconds": target.due_within,
            "escalate_to": target.escalate_to,
        }
        async with self._database.writing() as connection:
            await check_agent(connection, target.escalate_to, field="escalate_to")
            await connection.execute(upsert_into(connection, service_targets), [row])
            detail = f"{target.due_within.total_seconds():g} s, then {target.escalate_to or 'its owner'}"
            subject = f"{target.kind}/{target.priority}"
            await add_audit(connection, at=at, by=by, action="service_target_set", subject=subject, detail=detail)

    async def codes(self, of: CodeList) -> tuple[CaseCode, ...]:
        """A list in its order, retired codes too."""
        async with self._database.reading() as connection:
            return await read_codes(connection, of)

    async def put_code(self, of: CodeList, code: CaseCode, *, at: datetime, by: str) -> None:
        """Add a code at the end, or change its label or whether it is retired."""
        table = case_codes
        last = select(func.coalesce(func.max(table.c.position), 0) + 1).where(table.c.list == of).scalar_subquery()
        names = {"label_zh": code.label.zh, "label_en": code.label.en, "retired": code.retired}
        async with self._database.writing() as connection:
            new = insert_into(connection, table).values(list=of, code=code.code, position=last, **names)
            await connection.execute(new.on_conflict_do_update(index_elements=["list", "code"], set_=names))
            await add_audit(connection, at=at, by=by, action="case_code_set", subject=f"{of}/{code.code}")


async def read_targets(connection: AsyncConnection) -> dict[tuple[CaseKind, CasePriority], ServiceTarget]:
    """The usual targets, and in their place what the business has set."""
    targets = usual_targets()
    for row in (await connection.execute(service_targets.select())).all():
        key = CaseKind(row.kind), CasePriority(row.priority)
        targets[key] = ServiceTarget(
            kind=key[0],
            priority=key[1],
            due_within=row.due_within_seconds,
            escalate_to=AgentId(row.escalate_to) if row.escalate_to is not None else None,
        )
    return targets


async def read_codes(connection: AsyncConnection, of: CodeList) -> tuple[CaseCode, ...]:
    """A list in its order."""
    query = case_codes.select().where(case_codes.c.list == of).order_by(case_codes.c.position, case_codes.c.code)
    return tuple(
        CaseCode(code=row.code, label=Label(zh=row.label_zh, en=row.label_en), retired=row.retired)
        for row in (await connection.execute(query)).all()
    )


async def check_codes(connection: AsyncConnection, before: CaseRecord | None, after: CaseRecord) -> None:
    """Raise `InvalidValue` for a reason or remedy that is new on the case and not in its list, or retired there."""
    for of, name in ((CodeList.COMPLAINT_REASONS, "reason"), (CodeList.REMEDIES, "remedy")):
        old = None if before is None else getattr(before, name)
        await check_code(connection, of, old, getattr(after, name), name=name)


async def check_code(
    connection: AsyncConnection, of: CodeList, before: str | None, after: str | None, *, name: str
) -> None:
    """Raise `InvalidValue` for a code that is new here and not in its list, or retired there."""
    if after is None or after == before:
        return
    known = sorted(entry.code for entry in await read_codes(connection, of) if not entry.retired)
    if after not in known:
        raise InvalidValue(
            f"there is no {name} {after!r} in the list {of}; known: {', '.join(known) or 'none'}",
            code=f"unknown_{name}",
        )


async def check_agent(connection: AsyncConnection, agent_id: AgentId | None, *, field: str) -> None:
    """Raise `InvalidValue` for an agent who is not configured; `field` is where he is named."""
    if agent_id is None:
        return
    table = tables.agents
    found = await connection.execute(select(table.c.agent_id).where(table.c.agent_id == agent_id))
    if found.first() is None:
        raise InvalidValue(
            f"{field}: there is no agent {agent_id!r}; give the id of one, as GET /agents/names lists them, or null",
            code="unknown_agent",
            field=field,
        )
