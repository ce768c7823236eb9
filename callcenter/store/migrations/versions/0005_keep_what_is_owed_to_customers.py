"""Keep what customers agree to, their history and search terms, merges, cases with due times, tasks and notes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before to this one."""
    op.create_table(
        "case_codes",
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label_zh", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("list", "code", name=op.f("pk_case_codes")),
    )
    op.create_table(
        "custom_fields",
        sa.Column("field_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label_zh", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("field_id", name=op.f("pk_custom_fields")),
    )
    op.create_table(
        "customer_merges",
        sa.Column("merge_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("survivor_id", sa.Text(), nullable=False),
        sa.Column("merged_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("merge_id", name=op.f("pk_customer_merges")),
        sa.UniqueConstraint("number", name=op.f("uq_customer_merges_number")),
    )
    op.create_index(op.f("ix_customer_merges_merged_id"), "customer_merges", ["merged_id"], unique=False)
    op.create_index(op.f("ix_customer_merges_survivor_id"), "customer_merges", ["survivor_id"], unique=False)

    op.create_table(
        "customer_terms",
        sa.Column("term", sa.LargeBinary(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("term", "customer_id", name=op.f("pk_customer_terms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "service_targets",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("due_within_seconds", sa.Double(), nullable=False),
        sa.Column("escalate_to", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "priority", name=op.f("pk_service_targets")),
    )
    op.create_table(
        "customer_changes",
        sa.Column("change_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.customer_id"],
            name=op.f("fk_customer_changes_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_customer_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_customer_changes_customer_id_at", "customer_changes", ["customer_id", "at"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("membership_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"],
            ["customers.customer_id"],
            name=op.f("fk_memberships_member_id_customers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["customers.customer_id"],
            name=op.f("fk_memberships_organisation_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_organisation_id"), "memberships", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_memberships_member_id"), "memberships", ["member_id"], unique=False)

    op.create_table(
        "merge_moves",
        sa.Column("merge_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merge_id"],
            ["customer_merges.merge_id"],
            name=op.f("fk_merge_moves_merge_id_customer_merges"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("merge_id", "kind", "reference", name=op.f("pk_merge_moves")),
    )
    op.create_table(
        "case_interactions",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name=op.f("fk_case_interactions_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "interaction_id", name=op.f("pk_case_interactions")),
    )
    op.create_index(op.f("ix_case_interactions_interaction_id"), "case_interactions", ["interaction_id"], unique=False)

    op.create_table(
        "customer_notes",
        sa.Column("note_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name=op.f("fk_customer_notes_case_id_cases"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.customer_id"],
            name=op.f("fk_customer_notes_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_customer_notes")),
    )
    op.create_index(op.f("ix_customer_notes_case_id"), "customer_notes", ["case_id"], unique=False)
    op.create_index("ix_customer_notes_customer_id_at", "customer_notes", ["customer_id", "at"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name=op.f("fk_tasks_case_id_cases"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_tasks_customer_id_customers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_case_id"), "tasks", ["case_id"], unique=False)
    op.create_index("ix_tasks_customer_id_created_at", "tasks", ["customer_id", "created_at"], unique=False)
    op.create_index(
        "ix_tasks_owner_id_due_at",
        "tasks",
        ["owner_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_to_remind",
        "tasks",
        ["remind_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL AND reminded_at IS NULL AND remind_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NULL AND reminded_at IS NULL AND remind_at IS NOT NULL"),
    )

    op.add_column("cases", sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("cases", sa.Column("priority", sa.Text(), server_default=sa.text("'normal'"), nullable=False))
    op.add_column("cases", sa.Column("owner_id", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("opened_by", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("cases", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cases", sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cases", sa.Column("escalations", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("cases", sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cases", sa.Column("reopened", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("cases", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("remedy", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.create_index("ix_cases_opened_at_case_id", "cases", ["opened_at", "case_id"], unique=False)
    op.create_index(
        "ix_cases_owner_id_due_at",
        "cases",
        ["owner_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("resolved_at IS NULL AND closed_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL AND closed_at IS NULL"),
    )
    op.create_index(
        "ix_cases_to_escalate",
        "cases",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text(
            "resolved_at IS NULL AND closed_at IS NULL AND escalated_at IS NULL AND due_at IS NOT NULL"
        ),
        postgresql_where=sa.text(
            "resolved_at IS NULL AND closed_at IS NULL AND escalated_at IS NULL AND due_at IS NOT NULL"
        ),
    )

    op.add_column("customers", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("customers", sa.Column("consents", sa.JSON(), nullable=True))
    op.add_column("customers", sa.Column("custom", sa.JSON(), nullable=True))
    op.add_column("customers", sa.Column("merged_into", sa.Text(), nullable=True))
    op.create_index(
        "ix_customers_merged_into",
        "customers",
        ["merged_into"],
        unique=False,
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )


def downgrade() -> None:
    """Back to the version before; who was merged into another stands there again, without his contact points."""
    op.drop_index("ix_customers_merged_into", table_name="customers")
    op.drop_column("customers", "merged_into")
    op.drop_column("customers", "custom")
    op.drop_column("customers", "consents")
    op.drop_column("customers", "version")

    op.drop_index("ix_cases_to_escalate", table_name="cases")
    op.drop_index("ix_cases_owner_id_due_at", table_name="cases")
    op.drop_index("ix_cases_opened_at_case_id", table_name="cases")
    op.drop_column("cases", "version")
    op.drop_column("cases", "outcome")
    op.drop_column("cases", "remedy")
    op.drop_column("cases", "reason")
    op.drop_column("cases", "reopened")
    op.drop_column("cases", "resolved_at")
    op.drop_column("cases", "escalations")
    op.drop_column("cases", "escalated_at")
    op.drop_column("cases", "due_at")
    op.drop_column("cases", "opened_by")
    op.drop_column("cases", "owner_id")
    op.drop_column("cases", "priority")
    op.drop_column("cases", "description")

    op.drop_index("ix_tasks_to_remind", table_name="tasks")
    op.drop_index("ix_tasks_owner_id_due_at", table_name="tasks")
    op.drop_index("ix_tasks_customer_id_created_at", table_name="tasks")
    op.drop_index(op.f("ix_tasks_case_id"), table_name="tasks")

    op.drop_table("tasks")
    op.drop_index("ix_customer_notes_customer_id_at", table_name="customer_notes")
    op.drop_index(op.f("ix_customer_notes_case_id"), table_name="customer_notes")

    op.drop_table("customer_notes")
    op.drop_index(op.f("ix_case_interactions_interaction_id"), table_name="case_interactions")

    op.drop_table("case_interactions")
    op.drop_table("merge_moves")
    op.drop_index(op.f("ix_memberships_member_id"), table_name="memberships")
    op.drop_index(op.f("ix_memberships_organisation_id"), table_name="memberships")

    op.drop_table("memberships")
    op.drop_index("ix_customer_changes_customer_id_at", table_name="customer_changes")

    op.drop_table("customer_changes")
    op.drop_table("service_targets")
    op.drop_table("customer_terms")
    op.drop_index(op.f("ix_customer_merges_survivor_id"), table_name="customer_merges")
    op.drop_index(op.f("ix_customer_merges_merged_id"), table_name="customer_merges")

    op.drop_table("customer_merges")
    op.drop_table("custom_fields")
    op.drop_table("case_codes")
