"""The detectors in order over one batch: readings in, calibrated scores and evidence out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import Rows, rounds
from models.calibration import RankCalibrator
from models.detectors.baseline import Baseline
from models.detectors.interval import Interval
from models.evidence import Evidence
from models.score import Scores


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bank says about the rows of a batch, columns of the batch's length."""

    scores: Scores
    evidence: FloatArray
    """Sum of evidence after the reading, in nats; see `models.evidence`."""
    since: TimeArray
    """Event time of the reading with which that sum began."""
    interval_ns: FloatArray
    """The series' expected interval as known with the reading; NaN while not known."""


class Bank:
    """All per-series detectors and their state."""

    def __init__(self) -> None:
        self.interval = Interval()
        self._baseline = Baseline()
        self._calibrator = RankCalibrator()
        self._evidence = Evidence()

    def judge(self, batch: ReadingBatch, n_series: int) -> Judgement:
        """Score rows that are new in their series, then learn them. `n_series` is the registry's number of series."""
        for part in (self.interval, self._baseline, self._calibrator, self._evidence):
            part.resize(n_series)
        made = _Columns.for_rows(len(batch))
        for rows in rounds(batch.series):
            series, time = batch.series[rows], batch.time[rows]
            made.interval[rows] = self.interval.round(series, time)
            judged = self._baseline.round(series, batch.value[rows])
            made.expected[rows], made.low[rows], made.high[rows] = judged.expected, judged.low, judged.high
            warm = ~np.isnan(judged.score)
            if warm.any():
                self._calibrate(rows[warm], series[warm], time[warm], judged.score[warm], made)
        return made.judgement(batch)

    def _calibrate(self, rows: Rows, series: IntArray, time: TimeArray, score: FloatArray, made: _Columns) -> None:
        made.score[rows] = score
        made.p_value[rows] = self._calibrator.round(series, score)
        made.evidence[rows], made.since[rows] = self._evidence.round(series, time, made.p_value[rows])

    def save(self) -> dict[str, NDArray[Any]]:
        """The state of every detector as arrays with a row per series."""
        return {f"{name}.{key}": array for name, part in self._parts() for key, array in part.save().items()}

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        for name, part in self._parts():
            prefix = f"{name}."
            part.restore({k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}, series)

    def warm(self, n_series: int) -> BoolArray:
        """For every series whether it has enough scores for a p-value, shape (n_series,)."""
        self._calibrator.resize(n_series)
        return self._calibrator.ready[:n_series]

    def _parts(self) -> list[tuple[str, Any]]:
        return [
            ("interval", self.interval),
            ("baseline", self._baseline),
            ("calibrator", self._calibrator),
            ("evidence", self._evidence),
        ]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a judgement while the rounds fill them."""

    score: FloatArray
    p_value: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    evidence: FloatArray
    interval: FloatArray
    since: TimeArray

    @classmethod
    def for_rows(cls, n: int) -> _Columns:
        zero, unknown = np.zeros((2, n)), np.full((4, n), np.nan)
        return cls(zero[0], np.ones(n), unknown[0], unknown[1], unknown[2], zero[1], unknown[3], np.zeros(n, np.int64))

    def judgement(self, batch: ReadingBatch) -> Judgement:
        numbers = np.arange(len(batch), dtype=np.int32)
        bands = (self.expected, self.low, self.high)
        scores = Scores(numbers, batch.series, batch.time, batch.value, self.score, self.p_value, *bands)
        return Judgement(scores, self.evidence, self.since, self.interval)
