"""Links by which customers see their order without an account: one for each order, its secret kept as a hash only."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from alerts.alert import WrongStateError
from api.access.failures import count_failure, longest_wait_s
from api.access.secrets import new_link_secret, secret_hash
from api.access.store import TooManyFailuresError
from api.access.tables import LinkRow
from api.access.throttle import link_failure_keys
from ingest.database import reading, upsert, writing
from ingest.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Link:
    """That there is a link to an order; its secret is shown once, when it is made."""

    created_at: int
    created_by: str


class LinkStore:
    """The links in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def make(self, number: str, by: str, now: int) -> str:
        """The secret of a new link to an order that is there; an earlier link leads nowhere any more."""
        secret = new_link_secret()
        row = {"number": number, "secret_hash": secret_hash(secret), "created_at": now, "created_by": by}
        with writing(self._engine) as session:
            upsert(session, LinkRow, [row])
        return secret

    def revoke(self, number: str) -> None:
        """Let the link lead nowhere. Raises WrongStateError if there is none."""
        with writing(self._engine) as session:
            row = session.get(LinkRow, number)
            if row is None:
                raise WrongStateError(f"work order {number} has no link for its customer")
            session.delete(row)

    def of(self, number: str) -> Link | None:
        """The link to an order, if there is one."""
        with reading(self._engine) as session:
            row = session.get(LinkRow, number)
            return Link(row.created_at, row.created_by) if row else None

    def order_of(self, secret: str, address: str, now: int) -> str:
        """The number of the order to which a link leads; a right one always does.

        Who tries wrong ones gets NotFoundError, and after too many TooManyFailuresError, uncounted: with so many random
        bits no guess is ever right, but guessing shall cost nothing either, nor lock out others at the same address.
        """
        keys = link_failure_keys(address)
        with reading(self._engine) as session:
            found = session.scalar(sa.select(LinkRow.number).where(LinkRow.secret_hash == secret_hash(secret)))
            wait_s = 0 if found is not None else longest_wait_s(session, keys, now)
        if found is not None:
            return found
        if wait_s > 0:
            raise TooManyFailuresError(wait_s)
        with writing(self._engine) as session:
            count_failure(session, keys, now)
        raise NotFoundError("the link leads nowhere, or not any more")
