"""Keep management's figures as they were counted last."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "kept_figures",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_seconds", sa.Double(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
    )
    op.create_index("ix_kept_figures_counted_at", "kept_figures", ["counted_at"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("kept_figures")
