"""What the business sets, as the server reads it and as single items are written; as one whole: business.py."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.business_items import HoursEntry, QueueEntry, ReasonCode
from callcenter.app.opening_hours import opening_hours
from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig, NotReadyReason, Phone, PhoneKind
from callcenter.domain.errors import NotFound
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.rule_documents import (
    decode_hours,
    encode_agent_rules,
    encode_hours,
    encode_queue_rules,
    with_agent_rules,
    with_queue_rules,
)
from callcenter.store.upsert import upsert_into


class StoredConfiguration:
    """Implements `callcenter.app.ports.Configuration`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queues(self) -> tuple[QueueConfig, ...]:
        """All queues, by id."""
        async with self._database.reading() as connection:
            return await read_queues(connection)

    async def agents(self) -> tuple[AgentConfig, ...]:
        """All agents, by id."""
        async with self._database.reading() as connection:
            return await read_agents(connection)

    async def numbers(self) -> tuple[NumberRoute, ...]:
        """Which dialled number leads where."""
        async with self._database.reading() as connection:
            return await read_numbers(connection)

    async def reasons(self) -> tuple[CodeLabel, ...]:
        """Why an agent may be not ready, in the administrator's order."""
        return tuple(CodeLabel(code=reason.code, label=reason.label) for reason in await self._reasons())

    async def not_ready_reasons(self) -> tuple[NotReadyReason, ...]:
        """The same reasons with their time limits."""
        return tuple(reason.rule for reason in await self._reasons())

    async def dispositions(self) -> tuple[CodeLabel, ...]:
        """Result codes of wrap-up, in the administrator's order."""
        async with self._database.reading() as connection:
            return await read_dispositions(connection)

    async def version(self) -> int:
        """A number that grows with whatever is applied or published; 0 when nothing ever was."""
        published = select(func.count()).select_from(tables.flow_publications).scalar_subquery()
        query = select(func.coalesce(func.max(tables.configuration_versions.c.version), 0) + published)
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def set_agent_phone(self, agent_id: AgentId, phone: Phone) -> None:
        """Remember which phone the agent chose; `NotFound` when there is no such agent."""
        table = tables.agents
        change = update(table).where(table.c.agent_id == agent_id)
        async with self._database.writing() as connection:
            done = await connection.execute(change.values(phone_kind=phone.kind, phone_address=phone.address))
        if done.rowcount == 0:
            raise NotFound(f"there is no agent {agent_id}", code="unknown_agent")

    async def close_queue(self, queue_id: QueueId, *, by: str, at: datetime) -> None:
        """Remember that a supervisor closed a queue in an emergency; `NotFound` when there is none."""
        row = {"queue_id": queue_id, "closed_by": by, "closed_at": at}
        known = select(tables.queues.c.queue_id).where(tables.queues.c.queue_id == queue_id)
        async with self._database.writing() as connection:
            if (await connection.execute(known)).first() is None:
                raise NotFound(f"there is no queue {queue_id}", code="unknown_queue")
            await connection.execute(upsert_into(connection, tables.queue_closings), [row])

    async def open_queue(self, queue_id: QueueId) -> None:
        """Remember that the emergency is over; nothing happens when there was none."""
        table = tables.queue_closings
        async with self._database.writing() as connection:
            await connection.execute(delete(table).where(table.c.queue_id == queue_id))

    async def phone_secret(self, agent_id: AgentId) -> str | None:
        """The secret of the agent's SIP account."""
        query = select(tables.agents.c.phone_secret).where(tables.agents.c.agent_id == agent_id)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def phone_secrets(self) -> dict[AgentId, str]:
        """The secrets of all SIP accounts, for the exchange's configuration files."""
        query = select(tables.agents.c.agent_id, tables.agents.c.phone_secret)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by("agent_id"))).all()
        return {AgentId(row.agent_id): row.phone_secret for row in rows if row.phone_secret is not None}

    async def hours(self) -> Mapping[str, OpeningHours]:
        """The opening hours by their ids; raises `DamagedRules`."""
        async with self._database.reading() as connection:
            entries = await read_hours(connection)
        return await asyncio.to_thread(lambda: {name: opening_hours(entry) for name, entry in entries.items()})

    async def _reasons(self) -> tuple[ReasonCode, ...]:
        async with self._database.reading() as connection:
            return await read_reasons(connection)


async def read_skills(connection: AsyncConnection) -> dict[SkillId, Label]:
    """All skills with what people read, by id."""
    rows = (await connection.execute(tables.skills.select().order_by("skill_id"))).all()
    return {SkillId(row.skill_id): Label(zh=row.label_zh, en=row.label_en) for row in rows}


