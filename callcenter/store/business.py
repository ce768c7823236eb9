"""The whole of what the business sets: read in one look, changed in one transaction, every state of it kept.

Law: nothing is removed under a caller or under an agent at work, and no version is ever changed.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Row, Table, delete, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.business import Business, BusinessInUse, Change, ChangeKind, ConfigurationVersion, Part
from callcenter.app.business_text import write_business
from callcenter.domain.agents import AgentState
from callcenter.domain.best_offers import BestOffer
from callcenter.domain.connectors import ConnectorRule
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.privacy import RetentionRule, RoleRule
from callcenter.store import tables
from callcenter.store.alert_tables import alert_rules
from callcenter.store.alerts import put_alert_rule, read_alert_rules
from callcenter.store.audit import add_audit
from callcenter.store.configuration import (
    put_agent,
    put_dispositions,
    put_hours,
    put_number,
    put_queue,
    put_reasons,
    put_skill,
    read_agents,
    read_dispositions,
    read_hours,
    read_numbers,
    read_queue_entries,
    read_reasons,
    read_skills,
)
from callcenter.store.house_rules import HOUSE_PARTS, drop_house_rule, put_house_rule, read_house_rules

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(tuple[Change, ...])
BEFORE_ALL = "as found"
"""Who made the first version, where something was there before anything was applied."""


async def read_business(connection: AsyncConnection) -> Business:
    """Everything the business sets, as it is now."""
    return Business(
        skills=await read_skills(connection),
        hours=await read_hours(connection),
        queues={entry.config.queue_id: entry for entry in await read_queue_entries(connection)},
        agents={agent.agent_id: agent for agent in await read_agents(connection)},
        numbers={route.dnis: route for route in await read_numbers(connection)},
        reasons={code.code: code for code in await read_reasons(connection)},
        dispositions={code.code: code for code in await read_dispositions(connection)},
        alerts={rule.alert_id: rule for rule in await read_alert_rules(connection)},
        roles=await read_house_rules(connection, Part.ROLES, RoleRule),
        retention=await read_house_rules(connection, Part.RETENTION, RetentionRule),
        connectors=await read_house_rules(connection, Part.CONNECTORS, ConnectorRule),
        best_offers=await read_house_rules(connection, Part.BEST_OFFERS, BestOffer),
    )


async def lock_business(connection: AsyncConnection) -> None:
    """Let two who apply at once do it one after the other; on SQLite a writer is alone already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sql("LOCK TABLE configuration_versions IN SHARE ROW EXCLUSIVE MODE"))


