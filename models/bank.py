"""The detectors in order over one batch: readings in, calibrated scores and evidence out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, ReadingBatch
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
        n = len(batch)
        score, expected, low, high, evidence = (np.zeros(n) for _ in range(5))
        p_value, interval = np.ones(n), np.full(n, np.nan)
        for rows in rounds(batch.series):
            series = batch.series[rows]
            interval[rows] = self.interval.round(series, batch.time[rows])
            judged = self._baseline.round(series, batch.value[rows])
            expected[rows], low[rows], high[rows] = judged.expected, judged.low, judged.high
            warm = ~np.isnan(judged.score)
            if warm.any():
                self._calibrate(rows[warm], series[warm], judged.score[warm], score, p_value, evidence)
        scores = Scores(
            np.arange(n, dtype=np.int32), batch.series, batch.time, batch.value, score, p_value, expected, low, high
        )
        return Judgement(scores, evidence, interval)

    def _calibrate(
        self, rows: Rows, series: IntArray, raw: FloatArray, score: FloatArray, p: FloatArray, evidence: FloatArray
    ) -> None:
        score[rows] = raw
        p[rows] = self._calibrator.round(series, raw)
        evidence[rows] = self._evidence.round(series, p[rows])

    def save(self) -> dict[str, NDArray[Any]]:
        """The state of every detector as arrays with a row per series."""
        return {f"{name}.{key}": array for name, part in self._parts() for key, array in part.save().items()}

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        for name, part in self._parts():
            prefix = f"{name}."
            part.restore({k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}, series)

    def _parts(self) -> list[tuple[str, Any]]:
        return [
            ("interval", self.interval),
            ("baseline", self._baseline),
            ("calibrator", self._calibrator),
            ("evidence", self._evidence),
        ]
