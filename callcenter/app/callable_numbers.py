"""Whether a number may be called by this house, as agents type it: the one place for calls out and agreed callbacks."""

from callcenter.crm.dialling import DialRules, is_emergency
from callcenter.crm.numbers import normalise
from callcenter.domain.customers import Channel, ConsentState, Customer
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.numbers import Number

_WHY_REFUSED = {
    "number_refused": "is under a prefix that the settings refuse (calls_out.refused_prefixes)",
    "number_abroad": "is abroad; calls_out.allowed_prefixes in the settings names the countries that may be called",
    "number_costly": "is a premium or shared-cost number; only calls_out.allowed_prefixes in the settings allows one",
}


def callable_number(text: str, rules: DialRules, *, can_call_out: bool) -> Number:
    """The number; raises `InvalidValue` for what is none or may not be called, `Conflict` where nothing can be."""
    if not can_call_out:
        raise Conflict("there is no trunk for calls out; set asterisk.outside_trunk", code="no_calls_out")
    if is_emergency(text, rules.region):
        raise InvalidValue(
            f"{text} is an emergency number; dial it from a telephone, where the exchange knows who calls",
            code="emergency_number",
        )
    number = normalise(text, rules.region)
    if number.e164 is None:
        raise InvalidValue(
            f"{text!r} is no telephone number; type it as you would dial it, or with its country: +86 ...",
            code="invalid_number",
        )
    refusal = rules.refusal(number)
    if refusal is not None:
        raise InvalidValue(f"{number.e164} {_WHY_REFUSED[refusal]}", code=refusal)
    return number


def refuses_calls(customer: Customer) -> bool:
    """Whether he said that nobody is to call him."""
    return any(
        consent.channel is Channel.PHONE and consent.state is ConsentState.DO_NOT_CONTACT
        for consent in customer.consents
    )
