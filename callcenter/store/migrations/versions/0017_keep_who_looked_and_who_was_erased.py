"""Keep who looked at whom, and which customers were erased."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From the version before to this one."""
    op.add_column("customers", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "accesses",
        sa.Column("access_id", _BIG_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("access_id", name=op.f("pk_accesses")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_accesses_at"), "accesses", ["at"])
    op.create_index("ix_accesses_customer_id_access_id", "accesses", ["customer_id", "access_id"])
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("number", _BIG_ID, nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("open_cases_too", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("erasure_id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("number", name=op.f("uq_erasures_number")),
    )
    op.create_index(op.f("ix_erasures_customer_id"), "erasures", ["customer_id"])
    op.create_index(op.f("ix_erasures_state"), "erasures", ["state"])


def downgrade() -> None:
    """Back to the version before; who was erased stays so."""
    op.drop_table("erasures")
    op.drop_table("accesses")
    op.drop_column("customers", "erased_at")
