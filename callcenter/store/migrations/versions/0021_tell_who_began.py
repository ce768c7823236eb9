"""Tell of every interaction who began it: the customer, or an agent who called out."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    inbound = sa.text("'inbound'")
    op.add_column("interactions", sa.Column("direction", sa.Text(), nullable=False, server_default=inbound))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("interactions", "direction")
