"""Files that a command writes: who reads them sees the old one or the new one, and a full disk leaves the old one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.errors import InputError, said_by

UNPRINTABLE = "backslashreplace"
"""What becomes of the bytes of a file's name that are no UTF-8, where it is told in a file."""


def check_place(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise InputError if no file can be written there, or an input would be replaced."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: cannot be written: it is no file")
    if path.exists() and any(one.exists() and one.samefile(path) for one in inputs):
        raise InputError(f"{path}: is read from, and would be replaced")
    with _waiting(path) as waiting:
        waiting.touch()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file, or replace it as a whole. Raises InputError if that is not possible."""
    check_place(path)
    with _waiting(path) as waiting:
        waiting.write_bytes(data)
        waiting.replace(path)


@contextmanager
def _waiting(path: Path) -> Iterator[Path]:
    """The file that becomes `path`, gone at the end; what the system does not allow is told of `path`."""
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield waiting
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {said_by(error)}") from error
    finally:
        with suppress(OSError):
            waiting.unlink(missing_ok=True)
