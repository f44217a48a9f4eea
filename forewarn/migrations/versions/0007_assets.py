"""What several devices are part of: their alerts share one work order."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("device", sa.Column("asset", sa.Text(), nullable=True))
    op.add_column("work_order", sa.Column("asset", sa.Text(), nullable=True))
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_work_order_open_asset",
        "work_order",
        ["site", "asset"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    op.drop_index("uq_work_order_open_asset", "work_order")
    op.drop_column("work_order", "asset")
    op.drop_column("device", "asset")