async def refuse_in_use(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Raise `BusinessInUse` with a line for each queue with open calls, and each agent at work, that would go."""
    told = []
    for change in changes:
        if change.kind is ChangeKind.REMOVED and change.part is Part.QUEUES:
            count = await _open_calls(connection, QueueId(change.item))
            if count:
                told.append(f"queue {change.item} has {count} open calls; remove it when they have ended")
        elif change.kind is ChangeKind.REMOVED and change.part is Part.AGENTS:
            state = await _state(connection, AgentId(change.item))
            if state not in (None, AgentState.LOGGED_OUT):
                told.append(f"agent {change.item} is {state}; remove him when he has logged out")
    if told:
        raise BusinessInUse("\n".join(told))


async def put_business(
    connection: AsyncConnection,
    before: Business,
    after: Business,
    changes: Sequence[Change],
    *,
    at: datetime,
    by: str,
    note: str = "",
    text: str | None = None,
) -> int:
    """Make `after` of `before`, with an audit line for each change; returns the number of the new version.

    `text` is `after` written out, where that was done before. Raises `BusinessInUse`. The transaction is the caller's.
    """
    await refuse_in_use(connection, changes)
    versions = tables.configuration_versions
    found = (await connection.execute(select(func.count()).select_from(versions))).scalar_one()
    if not found and before:
        row = {"at": at, "by": BEFORE_ALL, "text": write_business(before), "note": "", "changes": None}
        await connection.execute(insert(versions).values(row))
    await _put(connection, after, changes)
    await _remove(connection, changes)
    kept = {
        "at": at,
        "by": by,
        "text": write_business(after) if text is None else text,
        "note": note,
        "changes": _encoder.encode(tuple(changes)).decode(),
    }
    made = await connection.execute(insert(versions).values(kept).returning(versions.c.version))
    version = int(made.scalar_one())
    detail = "\n".join([*([note] if note else []), *map(str, changes)])
    await add_audit(
        connection, at=at, by=by, action="configuration_applied", subject=f"version {version}", detail=detail
    )
    return version


async def list_versions(
    connection: AsyncConnection, *, limit: int, before: int | None = None
) -> tuple[ConfigurationVersion, ...]:
    """The newest versions, or those older than `before`, the newest first, without their texts."""
    table = tables.configuration_versions
    query = select(table.c.version, table.c.at, table.c.by, table.c.note, table.c.changes).limit(limit)
    if before is not None:
        query = query.where(table.c.version < before)
    rows = (await connection.execute(query.order_by(table.c.version.desc()))).all()
    return tuple(
        ConfigurationVersion(
            version=row.version, at=row.at, by=row.by, text="", note=row.note, changes=_changes(row.changes)
        )
        for row in rows
    )


async def read_version(connection: AsyncConnection, version: int) -> ConfigurationVersion:
    """One version; `NotFound` when there is none of this number."""
    table = tables.configuration_versions
    row = (await connection.execute(table.select().where(table.c.version == version))).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no version {version} of the configuration; `callcenter config history` lists them",
            code="unknown_version",
        )
    return _version(row)


async def version_before(connection: AsyncConnection, version: int) -> ConfigurationVersion | None:
    """The newest version that is older than this one."""
    table = tables.configuration_versions
    query = table.select().where(table.c.version < version).order_by(table.c.version.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _version(row)


async def newest_version(connection: AsyncConnection) -> int:
    """Its number; 0 before the first."""
    query = select(func.coalesce(func.max(tables.configuration_versions.c.version), 0))
    return int((await connection.execute(query)).scalar_one())


async def users_of(connection: AsyncConnection, agent_ids: Sequence[AgentId]) -> dict[AgentId, str]:
    """The login names that sit at these agents' desks."""
    table = tables.users
    query = select(table.c.agent_id, table.c.name).where(table.c.agent_id.in_(agent_ids)).order_by(table.c.name)
    return {AgentId(row.agent_id): row.name for row in (await connection.execute(query)).all()}


async def agents_without_secret(connection: AsyncConnection) -> tuple[AgentId, ...]:
    """Whose SIP account cannot be made yet."""
    query = select(tables.agents.c.agent_id).where(tables.agents.c.phone_secret.is_(None)).order_by("agent_id")
    return tuple(AgentId(found) for found in (await connection.execute(query)).scalars())


def _version(row: Row[tuple[str, ...]]) -> ConfigurationVersion:
    return ConfigurationVersion(
        version=row.version, at=row.at, by=row.by, text=row.text, note=row.note, changes=_changes(row.changes)
    )


def _changes(kept: str | None) -> tuple[Change, ...] | None:
    return None if kept is None else _decoder.decode(kept)


async def _put(connection: AsyncConnection, after: Business, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.kind is ChangeKind.REMOVED:
            continue
        if change.part in HOUSE_PARTS:
            await put_house_rule(connection, change.part, change.item, after.part(change.part)[change.item])
            continue
        match change.part:
            case Part.SKILLS:
                await put_skill(connection, SkillId(change.item), after.skills[SkillId(change.item)])
            case Part.HOURS:
                await put_hours(connection, change.item, after.hours[change.item])
            case Part.QUEUES:
                entry = after.queues[QueueId(change.item)]
                await put_queue(connection, entry.config, hours=entry.hours)
            case Part.AGENTS:
                await put_agent(connection, after.agents[AgentId(change.item)])
            case Part.NUMBERS:
                await put_number(connection, after.numbers[change.item])
            case Part.ALERTS:
                await put_alert_rule(connection, after.alerts[change.item])
            case _:
                pass  # They are put as one list, below.
    touched = {change.part for change in changes}
    if Part.REASONS in touched:
        await put_reasons(connection, tuple(after.reasons.values()))
    if Part.DISPOSITIONS in touched:
        await put_dispositions(connection, tuple(after.dispositions.values()))


async def _remove(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """What needed skills and opening hours is gone or changed before they go."""
    keys: dict[Part, tuple[Table, str]] = {
        Part.ALERTS: (alert_rules, "alert_id"),
        Part.NUMBERS: (tables.numbers, "dnis"),
        Part.QUEUES: (tables.queues, "queue_id"),
        Part.HOURS: (tables.hours, "hours_id"),
        Part.AGENTS: (tables.agents, "agent_id"),
        Part.SKILLS: (tables.skills, "skill_id"),
    }
    for part, (table, key) in keys.items():
        gone = [change.item for change in changes if change.part is part and change.kind is ChangeKind.REMOVED]
        for item in gone:
            await connection.execute(delete(table).where(table.c[key] == item))
    for change in changes:
        if change.part in HOUSE_PARTS and change.kind is ChangeKind.REMOVED:
            await drop_house_rule(connection, change.part, change.item)


async def _open_calls(connection: AsyncConnection, queue_id: QueueId) -> int:
    table = tables.interactions
    query = select(func.count()).select_from(table).where(table.c.ended_at.is_(None), table.c.queue_id == queue_id)
    return int((await connection.execute(query)).scalar_one())


async def _state(connection: AsyncConnection, agent_id: AgentId) -> str | None:
    query = select(tables.agents.c.state).where(tables.agents.c.agent_id == agent_id)
    return (await connection.execute(query)).scalar_one_or_none()
