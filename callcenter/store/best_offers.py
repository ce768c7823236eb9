"""What customers answered to next best offers, and what is known of one customer when offers are chosen for him."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, delete, func, select

from callcenter.app.best_offers import AnsweredOffer, OfferHistory
from callcenter.crm.best_offers import OfferBasis
from callcenter.crm.segments import Fields
from callcenter.domain.best_offers import OfferAnswer
from callcenter.domain.ids import AgentId, CustomerId, InteractionId
from callcenter.domain.labels import Label
from callcenter.store.best_offer_tables import best_offer_answers as table
from callcenter.store.customer_rows import by_id
from callcenter.store.customers import root_of
from callcenter.store.database import Database
from callcenter.store.segment_records import records_of
from callcenter.store.upsert import insert_into

_STAYS = frozenset({"answer_id", "best_offer_id", "interaction_id"})
"""Of an answer that takes the place of another."""


class StoredBestOffers:
    """Implements `callcenter.app.best_offers.BestOfferStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(
        self, customer_id: CustomerId, fields: Fields, *, timezone: ZoneInfo, interaction_id: InteractionId | None
    ) -> OfferHistory | None:
        """One customer, or whom he was merged into; what was answered in this interaction is no earlier offer."""

        def look(connection: Connection) -> OfferHistory | None:
            found = by_id(connection, customer_id)
            if not found:
                return None
            customer = found[0]
            record = records_of(connection, [customer.customer_id], fields, timezone=timezone)[customer.customer_id]
            offered = _last_times(connection, customer.customer_id, but=interaction_id)
            return OfferHistory(
                basis=OfferBasis(
                    record=record,
                    consents=customer.consents,
                    offered_on={name: at.astimezone(timezone).date() for name, at in offered.items()},
                ),
                answered=() if interaction_id is None else _answers(connection, interaction_id),
            )

        return await self._database.look(look)

    async def put(self, answered: AnsweredOffer) -> AnsweredOffer:
        """Keep an answer; the same again keeps the time of the first."""
        async with self._database.writing() as connection:
            root = await root_of(connection, answered.customer_id)
            row = {
                "answer_id": answered.answer_id,
                "customer_id": root,
                "best_offer_id": answered.best_offer_id,
                "label_zh": answered.label.zh,
                "label_en": answered.label.en,
                "interaction_id": answered.interaction_id,
                "answer": answered.answer,
                "at": answered.at,
                "by": answered.by,
                "agent_id": answered.agent_id,
            }
            statement = insert_into(connection, table).values(row)
            changing = {name: value for name, value in row.items() if name not in _STAYS}
            put = statement.on_conflict_do_update(
                index_elements=["interaction_id", "best_offer_id"],
                set_=changing,
                where=(table.c.answer != answered.answer) | (table.c.customer_id != root),
            )
            await connection.execute(put)
            mine = table.select().where(
                table.c.interaction_id == answered.interaction_id, table.c.best_offer_id == answered.best_offer_id
            )
            return _answered((await connection.execute(mine)).one())

    async def take_back(self, interaction_id: InteractionId, best_offer_id: str) -> bool:
        """Forget an answer."""
        mine = delete(table).where(table.c.interaction_id == interaction_id, table.c.best_offer_id == best_offer_id)
        async with self._database.writing() as connection:
            return (await connection.execute(mine.returning(table.c.answer_id))).first() is not None


def _last_times(connection: Connection, customer_id: str, *, but: InteractionId | None) -> dict[str, datetime]:
    query = select(table.c.best_offer_id, func.max(table.c.at).label("at")).where(table.c.customer_id == customer_id)
    if but is not None:
        query = query.where(table.c.interaction_id != but)
    return {row.best_offer_id: row.at for row in connection.execute(query.group_by(table.c.best_offer_id)).all()}


def _answers(connection: Connection, interaction_id: InteractionId) -> tuple[AnsweredOffer, ...]:
    query = table.select().where(table.c.interaction_id == interaction_id).order_by(table.c.at, table.c.best_offer_id)
    return tuple(_answered(row) for row in connection.execute(query).all())


def _answered(row: Row[tuple[object, ...]]) -> AnsweredOffer:
    return AnsweredOffer(
        answer_id=row.answer_id,
        customer_id=CustomerId(row.customer_id),
        best_offer_id=row.best_offer_id,
        label=Label(zh=row.label_zh, en=row.label_en),
        interaction_id=InteractionId(row.interaction_id),
        answer=OfferAnswer(row.answer),
        at=row.at,
        by=row.by,
        agent_id=None if row.agent_id is None else AgentId(row.agent_id),
    )
