"""Keep of which customers it was said that they are two, however alike they look."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "told_apart",
        sa.Column("mark_id", sa.Text(), primary_key=True),
        sa.Column("customer_id", sa.Text(), sa.ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False),
        sa.Column("other_id", sa.Text(), sa.ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
    )
    for column in ("customer_id", "other_id"):
        op.create_index(f"ix_told_apart_{column}", "told_apart", [column])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("told_apart")
