"""What a run over history came to in numbers: rows, span, and how long each series was heard. Bounded by the series."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from forewarn.engine import Counts
from ingest.reading import NS_PER_DAY, IntArray, ReadingBatch, TimeArray
from ingest.registry import Registry
from models.score import Scores

_NEVER = np.iinfo(np.int64).min


@dataclass(slots=True)
class Tally:
    """Counts of a run. Times are event time in ns UTC; arrays have a row for each series that was judged so far."""

    judged: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0
    first: int | None = None
    """Earliest time of any usable reading, late ones included."""
    last: int | None = None
    readings_of: TimeArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Judged readings of each series."""
    first_of: TimeArray = field(default_factory=lambda: np.zeros(0, np.int64))
    last_of: TimeArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, batch: ReadingBatch, scores: Scores, counts: Counts) -> None:
        """Take in what became of a batch."""
        self.judged += counts.judged
        self.late += counts.late
        self.duplicate += counts.duplicate
        self.conflict += counts.conflict
        if len(batch):
            low, high = int(batch.time.min()), int(batch.time.max())
            self.first = low if self.first is None else min(self.first, low)
            self.last = high if self.last is None else max(self.last, high)
        if len(scores):
            self._follow(scores.series, scores.time)

    def _follow(self, series: IntArray, time: TimeArray) -> None:
        """Judged readings of a series come in order of time: the first row is the earliest, the last the newest."""
        size = max(len(self.readings_of), int(series.max()) + 1)
        self.readings_of = _grown(self.readings_of, size, 0)
        self.first_of, self.last_of = _grown(self.first_of, size, _NEVER), _grown(self.last_of, size, _NEVER)
        self.readings_of += np.bincount(series, minlength=size)
        self.last_of[series] = time
        new = self.first_of[series] == _NEVER
        self.first_of[series[new][::-1]] = time[new][::-1]

    @property
    def readings(self) -> int:
        """Usable readings, duplicates included."""
        return self.judged + self.late + self.duplicate + self.conflict

    def devices(self, registry: Registry) -> set[int]:
        """Numbers of the devices that were judged."""
        return set(registry.series_device[: len(self.readings_of)][self.readings_of > 0].tolist())

    def device_days(self, registry: Registry) -> float:
        """Days of history, summed over the devices, each from its first to its last judged reading."""
        heard = self.readings_of > 0
        device = registry.series_device[: len(heard)][heard]
        first = np.full(registry.n_devices, np.iinfo(np.int64).max)
        last = np.full(registry.n_devices, _NEVER)
        np.minimum.at(first, device, self.first_of[heard])
        np.maximum.at(last, device, self.last_of[heard])
        seen = last >= first
        return float((last[seen] - first[seen]).sum() / NS_PER_DAY)

    def heard(self, series: int) -> int:
        """Judged readings of a series."""
        return int(self.readings_of[series]) if series < len(self.readings_of) else 0

    def interval_ns(self, series: int) -> float:
        """Mean time between judged readings of a series; 0 where there are fewer than two."""
        if self.heard(series) < 2:
            return 0.0
        return float(self.last_of[series] - self.first_of[series]) / (self.heard(series) - 1)


def _grown(column: TimeArray, size: int, fill: int) -> TimeArray:
    return column if len(column) >= size else np.concatenate([column, np.full(size - len(column), fill)])
