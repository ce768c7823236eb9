"""The audit log: who did what, and when; rows are only ever added."""

from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.store import tables


async def add_audit(
    connection: AsyncConnection, *, at: datetime, by: str, action: str, subject: str, detail: str = ""
) -> None:
    """Append one line, in the transaction of what it tells of."""
    row = {"at": at, "by": by, "action": action, "subject": subject, "detail": detail}
    await connection.execute(insert(tables.audit), [row])
