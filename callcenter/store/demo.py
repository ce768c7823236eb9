"""The demo's data: queues, agents, numbers, hours, codes, logins and some customers with history.

Loading it again leaves alone what a person has changed since; only passwords and phone secrets follow the caller.
Every name in it says that it is made up.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from sqlalchemy import Column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.business_items import HoursEntry, ReasonCode
from callcenter.app.ports import CodeLabel, NumberRoute, User
from callcenter.app.sessions import hash_password
from callcenter.domain.agents import AgentConfig
from callcenter.domain.alerts import AlertKind, AlertRule, usual_margin
from callcenter.domain.hours import Interval
from callcenter.domain.ids import AgentId, QueueId, SkillId, UserId
from callcenter.domain.labels import Label
from callcenter.domain.queues import Boosts, QueueConfig, RoutingStep
from callcenter.domain.rule_text import parse_rule
from callcenter.domain.skills import SkillRequirement
from callcenter.domain.surveys import SurveyRules
from callcenter.domain.waiting_rules import UnusualLoad, WaitingRules
from callcenter.store import tables
from callcenter.store.alert_tables import alert_rules
from callcenter.store.alerts import put_alert_rule
from callcenter.store.configuration import (
    put_agent,
    put_dispositions,
    put_hours,
    put_number,
    put_phone_secret,
    put_queue,
    put_reasons,
    put_skill,
)
from callcenter.store.database import Database
from callcenter.store.demo_customers import load_demo_customers
from callcenter.store.demo_sales import load_demo_sales
from callcenter.store.users import put_password_hash, put_user

SKILLS = {
    "sales": Label(zh="销售", en="Sales"),
    "support": Label(zh="技术支持", en="Support"),
    "zh": Label(zh="中文", en="Chinese"),
    "en": Label(zh="英语", en="English"),
}

SURVEY = SurveyRules(flow="survey", percent=100, rest=timedelta())
"""Everybody, every time: whoever tries the demo hears it."""

QUEUES = (
    QueueConfig(
        queue_id=QueueId("sales"),
        label=Label(zh="销售", en="Sales"),
        required=(SkillRequirement(skill=SkillId("sales")),),
        script=Label(
            zh="您好，{customer.name}，我是{queue.name}的{agent.name}。\n请问有什么可以帮您？\n"
            "结束前：确认联系电话 {caller.number}。",
            en="Hello {customer.name}, this is {agent.name} of {queue.name}.\nHow can I help you?\n"
            "Before the end: confirm the number {caller.number}.",
        ),
        survey=SURVEY,
        waiting=WaitingRules(
            unusual=UnusualLoad(waiting_above=8),
            information=("say_more_languages",),
            information_interval=timedelta(seconds=25),
        ),
    ),
    QueueConfig(
        queue_id=QueueId("support"),
        label=Label(zh="技术支持", en="Support"),
        steps=(
            RoutingStep(after=timedelta(), who=parse_rule("support>=5 and lang=caller")),
            RoutingStep(after=timedelta(seconds=20), who=parse_rule("support>=1"), priority=5),
            RoutingStep(after=timedelta(seconds=90), who=parse_rule("support>=1"), priority=10, announce="busy"),
        ),
        boosts=Boosts(classes={"A": 20, "B": 10}, open_complaint=15, limit=30),
        expected_handle_time=timedelta(minutes=5),
        survey=SURVEY,
        waiting=WaitingRules(
            unusual=UnusualLoad(waiting_above=5, wait_above=timedelta(minutes=10)),
            information=("have_number_ready", "say_more_languages"),
            information_interval=timedelta(seconds=20),
            ask_on_entry=True,
            ask_again_after=timedelta(minutes=2),
            message=True,
            self_service="service",
        ),
    ),
    QueueConfig(
        queue_id=QueueId("operator"),
        label=Label(zh="总机", en="Operator"),
        wrap_up=timedelta(seconds=10),
        survey=SURVEY,
    ),
)

SUPERVISOR_AGENT = AgentId("1000")
"""The supervisor's own desk and phone: whoever takes a caller over speaks as an agent. He has no skills and takes the
calls of no queue unless he makes himself ready."""

AGENT_SKILLS: dict[str, dict[str, int]] = {
    "1001": {"sales": 8, "support": 5, "zh": 10, "en": 7},
    "1002": {"sales": 7, "support": 5, "zh": 7, "en": 10},
    "1003": {"sales": 4, "support": 9, "zh": 10, "en": 5},
    "1004": {"sales": 4, "support": 8, "zh": 5, "en": 10},
    "1005": {"sales": 9, "zh": 10, "en": 2},
    "1006": {"sales": 6, "en": 10},
    "1007": {"support": 7, "zh": 10},
    "1008": {"support": 6, "en": 10, "zh": 2},
    "1009": {"sales": 1, "support": 1, "zh": 8, "en": 8},
    "1010": {"zh": 10, "en": 6},
}
"""1010 answers for the operator alone."""

NUMBERS = (
    NumberRoute(dnis="4000", flow="main", label=Label(zh="总机菜单", en="Main menu")),
    NumberRoute(dnis="4001", flow="sales", label=Label(zh="销售专线", en="Sales line")),
    NumberRoute(dnis="4002", flow="support", label=Label(zh="技术支持专线", en="Support line")),
    NumberRoute(dnis="4003", flow="service", label=Label(zh="自助服务", en="Self-service")),
)

HOURS = {
    "office": HoursEntry(
        timezone="Asia/Shanghai",
        week=dict.fromkeys(range(5), (Interval(opens=time(9), closes=time(18)),)),
        holidays="CN",
    ),
}
"""What the self-service tells: its flow asks for the hours of this name."""

REASONS = (
    ReasonCode(code="break", label=Label(zh="小休", en="Break"), limit=timedelta(minutes=15)),
    ReasonCode(code="lunch", label=Label(zh="午餐", en="Lunch"), limit=timedelta(minutes=45)),
    ReasonCode(code="training", label=Label(zh="培训", en="Training")),
    ReasonCode(code="meeting", label=Label(zh="会议", en="Meeting")),
    ReasonCode(code="back_office", label=Label(zh="后台工作", en="Back office")),
)

ALERTS = (
    AlertRule(
        alert_id="many_waiting",
        label=Label(zh="排队过多", en="Many wait"),
        kind=AlertKind.WAITING,
        threshold=5,
        margin=usual_margin(AlertKind.WAITING, 5),
        hold=timedelta(seconds=10),
    ),
    AlertRule(
        alert_id="long_wait",
        label=Label(zh="等待过久", en="A long wait"),
        kind=AlertKind.LONGEST_WAIT,
        threshold=120,
        margin=usual_margin(AlertKind.LONGEST_WAIT, 120),
        hold=timedelta(seconds=5),
    ),
    AlertRule(
        alert_id="service_level",
        label=Label(zh="服务水平偏低", en="Low service level"),
        kind=AlertKind.SERVICE_LEVEL,
        threshold=70,
        margin=usual_margin(AlertKind.SERVICE_LEVEL, 70),
        hold=timedelta(minutes=1),
    ),
    AlertRule(
        alert_id="nobody_serves",
        label=Label(zh="无人值守", en="Nobody serves"),
        kind=AlertKind.NOBODY_SERVES,
        hold=timedelta(minutes=1),
    ),
    AlertRule(
        alert_id="trunk_down",
        label=Label(zh="中继中断", en="Trunk down"),
        kind=AlertKind.TRUNK_DOWN,
        hold=timedelta(seconds=20),
    ),
    AlertRule(
        alert_id="missed_twice",
        label=Label(zh="连续未接", en="Calls missed in a row"),
        kind=AlertKind.MISSED_OFFERS,
        threshold=2,
    ),
)

DISPOSITIONS = (
    CodeLabel(code="resolved", label=Label(zh="已解决", en="Resolved")),
    CodeLabel(code="follow_up", label=Label(zh="需要跟进", en="Follow-up needed")),
    CodeLabel(code="sale", label=Label(zh="成交", en="Sale")),
    CodeLabel(code="complaint", label=Label(zh="投诉", en="Complaint")),
    CodeLabel(code="information", label=Label(zh="咨询", en="Information given")),
    CodeLabel(code="callback_promised", label=Label(zh="承诺回电", en="Callback promised")),
    CodeLabel(code="wrong_number", label=Label(zh="打错号码", en="Wrong number")),
)


async def load_demo(
    database: Database, *, password_hash: str, phone_secret: Callable[[AgentId], str], now: datetime
) -> None:
    """Put in what is missing, in one transaction; set everyone's password and the agents' phone secrets."""
    async with database.writing() as connection:
        await _load_configuration(connection)
        await _load_lines(connection)
        for agent_id in (SUPERVISOR_AGENT, *map(AgentId, AGENT_SKILLS)):
            await put_phone_secret(connection, agent_id, phone_secret(agent_id))
        await _load_users(connection, password_hash)
        new = await load_demo_customers(connection, now)
        await load_demo_sales(connection, new, now, hash_password)


async def _load_configuration(connection: AsyncConnection) -> None:
    known = await _present(connection, tables.skills.c.skill_id)
    for skill, label in SKILLS.items():
        if skill not in known:
            await put_skill(connection, SkillId(skill), label)
    known = await _present(connection, tables.queues.c.queue_id)
    for queue in QUEUES:
        if queue.queue_id not in known:
            await put_queue(connection, queue)
    known = await _present(connection, tables.agents.c.agent_id)
    for agent_id, levels in AGENT_SKILLS.items():
        if agent_id not in known:
            skills = {SkillId(skill): level for skill, level in levels.items()}
            await put_agent(
                connection, AgentConfig(agent_id=AgentId(agent_id), name=f"Agent {agent_id}", skills=skills)
            )
    if SUPERVISOR_AGENT not in known:
        await put_agent(connection, AgentConfig(agent_id=SUPERVISOR_AGENT, name="Supervisor", skills={}))
    if not await _present(connection, alert_rules.c.alert_id):
        for rule in ALERTS:
            await put_alert_rule(connection, rule)
    if not await _present(connection, tables.reasons.c.code):
        await put_reasons(connection, REASONS)
    if not await _present(connection, tables.dispositions.c.code):
        await put_dispositions(connection, DISPOSITIONS)


async def _load_lines(connection: AsyncConnection) -> None:
    """The numbers to dial, and the hours that their flows tell."""
    known = await _present(connection, tables.hours.c.hours_id)
    for hours_id, entry in HOURS.items():
        if hours_id not in known:
            await put_hours(connection, hours_id, entry)
    known = await _present(connection, tables.numbers.c.dnis)
    for route in NUMBERS:
        if route.dnis not in known:
            await put_number(connection, route)


async def _load_users(connection: AsyncConnection, password_hash: str) -> None:
    known = await _present(connection, tables.users.c.user_id)
    for user in _users(password_hash):
        if user.user_id in known:
            await put_password_hash(connection, user.user_id, password_hash)
        else:
            await put_user(connection, user)
    await _give_supervisor_his_desk(connection)


async def _give_supervisor_his_desk(connection: AsyncConnection) -> None:
    """In databases made before he had one; a login that sits at another desk, or is no supervisor's now, stays."""
    users = tables.users
    await connection.execute(
        update(users)
        .where(users.c.name == "super", users.c.role == "supervisor", users.c.agent_id.is_(None))
        .where(~select(users.c.user_id).where(users.c.agent_id == SUPERVISOR_AGENT).correlate(None).exists())
        .values(agent_id=SUPERVISOR_AGENT)
    )


async def _present(connection: AsyncConnection, column: Column[str]) -> frozenset[str]:
    return frozenset((await connection.execute(select(column))).scalars())


def _users(password_hash: str) -> list[User]:
    agents = [
        User(
            user_id=UserId(f"user-{agent_id}"),
            name=agent_id,
            display_name=f"Agent {agent_id}",
            role="agent",
            agent_id=AgentId(agent_id),
            language="zh" if int(agent_id) % 2 else "en",
            password_hash=password_hash,
        )
        for agent_id in AGENT_SKILLS
    ]
    others = [
        User(
            user_id=UserId(f"user-{name}"),
            name=name,
            display_name=display_name,
            role=role,
            agent_id=agent_id,
            language="zh",
            password_hash=password_hash,
        )
        for name, display_name, role, agent_id in (
            ("super", "Supervisor", "supervisor", SUPERVISOR_AGENT),
            ("admin", "Administrator", "administrator", None),
        )
    ]
    return agents + others
