"""Why an interaction went to an agent, in words of both languages and as data."""

from datetime import datetime

from callcenter.acd.roster import AgentRecord
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain.labels import Label
from callcenter.domain.offers import OfferReason, ReasonPart
from callcenter.domain.queues import QueueConfig


def clock_text(seconds: int) -> str:
    """Seconds as `hh:mm:ss`."""
    minutes, second = divmod(max(seconds, 0), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}"


def explain_offer(
    agent: AgentRecord, waiting: WaitingRecord, queue: QueueConfig, ready_agents: int, now: datetime
) -> OfferReason:
    """The grounds of an offer that is being made to `agent`, one of `ready_agents` who could take it."""
    needs = (*queue.required, *waiting.skills)
    skills = ", ".join(str(need) for need in needs)
    idle = clock_text(int((now - (agent.ready_since or now)).total_seconds()))
    parts = [
        ReasonPart(name="skills", value=skills),
        ReasonPart(name="idle", value=idle),
        ReasonPart(name="ready_agents", value=str(ready_agents)),
    ]
    en, zh = [], []
    if skills:
        en.append(f"skills {skills}")
        zh.append(f"技能 {skills}")
    en.append(f"longest idle {idle}")
    zh.append(f"空闲最久 {idle}")
    if waiting.priority:
        en.append(f"priority {waiting.priority:+d}")
        zh.append(f"优先级 {waiting.priority:+d}")
        parts.append(ReasonPart(name="priority", value=str(waiting.priority)))
    return OfferReason(text=Label(zh="；".join(zh), en="; ".join(en)), parts=tuple(parts))
