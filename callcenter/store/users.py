"""Who signs in: users, their sessions, and the audit log of what they did."""

from datetime import datetime

from sqlalchemy import Row, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.ports import SessionRecord, User
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, UserId
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.upsert import upsert_into


class StoredUsers:
    """Implements `callcenter.app.ports.Users`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_name(self, name: str) -> User | None:
        """The user of this login name."""
        return await self._user(tables.users.c.name.name, name)

    async def by_id(self, user_id: UserId) -> User | None:
        """The user of this id."""
        return await self._user(tables.users.c.user_id.name, user_id)

    async def add_session(self, session: SessionRecord) -> None:
        """Keep a new session; those that have run out by then are forgotten."""
        table = tables.sessions
        row = {
            "token_hash": session.token_hash,
            "user_id": session.user_id,
            "created_at": session.created_at,
            "last_seen_at": session.last_seen_at,
            "expires_at": session.expires_at,
        }
        async with self._database.writing() as connection:
            await connection.execute(delete(table).where(table.c.expires_at < session.created_at))
            await connection.execute(insert(table), [row])

    async def session(self, token_hash: str) -> SessionRecord | None:
        """The session of this token's hash, also one that has run out."""
        query = tables.sessions.select().where(tables.sessions.c.token_hash == token_hash)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return SessionRecord(
            token_hash=row.token_hash,
            user_id=UserId(row.user_id),
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
        )

    async def touch_session(self, token_hash: str, last_seen_at: datetime) -> None:
        """Note that the session is in use."""
        change = update(tables.sessions).where(tables.sessions.c.token_hash == token_hash)
        async with self._database.writing() as connection:
            await connection.execute(change.values(last_seen_at=last_seen_at))

    async def end_session(self, token_hash: str) -> None:
        """Forget a session; one that is forgotten already stays so."""
        async with self._database.writing() as connection:
            await connection.execute(delete(tables.sessions).where(tables.sessions.c.token_hash == token_hash))

    async def audit(self, *, at: datetime, by: str, action: str, subject: str, detail: str = "") -> None:
        """Append one line to the audit log."""
        async with self._database.writing() as connection:
            await add_audit(connection, at=at, by=by, action=action, subject=subject, detail=detail)

    async def _user(self, column: str, value: str) -> User | None:
        query = tables.users.select().where(tables.users.c[column] == value)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _user(row)


async def list_users(connection: AsyncConnection) -> tuple[User, ...]:
    """Everyone who may sign in, by name."""
    return tuple(_user(row) for row in (await connection.execute(tables.users.select().order_by("name"))).all())


async def put_user(connection: AsyncConnection, user: User) -> None:
    """Make or change a user; his sessions stay."""
    row = {
        "user_id": user.user_id,
        "name": user.name,
        "display_name": user.display_name,
        "role": user.role,
        "agent_id": user.agent_id,
        "language": user.language,
        "password_hash": user.password_hash,
        "disabled": user.disabled,
    }
    await connection.execute(upsert_into(connection, tables.users), [row])


async def put_password_hash(connection: AsyncConnection, user_id: UserId, password_hash: str) -> None:
    """Change a user's password; `NotFound` when there is no such user."""
    change = update(tables.users).where(tables.users.c.user_id == user_id)
    if (await connection.execute(change.values(password_hash=password_hash))).rowcount == 0:
        raise NotFound(f"there is no user {user_id}", code="unknown_user")


async def end_sessions_of(connection: AsyncConnection, user_id: UserId) -> None:
    """Sign a user out everywhere; a running server notices within seconds."""
    await connection.execute(delete(tables.sessions).where(tables.sessions.c.user_id == user_id))


async def remove_user(connection: AsyncConnection, user_id: UserId) -> None:
    """Take a user away with his sessions; `NotFound` when there is no such user."""
    await end_sessions_of(connection, user_id)
    if (await connection.execute(delete(tables.users).where(tables.users.c.user_id == user_id))).rowcount == 0:
        raise NotFound(f"there is no user {user_id}", code="unknown_user")


def _user(row: Row[tuple[str, ...]]) -> User:
    return User(
        user_id=UserId(row.user_id),
        name=row.name,
        display_name=row.display_name,
        role=row.role,
        agent_id=AgentId(row.agent_id) if row.agent_id is not None else None,
        language=row.language,
        password_hash=row.password_hash,
        disabled=row.disabled,
    )