async def read_hours(connection: AsyncConnection) -> dict[str, HoursEntry]:
    """All opening hours, by id."""
    rows = (await connection.execute(tables.hours.select().order_by("hours_id"))).all()
    return {row.hours_id: decode_hours(row.hours_id, row.rules) for row in rows}


async def read_queues(connection: AsyncConnection) -> tuple[QueueConfig, ...]:
    """All queues, by id, as the routing wants them: with their opening hours, and closed where a supervisor said so."""
    entries = await read_queue_entries(connection)
    hours = await read_hours(connection)
    closed = {row.queue_id: row.closed_by for row in (await connection.execute(tables.queue_closings.select())).all()}
    used = {entry.hours for entry in entries if entry.hours}
    # The first look at a country's holidays takes longer than anybody on a call may wait.
    days = await asyncio.to_thread(lambda: {name: opening_hours(hours[name]) for name in sorted(used)})
    return tuple(
        replace(
            entry.config,
            limits=replace(entry.config.limits, hours=days.get(entry.hours)),
            closed_by=closed.get(entry.config.queue_id, ""),
        )
        for entry in entries
    )


async def read_queue_entries(connection: AsyncConnection) -> tuple[QueueEntry, ...]:
    """All queues, by id, as the business sets them."""
    needs: dict[str, list[SkillRequirement]] = {}
    rows = (await connection.execute(tables.queues.select().order_by("queue_id"))).all()
    ordered = tables.queue_skills.select().order_by("queue_id", "position")
    for row in (await connection.execute(ordered)).all():
        need = SkillRequirement(skill=SkillId(row.skill_id), minimum_level=row.minimum_level)
        needs.setdefault(row.queue_id, []).append(need)
    found = []
    for row in rows:
        queue = QueueConfig(
            queue_id=QueueId(row.queue_id),
            label=Label(zh=row.label_zh, en=row.label_en),
            required=tuple(needs.get(row.queue_id, ())),
            ring_timeout=row.ring_timeout_seconds,
            wrap_up=row.wrap_up_seconds,
            service_level_threshold=row.service_level_threshold_seconds,
            expected_handle_time=row.expected_handle_time_seconds,
            announce_first_after=row.announce_first_after_seconds,
            announce_interval=row.announce_interval_seconds,
            music_class=row.music_class,
        )
        found.append(QueueEntry(config=with_queue_rules(queue, row.rules), hours=row.hours_id or ""))
    return tuple(found)


async def read_agents(connection: AsyncConnection) -> tuple[AgentConfig, ...]:
    """All agents, by id."""
    levels: dict[str, dict[SkillId, int]] = {}
    rows = (await connection.execute(tables.agents.select().order_by("agent_id"))).all()
    ordered = tables.agent_skills.select().order_by("agent_id", "skill_id")
    for row in (await connection.execute(ordered)).all():
        levels.setdefault(row.agent_id, {})[SkillId(row.skill_id)] = row.level
    return tuple(
        with_agent_rules(
            AgentConfig(
                agent_id=AgentId(row.agent_id),
                name=row.name,
                skills=levels.get(row.agent_id, {}),
                phone=Phone(kind=PhoneKind(row.phone_kind), address=row.phone_address),
            ),
            row.rules,
        )
        for row in rows
    )


async def read_numbers(connection: AsyncConnection) -> tuple[NumberRoute, ...]:
    """Which dialled number leads where, by number."""
    rows = (await connection.execute(tables.numbers.select().order_by("dnis"))).all()
    return tuple(
        NumberRoute(dnis=row.dnis, flow=row.flow, label=Label(zh=row.label_zh, en=row.label_en)) for row in rows
    )


async def read_reasons(connection: AsyncConnection) -> tuple[ReasonCode, ...]:
    """The reasons, in the administrator's order."""
    rows = (await connection.execute(tables.reasons.select().order_by("position", "code"))).all()
    return tuple(
        ReasonCode(
            code=row.code,
            label=Label(zh=row.label_zh, en=row.label_en),
            limit=row.limit_seconds,
            warn_before=row.warn_before_seconds,
        )
        for row in rows
    )


async def read_dispositions(connection: AsyncConnection) -> tuple[CodeLabel, ...]:
    """The dispositions, in the administrator's order."""
    rows = (await connection.execute(tables.dispositions.select().order_by("position", "code"))).all()
    return tuple(CodeLabel(code=row.code, label=Label(zh=row.label_zh, en=row.label_en)) for row in rows)


