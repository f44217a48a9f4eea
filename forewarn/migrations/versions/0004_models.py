"""Trained models: their artefacts, which of them look, and who decided so."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
IN_USE = sa.text("state <> 'retired'")


def upgrade() -> None:
    op.create_table(
        "model",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("artefact", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("looks_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_model")),
    )
    op.create_index("uq_model_in_use", "model", ["state"], unique=True, sqlite_where=IN_USE, postgresql_where=IN_USE)

    op.create_table(
        "model_action",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["model.digest"], name=op.f("fk_model_action_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_action")),
    )
    op.create_index(op.f("ix_model_action_digest_id"), "model_action", ["digest", "id"])


def downgrade() -> None:
    op.drop_table("model_action")
    op.drop_table("model")
