"""Models whose artefact is deleted: of those there may be many."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _one_of_each("state IN ('active', 'shadow')")


def downgrade() -> None:
    op.execute("UPDATE model SET state = 'retired' WHERE state = 'deleted'")
    _one_of_each("state <> 'retired'")


def _one_of_each(state: str) -> None:
    op.drop_index("uq_model_in_use", "model")
    only = sa.text(state)
    op.create_index("uq_model_in_use", "model", ["state"], unique=True, sqlite_where=only, postgresql_where=only)
