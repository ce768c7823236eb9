"""Why an interaction went to an agent, in words of both languages and as data."""

from datetime import datetime

from callcenter.acd.roster import AgentRecord
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain.labels import Label
from callcenter.domain.offers import OfferReason, ReasonPart
from callcenter.domain.queues import AgentChoice, QueueConfig

_CHOICE = {
    AgentChoice.LONGEST_IDLE: ("longest idle", "空闲最久"),
    AgentChoice.SPECIALISTS_FIRST: ("fewest other skills, idle", "其他技能最少，空闲"),
    AgentChoice.HIGHEST_LEVEL: ("highest level, idle", "技能等级最高，空闲"),
    AgentChoice.LEAST_OCCUPIED: ("least occupied today, idle", "今日最不繁忙，空闲"),
    AgentChoice.FEWEST_ANSWERED: ("fewest answered today, idle", "今日接听最少，空闲"),
    AgentChoice.ROUND_ROBIN: ("his turn, idle", "轮到该坐席，空闲"),
    AgentChoice.FIXED_ORDER: ("first in the fixed order, idle", "固定顺序最先，空闲"),
    AgentChoice.WEIGHTED: ("by weight, idle", "按权重，空闲"),
}
_GROUNDS_ZH = {
    "class": "客户等级",
    "open": "有未结投诉",
    "language": "语言",
    "transferred": "转接而来",
    "limited": "上限",
}


def clock_text(seconds: int) -> str:
    """Seconds as `hh:mm:ss`."""
    minutes, second = divmod(max(seconds, 0), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}"


def explain_offer(
    agent: AgentRecord, waiting: WaitingRecord, queue: QueueConfig, free_agents: int, now: datetime
) -> OfferReason:
    """The grounds of an offer that is being made to `agent`, one of `free_agents` who could take it."""
    rule = waiting.pool.text
    idle = clock_text(int((now - (agent.ready_since or now)).total_seconds()))
    parts = [
        ReasonPart(name="skills", value=rule),
        ReasonPart(name="idle", value=idle),
        ReasonPart(name="ready_agents", value=str(free_agents)),
        ReasonPart(name="choice", value=queue.agent_choice),
    ]
    en, zh = [], []
    if rule:
        en.append(f"skills {rule}")
        zh.append(f"技能 {rule}")
    if waiting.reserved_for == agent.agent_id:
        en.append("picked for this agent" if waiting.picked else "kept for this agent")
        zh.append("由班长指派" if waiting.picked else "为该坐席保留")
        parts.append(ReasonPart(name="kept_for", value="supervisor" if waiting.picked else "queue"))
    choice_en, choice_zh = _CHOICE[queue.agent_choice]
    en.append(f"{choice_en} {idle}")
    zh.append(f"{choice_zh} {idle}")
    if waiting.step:
        en.append(f"step {waiting.step + 1} of {len(queue.routing)}")
        zh.append(f"第 {waiting.step + 1} 步，共 {len(queue.routing)} 步")
        parts.append(ReasonPart(name="step", value=str(waiting.step + 1)))
    if waiting.aged:
        en.append("waited longer than the ageing limit")
        zh.append("等待超过老化时限")
        parts.append(ReasonPart(name="aged", value="true"))
    if waiting.callback is not None:
        en.append("callback")
        zh.append("回呼")
        parts.append(ReasonPart(name="callback", value="true"))
    if waiting.priority:
        en.append(f"priority {waiting.priority:+d}")
        zh.append(f"优先级 {waiting.priority:+d}")
        parts.append(ReasonPart(name="priority", value=str(waiting.priority)))
    for ground in waiting.grounds:
        en.append(f"{ground.name} {ground.value}")
        zh.append(f"{_ground_zh(ground.name)} {ground.value}")
        parts.append(ground)
    return OfferReason(text=Label(zh="；".join(zh), en="; ".join(en)), parts=tuple(parts))


def _ground_zh(name: str) -> str:
    first, _, rest = name.partition(" ")
    known = _GROUNDS_ZH.get(first, name)
    return f"{known} {rest}" if first in ("class", "language") else known
