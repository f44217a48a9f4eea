"""The engine's checkpoint: a file beside the spool's that is replaced as a whole.

    write ──> NAME.part, durable ── replace ──> NAME, durable

It begins with the position of the spool that the state belongs to, and how long the state is. Killed at any instant,
either the file that was there is there or the new one, whole.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Self

from ingest.errors import NoSpaceError, RejectedError, RetryableError, said_by

SUFFIX = ".checkpoint"

STEP_BYTES = 8 << 20
"""Written before it is waited for the disk: a commit of the spool that comes in between waits for no more than that."""

_FACTS = struct.Struct("<4sqQ")
_CHECK = struct.Struct("<I")
_HEAD_BYTES = _FACTS.size + _CHECK.size
_MAGIC = b"FWF1"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def checkpoint_path(spool: Path) -> Path:
    """Where the checkpoint is that belongs to a spool."""
    return spool.with_suffix(SUFFIX)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise NoSpaceError(f"{path}: the disk is full") from error
        raise RetryableError(f"{path}: {said_by(error)}") from error


class CheckpointFile:
    """The file at `path`; one thread at a time writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")

    def write(self, position: int, *state: bytes) -> None:
        """Make a new one durable beside the one that is there; its state is these parts, one after the other.

        Raises NoSpaceError, keeping nothing, on a full disk.
        """
        try:
            with _translated(self.path), self._part.open("wb", buffering=0) as part:
                _write(part, _head(position, sum(map(len, state))))
                for piece in _steps(state):
                    _write(part, piece)
                    os.fsync(part.fileno())
                os.fsync(part.fileno())
        except RetryableError:
            with suppress(OSError):
                self._part.unlink()
            raise

    def replace(self) -> None:
        """Put what was written in place of the one that is there, durably."""
        with _translated(self.path):
            self._part.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def position(self) -> int | None:
        """Position of the spool that it belongs to, None if there is none. Raises RejectedError if it is damaged."""
        with HeldCheckpoint(self.path) as held:
            return held.position() if held.exists else None

    def read(self) -> tuple[int, bytes] | None:
        """Position and state, None if there is none. Raises RejectedError if it is damaged."""
        with HeldCheckpoint(self.path) as held:
            return (held.position(), held.state()) if held.exists else None


def _head(position: int, size: int) -> bytes:
    facts = _FACTS.pack(_MAGIC, position, size)
    return facts + _CHECK.pack(zlib.crc32(facts))


def _steps(parts: Sequence[bytes]) -> Iterator[memoryview]:
    """The parts, cut so small that one can be waited for."""
    for part in parts:
        for start in range(0, len(part), STEP_BYTES):
            yield memoryview(part)[start : start + STEP_BYTES]


def _write(file: FileIO, data: bytes | memoryview) -> None:
    """All of it: the system may take it in parts."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


class HeldCheckpoint:
    """The file as it is now, whatever takes its place meanwhile; a context that closes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with _translated(path), suppress(FileNotFoundError):
            self._file = path.open("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def exists(self) -> bool:
        """Whether there was such a file."""
        return self._file is not None

    def is_current(self) -> bool:
        """Whether no other has taken its place."""
        with _translated(self._path):
            try:
                now = self._path.stat()
            except FileNotFoundError:
                return self._file is None
            return self._file is not None and os.path.samestat(os.fstat(self._file.fileno()), now)

    def position(self) -> int:
        """Position of the spool that it belongs to. Raises RejectedError if the file is damaged."""
        assert self._file is not None
        with _translated(self._path):
            self._file.seek(0)
            head = self._file.read(_HEAD_BYTES)
            size = os.fstat(self._file.fileno()).st_size - _HEAD_BYTES
        if len(head) == _HEAD_BYTES:
            _, position, _ = _FACTS.unpack_from(head)
            if head == _head(position, size):
                return int(position)
        raise RejectedError(f"{self._path}: is damaged or no checkpoint")

    def state(self) -> bytes:
        """The state."""
        assert self._file is not None
        with _translated(self._path):
            self._file.seek(_HEAD_BYTES)
            return self._file.read()

    def copy(self, target: Path) -> None:
        """Write the same to `target`, which appears complete, checked and private, or not at all."""
        assert self._file is not None
        self.position()
        part = target.with_name(target.name + ".part")
        with _translated(target):
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            self._file.seek(0)
            with part.open("wb") as made:
                shutil.copyfileobj(self._file, made)
                made.flush()
                os.fsync(made.fileno())
            part.rename(target)
