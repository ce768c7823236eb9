"""The fields of a queue, described: who may serve, which caller is next, limits, waiting, callbacks, after the talk."""

from collections.abc import Iterable, Mapping
from typing import Final

from callcenter.app.business_fields import A_DAY_SECONDS
from callcenter.app.business_form_fields import Choice, Field, FieldKind, Group, Words, words
from callcenter.app.business_queue import (
    AUTO_ANSWER_MAX_SECONDS,
    MAX_ATTEMPTS,
    MAX_LEAD,
    MAX_MISSES,
    MAX_WAITING,
    REST_MAX_DAYS,
    RINGING_MAX_SECONDS,
)
from callcenter.app.business_tables import Table, Value, usual_queue_table
from callcenter.app.business_waiting import MOST_CALLERS, MOST_ROUNDS
from callcenter.domain.callbacks import CalledFirst
from callcenter.domain.monitoring import Announcement
from callcenter.domain.queues import MAX_RING_SEVERAL, AgentChoice, CallerOrder
from callcenter.domain.scripts import SCRIPT_MAX_CHARACTERS
from callcenter.domain.waiting_rules import MOST_INFORMATION, MOST_QUESTIONS
from callcenter.ivr.reader import MAX_PRIORITY

Said = tuple[str, str]
"""Chinese and English."""

_AGENT_CHOICE: Final[Mapping[AgentChoice, Said]] = {
    AgentChoice.LONGEST_IDLE: ("空闲最久者", "longest idle"),
    AgentChoice.SPECIALISTS_FIRST: ("多余技能最少者（专才优先）", "fewest other skills (specialists first)"),
    AgentChoice.HIGHEST_LEVEL: ("所需技能等级之和最高者", "highest levels in what is asked for"),
    AgentChoice.LEAST_OCCUPIED: ("今日占用率最低者", "least occupied today"),
    AgentChoice.FEWEST_ANSWERED: ("今日接听最少者", "fewest answered today"),
    AgentChoice.ROUND_ROBIN: ("轮流", "in turn"),
    AgentChoice.FIXED_ORDER: ("固定顺序", "in a fixed order"),
    AgentChoice.WEIGHTED: ("按权重", "by weight"),
}
_CALLER_ORDER: Final[Mapping[CallerOrder, Said]] = {
    CallerOrder.AGE: ("先到先接", "who came first"),
    CallerOrder.SERVICE_OBJECTIVE: ("最快要错过目标者", "who misses his queue's target first"),
}
_FIRST: Final[Mapping[CalledFirst, Said]] = {
    CalledFirst.AGENT: ("先振坐席", "the agent is rung first"),
    CalledFirst.CUSTOMER: ("先拨客户", "the customer is called first"),
}
_MONITORING: Final[Mapping[Announcement, Said]] = {
    Announcement.SAID: ("坐席工作台上显示", "the agent's desk shows who listens"),
    Announcement.TONE: ("双方听到提示音", "both hear a short tone"),
    Announcement.SILENT: ("不告知", "nothing"),
}
_GROUPS: Final[Mapping[str, tuple[Said, Said]]] = {
    "main": (("基本", "Basics"), ("", "")),
    "serve": (
        ("谁来接", "Who may serve"),
        ("随等待时间放宽的步骤；或一组固定的技能。", "Steps that widen with time; or one set of skills, always."),
    ),
    "choice": (
        ("接给谁、先接谁", "Which agent, which caller"),
        ("几位坐席空闲时选谁，几位来电等待时先接谁。", "Of several free agents, and of several who wait."),
    ),
    "boosts": (
        ("优先级", "Worth"),
        ("按客户等级、投诉和语言加分；等熟悉的坐席。", "Points for class, complaint and language; agents one knows."),
    ),
    "limits": (
        ("关闭、已满、太久", "Closed, full, too long"),
        (
            "从上到下，第一条适用的规则决定去处；没有去处的规则不起作用。",
            "The first rule that applies decides; one without a destination does nothing.",
        ),
    ),
    "waiting": (
        ("等待中听到什么", "What those who wait hear"),
        ("位置与预计等待之外的内容和选择。", "Beside place and expected wait, and what they may choose."),
    ),
    "callback": (("回拨", "Callbacks"), ("保留位置，轮到时回拨。", "The place is kept; he is called in his turn.")),
    "offers": (
        ("振铃、漏接、话后", "Ringing, misses, wrap-up"),
        ("来电怎样送到坐席，以及之后。", "How calls reach agents, and what follows."),
    ),
    "after": (("通话之后", "After the talk"), ("满意度调查与旁听告知。", "Surveys, and what is said of listening.")),
}
_Kind = FieldKind
_Line = tuple[str, FieldKind, str, Said, Said]


