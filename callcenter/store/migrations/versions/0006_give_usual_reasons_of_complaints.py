"""Give the usual reasons of complaints and remedies, which the business changes as it likes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

USUAL = {
    "complaint_reasons": (
        ("quality", "产品质量", "Quality of the product"),
        ("delivery", "配送", "Delivery"),
        ("price", "价格与账单", "Price and bill"),
        ("service", "服务态度", "How he was treated"),
        ("waiting", "等待时间", "Waiting"),
        ("information", "信息有误", "Wrong information"),
        ("other", "其他", "Other"),
    ),
    "remedies": (
        ("apology", "道歉", "Apology"),
        ("explanation", "说明", "Explanation"),
        ("repair", "维修", "Repair"),
        ("replacement", "换货", "Replacement"),
        ("refund", "退款", "Refund"),
        ("voucher", "优惠券", "Voucher"),
        ("none", "无", "None"),
    ),
}


def upgrade() -> None:
    """From the version before to this one."""
    codes = sa.table(
        "case_codes",
        sa.column("list", sa.Text()),
        sa.column("code", sa.Text()),
        sa.column("position", sa.Integer()),
        sa.column("label_zh", sa.Text()),
        sa.column("label_en", sa.Text()),
        sa.column("retired", sa.Boolean()),
    )
    found = op.get_bind().execute(sa.select(sa.func.count()).select_from(codes)).scalar_one()
    if found:
        # The business has made its own lists already.
        return
    rows = [
        {"list": name, "code": code, "position": position, "label_zh": zh, "label_en": en, "retired": False}
        for name, entries in USUAL.items()
        for position, (code, zh, en) in enumerate(entries, start=1)
    ]
    op.bulk_insert(codes, rows)


def downgrade() -> None:
    """Back to the version before; what cases name stays, and so do the lists."""
