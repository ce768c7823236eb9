"""Keep with every configuration why it was made and what it changed; let users be shut out without losing them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.add_column("configuration_versions", sa.Column("note", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("configuration_versions", sa.Column("changes", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_audit_action_audit_id", "audit", ["action", "audit_id"])
    op.create_index("ix_audit_by_audit_id", "audit", ["by", "audit_id"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("ix_audit_by_audit_id", "audit")
    op.drop_index("ix_audit_action_audit_id", "audit")
    op.drop_column("users", "disabled")
    op.drop_column("configuration_versions", "changes")
    op.drop_column("configuration_versions", "note")
