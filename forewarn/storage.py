"""What the settings make of the places where things are kept: the data folder, the local files, the telemetry store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forewarn.settings import EMBEDDED, Settings
from ingest import inbox
from ingest.errors import InputError
from ingest.sqlitefile import SqliteFile
from ingest.stores import sqlite
from ingest.stores.store import TelemetryStore

LOCK_NAME = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The data folder, made if it is not there and held for this process alone.

    Raises InputError if another process holds it: two services, or a service and an import, would judge the same
    readings twice.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"data.dir {folder} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
            raise InputError(f"data.dir {folder} is in use by process {holder}: end it first") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def inbox_file(settings: Settings) -> SqliteFile:
    """The file of spool and rejects, not opened yet."""
    return inbox.inbox_file(settings.data.dir / inbox.FILE_NAME)


def telemetry_store(settings: Settings) -> TelemetryStore:
    """The store that `store.url` means, not prepared yet."""
    chosen = settings.store
    if chosen.url == EMBEDDED:
        path = settings.data.dir / sqlite.FILE_NAME
        return sqlite.SqliteStore(path, retention=chosen.retention, max_bytes=chosen.max_size)
    from ingest.stores.influxdb import InfluxStore

    return InfluxStore(
        chosen.url,
        chosen.bucket,
        org=chosen.org,
        token=chosen.token,
        retention=chosen.retention,
        ca_file=chosen.ca_file,
    )
