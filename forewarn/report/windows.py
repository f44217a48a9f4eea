"""What the charts of a report need of a run: the readings and bands around each alert, in a fixed number of buckets.

One pass over the scores in event order, bounded memory: a chart takes some kilobytes, however long its window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.alert import Alert
from forewarn.history.pairing import over_at
from forewarn.history.scorelog import Rows
from forewarn.history.tally import Tally
from ingest.reading import FloatArray
from ingest.registry import Registry

BUCKETS = 320
"""Points of one line: as many as a phone has pixels."""
READINGS_BEFORE, READINGS_AFTER = 120, 40
"""Readings shown around an alert at least, at the series' mean interval."""
SHARE_BEFORE, SHARE_AFTER = 1.0, 0.4
"""Of its length shown around a long alert at least."""
MOST_SERIES = 12
"""Series of a device looked at for the chart of an alert on the whole device."""
SHOWN_SERIES = 3
EXTREME = 1e200
"""What is further from nought is drawn here: sums of it are still numbers."""


@dataclass(slots=True)
class Trace:
    """One series in a window, in buckets of equal length; NaN where nothing was read or no band is known."""

    key: int
    """Number of the series."""
    start: int
    """Window in ns UTC, start inclusive, end exclusive."""
    end: int
    count: FloatArray
    time: FloatArray
    """Mean time of the bucket's readings, as a share of the window."""
    mean: FloatArray
    least: FloatArray
    most: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def empty(cls, key: int, start: int, end: int) -> Trace:
        """Nothing read yet."""
        nothing, zero = np.full(BUCKETS, np.nan), np.zeros(BUCKETS)
        columns = [
            zero.copy(),
            zero.copy(),
            zero.copy(),
            nothing.copy(),
            nothing.copy(),
            nothing.copy(),
            nothing.copy(),
        ]
        return cls(key, start, end, *columns)

    def take(self, rows: Rows) -> None:
        """Take in rows of the series inside the window; sums until `finish`."""
        share, bucket = _places(rows, self.start, self.end)
        value = np.clip(rows["value"], -EXTREME, EXTREME)
        self.count += np.bincount(bucket, minlength=BUCKETS)
        self.time += np.bincount(bucket, share, BUCKETS)
        self.mean += np.bincount(bucket, value, BUCKETS)
        np.fmin.at(self.least, bucket, value)
        np.fmax.at(self.most, bucket, value)
        np.fmin.at(self.low, bucket, np.clip(rows["low"], -EXTREME, EXTREME))
        np.fmax.at(self.high, bucket, np.clip(rows["high"], -EXTREME, EXTREME))

    def finish(self) -> None:
        """Turn sums into means."""
        with np.errstate(invalid="ignore", divide="ignore"):
            self.time, self.mean = self.time / self.count, self.mean / self.count

    @property
    def readings(self) -> int:
        """Readings in the window."""
        return int(self.count.sum())

    def departure(self, since: int, until: int) -> float:
        """How far the series went out of its band between two times, in widths of the band."""
        moment = self.start + self.time * (self.end - self.start)
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = np.fmax(self.most - self.high, self.low - self.least) / (self.high - self.low)
            inside = (moment >= since) & (moment <= until) & np.isfinite(beyond)
        return float(beyond[inside].max(initial=-1.0))


@dataclass(slots=True)
class Rarity:
    """How unusual a device was: the least p-value of each bucket, 1 where nothing was judged."""

    key: int
    """As in `forewarn.history.scorelog.ROW`: the device as a whole, or its only series."""
    start: int
    end: int
    p_value: FloatArray

    @classmethod
    def empty(cls, key: int, start: int, end: int) -> Rarity:
        """Nothing read yet."""
        return cls(key, start, end, np.ones(BUCKETS))

    def take(self, rows: Rows) -> None:
        """Take in rows with that key inside the window."""
        np.minimum.at(self.p_value, _places(rows, self.start, self.end)[1], rows["p_value"])


