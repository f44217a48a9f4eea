"""Users, API tokens and console sessions in the SQL database.

Every question is asked of the database, so that what `forewarn user` and `forewarn token` change in another process
holds at once. Times are clock time, ns UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from api.access.failures import count_failure, longest_wait_s
from api.access.principal import Principal, Role
from api.access.secrets import (
    check_password,
    csrf_of,
    hash_password,
    new_session_id,
    new_token,
    password_matches,
    secret_hash,
)
from api.access.tables import FailureRow, SessionRow, TokenRow, UserRow
from api.access.throttle import SECOND_NS, failure_keys
from ingest.database import reading, writing
from ingest.errors import InputError, NotFoundError

SESSION_LIFETIME_NS = 12 * 3_600 * SECOND_NS
"""A shift; who still works then signs in again."""
LONGEST_NAME = 64


class WrongPasswordError(Exception):
    """User name and password do not fit together; which of the two is wrong is not said."""


class TooManyFailuresError(Exception):
    """Too many failed sign-ins of that name or from that address; the password was not looked at."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed sign-ins: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in."""

    name: str
    role: Role
    created_at: int


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it can be listed; its secret is shown once, when it is made."""

    id: str
    name: str
    role: Role
    created_at: int


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A browser that signed in: who it is, and what its forms must carry."""

    principal: Principal
    csrf: str
    expires_at: int


