"""Keep what customers answered to next best offers."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "best_offer_answers",
        sa.Column("answer_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("best_offer_id", sa.Text(), nullable=False),
        sa.Column("label_zh", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.customer_id"],
            name=op.f("fk_best_offer_answers_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_best_offer_answers")),
        sa.UniqueConstraint(
            "interaction_id", "best_offer_id", name=op.f("uq_best_offer_answers_interaction_id_best_offer_id")
        ),
    )
    op.create_index(op.f("ix_best_offer_answers_at"), "best_offer_answers", ["at"])
    op.create_index("ix_best_offer_answers_customer_id_at", "best_offer_answers", ["customer_id", "at"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("best_offer_answers")