def queue_form() -> tuple[tuple[Group, ...], tuple[Field, ...]]:
    """Groups and fields of a queue, in the order in which they are shown."""
    groups = tuple(Group(name=name, label=words(*label), help=words(*told)) for name, (label, told) in _GROUPS.items())
    usual = usual_queue_table()
    return groups, tuple(_field(line, usual) for line in _LINES)


def _field(line: _Line, usual: Table) -> Field:
    name, kind, group, label, told = line
    low, high = _BOUNDS.get(name, (0, A_DAY_SECONDS) if kind in _TIMES else (None, None))
    return Field(
        name=name,
        kind=kind,
        group=group,
        label=words(*label),
        help=words(*told),
        needed=name in ("label", "survey.flow"),
        low=low,
        high=high,
        usual=_usual(usual, name) if kind is not _Kind.SWITCH else name == "callback",
        choices=tuple(_choices(name)),
    )


def _usual(usual: Table, name: str) -> Value | None:
    if name in _WITHOUT_USUAL:
        return None
    found: Value | None = usual
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _choices(name: str) -> Iterable[Choice]:
    listed: Mapping[str, Mapping[str, Said]] = {
        "agent_choice": {key.value: said for key, said in _AGENT_CHOICE.items()},
        "caller_order": {key.value: said for key, said in _CALLER_ORDER.items()},
        "callback.first": {key.value: said for key, said in _FIRST.items()},
        "monitoring": {key.value: said for key, said in _MONITORING.items()},
    }
    for value, said in listed.get(name, {}).items():
        label: Words = words(*said)
        yield Choice(value=value, label=label)


