"""List the tasks of all customers by when they are due, and by when they were done."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    for column, condition in (("due_at", "done_at IS NULL"), ("done_at", "done_at IS NOT NULL")):
        op.create_index(
            f"ix_tasks_{column}_task_id",
            "tasks",
            [column, "task_id"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    """Back to the version before."""
    for column in ("done_at", "due_at"):
        op.drop_index(f"ix_tasks_{column}_task_id", table_name="tasks")
