"""State as arrays with a row per series (or device), and the order in which a batch may touch it.

A detector that must see the readings of a series one after the other works in rounds: round k holds the k-th reading
of every series in the batch, so that a batch of thousands of series is a handful of array operations, and the result
is the same however the readings were cut into batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.reading import IntArray
from ingest.runs import run_lengths, run_starts

Rows = NDArray[np.intp]
Columns = TypeVar("Columns", bound=NamedTuple)


class StateTable:
    """Records with a row per series or device, kept side by side in one array that grows.

    `columns` gives each field's dtype, its shape in one row, and its value in a row never written.
    """

    def __init__(self, columns: Mapping[str, tuple[Any, tuple[int, ...], Any]]) -> None:
        fields = [(name, dtype, shape) for name, (dtype, shape, _) in columns.items()]
        self._fresh = np.zeros((), np.dtype(fields, align=True))
        for name, (_, _, fill) in columns.items():
            self._fresh[name] = fill
        self._records = np.full(0, self._fresh)
        self.n = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The field of that name, shape (capacity, …); rows from `n` on are not in use."""
        return self._records[name]

    @property
    def records(self) -> Any:
        """The rows themselves, for compiled functions: `records[i].name`; good until the next `resize`."""
        return self._records

    def columns(self, kind: type[Columns]) -> Columns:
        """The fields that a NamedTuple names, for compiled functions; `records` are four times as fast to pass on."""
        return kind._make(self._records[name] for name in kind._fields)

    def resize(self, n: int) -> None:
        """Have at least `n` rows in use; new rows hold their fields' fill values."""
        if n <= self.n:
            return
        if n > len(self._records):
            grown = np.full(max(n, 2 * len(self._records), 16), self._fresh)
            grown[: self.n] = self._records[: self.n]
            self._records = grown
        self.n = n

    def save(self) -> dict[str, NDArray[Any]]:
        """Copies of all fields, cut to the rows in use."""
        return {name: self._records[name][: self.n].copy() for name in self._fresh.dtype.fields or ()}

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Write saved row i to row `rows[i]`; `rows` lets numbers differ from those at the time of saving."""
        rows = rows[: len(next(iter(saved.values())))]
        if len(rows):
            self.resize(int(rows.max()) + 1)
        for name in self._fresh.dtype.fields or ():
            self._records[name][rows] = saved[name]

    @property
    def row_bytes(self) -> int:
        """Memory of one row."""
        return self._fresh.dtype.itemsize


def under(saved: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays of a saved state whose names begin so, by the rest of their names.

    >>> sorted(under({"a.x": np.zeros(0), "b.x": np.zeros(0)}, "a."))
    ['x']
    """
    return {name.removeprefix(prefix): array for name, array in saved.items() if name.startswith(prefix)}


def rounds(keys: IntArray) -> list[Rows]:
    """Rows of a batch in rounds: within a round every key occurs once; over the rounds a key's rows keep their order.

    >>> [r.tolist() for r in rounds(np.array([7, 3, 7, 7], np.int32))]
    [[0, 1], [2], [3]]
    """
    if not len(keys):
        return []
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(run_starts(ordered))
    if len(starts) == len(keys):
        return [np.arange(len(keys), dtype=np.intp)]
    sizes = run_lengths(starts, len(keys))
    rank = np.empty(len(keys), np.intp)
    rank[order] = np.arange(len(keys)) - np.repeat(starts, sizes)
    by_rank = np.argsort(rank, kind="stable")
    return np.split(by_rank, np.cumsum(np.bincount(rank))[:-1])