def _places(rows: Rows, start: int, end: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """Where rows lie in a window, as a share of it and as a bucket."""
    share = (rows["time"] - start) / (end - start)
    return share, np.minimum((share * BUCKETS).astype(np.int64), BUCKETS - 1)


@dataclass(frozen=True, slots=True)
class Window:
    """What is shown of an alert: its series' traces, and how unusual its device was."""

    start: int
    end: int
    traces: tuple[Trace, ...]
    rarity: Rarity | None


def windows_of(alerts: Sequence[Alert], tally: Tally, registry: Registry) -> list[Window]:
    """An empty window for each alert; see `fill`."""
    return [_window(alert, tally, registry) for alert in alerts]


def _window(alert: Alert, tally: Tally, registry: Registry) -> Window:
    assert tally.first is not None
    assert tally.last is not None
    series = _series_of(alert, tally, registry)
    interval = max((tally.interval_ns(number) for number in series), default=0.0)
    ends = over_at(alert, tally.last)
    length = ends - alert.onset_at
    start = alert.onset_at - max(SHARE_BEFORE * length, READINGS_BEFORE * interval)
    end = ends + max(SHARE_AFTER * length, READINGS_AFTER * interval)
    start, end = max(int(start), tally.first), min(int(end), tally.last) + 1
    end = max(end, start + 1)
    traces = tuple(Trace.empty(number, start, end) for number in series)
    key = _judged_by(alert, tally, registry)
    return Window(start, end, traces, None if key is None else Rarity.empty(key, start, end))


def _judged_by(alert: Alert, tally: Tally, registry: Registry) -> int | None:
    """The key of the rows that a device is judged by: those of the whole, or of its only series."""
    device = registry.find_device(alert.site, alert.device)
    if device is None:
        return None
    heard = [number for number in registry.series_of(device) if tally.heard(number)]
    return heard[0] if len(heard) == 1 else -1 - device


def _series_of(alert: Alert, tally: Tally, registry: Registry) -> list[int]:
    """The series of an alert, or those of its device that have the most readings."""
    if alert.metric is not None:
        number = registry.find(alert.site, alert.device, alert.metric)
        return [] if number is None else [number]
    device = registry.find_device(alert.site, alert.device)
    heard = [n for n in registry.series_of(device) if tally.heard(n)] if device is not None else []
    return sorted(heard, key=lambda n: (-tally.heard(n), n))[:MOST_SERIES]


def fill(windows: Sequence[Window], blocks: Iterable[Rows]) -> Iterator[Rows]:
    """Fill windows from blocks of rows in event order, and hand the blocks on."""
    waiting = sorted(_takers(windows), key=lambda taker: taker.start)
    active: list[Trace | Rarity] = []
    for rows in blocks:
        first, last = int(rows["time"][0]), int(rows["time"][-1])
        while waiting and waiting[0].start <= last:
            active.append(waiting.pop(0))
        active = [taker for taker in active if taker.end > first]
        for taker in active:
            inside = slice(*np.searchsorted(rows["time"], (taker.start, taker.end)).tolist())
            found = rows[inside][rows["key"][inside] == taker.key]
            if len(found):
                taker.take(found)
        yield rows
    for window in windows:
        for trace in window.traces:
            trace.finish()


def _takers(windows: Sequence[Window]) -> Iterator[Trace | Rarity]:
    for window in windows:
        yield from window.traces
        if window.rarity is not None:
            yield window.rarity


def shown(window: Window, alert: Alert) -> list[Trace]:
    """The traces to draw: those that went furthest out of their bands while the alert came up."""
    until = max(alert.raised_at, alert.last_at)
    ranked = sorted(window.traces, key=lambda trace: -trace.departure(alert.onset_at, until))
    return [trace for trace in ranked if trace.readings][:SHOWN_SERIES]
