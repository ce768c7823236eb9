"""What a private Asterisk is to be: addresses, trunks, phones, queues; and the checks that it can work."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from callcenter.app.rejoining import DESK_PHONE_LIMIT, REJOIN_LIMIT
from callcenter.asterisk.errors import AsteriskSetupError
from callcenter.asterisk.module_list import OPUS_MODULES

_SECTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,253}\Z")
_PATH: Final = re.compile(r"/[A-Za-z0-9_./+@~-]{0,400}\Z")
_CODEC: Final = re.compile(r"[a-z0-9]{1,16}\Z")
_MEMBER: Final = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_.+@:/-]{1,120}\Z")
_SIP_URI: Final = re.compile(r"sips?:[A-Za-z0-9_.!~*'()&=+$,?/%:@\[\]-]{1,200}\Z")

#: Names of sections that the templates use themselves, so nobody else may have them.
_RESERVED_SECTIONS: Final = frozenset({"global", "system", "general", "cc-out", "demo-caller"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Directories:
    """Where a private Asterisk keeps what; all absolute.

    `run` holds the control socket: with "/asterisk.ctl" its path must fit into 107 bytes.
    """

    etc: Path
    modules: Path
    data: Path
    agi: Path
    moh: Path
    var: Path
    spool: Path
    run: Path
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkConfig:
    """Where callers come from: the peers at the addresses `match` (IP or IP/prefix; a host name is refused).

    `contact` ("sip:host:port") makes the trunk usable for calls out, with `username` and `secret` if it wants
    them. `trust_asserted_identity`: this trunk's P-Asserted-Identity says who calls.
    """

    name: str
    match: tuple[str, ...]
    trust_asserted_identity: bool = False
    outbound_proxy: str | None = None
    contact: str | None = None
    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    qualify_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneAccount:
    """An agent's two accounts, with one secret: `1001` for a SIP phone, `1001w` for the browser."""

    agent_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackQueue:
    """The plain Asterisk queue that stands in for the queue `name`; members are dial strings ("PJSIP/1001")."""

    name: str
    members: tuple[str, ...]
    music: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicClass:
    """A music-on-hold class: every sound file of a directory, in random order."""

    name: str
    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxConfig:
    """All that the files are made from. Ports are the caller's to choose; nothing is looked up or guessed.

    `media_address`: the address put into every SDP; give it whenever it is known, for then the host's name is
    never resolved. `modules_present`: the module files that exist ("res_agi.so", see `installed_modules`).
    """

    directories: Directories
    ami_secret: str = field(repr=False)
    system_name: str = "cc1"
    language: str = "en"
    sip_bind: str = "127.0.0.1"
    sip_port: int = 5060
    http_bind: str = "127.0.0.1"
    http_port: int = 8088
    ami_bind: str = "127.0.0.1"
    ami_port: int = 5038
    ami_user: str = "callcenter"
    ami_permit: tuple[str, ...] = ("127.0.0.0/8",)
    ami_write_timeout_milliseconds: int = 2000
    fastagi_host: str = "127.0.0.1"
    fastagi_port: int = 4573
    rtp_start: int = 10000
    rtp_end: int = 19999
    media_address: str | None = None
    external_address: str | None = None
    local_nets: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ("alaw", "ulaw", "g722")
    rtp_timeout_seconds: int = 300
    rtp_timeout_hold_seconds: int = 3600
    session_expires_seconds: int = 600
    qualify_seconds: int = 20
    trunks: tuple[TrunkConfig, ...] = ()
    phones: tuple[PhoneAccount, ...] = ()
    fallback_queues: tuple[FallbackQueue, ...] = ()
    music_classes: tuple[MusicClass, ...] = ()
    demo_caller_secret: str | None = field(default=None, repr=False)
    emergency_agi: str = ""
    heartbeat_limit_seconds: int = 5
    apology_after_seconds: int = 30
    fallback_after_seconds: int = 60
    fallback_limit_seconds: int = 300
    agent_wait_limit_seconds: int = 180
    survey_patience_seconds: int = 15
    """How long who is asked after the talk hears music while the server is away; then his call ends."""
    rejoin_limit_seconds: int = REJOIN_LIMIT // timedelta(seconds=1)
    """How long a caller hears music while the phone of his agent, lost in the talk, is awaited."""
    desk_phone_limit_seconds: int = DESK_PHONE_LIMIT // timedelta(seconds=1)
    """The same where it was a desk phone."""
    browser_silence_seconds: int = 15
    """How long an agent's browser may send nothing in a talk until its phone counts as lost."""
    modules_present: frozenset[str] = frozenset()

    @property
    def webrtc_codecs(self) -> tuple[str, ...]:
        """What browsers may use; opus only where this Asterisk can decode it, and last, for it costs most."""
        has_opus = not OPUS_MODULES.isdisjoint(self.modules_present)
        return (*self.codecs, "opus") if has_opus and "opus" not in self.codecs else self.codecs


