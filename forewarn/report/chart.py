"""The chart of one alert: its readings and their band, what was open with each configuration, and what is known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from alerts.alert import Alert
from forewarn.history.pairing import Recorded, Result, over_at
from forewarn.report.plot import HEIGHT, WIDTH, Tick, area, line, scale_for, time_ticks, value_ticks
from forewarn.report.timeline import Bar, bars
from forewarn.report.windows import Rarity, Trace, Window, shown
from ingest.reading import NS_PER_SECOND, FloatArray
from ingest.registry import Registry
from ingest.truth import Label

RAREST = 4.0
"""The strip of rarity is full at one in ten thousand, as p-values are told."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One series: paths in the box of `forewarn.report.plot`, and what the page writes beside them."""

    metric: str
    unit: str | None
    line: str
    spread: str
    """From the least to the most reading of each bucket; empty where every reading is drawn."""
    band: str
    limit: float | None
    """Height of the limit that was broken, as a share from the top."""
    limit_text: str
    ticks: tuple[Tick, ...]
    data: str
    """JSON for the readout: columns x (share of the window), v, a, b (least, most), l, h (band)."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What one configuration had open on the device, or what a truth file or people say."""

    label: str
    """A letter for a configuration, else a word of `words.toml`."""
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of a label or of a recorded alert, in shares of the window."""

    left: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that is drawn of one alert."""

    start_s: float
    end_s: float
    plots: tuple[Plot, ...]
    times: tuple[Tick, ...]
    onset: float
    raised: float
    over: float
    """As shares of the window."""
    rarity: str
    """How unusual the device was, as an area; empty where that is not known."""
    lanes: tuple[Lane, ...]
    labels: tuple[Mark, ...]
    recorded: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What every chart of a report knows."""

    results: Sequence[Result]
    labels: Sequence[Label]
    recorded: Sequence[Recorded]
    run_end: int
    zone: ZoneInfo


def chart_of(alert: Alert, window: Window, registry: Registry, around: Around) -> Chart | None:
    """The chart of an alert; None where there is nothing to draw."""
    traces = shown(window, alert)
    if not traces:
        return None
    start, end = window.start, window.end
    return Chart(
        start / NS_PER_SECOND,
        end / NS_PER_SECOND,
        tuple(_plot(alert, trace, registry) for trace in traces),
        tuple(time_ticks(start, end, around.zone, 8)),
        _share(alert.onset_at, start, end),
        _share(alert.raised_at, start, end),
        _share(over_at(alert, around.run_end), start, end),
        _rarity(window.rarity),
        _lanes(alert, start, end, around),
        tuple(
            _mark(one.start, one.end, one.kind, start, end)
            for one in around.labels
            if _of_label(alert, one, start, end)
        ),
        tuple(_recorded(alert, start, end, around)),
    )


def _share(at: int, start: int, end: int) -> float:
    return min(max((at - start) / (end - start), 0.0), 1.0)


def _plot(alert: Alert, trace: Trace, registry: Registry) -> Plot:
    limit = alert.evidence.get("limit") if alert.metric is not None else None
    also = [float(limit)] if isinstance(limit, int | float) else []
    scale = scale_for(trace.least, trace.most, trace.low, trace.high, also)
    x = WIDTH * trace.time
    single = trace.readings <= int(np.count_nonzero(trace.count))
    metric = registry.metric(trace.key)
    return Plot(
        metric.name,
        metric.unit,
        line(x, scale.y(trace.mean)),
        "" if single else area(x, scale.y(trace.most), scale.y(trace.least)),
        area(x, scale.y(trace.high), scale.y(trace.low)),
        scale.share(also[0]) if also else None,
        f"{also[0]:g}" if also else "",
        tuple(value_ticks(scale.low, scale.high)),
        _data(trace, single),
    )


def _data(trace: Trace, single: bool) -> str:
    known = trace.count > 0
    columns = {"x": trace.time, "v": trace.mean, "l": trace.low, "h": trace.high}
    if not single:
        columns |= {"a": trace.least, "b": trace.most}
    return json.dumps({name: _short(column[known]) for name, column in columns.items()}, separators=(",", ":"))


def _short(column: FloatArray) -> list[float | None]:
    """Numbers with five digits, null where there is none."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in column.tolist()]


def _rarity(rarity: Rarity | None) -> str:
    if rarity is None or not (rarity.p_value < 1.0).any():
        return ""
    height = np.minimum(-np.log10(rarity.p_value), RAREST) / RAREST * HEIGHT
    x = (np.arange(len(height)) + 0.5) * WIDTH / len(height)
    return area(x, HEIGHT - height, np.full(len(height), HEIGHT))


def _lanes(alert: Alert, start: int, end: int, around: Around) -> tuple[Lane, ...]:
    made = []
    for letter, result in zip("ABCDE", around.results, strict=False):
        there = [a for a in result.alerts if (a.site, a.device) == (alert.site, alert.device)]
        made.append(Lane(letter, tuple(bars(there, start, end, around.run_end))))
    return tuple(made)


def _of_label(alert: Alert, label: Label, start: int, end: int) -> bool:
    same = (label.site, label.device) == (alert.site, alert.device)
    return same and label.start <= end and label.end >= start


def _recorded(alert: Alert, start: int, end: int, around: Around) -> list[Mark]:
    there = [one for one in around.recorded if (one.alert.site, one.alert.device) == (alert.site, alert.device)]
    spans = [(one.alert.onset_at, over_at(one.alert, around.run_end), one.verdict) for one in there]
    return [_mark(first, last, verdict, start, end) for first, last, verdict in spans if first <= end and last >= start]


def _mark(first: int, last: int, text: str, start: int, end: int) -> Mark:
    left, right = _share(first, start, end), _share(last, start, end)
    return Mark(left, right - left, text)
