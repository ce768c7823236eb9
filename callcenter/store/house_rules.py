"""The business's rules about people's data, systems outside and offers: a document each, in one table."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.app.business import Part
from callcenter.domain.best_offers import BestOffer
from callcenter.domain.connectors import ConnectorRule
from callcenter.domain.errors import InvalidValue
from callcenter.domain.privacy import RetentionRule, RoleRule
from callcenter.store.database import Database
from callcenter.store.encoding import decode_json, encode_json
from callcenter.store.errors import DamagedRules
from callcenter.store.privacy_tables import house_rules as table
from callcenter.store.upsert import upsert_into

T = TypeVar("T")

HOUSE_PARTS = frozenset({Part.ROLES, Part.RETENTION, Part.CONNECTORS, Part.BEST_OFFERS})


class StoredHouseRules:
    """Implements `callcenter.app.house_rules.RuleBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def roles(self) -> Sequence[RoleRule]:
        """What each may see, where that is not as usual."""
        async with self._database.reading() as connection:
            return tuple((await read_house_rules(connection, Part.ROLES, RoleRule)).values())

    async def retention(self) -> Sequence[RetentionRule]:
        """How long what is kept, where that is not as usual."""
        async with self._database.reading() as connection:
            return tuple((await read_house_rules(connection, Part.RETENTION, RetentionRule)).values())

    async def connectors(self) -> Sequence[ConnectorRule]:
        """Which systems outside are asked."""
        async with self._database.reading() as connection:
            return tuple((await read_house_rules(connection, Part.CONNECTORS, ConnectorRule)).values())

    async def best_offers(self) -> Sequence[BestOffer]:
        """What agents propose."""
        async with self._database.reading() as connection:
            return tuple((await read_house_rules(connection, Part.BEST_OFFERS, BestOffer)).values())


async def read_house_rules(connection: AsyncConnection, part: Part, type_: type[T]) -> Mapping[str, T]:
    """The rules of one part by their ids; raises `DamagedRules`."""
    rows = (await connection.execute(table.select().where(table.c.part == part).order_by(table.c.item))).all()
    try:
        return {row.item: decode_json(row.rules, type_) for row in rows}
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise DamagedRules(f"the rules of {part} in the database are damaged: {error}; apply them anew") from error


async def put_house_rule(connection: AsyncConnection, part: Part, item: str, rule: object) -> None:
    """Make or change one."""
    row = {"part": part, "item": item, "rules": encode_json(rule)}
    await connection.execute(upsert_into(connection, table), [row])


async def drop_house_rule(connection: AsyncConnection, part: Part, item: str) -> None:
    """Take one away."""
    await connection.execute(delete(table).where(table.c.part == part, table.c.item == item))
