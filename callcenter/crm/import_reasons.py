"""Why a row of a file cannot be taken and what would be right, in both languages.

Law: every code has its words in both, and both tell the same values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from callcenter.domain.labels import Label

_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
Told = str | int | tuple[str, ...]
"""What a reason is about: a text, a number, or several of which one may be chosen."""


class FaultCode(StrEnum):
    """What can be wrong with a row."""

    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    NOT_ONE_LINE = "not_one_line"
    CONTROL_CHARACTERS = "control_characters"
    EMPTY = "empty"
    KEY_EMPTY = "key_empty"
    KEY_TWICE = "key_twice"
    CUSTOMER_TWICE = "customer_twice"
    SEVERAL_CUSTOMERS = "several_customers"
    UNKNOWN_CUSTOMER = "unknown_customer"
    UNKNOWN_RECORD = "unknown_record"
    NAME_MISSING = "name_missing"
    GONE = "gone"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_LANGUAGE = "unknown_language"
    UNKNOWN_SEGMENT = "unknown_segment"
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_CONSENT = "unknown_consent"
    UNKNOWN_CHOICE = "unknown_choice"
    UNKNOWN_STATE = "unknown_state"
    UNKNOWN_PRODUCT = "unknown_product"
    OTHER_CUSTOMER = "other_customer"
    OTHER_ID = "other_id"
    ID_TAKEN = "id_taken"
    NUMBER_TAKEN = "number_taken"
    CURRENCY_MISSING = "currency_missing"
    INVALID_CUSTOMER_NUMBER = "invalid_customer_number"
    INVALID_CUSTOM_FIELD = "invalid_custom_field"
    INVALID_CODE = "invalid_code"
    INVALID_DATE = "invalid_date"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_CURRENCY = "invalid_currency"
    INVALID_NUMBER = "invalid_number"
    INVALID_YES_NO = "invalid_yes_no"
    INVALID_PHONE = "invalid_phone"
    INVALID_EMAIL = "invalid_email"
    INVALID_WEB = "invalid_web"
    INVALID_SOCIAL = "invalid_social"
    DUE_TOO_EARLY = "due_too_early"
    TOTAL_DIFFERS = "total_differs"
    ORDER_DIFFERS = "order_differs"
    ORDER_REFUSED = "order_refused"
    TOO_MANY_LINES = "too_many_lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """Why a row cannot be taken; `row` is counted as a spreadsheet does, `column` is the header's word."""

    row: int
    column: str
    value: str
    code: FaultCode
    about: dict[str, Told] = field(default_factory=dict)

    def wrong(self) -> Label:
        """What is wrong with it."""
        return _said(_WRONG[self.code], self.about)

    def wanted(self) -> Label:
        """What would be right."""
        return _said(_WANTED[self.code], self.about)


def _said(words: tuple[str, str], about: Mapping[str, Told]) -> Label:
    return Label(zh=_filled(words[0], about, "、"), en=_filled(words[1], about, ", "))


def _filled(text: str, about: Mapping[str, Told], between: str) -> str:
    def told(place: re.Match[str]) -> str:
        value = about.get(place[1], "?")
        return between.join(value) if isinstance(value, tuple) else str(value)

    return _PLACE.sub(told, text)


