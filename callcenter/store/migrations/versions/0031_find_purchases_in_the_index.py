"""Find all that customer values need of orders in the index of customers: looking each up in its table took most of a
run."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_OLD = "ix_orders_customer_id_at"
_NEW = "ix_orders_customer_id_purchases"


def upgrade() -> None:
    """From the version before to this one."""
    op.create_index(_NEW, "orders", ["customer_id", "at", "placed_on", "state", "currency", "total"])
    op.drop_index(_OLD, table_name="orders")


def downgrade() -> None:
    """Back to the version before."""
    op.create_index(_OLD, "orders", ["customer_id", "at"])
    op.drop_index(_NEW, table_name="orders")
