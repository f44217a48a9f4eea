"""The one canonical shape of telemetry inside Forewarn: a batch of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
TimeArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
FlagArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

NS_PER_SECOND = 1_000_000_000
"""Event times are int64 nanoseconds since 1970-01-01T00:00:00Z."""
NS_PER_DAY = 86_400 * NS_PER_SECOND
NEVER = int(np.iinfo(np.int64).min)
"""In place of an event time where there is none yet."""
ROWS_AT_ONCE = 32_768
"""Readings judged at once where there are more: enough for arrays to pay, little enough for their memory to be used
again and not asked for anew. With five times as many, a reading takes half as long again."""


class Quality(IntFlag):
    """What is known about a reading beside its value, as bits of the `quality` column."""

    GOOD = 0
    RECORDED = 1
    """Observed longer before its arrival than `engine.live_within`: its site is ticked by its own readings."""
    STAMPED_ON_ARRIVAL = 2
    """The device sent no time; the time of arrival stands in."""
    CLOCK_OFF = 4
    """The device's stamp and the arrival differ by more than 5 minutes though the reading is no recorded one."""
    NO_UNIT = 8
    """The unit is missing or unknown: the value is kept as sent."""
    HISTORICAL = 16
    """Its sender says that it is history, kept back and sent later: stored, never judged."""


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """Readings as four columns of one length, rows in order of arrival; event order is not promised.

    `series` holds series numbers of the process's `Registry`, `time` event time in ns UTC, `value` the value in the
    series' canonical unit, `quality` bits of `Quality`.
    """

    series: IntArray
    time: TimeArray
    value: FloatArray
    quality: FlagArray

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.series)

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        if not len(self.series) == len(self.time) == len(self.value) == len(self.quality):
            raise ValueError("the columns of a ReadingBatch differ in length")

    def __getitem__(self, rows: slice | BoolArray | NDArray[np.intp]) -> ReadingBatch:
        """Those rows, as a batch."""
        return ReadingBatch(self.series[rows], self.time[rows], self.value[rows], self.quality[rows])

    @classmethod
    def of(
        cls,
        series: Sequence[int] | IntArray,
        time: Sequence[int] | TimeArray,
        value: Sequence[float] | FloatArray,
        quality: Sequence[int] | FlagArray | int = 0,
    ) -> ReadingBatch:
        """Build a batch from anything array-like; one `quality` may stand for all rows.

        >>> len(ReadingBatch.of([0, 1], [10, 20], [21.5, 40.0]))
        2
        """
        numbers = np.asarray(series, dtype=np.int32)
        flags = np.full(len(numbers), quality, np.uint8) if isinstance(quality, int) else np.asarray(quality, np.uint8)
        return cls(numbers, np.asarray(time, np.int64), np.asarray(value, np.float64), flags)

    @classmethod
    def empty(cls) -> ReadingBatch:
        """A batch without rows."""
        return cls.of([], [], [])

    @classmethod
    def concat(cls, batches: Sequence[ReadingBatch]) -> ReadingBatch:
        """The rows of all `batches`, one after the other."""
        if not batches:
            return cls.empty()
        return cls(
            np.concatenate([b.series for b in batches]),
            np.concatenate([b.time for b in batches]),
            np.concatenate([b.value for b in batches]),
            np.concatenate([b.quality for b in batches]),
        )
