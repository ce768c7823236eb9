"""Values of a flow as text and back."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.carried import MOST_CHARACTERS, carried, carry
from callcenter.ivr.variables import Money, Value

VALUES: st.SearchStrategy[Value] = st.one_of(
    st.text(max_size=100),
    st.integers(),
    st.booleans(),
    st.timedeltas(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.just(UTC)),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(
        Money,
        amount=st.decimals(allow_nan=False, allow_infinity=False),
        currency=st.sampled_from(["CNY", "USD", "JPY"]),
    ),
)


@given(st.dictionaries(st.text(min_size=1, max_size=10), VALUES, max_size=5))
def test_values_come_back_with_their_kinds(values: dict[str, Value]) -> None:
    back = carried(carry(values))
    assert back == values
    assert {name: type(value) for name, value in back.items()} == {name: type(value) for name, value in values.items()}


@pytest.mark.parametrize(
    "text", ["", "number:", "number:three", "day:2026-13-01", "money:x CNY", "colour:red", "time:"]
)
def test_what_cannot_be_read_is_left_out(text: str) -> None:
    assert carried({"good": "number:3", "bad": text}) == {"good": 3}


def test_a_text_that_is_too_long_is_not_carried() -> None:
    assert carry({"long": "x" * MOST_CHARACTERS, "short": "x"}) == {"short": "text:x"}


def test_each_kind_is_written_as_people_read_it() -> None:
    values: dict[str, Value] = {
        "a": True,
        "b": 3,
        "c": date(2026, 11, 23),
        "d": Money(amount=Decimal("12.50"), currency="CNY"),
        "e": timedelta(seconds=1),
        "f": datetime(2026, 11, 23, 9, tzinfo=UTC),
        "g": time(9, 30),
    }
    assert carry(values) == {
        "a": "yes_no:yes",
        "b": "number:3",
        "c": "day:2026-11-23",
        "d": "money:12.50 CNY",
        "e": "duration:1000000",
        "f": "moment:2026-11-23T09:00:00+00:00",
        "g": "time:09:30:00",
    }
