"""The detectors in order over one batch: readings in, calibrated scores and verdicts on devices out.

reading ─▶ Shift ─▶ score ─▶ Calibrator ─▶ p-value of the series ─┐
             │  │     │         block means ─▶ Drift ─▶ p ────────┤
             │        └─▶ DeviceView ─▶ row ─▶ Calibrator ─▶ p ───┤
             └─▶ averages ────────────────▶ Novelty ──────▶ p ────┴─▶ Evidence ─▶ verdict on the device
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import Rows, under
from ingest.runs import run_starts
from models.blocks import Keys, Part, parts
from models.calibration import Calibrator, rarity
from models.detectors.device import AVERAGE, P_VALUE, SAYS, SEVERAL, USUAL, DeviceRows, DeviceView, Members
from models.detectors.drift import Drift
from models.detectors.interval import Interval
from models.detectors.novelty import AVERAGES, LOOK, Novelty, States
from models.detectors.shift import Shift
from models.evidence import UNUSUAL, Evidence, of_metrics, together, with_drift
from models.moves import Moves
from models.score import DeviceScores, Scores
from models.warmth import enough_at, young


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What can be said about devices as a whole, in order of the rows that completed it; columns of one length."""

    row: Keys
    """Row of the batch with which it was known."""
    device: Keys
    number: Keys
    """Which row of its device it is about."""
    series: Keys
    """The device's only series, or SEVERAL."""
    time: TimeArray
    score: FloatArray
    p_value: FloatArray
    confirmed: FloatArray
    """See `models.evidence.Course`; so are `quiet` and `since`."""
    quiet: Keys
    since: TimeArray
    interval_ns: FloatArray
    """How often there is a verdict; NaN while not known."""
    young: BoolArray
    """Whether less than a day was seen of a device that follows the day: see `models.warmth.young`."""
    leader: Keys
    """Series that is furthest from its usual."""
    share: FloatArray
    """How much of it all is the leader's, 0 … 1."""
    facts: FloatArray
    """What is told of the leader, shape (n_verdicts, 6): see `models.detectors.device.DeviceRows`."""
    moves: Moves
    """Which series have been unusual since when; to be asked before the next batch."""

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


_OfSeries: TypeAlias = Interval | Shift | Calibrator | Moves | Drift


