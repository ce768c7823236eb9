"""Keep what callers give with their keys and voices: numbers typed, answers, messages."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.add_column("interactions", sa.Column("given", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("interactions", "given")
