"""Let search terms of imported customers come later than the customers."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "terms_due",
        sa.Column("due_id", _BIG_ID, primary_key=True),
        sa.Column("first_id", sa.Text(), nullable=False),
        sa.Column("last_id", sa.Text(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("terms_due")
