"""What every field of the business's configuration means: kind, bounds, usual value, and words that explain it.

Law: a field that the file may have is described here, and nothing else is; forms are made of this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from callcenter.app.business import Part
from callcenter.app.business_fields import A_DAY_SECONDS
from callcenter.app.business_file import MOST
from callcenter.app.business_form_best_offers import BEST_OFFER_FIELDS, BEST_OFFER_GROUPS
from callcenter.app.business_form_fields import Choice, Field, FieldKind, Group, words
from callcenter.app.business_form_privacy import CONNECTORS, PRIVACY, RETENTION, ROLES
from callcenter.app.business_form_queue import queue_form
from callcenter.app.business_tables import Table, usual_agent_table
from callcenter.domain.agents import NotReadyReason, PhoneKind
from callcenter.domain.alerts import OF_QUEUES, WITH_THRESHOLD, AlertKind, AlertTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the items of one part are shown and asked for."""

    part: Part
    groups: tuple[Group, ...]
    fields: tuple[Field, ...]


@cache
def forms() -> Mapping[Part, Form]:
    """The form of every part."""
    groups, fields = queue_form()
    return {
        Part.SKILLS: _plain(Part.SKILLS, _LABELS),
        Part.HOURS: _plain(Part.HOURS, _HOURS),
        Part.QUEUES: Form(part=Part.QUEUES, groups=groups, fields=fields),
        Part.AGENTS: _agents(),
        Part.NUMBERS: _plain(Part.NUMBERS, _NUMBERS),
        Part.REASONS: _plain(Part.REASONS, (*_LABELS, *_REASONS)),
        Part.DISPOSITIONS: _plain(Part.DISPOSITIONS, _LABELS),
        Part.ALERTS: _plain(Part.ALERTS, _ALERTS),
        Part.ROLES: Form(part=Part.ROLES, groups=(PRIVACY,), fields=ROLES),
        Part.RETENTION: Form(part=Part.RETENTION, groups=(PRIVACY,), fields=RETENTION),
        Part.CONNECTORS: Form(part=Part.CONNECTORS, groups=(PRIVACY,), fields=CONNECTORS),
        Part.BEST_OFFERS: Form(part=Part.BEST_OFFERS, groups=BEST_OFFER_GROUPS, fields=BEST_OFFER_FIELDS),
    }


class _Groups(StrEnum):
    MAIN = "main"
    WORK = "work"


_MAIN: Final = Group(name=_Groups.MAIN, label=words("基本", "Basics"), help=words("", ""))


def _plain(part: Part, fields: Iterable[Field]) -> Form:
    return Form(part=part, groups=(_MAIN,), fields=tuple(fields))


