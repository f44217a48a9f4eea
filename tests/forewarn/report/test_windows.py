"""What the charts hold of a run: the readings around an alert in buckets, by numbers that can be counted."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.alert import Kind
from forewarn.engine import Counts
from forewarn.history.scorelog import BAND_ROW, Rows
from forewarn.history.tally import Tally
from forewarn.report import windows as module
from forewarn.report.chart import Around, chart_of
from forewarn.report.windows import BUCKETS, fill, shown, windows_of
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from models.score import Scores
from tests.forewarn.history.test_pairing import alert

ZERO = np.zeros(0)


def rows_of(key: list[int], time: list[int], value: list[float], p_value: float = 0.5) -> Rows:
    rows = np.zeros(len(key), BAND_ROW)
    rows["key"], rows["time"], rows["value"], rows["p_value"] = key, time, value, p_value
    rows["low"], rows["high"] = 0.0, 10.0
    return rows


def heard(registry: Registry, times: list[int]) -> Tally:
    """A tally of a run in which every series had readings at `times`."""
    tally = Tally()
    series = np.tile(np.arange(registry.n_series, dtype=np.int32), len(times))
    at = np.repeat(np.array(times), registry.n_series)
    nothing = np.zeros(len(at))
    scores = Scores(series, series, at, *([nothing] * 6))
    tally.add(ReadingBatch.of(series, at, nothing), scores, Counts(judged=len(at)))
    return tally


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    for metric in ("level", "flow", "idle"):
        made.series("plant", "pump", metric)
    return made


def test_a_window_holds_the_alert_with_readings_before_and_after(registry: Registry) -> None:
    tally = heard(registry, list(range(0, 100_001, 10)))
    (window,) = windows_of([alert("a", 50_000, 50_010, 50_100)], tally, registry)
    assert (window.start, window.end) == (50_000 - 1_200, 50_100 + 400 + 1)
    (long,) = windows_of([alert("a", 40_000, 50_010, 50_000)], tally, registry)
    assert (long.start, long.end) == (30_000, 54_001)
    (early,) = windows_of([alert("a", 5, 20, None)], tally, registry)
    assert (early.start, early.end) == (0, 100_001), "no further than the history goes"


def test_readings_fall_into_buckets_whatever_the_blocks(registry: Registry) -> None:
    tally = heard(registry, [0, 3_200 - 1])
    blocks = [
        rows_of([0, 1, 0, 0], [0, 0, 5, 10], [1.0, 99.0, 3.0, 5.0]),
        rows_of([0, -1, 0], [11, 12, 3_199], [7.0, 0.0, 9.0], 0.01),
    ]
    (window,) = windows_of([alert("a", 0, 0, None)], tally, registry)
    handed_on = list(fill([window], iter(blocks)))
    assert [len(block) for block in handed_on] == [4, 3]
    (trace,) = window.traces
    assert trace.count[[0, 1, 2, BUCKETS - 1]].tolist() == [2, 2, 0, 1]
    assert trace.mean[[0, 1, BUCKETS - 1]].tolist() == [2.0, 6.0, 9.0]
    assert (trace.least[0], trace.most[0]) == (1.0, 3.0)
    assert np.isnan(trace.mean[2])
    assert trace.time[0] == pytest.approx(2.5 / 3_200)
    assert window.rarity is not None
    assert window.rarity.key == -1, "a device with several series is judged as a whole"
    assert np.flatnonzero(window.rarity.p_value < 1).tolist() == [1]


def test_of_a_whole_device_the_series_that_left_their_bands_are_shown(registry: Registry) -> None:
    tally = heard(registry, [0, 3_199])
    blocks = [rows_of([0, 1, 2], [0] * 3, [5.0] * 3), rows_of([0, 1, 2], [1_000] * 3, [11.0, 30.0, 5.0])]
    raised = replace(alert("a", 900, 1_000, 1_100, metric=None), last_at=1_050)
    (window,) = windows_of([raised], tally, registry)
    list(fill([window], iter(blocks)))
    assert [trace.key for trace in shown(window, raised)] == [1, 0, 2]
    assert shown(window, raised)[0].departure(0, 3_000) == pytest.approx(2.0), "20 beyond a band of 10"
    assert shown(window, raised)[0].departure(2_000, 3_000) == -1.0


def test_a_device_with_many_series_costs_no_more_than_some(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 2)
    (window,) = windows_of([alert("a", metric=None)], heard(registry, [0, 99]), registry)
    assert len(window.traces) == 2


def test_an_alert_without_readings_has_no_chart(registry: Registry) -> None:
    tally, around = heard(registry, [0, 99]), Around([], [], [], 99, ZoneInfo("UTC"))
    for silent in (alert("a", metric="never"), alert("b", device="unknown", metric=None, kind=Kind.SILENCE)):
        (window,) = windows_of([silent], tally, registry)
        assert chart_of(silent, window, registry, around) is None
