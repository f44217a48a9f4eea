"""Counts what failed in the SQL database, by keys of `throttle`, and says how long to wait before the next try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from api.access.tables import FailureRow
from api.access.throttle import FORGET_AFTER_NS, SECOND_NS, wait_ns


def longest_wait_s(session: Session, keys: Mapping[str, int], now: int) -> int:
    """How many whole seconds whoever these keys stand for has to wait; each comes with the failures that are free."""
    found = ((session.get(FailureRow, key), free) for key, free in keys.items())
    wait = max(wait_ns(row.failures, row.last_at, now, free) if row else 0 for row, free in found)
    return -(-wait // SECOND_NS)


def count_failure(session: Session, keys: Iterable[str], now: int) -> None:
    """Count one more failure, and forget those that are long past."""
    for key in keys:
        row = session.get(FailureRow, key, with_for_update=True)
        if row is None:
            session.add(FailureRow(key=key, failures=1, last_at=now))
        else:
            row.failures, row.last_at = row.failures + 1, now
    session.execute(sa.delete(FailureRow).where(FailureRow.last_at < now - FORGET_AFTER_NS))
