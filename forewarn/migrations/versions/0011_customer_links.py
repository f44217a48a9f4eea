"""Links by which customers see their orders."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "customer_link",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["work_order.number"], name=op.f("fk_customer_link_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_customer_link")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_customer_link_secret_hash")),
    )


def downgrade() -> None:
    op.drop_table("customer_link")
