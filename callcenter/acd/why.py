"""Why is this caller still waiting? The answer in words of both languages and as data, read off the picture.

Law: it names what keeps him waiting now and what will change it; the engine's own records are read, never guessed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callcenter.acd.picture import Picture
from callcenter.acd.reasons import clock_text
from callcenter.acd.roster import AgentRecord
from callcenter.acd.waiting import WaitingRecord
from callcenter.domain.agents import AgentState, PhoneStatus, Reason
from callcenter.domain.callbacks import Presence
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.labels import Label
from callcenter.domain.offers import ReasonPart
from callcenter.domain.queues import QueueConfig, RoutingStep
from callcenter.domain.rules import Rule, atoms, for_caller, meets

NAMED_AGENTS = 5
"""So many agents are named in a sentence; of more only the number is said."""

KINDS: dict[str, Label] = {
    "offered": Label(zh="正在振铃", en="being rung"),
    "talking": Label(zh="通话中", en="talking"),
    "hold": Label(zh="通话保持中", en="with a caller on hold"),
    "wrap_up": Label(zh="话后处理", en="in wrap-up"),
    "internal_call": Label(zh="与同事通话中", en="on the phone with a colleague"),
    "not_ready": Label(zh="未就绪", en="not ready"),
    "resting": Label(zh="漏接后暂不分配", en="passed over for a moment after a miss"),
    "phone_unreachable": Label(zh="话机无法接通", en="with a phone that cannot be reached"),
    "phone_busy": Label(zh="话机忙", en="with a busy phone"),
    "in_chats": Label(zh="正在处理文字会话", en="kept by chats"),
    "delayed": Label(zh="为他人预留，暂不接此队列", en="held back by their own preference"),
    "free": Label(zh="空闲", en="free"),
    "logged_out": Label(zh="已签出", en="signed out"),
}
"""What an agent who may serve the caller is at, in the order in which it is told."""
OWN_REASONS: dict[str, Label] = {
    Reason.SIGNED_IN: Label(zh="刚刚签入", en="just signed in"),
    Reason.RONA: Label(zh="来电未接听", en="a call was not answered"),
    Reason.REJECTED: Label(zh="拒接来电", en="a call was rejected"),
    Reason.PHONE_BUSY: Label(zh="话机忙", en="phone busy"),
    Reason.PHONE_UNREACHABLE: Label(zh="话机无法接通", en="phone cannot be reached"),
    Reason.DESKTOP_LOST: Label(zh="坐席台失去连接", en="desk was lost"),
    Reason.PHONE_LOST: Label(zh="通话中话机失去连接", en="phone was lost in a talk"),
    Reason.FORCED: Label(zh="由班长设置", en="set by a supervisor"),
}
"""Why the server itself has set an agent not ready; the other reasons are the business's codes."""
_AWAY = frozenset({"not_ready", "phone_unreachable", "logged_out"})
"""These serve nobody until that changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingReason:
    """Why an interaction has not been answered yet."""

    text: Label
    parts: tuple[ReasonPart, ...]


@dataclass(slots=True)
class _Account:
    """Collects sentences and parts."""

    zh: list[str] = field(default_factory=list)
    en: list[str] = field(default_factory=list)
    parts: list[ReasonPart] = field(default_factory=list)

    def say(self, zh: str, en: str) -> None:
        """Add a sentence."""
        self.zh.append(f"{zh}。")
        self.en.append(f"{en}.")

    def note(self, name: str, value: object) -> None:
        """Add a part."""
        self.parts.append(ReasonPart(name=name, value=str(value)))


def why_waiting(picture: Picture, interaction_id: InteractionId, now: datetime, *, routing: bool) -> WaitingReason:
    """What keeps a waiting interaction waiting; `NotFound` (`not_waiting`) when it does not wait."""
    waiting = picture.waiting.get(interaction_id)
    if waiting is None:
        raise NotFound(f"interaction {interaction_id} does not wait in any queue", code="not_waiting")
    config = picture.queues[waiting.queue_id].config
    account = _Account()
    account.note("waited", clock_text(int((now - waiting.entered_at).total_seconds())))
    if not routing:
        account.note("routing", "off")
        account.say("目前不分配来电：与交换机的连接中断", "Nothing is routed now: the exchange is out of reach")
    _tell_callback(account, waiting, now)
    _tell_offers(account, picture, waiting)
    _tell_reservation(account, picture, waiting, now)
    _tell_step(account, picture, waiting, config, now)
    _tell_agents(account, picture, waiting, config, now)
    _tell_competition(account, picture, waiting)
    return WaitingReason(text=Label(zh="".join(account.zh), en=" ".join(account.en)), parts=tuple(account.parts))


def _tell_callback(account: _Account, waiting: WaitingRecord, now: datetime) -> None:
    callback = waiting.callback
    if callback is None or waiting.presence is Presence.PRESENT:
        return
    if waiting.presence is Presence.CALLING:
        account.note("callback", f"calling, attempt {callback.attempts}")
        account.say(
            f"正在回拨客户（第 {callback.attempts} 次）", f"The customer is being called, attempt {callback.attempts}"
        )
        return
    if callback.not_before is not None and callback.not_before > now:
        left = clock_text(int((callback.not_before - now).total_seconds()))
        account.note("callback_not_before", callback.not_before.isoformat())
        account.say(f"此回拨 {left} 后才可进行", f"It is a callback that is not due for another {left}")
        return
    account.note("callback", "waits for its turn")
    account.say("这是回拨，客户已挂机，其位置保留", "It is a callback: the customer has hung up and keeps his place")


def _tell_offers(account: _Account, picture: Picture, waiting: WaitingRecord) -> None:
    offers = [picture.offers[offer_id] for offer_id in waiting.offer_ids if offer_id in picture.offers]
    if not offers:
        return
    names = _named([picture.agents[offer.agent_id] for offer in offers if offer.agent_id in picture.agents])
    account.note("offered_to", ", ".join(sorted(offer.agent_id for offer in offers)))
    account.say(
        f"正在向 {len(offers)} 位坐席振铃：{names}", f"He is being offered to {len(offers)} at this moment: {names}"
    )


def _tell_reservation(account: _Account, picture: Picture, waiting: WaitingRecord, now: datetime) -> None:
    agent = picture.agents.get(waiting.reserved_for) if waiting.reserved_for is not None else None
    if agent is None or waiting.reserved_until is None:
        return
    left = clock_text(int((waiting.reserved_until - now).total_seconds()))
    kind = KINDS[_kind_of(agent, waiting, now)]
    account.note("reserved_for", agent.agent_id)
    account.note("reserved_until", waiting.reserved_until.isoformat())
    account.say(
        f"为坐席 {_name(agent)}（{kind.zh}）保留，还有 {left}",
        f"He is kept for {_name(agent)}, who is {kind.en}, for another {left}",
    )


def _tell_step(account: _Account, picture: Picture, waiting: WaitingRecord, config: QueueConfig, now: datetime) -> None:
    steps = config.routing
    step = min(waiting.step, len(steps) - 1)
    rule = _rule_of(steps[step], waiting)
    account.note("step", f"{step + 1}/{len(steps)}")
    account.note("rule", rule)
    zh, en = _rule_text(rule)
    account.say(
        f"第 {step + 1} 步（共 {len(steps)} 步），可服务者：{zh}",
        f"Step {step + 1} of {len(steps)}: {en} may serve him",
    )
    if step + 1 == len(steps):
        return
    following = steps[step + 1]
    next_rule = _rule_of(following, waiting)
    added = [a for a in picture.agents.values() if meets(a.config, next_rule) and not meets(a.config, rule)]
    at_work = sum(1 for agent in added if _kind_of(agent, waiting, now) not in _AWAY)
    left = clock_text(int((waiting.placed_at + following.after - now).total_seconds()))
    zh, en = _rule_text(next_rule)
    account.note("next_step_in", left)
    account.note("next_rule", next_rule)
    account.note("next_adds", at_work)
    account.say(
        f"{left} 后进入下一步：{zh}，增加在岗坐席 {at_work} 位",
        f"The next step begins in {left}: {en}, which adds {at_work} at work",
    )


def _tell_agents(
    account: _Account, picture: Picture, waiting: WaitingRecord, config: QueueConfig, now: datetime
) -> None:
    steps = config.routing
    rule = _rule_of(steps[min(waiting.step, len(steps) - 1)], waiting)
    able = [agent for agent in picture.agents.values() if _can(agent, rule, waiting)]
    kinds = Counter(_kind_of(agent, waiting, now) for agent in able)
    reasons = Counter(agent.reason or "-" for agent in able if agent.state is AgentState.NOT_READY)
    for kind in KINDS:
        if kinds[kind]:
            account.note(kind, kinds[kind])
    if reasons:
        account.note("not_ready_reasons", ", ".join(f"{code} {count}" for code, count in sorted(reasons.items())))
    if kinds["free"] and not waiting.offer_ids and waiting.reserved_for is None:
        account.note("free_agents", ", ".join(sorted(a.agent_id for a in able if _is_free(a, waiting, now))))
    working = sum(count for kind, count in kinds.items() if kind not in _AWAY)
    account.note("at_work", working)
    told = [kind for kind in KINDS if kinds[kind]]
    zh = "、".join(f"{kinds[kind]} 位{KINDS[kind].zh}" for kind in told)
    en = ", ".join(f"{kinds[kind]} {KINDS[kind].en}" for kind in told)
    if working:
        account.say(f"现在可服务他的坐席：{zh}", f"Of those who may serve him now: {en}")
        return
    account.say("在岗坐席中没有人可以服务他", "Nobody at work may serve him")
    if told:
        account.say(f"可服务者：{zh}", f"Of those who may: {en}")
    missing = list(_missing(picture.agents.values(), rule, waiting, now))
    if missing:
        account.note("missing", ", ".join(map(str, missing)))
        names = ", ".join(map(str, missing))
        account.say(f"在岗坐席中无人具备：{names}", f"No agent at work has {names}")


def _tell_competition(account: _Account, picture: Picture, waiting: WaitingRecord) -> None:
    position = picture.position(waiting.interaction_id)
    if position is None:
        return
    mine = {agent_id for agent_id, agent in waiting.pool.agents.items() if agent.serving}
    shares: dict[int, bool] = {}
    competing = 0
    for other in picture.waiting.values():
        if other is waiting or other.place >= waiting.place:
            continue
        known = shares.get(id(other.pool))
        if known is None:
            known = shares[id(other.pool)] = not mine.isdisjoint(other.pool.agents)
        competing += known
    account.note("position", position)
    account.note("competing", competing)
    if competing:
        account.say(
            f"在其队列中排第 {position} 位；各队列中有 {competing} 位排在他之前并需要同样的坐席",
            f"He stands at place {position} of his queue; {competing} before him, in all queues, want the same agents",
        )
    else:
        account.say("没有人排在他之前", "Nobody who wants the same agents is before him")


def _rule_of(step: RoutingStep, waiting: WaitingRecord) -> Rule:
    return for_caller(step.who, waiting.traits.language, waiting.skills)


def _rule_text(rule: Rule) -> tuple[str, str]:
    text = str(rule)
    return (text, f"whoever meets {text}") if text and text != "anyone" else ("任何在岗坐席", "anyone at work")


def _can(agent: AgentRecord, rule: Rule, waiting: WaitingRecord) -> bool:
    return (waiting.on_the_phone or agent.config.chats > 0) and meets(agent.config, rule)


def _is_free(agent: AgentRecord, waiting: WaitingRecord, now: datetime) -> bool:
    return _kind_of(agent, waiting, now) == "free"


def _kind_of(agent: AgentRecord, waiting: WaitingRecord, now: datetime) -> str:
    """What the agent is at, of `KINDS`."""
    if agent.state is AgentState.READY and not waiting.on_the_phone:
        return "free" if agent.takes_texts else "resting" if agent.rest_until is not None else "in_chats"
    return kind_on_the_phone(agent, waiting.queue_id, now - waiting.entered_at)


def kind_on_the_phone(agent: AgentRecord, queue_id: QueueId, waited: timedelta) -> str:
    """What the agent is at for a caller of this queue who has waited so long, of `KINDS`."""
    if agent.state is not AgentState.READY:
        return agent.state.value
    if agent.phone_status is PhoneStatus.UNREACHABLE:
        return "phone_unreachable"
    if agent.phone_status is PhoneStatus.BUSY:
        return "phone_busy"
    if agent.rest_until is not None:
        return "resting"
    if not agent.offerable:
        return "in_chats"
    return "delayed" if waited < agent.delay_in(queue_id) else "free"


def _missing(agents: Iterable[AgentRecord], rule: Rule, waiting: WaitingRecord, now: datetime) -> Iterator[Rule]:
    """The parts of a rule that nobody at work meets; none where it is only their combination that nobody has."""
    working = [agent for agent in agents if _kind_of(agent, waiting, now) not in _AWAY]
    seen: set[Rule] = set()
    for part in atoms(rule):
        if part not in seen and not any(meets(agent.config, part) for agent in working):
            seen.add(part)
            yield part


def _name(agent: AgentRecord) -> str:
    return f"{agent.config.name} ({agent.agent_id})" if agent.config.name != agent.agent_id else agent.agent_id


def _named(agents: list[AgentRecord]) -> str:
    names = ", ".join(_name(agent) for agent in agents[:NAMED_AGENTS])
    return names if len(agents) <= NAMED_AGENTS else f"{names}, …"