class Bank:
    """All detectors and their state."""

    def __init__(self) -> None:
        self.interval = Interval()
        self._shift = Shift()
        self._calibrator = Calibrator()
        self._drift = Drift()
        self._view = DeviceView()
        self._row_interval = Interval()
        self._row_calibrator = Calibrator()
        self._novelty = Novelty()
        self._evidence = Evidence()
        self._moves = Moves()

    def judge(self, batch: ReadingBatch, device_of: Keys, n_devices: int) -> Judgement:
        """Score rows that are new in their series, then learn them.

        `device_of` gives the device number of every series number, shape (n_series,).
        """
        self._resize(len(device_of), n_devices)
        self._moves.begin()
        interval = self.interval.learn(batch.series, batch.time)
        score, says = self._judge_series(batch, rarity(interval))
        verdicts = self._judge_rows(*self._view.advance(batch.series, batch.time, score, says, device_of))
        p_value = says[:, P_VALUE].copy()
        alone = np.flatnonzero(verdicts.series != SEVERAL)
        alone = alone[verdicts.time[alone] == batch.time[verdicts.row[alone]]]  # not a row that closed late
        p_value[verdicts.row[alone]] = verdicts.p_value[alone]
        band = says[:, 1:4].T
        numbers = np.arange(len(batch), dtype=np.int32)
        scores = Scores(numbers, batch.series, batch.time, batch.value, np.nan_to_num(score), p_value, *band)
        return Judgement(scores, interval, verdicts)

    def _judge_series(self, batch: ReadingBatch, rare: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scores of the readings, NaN while unknown, and what is known with each (see `models.detectors.device`)."""
        score, says = np.full(len(batch), np.nan), np.full((len(batch), SAYS), np.nan)
        says[:, 0], says[:, P_VALUE] = batch.value, 1.0
        for part in parts(batch.series, self._shift.seen):
            rows, scoring = part.rows, self._shift.scoring(part.keys)
            judged = self._shift.advance(part, batch.value[rows], batch.time[rows])
            score[rows] = judged.score
            says[rows, 1], says[rows, 2], says[rows, 3] = judged.expected, judged.low, judged.high
            says[rows, AVERAGE], says[rows, USUAL] = judged.average[:, AVERAGES], judged.usual[:, AVERAGES]
            if scoring.any():
                known = part if scoring.all() else part.only(scoring)
                says[known.rows, P_VALUE] = _calibrated(self._calibrator, known, score, rare)
            self._drifts(part, says, batch.time, rare)
            if scoring.any():
                self._moves.follow(known, says[known.rows, P_VALUE], batch.time, self._shift.seen)
            if len(part.ended):
                self._shift.learn(part.ended)
        return score, says

    def _drifts(self, part: Part, says: FloatArray, time: TimeArray, rare: FloatArray) -> None:
        """What the rows of a part say, and where their series have been drifting to."""
        slow, full = self._drift.p_value(part.keys), part.full
        if len(full):
            at = part.rows[full]
            self._drift.take(part.ended, self._shift.block_mean(part.ended), time[at], rare[at])
            slow[full] = self._drift.p_value(part.ended)
        known = np.flatnonzero(~np.isnan(slow))
        if len(known):
            rows = part.rows[known]
            fast, slow = says[rows, P_VALUE], slow[known]
            says[rows, P_VALUE] = with_drift(fast, slow)
            by_drift = np.flatnonzero((slow < fast) & (slow <= UNUSUAL))
            says[rows[by_drift], 1:4] = self._drift.band(part.keys[known[by_drift]])

    def _judge_rows(self, rows: DeviceRows, members: Members) -> Verdicts:
        interval = self._row_interval.learn(rows.device.astype(np.int32), rows.time)
        rare = rarity(interval)
        metrics = 1.0 / rows.rarest
        several = np.flatnonzero((rows.series == SEVERAL) & ~np.isnan(rows.score))
        whole = np.ones(len(rows))
        for part in parts(rows.device[several], self._row_calibrator.filled):
            at = several[part.rows]
            whole[at] = _calibrated(self._row_calibrator, part, rows.score[several], rare[several])
        metrics[several] = of_metrics(whole[several], rows.rarest[several])
        p_value = together(metrics, self._look(rows, members, rare))
        course = self._evidence.follow(rows.device, rows.time, p_value)
        return Verdicts(
            rows.row,
            rows.device,
            rows.number,
            rows.series,
            rows.time,
            np.nan_to_num(rows.score),
            p_value,
            *course,
            interval,
            young((rows.time - self._row_interval.first[rows.device]).astype(np.float64), interval),
            rows.leader,
            rows.share,
            rows.facts,
            self._moves,
        )

    def _look(self, rows: DeviceRows, members: Members, rare: FloatArray) -> FloatArray:
        """The p-value of each device's state at its rows, or as it last was."""
        looked = np.flatnonzero(rows.number % LOOK == 0)
        by_device = looked[np.argsort(rows.device[looked], kind="stable")]
        before = self._novelty.last(rows.device)
        states = _states(rows, members, by_device, rare)
        return _carried(rows.device, before, by_device, self._novelty.look(states))

    def _resize(self, n_series: int, n_devices: int) -> None:
        for part in (self.interval, self._shift, self._calibrator, self._moves, self._drift):
            part.resize(n_series)
        for each in (self._row_interval, self._row_calibrator, self._evidence):
            each.resize(n_devices)
        for both in (self._view, self._novelty):
            both.resize(n_series, n_devices)

    def warm(self, n_series: int) -> BoolArray:
        """For every series whether it has enough scores for a p-value, shape (n_series,)."""
        self._calibrator.resize(n_series)
        return self._calibrator.ready[:n_series]

    def enough_at(self, n_series: int) -> TimeArray:
        """For every series when it will be warm, shape (n_series,): see `models.warmth.enough_at`."""
        self.interval.resize(n_series)
        self._shift.resize(n_series)
        seen, last, interval = self._shift.seen, self.interval.last, self.interval.known
        return enough_at(seen[:n_series], last[:n_series], interval[:n_series])

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self) -> dict[str, NDArray[Any]]:
        """The state of every detector as arrays, by name; see `restore`."""
        found: dict[str, NDArray[Any]] = {}
        for kind, table in (("series", self._of_series()), ("device", self._of_devices())):
            for name, part in table.items():
                found |= {f"{kind}.{name}.{key}": array for key, array in part.save().items()}
        for name, both in self._of_both().items():
            for kind, arrays in both.save().items():
                found |= {f"{kind}.{name}.{key}": array for key, array in arrays.items()}
        return found

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray, devices: IntArray) -> None:
        """Take back a saved state; the arrays tell which series or device number each saved row belongs to."""
        for name, part in self._of_series().items():
            part.restore(under(saved, f"series.{name}."), series)
        for name, each in self._of_devices().items():
            each.restore(under(saved, f"device.{name}."), devices)
        for name, both in self._of_both().items():
            kept = {kind: under(saved, f"{kind}.{name}.") for kind in ("series", "device")}
            both.restore(kept, series, devices)

    def _of_series(self) -> dict[str, _OfSeries]:
        first: dict[str, _OfSeries] = {"interval": self.interval, "shift": self._shift}
        return first | {"calibrator": self._calibrator, "moves": self._moves, "drift": self._drift}

    def _of_devices(self) -> dict[str, Interval | Calibrator | Evidence]:
        return {"interval": self._row_interval, "calibrator": self._row_calibrator, "evidence": self._evidence}

    def _of_both(self) -> dict[str, DeviceView | Novelty]:
        return {"view": self._view, "novelty": self._novelty}


def _calibrated(calibrator: Calibrator, part: Part, score: FloatArray, rare: FloatArray) -> FloatArray:
    """p-values of a part's rows, whose full blocks are then learned; `score` and `rare` are those of the batch."""
    p_value = calibrator.rate(part, score[part.rows])
    if len(part.ended):
        calibrator.learn(part.ended, rare[part.rows[part.full]])
    return p_value


def _states(rows: DeviceRows, members: Members, by_device: Rows, rare: FloatArray) -> States:
    """The states at rows `by_device`; `members` come by row, in the order of the rows."""
    place = np.full(len(rows), -1)
    place[by_device] = np.arange(len(by_device))
    order = np.argsort(place[members.which], kind="stable")
    says = members.says[order]
    return States(
        rows.device[by_device],
        rows.number[by_device],
        rare[by_device],
        place[members.which[order]],
        members.series[order],
        says[:, AVERAGE],
        says[:, USUAL],
    )


def _carried(device: Keys, before: FloatArray, looked: Rows, found: FloatArray) -> FloatArray:
    """For every row the value found at its device's last look so far, or `before`; `looked` is ordered by device."""
    order = np.argsort(device, kind="stable")
    value = np.full(len(device), np.nan)
    value[looked] = found
    value = value[order]
    keys = device[order]
    starts = run_starts(keys)
    value = np.where(starts & np.isnan(value), before[order], value)
    at = np.maximum.accumulate(np.where(np.isnan(value), 0, np.arange(len(value)))) if len(value) else order
    out = np.empty(len(device))
    out[order] = value[at]
    return out
