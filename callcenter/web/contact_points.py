"""Numbers and mail addresses as people type them, brought to the one form they are stored and looked up in."""

from callcenter.crm.numbers import to_e164
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.errors import InvalidValue


def normal_mail(text: str) -> str | None:
    """The address in small letters; None when it is none."""
    user, at, host = text.strip().lower().rpartition("@")
    if not (user and at and host) or any(character.isspace() for character in text.strip()):
        return None
    return f"{user}@{host}"


def normal_value(text: str, region: str) -> str:
    """What to look a number or a mail address up by; what is neither is looked up as it stands."""
    normal = normal_mail(text) if "@" in text else to_e164(text, region)
    return text.strip() if normal is None else normal


def normal_point(point: ContactPoint, region: str) -> ContactPoint:
    """The contact point in its stored form; raises `InvalidValue` when it is no number or address."""
    if point.kind is ContactPointKind.PHONE:
        value = to_e164(point.value, region)
        wanted = "a telephone number, best with its country code (+86 138 0013 8000)"
    else:
        value = normal_mail(point.value)
        wanted = "a mail address (someone@example.org)"
    if value is None:
        raise InvalidValue(f"a contact point of kind {point.kind} must be {wanted}", code="invalid_contact_point")
    return ContactPoint(kind=point.kind, value=value, label=point.label)
