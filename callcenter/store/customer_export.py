"""What customers are called: their numbers and what another system calls them, for exports."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from callcenter.app.customer_export import KnownIds
from callcenter.domain.ids import CustomerId
from callcenter.store import sales_tables, tables
from callcenter.store.database import Database
from callcenter.store.import_tables import external_ids


class StoredIds:
    """Implements `callcenter.app.customer_export.ExportedIds`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ids_of(self, customers: Sequence[CustomerId], source: str) -> KnownIds:
        """Of these customers, and of those who were merged into them: his own id comes before theirs."""
        table, numbers = tables.customers, sales_tables.customer_numbers
        root = func.coalesce(table.c.merged_into, table.c.customer_id).label("root")
        of_numbers = select(numbers.c.customer_id, numbers.c.number).where(numbers.c.customer_id.in_(customers))
        of_ids = (
            select(root, external_ids.c.customer_id, external_ids.c.external_id)
            .join(table, table.c.customer_id == external_ids.c.customer_id)
            .where(external_ids.c.source == source)
            .where(table.c.customer_id.in_(customers) | table.c.merged_into.in_(customers))
        )

        def look(connection: Connection) -> KnownIds:
            his: dict[CustomerId, tuple[str, ...]] = {}
            for row in connection.execute(of_numbers.order_by(numbers.c.given_at, numbers.c.number)).all():
                his[CustomerId(row.customer_id)] = (*his.get(CustomerId(row.customer_id), ()), row.number)
            called: dict[CustomerId, str] = {}
            for found in connection.execute(of_ids.order_by(external_ids.c.external_id)).all():
                if found.customer_id == found.root:
                    called[CustomerId(found.root)] = found.external_id
                else:
                    called.setdefault(CustomerId(found.root), found.external_id)
            return KnownIds(numbers=his, external_ids=called)

        return await self._database.look(look)
