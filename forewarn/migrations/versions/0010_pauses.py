"""Work orders whose clock stands for a while, and that are reopened."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

COLUMNS = {
    "paused_at": sa.BigInteger,
    "paused_by": sa.Text,
    "pause_reason": sa.Text,
    "pause_note": sa.Text,
    "stops": sa.JSON,
    "counted_from": sa.BigInteger,
    "by_date": sa.Boolean,
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("work_order", sa.Column(name, kind(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM work_order_event WHERE kind IN ('paused', 'resumed', 'reopened')")
    for name in COLUMNS:
        op.drop_column("work_order", name)
