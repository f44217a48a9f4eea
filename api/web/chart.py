"""What a live chart draws: readings, the band in which they were expected, and those that stood out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ingest.reading import NS_PER_SECOND, FloatArray, TimeArray
from ingest.stores.store import ScorePoints, TelemetryStore

MOST_POINTS = 1_500
"""Points of one line: more than a screen has pixels; longer ranges are drawn as buckets."""
MOST_SCORES = 50_000
"""Scores that are read for a band; on a longer range of a faster series the band is left out."""
STANDS_OUT = 8e-3
"""p-value from which a reading is marked, as it is told (see `models.telling`): on a stationary series that is one of
some thousands."""
_BUCKETS_S = (10, 30, 60, 300, 600, 1_800, 3_600, 3 * 3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600)


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns of one length by `time` in ns UTC, NaN where nothing is known; `marks` are the rows that stand out."""

    time: TimeArray
    value: FloatArray
    least: FloatArray
    most: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    marks: tuple[tuple[int, float], ...]
    """(time in ns, value)."""
    bucket_s: int | None
    """Length of the buckets; None where every reading is drawn."""

    def plain(self) -> dict[str, Any]:
        """For the wire: times in seconds, null where nothing is known."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)[1:7]}
        at = _seconds([time for time, _ in self.marks])
        return {
            "time": _seconds(self.time),
            **{name: _plain(column) for name, column in columns.items()},
            "marks": [[time, value] for time, (_, value) in zip(at, self.marks, strict=True)],
            "stands_out": STANDS_OUT,
            "bucket_s": self.bucket_s,
        }


def read_chart(store: TelemetryStore, series: tuple[str, str, str], start: int, end: int) -> Chart:
    """The chart of one series from `start` to `end`, ns UTC."""
    scores = store.scores(*series, start, end, MOST_SCORES + 1)
    if len(scores) > MOST_SCORES:
        scores = store.scores(*series, start, start, 1)
    points = store.readings(*series, start, end, MOST_POINTS + 1)
    if len(points) <= MOST_POINTS:
        nothing = np.full(len(points), np.nan)
        return _with_scores(points.time, points.value, nothing, nothing, scores, None)
    bucket_s = bucket_length(end - start)
    buckets = store.aggregate(*series, start, end, bucket_s * NS_PER_SECOND, 2 * MOST_POINTS)
    return _with_scores(buckets.time, buckets.mean, buckets.low, buckets.high, scores, bucket_s)


def bucket_length(span_ns: int) -> int:
    """Seconds in a bucket so that a span has at most `MOST_POINTS` of them.

    >>> bucket_length(7 * 86_400 * NS_PER_SECOND)
    600
    """
    wanted = span_ns / NS_PER_SECOND / MOST_POINTS
    return next((length for length in _BUCKETS_S if length >= wanted), _BUCKETS_S[-1])


def _with_scores(
    time: TimeArray, value: FloatArray, least: FloatArray, most: FloatArray, scores: ScorePoints, bucket_s: int | None
) -> Chart:
    at = np.searchsorted(time, scores.time, side="right") - 1  # the point or bucket in which a score lies
    inside = at >= 0
    if bucket_s is None:
        inside[inside] &= time[at[inside]] == scores.time[inside]
    at = at[inside]
    columns = (scores.expected, scores.low, scores.high)
    expected, low, high = (_mean_by(at, column[inside], len(time)) for column in columns)
    out = inside.copy()
    out[inside] = scores.p_value[inside] <= STANDS_OUT
    where = np.searchsorted(time, scores.time[out], side="right") - 1
    above = ~(scores.expected[out] > value[where])
    shown = value[where] if bucket_s is None else np.where(above, most[where], least[where])
    marks = tuple(zip(scores.time[out].tolist(), shown.tolist(), strict=True))
    return Chart(time, value, least, most, expected, low, high, marks, bucket_s)


def _mean_by(place: TimeArray, column: FloatArray, length: int) -> FloatArray:
    known = np.isfinite(column)
    count = np.bincount(place[known], minlength=length)
    total = np.bincount(place[known], column[known], minlength=length)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.where(count, count, np.nan))


def _seconds(times: TimeArray | list[int]) -> list[float]:
    """Times in ns as seconds; always by the same way of rounding, for marks find their rows by them."""
    seconds: list[float] = (np.asarray(times, np.int64) / NS_PER_SECOND).tolist()
    return seconds


def _plain(column: FloatArray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in column.tolist()]


def spark_paths(time: TimeArray, value: FloatArray, start: int, end: int) -> tuple[str, str]:
    """SVG paths of a small line and the area below it, in a box of 100 × 30 from `start` to `end`.

    >>> spark_paths(np.array([0, 10]), np.array([1.0, 2.0]), 0, 10)
    ('M0 29L100 1', 'M0 29L100 1L100 30L0 30Z')
    """
    if len(time) < 2:
        return "", ""
    x = 100 * (time - start) / max(end - start, 1)
    low, high = float(value.min()), float(value.max())
    y = 29 - 28 * (value - low) / (high - low) if high > low else np.full(len(value), 15.0)
    points = [f"{a:.4g} {b:.4g}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    line = "M" + "L".join(points)
    return line, f"{line}L{x[-1]:.4g} 30L{x[0]:.4g} 30Z"
