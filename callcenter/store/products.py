"""Products: what is sold, and for how much."""

from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.crm.orders import OrderInput
from callcenter.domain.errors import InvalidValue, Outdated
from callcenter.domain.labels import Label
from callcenter.domain.money import Money
from callcenter.domain.sales import Order, Product
from callcenter.store.audit import add_audit
from callcenter.store.database import Database
from callcenter.store.sales_tables import products as table
from callcenter.store.upsert import upsert_into


class StoredProducts:
    """Implements `callcenter.app.sales_book.ProductBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def products(self) -> tuple[Product, ...]:
        """All, by their codes."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(table.select().order_by(table.c.code))).all()
        return tuple(_product(row) for row in rows)

    async def put_product(
        self, product: Product, *, at: datetime, by: str, expected_version: int | None = None
    ) -> Product:
        """Make or change a product; the same again is no change."""
        async with self._database.writing() as connection:
            query = table.select().where(table.c.code == product.code).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            version = 0 if row is None else row.version
            if expected_version is not None and version != expected_version:
                raise Outdated(f"product {product.code} has version {version} now, not {expected_version}")
            if row is not None and row_of(product, version) == row_of(_product(row), version):
                return _product(row)
            await connection.execute(upsert_into(connection, table), [row_of(product, version + 1)])
            detail = f"{product.unit_price.amount} {product.unit_price.currency}"
            await add_audit(connection, at=at, by=by, action="product_set", subject=product.code, detail=detail)
            return _product((await connection.execute(table.select().where(table.c.code == product.code))).one())


def row_of(product: Product, version: int) -> dict[str, object]:
    """The product as the table has it."""
    return {
        "code": product.code,
        "label_zh": product.label.zh,
        "label_en": product.label.en,
        "unit_price": product.unit_price.amount,
        "currency": product.unit_price.currency,
        "active": product.active,
        "version": version,
    }


async def check_products(connection: AsyncConnection, before: Order | None, data: OrderInput) -> None:
    """Raise `InvalidValue` for a product that is new on the order and is not sold."""
    known = {line.product for line in before.lines} if before is not None else set()
    wanted = {line.product for line in data.lines if line.product is not None} - known
    if not wanted:
        return
    query = select(table.c.code).where(table.c.code.in_(sorted(wanted)), table.c.active)
    missing = sorted(wanted - set((await connection.execute(query)).scalars()))
    if missing:
        raise InvalidValue(f"there is no product {missing[0]!r} that is sold", code="unknown_product")


def _product(row: Row[tuple[object, ...]]) -> Product:
    return Product(
        code=row.code,
        label=Label(zh=row.label_zh, en=row.label_en),
        unit_price=Money(amount=row.unit_price, currency=row.currency),
        active=row.active,
        version=row.version,
    )
