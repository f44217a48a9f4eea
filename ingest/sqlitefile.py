"""One SQLite file of ours: write-ahead log, one writer, readers beside it, and errors that are ours.

Only this SQLite build (apsw's own) may touch such a file: two builds on one write-ahead log can corrupt it. Backups go
through `Snapshot`, never through copying the file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ingest.errors import InputError, NoSpaceError, RejectedError, RetryableError

BUSY_MS = 10_000
"""How long a statement waits for another process, a backup say, before it gives up."""

WAL_LIMIT_BYTES = 64 << 20
"""The log is cut back to this after a checkpoint, so that one burst does not keep the disk forever."""

SHRINK_PAGES = 4_000
"""Pages given back in one step, some 16 MB: other changes wait no longer than that takes."""

BACKUP_PAGES = 1_000
"""Pages copied at a time by a backup."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise ours for apsw's exceptions, naming the file."""
    try:
        yield
    except apsw.FullError as error:
        raise NoSpaceError(f"{path}: the disk is full") from error
    except (apsw.NotADBError, apsw.CorruptError, apsw.FormatError) as error:
        raise RejectedError(f"{path}: is damaged or no database: {error}") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
        raise InputError(f"{path}: cannot be opened for writing: {error}") from error
    except (apsw.BusyError, apsw.LockedError, apsw.IOError, apsw.NoMemError, apsw.ProtocolError) as error:
        raise RetryableError(f"{path}: {error}") from error


class SqliteFile:
    """A database file with its schema; safe to use from any thread.

    Changes are made one at a time under a lock. `version` is raised with the schema; a file of a newer one is refused.
    """

    def __init__(self, path: Path, schema: str, version: int, *, cache_mb: int = 16) -> None:
        self.path = path
        self._schema, self._version, self._cache_mb = schema, version, cache_mb
        self._lock = threading.RLock()
        self._writer: apsw.Connection | None = None
        self._to_read = False
        self._synchronous = ""
        """What the writer was told last: how long a commit waits for the disk."""
        self._depth = 0
        self._idle: list[apsw.Connection] = []
        self._idle_lock = threading.Lock()

    def open(self) -> None:
        """Open or create the file. Raises InputError where that is not possible, RejectedError if it is damaged."""
        with translated(self.path):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{self.path.parent}: cannot be created: {error.strerror}") from error
            writer = self._connect(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            writer.execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
            writer.execute(
                f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}; PRAGMA cache_size = -{self._cache_mb * 1024}"
            )
            found = writer.pragma("user_version")
            if found > self._version:
                writer.close()
                raise InputError(f"{self.path}: was written by a newer release (format {found}, known {self._version})")
            writer.execute(f"BEGIN IMMEDIATE; {self._schema}; PRAGMA user_version = {self._version}; COMMIT")
            self._writer, self._synchronous = writer, ""

    def open_to_read(self) -> None:
        """Open an existing file for `look` alone, while another process may write it; nothing of it is changed.

        Raises InputError where there is no such file or it cannot be read, RejectedError if it is damaged.
        """
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        with translated(self.path):
            reader = self._connect(apsw.SQLITE_OPEN_READONLY)
            found = reader.pragma("user_version")
            if found > self._version:
                reader.close()
                raise InputError(f"{self.path}: was written by a newer release (format {found}, known {self._version})")
        with self._idle_lock:
            self._idle.append(reader)
        self._to_read = True

    def _connect(self, flags: int) -> apsw.Connection:
        connection = apsw.Connection(str(self.path), flags=flags | apsw.SQLITE_OPEN_NOMUTEX)
        connection.set_busy_timeout(BUSY_MS)
        return connection

    def close(self) -> None:
        """Close every connection; a second time does nothing."""
        with self._lock, self._idle_lock, translated(self.path):
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._to_read = False
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[apsw.Connection]:
        """One transaction, committed at the end; a `change` within it becomes part of it.

        `durable`: it survives the loss of power once this returns. Without, it survives the end of the process, and
        the next durable change makes it durable too.
        """
        with self._lock, translated(self.path):
            writer = self._opened()
            if self._depth:
                yield writer
                return
            self._synchronize(writer, "FULL" if durable else "NORMAL")
            writer.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    @contextmanager
    def look(self) -> Iterator[apsw.Connection]:
        """A connection that reads what was committed, for this thread until the end of the block."""
        with translated(self.path):
            if not self._to_read:
                self._opened()
            with self._idle_lock:
                reader = self._idle.pop() if self._idle else None
            if reader is None:
                reader = self._connect(apsw.SQLITE_OPEN_READONLY)
            try:
                yield reader
            finally:
                with self._idle_lock:
                    self._idle.append(reader)

    def _opened(self) -> apsw.Connection:
        if self._writer is None:
            raise RetryableError(f"{self.path}: is closed")
        return self._writer

    def _synchronize(self, writer: apsw.Connection, level: str) -> None:
        """Have the next commits wait for the disk or not; a statement only where that is news."""
        if level != self._synchronous:
            writer.execute(f"PRAGMA synchronous = {level}")
            self._synchronous = level

    def shrink(self, spare_bytes: int) -> None:
        """Give free space beyond `spare_bytes` back to the disk, a step at a time."""
        with self._lock, translated(self.path):
            writer = self._opened()
            surplus = int(writer.pragma("freelist_count")) - spare_bytes // int(writer.pragma("page_size"))
            if surplus > 0 and not self._depth:
                self._synchronize(writer, "NORMAL")
                writer.execute(f"PRAGMA incremental_vacuum({min(surplus, SHRINK_PAGES)})").fetchall()

    def used_bytes(self) -> int:
        """Size of what the file holds, free pages not counted."""
        with self.look() as db:
            pages = int(db.pragma("page_count")) - int(db.pragma("freelist_count"))
            return pages * int(db.pragma("page_size"))


class Snapshot:
    """A database file as of one moment, while others go on writing to it, also from another process."""

    def __init__(self, source: Path) -> None:
        """Pin the moment: now. Raises InputError if there is no such file."""
        self._source = source
        with translated(source):
            self._connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
            self._connection.set_busy_timeout(BUSY_MS)
            self._connection.execute("BEGIN; SELECT count(*) FROM sqlite_schema").fetchall()

    def copy(self, target: Path) -> None:
        """Write the file as of that moment; `target` appears complete, checked and private, or not at all.

        Raises NoSpaceError, naming `target`, where its disk is full.
        """
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        try:
            with translated(self._source):
                self._copy(part)
        except NoSpaceError as error:  # the source is only read
            raise NoSpaceError(f"{target}: the disk is full") from error
        part.rename(target)

    def _copy(self, part: Path) -> None:
        made = apsw.Connection(str(part))
        try:
            with made.backup("main", self._connection, "main") as steps:
                while not steps.done:
                    steps.step(BACKUP_PAGES)
            made.pragma("journal_mode", "delete")
            if made.pragma("quick_check") != "ok":
                raise RejectedError(f"{self._source}: is damaged: its copy does not hold together")
        finally:
            made.close()

    def close(self) -> None:
        """Let the moment go."""
        self._connection.close()
