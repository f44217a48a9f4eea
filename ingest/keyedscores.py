"""Scores by name: what a store keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.columns import SeriesName, common_names, joined, pack, unpack
from ingest.keyed import SeriesNames
from ingest.reading import BoolArray, FloatArray, IntArray, TimeArray

_MAGIC = b"FWS1"


class ScoreColumns(Protocol):
    """What scores look like to ingest: columns of one length, `series` numbers of a registry, `time` in ns UTC."""

    @property
    def series(self) -> IntArray: ...
    @property
    def time(self) -> TimeArray: ...
    @property
    def score(self) -> FloatArray: ...
    @property
    def p_value(self) -> FloatArray: ...
    @property
    def expected(self) -> FloatArray: ...
    @property
    def low(self) -> FloatArray: ...
    @property
    def high(self) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class KeyedScores:
    """Scores as columns of one length; row i belongs to `names[key[i]]`. `expected`, `low`, `high` may be NaN."""

    names: Sequence[SeriesName]
    key: IntArray
    time: TimeArray
    score: FloatArray
    p_value: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        """Number of scores."""
        return len(self.key)

    def __getitem__(self, rows: slice | BoolArray | NDArray[np.intp]) -> KeyedScores:
        """Those rows; the names stay as they are."""
        score, p_value, expected, low, high = (column[rows] for column in self.floats())
        return KeyedScores(self.names, self.key[rows], self.time[rows], score, p_value, expected, low, high)

    def floats(self) -> tuple[FloatArray, ...]:
        """The columns score, p_value, expected, low and high."""
        return self.score, self.p_value, self.expected, self.low, self.high

    @classmethod
    def of(cls, scores: ScoreColumns, names: SeriesNames) -> KeyedScores:
        """The same scores by name."""
        return cls.of_all([scores], names)

    @classmethod
    def of_all(cls, parts: Sequence[ScoreColumns], names: SeriesNames) -> KeyedScores:
        """The scores of all `parts` by name, one after the other."""
        columns = [(p.series, p.time, p.score, p.p_value, p.expected, p.low, p.high) for p in parts]
        if not columns:
            return cls.concat([])
        series, time, *floats = columns[0] if len(columns) == 1 else map(np.concatenate, zip(*columns, strict=True))
        numbers, key = names.keys(series)
        return cls(names.names(numbers), key, time, *floats)

    @classmethod
    def concat(cls, parts: Sequence[KeyedScores]) -> KeyedScores:
        """The rows of all `parts`, one after the other."""
        if len(parts) == 1:
            return parts[0]
        names, key = common_names([(part.names, part.key) for part in parts])
        time = joined([part.time for part in parts], np.int64)
        floats = [joined(list(column), np.float64) for column in zip(*(part.floats() for part in parts), strict=True)]
        return cls(names, key, time, *(floats or [np.zeros(0)] * 5))

    def encode(self) -> bytes:
        """The scores as bytes for `decode`."""
        return pack(_MAGIC, len(self), {"names": tuple(self.names)}, [self.key, self.time, *self.floats()])

    @classmethod
    def decode(cls, blob: bytes) -> KeyedScores:
        """Undo `encode`. Raises RejectedError if these are no such bytes."""
        _, meta, take = unpack(_MAGIC, blob)
        return cls(
            tuple(map(tuple, meta["names"])), take(np.int32), take(np.int64), *(take(np.float64) for _ in range(5))
        )
