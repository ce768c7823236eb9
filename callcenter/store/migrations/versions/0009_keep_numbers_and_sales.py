"""Keep customer numbers with their PINs, products, orders and opportunities; give the usual lists of sales."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

USUAL = {
    "order_states": (
        ("new", "已下单", "Received"),
        ("paid", "已付款", "Paid"),
        ("packed", "已打包", "Packed"),
        ("sent", "已发货", "Sent"),
        ("delivered", "已送达", "Delivered"),
        ("cancelled", "已取消", "Cancelled"),
    ),
    "opportunity_stages": (
        ("lead", "线索", "Lead"),
        ("qualified", "已确认需求", "Qualified"),
        ("quoted", "已报价", "Quoted"),
        ("negotiation", "谈判中", "Negotiation"),
        ("decision", "待决定", "Decision"),
    ),
    "closing_reasons": (
        ("price", "价格", "Price"),
        ("product", "产品", "Product"),
        ("relationship", "客户关系", "Relationship"),
        ("competitor", "竞争对手", "Competitor"),
        ("no_budget", "没有预算", "No budget"),
        ("no_decision", "未作决定", "No decision"),
        ("other", "其他", "Other"),
    ),
}


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "products",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label_zh", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_products")),
    )
    op.create_table(
        "customer_numbers",
        sa.Column("number_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("pin_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.customer_id"],
            name=op.f("fk_customer_numbers_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number_id", name=op.f("pk_customer_numbers")),
        sa.UniqueConstraint("number", name=op.f("uq_customer_numbers_number")),
    )
    op.create_index(op.f("ix_customer_numbers_customer_id"), "customer_numbers", ["customer_id"], unique=False)
    op.create_table(
        "opportunities",
        sa.Column("opportunity_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("next_step_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("quotes", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.customer_id"],
            name=op.f("fk_opportunities_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("opportunity_id", name=op.f("pk_opportunities")),
    )
    op.create_index(
        "ix_opportunities_customer_id_opened_at", "opportunities", ["customer_id", "opened_at"], unique=False
    )
    op.create_index(
        "ix_opportunities_opened_at_opportunity_id", "opportunities", ["opened_at", "opportunity_id"], unique=False
    )
    op.create_index(
        "ix_opportunities_owner_id_next_step_due_at",
        "opportunities",
        ["owner_id", "next_step_due_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("dialled", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("placed_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_orders_customer_id_customers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    op.create_index("ix_orders_customer_id_at", "orders", ["customer_id", "at"], unique=False)
    op.create_index("ix_orders_customer_id_dialled", "orders", ["customer_id", "dialled"], unique=False)
    op.create_index("ix_orders_placed_on_order_id", "orders", ["placed_on", "order_id"], unique=False)
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.order_id"], name=op.f("fk_order_lines_order_id_orders"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["product"], ["products.code"], name=op.f("fk_order_lines_product_products")),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_order_lines")),
    )
    op.create_index(op.f("ix_order_lines_product"), "order_lines", ["product"], unique=False)

    codes = sa.table(
        "case_codes",
        sa.column("list", sa.Text()),
        sa.column("code", sa.Text()),
        sa.column("position", sa.Integer()),
        sa.column("label_zh", sa.Text()),
        sa.column("label_en", sa.Text()),
        sa.column("retired", sa.Boolean()),
    )
    # Whoever has gone back to the version before has these lists already, perhaps with entries of his own.
    kept = set(op.get_bind().execute(sa.select(codes.c.list)).scalars())
    rows = [
        {"list": name, "code": code, "position": position, "label_zh": zh, "label_en": en, "retired": False}
        for name, entries in USUAL.items()
        if name not in kept
        for position, (code, zh, en) in enumerate(entries, start=1)
    ]
    if rows:
        op.bulk_insert(codes, rows)


def downgrade() -> None:
    """Back to the version before; the lists stay."""

    op.drop_index(op.f("ix_order_lines_product"), table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index("ix_orders_placed_on_order_id", table_name="orders")
    op.drop_index("ix_orders_customer_id_dialled", table_name="orders")
    op.drop_index("ix_orders_customer_id_at", table_name="orders")
    op.drop_table("orders")
    op.drop_index("ix_opportunities_owner_id_next_step_due_at", table_name="opportunities")
    op.drop_index("ix_opportunities_opened_at_opportunity_id", table_name="opportunities")
    op.drop_index("ix_opportunities_customer_id_opened_at", table_name="opportunities")
    op.drop_table("opportunities")
    op.drop_index(op.f("ix_customer_numbers_customer_id"), table_name="customer_numbers")
    op.drop_table("customer_numbers")
    op.drop_table("products")
