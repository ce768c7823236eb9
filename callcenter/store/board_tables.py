"""The tables of the board: how users want it, and the links for screens on the wall."""

from sqlalchemy import Column, Integer, Table

from callcenter.app.board_wishes import BoardWishes
from callcenter.store.columns import Json, PlainText, UtcDateTime
from callcenter.store.tables import metadata

board_wishes = Table(
    "board_wishes",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("wishes", Json(BoardWishes), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

wall_links = Table(
    "wall_links",
    metadata,
    Column("link_id", PlainText, primary_key=True),
    Column("token_hash", PlainText, nullable=False, unique=True),
    Column("name", PlainText, nullable=False),
    Column("queues", Json(list[str]), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", PlainText),
    Column("last_used_at", UtcDateTime),
)
