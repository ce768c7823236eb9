"""Writes Asterisk's configuration files from plain values; no value can add a line, a section or a comment to one.

Two sets: `render` gives everything a private Asterisk needs, `render_includes` only the `*_callcenter.conf`
files, with instructions, for an Asterisk that somebody already runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from callcenter.asterisk.errors import AsteriskSetupError
from callcenter.asterisk.module_list import modules_to_load
from callcenter.asterisk.pbx_config import (
    Directories,
    FallbackQueue,
    MusicClass,
    PbxConfig,
    PhoneAccount,
    TrunkConfig,
    check,
    installed_modules,
)

__all__ = (
    "CEL_COLUMNS",
    "EVENTS",
    "Directories",
    "FallbackQueue",
    "MusicClass",
    "PbxConfig",
    "PhoneAccount",
    "TrunkConfig",
    "differing",
    "installed_modules",
    "render",
    "render_includes",
    "write",
)

#: The AMI events that are let through; everything else stays in Asterisk.
EVENTS: Final = (
    "FullyBooted",
    "Shutdown",
    "Reload",
    "Newchannel",
    "Newstate",
    "DialBegin",
    "DialEnd",
    "OriginateResponse",
    "BridgeCreate",
    "BridgeDestroy",
    "BridgeEnter",
    "BridgeLeave",
    "Hold",
    "Unhold",
    "HangupRequest",
    "SoftHangupRequest",
    "Hangup",
    "DeviceStateChange",
    "ContactStatus",
    "UserEvent",
    "ChanSpyStart",
    "ChanSpyStop",
)

#: Columns of callcenter.csv, in order, and the dialplan expression that gives each.
CEL_COLUMNS: Final[Mapping[str, str]] = {
    "event": "eventtype",
    "time": "eventtime",
    "uniqueid": "CHANNEL(uniqueid)",
    "linkedid": "CHANNEL(linkedid)",
    "channel": "CHANNEL(channame)",
    "context": "CHANNEL(context)",
    "exten": "CHANNEL(exten)",
    "caller_number": "CALLERID(num)",
    "caller_name": "CALLERID(name)",
    "dialled_number": "CALLERID(dnid)",
    "peer": "BRIDGEPEER",
    "extra": "eventextra",
}

_SECRET_FILES: Final = frozenset({"manager.conf", "manager_callcenter.conf", "pjsip.conf", "pjsip_callcenter.conf"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def render(config: PbxConfig) -> dict[str, str]:
    """Every file of a private Asterisk: file name -> text. AsteriskSetupError says which value is wrong."""
    check(config)
    templates = (
        "asterisk.conf",
        "modules.conf",
        "logger.conf",
        "pjsip.conf",
        "rtp.conf",
        "http.conf",
        "manager.conf",
        "musiconhold.conf",
        "cel.conf",
        "cel_custom.conf",
        "queues.conf",
        "extensions.conf",
    )
    files = {name: _render_one(config, name) for name in templates}
    for name, (why, lines) in _SILENT_FILES.items():
        files[name] = _environment().get_template("empty.conf.j2").render(why=why, lines=lines)
    return files | {name: _render_one(config, name) for name in _INCLUDED}


def render_includes(config: PbxConfig) -> dict[str, str]:
    """The files to include into an Asterisk one already has, with README.txt telling where."""
    check(config)
    names = (*_INCLUDED, "cel_custom_callcenter.conf")
    return {name: _render_one(config, name) for name in (*names, "README.txt")}


def write(files: Mapping[str, str], directory: Path) -> tuple[str, ...]:
    """Writes the files that differ from what is there, each in one step; files with secrets get mode 600.

    Returns the names of the files that changed, so that only their modules need a reload.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed = differing(files, directory)
    for name in changed:
        _write_atomically(directory / name, files[name], _mode(name))
    return changed


def differing(files: Mapping[str, str], directory: Path) -> tuple[str, ...]:
    """The names of the files that are not there as they should be, in order."""
    return tuple(name for name, text in sorted(files.items()) if not _is_there(directory / name, text))


def _is_there(target: Path, text: str) -> bool:
    try:
        mode = target.stat().st_mode & 0o777
        return mode == _mode(target.name) and target.read_text(encoding="utf-8") == text
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _mode(name: str) -> int:
    return 0o600 if name in _SECRET_FILES else 0o644


_INCLUDED: Final = (
    "pjsip_callcenter.conf",
    "manager_callcenter.conf",
    "queues_callcenter.conf",
    "extensions_callcenter.conf",
)

#: Files whose absence Asterisk logs, and the one thing each of them says.
_SILENT_FILES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "cdr.conf": (
        "one record an interaction is the server's, CDRs would be a second truth.",
        ("[general]", "enable = no"),
    ),
    "features.conf": ("no feature codes: transfers are the server's.", ("[general]",)),
    "indications.conf": (
        "the tones of one country.",
        (
            "[general]",
            "country = us",
            "[us]",
            "description = United States",
            "ringcadence = 2000,4000",
            "dial = 350+440",
            "busy = 480+620/500,0/500",
            "ring = 440+480/2000,0/4000",
            "congestion = 480+620/250,0/250",
        ),
    ),
    "udptl.conf": ("no fax.", ("[general]",)),
    "ccss.conf": ("callbacks are the server's.", ("[general]",)),
    "acl.conf": ("access lists stand where they are used.", ()),
    "codecs.conf": ("the defaults.", ()),
    "dsp.conf": ("the defaults.", ("[default]",)),
    "cli.conf": ("no commands at the start.", ("[startup_commands]",)),
    "dnsmgr.conf": ("nothing is looked up.", ("[general]", "enable = no")),
    "queuerules.conf": ("no penalties.", ("[general]",)),
    "stasis.conf": ("the defaults.", ()),
    "pjproject.conf": ("the defaults.", ()),
}


def _conf_value(value: object) -> str:
    """Every `{{ }}` of a template passes here: what could end the line, or the value, is refused."""
    text = str(value)
    if _CONTROL.search(text) or ";" in text:
        raise AsteriskSetupError(
            f"the value {text[:60]!r} holds a control character or a semicolon, which Asterisk's files cannot"
            " carry; take it out"
        )
    return text


def _render_one(config: PbxConfig, name: str) -> str:
    music = [("default", config.directories.moh)]
    music += [(entry.name, entry.directory) for entry in config.music_classes if entry.name != "default"]
    music[0] = next(
        (("default", entry.directory) for entry in config.music_classes if entry.name == "default"), music[0]
    )
    return (
        _environment()
        .get_template(f"{name}.j2")
        .render(
            config=config,
            d=config.directories,
            events=EVENTS,
            modules=modules_to_load(config.modules_present),
            music=music,
            registered_phones={f"PJSIP/{phone.agent_id}{w}" for phone in config.phones for w in ("", "w")},
            cel_columns=tuple(CEL_COLUMNS),
            cel_values=tuple(CEL_COLUMNS.values()),
        )
    )


def _environment() -> Environment:
    # Not HTML: the escaping that matters here is the refusal in _conf_value.
    return Environment(  # noqa: S701
        loader=PackageLoader("callcenter.asterisk", "templates"),
        undefined=StrictUndefined,
        finalize=_conf_value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _write_atomically(target: Path, text: str, mode: int) -> None:
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