def installed_modules(directory: Path) -> frozenset[str]:
    """The module files in Asterisk's module directory; AsteriskSetupError when there is no Asterisk in it."""
    names = frozenset(path.name for path in directory.glob("*.so"))
    if "res_pjsip.so" not in names:
        raise AsteriskSetupError(
            f"{directory} holds no Asterisk modules (res_pjsip.so is missing); run scripts/get-asterisk"
        )
    return names


def check(config: PbxConfig) -> None:
    """Refuses what cannot work: AsteriskSetupError says which value is wrong and what would be right."""
    _check_directories(config)
    _check_network(config)
    _check_names(config)
    for what, secret in _secrets(config):
        check_secret(what, secret)
    for what, seconds in (
        ("heartbeat_limit_seconds", config.heartbeat_limit_seconds),
        ("fallback_limit_seconds", config.fallback_limit_seconds),
        ("agent_wait_limit_seconds", config.agent_wait_limit_seconds),
        ("survey_patience_seconds", config.survey_patience_seconds),
        ("rejoin_limit_seconds", config.rejoin_limit_seconds),
        ("desk_phone_limit_seconds", config.desk_phone_limit_seconds),
        ("browser_silence_seconds", config.browser_silence_seconds),
        ("qualify_seconds", config.qualify_seconds),
        ("session_expires_seconds", config.session_expires_seconds),
    ):
        if not 1 <= seconds <= 86400:
            raise AsteriskSetupError(f"{what} is {seconds}; it must be between 1 and 86400")
    if config.session_expires_seconds < 90:
        raise AsteriskSetupError(
            f"session_expires_seconds is {config.session_expires_seconds}; SIP allows no less than 90"
        )
    if not 0 <= config.apology_after_seconds <= config.fallback_after_seconds:
        raise AsteriskSetupError(
            f"apology_after_seconds is {config.apology_after_seconds} and fallback_after_seconds"
            f" {config.fallback_after_seconds}; the apology comes first"
        )


def _check_directories(config: PbxConfig) -> None:
    places = config.directories
    for name in ("etc", "modules", "data", "agi", "moh", "var", "spool", "run", "log"):
        _match(f"the directory {name}", str(getattr(places, name)), _PATH, "an absolute path of plain characters")
    for music in config.music_classes:
        _match(f"the directory of music class {music.name}", str(music.directory), _PATH, "an absolute path")
    if config.emergency_agi:
        _match("emergency_agi", config.emergency_agi, _PATH, "the absolute path of a script")


def _check_network(config: PbxConfig) -> None:
    for what, port in (
        ("sip_port", config.sip_port),
        ("http_port", config.http_port),
        ("ami_port", config.ami_port),
        ("fastagi_port", config.fastagi_port),
        ("rtp_start", config.rtp_start),
        ("rtp_end", config.rtp_end),
    ):
        if not 1 <= port <= 65535:
            raise AsteriskSetupError(f"{what} is {port}; a port is between 1 and 65535")
    if config.rtp_end - config.rtp_start < 3:
        raise AsteriskSetupError(
            f"rtp_start {config.rtp_start} to rtp_end {config.rtp_end} is too short; a call needs four ports"
        )
    tcp = [(config.http_bind, config.http_port), (config.ami_bind, config.ami_port)]
    if len(set(tcp)) < len(tcp):
        raise AsteriskSetupError(f"http_port and ami_port are both {config.http_port}; they must differ")
    if config.rtp_start <= config.sip_port <= config.rtp_end:
        raise AsteriskSetupError(f"sip_port {config.sip_port} lies within the RTP ports; move one of them")
    for what, address in (
        ("sip_bind", config.sip_bind),
        ("http_bind", config.http_bind),
        ("ami_bind", config.ami_bind),
        ("media_address", config.media_address),
        ("external_address", config.external_address),
    ):
        if address is not None:
            _check_address(what, address)
    _match("fastagi_host", config.fastagi_host, _HOST, "a host name or address")
    for net in (*config.ami_permit, *config.local_nets):
        _check_net("ami_permit and local_nets", net)


