"""Which numbers agents may call: the country of the business by itself, everything else by prefixes.

Law: the longest prefix that fits decides; without one, only ordinary numbers of the business's own country are called.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from callcenter.domain.numbers import Number

_COSTLY = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRules:
    """Prefixes are of E.164 numbers: "+44", "+8610"; `region` is the country (ISO 3166 alpha-2) of the business."""

    region: str
    allowed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def refusal(self, number: Number) -> str | None:
        """The code of why a number may not be called: `number_refused`, `number_costly`, `number_abroad`; or None."""
        e164 = number.e164 or ""
        allowed, refused = _longest(self.allowed, e164), _longest(self.refused, e164)
        if allowed or refused:
            return None if allowed > refused else "number_refused"
        if number.region != self.region:
            return "number_abroad"
        return "number_costly" if _type_of(e164) in _COSTLY else None


def is_emergency(text: str, region: str) -> bool:
    """Whether somebody dials for the police, the fire brigade or an ambulance."""
    return bool(phonenumbers.is_emergency_number("".join(sign for sign in text if sign.isdigit()), region))


def _longest(prefixes: Iterable[str], e164: str) -> int:
    return max((len(prefix) for prefix in prefixes if e164.startswith(prefix)), default=0)


def _type_of(e164: str) -> int:
    try:
        return phonenumbers.number_type(phonenumbers.parse(e164, None))
    except NumberParseException:
        return PhoneNumberType.UNKNOWN