async def put_skill(connection: AsyncConnection, skill_id: SkillId, label: Label) -> None:
    """Make or change a skill."""
    row = {"skill_id": skill_id, "label_zh": label.zh, "label_en": label.en}
    await connection.execute(upsert_into(connection, tables.skills), [row])


async def put_hours(connection: AsyncConnection, hours_id: str, entry: HoursEntry) -> None:
    """Make or change opening hours."""
    row = {"hours_id": hours_id, "rules": encode_hours(entry)}
    await connection.execute(upsert_into(connection, tables.hours), [row])


async def put_queue(connection: AsyncConnection, queue: QueueConfig, *, hours: str = "") -> None:
    """Make or change a queue; the skills it requires and the opening hours `hours` must be there.

    A supervisor's closing stays as it is.
    """
    row = {
        "queue_id": queue.queue_id,
        "label_zh": queue.label.zh,
        "label_en": queue.label.en,
        "ring_timeout_seconds": queue.ring_timeout,
        "wrap_up_seconds": queue.wrap_up,
        "service_level_threshold_seconds": queue.service_level_threshold,
        "expected_handle_time_seconds": queue.expected_handle_time,
        "announce_first_after_seconds": queue.announce_first_after,
        "announce_interval_seconds": queue.announce_interval,
        "music_class": queue.music_class,
        "hours_id": hours or None,
        "rules": encode_queue_rules(queue),
    }
    await connection.execute(upsert_into(connection, tables.queues), [row])
    needs = [
        {
            "queue_id": queue.queue_id,
            "position": position,
            "skill_id": need.skill,
            "minimum_level": need.minimum_level,
        }
        for position, need in enumerate(queue.required)
    ]
    table = tables.queue_skills
    await connection.execute(delete(table).where(table.c.queue_id == queue.queue_id))
    if needs:
        await connection.execute(insert(table), needs)


async def put_agent(connection: AsyncConnection, agent: AgentConfig) -> None:
    """Make or change an agent; his skills must be there, his state and his phone's secret stay as they are."""
    row = {
        "agent_id": agent.agent_id,
        "name": agent.name,
        "phone_kind": agent.phone.kind,
        "phone_address": agent.phone.address,
        "rules": encode_agent_rules(agent),
    }
    upsert = upsert_into(connection, tables.agents, only=("name", "phone_kind", "phone_address", "rules"))
    await connection.execute(upsert, [row])
    levels = [{"agent_id": agent.agent_id, "skill_id": skill, "level": level} for skill, level in agent.skills.items()]
    table = tables.agent_skills
    await connection.execute(delete(table).where(table.c.agent_id == agent.agent_id))
    if levels:
        await connection.execute(insert(table), levels)


async def put_phone_secret(connection: AsyncConnection, agent_id: AgentId, secret: str) -> None:
    """Set the secret of the agent's SIP account; `NotFound` when there is no such agent."""
    change = update(tables.agents).where(tables.agents.c.agent_id == agent_id)
    if (await connection.execute(change.values(phone_secret=secret))).rowcount == 0:
        raise NotFound(f"there is no agent {agent_id}", code="unknown_agent")


async def put_number(connection: AsyncConnection, route: NumberRoute) -> None:
    """Make or change what a dialled number leads to."""
    row = {"dnis": route.dnis, "flow": route.flow, "label_zh": route.label.zh, "label_en": route.label.en}
    await connection.execute(upsert_into(connection, tables.numbers), [row])


async def put_reasons(connection: AsyncConnection, reasons: Sequence[ReasonCode]) -> None:
    """Make these the reasons, in this order."""
    rows: list[dict[str, object]] = [
        {
            "code": reason.code,
            "position": position,
            "label_zh": reason.label.zh,
            "label_en": reason.label.en,
            "limit_seconds": reason.limit,
            "warn_before_seconds": reason.warn_before,
        }
        for position, reason in enumerate(reasons)
    ]
    await _put_rows(connection, tables.reasons, rows)


async def put_dispositions(connection: AsyncConnection, codes: Sequence[CodeLabel]) -> None:
    """Make these the dispositions, in this order."""
    rows: list[dict[str, object]] = [
        {"code": code.code, "position": position, "label_zh": code.label.zh, "label_en": code.label.en}
        for position, code in enumerate(codes)
    ]
    await _put_rows(connection, tables.dispositions, rows)


async def _put_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    await connection.execute(delete(table))
    if rows:
        await connection.execute(insert(table), rows)
