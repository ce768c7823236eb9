"""How long a test waits for what it does not time: a slow machine is no fault of the project."""

from typing import Final

PATIENCE_SECONDS: Final = 60.0
