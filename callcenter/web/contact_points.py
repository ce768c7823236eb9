"""Numbers and mail addresses as people type them, brought to the one form they are stored and looked up in."""

import phonenumbers

from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.errors import InvalidValue


def normal_number(text: str, region: str) -> str | None:
    """The number as E.164 (ITU-T E.164), in any notation; None when no telephone number can look like this.

    `region`: the country (ISO 3166 alpha-2) of numbers without a country code.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normal_mail(text: str) -> str | None:
    """The address in small letters; None when it is none."""
    user, at, host = text.strip().lower().rpartition("@")
    if not (user and at and host) or any(character.isspace() for character in text.strip()):
        return None
    return f"{user}@{host}"


def normal_value(text: str, region: str) -> str:
    """What to look a number or a mail address up by; what is neither is looked up as it stands."""
    normal = normal_mail(text) if "@" in text else normal_number(text, region)
    return text.strip() if normal is None else normal


def normal_point(point: ContactPoint, region: str) -> ContactPoint:
    """The contact point in its stored form; raises `InvalidValue` when it is no number or address."""
    if point.kind is ContactPointKind.PHONE:
        value = normal_number(point.value, region)
        wanted = "a telephone number, best with its country code (+86 138 0013 8000)"
    else:
        value = normal_mail(point.value)
        wanted = "a mail address (someone@example.org)"
    if value is None:
        raise InvalidValue(f"a contact point of kind {point.kind} must be {wanted}", code="invalid_contact_point")
    return ContactPoint(kind=point.kind, value=value, label=point.label)
