"""The tables of imports: each with its state and counts, remembered mappings, and what other systems call customers."""

from sqlalchemy import Boolean, Column, Double, ForeignKey, Integer, Table, UniqueConstraint, text

from callcenter.app.import_records import ImportCounts, ImportForm
from callcenter.crm.import_columns import ColumnMapping
from callcenter.store.columns import Json, PlainText, UtcDateTime
from callcenter.store.tables import BigId, metadata

imports = Table(
    "imports",
    metadata,
    Column("import_id", PlainText, primary_key=True),
    Column("number", BigId, nullable=False, unique=True),
    Column("kind", PlainText, nullable=False),
    Column("file_name", PlainText, nullable=False),
    Column("size_bytes", BigId, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("state", PlainText, nullable=False, index=True),
    Column("dry_run", Boolean, nullable=False),
    Column("form", Json(ImportForm), nullable=False),
    Column("header", Json(tuple[str, ...]), nullable=False),
    Column("mapping", Json(ColumnMapping)),
    Column("started_at", UtcDateTime),
    Column("started_by", PlainText),
    Column("ended_at", UtcDateTime),
    Column("cancelled_by", PlainText),
    Column("error", PlainText),
    Column("error_code", PlainText),
    Column("part", Double, nullable=False, server_default=text("0")),
    Column("last_row", Integer, nullable=False, server_default=text("0")),
    Column("made", Integer, nullable=False, server_default=text("0")),
    Column("changed", Integer, nullable=False, server_default=text("0")),
    Column("same", Integer, nullable=False, server_default=text("0")),
    Column("bad", Integer, nullable=False, server_default=text("0")),
    Column("faults_bytes", BigId, nullable=False, server_default=text("0")),
    Column("checked", Json(ImportCounts)),
    Column("has_file", Boolean, nullable=False),
)
"""`number` counts them in their order; `last_row` and the counts stand in the transaction of the batch they tell of;
`faults_bytes` is how long the file of bad rows was then; `checked` are the counts of the last dry run."""

import_mappings = Table(
    "import_mappings",
    metadata,
    Column("signature", PlainText, primary_key=True),
    Column("mapping", Json(ColumnMapping), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", PlainText, nullable=False),
)

external_ids = Table(
    "external_ids",
    metadata,
    Column("source", PlainText, primary_key=True),
    Column("external_id", PlainText, primary_key=True),
    Column("customer_id", ForeignKey("customers.customer_id", ondelete="CASCADE"), nullable=False),
    UniqueConstraint("customer_id", "source"),
)
"""What another system calls a customer. A merge leaves the row: who reads it goes on to whom he was merged into."""
