"""Why a row of a file cannot be taken, in Chinese; in English the fault says it itself.

Law: every code of a fault has its words here (a test reads the codes out of the modules that give them).
"""

import re
from collections.abc import Mapping
from typing import Final

from callcenter.crm.import_rows import RowFault

_NUMBER: Final = re.compile(r"\d[\d,]*")

REASONS_ZH: Final[Mapping[str, str]] = {
    "too_long": "太长（{n} 个字符）",
    "too_many": "号码和地址太多（{n} 个）",
    "control_characters": "含有换行或控制字符",
    "empty": "为空",
    "key_empty": "为空，无法识别客户",
    "key_twice": "与第 {n} 行重复",
    "order_differs": "与同一订单第 {n} 行的内容不一致",
    "order_refused": "同一订单的第 {n} 行有误，整张订单未导入",
    "too_many_lines": "订单超过 {n} 行",
    "customer_twice": "与第 {n} 行是同一客户",
    "several_customers": "属于 {n} 个客户，请先合并",
    "name_missing": "没有这个客户，且该行没有姓名",
    "gone": "客户已不存在",
    "unknown_kind": "不是客户类型（个人、公司）",
    "unknown_language": "不是语言代码（如 zh、en）",
    "unknown_segment": "不是价值等级（A、B、C）",
    "unknown_agent": "没有这个坐席",
    "unknown_consent": "意愿不明（同意、拒绝、勿扰）",
    "unknown_choice": "不在可选项中",
    "unknown_customer": "找不到唯一的客户，请先导入客户",
    "unknown_state": "没有这个订单状态",
    "unknown_product": "没有在售的这个产品",
    "other_customer": "该订单属于另一个客户",
    "other_id": "该客户在此系统中已有另一个编号",
    "id_taken": "该编号属于另一个客户",
    "number_taken": "该客户号属于另一个客户",
    "currency_missing": "缺少币种",
    "invalid_customer_number": "不是客户号（4 到 12 位数字）",
    "invalid_custom_field": "自定义字段的值不合适",
    "invalid_code": "不是代码（字母、数字和 _ . : -）",
    "invalid_date": "不是日期（如 2026-03-31）",
    "invalid_amount": "不是金额（如 1234.50）",
    "invalid_currency": "不是币种（三个字母，如 CNY）",
    "invalid_number": "不是数字",
    "invalid_yes_no": "不是“是”或“否”",
    "invalid_phone": "不是电话号码",
    "invalid_email": "不是电子邮箱",
    "invalid_web": "不是网址",
    "invalid_social": "不是社交账号",
    "total_differs": "总额与各行之和不符",
    "total_missing": "缺少总额",
    "due_too_early": "交付日早于下单日",
}


def reason_zh(fault: RowFault) -> str:
    """The words of a fault; of a code without words those of the fault."""
    words = REASONS_ZH.get(fault.code)
    if words is None:
        return fault.wrong
    found = _NUMBER.search(fault.wrong)
    return words.replace("{n}", found[0] if found is not None else "?")
