"""Geometry of the charts: ticks, and lines and areas as SVG paths in a box of 1000 x 100.

The box is stretched to its place on the page, lines keep their width (`vector-effect`), and labels are text of the
page beside it: so a chart is as readable on a phone as on a desk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from alerts.wording import number
from ingest.reading import NS_PER_SECOND, FloatArray

WIDTH, HEIGHT = 1000.0, 100.0
GAP = 4.0
"""A line is broken where nothing was read for so many times the usual distance of its points."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
TICK_STEPS_S = (
    *(1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY, 1_820 * DAY),
)
MARGIN = 0.06
"""Room above and below the line, as a share of its range."""
BAND_REACH = 1.5
"""A band is drawn no further beyond the readings than so many times their range."""


LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e7
"""Numbers between are written without an exponent."""
SMALLEST = 1e-280
"""A smaller range is none: its ticks could not be told apart."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, as a share of it, and what stands there."""

    at: float
    label: str
    day: str = ""
    """The date, where a day begins or at the first mark."""
    minor: bool = False
    """Left out where there is little room."""


def value_ticks(low: float, high: float, most: int = 4) -> list[Tick]:
    """Round values between two, as shares from the top.

    >>> [(tick.at, tick.label) for tick in value_ticks(0.0, 40.0)]
    [(1.0, '0'), (0.75, '10'), (0.5, '20'), (0.25, '30'), (0.0, '40')]
    """
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [Tick(1.0 - (k * step - low) / (high - low), short(k * step)) for k in range(first, last + 1)]


def short(value: float) -> str:
    """A number as it fits beside an axis.

    >>> short(0.25), short(1.2e9), short(-3e-7)
    ('0.25', '1.2e+09', '-3e-07')
    """
    return number(value) if value == 0 or LEAST_PLAIN <= abs(value) < MOST_PLAIN else f"{value:.4g}"


def time_ticks(start: int, end: int, zone: ZoneInfo, most: int = 6) -> list[Tick]:
    """Round local times between two in ns UTC."""
    length = (end - start) / NS_PER_SECOND
    step = next((step for step in TICK_STEPS_S if length / step <= most), TICK_STEPS_S[-1])
    midnight = local(start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first = math.ceil((local(start, zone) - midnight).total_seconds() / step)
    ticks, day = list[Tick](), ""
    for k in range(first, first + most + 2):
        moment = midnight + timedelta(seconds=k * step)
        at = (moment.timestamp() * NS_PER_SECOND - start) / (end - start)
        if at > 1.0:
            break
        ticks.append(_time_tick(moment, at, step, day, minor=len(ticks) % 2 == 1))
        day = moment.strftime("%m-%d")
    return ticks


def _time_tick(moment: datetime, at: float, step: float, day: str, minor: bool) -> Tick:
    if step >= DAY:
        return Tick(at, moment.strftime("%m-%d" if step < 91 * DAY else "%Y-%m"), minor=minor)
    label = moment.strftime("%H:%M:%S" if step < MINUTE else "%H:%M")
    today = moment.strftime("%m-%d")
    return Tick(at, label, today if today != day else "", minor)


def local(ns: int, zone: ZoneInfo) -> datetime:
    """That time in the zone, to the second."""
    return datetime.fromtimestamp(ns // NS_PER_SECOND, zone)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` (bottom) to `high` (top)."""

    low: float
    high: float

    def y(self, values: FloatArray) -> FloatArray:
        """Heights in the box, from the top; what lies outside is drawn at its edge."""
        return np.clip(HEIGHT * (1.0 - (values - self.low) / (self.high - self.low)), 0.0, HEIGHT)

    def share(self, value: float) -> float | None:
        """Height of one value as a share from the top; None outside."""
        at = 1.0 - (value - self.low) / (self.high - self.low)
        return at if 0.0 <= at <= 1.0 else None


def scale_for(least: FloatArray, most: FloatArray, low: FloatArray, high: FloatArray, also: Iterable[float]) -> Scale:
    """A scale that shows all readings, the band as far as it is near them, and the values `also` given."""
    with np.errstate(invalid="ignore"):
        bottom, top = float(np.nanmin([*least, *also])), float(np.nanmax([*most, *also]))
    reach = BAND_REACH * (top - bottom)
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        bottom = min(bottom, max(float(low[known].min()), bottom - reach))
        top = max(top, min(float(high[known].max()), top + reach))
    room = MARGIN * (top - bottom)
    if room < SMALLEST:
        room = max(abs(top) * MARGIN, 1e-9)
    return Scale(bottom - room, top + room)


def _runs(x: FloatArray) -> list[slice]:
    """Runs of neighbouring points that a line may connect."""
    steps = np.diff(x)
    cuts = [0, *(np.flatnonzero(steps > GAP * np.median(steps)) + 1).tolist()] if len(steps) else [0]
    return [slice(a, b) for a, b in pairwise([*cuts, len(x)])]


def line(x: FloatArray, y: FloatArray) -> str:
    """A path through points of the box, broken at gaps; a lone point is a short dash."""
    known = np.isfinite(x) & np.isfinite(y)
    px, py = x[known], y[known]
    parts = []
    for run in _runs(px):
        points = _points(px[run], py[run])
        parts.append("M" + "L".join(points) + ("h0.1" if len(points) == 1 else ""))
    return "".join(parts) if len(px) else ""


def area(x: FloatArray, top: FloatArray, bottom: FloatArray) -> str:
    """A closed path between two lines, broken at gaps."""
    known = np.isfinite(x) & np.isfinite(top) & np.isfinite(bottom)
    px, high, low = x[known], top[known], bottom[known]
    parts = ["M" + "L".join(_points(px[r], high[r]) + _points(px[r], low[r])[::-1]) + "Z" for r in _runs(px)]
    return "".join(parts) if len(px) else ""


def _points(x: FloatArray, y: FloatArray) -> list[str]:
    return [f"{a:.1f} {b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
