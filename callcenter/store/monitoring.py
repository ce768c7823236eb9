"""Supervisors who listened, as the journal has them."""

from datetime import datetime

from sqlalchemy import select

from callcenter.domain import events as ev
from callcenter.domain.ids import MonitoringId
from callcenter.store import tables
from callcenter.store.database import Database
from callcenter.store.encoding import decode_event

_NAMES = (ev.MonitoringStarted.__name__, ev.MonitoringEnded.__name__)


class StoredMonitoring:
    """Implements `callcenter.app.monitoring.PastMonitoring`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unended(self, since: datetime) -> tuple[ev.MonitoringStarted, ...]:
        """Those that began after `since` and have no end yet."""
        table = tables.events
        query = (
            select(table.c.name, table.c.data)
            .where(table.c.at >= since, table.c.name.in_(_NAMES))
            .order_by(table.c.event_id)
        )
        rows = await self._database.look(lambda connection: connection.execute(query).all())
        begun: dict[MonitoringId, ev.MonitoringStarted] = {}
        for name, data in rows:
            match decode_event(name, data):
                case ev.MonitoringStarted() as start:
                    begun[start.monitoring_id] = start
                case ev.MonitoringEnded(monitoring_id=monitoring_id):
                    begun.pop(monitoring_id, None)
                case _:
                    pass
        return tuple(begun.values())
