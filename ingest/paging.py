"""Pages of a long list, newest first, and the opaque cursor that stands for where the next page begins."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from ingest.errors import InputError

T = TypeVar("T")
DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page; None after the last."""

    items: tuple[T, ...]
    next: str | None


def encode_cursor(time: int, key: str) -> str:
    """The cursor of what comes after the item with that time (ns) and key.

    >>> decode_cursor(encode_cursor(1_764_000_000_000_000_000, "a-1"))
    (1764000000000000000, 'a-1')
    """
    return urlsafe_b64encode(f"{time}:{key}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[int, str]:
    """Undo `encode_cursor`. Raises InputError on anything else."""
    try:
        time, colon, key = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if not colon or abs(int(time)) >= 2**63:
            raise ValueError("not a 64-bit time and a key")
        return int(time), key
    except ValueError as error:
        raise InputError(f"cursor {cursor[:80]!r} is none that this list gave") from error


def after_cursor(
    time: InstrumentedAttribute[int], key: InstrumentedAttribute[str], cursor: str | None
) -> sa.ColumnElement[bool]:
    """The condition for rows behind `cursor` in a list ordered by time and key, both descending."""
    if cursor is None:
        return sa.true()
    last_time, last_key = decode_cursor(cursor)
    return sa.or_(time < last_time, sa.and_(time == last_time, key < last_key))


def checked_limit(limit: int) -> int:
    """`limit`. Raises InputError if it is not in 1 … 10 000."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InputError(f"limit {limit} is not between 1 and {MAX_LIMIT}")
    return limit
