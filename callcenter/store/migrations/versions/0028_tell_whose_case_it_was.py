"""Tell whose a case was to whom it went when it was not resolved in time."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.add_column("reminders", sa.Column("passed_to", sa.Text(), nullable=True))
    op.add_column("reminders", sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("reminders", "missed_at")
    op.drop_column("reminders", "passed_to")
