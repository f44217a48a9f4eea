"""State with a row per series (or device), and how it is saved and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import IntArray

Rows = NDArray[np.intp]


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
        """All fields, cut to the rows in use: views, good until the next row is written, for they may be large."""
        return {name: self._records[name][: self.n] for name in self._fresh.dtype.fields or ()}

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Write saved row i to row `rows[i]`; `rows` lets numbers differ from those at the time of saving."""
        rows = rows[: len(next(iter(saved.values())))]
        if len(rows):
            self.resize(int(rows.max()) + 1)
        for name in self._fresh.dtype.fields or ():
            self._records[name][rows] = saved[name]


def under(saved: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays of a saved state whose names begin so, by the rest of their names.

    >>> sorted(under({"a.x": np.zeros(0), "b.x": np.zeros(0)}, "a."))
    ['x']
    """
    return {name.removeprefix(prefix): array for name, array in saved.items() if name.startswith(prefix)}