class AccessStore:
    """Access in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # -- users -----------------------------------------------------------------------------------------------------
    def any_user(self) -> bool:
        """Whether anybody can sign in."""
        with reading(self._engine) as session:
            return session.scalar(sa.select(UserRow.name).limit(1)) is not None

    def list_users(self) -> tuple[User, ...]:
        """All users by name."""
        with reading(self._engine) as session:
            rows = session.scalars(sa.select(UserRow).order_by(UserRow.name))
            return tuple(User(row.name, Role(row.role), row.created_at) for row in rows)

    def add_user(self, name: str, role: Role, password: str, now: int) -> User:
        """Add a user. Raises InputError if the name is taken or impossible, or the password too short."""
        _check_name(name)
        check_password(password)
        hashed = hash_password(password)
        with writing(self._engine) as session:
            if session.get(UserRow, name) is not None:
                raise InputError(f"there is a user {name!r} already")
            session.add(UserRow(name=name, role=role, password_hash=hashed, created_at=now))
        return User(name, role, now)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password and end all sessions of that user; tokens stay.

        Raises NotFoundError, or InputError if the password is too short.
        """
        check_password(password)
        hashed = hash_password(password)
        with writing(self._engine) as session:
            _user(session, name).password_hash = hashed
            session.execute(sa.delete(SessionRow).where(SessionRow.user_name == name))

    def remove_user(self, name: str) -> None:
        """Remove a user with all sessions and tokens. Raises NotFoundError."""
        with writing(self._engine) as session:
            row = _user(session, name)
            session.execute(sa.delete(TokenRow).where(TokenRow.name == name))
            session.execute(sa.delete(SessionRow).where(SessionRow.user_name == name))
            session.delete(row)

    def verify_password(self, name: str, password: str, address: str, now: int) -> Principal:
        """Who signs in from `address`. Raises WrongPasswordError, or TooManyFailuresError before it looks."""
        keys = failure_keys(name[:LONGEST_NAME], address)
        with reading(self._engine) as session:
            wait_s = longest_wait_s(session, keys, now)
            row = session.get(UserRow, name)
        if wait_s > 0:
            raise TooManyFailuresError(wait_s)
        fits = password_matches(password, row.password_hash if row else None)
        with writing(self._engine) as session:
            if fits and row is not None:
                session.execute(sa.delete(FailureRow).where(FailureRow.key == next(iter(keys))))
                return Principal(row.name, Role(row.role))
            count_failure(session, keys, now)
        raise WrongPasswordError("user name and password do not fit together")

    # -- tokens ----------------------------------------------------------------------------------------------------
    def add_token(self, name: str, role: Role | None, now: int) -> str:
        """A new token, to be shown once.

        `name` is a user's, and the token then reaches no farther than that user and is removed together with it; or it
        names the program that will use it. Without `role` it gets the user's, or viewer. Raises InputError.
        """
        _check_name(name)
        token = new_token()
        with writing(self._engine) as session:
            user = session.get(UserRow, name)
            highest = Role(user.role) if user else Role.ADMIN
            role = role or (highest if user else Role.VIEWER)
            if role.rank > highest.rank:
                raise InputError(f"user {name!r} is {highest}: a token of that user cannot be {role}")
            hashed = secret_hash(token)
            session.add(TokenRow(id=hashed[:12], name=name, role=role, secret_hash=hashed, created_at=now))
        return token

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, without their secrets, by name and age."""
        query = sa.select(TokenRow).order_by(TokenRow.name, TokenRow.created_at, TokenRow.id)
        with reading(self._engine) as session:
            return tuple(Token(r.id, r.name, Role(r.role), r.created_at) for r in session.scalars(query))

    def remove_token(self, token_id: str) -> None:
        """Remove a token. Raises NotFoundError."""
        with writing(self._engine) as session:
            row = session.get(TokenRow, token_id)
            if row is None:
                raise NotFoundError(f"there is no token {token_id!r}")
            session.delete(row)

    def principal_of_token(self, token: str) -> Principal | None:
        """In whose name a token speaks; None if it is unknown."""
        query = (
            sa.select(TokenRow.name, TokenRow.role, UserRow.role)
            .outerjoin(UserRow, UserRow.name == TokenRow.name)
            .where(TokenRow.secret_hash == secret_hash(token))
        )
        with reading(self._engine) as session:
            found = session.execute(query).one_or_none()
        if found is None:
            return None
        name, own, users = found
        roles = [Role(own), Role(users)] if users else [Role(own)]
        return Principal(name, min(roles, key=lambda role: role.rank))

    # -- sessions --------------------------------------------------------------------------------------------------
    def open_session(self, principal: Principal, now: int) -> str:
        """A new session of a user who just signed in: its id, for the cookie. Raises NotFoundError."""
        session_id = new_session_id()
        with writing(self._engine) as session:
            _user(session, principal.name)
            session.execute(sa.delete(SessionRow).where(SessionRow.expires_at <= now))
            row = SessionRow(secret_hash=secret_hash(session_id), user_name=principal.name, created_at=now)
            row.expires_at = now + SESSION_LIFETIME_NS
            session.add(row)
        return session_id

    def session(self, session_id: str, now: int) -> ConsoleSession | None:
        """The session with that id; None if it is unknown, over, or its user is gone."""
        query = (
            sa.select(UserRow.name, UserRow.role, SessionRow.expires_at)
            .join(UserRow, UserRow.name == SessionRow.user_name)
            .where(SessionRow.secret_hash == secret_hash(session_id), SessionRow.expires_at > now)
        )
        with reading(self._engine) as session:
            found = session.execute(query).one_or_none()
        if found is None:
            return None
        name, role, expires_at = found
        return ConsoleSession(Principal(name, Role(role)), csrf_of(session_id), expires_at)

    def principal_of_session(self, session_id: str, now: int) -> Principal | None:
        """In whose name a session acts; None if it is unknown, over, or its user is gone."""
        found = self.session(session_id, now)
        return found.principal if found else None

    def close_session(self, session_id: str) -> None:
        """Sign out; an unknown session is signed out already."""
        with writing(self._engine) as session:
            session.execute(sa.delete(SessionRow).where(SessionRow.secret_hash == secret_hash(session_id)))


def _user(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, name)
    if row is None:
        raise NotFoundError(f"there is no user {name!r}")
    return row


def _check_name(name: str) -> None:
    if not name or len(name) > LONGEST_NAME or name != name.strip() or not name.isprintable():
        raise InputError(f"a user name is 1 to {LONGEST_NAME} printable characters, no space at its ends: {name!r}")