_LABELS: Final = (
    Field(
        name="zh",
        kind=FieldKind.LINE,
        group=_Groups.MAIN,
        label=words("中文名称", "Name in Chinese"),
        help=words("中文界面上显示的文字。", "What people read on the Chinese pages."),
        needed=True,
        high=60,
    ),
    Field(
        name="en",
        kind=FieldKind.LINE,
        group=_Groups.MAIN,
        label=words("英文名称", "Name in English"),
        help=words("英文界面上显示的文字。", "What people read on the English pages."),
        needed=True,
        high=60,
    ),
)
_REASONS: Final = (
    Field(
        name="limit_seconds",
        kind=FieldKind.SECONDS,
        group=_Groups.MAIN,
        label=words("最长时间", "May last"),
        help=words(
            "超过后提醒坐席和班长；不会强制改变状态。留空表示不限。",
            "After that the agent and the supervisors are told; nothing is forced. Empty: as long as he likes.",
        ),
        low=1,
        high=A_DAY_SECONDS,
    ),
    Field(
        name="warn_before_seconds",
        kind=FieldKind.SECONDS,
        group=_Groups.MAIN,
        label=words("提前提醒", "Warned before that"),
        help=words("到时限前多久先提醒坐席一次。", "How long before the limit the agent is warned."),
        low=0,
        high=A_DAY_SECONDS,
        usual=int(NotReadyReason(code="").warn_before.total_seconds()),
    ),
)
_LABEL: Final = Field(
    name="label",
    kind=FieldKind.LABEL,
    group=_Groups.MAIN,
    label=words("名称", "Name"),
    help=words("中文与英文各一个，显示在看板和工作台上。", "One in Chinese and one in English, for boards and desks."),
    needed=True,
    high=60,
)
_NUMBERS: Final = (
    _LABEL,
    Field(
        name="flow",
        kind=FieldKind.FLOW,
        group=_Groups.MAIN,
        label=words("流程", "Flow"),
        help=words("拨打此号码的来电进入哪个流程。", "Where callers of this number are led."),
        needed=True,
    ),
)
_HOURS: Final = (
    Field(
        name="timezone",
        kind=FieldKind.TIMEZONE,
        group=_Groups.MAIN,
        label=words("时区", "Time zone"),
        help=words("以下时间都按此时区的钟表，夏令时自动计算。", "Whose clocks count; summer time is its own."),
        needed=True,
    ),
    Field(
        name="week",
        kind=FieldKind.WEEK,
        group=_Groups.MAIN,
        label=words("每周", "The week"),
        help=words(
            "每天的营业时段，可多段；没有时段的一天不营业。跨午夜请分成两天：到 24:00，从 00:00。",
            "When it is open, several times a day if need be; a day without is closed. "
            "What goes over midnight is divided: until 24:00, from 00:00.",
        ),
    ),
    Field(
        name="holidays",
        kind=FieldKind.HOLIDAYS,
        group=_Groups.MAIN,
        label=words("公众假日", "Public holidays"),
        help=words(
            "哪个国家或地区（如 CN、US、DE-BY）的公众假日不营业；中国的调休上班日按周一营业。",
            "Of which country or region (CN, US, DE-BY) the public holidays are closed; weekend days on which China "
            "works are open as on Mondays.",
        ),
    ),
    Field(
        name="closed",
        kind=FieldKind.DAYS,
        group=_Groups.MAIN,
        label=words("另外不营业的日子", "Also closed on"),
        help=words("公司自己的停业日。", "Days of the business's own."),
    ),
    Field(
        name="special",
        kind=FieldKind.SPECIAL_DAYS,
        group=_Groups.MAIN,
        label=words("特殊日子", "Days with hours of their own"),
        help=words(
            "这一天按自己的时段，优先于假日和每周时段；没有时段即不营业。",
            "They stand above holidays and the week; a day without any time is closed.",
        ),
    ),
)
_WITH_THRESHOLD: Final = tuple(kind for kind in AlertKind if kind in WITH_THRESHOLD)
_ALERTS: Final = (
    _LABEL,
    Field(
        name="kind",
        kind=FieldKind.CHOICE,
        group=_Groups.MAIN,
        label=words("什么情况下告警", "An alert when"),
        help=words("旁边的试看会说明此刻谁会触发。", "The preview beside it says of what it would be raised now."),
        needed=True,
        choices=(
            Choice(value=AlertKind.WAITING, label=words("等待人数多于阈值", "more callers wait than the threshold")),
            Choice(
                value=AlertKind.LONGEST_WAIT,
                label=words("最长等待超过阈值（秒）", "one has waited longer than the threshold (seconds)"),
            ),
            Choice(
                value=AlertKind.SERVICE_LEVEL,
                label=words("今日服务水平低于阈值（%）", "today's service level is below the threshold (%)"),
            ),
            Choice(
                value=AlertKind.NOBODY_READY,
                label=words("无人就绪（通话中不算）", "nobody is ready (a talk is not ready)"),
            ),
            Choice(value=AlertKind.NOBODY_SERVES, label=words("无人在岗（通话中算）", "nobody is at work (a talk is)")),
            Choice(
                value=AlertKind.TRUNK_DOWN,
                label=words("呼出中继没有应答", "a trunk that is called out over does not answer"),
            ),
            Choice(
                value=AlertKind.MISSED_OFFERS,
                label=words("坐席连续漏接达到阈值次", "an agent has missed as many offers in a row as the threshold"),
            ),
            Choice(
                value=AlertKind.UNOWNED_CASES,
                label=words("无人负责的逾期工单多于阈值", "more overdue cases of nobody than the threshold"),
            ),
        ),
    ),
    Field(
        name="queue",
        kind=FieldKind.QUEUE,
        group=_Groups.MAIN,
        label=words("队列", "Queue"),
        help=words("只看这一个队列；留空则每个队列各看各的。", "This one alone; empty: every queue by itself."),
        governed_by="kind",
        governing=tuple(kind for kind in AlertKind if kind in OF_QUEUES),
    ),
    Field(
        name="threshold",
        kind=FieldKind.WHOLE,
        group=_Groups.MAIN,
        label=words("阈值", "Threshold"),
        help=words(
            "人数、秒数和工单数：多于它才告警；服务水平：低于它；连续漏接：达到它。",
            "Callers, seconds and cases: more than this. A service level: below it. Misses in a row: this many.",
        ),
        low=0,
        high=A_DAY_SECONDS,
        governed_by="kind",
        governing=_WITH_THRESHOLD,
    ),
    Field(
        name="margin",
        kind=FieldKind.WHOLE,
        group=_Groups.MAIN,
        label=words("恢复余量", "Margin"),
        help=words(
            "回到阈值以内多少才算恢复，免得来回闪动；留空取通常值。",
            "How far on the good side of the threshold it must be before it is over; empty: as usual.",
        ),
        low=0,
        high=A_DAY_SECONDS,
        governed_by="kind",
        governing=_WITH_THRESHOLD,
    ),
    Field(
        name="for_seconds",
        kind=FieldKind.SECONDS,
        group=_Groups.MAIN,
        label=words("持续多久", "For so long"),
        help=words("持续不好这么久才告警，持续好这么久才恢复。", "So long without a break before it is told, or over."),
        low=0,
        high=A_DAY_SECONDS,
        usual=0,
    ),
    Field(
        name="to",
        kind=FieldKind.CHOICES,
        group=_Groups.MAIN,
        label=words("通知谁", "Who is told"),
        help=words("都不选等于全部。", "None chosen: all of them."),
        choices=(
            Choice(value=AlertTarget.BOARD, label=words("看板和浏览器通知", "boards and browser notices")),
            Choice(value=AlertTarget.HOOK, label=words("Web 钩子", "web hooks")),
        ),
    ),
)


