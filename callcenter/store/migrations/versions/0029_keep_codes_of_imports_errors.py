"""Keep by its code why an import failed, so that it is told in the reader's language."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.add_column("imports", sa.Column("error_code", sa.Text(), nullable=True))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("imports", "error_code")
