"""Where secrets come from: those of connectors from the environment or a file of mode 600, new ones from chance."""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from callcenter.domain.connectors import SecretPlace
from callcenter.domain.errors import CallcenterError


class SecretMissing(CallcenterError):
    """A secret is not where it should be, or others may read it; the message never has its text."""

    code = "secret_missing"


class SecretPlaces:
    """Implements `callcenter.app.connectors.SecretBook`; a file that was changed counts at once."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def secret(self, place: SecretPlace) -> str:
        """Its text, without line breaks round it."""
        text = self._of_environment(place.name) if place.kind == "env" else _of_file(Path(place.name))
        if not text.isascii() or not text.isprintable():
            raise SecretMissing(f"the secret in {place} cannot be a header: it has signs that are no plain ASCII")
        return text

    def _of_environment(self, name: str) -> str:
        found = self._environment.get(name, "").strip()
        if not found:
            raise SecretMissing(f"the variable {name} is not set for the server; set it, or name a file")
        return found


def _of_file(path: Path) -> str:
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"the secret in {path} cannot be read ({type(error).__name__})") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretMissing(f"others may read the secret in {path}; say: chmod 600 {path}")
    if not text:
        raise SecretMissing(f"the file {path} is empty")
    return text


def new_secret() -> str:
    """A secret of a SIP account that nobody can guess."""
    return secrets.token_urlsafe(24)
