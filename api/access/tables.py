"""The tables behind access. Secrets are kept as hashes only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ingest.database import Base


class UserRow(Base):
    """Somebody who can sign in."""

    __tablename__ = "user_account"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[int]


class TokenRow(Base):
    """An API token; `name` is a user's, or a name of its own."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    role: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[int]


class SessionRow(Base):
    """A browser that signed in."""

    __tablename__ = "console_session"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(sa.ForeignKey("user_account.name", ondelete="CASCADE"), index=True)
    created_at: Mapped[int]
    expires_at: Mapped[int] = mapped_column(index=True)


class LinkRow(Base):
    """The link by which the customer of a work order sees it."""

    __tablename__ = "customer_link"

    number: Mapped[str] = mapped_column(sa.ForeignKey("work_order.number", ondelete="CASCADE"), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[int]
    created_by: Mapped[str]


class FailureRow(Base):
    """Failures in a row: sign-ins of a user name or from an address, links from an address."""

    __tablename__ = "login_failure"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(sa.Integer)
    last_at: Mapped[int] = mapped_column(index=True)
