"""Finds the Asterisk that scripts/get-asterisk left, and lays out the directories that a private one runs in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from callcenter.asterisk.errors import AsteriskSetupError
from callcenter.asterisk.pbx_config import Directories

#: The oldest Asterisk whose dialplan functions and events we know.
OLDEST_MAJOR: Final = 20
SOCKET_NAME: Final = "asterisk.ctl"

#: A Unix socket's path has 107 bytes at most; some are kept for the names of temporary ones.
_SOCKET_PATH_LIMIT: Final = 100
_VERSION: Final = re.compile(r"Asterisk (\d+)\.(\d+)(?:\.(\d+))?")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An Asterisk to run, as scripts/get-asterisk left it."""

    launcher: Path
    version: str
    modules_dir: Path
    data_dir: Path
    moh_dir: Path


def find_installation(tools: Path) -> Installation:
    """Reads <tools>/asterisk/install.json; AsteriskSetupError when scripts/get-asterisk has not run."""
    path = tools / "asterisk" / "install.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        found = Installation(
            launcher=Path(str(facts["launcher"])),
            version=str(facts["version"]),
            modules_dir=Path(str(facts["modules_dir"])),
            data_dir=Path(str(facts["data_dir"])),
            moh_dir=Path(str(facts["moh_dir"])),
        )
    except FileNotFoundError:
        raise AsteriskSetupError(f"{path} is missing: there is no Asterisk yet; run scripts/get-asterisk") from None
    except (ValueError, KeyError, TypeError) as error:
        raise AsteriskSetupError(f"{path} is damaged ({error}); run scripts/get-asterisk --force") from None
    if not os.access(found.launcher, os.X_OK):
        raise AsteriskSetupError(f"{found.launcher} is gone; run scripts/get-asterisk --force")
    return found


def private_directories(base: Path, installation: Installation) -> Directories:
    """The directories of a private Asterisk under `base` (absolute, or made so); nothing is created yet.

    The control socket's path is limited to about 100 characters: under a deeper base the run directory moves
    to the system's temporary directory, under a name that is always the same for the same base.
    """
    base = base.absolute()
    run = base / "run"
    if len(os.fsencode(run / SOCKET_NAME)) > _SOCKET_PATH_LIMIT:
        name = hashlib.sha256(os.fsencode(base)).hexdigest()[:12]
        run = Path(tempfile.gettempdir()) / f"callcenter-{os.getuid()}-{name}"
        _log.info("asterisk.run_directory_moved", why="the path of the control socket would be too long", run=str(run))
    return Directories(
        etc=base / "etc",
        modules=installation.modules_dir,
        data=base / "data",
        agi=base / "agi",
        moh=installation.moh_dir,
        var=base / "var",
        spool=base / "spool",
        run=run,
        log=base / "log",
    )


def parse_version(text: str) -> tuple[int, int, int]:
    """ "Asterisk 22.10.1+dfsg" -> (22, 10, 1); AsteriskSetupError when it is no version."""
    found = _VERSION.search(text)
    if found is None:
        raise AsteriskSetupError(f"{text[:80]!r} is not a version of Asterisk; is the right program being run?")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def require_version(told: str) -> tuple[int, int, int]:
    """The version in AMI's words ("22.10.1+dfsg", "certified-20.7-cert4"); AsteriskSetupError when it is too old."""
    version = parse_version(f"Asterisk {re.sub('^certified[-/]', '', told)}")
    if version[0] < OLDEST_MAJOR:
        raise AsteriskSetupError(
            f"Asterisk {told[:40]} is too old; install Asterisk {OLDEST_MAJOR} or newer (22 is tried most)"
        )
    return version


def make_run_directory(run: Path) -> None:
    """Makes the directory of the control socket, for us alone; AsteriskSetupError when somebody else holds the name."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = run.lstat()
    # In a shared temporary directory somebody else may have made it first, to listen in.
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise AsteriskSetupError(f"{run} belongs to somebody else; remove it or choose another directory")
    run.chmod(0o700)


def link_data(installed: Path, data: Path, prompts: Path | None) -> None:
    """A data directory of links: the installation's files, and our prompts as `callcenter/` in every language."""
    sounds = data / "sounds"
    sounds.mkdir(parents=True, exist_ok=True, mode=0o755)
    for entry in installed.iterdir():
        if entry.name != "sounds":
            _link(data / entry.name, entry)
    english = sounds / "en"
    english.mkdir(exist_ok=True)
    for entry in (installed / "sounds" / "en").resolve().iterdir():
        _link(english / entry.name, entry)
    if prompts is None:
        return
    for language in sorted(path for path in prompts.absolute().iterdir() if path.is_dir()):
        (sounds / language.name).mkdir(exist_ok=True)
        _link(sounds / language.name / "callcenter", language)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        if link.readlink() == target:
            return
        link.unlink()
    elif link.exists():
        raise AsteriskSetupError(f"{link} is in the way of a link to {target}; remove it")
    link.symlink_to(target)
