"""Which customer numbers and PINs may be given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.crm.accounts import check_number, check_pin
from callcenter.domain.errors import InvalidValue

KNOWN = ("10023", "+8613800138642")


@pytest.mark.parametrize("number", ["1234", "10023", "000000000000"])
def test_what_a_telephone_types_is_a_number(number: str) -> None:
    check_number(number)


@pytest.mark.parametrize("number", ["", "123", "1234567890123", "12a4", "12 34", "١٢٣٤", "²³⁴⁵", "-1234"])
def test_anything_else_is_none(number: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_number(number)
    assert caught.value.code == "invalid_customer_number"


@pytest.mark.parametrize("pin", ["3864", "90217", "735190", "0519", "86420975"])
def test_a_pin_nobody_guesses_is_taken(pin: str) -> None:
    check_pin(pin, known=KNOWN)


@pytest.mark.parametrize(
    "pin",
    [
        "0000",
        "99999999",
        "1234",
        "0123",
        "7890",
        "8901",
        "4321",
        "0987",
        "1212",
        "123123",
        "45674567",
        "1987",
        "2026",
        "2580",
        "1314",
        "5201314",
        "0023",
        "10023",
        "8642",
        "138642",
        "38642",
    ],
)
def test_a_pin_that_others_guess_is_refused_and_not_repeated(pin: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_pin(pin, known=KNOWN)
    assert caught.value.code == "weak_pin"
    assert pin not in str(caught.value)


@given(st.text(max_size=12))
def test_a_pin_has_four_to_eight_digits(pin: str) -> None:
    if pin.isascii() and pin.isdecimal() and 4 <= len(pin) <= 8:
        return
    with pytest.raises(InvalidValue) as caught:
        check_pin(pin, known=())
    assert caught.value.code == "invalid_pin"
