"""Keep who sees numbers, how long things are kept, and which systems outside are asked."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "house_rules",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("part", "item", name=op.f("pk_house_rules")),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("house_rules")
