"""Cuts what arrives into blocks by each series' own count, so that what is learned stays fixed within a block.

A detector that scores with parameters learned from earlier blocks only can score a whole block in one go, along time as
well as across series; its result is the same however the readings were cut into batches, for a block ends where the
series' own count says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray
from ingest.rows import Rows
from ingest.runs import run_lengths, run_starts

Keys = NDArray[np.signedinteger[Any]]
"""Numbers of series, of devices, of rows, and counts."""
BLOCK = 16
"""Readings of a series per block: what it learns takes effect after at most so many."""
FEW_KEYS, MANY_ROWS = 4, 8
"""Up to so few keys, with so many rows each, walking row by row beats arrays over the keys."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a batch of which each key has at most one block, ordered by key and, within a key, by arrival."""

    rows: Rows
    keys: Keys
    """Key of each row (a series or device number)."""
    column: Keys
    """Place of each row in its key's block, 0 … BLOCK − 1."""
    first: Keys
    """For each row, the index in this part of its key's first row."""
    ended: Keys
    """Keys whose block is now full, each once."""

    @property
    def full(self) -> Rows:
        """For each key whose block is now full, the index in this part of its last row."""
        return np.flatnonzero(self.column == BLOCK - 1)

    def only(self, kept: BoolArray) -> Part:
        """The rows of some keys, all of each."""
        return _part(self.rows[kept], self.keys[kept], self.column[kept])

    @property
    def few(self) -> bool:
        """Whether the keys are so few, with so many rows each, that arrays over the keys do not pay."""
        keys = int(np.count_nonzero(self.first == np.arange(len(self.rows))))
        return keys <= FEW_KEYS and keys * MANY_ROWS <= len(self.rows)

    def by_key(self) -> Iterator[slice]:
        """The rows of this part, key by key."""
        starts = np.flatnonzero(self.first == np.arange(len(self.rows))).tolist()
        for start, end in pairwise([*starts, len(self.rows)]):
            yield slice(start, end)

    def columns(self) -> Iterator[Rows]:
        """Indices into this part, column by column: each key at most once per step, in order of arrival."""
        if not self.first.any():  # a single key: its rows follow each other
            yield from (np.array([i], np.intp) for i in range(len(self.rows)))
            return
        step = np.arange(len(self.rows)) - self.first
        if not step.any():
            yield np.arange(len(self.rows), dtype=np.intp)
            return
        order = np.argsort(step, kind="stable")
        yield from np.split(order, np.cumsum(np.bincount(step))[:-1])


def parts(keys: Keys, filled: Keys) -> Iterator[Part]:
    """The parts of a batch of `keys`, shape (n_rows,); `filled` tells for every key how much of its block is there.

    >>> [p.rows.tolist() for p in parts(np.array([1, 0, 1]), np.array([0, 3]))]
    [[1, 0, 2]]
    """
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    start = np.flatnonzero(run_starts(ordered))
    size = run_lengths(start, len(keys))
    slot = np.arange(len(keys)) - np.repeat(start, size) + filled[ordered] % BLOCK
    number = slot // BLOCK
    if not number.any():
        yield _part(order, ordered, slot)
        return
    by_number = np.argsort(number, kind="stable")
    for piece in np.split(by_number, np.cumsum(np.bincount(number))[:-1]):
        if len(piece):
            yield _part(order[piece], ordered[piece], slot[piece] % BLOCK)


def _part(rows: Rows, keys: Keys, column: Keys) -> Part:
    starts = run_starts(keys)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(keys)), 0))
    return Part(rows, keys, column, first, keys[column == BLOCK - 1])
