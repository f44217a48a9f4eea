"""Alerts that a person set aside for a while."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("shelved_until", sa.BigInteger(), nullable=True))
    op.add_column("alert_action", sa.Column("until", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.execute(
        "UPDATE alert SET state = CASE WHEN cleared_at IS NULL THEN 'active' ELSE 'cleared' END WHERE state = 'shelved'"
    )
    op.execute("DELETE FROM alert_action WHERE action IN ('shelve', 'unshelve')")
    op.drop_column("alert_action", "until")
    op.drop_column("alert", "shelved_until")
