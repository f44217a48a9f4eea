"""What is known about the machine under a device."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("device", sa.Column("machine", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("device", "machine")
