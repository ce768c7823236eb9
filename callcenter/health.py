"""Whether the server is well, as /readyz tells it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import structlog

from callcenter.asterisk.bridge import Bridge
from callcenter.store.database import Database
from callcenter.store.journal import JournalWriter
from callcenter.web.dependencies import Check

log = structlog.get_logger(__name__)

DATABASE_CHECK_LIMIT: Final = timedelta(seconds=2)


class ServerHealth:
    """What must be well before calls are served."""

    def __init__(self, bridge: Bridge, database: Database, journal: JournalWriter) -> None:
        self._bridge = bridge
        self._database = database
        self._journal = journal

    async def checks(self) -> Mapping[str, Check]:
        """Asterisk, the database, and the journal that stands between it and the calls."""
        exchange = self._bridge.health()
        try:
            await self._database.ping(DATABASE_CHECK_LIMIT)
            database = Check(ok=True, detail="answers")
        except Exception as error:
            log.warning("database_check_failed", error=str(error))
            database = Check(ok=False, detail=str(error))
        state = self._journal.state()
        kept = state.lost_rows == 0
        detail = f"{state.pending_rows} rows wait, {state.spilled_batches} batches on disk, {state.lost_rows} rows lost"
        return {
            "asterisk": Check(ok=exchange.ok, detail=exchange.detail),
            "database": database,
            "journal": Check(ok=kept, detail=detail),
        }
