"""The durable arrival log: what came in and is not yet both stored and covered by a checkpoint of the engine.

    append ──> entry │ entry │ entry │ entry          one entry a micro-batch, one commit
                     │       └ mark "store": confirmed by the store up to here
                     └ mark "engine": covered by the checkpoint up to here; entries behind both are gone

A reading is acknowledged to its sender once `append` returned. After a crash the engine is restored from the
checkpoint and fed the entries behind its position; the store gets the entries behind its mark. The checkpoint is a
file of its own, for a commit of its size would keep `append` waiting; the position in it is what counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import apsw
import structlog

from ingest import spoolnames
from ingest.checkpointfile import CheckpointFile, checkpoint_path
from ingest.errors import NoSpaceError, RejectedError, SpoolFullError
from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores
from ingest.spoolnames import SpoolNames
from ingest.sqlitefile import SqliteFile

SCHEMA = f"""
{spoolnames.SCHEMA};
CREATE TABLE IF NOT EXISTS entry (
    position INTEGER PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, arrived_at INTEGER NOT NULL,
    batch BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS score (
    position INTEGER PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, scores BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (name TEXT PRIMARY KEY, position INTEGER NOT NULL, state BLOB NOT NULL) STRICT
"""

DEFAULT_MAX_BYTES = 2 * 10**9

SPARE_BYTES = 64 << 20
"""Free space that the file keeps after a burst; what is beyond goes back to the disk."""

_LAST = 2**63 - 1

log = structlog.get_logger(__name__)


class Consumer(StrEnum):
    """Who reads the spool; an entry stays until all of them are past it."""

    ENGINE = "engine"
    STORE = "store"


class FaultPoint(StrEnum):
    """Where a test may end the process: before and after what makes something durable."""

    APPEND = "append: entry written, not committed"
    APPENDED = "append: committed"
    MARK = "mark: written, not committed"
    CHECKPOINT = "checkpoint: written, not in its place"
    CHECKPOINTED = "checkpoint: in its place, entries not deleted"


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits in the spool."""

    entries: int
    rows: int
    size_bytes: int
    oldest_at: int | None
    """Arrival of the oldest entry in ns UTC, None if nothing waits."""
    unstored: int = 0
    """Entries that the store has not confirmed."""


@dataclass(frozen=True, slots=True)
class _Counts:
    entries: int
    rows: int
    size_bytes: int
    """Of the entries and of the scores kept beside them."""

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(self.entries + other.entries, self.rows + other.rows, self.size_bytes + other.size_bytes)

    def __sub__(self, other: _Counts) -> _Counts:
        return _Counts(self.entries - other.entries, self.rows - other.rows, self.size_bytes - other.size_bytes)


def _counts(db: apsw.Connection, entries_to: int, scores_to: int) -> _Counts:
    """How much is held up to those positions."""
    query = "SELECT count(*), coalesce(sum(rows), 0), coalesce(sum(bytes), 0) FROM entry WHERE position <= ?"
    entries, rows, size = db.execute(query, (entries_to,)).get
    beside = db.execute("SELECT coalesce(sum(bytes), 0) FROM score WHERE position <= ?", (scores_to,)).get
    return _Counts(entries, rows, size + beside)


def _no_fault(_point: FaultPoint) -> None:
    """Production: nothing happens at a fault point."""


class Spool:
    """Keeps entries in the file that `local` is; safe to use from any thread.

    `max_bytes` bounds the encoded entries; beyond, `append` raises SpoolFullError until something is trimmed.
    """

    def __init__(
        self,
        local: SqliteFile,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        consumers: Sequence[str] = tuple(Consumer),
        fault: Callable[[FaultPoint], None] = _no_fault,
    ) -> None:
        self._local, self._max_bytes, self._consumers, self._fault = local, max_bytes, tuple(consumers), fault
        self._lock = threading.Lock()
        self._checkpoint = CheckpointFile(checkpoint_path(local.path))
        self._saving = threading.Lock()
        self._last = 0
        self._marks: dict[str, int] = {}
        self._waiting = _Counts(0, 0, 0)
        self._names = SpoolNames()

    def open(self) -> None:
        """Find out where the last run ended; `local` must be open."""
        with self._lock, self._local.look() as db:
            self._marks = dict(db.execute("SELECT name, position FROM mark"))
            self._waiting = _counts(db, _LAST, _LAST)
            newest = db.execute("SELECT coalesce(max(position), 0) FROM entry").get
            self._names.load(db)
        saved = self._saved_position()
        self._last = max(newest, *self._marks.values(), saved or 0)
        if saved is not None:
            self._trim(saved)

    # -- arrivals ------------------------------------------------------------------------------------------------
    def append(self, batch: KeyedBatch, also: Callable[[], object] | None = None) -> int:
        """Keep a batch and return its position; it is durable then. An empty batch takes no position of its own.

        `also` makes further changes to the same file in the same transaction. Raises SpoolFullError, keeping nothing,
        if the size limit or the disk does not allow it.
        """
        with self._lock:
            blob = batch.encode(self._names.numbers(batch)) if batch.weight else b""
            if blob and self._waiting.size_bytes + len(blob) > self._max_bytes:
                raise SpoolFullError(f"the spool is full: {self._waiting.size_bytes} of {self._max_bytes} bytes wait")
            position = self._last + bool(blob)
            try:
                with self._local.change() as db:
                    if blob:
                        entry = (position, batch.weight, len(blob), batch.first_arrival, blob)
                        db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", entry)
                        self._names.save(db)
                    if also is not None:
                        also()
                    self._fault(FaultPoint.APPEND)
            except NoSpaceError as error:
                raise SpoolFullError(str(error)) from error
            if blob:
                self._last = position
                self._waiting += _Counts(1, batch.weight, len(blob))
                self._names.saved(position)
        self._fault(FaultPoint.APPENDED)
        return position

    def read(self, after: int, max_rows: int) -> list[tuple[int, KeyedBatch]]:
        """The entries behind `after` in order: as many as hold `max_rows` rows, at least one if there is any."""
        found = self._blobs("entry", "batch", after, max_rows)
        with self._local.look() as db:
            look_up = partial(self._names.look_up, db)
            return [(position, KeyedBatch.decode(blob, look_up)) for position, blob in found]

    def _blobs(self, table: str, column: str, after: int, max_rows: int) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        with self._local.look() as db:
            query = f"SELECT position, rows, {column} FROM {table} WHERE position > ? ORDER BY position"  # noqa: S608
            for position, rows, blob in db.execute(query, (after,)):
                if found and rows > max_rows:
                    break
                max_rows -= rows
                found.append((position, blob))
        return found

    # -- scores that wait for a store that is away ---------------------------------------------------------------
    def put_scores(self, position: int, scores: KeyedScores) -> None:
        """Keep the scores of the entry at `position` until the mark "store" passes it.

        They are durable with the next checkpoint, and that is soon enough: until then they are made again from the
        entry.
        """
        blob = scores.encode()
        with self._lock:
            if position <= self._marks.get(Consumer.STORE, 0):
                return
            with self._local.change(durable=False) as db:
                before = db.execute("SELECT coalesce(sum(bytes), 0) FROM score WHERE position = ?", (position,)).get
                db.execute("INSERT OR REPLACE INTO score VALUES (?, ?, ?, ?)", (position, len(scores), len(blob), blob))
            self._waiting += _Counts(0, 0, len(blob) - before)

    def read_scores(self, after: int, max_rows: int) -> list[tuple[int, KeyedScores]]:
        """The kept scores behind `after`, as `read` does."""
        return [(at, KeyedScores.decode(blob)) for at, blob in self._blobs("score", "scores", after, max_rows)]

    # -- marks and checkpoint ------------------------------------------------------------------------------------
    def mark(self, consumer: str, position: int) -> None:
        """Note that `consumer` is done up to `position`; entries behind all consumers go. It never moves back.

        It survives the end of the process at once, and the loss of power with the next durable change: a reader may
        then see some entries again.
        """
        with self._lock:
            if position <= self._marks.get(consumer, 0):
                return
            with self._local.change(durable=False) as db:
                freed = self._pass(db, consumer, position)
                self._fault(FaultPoint.MARK)
            self._marks[consumer] = position
            self._waiting -= freed

    def marks(self) -> dict[str, int]:
        """How far each consumer is."""
        with self._lock:
            return dict(self._marks)

    def save_checkpoint(self, position: int, *state: bytes) -> None:
        """Keep the whole state of the engine as of `position`, durably, and then move its mark there.

        The state may come in parts, for it is large. Nothing waits for its writing, which takes the time; entries go
        once it is in its place.
        """
        with self._saving:
            self._checkpoint.write(position, *state)
            self._synchronize()
            self._fault(FaultPoint.CHECKPOINT)
            self._checkpoint.replace()
            self._fault(FaultPoint.CHECKPOINTED)
            self._trim(position)
        self._local.shrink(SPARE_BYTES)

    def _synchronize(self) -> None:
        """Make all changes so far durable: a checkpoint counts on the scores that were kept before it."""
        with self._lock, self._local.change() as db:  # a commit that changes nothing would not wait for the disk
            db.execute(
                "INSERT OR REPLACE INTO mark VALUES (?, ?)", (Consumer.ENGINE, self._marks.get(Consumer.ENGINE, 0))
            )

    def _trim(self, position: int) -> None:
        """Delete what the file at that position covers, and the checkpoint that an earlier release kept here."""
        self.mark(Consumer.ENGINE, position)
        with self._lock, self._local.change(durable=False) as db:
            db.execute("DELETE FROM checkpoint WHERE name = ?", (Consumer.ENGINE,))

    def load_checkpoint(self) -> tuple[int, bytes] | None:
        """The position and the state that were saved last, None before the first; of a damaged file an empty state."""
        try:
            return self._checkpoint.read() or self._row(Consumer.ENGINE)
        except RejectedError as error:
            log.warning("the checkpoint cannot be read", error=str(error))
            return self.marks().get(Consumer.ENGINE, 0), b""

    def _saved_position(self) -> int | None:
        """Position of the file; None if there is none, or if it is damaged: then the mark is what is left."""
        try:
            return self._checkpoint.position()
        except RejectedError:
            return None

    def keep(self, name: str, state: bytes) -> None:
        """Keep something beside the entries, for `kept`; durable with the change that it is made in, or by itself."""
        with self._local.change() as db:
            db.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, 0, ?)", (name, state))

    def kept(self, name: str) -> bytes | None:
        """What was kept last under that name."""
        found = self._row(name)
        return None if found is None else found[1]

    def _row(self, name: str) -> tuple[int, bytes] | None:
        query = "SELECT position, state FROM checkpoint WHERE name = ?"
        with self._local.look() as db:
            return next(((int(at), bytes(state)) for at, state in db.execute(query, (name,))), None)

    def _pass(self, db: apsw.Connection, consumer: str, position: int) -> _Counts:
        """Move a mark and delete what nobody needs any more; what that frees."""
        db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (consumer, position))
        marks = self._marks | {consumer: position}
        floor = min(marks.get(name, 0) for name in self._consumers)
        stored = marks.get(Consumer.STORE, 0)
        freed = _counts(db, floor, stored)
        db.execute("DELETE FROM entry WHERE position <= ?", (floor,))
        db.execute("DELETE FROM score WHERE position <= ?", (stored,))
        self._names.drop(db, floor)
        return freed

    # -- how much waits ------------------------------------------------------------------------------------------
    @property
    def last(self) -> int:
        """Position of the newest entry, 0 before the first."""
        with self._lock:
            return self._last

    def depth(self) -> Depth:
        """How much waits now."""
        with self._lock, self._local.look() as db:
            oldest = db.execute("SELECT arrived_at FROM entry ORDER BY position LIMIT 1").get
            unstored = self._last - self._marks.get(Consumer.STORE, 0)
            return Depth(self._waiting.entries, self._waiting.rows, self._waiting.size_bytes, oldest, unstored)
