"""Find contacts by when they ended: what is over is let go of in slices, and each slice read all of them."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INDEX = "ix_interactions_ended_at_interaction_id"


def upgrade() -> None:
    """From the version before to this one."""
    op.create_index(INDEX, "interactions", ["ended_at", "interaction_id"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index(INDEX, table_name="interactions")
