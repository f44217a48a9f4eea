"""Scores come back in event order, whether they fit in memory or not, and the memory they take is bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.history import scorelog
from forewarn.history.scorelog import ScoreLog
from ingest.reading import IntArray
from models.score import DeviceScores, Scores

Batch = tuple[list[tuple[int, int]], list[tuple[int, int]]]
"""(series, time) of rows of series and (device, time) of rows of devices."""


def scores_of(rows: list[tuple[int, int]], first: int) -> Scores:
    series, time = (np.array([row[k] for row in rows]) for k in (0, 1))
    number = np.arange(first, first + len(rows), dtype=np.float64)
    return Scores(series.astype(np.int32), series.astype(np.int32), time.astype(np.int64), *([number] * 6))


def devices_of(rows: list[tuple[int, int]], first: int) -> DeviceScores:
    device, time = (np.array([row[k] for row in rows], np.int64) for k in (0, 1))
    number = np.arange(first, first + len(rows), dtype=np.float64)
    return DeviceScores(device, time, number, number)


def fill(log: ScoreLog, batches: list[Batch]) -> list[tuple[int, int, float]]:
    """Put batches in; (time, key, number) of what should come out."""
    wanted, number = [], 0
    for of_series, of_devices in batches:
        log.add(scores_of(of_series, number), devices_of(of_devices, number + len(of_series)))
        for place, (key, time) in enumerate([*of_series, *((-1 - d, t) for d, t in of_devices)]):
            wanted.append((time, key, float(number + place)))
        number += len(of_series) + len(of_devices)
    return sorted(wanted, key=lambda row: (row[0], row[1] < 0))  # stable: by arrival within


def out_of(log: ScoreLog) -> list[tuple[int, int, float]]:
    return [(int(r["time"]), int(r["key"]), float(r["score"])) for block in log.blocks() for r in block]


Pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=9)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.tuples(Pairs, Pairs), max_size=8), most=st.integers(0, 30), at_once=st.integers(1, 7))
def test_what_waits_on_disk_comes_back_as_from_memory(
    batches: list[Batch], most: int, at_once: int, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patched, ScoreLog(tmp_path, bands=True, rows_in_memory=most) as log:
        patched.setattr(scorelog, "ROWS_AT_ONCE", at_once)
        wanted = fill(log, batches)
        assert out_of(log) == wanted
        assert out_of(log) == wanted, "and once more"
    assert list(tmp_path.iterdir()) == []


def test_the_bands_of_series_are_kept_where_they_are_wanted(tmp_path: Path) -> None:
    with ScoreLog(tmp_path, bands=True) as log:
        fill(log, [([(0, 5)], [(0, 5)])])
        (of_series, of_device) = next(log.blocks())
    assert [float(of_series[name]) for name in ("value", "expected", "low", "high")] == [0.0] * 4
    assert np.isnan(float(of_device["value"]))


def test_a_long_run_holds_a_bounded_number_of_rows(tmp_path: Path) -> None:
    """A hundred batches in order of time: only neighbouring runs are in memory together."""
    series: IntArray = np.arange(100, dtype=np.int32)
    with pytest.MonkeyPatch.context() as patched, ScoreLog(tmp_path, rows_in_memory=999) as log:
        patched.setattr(scorelog, "ROWS_AT_ONCE", 200)
        for k in range(100):
            log.add(Scores(series, series, np.full(100, k), *([np.zeros(100)] * 6)), DeviceScores.empty())
        sizes = [len(block) for block in log.blocks()]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 1_400
