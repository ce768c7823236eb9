"""The tables of customer numbers with their PINs, and of sales: products, orders, opportunities."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, Table, text

from callcenter.domain.sales import Quote
from callcenter.store.columns import Amount, Json, PlainText, UtcDateTime
from callcenter.store.tables import metadata

customer_numbers = Table(
    "customer_numbers",
    metadata,
    Column("number_id", PlainText, primary_key=True),
    Column("number", PlainText, nullable=False, unique=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("given_at", UtcDateTime, nullable=False),
    Column("given_by", PlainText, nullable=False),
    Column("pin_hash", PlainText),
    Column("pin_changed_at", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", UtcDateTime),
)
"""`pin_hash` is Argon2id's; `failures` counts the tries since the last right PIN, those under way too."""

products = Table(
    "products",
    metadata,
    Column("code", PlainText, primary_key=True),
    Column("label_zh", PlainText, nullable=False),
    Column("label_en", PlainText, nullable=False),
    Column("unit_price", Amount, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", PlainText, primary_key=True),
    Column("number", PlainText, nullable=False, unique=True),
    Column("dialled", PlainText, nullable=False),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False),
    Column("placed_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("total", Amount, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("note", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("ix_orders_customer_id_purchases", "customer_id", "at", "placed_on", "state", "currency", "total"),
    Index("ix_orders_customer_id_dialled", "customer_id", "dialled"),
    Index("ix_orders_placed_on_order_id", "placed_on", "order_id"),
)
"""`dialled` are the digits of the number, `at` is its place in the timeline (crm/orders.py). The index of purchases has
all that customer values read of all orders: looking each up in the table takes ten times as long."""

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", ForeignKey("orders.order_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("product", ForeignKey("products.code"), index=True),
    Column("text", PlainText, nullable=False),
    Column("quantity", Amount, nullable=False),
    Column("amount", Amount, nullable=False),
)

opportunities = Table(
    "opportunities",
    metadata,
    Column("opportunity_id", PlainText, primary_key=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False),
    Column("title", PlainText, nullable=False),
    Column("stage", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("amount", Amount),
    Column("currency", PlainText),
    Column("probability", Integer, nullable=False),
    Column("next_step", PlainText, nullable=False),
    Column("next_step_due_at", UtcDateTime),
    Column("owner_id", PlainText),
    Column("reason", PlainText),
    Column("remark", PlainText, nullable=False),
    Column("quotes", Json(tuple[Quote, ...]), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("opened_by", PlainText, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("ix_opportunities_customer_id_opened_at", "customer_id", "opened_at"),
    Index("ix_opportunities_opened_at_opportunity_id", "opened_at", "opportunity_id"),
)
Index(
    "ix_opportunities_owner_id_next_step_due_at",
    opportunities.c.owner_id,
    opportunities.c.next_step_due_at,
    sqlite_where=opportunities.c.closed_at.is_(None),
    postgresql_where=opportunities.c.closed_at.is_(None),
)