_WITHOUT_USUAL: Final = ("label", "skills", "steps", "hours")
_TIMES: Final = (_Kind.SECONDS, _Kind.SECONDS_OR_NEVER)
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "label": (1, 60),
    "ring_several": (1, MAX_RING_SEVERAL),
    "ageing_limit_seconds": (1, A_DAY_SECONDS),
    "boosts.classes": (0, MAX_PRIORITY),
    "boosts.open_complaint": (0, MAX_PRIORITY),
    "boosts.languages": (0, MAX_PRIORITY),
    "boosts.limit": (0, MAX_PRIORITY),
    "max_waiting": (0, MAX_WAITING),
    "max_wait_seconds": (1, A_DAY_SECONDS),
    "waiting.unusual.waiting_above": (0, MOST_CALLERS),
    "waiting.information": (0, MOST_INFORMATION),
    "waiting.information_interval_seconds": (1, A_DAY_SECONDS),
    "waiting.information_rounds": (1, MOST_ROUNDS),
    "waiting.ask_again_seconds": (1, A_DAY_SECONDS),
    "waiting.ask_at_most": (1, MOST_QUESTIONS),
    "callback.attempts": (1, MAX_ATTEMPTS),
    "callback.retry_busy_seconds": (1, A_DAY_SECONDS),
    "callback.retry_no_answer_seconds": (1, A_DAY_SECONDS),
    "callback.ring_timeout_seconds": (1, RINGING_MAX_SECONDS),
    "callback.lead": (1, MAX_LEAD),
    "survey.percent": (0, 100),
    "survey.rest_days": (0, REST_MAX_DAYS),
    "auto_answer_seconds": (0, AUTO_ANSWER_MAX_SECONDS),
    "script": (1, SCRIPT_MAX_CHARACTERS),
    "rona_limit": (1, MAX_MISSES),
    "ring_timeout_seconds": (1, RINGING_MAX_SECONDS),
    "service_level_threshold_seconds": (1, A_DAY_SECONDS),
    "expected_handle_time_seconds": (1, A_DAY_SECONDS),
    "announce_interval_seconds": (1, A_DAY_SECONDS),
}
# Name, kind, group, label, explanation.
_LINES: Final[tuple[_Line, ...]] = (
    ("label", _Kind.LABEL, "main", ("名称", "Name"), ("看板和工作台上显示。", "For boards and desks.")),
    (
        "service_level_threshold_seconds",
        _Kind.SECONDS,
        "main",
        ("服务水平目标", "Service level's target"),
        ("在此时间内接听算达到服务水平。", "Answered within this time counts as served in time."),
    ),
    (
        "expected_handle_time_seconds",
        _Kind.SECONDS,
        "main",
        ("预计处理时长", "Expected handle time"),
        (
            "队列还没有自己的通话时，用它估计等待。",
            "What the wait is reckoned with until the queue has calls of its own.",
        ),
    ),
    (
        "music_class",
        _Kind.LINE,
        "main",
        ("等待音乐", "Music"),
        ("Asterisk 的音乐类别。", "A class of music on hold of the exchange."),
    ),
    (
        "skills",
        _Kind.LEVELS,
        "serve",
        ("技能", "Skills"),
        (
            "坐席必须具备的最低等级，1（会一点）到 10（专家）；一直有效。",
            "The lowest level an agent must have, 1 (some) to 10 (expert); always.",
        ),
    ),
    (
        "steps",
        _Kind.STEPS,
        "serve",
        ("步骤", "Steps"),
        (
            "每一步从来电进入队列起计时；后面的步骤可用 or 放宽前一步。",
            "Each begins so long after the caller came; one that begins with 'or' widens the one before.",
        ),
    ),
    (
        "agent_choice",
        _Kind.CHOICE,
        "choice",
        ("空闲坐席中选", "Of free agents"),
        ("同分时选空闲最久者。", "Ties go to the longest idle."),
    ),
    (
        "ring_several",
        _Kind.WHOLE,
        "choice",
        ("同时振铃", "Rung at once"),
        (
            "同时振几位坐席；先接者得，其他人不算漏接。",
            "The first who answers gets the caller; the others miss nothing.",
        ),
    ),
    (
        "caller_order",
        _Kind.CHOICE,
        "choice",
        ("同优先级的来电", "Callers of equal priority"),
        ("坐席可接多个队列时，谁先。", "Who is first where an agent could take several."),
    ),
    (
        "ageing_limit_seconds",
        _Kind.SECONDS_OR_NEVER,
        "choice",
        ("老化时限", "Comes of age after"),
        (
            "等待超过此时间者，不论优先级都排在未超过者之前，因此没有人会一直等下去。",
            "Who has waited so long comes before all who have not, whatever their priority: so nobody starves.",
        ),
    ),
    (
        "boosts.classes",
        _Kind.POINTS,
        "boosts",
        ("客户等级加分", "Points for classes"),
        ("例如 A 加 20。", "Such as 20 for A."),
    ),
    (
        "boosts.open_complaint",
        _Kind.WHOLE,
        "boosts",
        ("未结投诉加分", "Points for an open complaint"),
        ("有未结投诉的客户。", "For customers who have one."),
    ),
    (
        "boosts.languages",
        _Kind.POINTS,
        "boosts",
        ("语言加分", "Points for languages"),
        ("例如 en 加 5。", "Such as 5 for en."),
    ),
    (
        "boosts.limit",
        _Kind.WHOLE,
        "boosts",
        ("加分上限", "At most together"),
        ("以上合计最多加这么多。", "All of these together add no more."),
    ),
    (
        "boosts.last_agent_seconds",
        _Kind.SECONDS,
        "boosts",
        ("等上次的坐席", "Kept for his last agent"),
        (
            "上次服务他的坐席在岗时，最多为他保留多久；0 为不保留。",
            "How long he waits for whoever served him last, if that one is at work; 0 is not at all.",
        ),
    ),
    (
        "boosts.account_manager_seconds",
        _Kind.SECONDS,
        "boosts",
        ("等客户经理", "Kept for his account manager"),
        ("同上，为客户经理保留。", "The same for his account manager."),
    ),
    ("hours", _Kind.HOURS, "limits", ("营业时间", "Opening hours"), ("留空为一直营业。", "Empty: always open.")),
    (
        "when_closed",
        _Kind.OVERFLOW,
        "limits",
        ("不营业时", "When closed"),
        ("营业时间以外来的人去哪里。", "Where newcomers go outside the hours."),
    ),
    (
        "max_waiting",
        _Kind.WHOLE,
        "limits",
        ("最多等待人数", "At most waiting"),
        ("在线等待的人数；回拨不计。留空为不限。", "On the line; callbacks do not count. Empty: no limit."),
    ),
    ("when_full", _Kind.OVERFLOW, "limits", ("已满时", "When full"), ("再来的人去哪里。", "Where newcomers go then.")),
    (
        "nobody_after_seconds",
        _Kind.SECONDS,
        "limits",
        ("无人在岗多久后", "Nobody at work for"),
        ("休息也算不在岗，请留些余量。", "Who is in a break is not at work, so give it some slack."),
    ),
    (
        "when_nobody",
        _Kind.OVERFLOW,
        "limits",
        ("无人在岗时", "When nobody is at work"),
        ("所有等待者和新来者去哪里。", "Where all who wait and all newcomers go."),
    ),
    (
        "max_wait_seconds",
        _Kind.SECONDS,
        "limits",
        ("最长等待", "At most waits"),
        ("在此队列中。留空为不限。", "In this queue. Empty: no limit."),
    ),
    ("when_too_long", _Kind.OVERFLOW, "limits", ("等太久时", "When too long"), ("他去哪里。", "Where he goes then.")),
    (
        "when_emergency",
        _Kind.OVERFLOW,
        "limits",
        ("班长紧急关闭时", "Closed by a supervisor"),
        ("所有人去哪里；留空则告知后结束。", "Where everybody goes; empty: they are told, and the call ends."),
    ),
    (
        "announce_first_after_seconds",
        _Kind.SECONDS,
        "waiting",
        ("首次播报", "First announcement after"),
        ("进入队列多久后播报位置和预计等待。", "When place and expected wait are said for the first time."),
    ),
    (
        "announce_interval_seconds",
        _Kind.SECONDS,
        "waiting",
        ("播报间隔", "Announcements every"),
        ("之后隔多久再播报。", "How often after that."),
    ),
    (
        "waiting.notice",
        _Kind.PROMPT,
        "waiting",
        ("当日通知", "Notice"),
        ("每位来者先听到，例如今天为什么慢。", "Said to whoever comes: why it takes long today."),
    ),
    (
        "waiting.unusual",
        _Kind.SWITCH,
        "waiting",
        ("异常繁忙提示", "Unusual load"),
        ("繁忙超过下面任一条件时，来者先听到提示。", "Said to newcomers while either is exceeded."),
    ),
    ("waiting.unusual.waiting_above", _Kind.WHOLE, "waiting", ("等待人数超过", "More wait than"), ("", "")),
    ("waiting.unusual.wait_above_seconds", _Kind.SECONDS, "waiting", ("预计等待超过", "Expected wait above"), ("", "")),
    ("waiting.unusual.say", _Kind.PROMPT, "waiting", ("播放", "Say"), ("", "")),
    (
        "waiting.information",
        _Kind.PROMPTS,
        "waiting",
        ("信息", "Information"),
        ("播报之间轮流播放。", "Said in turn between the announcements."),
    ),
    (
        "waiting.information_interval_seconds",
        _Kind.SECONDS,
        "waiting",
        ("信息间隔", "Information every"),
        ("上次说话后多久播下一条。", "How long after whatever was said last."),
    ),
    (
        "waiting.information_rounds",
        _Kind.WHOLE,
        "waiting",
        ("每条最多播几次", "Each at most"),
        ("对同一位来电者。", "To one caller."),
    ),
    (
        "waiting.comfort",
        _Kind.PROMPT,
        "waiting",
        ("感谢等待", "Thanks"),
        ("该播报而没有变化时说；none 为不说。", "Said when nothing has changed since; 'none' is silence."),
    ),
    (
        "waiting.ask_on_entry",
        _Kind.YES_NO,
        "waiting",
        ("进入时询问", "Asked on entry"),
        (
            "没有空闲坐席时，先告知位置和等待，再问他愿意怎样。",
            "With nobody idle he hears place and wait at once, and is asked what he would rather do.",
        ),
    ),
    (
        "offer_callback_after_seconds",
        _Kind.SECONDS,
        "waiting",
        ("等待多久后询问", "Asked after"),
        ("留空为不问。", "Empty: not by that."),
    ),
    (
        "offer_callback_above_seconds",
        _Kind.SECONDS,
        "waiting",
        ("预计等待超过时询问", "Asked when expected to wait"),
        ("留空为不问。", "Longer than this. Empty: not by that."),
    ),
    (
        "waiting.ask_again_seconds",
        _Kind.SECONDS,
        "waiting",
        ("再次询问间隔", "Asked again after"),
        ("留空为只问上面那些时刻。", "Empty: only at the moments above."),
    ),
    (
        "waiting.ask_at_most",
        _Kind.WHOLE,
        "waiting",
        ("最多问几次", "Asked at most"),
        ("对同一位来电者。", "One caller."),
    ),
    (
        "waiting.message",
        _Kind.YES_NO,
        "waiting",
        ("可留言", "May leave a message"),
        ("询问时按 3。", "Key 3 when asked."),
    ),
    (
        "waiting.self_service",
        _Kind.SELF_SERVICE,
        "waiting",
        ("可自助", "Self-service"),
        ("询问时按 4，位置保留；留空为没有。", "Key 4 when asked; his place is kept. Empty: none."),
    ),
    (
        "callback",
        _Kind.SWITCH,
        "callback",
        ("可回拨", "Calls back"),
        ("询问时按 2：挂机等候，轮到时回拨。", "Key 2 when asked: he hangs up and is called in his turn."),
    ),
    ("callback.first", _Kind.CHOICE, "callback", ("先拨谁", "Who is first"), ("", "")),
    ("callback.attempts", _Kind.WHOLE, "callback", ("尝试次数", "Attempts"), ("", "")),
    ("callback.retry_busy_seconds", _Kind.SECONDS, "callback", ("忙音后再拨", "Again after busy"), ("", "")),
    (
        "callback.retry_no_answer_seconds",
        _Kind.SECONDS,
        "callback",
        ("无人接后再拨", "Again after no answer"),
        ("", ""),
    ),
    ("callback.ring_timeout_seconds", _Kind.SECONDS, "callback", ("客户振铃", "Rings the customer for"), ("", "")),
    (
        "callback.lead",
        _Kind.WHOLE,
        "callback",
        ("提前量", "Lead"),
        ("先拨客户时：排在前几位就开始拨。", "Customer first: among how many of the next he is called."),
    ),
    (
        "ring_timeout_seconds",
        _Kind.SECONDS,
        "offers",
        ("振铃时长", "Rings for"),
        ("坐席多久不接算漏接。", "After that the agent has missed it."),
    ),
    (
        "rona_limit",
        _Kind.WHOLE,
        "offers",
        ("连续漏接几次", "Misses in a row"),
        ("之后把坐席置为未就绪。", "After so many he is set not ready."),
    ),
    (
        "rest_after_miss_seconds",
        _Kind.SECONDS,
        "offers",
        ("漏接后暂停", "Rest after a miss"),
        ("未到次数时，暂时跳过他多久。", "How long he is passed over before that."),
    ),
    (
        "wrap_up_seconds",
        _Kind.SECONDS,
        "offers",
        ("话后时间", "Wrap-up"),
        ("通话后自动就绪前的时间。", "Until he is ready again by itself."),
    ),
    (
        "wrap_up_limit_seconds",
        _Kind.SECONDS,
        "offers",
        ("话后最长", "Wrap-up at most"),
        ("坐席可延长到多久。", "How long agents may extend it to."),
    ),
    (
        "survey",
        _Kind.SWITCH,
        "after",
        ("满意度调查", "Survey"),
        ("通话后请来电者评价。", "Callers are asked after the talk."),
    ),
    ("survey.flow", _Kind.SURVEY_FLOW, "after", ("调查流程", "Which flow asks"), ("", "")),
    ("survey.percent", _Kind.WHOLE, "after", ("抽样 %", "Of so many %"), ("", "")),
    (
        "survey.rest_days",
        _Kind.WHOLE,
        "after",
        ("同一客户间隔（天）", "Days between two"),
        ("0 为每次都可问。", "0: he may be asked every time."),
    ),
    (
        "script",
        _Kind.SCRIPT,
        "after",
        ("话术", "What to say"),
        (
            "显示在来电者信息旁；可用 {customer.name}、{customer.class}、{caller.number}、{queue.name}、"
            "{agent.name}、{waited}。",
            "Beside the caller's card; known fields: {customer.name}, {customer.class}, {caller.number}, {queue.name}, "
            "{agent.name}, {waited}.",
        ),
    ),
    (
        "auto_answer_seconds",
        _Kind.SECONDS,
        "after",
        ("自动接听", "Answers by itself after"),
        (
            "振铃这么久后，浏览器电话自动接听；不填则由坐席接听。",
            "After ringing so long the phone in the browser answers by itself; left out, the agent answers.",
        ),
    ),
    (
        "monitoring",
        _Kind.CHOICE,
        "after",
        ("旁听时", "When somebody listens"),
        ("通话双方得知什么；审计日志总有记录。", "What those in the talk learn; the audit log always has it."),
    ),
)
