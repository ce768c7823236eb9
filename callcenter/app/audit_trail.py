"""Lines of the audit log that must be written, but that nobody can wait for: what the exchange reports.

Law: in order, and each once; while the store is away they wait, and are written when it is back.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from callcenter.app.ports import Users
from callcenter.domain.errors import CallcenterError

log = structlog.get_logger(__name__)

MOST_UNWRITTEN: Final = 10_000
AGAIN_AFTER: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    at: datetime
    by: str
    action: str
    subject: str
    detail: str


class AuditTrail:
    """Takes lines at once, and writes them one after the other."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._unwritten: deque[_Line] = deque()
        self._news = asyncio.Event()

    def append(self, *, at: datetime, by: str, action: str, subject: str, detail: str) -> None:
        """Take a line; past the bound it goes to the server's own log."""
        if len(self._unwritten) >= MOST_UNWRITTEN:
            log.error("audit_not_written", by=by, action=action, subject=subject, detail=detail)
            return
        self._unwritten.append(_Line(at=at, by=by, action=action, subject=subject, detail=detail))
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if not await self.write():
                    await asyncio.sleep(AGAIN_AFTER.total_seconds())
                    self._news.set()
        finally:
            await self.write()

    async def write(self) -> bool:
        """Write what there is; False where the store is away."""
        while self._unwritten:
            line = self._unwritten[0]
            try:
                await self._users.audit(
                    at=line.at, by=line.by, action=line.action, subject=line.subject, detail=line.detail
                )
            except CallcenterError as error:
                log.warning("audit_waits", code=error.code, lines=len(self._unwritten))
                return False
            self._unwritten.popleft()
        return True
