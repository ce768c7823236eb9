"""Keep the rules of routing, opening hours, closings, and what callbacks and hold add to a call's record.

Columns are added and dropped one by one: SQLite would carry out a change of a whole table by dropping it, and with it
what refers to its rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INTERACTION_DOCUMENTS = ("placement", "forecast", "callback", "hold")


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "hours",
        sa.Column("hours_id", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("hours_id", name=op.f("pk_hours")),
    )
    op.create_table(
        "queue_closings",
        sa.Column("queue_id", sa.Text(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queues.queue_id"], name=op.f("fk_queue_closings_queue_id_queues"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_queue_closings")),
    )
    # Both databases take a column together with its reference only in one statement, which Alembic has no word for.
    op.execute(
        "ALTER TABLE queues ADD COLUMN hours_id TEXT CONSTRAINT fk_queues_hours_id_hours REFERENCES hours (hours_id)"
    )
    op.add_column("queues", sa.Column("rules", sa.JSON(), nullable=True))
    op.add_column("agents", sa.Column("rules", sa.JSON(), nullable=True))
    op.add_column("agents", sa.Column("misses", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("reasons", sa.Column("limit_seconds", sa.Double(), nullable=True))
    op.add_column(
        "reasons", sa.Column("warn_before_seconds", sa.Double(), server_default=sa.text("60"), nullable=False)
    )
    for name in INTERACTION_DOCUMENTS:
        op.add_column("interactions", sa.Column(name, sa.JSON(), nullable=True))
    op.add_column("interactions", sa.Column("callback_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_interactions_open_callbacks",
        "interactions",
        ["started_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND callback IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND callback IS NOT NULL"),
    )
    op.add_column("events", sa.Column("queue_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_events_queue_id",
        "events",
        ["queue_id"],
        unique=False,
        sqlite_where=sa.text("queue_id IS NOT NULL"),
        postgresql_where=sa.text("queue_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Back to the version before; a queue with steps is left without requirements."""
    op.drop_index("ix_events_queue_id", table_name="events")
    op.drop_column("events", "queue_id")
    op.drop_index("ix_interactions_open_callbacks", table_name="interactions")
    for name in ("callback_id", *INTERACTION_DOCUMENTS):
        op.drop_column("interactions", name)
    op.drop_column("reasons", "warn_before_seconds")
    op.drop_column("reasons", "limit_seconds")
    op.drop_column("agents", "misses")
    op.drop_column("agents", "rules")
    op.drop_column("queues", "rules")
    op.drop_column("queues", "hours_id")
    op.drop_table("queue_closings")
    op.drop_table("hours")