def _check_names(config: PbxConfig) -> None:
    for trunk in config.trunks:
        _check_trunk(trunk)
    for phone in config.phones:
        _match("an agent's account", phone.agent_id, _SECTION, "letters, digits, - and _")
    for queue in config.fallback_queues:
        _match("a fallback queue's name", queue.name, _SECTION, "letters, digits, - and _")
        _match(f"music of fallback queue {queue.name}", queue.music, _SECTION, "a music class")
        for member in queue.members:
            _match(f"a member of fallback queue {queue.name}", member, _MEMBER, "like PJSIP/1001")
    for what, name in (
        ("system_name", config.system_name),
        ("ami_user", config.ami_user),
        ("language", config.language),
        *(("a music class", entry.name) for entry in config.music_classes),
    ):
        _match(what, name, _SECTION, "letters, digits, - and _")
    for codec in config.codecs:
        _match("a codec", codec, _CODEC, "like alaw")
    if not config.codecs:
        raise AsteriskSetupError("codecs is empty; name at least one, like alaw")
    _check_unique_sections(config)
    _check_unique("fallback queue", [queue.name for queue in config.fallback_queues])
    _check_unique("music class", [entry.name for entry in config.music_classes])


def _check_trunk(trunk: TrunkConfig) -> None:
    _match("a trunk's name", trunk.name, _SECTION, "letters, digits, - and _")
    if not trunk.match:
        raise AsteriskSetupError(f"trunk {trunk.name} has no match; give the addresses its calls come from")
    for net in trunk.match:
        _check_net(f"match of trunk {trunk.name}", net)
    for what, uri in (("outbound_proxy", trunk.outbound_proxy), ("contact", trunk.contact)):
        if uri is not None:
            _match(f"{what} of trunk {trunk.name}", uri, _SIP_URI, "like sip:host:5060")
    if (trunk.username is None) != (trunk.secret is None):
        raise AsteriskSetupError(f"trunk {trunk.name} has only one of username and secret; give both or none")
    if trunk.username is not None:
        _match(f"username of trunk {trunk.name}", trunk.username, _SECTION, "letters, digits, - and _")


def _check_unique_sections(config: PbxConfig) -> None:
    sections = [trunk.name for trunk in config.trunks]
    sections += [name for phone in config.phones for name in (phone.agent_id, f"{phone.agent_id}w")]
    _check_unique("trunk or agent account", sections)
    for name in sections:
        if name.lower() in _RESERVED_SECTIONS or name.lower().startswith("transport-"):
            raise AsteriskSetupError(f"the name {name} is taken by callcenter itself; choose another")


def _check_unique(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise AsteriskSetupError(f"there are two of {what} {name}; names must differ")
        seen.add(name)


def _secrets(config: PbxConfig) -> list[tuple[str, str]]:
    secrets = [("ami_secret", config.ami_secret)]
    secrets += [(f"the secret of phone {phone.agent_id}", phone.secret) for phone in config.phones]
    secrets += [(f"the secret of trunk {trunk.name}", trunk.secret) for trunk in config.trunks if trunk.secret]
    if config.demo_caller_secret is not None:
        secrets.append(("demo_caller_secret", config.demo_caller_secret))
    return secrets


def check_secret(what: str, secret: str) -> None:
    """Raise `AsteriskSetupError` for a secret that Asterisk's files cannot hold; it never shows the secret itself."""
    if not secret:
        raise AsteriskSetupError(f"{what} is empty; set one")
    if not secret.isascii() or not secret.isprintable() or re.search(r"[;\\\s]", secret):
        raise AsteriskSetupError(
            f"{what} holds a space, semicolon, backslash or a character beyond ASCII; choose one without"
        )


def _match(what: str, value: str, pattern: re.Pattern[str], right: str) -> None:
    if not pattern.match(value):
        raise AsteriskSetupError(f"{what} is {value[:80]!r}; it must be {right}")


def _check_address(what: str, address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise AsteriskSetupError(f"{what} is {address[:80]!r}; it must be an IP address, like 127.0.0.1") from None


def _check_net(what: str, net: str) -> None:
    try:
        ipaddress.ip_network(net, strict=False)
    except ValueError:
        raise AsteriskSetupError(
            f"{what} holds {net[:80]!r}; it must be an IP address or network, like 192.0.2.0/24"
        ) from None
