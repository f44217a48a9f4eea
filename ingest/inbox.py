"""The one local file of ingest: the spool and the list of rejects, so that both change in one transaction."""

from __future__ import annotations

from pathlib import Path

from ingest import rejects, spool
from ingest.sqlitefile import SqliteFile

FILE_NAME = "spool.db"
"""Its name in `data.dir`."""

VERSION = 3
"""Raised with either schema; since 3 the engine's checkpoint is no longer in it."""


def inbox_file(path: Path) -> SqliteFile:
    """The file at `path`, to be opened and handed to `Spool` and `Rejects`."""
    return SqliteFile(path, f"{spool.SCHEMA}; {rejects.SCHEMA}", VERSION)
