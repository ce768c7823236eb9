"""Keep every version of the business's configuration."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "configuration_versions",
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_configuration_versions")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("configuration_versions")