_WRONG: Final[Mapping[FaultCode, tuple[str, str]]] = {
    FaultCode.TOO_LONG: ("有 {length} 个字符，太长", "has {length} characters"),
    FaultCode.TOO_MANY: ("有 {count} 个号码和地址，太多", "has {count} numbers and addresses"),
    FaultCode.NOT_ONE_LINE: ("含有换行或控制字符", "has a line break or another control character"),
    FaultCode.CONTROL_CHARACTERS: ("含有控制字符", "has control characters"),
    FaultCode.EMPTY: ("为空", "is empty"),
    FaultCode.KEY_EMPTY: ("为空，无法识别客户", "is empty, so nobody can be recognised"),
    FaultCode.KEY_TWICE: ("与第 {row} 行重复", "stands in row {row} already"),
    FaultCode.CUSTOMER_TWICE: ("与第 {row} 行是同一客户", "is the customer of row {row} already"),
    FaultCode.SEVERAL_CUSTOMERS: ("属于 {count} 个客户", "belongs to {count} customers"),
    FaultCode.UNKNOWN_CUSTOMER: ("不属于任何客户", "is nobody's"),
    FaultCode.UNKNOWN_RECORD: ("没有这个记录编号", "is the record of nobody here"),
    FaultCode.NAME_MISSING: ("没有这个客户，且该行没有姓名", "is nobody's yet, and the row has no name"),
    FaultCode.GONE: ("客户已不存在", "is gone"),
    FaultCode.UNKNOWN_KIND: ("不是客户类型", "is no kind of customer"),
    FaultCode.UNKNOWN_LANGUAGE: ("不是语言", "is no language"),
    FaultCode.UNKNOWN_SEGMENT: ("不是价值等级", "is no class of value"),
    FaultCode.UNKNOWN_AGENT: ("没有这个坐席", "is no agent"),
    FaultCode.UNKNOWN_CONSENT: ("意愿不明", "says nothing known"),
    FaultCode.UNKNOWN_CHOICE: ("不在可选项中", "is none of the choices"),
    FaultCode.UNKNOWN_STATE: ("没有这个订单状态", "is no state of orders"),
    FaultCode.UNKNOWN_PRODUCT: ("没有在售的这个产品（第 {row} 行）", "is no product that is sold (row {row})"),
    FaultCode.OTHER_CUSTOMER: ("订单 {number} 属于另一个客户", "order {number} is another customer's"),
    FaultCode.OTHER_ID: (
        "该客户在 {source} 中的编号是 {known}，与此不同",
        "differs from {known}, which this customer has in {source}",
    ),
    FaultCode.ID_TAKEN: ("该编号属于另一个客户", "belongs to another customer"),
    FaultCode.NUMBER_TAKEN: ("该客户号属于另一个客户", "belongs to another customer"),
    FaultCode.CURRENCY_MISSING: ("缺少币种", "is missing"),
    FaultCode.INVALID_CUSTOMER_NUMBER: ("不是客户号", "is no customer number"),
    FaultCode.INVALID_CUSTOM_FIELD: ("该自定义字段已停用", "is for a field that is retired"),
    FaultCode.INVALID_CODE: ("不是编号或代码", "is no code"),
    FaultCode.INVALID_DATE: ("不是日期", "is no day"),
    FaultCode.INVALID_AMOUNT: ("不是数字或金额", "is no amount"),
    FaultCode.INVALID_CURRENCY: ("不是币种", "is no currency"),
    FaultCode.INVALID_NUMBER: ("不是数字", "is no number"),
    FaultCode.INVALID_YES_NO: ("不是“是”或“否”", "is neither yes nor no"),
    FaultCode.INVALID_PHONE: ("不是电话号码", "is no telephone number"),
    FaultCode.INVALID_EMAIL: ("不是电子邮箱", "is no mail address"),
    FaultCode.INVALID_WEB: ("不是网址", "is no web address"),
    FaultCode.INVALID_SOCIAL: ("不是社交账号", "is no name in a network"),
    FaultCode.DUE_TOO_EARLY: ("早于下单日期 {placed_on}", "is before the order was placed on {placed_on}"),
    FaultCode.TOTAL_DIFFERS: ("与各行金额之和 {sum} 不符", "is not the sum of the lines, {sum}"),
    FaultCode.ORDER_DIFFERS: ("与同一订单的第 {row} 行不一致", "is not what row {row} says of the same order"),
    FaultCode.ORDER_REFUSED: (
        "同一订单的第 {row} 行有误，整张订单未导入",
        "is of an order that is not taken, see row {row}",
    ),
    FaultCode.TOO_MANY_LINES: ("超过 {most} 行", "has more than {most} lines"),
}
_WANTED: Final[Mapping[FaultCode, tuple[str, str]]] = {
    FaultCode.TOO_LONG: ("最多 {longest} 个字符", "at most {longest} characters"),
    FaultCode.TOO_MANY: ("最多 {most} 个", "at most {most}"),
    FaultCode.NOT_ONE_LINE: ("一行文字", "one line of text"),
    FaultCode.CONTROL_CHARACTERS: ("不含控制字符的文字", "text without control characters"),
    FaultCode.EMPTY: ("必须填写", "every order needs it"),
    FaultCode.KEY_EMPTY: ("填写用于识别客户的内容", "what the customer is recognised by"),
    FaultCode.KEY_TWICE: ("每个只出现一次", "each once"),
    FaultCode.CUSTOMER_TWICE: ("每个客户一行", "one row a customer"),
    FaultCode.SEVERAL_CUSTOMERS: (
        "只属于一个客户的内容，或先合并这些客户",
        "what only one customer has; or merge them first",
    ),
    FaultCode.UNKNOWN_CUSTOMER: ("已有客户的内容；请先导入客户", "what a customer has; import the customers first"),
    FaultCode.UNKNOWN_RECORD: (
        "导出文件中的记录编号；新客户请用其他依据识别",
        "as exported; recognise new ones by something else",
    ),
    FaultCode.NAME_MISSING: ("填写姓名", "a name"),
    FaultCode.GONE: ("现有客户", "a customer who is there"),
    FaultCode.UNKNOWN_KIND: ("个人、公司", "person or organisation"),
    FaultCode.UNKNOWN_LANGUAGE: ("中文、英语，或 BCP 47 语言代码（如 zh、en）", "zh, en, or another tag of BCP 47"),
    FaultCode.UNKNOWN_SEGMENT: ("A、B 或 C", "A, B or C"),
    FaultCode.UNKNOWN_AGENT: ("坐席编号，如 1001", "the id of an agent, such as 1001"),
    FaultCode.UNKNOWN_CONSENT: ("同意、拒绝、勿扰", "granted, refused or do_not_contact"),
    FaultCode.UNKNOWN_CHOICE: ("{choices} 之一", "one of {choices}"),
    FaultCode.UNKNOWN_STATE: ("{states_zh} 之一", "one of {states_en}"),
    FaultCode.UNKNOWN_PRODUCT: ("在售产品的编码或名称", "the code or the name of a product"),
    FaultCode.OTHER_CUSTOMER: ("该订单原来的客户", "its own customer"),
    FaultCode.OTHER_ID: ("每个客户在一个系统中只有一个编号", "one id a customer and system"),
    FaultCode.ID_TAKEN: ("该客户自己的编号", "the customer's own id"),
    FaultCode.NUMBER_TAKEN: ("未使用的客户号", "a free number"),
    FaultCode.CURRENCY_MISSING: (
        "三个字母的币种，如 CNY；或选择文件未写明时的币种",
        "three letters, such as CNY; or choose one for the whole file",
    ),
    FaultCode.INVALID_CUSTOMER_NUMBER: ("4 到 12 位数字，没有其他字符", "4 to 12 digits and nothing else"),
    FaultCode.INVALID_CUSTOM_FIELD: ("重新查看各列的含义", "look at what the columns are again"),
    FaultCode.INVALID_CODE: (
        "1 到 100 个字符：字母、数字和 _ . : -",
        "1 to 100 of the letters A to Z, digits and _ . : -",
    ),
    FaultCode.INVALID_DATE: ("年份在前，如 2026-03-31 或 2026年3月31日", "the year first, such as 2026-03-31"),
    FaultCode.INVALID_AMOUNT: (
        "带小数点的数字，最多四位小数，如 1234.50",
        "a number with a point and at most four places, such as 1234.50",
    ),
    FaultCode.INVALID_CURRENCY: ("三个字母，如 CNY", "three letters, such as CNY"),
    FaultCode.INVALID_NUMBER: ("数字，如 12.5", "a number such as 12.5"),
    FaultCode.INVALID_YES_NO: ("是、否", "yes or no"),
    FaultCode.INVALID_PHONE: (
        "电话号码，最好带国家代码（+86 138 0013 8000）",
        "a telephone number, best with its country code (+86 138 0013 8000)",
    ),
    FaultCode.INVALID_EMAIL: ("电子邮箱（someone@example.org）", "a mail address (someone@example.org)"),
    FaultCode.INVALID_WEB: ("网址（https://shop.example.org）", "a web address (https://shop.example.org)"),
    FaultCode.INVALID_SOCIAL: ("社交网络和其中的账号（wechat:li_na）", "a network and a name in it (wechat:li_na)"),
    FaultCode.DUE_TOO_EARLY: ("不早于下单日期", "that day or later"),
    FaultCode.TOTAL_DIFFERS: (
        "各行金额之和；差额（如运费）另列一行",
        "their sum; what is missing, such as carriage, as a line",
    ),
    FaultCode.ORDER_DIFFERS: ("同一订单的各行相同", "the same in each row of an order"),
    FaultCode.ORDER_REFUSED: ("各行都正确的订单", "an order whose rows are all right"),
    FaultCode.TOO_MANY_LINES: ("最多 {most} 行的订单", "an order of at most {most} rows"),
}
