"""What every group of parts stands on."""

import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from callcenter.app.flow_shelf import FlowShelf
from callcenter.app.lines import Lines
from callcenter.clock import SystemClock
from callcenter.settings import Settings
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database

Owned = Mapping[str, Callable[[], Coroutine[object, object, None]]]
"""Tasks by their names; whoever starts the server owns them, and they end with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Settings, database and flows of one server, read before anything is made."""

    settings: Settings
    database: Database
    configuration: StoredConfiguration
    shelf: FlowShelf
    lines: Lines
    version: int
    """Of the configuration that `lines` were made of."""
    clock: SystemClock

    @property
    def timezone(self) -> ZoneInfo:
        """The house's."""
        return ZoneInfo(self.settings.server.timezone)

    @property
    def can_call_out(self) -> bool:
        """Whether there is a trunk for calls out."""
        return self.settings.asterisk.outside_trunk is not None

    @property
    def outside_trunks(self) -> tuple[str, ...]:
        """The trunks whose state can be asked for."""
        return tuple(trunk.name for trunk in self.settings.trunks if trunk.contact is not None)


def new_id() -> str:
    """One that nobody has."""
    return uuid.uuid4().hex
