"""Readings and scores for tests of what keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.columns import SeriesName
from ingest.keyed import NO_SEQ, KeyedBatch
from ingest.keyedscores import KeyedScores

START = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z in ns."""

S = 10**9

Row = tuple[SeriesName, int, float]
"""(series, ns after START, value)."""


def readings_of(rows: Sequence[Row]) -> KeyedBatch:
    """A batch with those rows."""
    names = tuple(dict.fromkeys(name for name, _, _ in rows))
    return KeyedBatch(
        names,
        ((None, "missing", None),) * len(names),
        np.array([names.index(name) for name, _, _ in rows], np.int32),
        np.array([START + after for _, after, _ in rows], np.int64),
        np.array([value for _, _, value in rows], np.float64),
        np.zeros(len(rows), np.uint8),
        np.full(len(rows), START, np.int64),
        np.full(len(rows), NO_SEQ, np.int64),
    )


def scores_of(rows: Sequence[Row], band: float = 1.0) -> KeyedScores:
    """Scores with those values; expected is the value and the band lies `band` around it."""
    batch = readings_of(rows)
    p_value = np.full(len(batch), 0.25)
    value = batch.value
    return KeyedScores(batch.names, batch.key, batch.time, value, p_value, value, value - band, value + band)
