"""The detectors in order over one batch: readings in, calibrated scores and verdicts on devices out.

reading ─▶ Shift ─▶ score ─▶ Calibrator ─▶ p-value of the series ───────────────┐ (its device's only one)
                      │                                                          ├─▶ verdict on the device
                      └──▶ DeviceView ─▶ row ─▶ Calibrator ─▶ p-value of the row ┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from models.blocks import Keys, parts
from models.calibration import Calibrator, Rated
from models.detectors.device import DeviceRows, DeviceView
from models.detectors.interval import Interval
from models.detectors.shift import Shift
from models.score import DeviceScores, Scores

SEVERAL = -1
"""In place of a series number: a verdict on several series together."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What can be said about devices as a whole, in order of the rows that completed it; columns of one length."""

    row: Keys
    """Row of the batch with which it was known."""
    device: Keys
    series: Keys
    """The device's only series, or SEVERAL."""
    time: TimeArray
    score: FloatArray
    p_value: FloatArray
    confirmed: FloatArray
    """See `models.calibration.Rated`; so are `quiet`, `since` and `clustering`."""
    quiet: Keys
    since: TimeArray
    clustering: FloatArray
    interval_ns: FloatArray
    """How often there is a verdict; NaN while not known."""
    leader: Keys
    """Series that is furthest from its usual."""
    share: FloatArray
    """How much of it all is the leader's, 0 … 1."""
    facts: FloatArray
    """The leader's last value, and the middle, lower and upper end of its band, shape (n_verdicts, 4)."""

    def __len__(self) -> int:
        """Number of verdicts."""
        return len(self.row)

    @property
    def device_scores(self) -> DeviceScores:
        """Those on several metrics together; what is said about a device's only series is in its own scores."""
        several = self.series == SEVERAL
        return DeviceScores(self.device[several], self.time[several], self.score[several], self.p_value[several])


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bank says about the rows of a batch."""

    scores: Scores
    interval_ns: FloatArray
    """Of each row of the batch: the series' expected interval as known with the reading; NaN while not known."""
    verdicts: Verdicts


