"""How users want the board, and the links for screens on the wall."""

from datetime import datetime

from sqlalchemy import Row, func, insert, select, update

from callcenter.app.board_wishes import BoardWishes
from callcenter.app.walls import MOST_LINKS, WallLink
from callcenter.domain.errors import Conflict, Outdated
from callcenter.domain.ids import QueueId, UserId
from callcenter.store.audit import add_audit
from callcenter.store.board_tables import board_wishes, wall_links
from callcenter.store.database import Database
from callcenter.store.upsert import insert_into


class StoredWishes:
    """Implements `callcenter.app.board_wishes.WishBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wishes(self, user_id: UserId) -> BoardWishes:
        """What the user set last."""
        query = select(board_wishes.c.wishes, board_wishes.c.version).where(board_wishes.c.user_id == user_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return BoardWishes()
        return BoardWishes(queues=row.wishes.queues, hidden=row.wishes.hidden, version=row.version)

    async def keep(self, user_id: UserId, wishes: BoardWishes, *, at: datetime, expected: int) -> BoardWishes:
        """Keep them as the next version; `Outdated` when they are not those of version `expected` any more."""
        kept = BoardWishes(queues=wishes.queues, hidden=wishes.hidden, version=expected + 1)
        row = {"user_id": user_id, "version": kept.version, "wishes": kept, "changed_at": at}
        of = board_wishes.c
        async with self._database.writing() as connection:
            if expected == 0:
                statement = insert_into(connection, board_wishes).on_conflict_do_nothing()
                # SQLAlchemy gives no row count of a list of rows.
                done = (await connection.execute(statement.values(row))).rowcount
            else:
                step = update(board_wishes).where(of.user_id == user_id, of.version == expected)
                done = (await connection.execute(step.values(row))).rowcount
        if done != 1:
            raise Outdated("the board's settings were changed in another window; read them again")
        return kept


class StoredWalls:
    """Implements `callcenter.app.walls.WallBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def links(self) -> tuple[WallLink, ...]:
        """All links, the newest first."""
        query = select(wall_links).order_by(wall_links.c.created_at.desc(), wall_links.c.link_id)
        async with self._database.reading() as connection:
            return tuple(_link(row) for row in (await connection.execute(query)).all())

    async def add(self, link: WallLink, token_hash: str) -> None:
        """Keep a new one, with its line in the audit log; `Conflict` when there are too many."""
        row = {
            "link_id": link.link_id,
            "token_hash": token_hash,
            "name": link.name,
            "queues": list(link.queues),
            "created_at": link.created_at,
            "created_by": link.created_by,
            "expires_at": link.expires_at,
        }
        live = select(func.count()).where(wall_links.c.revoked_at.is_(None), wall_links.c.expires_at > link.created_at)
        async with self._database.writing() as connection:
            if (await connection.execute(live)).scalar_one() >= MOST_LINKS:
                raise Conflict(f"there are {MOST_LINKS} links already; revoke one first", code="too_many_wall_links")
            await connection.execute(insert(wall_links), [row])
            detail = f"{link.name}: {', '.join(link.queues) or 'all queues'}, until {link.expires_at.isoformat()}"
            await add_audit(
                connection,
                at=link.created_at,
                by=link.created_by,
                action="wall_link_made",
                subject=link.link_id,
                detail=detail,
            )

    async def revoke(self, link_id: str, *, at: datetime, by: str) -> bool:
        """Close one; False when there is none. A second time does nothing."""
        of = wall_links.c
        step = update(wall_links).where(of.link_id == link_id, of.revoked_at.is_(None))
        async with self._database.writing() as connection:
            if (await connection.execute(select(of.link_id).where(of.link_id == link_id))).first() is None:
                return False
            if (await connection.execute(step.values(revoked_at=at, revoked_by=by))).rowcount:
                await add_audit(connection, at=at, by=by, action="wall_link_revoked", subject=link_id)
        return True

    async def by_hash(self, token_hash: str) -> WallLink | None:
        """The link of this token's hash."""
        query = select(wall_links).where(wall_links.c.token_hash == token_hash)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _link(row)

    async def touch(self, link_id: str, at: datetime) -> None:
        """Note that it is in use."""
        step = update(wall_links).where(wall_links.c.link_id == link_id)
        async with self._database.writing() as connection:
            await connection.execute(step.values(last_used_at=at))


def _link(row: Row[tuple[object, ...]]) -> WallLink:
    return WallLink(
        link_id=row.link_id,
        name=row.name,
        queues=tuple(QueueId(queue_id) for queue_id in row.queues),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        last_used_at=row.last_used_at,
    )
