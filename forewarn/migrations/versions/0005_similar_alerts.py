"""The metric that an alert is mostly about, by which earlier alerts like it are found."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("lead", sa.Text(), nullable=True))
    op.execute("UPDATE alert SET lead = metric")
    op.create_index(op.f("ix_alert_kind_lead_raised_at"), "alert", ["kind", "lead", "raised_at"])
    of_device = ["site", "device", "kind", "lead", "raised_at"]
    op.create_index(op.f("ix_alert_site_device_kind_lead_raised_at"), "alert", of_device)


def downgrade() -> None:
    op.drop_index(op.f("ix_alert_site_device_kind_lead_raised_at"), "alert")
    op.drop_index(op.f("ix_alert_kind_lead_raised_at"), "alert")
    op.drop_column("alert", "lead")
