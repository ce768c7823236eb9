"""What the business sets, as the server reads it and as single items are written; as one whole: business.py."""

from collections.abc import Sequence

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import CodeLabel, NumberRoute
from callcenter.domain.agents import AgentConfig, Phone, PhoneKind
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, QueueId, SkillId
from callcenter.domain.labels import Label
from callcenter.domain.queues import QueueConfig
from callcenter.domain.skills import SkillRequirement
from callcenter.store import tables
from callcenter.store.database import Database
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
        async with self._database.reading() as connection:
            return await read_codes(connection, tables.reasons)

    async def dispositions(self) -> tuple[CodeLabel, ...]:
        """Result codes of wrap-up, in the administrator's order."""
        async with self._database.reading() as connection:
            return await read_codes(connection, tables.dispositions)

    async def version(self) -> int:
        """The number of the present configuration; 0 when none was ever applied."""
        query = select(func.coalesce(func.max(tables.configuration_versions.c.version), 0))
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


async def read_skills(connection: AsyncConnection) -> dict[SkillId, Label]:
    """All skills with what people read, by id."""
    rows = (await connection.execute(tables.skills.select().order_by("skill_id"))).all()
    return {SkillId(row.skill_id): Label(zh=row.label_zh, en=row.label_en) for row in rows}


async def read_queues(connection: AsyncConnection) -> tuple[QueueConfig, ...]:
    """All queues, by id."""
    needs: dict[str, list[SkillRequirement]] = {}
    rows = (await connection.execute(tables.queues.select().order_by("queue_id"))).all()
    ordered = tables.queue_skills.select().order_by("queue_id", "position")
    for row in (await connection.execute(ordered)).all():
        need = SkillRequirement(skill=SkillId(row.skill_id), minimum_level=row.minimum_level)
        needs.setdefault(row.queue_id, []).append(need)
    return tuple(
        QueueConfig(
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
        for row in rows
    )


async def read_agents(connection: AsyncConnection) -> tuple[AgentConfig, ...]:
    """All agents, by id."""
    levels: dict[str, dict[SkillId, int]] = {}
    rows = (await connection.execute(tables.agents.select().order_by("agent_id"))).all()
    ordered = tables.agent_skills.select().order_by("agent_id", "skill_id")
    for row in (await connection.execute(ordered)).all():
        levels.setdefault(row.agent_id, {})[SkillId(row.skill_id)] = row.level
    return tuple(
        AgentConfig(
            agent_id=AgentId(row.agent_id),
            name=row.name,
            skills=levels.get(row.agent_id, {}),
            phone=Phone(kind=PhoneKind(row.phone_kind), address=row.phone_address),
        )
        for row in rows
    )


async def read_numbers(connection: AsyncConnection) -> tuple[NumberRoute, ...]:
    """Which dialled number leads where, by number."""
    rows = (await connection.execute(tables.numbers.select().order_by("dnis"))).all()
    return tuple(
        NumberRoute(dnis=row.dnis, flow=row.flow, label=Label(zh=row.label_zh, en=row.label_en)) for row in rows
    )


async def read_codes(connection: AsyncConnection, table: Table) -> tuple[CodeLabel, ...]:
    """The reasons or the dispositions, in the administrator's order."""
    rows = (await connection.execute(table.select().order_by("position", "code"))).all()
    return tuple(CodeLabel(code=row.code, label=Label(zh=row.label_zh, en=row.label_en)) for row in rows)


async def put_skill(connection: AsyncConnection, skill_id: SkillId, label: Label) -> None:
    """Make or change a skill."""
    row = {"skill_id": skill_id, "label_zh": label.zh, "label_en": label.en}
    await connection.execute(upsert_into(connection, tables.skills), [row])


async def put_queue(connection: AsyncConnection, queue: QueueConfig) -> None:
    """Make or change a queue; the skills it requires must be there."""
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
    }
    await connection.execute(
        upsert_into(connection, tables.agents, only=("name", "phone_kind", "phone_address")), [row]
    )
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


async def put_reasons(connection: AsyncConnection, codes: Sequence[CodeLabel]) -> None:
    """Make these the reasons, in this order."""
    await _put_codes(connection, tables.reasons, codes)


async def put_dispositions(connection: AsyncConnection, codes: Sequence[CodeLabel]) -> None:
    """Make these the dispositions, in this order."""
    await _put_codes(connection, tables.dispositions, codes)


async def _put_codes(connection: AsyncConnection, table: Table, codes: Sequence[CodeLabel]) -> None:
    await connection.execute(delete(table))
    rows = [
        {"code": code.code, "position": position, "label_zh": code.label.zh, "label_en": code.label.en}
        for position, code in enumerate(codes)
    ]
    if rows:
        await connection.execute(insert(table), rows)
