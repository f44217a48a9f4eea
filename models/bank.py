"""The detectors in order over one batch: readings in, calibrated scores and verdicts on devices out.

reading, less what its hour explains (Season)
             ▼
           Shift ─▶ score ─▶ Calibrator ─▶ p-value of the series ─┐
             │  │     │         block means ─▶ Drift ─▶ p ────────┤        ┌─▶ Telling ─▶ what people see of it
             │        └─▶ DeviceView ─▶ row ─▶ Calibrator ─▶ p ───┤        │
             ├─▶ average ─────────────────▶ Envelope ─────▶ p ────┤        │
             └─▶ averages ────────────────▶ Novelty ──────▶ p ────┴─▶ p-value ─▶ Evidence ─▶ verdict on the device
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import under
from models.blocks import Keys
from models.calibration import Calibrator, rarity
from models.detectors.device import SEVERAL, DeviceRows, DeviceView, SeriesRows
from models.detectors.drift import Drift
from models.detectors.envelope import Envelope
from models.detectors.interval import Interval
from models.detectors.lasting import Lasting, Lasts
from models.detectors.novelty import Members, Novelty
from models.detectors.season import Season
from models.detectors.shift import LONG, Shift
from models.evidence import QUIET, Evidence, of_device
from models.moves import Moves
from models.score import DeviceScores, Scores
from models.telling import Telling, tempered
from models.warmup import enough_at, young


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
    """What is decided by."""
    told: FloatArray
    """What people are told of it: see `models.telling`."""
    confirmed: FloatArray
    """See `models.evidence.Course`; so are `quiet` and `since`."""
    quiet: Keys
    since: TimeArray
    lasts: Lasts
    interval_ns: FloatArray
    """How often there is a verdict; NaN while not known."""
    young: BoolArray
    """Whether less than a day was seen of a device that follows the day: see `models.warmup.young`."""
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
        return DeviceScores(self.device[several], self.time[several], self.score[several], self.told[several])


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bank says about the rows of a batch."""

    scores: Scores
    interval_ns: FloatArray
    """Of each row of the batch: the series' expected interval as known with the reading; NaN while not known."""
    verdicts: Verdicts


_OfSeries: TypeAlias = Interval | Season | Shift | Calibrator | Moves | Drift | Envelope
_OfDevices: TypeAlias = Interval | Calibrator | Evidence | Lasting | Telling


class Bank:
    """All detectors and their state."""

    def __init__(self) -> None:
        self._size = 0, 0
        self.interval = Interval()
        self._season = Season()
        self._shift = Shift()
        self._calibrator = Calibrator()
        self._drift = Drift()
        self._envelope = Envelope()
        self._view = DeviceView()
        self._row_interval = Interval()
        self._row_calibrator = Calibrator()
        self._novelty = Novelty()
        self._evidence = Evidence()
        self._lasting = Lasting()
        self._telling = Telling()
        self._moves = Moves()

    def judge(self, batch: ReadingBatch, device_of: Keys, n_devices: int) -> Judgement:
        """Score rows that are new in their series, then learn them.

        `device_of` gives the device number of every series number, shape (n_series,).
        """
        self._resize(len(device_of), n_devices)
        series = batch.series.astype(np.int64)
        interval = self.interval.learn(series, batch.time)
        judged = self._judge_series(series, batch, rarity(interval))
        rows, members = self._view.advance(judged, device_of)
        verdicts = self._judge_rows(rows, members)
        p_value = tempered(judged.p_value)
        alone = np.flatnonzero(verdicts.series != SEVERAL)
        alone = alone[verdicts.time[alone] == batch.time[verdicts.row[alone]]]  # not a row that closed late
        p_value[verdicts.row[alone]] = verdicts.told[alone]
        numbers = np.arange(len(batch), dtype=np.int32)
        score = np.fmax(judged.score, 0.0)
        scores = Scores(numbers, batch.series, batch.time, batch.value, score, p_value, *judged.band)
        return Judgement(scores, interval, verdicts)

    def _judge_series(self, series: Keys, batch: ReadingBatch, rare: FloatArray) -> SeriesRows:
        """What each series says by itself."""
        explained = self._season.explain(series, batch.value, batch.time)
        judged = self._shift.advance(series, batch.value, batch.time, explained)
        p_value = self._calibrator.rate(series, judged.score, rare)
        self._drift.follow(series, judged.block_mean, batch.time, rare, p_value, judged.band)
        band, average = judged.band, judged.average
        band += explained
        self._envelope.follow(series, average[:, LONG] + explained, batch.time, p_value, band)
        self._moves.begin()
        self._moves.follow(series, p_value, batch.time, judged.number)
        return SeriesRows(
            series, batch.time, judged.score, p_value, batch.value, explained, band, average, judged.usual
        )

    def _judge_rows(self, rows: DeviceRows, members: Members) -> Verdicts:
        interval = self._row_interval.learn(rows.device, rows.time)
        rare = rarity(interval)
        whole = self._row_calibrator.rate(rows.device, rows.together, rare)
        novelty = self._novelty.follow(rows.device, rows.number, rare, members)
        p_value = of_device(rows.together, whole, rows.rarest, novelty)
        course = self._evidence.follow(rows.device, rows.time, p_value)
        lasts = self._lasting.follow(rows.device, p_value, rare, course.quiet < QUIET)
        return Verdicts(
            rows.row,
            rows.device,
            rows.number,
            rows.series,
            rows.time,
            np.fmax(rows.score, 0.0),
            p_value,
            self._telling.tell(rows.device, rows.time, p_value, interval),
            *course,
            lasts,
            interval,
            young((rows.time - self._row_interval.first[rows.device]).astype(np.float64), interval),
            rows.leader,
            rows.share,
            rows.facts,
            self._moves,
        )

    def _resize(self, n_series: int, n_devices: int) -> None:
        if (n_series, n_devices) == self._size:
            return
        self._size = n_series, n_devices
        for part in self._of_series().values():
            part.resize(n_series)
        for each in self._of_devices().values():
            each.resize(n_devices)
        for both in self._of_both().values():
            both.resize(n_series, n_devices)

    def warm(self, n_series: int) -> BoolArray:
        """For every series whether it has enough scores for a p-value, shape (n_series,)."""
        self._calibrator.resize(n_series)
        return self._calibrator.ready[:n_series]

    def enough_at(self, n_series: int) -> TimeArray:
        """For every series when it will be warm, shape (n_series,): see `models.warmup.enough_at`."""
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
            if kept := under(saved, f"series.{name}."):  # a state of before a detector came has none of it
                part.restore(kept, series)
        for name, each in self._of_devices().items():
            each.restore(under(saved, f"device.{name}."), devices)
        for name, both in self._of_both().items():
            parts = {kind: under(saved, f"{kind}.{name}.") for kind in ("series", "device")}
            both.restore(parts, series, devices)

    def _of_series(self) -> dict[str, _OfSeries]:
        first: dict[str, _OfSeries] = {"interval": self.interval, "season": self._season, "shift": self._shift}
        first |= {"calibrator": self._calibrator, "moves": self._moves, "drift": self._drift}
        return first | {"envelope": self._envelope}

    def _of_devices(self) -> dict[str, _OfDevices]:
        first: dict[str, _OfDevices] = {"interval": self._row_interval, "calibrator": self._row_calibrator}
        return first | {"evidence": self._evidence, "lasting": self._lasting, "telling": self._telling}

    def _of_both(self) -> dict[str, DeviceView | Novelty]:
        return {"view": self._view, "novelty": self._novelty}
