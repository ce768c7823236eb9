"""What the fields of roles, retention and connectors mean, for forms."""

from typing import Final

from callcenter.app.business_form_fields import Field, FieldKind, Group, words
from callcenter.app.business_privacy import LONGEST_ADDRESS, MOST_SECONDS
from callcenter.domain.connectors import ExternalField
from callcenter.domain.privacy import LONGEST_DAYS

PRIVACY: Final = Group(name="privacy", label=words("隐私", "Privacy"), help=words("", ""))
_DAY_SECONDS: Final = 86_400

ROLES: Final = (
    Field(
        name="see_numbers",
        kind=FieldKind.YES_NO,
        group=PRIVACY.name,
        label=words("可见电话号码", "Sees telephone numbers"),
        help=words("否：各处只显示末三位。", "No: only the last three digits are shown, everywhere."),
        usual=True,
    ),
)
RETENTION: Final = (
    Field(
        name="days",
        kind=FieldKind.WHOLE,
        group=PRIVACY.name,
        label=words("保留天数", "Days it is kept"),
        help=words(
            "到期后夜间清除；0 为永久保留，至少 7 天。", "Then it goes at night; 0 is for good, else 7 at least."
        ),
        low=0,
        high=LONGEST_DAYS,
        usual=0,
    ),
)


def _line(name: str, zh: str, en: str, help_zh: str, help_en: str) -> Field:
    return Field(
        name=name,
        kind=FieldKind.LINE,
        group=PRIVACY.name,
        label=words(zh, en),
        help=words(help_zh, help_en),
        high=LONGEST_ADDRESS,
    )


CONNECTORS: Final = (
    Field(
        name="label",
        kind=FieldKind.LABEL,
        group=PRIVACY.name,
        label=words("名称", "Name"),
        help=words("显示在弹屏上。", "Shown on the pop."),
        high=100,
    ),
    _line(
        "look_up", "查询地址", "Where it is asked", "可含 {number} 或 {digits}。", "It may hold {number} or {digits}."
    ),
    _line(
        "log_calls",
        "通话记录地址",
        "Where calls are told",
        "每个联络结束后发送。",
        "Each contact is posted when it has ended.",
    ),
    *(
        _line(f"found.{one}", zh, en, "答复中的路径，如 data.0.name。", "A path in the answer such as data.0.name.")
        for one, zh, en in (
            (ExternalField.NAME, "姓名在", "Where the name is"),
            (ExternalField.CLASS, "等级在", "Where the class is"),
            (ExternalField.ID, "编号在", "Where the id is"),
            (ExternalField.LINK, "链接在", "Where the link is"),
        )
    ),
    Field(
        name="headers",
        kind=FieldKind.TEXTS,
        group=PRIVACY.name,
        label=words("请求头", "Headers"),
        help=words("每次请求都带上。", "They go with each request."),
    ),
    Field(
        name="secrets",
        kind=FieldKind.TEXTS,
        group=PRIVACY.name,
        label=words("机密请求头", "Secret headers"),
        help=words("只写位置：env:名称 或 file:/路径。", "Only where they are: env:NAME or file:/path."),
    ),
    Field(
        name="timeout_seconds",
        kind=FieldKind.SECONDS,
        group=PRIVACY.name,
        label=words("最长等待（秒）", "Longest wait (seconds)"),
        help=words("弹屏从不等待它。", "The pop never waits for it."),
        low=1,
        high=MOST_SECONDS,
        usual=MOST_SECONDS,
    ),
    Field(
        name="cache_seconds",
        kind=FieldKind.SECONDS,
        group=PRIVACY.name,
        label=words("缓存（秒）", "Kept in memory (seconds)"),
        help=words("同一号码在此时间内不再询问。", "So long the same number is not asked about again."),
        low=0,
        high=_DAY_SECONDS,
        usual=300,
    ),
)
