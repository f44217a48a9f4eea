"""A text file that a command writes for its user."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from simulators.errors import SimulatorError


@contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """A text file to write, packed if its name ends so. Raises SimulatorError if that cannot be done."""
    try:
        if path.name.endswith(".gz"):
            with (
                path.open("wb") as raw,
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
                io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
            ):
                yield text
        else:
            with path.open("w", encoding="utf-8", newline="") as text:
                yield text
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be written: {error.strerror}") from error
