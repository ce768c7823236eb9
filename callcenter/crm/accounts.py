"""Customer numbers and PINs: which may be given.

Law: no message of an error holds a PIN.
"""

import itertools
import re
from collections.abc import Iterable

from callcenter.domain.errors import InvalidValue

NUMBER_MIN_DIGITS = 4
NUMBER_MAX_DIGITS = 12
PIN_MIN_DIGITS = 4
PIN_MAX_DIGITS = 8

_FAVOURITES = frozenset(
    {"1314", "1342", "2580", "0852", "1004", "1069", "5201314", "520520", "147258", "159357", "13145200", "741852"}
)
"""What many choose besides repetitions, runs and years: ways over the keypad, and numbers that sound like vows."""
_YEAR = re.compile(r"(?:19|20)\d\d\Z")


def check_number(number: str) -> None:
    """Raise `InvalidValue` for what cannot be a customer number: it is typed with the keys of a telephone."""
    if not (number.isascii() and number.isdecimal() and NUMBER_MIN_DIGITS <= len(number) <= NUMBER_MAX_DIGITS):
        raise InvalidValue(
            f"a customer number has {NUMBER_MIN_DIGITS} to {NUMBER_MAX_DIGITS} digits and nothing else",
            code="invalid_customer_number",
        )


def check_pin(pin: str, *, known: Iterable[str]) -> None:
    """Raise `InvalidValue` for a PIN that is none, or one that others guess.

    `known` are the customer's numbers: their ends are the first that is tried.
    """
    if not (pin.isascii() and pin.isdecimal() and PIN_MIN_DIGITS <= len(pin) <= PIN_MAX_DIGITS):
        raise InvalidValue(
            f"a PIN has {PIN_MIN_DIGITS} to {PIN_MAX_DIGITS} digits and nothing else", code="invalid_pin"
        )
    if _is_weak(pin) or any(re.sub(r"\D", "", number, flags=re.ASCII).endswith(pin) for number in known):
        raise InvalidValue(
            "this PIN is easily guessed: no repetition, no row of keys, no year, no end of the customer's own numbers",
            code="weak_pin",
        )


def _is_weak(pin: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        return True
    if any(len(pin) % size == 0 and pin == pin[:size] * (len(pin) // size) for size in range(1, len(pin) // 2 + 1)):
        return True
    return pin in _FAVOURITES or (len(pin) == PIN_MIN_DIGITS and _YEAR.match(pin) is not None)
