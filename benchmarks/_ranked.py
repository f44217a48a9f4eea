"""How well scores rank what is labelled: average precision, and the volume under the precision-recall surface.

A higher score is more anomalous, labels are 0 or 1, rows are in order of time, equal scores stand for one threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray

THRESHOLDS = 100
"""Thresholds of the surface, at as many places evenly spaced through the ranking."""

Ints = NDArray[np.int64]
Span = tuple[int, int]
"""First and last row, both included."""


def average_precision(label: BoolArray, score: FloatArray) -> float:
    """The sum of precision times gain in recall over all thresholds, without interpolation.

    Ranked 4, 3, 2, 1 with labels 1, 0, 1, 0: half of the recall at precision 1, the other half at 2/3.

    >>> average_precision(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0]))
    0.8333333333333333
    """
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    found = np.cumsum(label[order])[ends]
    gained = np.diff(found, prepend=0) / found[-1]
    return float(gained @ (found / (ends + 1)))


def runs(label: BoolArray) -> list[Span]:
    """Where the label is true, as spans.

    >>> runs(np.array([True, False, True, True]))
    [(0, 0), (2, 3)]
    """
    edges = np.flatnonzero(np.diff(label.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(after) - 1) for first, after in edges.reshape(-1, 2)]


def vus_pr(label: BoolArray, score: FloatArray, window: int) -> float:
    """Volume under the surface of range-based precision and recall over label slopes of 0 to `window` rows.

    With a slope of `width` rows a labelled span also counts for half of it on either side, the less the further away
    (square root of 1 - distance / width). Recall is over the labels plus half of the slopes, and times the share of
    spans in which anything was found. Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin: "Volume Under the
    Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection", PVLDB 15(11), 2022.
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    cuts = ranked[np.linspace(0, len(score) - 1, THRESHOLDS).astype(np.int64)]
    flagged = np.searchsorted(-ranked, -cuts, side="right")
    spans = runs(label)
    areas = [_area(label, score, order, cuts, flagged, spans, width) for width in range(window + 1)]
    return float(np.mean(areas))


def _area(
    label: BoolArray, score: FloatArray, order: Ints, cuts: FloatArray, flagged: Ints, spans: Sequence[Span], width: int
) -> float:
    """The area under precision and recall with slopes of one width."""
    weight = sloped(label, spans, width)
    hits = np.cumsum(weight[order])[flagged - 1]
    on_slopes = np.cumsum(np.where(label, 0.0, weight)[order])[flagged - 1]
    best = [score[first : last + 1].max() for first, last in widened(spans, width // 2, len(label))]
    found = (np.array(best)[:, None] >= cuts).mean(axis=0)
    recall = np.minimum(hits / (label.sum() + on_slopes / 2.0), 1.0) * found
    return float(np.diff(recall, prepend=0.0) @ (hits / flagged))


def sloped(label: BoolArray, spans: Sequence[Span], width: int) -> FloatArray:
    """The label with slopes: 1 inside, and less and less on `width // 2` rows on either side.

    >>> sloped(np.array([False, False, True, False, False]), [(2, 2)], 2).round(3).tolist()
    [0.0, 0.707, 1.0, 0.707, 0.0]
    """
    weight = label.astype(np.float64)
    away = np.arange(1, width // 2 + 1)
    for first, last in spans:
        height = np.sqrt(1.0 - away / width) if width else away.astype(np.float64)
        before, after = first - away, last + away
        np.add.at(weight, before[before >= 0], height[before >= 0])
        np.add.at(weight, after[after < len(label)], height[after < len(label)])
    return np.minimum(weight, 1.0)


def widened(spans: Sequence[Span], by: int, rows: int) -> Iterator[Span]:
    """The spans with `by` rows more on either side; those that then overlap are one.

    >>> list(widened([(3, 4), (7, 7), (20, 20)], 2, 22))
    [(1, 9), (18, 21)]
    """
    cuts = [0, *(k for k, (one, other) in enumerate(pairwise(spans), 1) if one[1] + by < other[0] - by), len(spans)]
    for start, stop in pairwise(cuts):
        yield max(spans[start][0] - by, 0), min(spans[stop - 1][1] + by, rows - 1)
