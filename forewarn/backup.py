"""`forewarn backup DIR`: a copy of everything the service keeps itself, taken while it runs.

    pin the spool ─▶ pin the database ─▶ pin the telemetry ─▶ copy each as of its moment ─▶ backup.json

The moments lie milliseconds apart, the spool's first: what was judged or stored after it is in the other copies
already, and what a restored service judges again from the spool leads to the same alerts and the same points. With
the spool goes the engine's checkpoint that was in its place before that moment and after it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from forewarn.config.setting_types import EMBEDDED
from forewarn.config.settings import Settings
from forewarn.versions import installed_version
from ingest import inbox
from ingest.checkpointfile import HeldCheckpoint, checkpoint_path
from ingest.errors import InputError, NoSpaceError, RejectedError, RetryableError
from ingest.sqlitefile import Snapshot
from ingest.stores import sqlite
from ingest.times import format_time

MANIFEST = "backup.json"
DATABASE_NAME = "forewarn.db"
BUSY_S = 10.0
PAGES = 1_000
TRIES = 20
"""To find a moment at which no checkpoint takes its place; they are half a minute apart."""

Copy = Callable[[Path], None]
"""Writes a pinned file to a path."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, and what it leaves to others."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    """A sentence for each thing that is not in it."""


def run_backup(folder: Path, settings: Settings, now: int) -> Backup:
    """Copy to `folder`, which must be new or empty; `now` (ns UTC) is noted.

    Raises InputError if the folder or the data are of no use, RejectedError if a file is damaged.
    """
    data = settings.data.dir
    if not (data / inbox.FILE_NAME).exists():
        raise InputError(f"data.dir = {str(data)!r} holds no service's data")
    _prepare(folder)
    left_out: list[str] = []
    with ExitStack() as pinned:
        copies = pinned.enter_context(_pinned_spool(data / inbox.FILE_NAME))
        database = _sqlite_file(settings.database_url)
        if database is None:
            left_out.append(
                "alerts, work orders, models and users are in the server of database.url: back it up with its own tools"
            )
        elif database.exists():
            copies[DATABASE_NAME] = pinned.enter_context(_pinned_database(database))
        if settings.store.url != EMBEDDED:
            left_out.append("readings and scores are in the server of store.url: back it up with its own tools")
        elif (data / sqlite.FILE_NAME).exists():
            copies[sqlite.FILE_NAME] = pinned.enter_context(_pinned(data / sqlite.FILE_NAME))
        for name in sorted(copies, key=lambda name: name != DATABASE_NAME):
            copies[name](folder / name)
    _write_manifest(folder, settings, tuple(copies), now)
    return Backup(tuple(copies), tuple(left_out))


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty: a backup goes into a new or empty folder")
    except OSError as error:
        raise InputError(f"{folder} cannot be used: {error.strerror}") from error


def _sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database, None if the URL is a server's."""
    address = sa.make_url(url)
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None


@contextmanager
def _pinned_spool(source: Path) -> Iterator[dict[str, Copy]]:
    """The spool, and the checkpoint whose entries it has deleted and no more."""
    path = checkpoint_path(source)
    for _ in range(TRIES):
        with HeldCheckpoint(path) as checkpoint, _pinned(source) as copy:
            if checkpoint.is_current():
                yield {source.name: copy} | ({path.name: checkpoint.copy} if checkpoint.exists else {})
                return
    raise RetryableError(f"{path}: is replaced again and again")


@contextmanager
def _pinned(source: Path) -> Iterator[Copy]:
    with closing(Snapshot(source)) as snapshot:
        yield snapshot.copy


@contextmanager
def _pinned_database(source: Path) -> Iterator[Copy]:
    """The same for the database, which only Python's own SQLite may touch: two builds on one file can damage it."""
    with _translated(source), closing(sqlite3.connect(source, timeout=BUSY_S, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def copy(target: Path) -> None:
            target.touch(mode=0o600)
            with _translated(source, target), closing(sqlite3.connect(target)) as made:
                connection.backup(made, pages=PAGES)
                connection.execute("COMMIT")  # who writes may be waiting for this, so it is copied first
                made.execute("PRAGMA journal_mode = DELETE")
                if made.execute("PRAGMA quick_check").fetchone() != ("ok",):
                    raise RejectedError(f"{source}: is damaged: its copy does not hold together")

        yield copy


@contextmanager
def _translated(source: Path, target: Path | None = None) -> Iterator[None]:
    """Raise ours, naming the file: the source, which is only read, but where the target's disk is full."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if target is not None and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise NoSpaceError(f"{target}: the disk is full") from error
        raise RetryableError(f"{source}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise RejectedError(f"{source}: {error}") from error


def _write_manifest(folder: Path, settings: Settings, names: tuple[str, ...], now: int) -> None:
    """Written last: a folder without it holds no whole backup."""
    facts = {
        "made_at": format_time(now),
        "release": installed_version(),
        "data_dir": str(settings.data.dir.absolute()),
        "files": {name: (folder / name).stat().st_size for name in names},
    }
    (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
