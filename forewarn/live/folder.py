"""The folder of `data.dir`: made on first use, and used by one service at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ingest.errors import InputError

LOCK_NAME = "lock"


class DataFolder:
    """Holds the folder while it is in use. Its files are for their owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        """Make the folder and take it. Raises InputError if that is not possible or another process has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.path / LOCK_NAME).open("a+", encoding="ascii")
        except OSError as error:
            raise InputError(f"data.dir = {str(self.path)!r} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read(20).strip() or "unknown"
            lock.close()
            message = f"data.dir = {str(self.path)!r} is in use by another forewarn (process {owner})"
            raise InputError(message) from error
        with suppress(OSError):  # on a full disk it is held all the same, only not said by whom
            lock.truncate(0)
            os.write(lock.fileno(), str(os.getpid()).encode())
        self._lock = lock
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
