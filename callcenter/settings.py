"""The operator's settings: one TOML file, overridden by environment variables, checked before anything starts.

Law: whatever is wrong is told in one line with file, line, field, what it is and what would be right.
"""

import os
import re
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

ENVIRONMENT_PREFIX = "CALLCENTER_"
SAMPLE_SECRETS = frozenset({"", "secret", "password", "changeme", "change-me", "callcenter", "demo"})
SHORTEST_SECRET = 12
NO_SUCH_SETTING = "there is no such setting; config/callcenter.toml lists all there are"
OTHER_VARIABLES = frozenset({"CALLCENTER_DEMO_DIRECTORY"})
"""Variables that begin like a setting and say something else: where the demo keeps what it makes."""


class SettingsError(Exception):
    """The settings cannot be used; `lines` has one complaint each."""

    code = "settings"

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _address(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        raise ValueError("an IP address is wanted, such as 127.0.0.1 or 0.0.0.0") from None
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("an address or network is wanted, such as 10.0.0.7 or 10.0.0.0/24") from None
    return value


def _region(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("a two-letter region such as CN or GB is wanted")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("a time zone such as Asia/Shanghai or Europe/London is wanted") from None
    return value


Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]


def _place(value: Path) -> Path:
    # An empty string reads as the present directory, which nobody means.
    if value == Path():
        raise ValueError("a directory is wanted, such as /var/lib/callcenter")
    return value


Place = Annotated[Path, AfterValidator(_place)]
Port = Annotated[int, Field(ge=1, le=65535)]
Language = Literal["zh", "en"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """The web side and everything that has no section of its own."""

    bind: Address = "127.0.0.1"
    port: Port = 8000
    data_directory: Place = Path("/var/lib/callcenter")
    language: Language = "zh"
    region: Annotated[str, AfterValidator(_region)] = "CN"
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    secure_cookies: bool = False
    wall_links: bool = False
    ui_directory: Path = Path("agent_ui/dist")


class DatabaseSettings(_Section):
    """Where records are kept; an empty URL means SQLite in the data directory."""

    url: str = Field(default="", repr=False)


class AsteriskSettings(_Section):
    """How the server reaches its Asterisk."""

    system_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,16}$")] = "cc1"
    ami_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    ami_port: Port = 5038
    ami_user: str = "callcenter"
    ami_secret: str = Field(default="", repr=False)
    ami_secret_file: Path | None = None
    fastagi_bind: Address = "127.0.0.1"
    fastagi_port: Port = 4573
    fastagi_allow: tuple[Network, ...] = ("127.0.0.0/8",)
    outside_trunk: str | None = None
    channel_log: Path | None = None
    private_directory: Path | None = None
    apology_after_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    fallback_after_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    fallback_limit_seconds: Annotated[int, Field(ge=1, le=3600)] = 300


class SipSettings(_Section):
    """What the written Asterisk configuration listens on."""

    bind: Address = "127.0.0.1"
    port: Port = 5060
    http_bind: Address = "127.0.0.1"
    http_port: Port = 8088
    rtp_start: Port = 10000
    rtp_end: Annotated[Port, Field(validate_default=True)] = 19999
    media_address: Address | None = None
    external_address: str | None = None
    local_networks: tuple[Network, ...] = ()
    websocket_url: str | None = None
    silence_seconds: Annotated[int, Field(ge=5, le=86_400)] = 300

    @field_validator("rtp_end")
    @classmethod
    def _room_for_media(cls, value: int, info: ValidationInfo) -> int:
        start = info.data.get("rtp_start", value - 3)
        if value - start < 3:
            raise ValueError(f"a port at least 3 above rtp_start ({start}) is wanted; a call needs four")
        return value


class TrunkSettings(_Section):
    """One trunk that callers come over."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    match: tuple[Network, ...] = Field(min_length=1)
    trust_asserted_identity: bool = False
    outbound_proxy: str | None = None
    contact: str | None = None
    username: str | None = None
    secret: str | None = Field(default=None, repr=False)


class FlowSettings(_Section):
    """Where flows and prompts are."""

    directory: Path = Path("ivr_flows")
    default: str | None = None
    recorded_prompts: Path | None = None
    sound_directory: Path | None = None
    menu_music: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "default"


class WebServiceSettings(_Section):
    """Where flows may ask and web hooks may be sent besides public addresses."""

    private_networks: tuple[Network, ...] = ()


class DeskSettings(_Section):
    """The agents' desktops."""

    lost_after_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0


Prefix = Annotated[str, Field(pattern=r"^\+[0-9]{1,14}$")]


class CallsOutSettings(_Section):
    """Whom agents may call, how often, and what is shown."""

    shown_number: Annotated[str, Field(pattern=r"^\+?[0-9]{0,15}$")] = ""
    per_agent_per_hour: Annotated[int, Field(ge=0, le=1000)] = 60
    at_once: Annotated[int, Field(ge=0, le=1000)] = 20
    allowed_prefixes: tuple[Prefix, ...] = ()
    refused_prefixes: tuple[Prefix, ...] = ()


class DemoSettings(_Section):
    """The demo's own: its data, its one password, the caller's phone in the browser."""

    enabled: bool = False
    password: str = Field(default="", repr=False)


class Settings(_Section):
    """All settings."""

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    sip: SipSettings = SipSettings()
    trunks: tuple[TrunkSettings, ...] = ()
    flows: FlowSettings = FlowSettings()
    web_services: WebServiceSettings = WebServiceSettings()
    desk: DeskSettings = DeskSettings()
    calls_out: CallsOutSettings = CallsOutSettings()
    demo: DemoSettings = DemoSettings()

    @property
    def database_url(self) -> str:
        """The configured URL, or SQLite in the data directory."""
        return self.database.url or f"sqlite+aiosqlite:///{self.server.data_directory / 'callcenter.sqlite3'}"

    @property
    def sound_directory(self) -> Path:
        """Where synthesised prompts are written for Asterisk to read."""
        return self.flows.sound_directory or self.server.data_directory / "sounds"

    @property
    def recorded_directory(self) -> Path:
        """Where recorded prompts are, with their history."""
        return self.flows.recorded_prompts or self.server.data_directory / "recorded_prompts"

    @property
    def recordings_directory(self) -> Path:
        """Where Asterisk records what callers say."""
        return self.server.data_directory / "recordings"

    @property
    def imports_directory(self) -> Path:
        """Where files that are imported are, and their bad rows."""
        return self.server.data_directory / "imports"

    @property
    def temporary_directory(self) -> Path:
        """Where files are made that are sent once: exports, and one person's data."""
        return self.server.data_directory / "temporary"

    @property
    def emergency_directory(self) -> Path:
        """Where the emergency script is, and puts what callers want while the server is away."""
        return self.server.data_directory / "emergency"

    @property
    def websocket_url(self) -> str:
        """Where the browser's phone registers."""
        return self.sip.websocket_url or f"ws://{self.sip.http_bind}:{self.sip.http_port}/ws"

    @property
    def desk_lost_after(self) -> timedelta:
        """How long a desktop may be away."""
        return timedelta(seconds=self.desk.lost_after_seconds)


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file, if there is one, and the environment over it; raises `SettingsError`."""
    environment = os.environ if environment is None else environment
    text, where = "", "the environment"
    if path is not None:
        where = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError([f"{path}: cannot be read ({error.strerror}); give another with --config"]) from error
        except UnicodeDecodeError as error:
            raise SettingsError([f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8"]) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{where}: is no TOML: {error}"]) from error
    overridden = _override(values, environment)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        faults = {tuple(fault["loc"]): fault["msg"] for fault in error.errors()}
        innermost = [at for at in faults if not any(other[: len(at)] == at and other != at for other in faults)]
        lines = [_complaint(where, text, at, faults[at], overridden) for at in innermost]
        raise SettingsError(lines) from None
    misspelt = [f"{name} in the environment: {NO_SUCH_SETTING}" for name in _unknown_variables(environment, overridden)]
    if misspelt:
        raise SettingsError(misspelt)
    return _with_secret(settings, where)


def check_runnable(settings: Settings) -> None:
    """Refuse what must not serve: empty and sample secrets; in the demo an empty one only."""
    secret = settings.asterisk.ami_secret
    if settings.demo.enabled and secret:
        return
    if secret.lower() in SAMPLE_SECRETS:
        raise SettingsError(
            [
                "asterisk.ami_secret: is empty or a sample; put the secret of manager.conf into "
                f"{ENVIRONMENT_PREFIX}ASTERISK_AMI_SECRET or into a file of mode 600 named by asterisk.ami_secret_file"
            ]
        )
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            [f"asterisk.ami_secret: has {len(secret)} characters; at least {SHORTEST_SECRET} are wanted"]
        )


def make_data_directory(settings: Settings) -> None:
    """Make the data directory where it is missing; `SettingsError` when nothing can be written there."""
    directory = settings.server.data_directory
    remedy = (
        "make it and give it to the user the server runs as, or set another "
        f"({ENVIRONMENT_PREFIX}SERVER_DATA_DIRECTORY)"
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError([f"server.data_directory: {directory} cannot be written to ({reason}); {remedy}"]) from None


def empty_temporary(settings: Settings) -> None:
    """What an earlier server made to be sent is gone; only who owns the data directory may do this."""
    directory = settings.temporary_directory
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, exist_ok=True)


def _override(values: dict[str, object], environment: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Put CALLCENTER_<SECTION>_<KEY> over the file's values; the field's name for each variable used."""
    used: dict[tuple[str, str], str] = {}
    for section_name, section in Settings.model_fields.items():
        model = section.annotation
        if not isinstance(model, type) or not issubclass(model, _Section):
            continue
        for key in model.model_fields:
            variable = f"{ENVIRONMENT_PREFIX}{section_name}_{key}".upper()
            value = environment.get(variable)
            if value is None:
                continue
            table = values.setdefault(section_name, {})
            if isinstance(table, dict):
                table[key] = value.split(",") if _is_tuple(model, key) else value
                used[section_name, key] = variable
    return used


def _unknown_variables(environment: Mapping[str, str], used: Mapping[tuple[str, str], str]) -> list[str]:
    """Variables that look like settings and are none: whoever misspells a port would otherwise get the default."""
    sections = tuple(f"{ENVIRONMENT_PREFIX}{name.upper()}_" for name in Settings.model_fields)
    known = {*used.values(), *OTHER_VARIABLES}
    return sorted(name for name in environment if name.startswith(sections) and name not in known)


def _is_tuple(model: type[_Section], key: str) -> bool:
    return "tuple" in str(model.model_fields[key].annotation)


def _complaint(
    where: str, text: str, location: tuple[int | str, ...], message: str, overridden: Mapping[tuple[str, str], str]
) -> str:
    field = ".".join(str(part) for part in location)
    names = tuple(str(part) for part in location[:2])
    if len(names) == 2 and (names[0], names[1]) in overridden:
        return f"{overridden[names[0], names[1]]} in the environment: {_plain(message)}"
    line = _line_of(text, location)
    return f"{where}{f':{line}' if line else ''}: {field}: {_plain(message)}"


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ")
    if text == "Extra inputs are not permitted":
        return NO_SUCH_SETTING
    if "valid boolean" in text:
        return "true or false is wanted"
    return text[:1].lower() + text[1:]


def _line_of(text: str, location: tuple[int | str, ...]) -> int | None:
    """The line a field stands in; tomllib does not keep lines, so its header and key are looked for."""
    words = [part for part in location if isinstance(part, str)]
    indexes = [part for part in location if isinstance(part, int)]
    if not words:
        return None
    section, key = words[0], words[1] if len(words) > 1 else None
    seen, inside, found = -1, False, None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?", line)
        if header is not None:
            inside = header[2] == section
            if inside:
                seen += 1
                inside = header[1] == "[" or not indexes or seen == indexes[0]
                found = number if inside else found
            continue
        if inside and key is not None and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return found


def _with_secret(settings: Settings, where: str) -> Settings:
    path = settings.asterisk.ami_secret_file
    if path is None or settings.asterisk.ami_secret:
        return settings
    try:
        mode = path.stat().st_mode
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{where}: asterisk.ami_secret_file: {path} cannot be read ({error})"]) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError([f"{path}: others may read this secret; say: chmod 600 {path}"])
    return settings.model_copy(update={"asterisk": settings.asterisk.model_copy(update={"ami_secret": secret})})