def _agents() -> Form:
    usual = usual_agent_table()
    work = Group(
        name=_Groups.WORK,
        label=words("分配", "Routing"),
        help=words("多个坐席都能接时谁先接，以及文字会话。", "Who comes first where several could, and chats."),
    )
    fields = (
        Field(
            name="name",
            kind=FieldKind.LINE,
            group=_Groups.MAIN,
            label=words("姓名", "Name"),
            help=words("看板和同事看到的名字。", "As boards and colleagues see it."),
            needed=True,
            high=100,
        ),
        Field(
            name="skills",
            kind=FieldKind.LEVELS,
            group=_Groups.MAIN,
            label=words("技能", "Skills"),
            help=words(
                "等级 1（会一点）到 10（专家）。语言也是技能：zh、en。",
                "Levels from 1 (some) to 10 (expert). Languages are skills too: zh, en.",
            ),
        ),
        Field(
            name="phone",
            kind=FieldKind.PHONE,
            group=_Groups.MAIN,
            label=words("话机", "Phone"),
            help=words(
                "来电时振哪部电话；坐席签入时可自己改选。",
                "What rings; the agent may choose another one when he signs in.",
            ),
            choices=(
                Choice(value=PhoneKind.BROWSER, label=words("浏览器电话", "phone in the browser")),
                Choice(value=PhoneKind.SIP, label=words("SIP 话机（以坐席号登记）", "SIP phone of his own account")),
                Choice(value=PhoneKind.ADDRESS, label=words("SIP 地址", "SIP address")),
                Choice(value=PhoneKind.OUTSIDE, label=words("外线号码", "outside number")),
            ),
        ),
        Field(
            name="groups",
            kind=FieldKind.WORDS,
            group=_Groups.MAIN,
            label=words("组", "Groups"),
            help=words(
                "队列的步骤可以写“组”，例如 group backoffice。", "Queues' steps may name them: group backoffice."
            ),
            usual=usual["groups"],
        ),
        Field(
            name="preferences",
            kind=FieldKind.PREFERENCES,
            group=_Groups.WORK,
            label=words("队列偏好", "Preferences"),
            help=words(
                "对某个队列：加多少优先级；或来电等够多久才轮到他（作后备）。",
                "For a queue: what is added to its callers' priority when he is free, or how long they must have "
                "waited before he takes them (a reserve).",
            ),
        ),
        _number("order", words("固定顺序", "Place in a fixed order"), usual, 0, MOST, _ORDER),
        _number("weight", words("权重", "Weight"), usual, 1, MOST, _WEIGHT),
        _number("chats", words("文字会话数", "Chats at once"), usual, 0, MOST, _CHATS),
        Field(
            name="voice_interrupts",
            kind=FieldKind.YES_NO,
            group=_Groups.WORK,
            label=words("文字会话中仍接来电", "Calls while he holds chats"),
            help=words("否：有文字会话时不给他电话。", "No: he gets no call as long as he holds any."),
            usual=usual["voice_interrupts"],
        ),
    )
    return Form(part=Part.AGENTS, groups=(_MAIN, work), fields=fields)


_ORDER: Final = words(
    "队列按固定顺序选人时，小的先接。", "Where a queue goes in a fixed order, the lowest comes first."
)
_WEIGHT: Final = words(
    "队列按权重选人时，2 的来电是 1 的两倍。", "Where a queue goes by weight, 2 gets twice the calls of 1."
)
_CHATS: Final = words("同时最多几个文字会话和邮件；0 为没有。", "How many chats and mails at most; 0 is none.")


def _number(name: str, label: Mapping[str, str], usual: Table, low: int, high: int, told: Mapping[str, str]) -> Field:
    return Field(
        name=name,
        kind=FieldKind.WHOLE,
        group=_Groups.WORK,
        label=label,
        help=told,
        low=low,
        high=high,
        usual=usual[name],
    )