class Bank:
    """All detectors and their state."""

    def __init__(self) -> None:
        self.interval = Interval()
        self._shift = Shift()
        self._calibrator = Calibrator()
        self._view = DeviceView()
        self._row_interval = Interval()
        self._row_calibrator = Calibrator()

    def judge(self, batch: ReadingBatch, device_of: Keys, n_devices: int) -> Judgement:
        """Score rows that are new in their series, then learn them.

        `device_of` gives the device number of every series number, shape (n_series,).
        """
        self._resize(len(device_of), n_devices)
        made = _Columns.for_rows(len(batch))
        made.interval[:] = self.interval.learn(batch.series, batch.time)
        self._judge_series(batch, made)
        facts = np.column_stack([batch.value, made.expected, made.low, made.high])
        alone, rows = self._view.advance(batch.series, batch.time, made.raw, facts, device_of)
        scores = made.scores(batch)
        solo = _verdicts_on_series(np.flatnonzero(alone), batch, made, facts, device_of)
        return Judgement(scores, made.interval, _merged(solo, self._judge_rows(rows)))

    def _judge_series(self, batch: ReadingBatch, made: _Columns) -> None:
        for part in parts(batch.series, self._shift.seen):
            rows, scoring = part.rows, self._shift.scoring(part.keys)
            judged = self._shift.advance(part, batch.value[rows], batch.time[rows])
            made.raw[rows] = judged.score
            made.expected[rows], made.low[rows], made.high[rows] = judged.expected, judged.low, judged.high
            ended = part.ended
            suspicious, accepted = np.zeros((2, len(ended)), np.bool_)
            if scoring.any():
                known = part if scoring.all() else part.only(scoring)
                made.rate(known.rows, self._calibrator.rate(known, made.raw[known.rows], batch.time[known.rows]))
                full = np.isin(ended, known.ended)
                suspicious[full], accepted[full] = self._calibrator.learn(known.ended)
            if len(ended):
                self._shift.learn(ended, suspicious, accepted)

    def _judge_rows(self, rows: DeviceRows) -> Verdicts:
        made = _Columns.for_rows(len(rows))
        made.interval[:] = self._row_interval.learn(rows.device.astype(np.int32), rows.time)
        for part in parts(rows.device, self._row_calibrator.filled):
            made.rate(part.rows, self._row_calibrator.rate(part, rows.score[part.rows], rows.time[part.rows]))
            if len(part.ended):
                self._row_calibrator.learn(part.ended)
        several = np.full(len(rows), SEVERAL)
        return Verdicts(
            rows.row,
            rows.device,
            several,
            rows.time,
            rows.score,
            *made.rated(),
            made.interval,
            rows.leader,
            rows.share,
            rows.facts,
        )

    def _resize(self, n_series: int, n_devices: int) -> None:
        for part in (self.interval, self._shift, self._calibrator):
            part.resize(n_series)
        for each in (self._row_interval, self._row_calibrator):
            each.resize(n_devices)
        self._view.resize(n_series, n_devices)

    def warm(self, n_series: int) -> BoolArray:
        """For every series whether it has enough scores for a p-value, shape (n_series,)."""
        self._calibrator.resize(n_series)
        return self._calibrator.ready[:n_series]

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self) -> dict[str, NDArray[Any]]:
        """The state of every detector as arrays, by name; see `restore`."""
        view = self._view.save()
        of_series = [(name, part.save()) for name, part in self._of_series()] + [("view", view["series"])]
        of_devices = [(name, part.save()) for name, part in self._of_devices()] + [("view", view["device"])]
        found = {f"series.{name}.{key}": array for name, part in of_series for key, array in part.items()}
        return found | {f"device.{name}.{key}": array for name, part in of_devices for key, array in part.items()}

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray, devices: IntArray) -> None:
        """Take back a saved state; the arrays tell which series or device number each saved row belongs to."""
        for name, part in self._of_series():
            part.restore(_under(saved, f"series.{name}."), series)
        for name, part in self._of_devices():
            part.restore(_under(saved, f"device.{name}."), devices)
        view = {"series": _under(saved, "series.view."), "device": _under(saved, "device.view.")}
        self._view.restore(view, series, devices)

    def _of_series(self) -> list[tuple[str, Interval | Shift | Calibrator]]:
        return [("interval", self.interval), ("shift", self._shift), ("calibrator", self._calibrator)]

    def _of_devices(self) -> list[tuple[str, Interval | Calibrator]]:
        return [("interval", self._row_interval), ("calibrator", self._row_calibrator)]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of one length while the parts of a batch fill them."""

    raw: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    interval: FloatArray
    p_value: FloatArray
    confirmed: FloatArray
    clustering: FloatArray
    quiet: Keys
    since: TimeArray

    @classmethod
    def for_rows(cls, n: int) -> _Columns:
        return cls(*np.full((5, n), np.nan), *np.ones((3, n)), *np.zeros((2, n), np.int64))

    def rate(self, rows: NDArray[np.intp], rated: Rated) -> None:
        self.p_value[rows], self.confirmed[rows], self.clustering[rows] = (
            rated.p_value,
            rated.confirmed,
            rated.clustering,
        )
        self.quiet[rows], self.since[rows] = rated.quiet, rated.since

    def rated(self) -> tuple[FloatArray, FloatArray, Keys, TimeArray, FloatArray]:
        return self.p_value, self.confirmed, self.quiet, self.since, self.clustering

    def scores(self, batch: ReadingBatch) -> Scores:
        numbers = np.arange(len(batch), dtype=np.int32)
        score = np.nan_to_num(self.raw, nan=0.0)
        bands = (self.expected, self.low, self.high)
        return Scores(numbers, batch.series, batch.time, batch.value, score, self.p_value, *bands)


def _verdicts_on_series(
    rows: NDArray[np.intp], batch: ReadingBatch, made: _Columns, facts: FloatArray, device_of: Keys
) -> Verdicts:
    """What a device's only series says is said about the device."""
    series = batch.series[rows].astype(np.int64)
    return Verdicts(
        rows,
        device_of[series].astype(np.int64),
        series,
        batch.time[rows],
        np.nan_to_num(made.raw[rows], nan=0.0),
        made.p_value[rows],
        made.confirmed[rows],
        made.quiet[rows],
        made.since[rows],
        made.clustering[rows],
        made.interval[rows],
        series,
        np.ones(len(rows)),
        facts[rows],
    )


def _merged(one: Verdicts, other: Verdicts) -> Verdicts:
    """Both, in order of the rows they were known with."""
    if not len(other):
        return one
    order = np.argsort(np.r_[one.row, other.row], kind="stable")
    names = [field.name for field in fields(Verdicts)]
    columns = {name: np.concatenate([getattr(one, name), getattr(other, name)])[order] for name in names}
    return Verdicts(**columns)


def _under(saved: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
