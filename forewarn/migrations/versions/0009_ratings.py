"""What customers say about an order: ratings and complaints."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("work_order", sa.Column("rating", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("work_order", sa.Column("complaints", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("work_order", sa.Column("open_complaints", sa.Integer(), nullable=False, server_default="0"))
    some = sa.text("open_complaints > 0")
    op.create_index(
        "ix_work_order_open_complaints",
        "work_order",
        ["open_complaints"],
        sqlite_where=some,
        postgresql_where=some,
    )


def downgrade() -> None:
    op.drop_index("ix_work_order_open_complaints", "work_order")
    op.execute("DELETE FROM notification WHERE reason = 'complaint'")
    op.execute("DELETE FROM work_order_event WHERE kind IN ('rated', 'complained', 'complaint_closed')")
    op.drop_column("work_order", "open_complaints")
    op.drop_column("work_order", "complaints")
    op.drop_column("work_order", "rating")
