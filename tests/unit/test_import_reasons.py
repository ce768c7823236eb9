"""Every reason of a bad row is said in Chinese, with the number that it is about."""

import re
from pathlib import Path

from callcenter.crm.import_reasons import REASONS_ZH, reason_zh
from callcenter.crm.import_rows import RowFault
from callcenter.domain.customers import ContactPointKind

PACKAGE = Path(__file__).parents[2] / "callcenter"
SOURCES = ("crm/import_values.py", "crm/import_rows.py", "store/customer_import.py", "store/order_import.py")
GIVEN = (
    r'BadCell\(\s*"([a-z_]+)"',
    r'\bcode="([a-z_]+)"',
    r'\.fault\(\s*[^"]*"[^"]*", "([a-z_]+)"',
    r'_Refused\(\s*[^"]*(?:"[a-z_]*"[^"]*)??[^"]*"([a-z]+_[a-z_]+)"',
    r'return [a-z_."]+, [a-z_.]+, "([a-z_]+)"',
    r'row\.key,\s*"([a-z_]+)"',
)


def fault(code: str, wrong: str) -> RowFault:
    return RowFault(row=9, column="x", value="", code=code, wrong=wrong, wanted="")


def test_every_code_has_words() -> None:
    text = "\n".join((PACKAGE / name).read_text(encoding="utf-8") for name in SOURCES)
    codes = {found for pattern in GIVEN for found in re.findall(pattern, text)} | {"key_twice"}
    # A column's name; the codes that stand behind it are those of crm/orders.py.
    codes = codes - {"order_number"} | {"total_missing", "total_differs", "due_too_early"}
    codes |= {f"invalid_{kind}" for kind in ContactPointKind}
    assert len(codes) > 25
    assert codes - REASONS_ZH.keys() == set()


def test_the_number_it_is_about_is_told() -> None:
    assert reason_zh(fault("key_twice", "stands in row 5 already")) == "与第 5 行重复"
    assert reason_zh(fault("too_long", "has 10,000 characters")) == "太长（10,000 个字符）"
    assert reason_zh(fault("something_new", "is new")) == "is new"
