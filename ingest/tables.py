"""Reads small CSV tables that a user wrote: columns by name, errors naming file and line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from ingest.errors import InputError, said_by


def read_table(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """(`FILE:LINE`, cells by column) of every row; optional columns that are not there are empty.

    Raises InputError if the file cannot be read, misses a column, or a row has too few or too many fields.
    """
    try:
        with open_table(path) as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in required if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: column {missing[0]!r} is missing; needed are {', '.join(required)}")
            for row in reader:
                where = f"{path}:{reader.line_num}"
                if None in row or None in row.values():
                    raise InputError(f"{where}: has another number of fields than the header")
                yield where, {column: row.get(column) or "" for column in (*required, *optional)}
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {said_by(error)}") from error


def open_table(path: Path) -> IO[str]:
    """The text of a table, packed or not. Raises OSError."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")
