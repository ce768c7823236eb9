"""What the business's file says of people's data and of systems outside: `roles`, `retention`, `connectors`.

Law: no secret stands in the file, only where it is.
"""

import re
from datetime import timedelta
from typing import Final

from callcenter.app.business_fields import seconds
from callcenter.app.business_tables import seconds as written
from callcenter.domain.connectors import ConnectorRule, ExternalField, SecretPlace
from callcenter.domain.privacy import LONGEST_DAYS, SHORTEST_DAYS, Kept, RetentionRule, RoleRule, Viewer
from callcenter.ivr.document import Section

LONGEST_ADDRESS: Final = 2_000
MOST_SECONDS: Final = 3
_USUAL: Final = ConnectorRule(connector_id="")
FIELDS: Final = ("label", "look_up", "log_calls", "found", "headers", "secrets", "timeout_seconds", "cache_seconds")
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+([/?][^\s#]*)?")
_PLACE: Final = re.compile(r"\{([a-z_]*)\}")
_PLACES: Final = frozenset({"number", "digits"})
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_SECRET: Final = re.compile(r"(env):([A-Z][A-Z0-9_]*)|(file):(/[^\s]+)")
_NO_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def read_role(name: str, fields: Section) -> RoleRule:
    """What one role may see."""
    fields.only("see_numbers")
    if name not in tuple(Viewer):
        fields.fault("unknown_role", f"{name!r} is no role", f"one of {', '.join(Viewer)}")
        return RoleRule(viewer=Viewer.AGENT)
    return RoleRule(viewer=Viewer(name), see_numbers=fields.yes_or_no("see_numbers", usual=True))


def read_retention(name: str, fields: Section) -> RetentionRule:
    """How long one kind of thing is kept."""
    fields.only("days")
    if name not in tuple(Kept):
        fields.fault("unknown_kind", f"{name!r} has no time of its own", f"one of {', '.join(Kept)}")
        return RetentionRule(kept=Kept.INTERACTIONS, days=0)
    days = fields.whole("days", 0, LONGEST_DAYS, usual=0)
    if 0 < days < SHORTEST_DAYS:
        fields.fault("too_short", f"{name} for {days} days", f"{SHORTEST_DAYS} days at least, or 0: for good", "days")
        days = 0
    return RetentionRule(kept=Kept(name), days=days)


def read_connector(name: str, fields: Section) -> ConnectorRule:
    """One system outside."""
    fields.only(*FIELDS)
    label = fields.section("label", needed=False)
    found = _texts(fields, "found", _PATH, "a path such as data.0.name")
    for field in found:
        if field not in tuple(ExternalField):
            fields.fault("unknown_field", f"found.{field} is not shown", f"one of {', '.join(ExternalField)}", "found")
    headers = _texts(fields, "headers", re.compile(r"[ -~]{1,500}"), "printable ASCII")
    secrets = _texts(fields, "secrets", _SECRET, "env:NAME or file:/path")
    for header in (*headers, *secrets):
        if not _HEADER.fullmatch(header) or header.lower() in _NO_HEADERS:
            fields.fault("bad_header", f"{header!r} cannot be set", "a header's name such as X-Api-Key")
    rule = ConnectorRule(
        connector_id=name,
        label_zh=label.text("zh", at_most=100) if label is not None else "",
        label_en=label.text("en", at_most=100) if label is not None else "",
        look_up=_address(fields, "look_up", places=True),
        log_calls=_address(fields, "log_calls", places=False),
        found={ExternalField(one): path for one, path in found.items() if one in tuple(ExternalField)},
        headers=headers,
        secrets={one: _secret(text) for one, text in secrets.items() if _SECRET.fullmatch(text)},
        timeout=seconds(fields, "timeout_seconds", 1, _USUAL.timeout),
        cache=seconds(fields, "cache_seconds", 0, _USUAL.cache),
    )
    if rule.timeout > timedelta(seconds=MOST_SECONDS):
        what = f"{written(rule.timeout)} seconds are too long"
        fields.fault("too_long", what, f"{MOST_SECONDS} at most: the agent talks already", "timeout_seconds")
    if not rule.look_up and not rule.log_calls:
        fields.fault("nothing_to_do", f"connector {name} asks nothing and tells nothing", "give look_up or log_calls")
    if rule.look_up and ExternalField.NAME not in rule.found:
        fields.fault("nothing_found", f"connector {name} does not say where the name is", "give found: {name: ...}")
    return rule


def _address(fields: Section, name: str, *, places: bool) -> str:
    if not fields.has(name):
        return ""
    address = fields.text(name, at_most=LONGEST_ADDRESS)
    if not _ADDRESS.fullmatch(address):
        fields.fault("bad_address", f"{name}: {address!r} cannot be asked", "an http or https address", name)
        return ""
    for place in _PLACE.findall(address):
        if not places or place not in _PLACES:
            right = f"one of {', '.join(sorted(_PLACES))}" if places else "it is the same for each call"
            fields.fault("bad_place", f"{name}: there is no {{{place}}}", right, name)
    return address


def _texts(fields: Section, name: str, pattern: re.Pattern[str], right: str) -> dict[str, str]:
    section = fields.section(name, needed=False)
    found: dict[str, str] = {}
    for key in section.names(pattern=None) if section is not None else ():
        text = section.text(key, at_most=LONGEST_ADDRESS) if section is not None else ""
        if not pattern.fullmatch(text) and section is not None:
            section.fault("bad_text", f"{name}.{key}: {text!r} cannot be used", right, key)
        else:
            found[key] = text
    return found


def _secret(text: str) -> SecretPlace:
    kind, _, name = text.partition(":")
    return SecretPlace(kind=kind, name=name)
