"""The list of what could not be taken: unreadable payloads, and points that a store refused.

Nothing that came in disappears without a trace: it lies here with its reason until newer rejects push it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import apsw

from ingest.paging import Page, checked_limit, decode_cursor, encode_cursor
from ingest.sqlitefile import SqliteFile
from ingest.topics import covers

MAX_COUNT = 100_000
MAX_BYTES = 256 * 10**6
"""How much is kept; beyond, the oldest is dropped and counted."""

MAX_PAYLOAD_BYTES = 10**6
"""A longer payload is kept up to here; its whole size is noted."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS reject (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, source TEXT NOT NULL, topic TEXT NOT NULL,
    reason TEXT NOT NULL, size INTEGER NOT NULL, payload BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS reject_total (
    one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, bytes INTEGER NOT NULL, dropped INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO reject_total VALUES (1, 0, 0, 0)
"""


class RejectSource(StrEnum):
    """Where a reject came from."""

    MQTT = "mqtt"
    HTTP = "http"
    STORE = "store"
    """A point that the store refused: the payload is canonical JSON made from it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that was not taken. `payload` is as it came, at most `MAX_PAYLOAD_BYTES` of its `size`."""

    received_at: int
    """Arrival in ns UTC."""
    source: RejectSource
    topic: str
    """The MQTT topic; empty where there is none."""
    reason: str
    payload: bytes
    size: int = 0
    """Bytes of the whole payload."""
    id: int = 0
    """Its number in the list, given when it is added."""


@dataclass(frozen=True, slots=True)
class Which:
    """Some of the rejects: those that came from there, with a topic that the filter covers; None: any."""

    source: RejectSource | None = None
    topic: str | None = None
    """An MQTT topic filter."""

    def covers(self, source: str, topic: str) -> bool:
        """Whether a reject of that source and topic is one of them."""
        return self.source in (None, source) and (self.topic is None or covers(self.topic, topic))


@dataclass(frozen=True, slots=True)
class RejectCount:
    """How many rejects are in the list, and how many were dropped from it to make room."""

    kept: int
    dropped: int


class Rejects:
    """The list in the file that `local` is; safe to use from any thread."""

    def __init__(self, local: SqliteFile, *, max_count: int = MAX_COUNT, max_bytes: int = MAX_BYTES) -> None:
        self._local, self._max_count, self._max_bytes = local, max_count, max_bytes

    def add(self, rejects: Sequence[Reject]) -> None:
        """Keep rejects; within a `change` of the same file they are kept with it or not at all."""
        if not rejects:
            return
        at_once = len(rejects) - self._max_count  # more than the list holds came in one call
        rejects = rejects[-self._max_count :]
        rows = [
            (one.received_at, one.source, one.topic, one.reason, one.size or len(one.payload), _cut(one.payload))
            for one in rejects
        ]
        size = sum(_weight(topic, reason, payload) for _, _, topic, reason, _, payload in rows)
        with self._local.change() as db:
            insert = "INSERT INTO reject (received_at, source, topic, reason, size, payload) VALUES (?, ?, ?, ?, ?, ?)"
            db.executemany(insert, [(at, str(source), *rest) for at, source, *rest in rows])
            change = "UPDATE reject_total SET count = count + ?, bytes = bytes + ?, dropped = dropped + ?"
            db.execute(change, (len(rows), size, max(0, at_once)))
            self._make_room(db)

    def _make_room(self, db: apsw.Connection) -> None:
        count, size = db.execute("SELECT count, bytes FROM reject_total").get
        last, dropped, freed = 0, 0, 0
        for number, topic, reason, payload in db.execute("SELECT id, topic, reason, payload FROM reject ORDER BY id"):
            if count - dropped <= self._max_count and size - freed <= self._max_bytes:
                break
            last, dropped, freed = number, dropped + 1, freed + _weight(topic, reason, payload)
        if dropped:
            db.execute("DELETE FROM reject WHERE id <= ?", (last,))
            change = "UPDATE reject_total SET count = count - ?, bytes = bytes - ?, dropped = dropped + ?"
            db.execute(change, (dropped, freed, dropped))

    def list(self, limit: int, cursor: str | None = None, which: Which | None = None) -> Page[Reject]:
        """Rejects, newest first. Raises InputError on a limit or cursor that cannot be."""
        before = decode_cursor(cursor)[0] if cursor is not None else 2**63 - 1
        query = "SELECT id, source, topic FROM reject WHERE id < ? ORDER BY id DESC"
        with self._local.look() as db:
            numbers = _first(db.execute(query, (before,)), which, checked_limit(limit) + 1)
            found = [_reject(row) for number in numbers for row in db.execute(f"{_SELECT} WHERE id = ?", (number,))]
        page = tuple(found[:limit])
        return Page(page, encode_cursor(page[-1].id, "") if len(found) > limit else None)

    def oldest(self, limit: int, after: int = 0, which: Which | None = None) -> Sequence[int]:
        """Numbers of rejects behind `after`, in order of arrival."""
        with self._local.look() as db:
            query = "SELECT id, source, topic FROM reject WHERE id > ? ORDER BY id"
            return _first(db.execute(query, (after,)), which, limit)

    def get(self, number: int) -> Reject | None:
        """The reject with that number, None if there is none (any more)."""
        with self._local.look() as db:
            query = f"{_SELECT} WHERE id = ?"
            return next((_reject(row) for row in db.execute(query, (number,))), None)

    def remove(self, number: int) -> bool:
        """Take a reject from the list, after it was replayed say; whether it was there."""
        with self._local.change() as db:
            found = db.execute("DELETE FROM reject WHERE id = ? RETURNING topic, reason, payload", (number,)).fetchall()
            for topic, reason, payload in found:
                weight = _weight(str(topic), str(reason), bytes(payload))  # type: ignore[arg-type]
                db.execute("UPDATE reject_total SET count = count - 1, bytes = bytes - ?", (weight,))
        return bool(found)

    def amend(self, number: int, reason: str) -> None:
        """Give a reject another reason: what is wrong with it now."""
        with self._local.change() as db:
            for (before,) in db.execute("SELECT reason FROM reject WHERE id = ?", (number,)).fetchall():
                db.execute("UPDATE reject SET reason = ? WHERE id = ?", (reason, number))
                db.execute("UPDATE reject_total SET bytes = bytes + ?", (len(reason) - len(str(before)),))

    def count(self) -> RejectCount:
        """How many there are."""
        with self._local.look() as db:
            return RejectCount(*db.execute("SELECT count, dropped FROM reject_total").get)


_SELECT = "SELECT received_at, source, topic, reason, payload, size, id FROM reject"


def _first(found: Iterable[tuple[int, str, str]], which: Which | None, limit: int) -> list[int]:
    wanted = (number for number, source, topic in found if which is None or which.covers(source, topic))
    return list(islice(wanted, limit))


def _reject(row: tuple[int, str, str, str, bytes, int, int]) -> Reject:
    received_at, source, topic, reason, payload, size, number = row
    return Reject(received_at, RejectSource(source), topic, reason, payload, size, number)


def _cut(payload: bytes) -> bytes:
    return payload[:MAX_PAYLOAD_BYTES]


def _weight(topic: str, reason: str, payload: bytes) -> int:
    """What a reject takes of the room, in bytes: close enough, and the same when it is added and dropped."""
    return len(topic) + len(reason) + len(payload) + 50
