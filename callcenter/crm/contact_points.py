"""Numbers and mail addresses as people type them, brought to the one form they are stored and looked up in."""

import re

from callcenter.crm.numbers import to_e164
from callcenter.domain.customers import ContactPoint, ContactPointKind
from callcenter.domain.errors import InvalidValue
from callcenter.domain.labels import Label

_PAGE = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[^\s/:@]+\.[^\s/:@]+(?::\d{1,5})?)(?P<rest>/\S*|)$", re.IGNORECASE
)
_HANDLE = re.compile(r"(?P<network>[A-Za-z][A-Za-z0-9_]{0,29}):(?P<name>[^\s:/]\S{0,200})$")


def normal_mail(text: str) -> str | None:
    """The address in small letters; None when it is none."""
    user, at, host = text.strip().lower().rpartition("@")
    if not (user and at and host) or any(character.isspace() for character in text.strip()):
        return None
    return f"{user}@{host}"


def normal_page(text: str) -> str | None:
    """The web address with scheme and host in small letters; None when it is none."""
    found = _PAGE.match(text.strip())
    if found is None:
        return None
    return f"{(found['scheme'] or 'https').lower()}://{found['host'].lower()}{found['rest'].rstrip('/')}"


def normal_handle(text: str) -> str | None:
    """`network:name`, the network in small letters; None when it is not that."""
    found = _HANDLE.match(text.strip())
    return None if found is None else f"{found['network'].lower()}:{found['name']}"


def normal_value(text: str, region: str) -> str:
    """What to look a number or an address up by; what is neither is looked up as it stands."""
    normal = normal_mail(text) if "@" in text else to_e164(text, region) or normal_page(text) or normal_handle(text)
    return text.strip() if normal is None else normal


def normal_point(point: ContactPoint, region: str) -> ContactPoint:
    """The contact point in its stored form; raises `InvalidValue` when it is no number or address."""
    match point.kind:
        case ContactPointKind.PHONE:
            value = to_e164(point.value, region)
            right = "电话号码，最好带国家代码（+86 138 0013 8000）"
            wanted = "a telephone number, best with its country code (+86 138 0013 8000)"
        case ContactPointKind.EMAIL:
            value = normal_mail(point.value)
            right = "邮箱地址（someone@example.org）"
            wanted = "a mail address (someone@example.org)"
        case ContactPointKind.WEB:
            value = normal_page(point.value)
            right = "网址（https://shop.example.org）"
            wanted = "a web address (https://shop.example.org)"
        case ContactPointKind.SOCIAL:
            value = normal_handle(point.value)
            right = "网络和其中的名称（wechat:li_na）"
            wanted = "a network and a name in it (wechat:li_na)"
    if value is None:
        raise InvalidValue(
            f"a contact point of kind {point.kind} must be {wanted}",
            code="invalid_contact_point",
            said=Label(zh=f"应为{right}。", en=f"It should be {wanted}."),
        )
    return ContactPoint(kind=point.kind, value=value, label=point.label)
