"""Prototype: the course of the day of every series."""
from __future__ import annotations
import numpy as np
from ingest.compiled import compiled
from ingest.rows import StateTable

BINS = 24
BETWEEN = 1.0
HOUR_NS = 3600 * 10**9
LEAST = 2      # visits of a bin before it counts
MEMORY = 7.0   # visits
FULL, NONE = 0.6, 0.9
ERRORS = 72.0  # visits over which errors are averaged
CLIP = 3.0


class Season:
    def __init__(self) -> None:
        self._state = StateTable({
            "bin": (np.int64, (), -1), "sum": (np.float64, (), 0.0), "count": (np.int64, (), 0),
            "mean": (np.float64, (), np.nan), "n": (np.int64, (), 0),
            "raw": (np.float64, (), 0.0), "left": (np.float64, (), 0.0), "share": (np.float64, (), 0.0),
            "profile": (np.float64, (BINS,), 0.0), "visits": (np.int64, (BINS,), 0)})

    def resize(self, n):
        self._state.resize(n)

    def take(self, series, value, time):
        out = np.empty(len(value))
        _take(self._state.records, series, value, time, out)
        return out

    def save(self):
        return self._state.save()

    def restore(self, saved, series):
        self._state.restore(saved, series)


@compiled
def _take(records, series, value, time, out):
    for row in range(len(series)):
        s = records[series[row]]
        hour = time[row] // HOUR_NS
        if hour != s.bin:
            if s.bin >= 0 and s.count > 0:
                _visit(s)
            s.bin, s.sum, s.count = hour, 0.0, 0
        s.sum += value[row]
        s.count += 1
        if s.share > 0.0:
            k = hour % BINS
            part = (time[row] - hour * HOUR_NS) / HOUR_NS - 0.5
            other = (k + 1) % BINS if part > 0 else (k - 1) % BINS
            w = abs(part)
            part = s.share * ((1 - w) * s.profile[k] + w * s.profile[other])
            d = value[row] - s.mean
            if BETWEEN > 0:
                d0 = d * BETWEEN
                take = min(max(d0, min(part, 0.0)), max(part, 0.0))
                part = take
            out[row] = value[row] - part
        else:
            out[row] = value[row]


@compiled
def _visit(s):
    mean = s.sum / s.count
    k = s.bin % BINS
    if not np.isfinite(mean):
        return
    if s.n == 0:
        s.mean = mean
    d = mean - s.mean
    if s.visits[k] >= LEAST:
        e0, e1 = abs(d), abs(d - s.profile[k])
        cap = CLIP * s.raw if s.raw > 0 else np.inf
        g = max(1.0 / ERRORS, 1.0 / max(s.n - LEAST * BINS + 1, 1))
        s.raw += g * (min(e0, max(cap, 1e-12)) - s.raw)
        s.left += g * (min(e1, max(cap, 1e-12)) - s.left)
        if s.n >= (LEAST + 1) * BINS:
            s.share = min(max((NONE - s.left / max(s.raw, 1e-12)) / (NONE - FULL), 0.0), 1.0)
        if s.raw > 0:
            d = min(max(d, -CLIP * 1.5 * s.raw - abs(s.profile[k])), CLIP * 1.5 * s.raw + abs(s.profile[k]))
    s.visits[k] += 1
    s.profile[k] += max(1.0 / s.visits[k], 1.0 / MEMORY) * (d - s.profile[k])
    s.n += 1
    s.mean += max(1.0 / s.n, 1.0 / (MEMORY * BINS)) * d
