"""Which numbers agents may call."""

import pytest

from callcenter.crm.dialling import DialRules, is_emergency
from callcenter.crm.numbers import normalise

RULES = DialRules(region="CN", allowed=("+44", "+8621"), refused=("+4490", "+861370000"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("13800138000", None),
        ("+14155552671", "number_abroad"),
        ("+442079460000", None),
        ("+449098790000", "number_refused"),
        ("13700000021", "number_refused"),
        ("02112345678", None),
    ],
)
def test_the_longest_prefix_decides_and_without_one_the_country(text: str, code: str | None) -> None:
    assert RULES.refusal(normalise(text, "CN")) == code


def test_a_premium_number_is_called_only_where_its_prefix_is_allowed() -> None:
    number = normalise("09098790000", "GB")
    assert DialRules(region="GB").refusal(number) == "number_costly"
    assert DialRules(region="GB", allowed=("+44909",)).refusal(number) is None


@pytest.mark.parametrize(("text", "is_one"), [("110", True), ("1-2-0", True), ("13800138000", False), ("", False)])
def test_emergency_numbers_are_known(text: str, is_one: bool) -> None:
    assert is_emergency(text, "CN") is is_one
