"""What the fields of next best offers mean, for forms."""

from typing import Final

from callcenter.app.business_best_offers import HIGHEST_PRIORITY, LONGEST_REST_DAYS
from callcenter.app.business_form_fields import Field, FieldKind, Group, words
from callcenter.crm.segment_text import LONGEST_TEXT
from callcenter.domain.best_offers import USUAL_REST_DAYS
from callcenter.domain.scripts import SCRIPT_MAX_CHARACTERS

_WHAT: Final = Group(
    name="what",
    label=words("推荐什么", "What is offered"),
    help=words("坐席在弹屏上看到，照着说。", "The agent sees it on the pop, and says it."),
)
_WHOM: Final = Group(
    name="whom",
    label=words("推荐给谁", "To whom"),
    help=words(
        "客群和条件都填时须同时满足；都不填则人人适用。拒绝电话推销的客户和有未结投诉的客户一律不推荐。",
        "With both, both must hold; with neither it is for everybody. Who refused advertising on the telephone, or has "
        "an open complaint, is never offered anything.",
    ),
)
_WHEN: Final = Group(
    name="when",
    label=words("何时、多久一次", "When and how often"),
    help=words(
        "每次通话最多显示两条，优先级高的先。", "At most two are shown in one talk, the highest priority first."
    ),
)
BEST_OFFER_GROUPS: Final = (_WHAT, _WHOM, _WHEN)

BEST_OFFER_FIELDS: Final = (
    Field(
        name="label",
        kind=FieldKind.LABEL,
        group=_WHAT.name,
        label=words("名称", "Name"),
        help=words("显示在弹屏、时间线和管理指标里。", "Shown on the pop, the timeline and management's figures."),
        needed=True,
        high=60,
    ),
    Field(
        name="text",
        kind=FieldKind.SCRIPT,
        group=_WHAT.name,
        label=words("话术", "What the agent says"),
        help=words(
            "花括号里的字段由客户的卡片填入：{customer.name}、{customer.class}、{agent.name}、{queue.name}、{caller.number}、{waited}。",
            "Fields in braces are filled in from the card: {customer.name}, {customer.class}, {agent.name}, "
            "{queue.name}, {caller.number}, {waited}.",
        ),
        needed=True,
        high=SCRIPT_MAX_CHARACTERS,
    ),
    Field(
        name="segment",
        kind=FieldKind.SEGMENT,
        group=_WHOM.name,
        label=words("客群", "Segment"),
        help=words("已保存的客群；弹屏上显示为理由。", "A saved segment; the pop names it as the reason."),
    ),
    Field(
        name="condition",
        kind=FieldKind.CONDITION,
        group=_WHOM.name,
        label=words("条件", "Condition"),
        help=words(
            '写法与客群相同，例如：class in ("A", "B") and days since last_purchase > 90。可先数一数有多少客户。',
            'Written as a segment, such as: class in ("A", "B") and days since last_purchase > 90. '
            "Count first how many customers it is true of.",
        ),
        high=LONGEST_TEXT,
    ),
    Field(
        name="priority",
        kind=FieldKind.WHOLE,
        group=_WHEN.name,
        label=words("优先级", "Priority"),
        help=words("几条都合适时，大的先显示。", "Where several fit, the highest is shown first."),
        low=0,
        high=HIGHEST_PRIORITY,
        usual=0,
    ),
    Field(
        name="from",
        kind=FieldKind.DAY,
        group=_WHEN.name,
        label=words("从", "From"),
        help=words("第一天；留空即从现在起。", "The first day; empty: from now on."),
    ),
    Field(
        name="until",
        kind=FieldKind.DAY,
        group=_WHEN.name,
        label=words("到", "Until"),
        help=words("最后一天（含）；留空则不限。", "The last day, included; empty: for good."),
    ),
    Field(
        name="rest_days",
        kind=FieldKind.WHOLE,
        group=_WHEN.name,
        label=words("间隔天数", "Days between"),
        help=words(
            "对同一客户多少天内最多推荐一次，无论他怎么回答。0 为每次通话都可以。",
            "The same customer is offered it at most once in so many days, whatever he answered. 0: in every talk.",
        ),
        low=0,
        high=LONGEST_REST_DAYS,
        usual=USUAL_REST_DAYS,
    ),
)
