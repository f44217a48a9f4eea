"""How far each series is from its own usual, followed in slots of time, for whole fleets at once.

    readings of a slot ─▶ mean ─▶ exponentially weighted levels over several spans ─┐
                              └─▶ slow baseline: mean and spread ────────────────────┴─▶ deviations of the device

A device's slot ends with its first reading of a later one; all its series are closed with it, and that row is an
instant: the device may be judged there from what was known. Nothing depends on how readings are cut into batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import StateTable, under
from models.supervised.slots import NEVER, Due, Fleet, Keys, Ordered, Sums, groups

SPANS = (6, 12, 24, 72, 168)
"""Slots over which levels are averaged, as the span of an exponentially weighted mean."""
KNOWN_AFTER = 24
"""Slots with readings before a deviation can be told."""
WARM_AFTER = 48
"""Slots with readings before a device can be judged by the series, and before its baseline is guarded."""
BASELINE = 720
"""Slots that the baseline remembers: a month of hours."""
GUARD = 3.0
"""A slot moves the baseline by no more than this many of its standard deviations: trouble is not learned as usual."""
FAR = 10.0
"""Deviations beyond this are all the same."""
AWAY = 0.75
"""A level over `SPANS[1]` slots this many standard deviations off has left its baseline, for explanations."""
LEAST_WEIGHT = 0.05
"""A level whose readings are mostly older than its span says nothing."""

_DECAY = 1.0 - 2.0 / (np.array(SPANS) + 1.0)


@dataclass(frozen=True, slots=True)
class Instants:
    """Moments at which devices may be judged, in order of the rows that brought them; columns of one length.

    The last axis but one of `deviation` and the last of the others are the metrics of `Telemetry`; a metric that the
    device lacks, or of which too little is known, has deviation 0 and `seen` 0.
    """

    row: Keys
    """Row of the batch with which it came: rows before it are known."""
    device: Keys
    time: TimeArray
    """Newest event time of the device, ns UTC."""
    deviation: FloatArray
    """Level less baseline mean, in standard deviations of a slot, shape (n, n_metrics, n_spans)."""
    seen: IntArray
    """Slots with readings so far, shape (n, n_metrics)."""
    level: FloatArray
    """The level over `SPANS[1]` slots, shape (n, n_metrics); `mean` and `spread` are those of the baseline."""
    mean: FloatArray
    spread: FloatArray
    since: TimeArray
    """Start of the slot with which the level left its baseline, NEVER while it has not."""

    def __len__(self) -> int:
        """Number of instants."""
        return len(self.row)

    @classmethod
    def empty(cls, n_metrics: int) -> Instants:
        """No instants."""
        return blank(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.int64), n_metrics)

    def take(self, places: NDArray[Any]) -> Instants:
        """Those of them."""
        return Instants(*(getattr(self, name)[places] for name in self.__slots__))

    @classmethod
    def concat(cls, parts: Sequence[Instants], order: NDArray[np.intp]) -> Instants:
        """All of them in that order; a column at a time, for there may be half a GB of them."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in cls.__slots__))


def blank(row: Keys, device: Keys, time: TimeArray, n_metrics: int) -> Instants:
    """Instants of which nothing is known but where and when."""
    shape = (len(row), n_metrics)
    return Instants(
        row,
        device,
        time,
        np.zeros((*shape, len(SPANS))),
        np.zeros(shape, np.int32),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape),
        np.full(shape, NEVER),
    )


