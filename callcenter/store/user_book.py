"""Users for the page that administers them: each change with its line of the audit log, in one transaction."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select

from callcenter.app.ports import User
from callcenter.domain.ids import AgentId, UserId
from callcenter.store import tables
from callcenter.store.audit import add_audit
from callcenter.store.configuration import put_phone_secret
from callcenter.store.database import Database
from callcenter.store.users import end_sessions_of, list_users, put_user, remove_user


class StoredUserBook:
    """Implements `callcenter.app.user_book.UserStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self) -> Mapping[UserId, tuple[User, int]]:
        """Everyone who may sign in, by name, and how many sessions he has."""
        table = tables.sessions
        query = select(table.c.user_id, func.count()).group_by(table.c.user_id)
        async with self._database.reading() as connection:
            users = await list_users(connection)
            sessions = {row[0]: row[1] for row in (await connection.execute(query)).all()}
        return {user.user_id: (user, sessions.get(user.user_id, 0)) for user in users}

    async def agents(self) -> frozenset[AgentId]:
        """The agents there are."""
        async with self._database.reading() as connection:
            found = (await connection.execute(select(tables.agents.c.agent_id))).scalars()
            return frozenset(AgentId(one) for one in found)

    async def put(self, user: User, *, end_sessions: bool, at: datetime, by: str, action: str, detail: str) -> None:
        """Make or change a user."""
        async with self._database.writing() as connection:
            await put_user(connection, user)
            if end_sessions:
                await end_sessions_of(connection, user.user_id)
            await add_audit(connection, at=at, by=by, action=action, subject=user.name, detail=detail)

    async def end_sessions(self, user: User, *, at: datetime, by: str) -> None:
        """Sign a user out everywhere."""
        async with self._database.writing() as connection:
            await end_sessions_of(connection, user.user_id)
            await add_audit(connection, at=at, by=by, action="sessions_ended", subject=user.name)

    async def remove(self, user: User, *, at: datetime, by: str) -> None:
        """Take a user away with his sessions."""
        async with self._database.writing() as connection:
            await remove_user(connection, user.user_id)
            await add_audit(connection, at=at, by=by, action="user_removed", subject=user.name, detail=user.role)

    async def put_secret(self, agent_id: AgentId, secret: str, *, at: datetime, by: str) -> None:
        """Set the secret of an agent's SIP account; `NotFound`."""
        async with self._database.writing() as connection:
            await put_phone_secret(connection, agent_id, secret)
            await add_audit(connection, at=at, by=by, action="phone_secret_set", subject=agent_id)
