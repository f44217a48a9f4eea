"""State as arrays with a row per series (or device)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.reading import IntArray

Rows = NDArray[np.intp]
Columns = TypeVar("Columns", bound=NamedTuple)


class StateTable:
    """Named arrays that share their first axis and grow together.

    `columns` gives each array's dtype, the shape of one row, and the value of a row never written.
    """

    def __init__(self, columns: Mapping[str, tuple[Any, tuple[int, ...], Any]]) -> None:
        self._columns = dict(columns)
        self._arrays = {name: np.full((0, *shape), fill, dtype) for name, (dtype, shape, fill) in columns.items()}
        self.n = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The array of that name, shape (capacity, …); rows from `n` on are not in use."""
        return self._arrays[name]

    def columns(self, kind: type[Columns]) -> Columns:
        """The arrays that a NamedTuple names, for compiled functions; good until the next `resize`."""
        return kind._make(self._arrays[name] for name in kind._fields)

    def resize(self, n: int) -> None:
        """Have at least `n` rows in use; new rows hold their column's fill value."""
        if n <= self.n:
            return
        capacity = len(next(iter(self._arrays.values())))
        if n > capacity:
            capacity = max(n, 2 * capacity, 16)
            for name, (dtype, shape, fill) in self._columns.items():
                grown = np.full((capacity, *shape), fill, dtype)
                grown[: self.n] = self._arrays[name][: self.n]
                self._arrays[name] = grown
        self.n = n

    def save(self) -> dict[str, NDArray[Any]]:
        """Copies of all arrays, cut to the rows in use."""
        return {name: array[: self.n].copy() for name, array in self._arrays.items()}

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Write saved row i to row `rows[i]`; `rows` lets numbers differ from those at the time of saving."""
        rows = rows[: len(next(iter(saved.values())))]
        if len(rows):
            self.resize(int(rows.max()) + 1)
        for name, array in self._arrays.items():
            array[rows] = saved[name]

    @property
    def row_bytes(self) -> int:
        """Memory of one row over all columns."""
        return sum(array.itemsize * math.prod(array.shape[1:]) for array in self._arrays.values())


def under(saved: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays of a saved state whose names begin so, by the rest of their names.

    >>> sorted(under({"a.x": np.zeros(0), "b.x": np.zeros(0)}, "a."))
    ['x']
    """
    return {name.removeprefix(prefix): array for name, array in saved.items() if name.startswith(prefix)}
