"""What the web tells newcomers of the demo, without anything that a web server needs."""

from dataclasses import dataclass, field

from callcenter.app.permissions import Role
from callcenter.domain.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneAccount:
    """A SIP account for a phone in the browser."""

    sip_uri: str
    user: str
    password: str = field(repr=False)
    websocket_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoNumber:
    """A number to dial in the demo."""

    dnis: str
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCaller:
    """A calling number of the demo; None withholds it."""

    ani: str | None
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLogin:
    """A name to sign in with."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoInfo:
    """What a newcomer needs to try the demo."""

    numbers: tuple[DemoNumber, ...]
    callers: tuple[DemoCaller, ...]
    phone: PhoneAccount
    logins: tuple[DemoLogin, ...]
