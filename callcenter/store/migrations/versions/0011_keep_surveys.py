"""Keep who was asked after which talk, and what he answered."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "surveys",
        sa.Column("interaction_id", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("queue_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_surveys")),
    )
    op.create_index(op.f("ix_surveys_asked_at"), "surveys", ["asked_at"])
    op.create_index("ix_surveys_customer_id_asked_at", "surveys", ["customer_id", "asked_at"])
    op.create_index("ix_surveys_number_asked_at", "surveys", ["number", "asked_at"])
    op.create_table(
        "survey_answers",
        sa.Column("interaction_id", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("queue_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", "flow", "question", name=op.f("pk_survey_answers")),
    )
    op.create_index(op.f("ix_survey_answers_at"), "survey_answers", ["at"])


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("survey_answers")
    op.drop_table("surveys")
