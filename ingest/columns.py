"""Columns with a table of names: joined, and as bytes on disk."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.errors import RejectedError
from ingest.reading import IntArray

SeriesName = tuple[str, str, str]
"""(site, device, metric)."""

_HEAD = struct.Struct("<4sII")


def common_names(parts: Sequence[tuple[Sequence[SeriesName], IntArray]]) -> tuple[tuple[SeriesName, ...], IntArray]:
    """One table of names for several, and the key column that points into it."""
    numbers: dict[SeriesName, int] = {}
    tables = [np.array([numbers.setdefault(n, len(numbers)) for n in names], np.int32) for names, _ in parts]
    keys = [table[key] for table, (_, key) in zip(tables, parts, strict=True)]
    return tuple(numbers), joined(keys, np.int32)


def joined(columns: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    """The columns one after the other; an empty one of that type if there is none."""
    return np.concatenate(columns) if columns else np.zeros(0, kind)


def pack(magic: bytes, rows: int, meta: Mapping[str, object], columns: Sequence[NDArray[Any]]) -> bytes:
    """Bytes that `unpack` takes: the kind, the number of rows, `meta` as JSON, then the columns, little-endian."""
    text = orjson.dumps(meta)
    return b"".join([_HEAD.pack(magic, rows, len(text)), text, *(column.tobytes() for column in columns)])


def unpack(magic: bytes, blob: bytes) -> tuple[int, dict[str, Any], Callable[..., NDArray[Any]]]:
    """The number of rows, `meta`, and a function that takes the next column, of that type and length.

    Raises RejectedError if the bytes are not of the kind `magic`, or damaged.
    """
    try:
        found, rows, length = _HEAD.unpack_from(blob)
        meta = orjson.loads(blob[_HEAD.size : _HEAD.size + length])
    except (struct.error, orjson.JSONDecodeError) as error:
        raise RejectedError("a spooled entry cannot be read: it is damaged") from error
    if found != magic:
        raise RejectedError(f"a spooled entry cannot be read: it is of another kind ({found!r})")
    at = _HEAD.size + length

    def take(kind: type[np.generic], count: int = rows) -> NDArray[Any]:
        nonlocal at
        try:
            column = np.frombuffer(blob, kind, count, at)
        except ValueError as error:
            raise RejectedError("a spooled entry cannot be read: it is cut short") from error
        at += column.nbytes
        return column

    return rows, meta, take