class Telemetry:
    """The state of all series that are followed. `slot_ns` is the length of a slot in ns."""

    def __init__(self, slot_ns: int, n_metrics: int) -> None:
        self.slot_ns, self._n_metrics = slot_ns, n_metrics
        wide = (len(SPANS),)
        self._series = StateTable(
            {
                "sum": (np.float64, (), 0.0),
                "count": (np.int64, (), 0),
                "seen": (np.int32, (), 0),
                "mean": (np.float64, (), 0.0),
                "var": (np.float64, (), 0.0),
                "level": (np.float64, wide, 0.0),
                "weight": (np.float64, wide, 0.0),
                "since": (np.int64, (), NEVER),
            }
        )
        self._device = StateTable({"clock": (np.int64, (), NEVER)})
        self._due: list[Due] = []

    @property
    def n_metrics(self) -> int:
        """Columns of the instants."""
        return self._n_metrics

    def widened(self, n_metrics: int) -> Telemetry:
        """The same state, from now on with so many columns of instants."""
        self._n_metrics = n_metrics
        return self

    def advance(self, batch: ReadingBatch, metric_of: Keys, device_of: IntArray, due: Sequence[Due]) -> Instants:
        """Take readings in order of arrival, each newer than those of its series before; the instants they bring.

        `metric_of` gives the metric (column) of every series number or -1 for series that are not followed,
        `device_of` its device; shapes (n_series,).
        """
        self._series.resize(len(device_of))
        self._device.resize(int(device_of.max()) + 1 if len(device_of) else 0)
        followed = np.flatnonzero(metric_of[batch.series] >= 0)
        waiting = [*self._due, *due]
        if not len(followed):
            self._due = [Due(one.device, 0, one.time) for one in waiting]
            return Instants.empty(self._n_metrics)
        rows = Ordered.of(batch[followed], followed, device_of, self._device["clock"], self.slot_ns)
        judged = rows.closes.copy()
        self._due = []
        for one in waiting:
            place = rows.first_from(one)
            if place is None:
                self._due.append(Due(one.device, 0, one.time))
            else:
                judged[place] = True
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # huge values, and slots without any
            made = self._follow(rows, np.flatnonzero(judged), metric_of, device_of)
        self._device["clock"][rows.device] = rows.clock  # in order: the last of a device stays
        return made.take(np.argsort(made.row, kind="stable"))

    # -- the work ----------------------------------------------------------------------------------------------------
    def _follow(self, rows: Ordered, judged: Keys, metric_of: Keys, device_of: IntArray) -> Instants:
        made = blank(rows.row[judged], rows.device[judged], rows.clock[judged], self._n_metrics)
        fleet = Fleet.of(rows, metric_of, device_of)
        sums = Sums.of(rows, self._series)
        shown = groups(rows.closings[judged])
        for level in range(int(rows.closings.max()) + 1):
            if level:
                self._close(*fleet.closing(level))
            sums.open(level, self._series)
            if level in shown:
                instants = shown[level]
                series, owner = fleet.spread(np.searchsorted(fleet.device, made.device[instants]))
                self._show(made, instants[owner], series, metric_of)
        return made

    def _close(self, series: Keys, gap: IntArray, slot: TimeArray) -> None:
        """End a slot of these series; `gap` is the number of slots until the next one, `slot`."""
        s = self._series
        count = s["count"][series]
        has = count > 0
        value = s["sum"][series] / count
        s["sum"][series] = 0.0
        s["count"][series] = 0
        level, weight = s["level"][series] * _DECAY, s["weight"][series] * _DECAY
        level[has] += (1.0 - _DECAY) * value[has, None]
        weight[has] += 1.0 - _DECAY
        empty = _DECAY ** (gap[:, None] - 1.0)
        s["level"][series], s["weight"][series] = level * empty, weight * empty
        self._learn(series[has], value[has])
        away = np.abs(self._deviation(series)[:, 1]) > AWAY
        since = s["since"][series]
        s["since"][series] = np.where(away, np.where(since == NEVER, (slot - gap) * self.slot_ns, since), NEVER)

    def _learn(self, series: Keys, value: FloatArray) -> None:
        """The baseline: a running mean and spread that forgets beyond BASELINE slots."""
        s = self._series
        seen = s["seen"][series] + 1
        mean, var = s["mean"][series], s["var"][series]
        share = np.maximum(1.0 / seen, 1.0 / BASELINE)
        error = value - mean
        bound = np.where(seen > WARM_AFTER, GUARD * np.sqrt(var), np.inf)
        error = np.where(bound > 0, np.clip(error, -bound, bound), error)
        first = seen == 1
        s["seen"][series] = seen
        s["mean"][series] = np.where(first, value, mean + share * error)
        s["var"][series] = np.where(first, 0.0, (1.0 - share) * (var + share * error * error))

    def _deviation(self, series: Keys) -> FloatArray:
        """Deviations over each span, shape (n, n_spans)."""
        s = self._series
        weight, spread = s["weight"][series], np.sqrt(s["var"][series])
        mean = s["mean"][series]
        known = (s["seen"][series] >= KNOWN_AFTER) & (spread > 1e-9 * np.abs(mean))
        off = (s["level"][series] / weight - mean[:, None]) / spread[:, None]
        off = np.where(known[:, None] & (weight >= LEAST_WEIGHT) & ~np.isnan(off), off, 0.0)
        return np.clip(off, -FAR, FAR)

    def _show(self, made: Instants, instant: Keys, series: Keys, metric_of: Keys) -> None:
        """Write down what is known of these series for those instants."""
        s, at = self._series, (instant, metric_of[series])
        made.deviation[at] = self._deviation(series)
        made.seen[at] = s["seen"][series]
        made.level[at] = np.nan_to_num(s["level"][series, 1] / s["weight"][series, 1])
        made.mean[at] = s["mean"][series]
        made.spread[at] = np.sqrt(s["var"][series])
        made.since[at] = s["since"][series]

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays; the rows are series and devices."""
        saved = {f"series/{name}": array for name, array in self._series.save().items()}
        saved |= {f"device/{name}": array for name, array in self._device.save().items()}
        saved["due/device"] = np.array([one.device for one in self._due], np.int64)
        saved["due/time"] = np.array([one.time for one in self._due], np.int64)
        saved["slot"] = np.array([self.slot_ns], np.int64)
        return saved

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray, devices: IntArray) -> None:
        """Take back what `save` gave, unless its slots were others; row i is that of `series[i]` and `devices[i]`."""
        if int(saved["slot"][0]) != self.slot_ns:
            return
        for table, numbers, prefix in ((self._series, series, "series/"), (self._device, devices, "device/")):
            part = under(saved, prefix)
            if len(next(iter(part.values()))):
                table.restore(part, numbers)
        pairs = zip(saved["due/device"].tolist(), saved["due/time"].tolist(), strict=True)
        self._due = [Due(int(devices[device]), 0, time) for device, time in pairs]
