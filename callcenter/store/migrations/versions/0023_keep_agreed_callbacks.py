"""Keep callbacks that were agreed for a later time."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "agreed_callbacks",
        sa.Column("interaction_id", sa.Text(), primary_key=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), sa.ForeignKey("customers.customer_id")),
        sa.Column("queue_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("agreed_by", sa.Text(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.Text()),
        sa.Column("origin_id", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    for column in ("number", "customer_id", "at"):
        op.create_index(f"ix_agreed_callbacks_{column}", "agreed_callbacks", [column])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("agreed_callbacks")
