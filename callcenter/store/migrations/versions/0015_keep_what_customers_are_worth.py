"""Keep what customers are worth, the runs that work it out and their rules, and segments."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RUNNING = sa.text("state = 'running'")


def _customer_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["customer_id"],
        ["customers.customer_id"],
        name=op.f(f"fk_{table}_customer_id_customers"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """From the version before to this one."""
    _make_values()
    _make_runs()
    _make_segments()
    op.create_index(op.f("ix_survey_answers_customer_id"), "survey_answers", ["customer_id"])


def _make_values() -> None:
    op.create_table(
        "customer_values",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("purchases", sa.Integer(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("spent", sa.Double(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("recency_score", sa.Integer()),
        sa.Column("frequency_score", sa.Integer()),
        sa.Column("monetary_score", sa.Integer()),
        sa.Column("value_class", sa.Text()),
        sa.Column("p_alive", sa.Double()),
        sa.Column("lifetime_value", sa.Double()),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("interval_days", sa.Double(), nullable=False),
        sa.Column("lost_on", sa.Date()),
        sa.Column("look_again_on", sa.Date()),
        _customer_key("customer_values"),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_values")),
    )
    for column in ("stage", "value_class", "first_on", "look_again_on"):
        op.create_index(op.f(f"ix_customer_values_{column}"), "customer_values", [column])
    op.create_table(
        "value_changes",
        sa.Column("change_id", _BIG, nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("was_stage", sa.Text()),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("was_class", sa.Text()),
        sa.Column("value_class", sa.Text()),
        sa.Column("step", sa.Integer(), nullable=False),
        _customer_key("value_changes"),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_value_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_value_changes_customer_id"), "value_changes", ["customer_id"])
    op.create_index(op.f("ix_value_changes_on_step"), "value_changes", ["on", "step"])


def _make_runs() -> None:
    op.create_table(
        "value_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date()),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("beat_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("cancelled_by", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("part", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("customers", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done_to", sa.Text()),
        sa.Column("learnt", sa.JSON()),
        sa.Column("picture", sa.JSON()),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_value_runs")),
        sa.UniqueConstraint("number", name=op.f("uq_value_runs_number")),
    )
    op.create_index(
        op.f("uq_value_runs_running"),
        "value_runs",
        ["state"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_table(
        "value_rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_value_rules")),
    )


def _make_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("segment_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "version", name=op.f("pk_segments")),
    )
    op.create_table(
        "segment_members",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("segment_id", sa.Text(), nullable=False),
        _customer_key("segment_members"),
        sa.PrimaryKeyConstraint("customer_id", "segment_id", name=op.f("pk_segment_members")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_segment_members_segment_id_customer_id"), "segment_members", ["segment_id", "customer_id"])
    op.create_table(
        "segment_refreshes",
        sa.Column("segment_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segment_refreshes")),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index(op.f("ix_survey_answers_customer_id"), table_name="survey_answers")
    for table in (
        "segment_refreshes",
        "segment_members",
        "segments",
        "value_rules",
        "value_runs",
        "value_changes",
        "customer_values",
    ):
        op.drop_table(table)
