"""What comes every week at its hour is told three times; what is different about it is told as ever."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from alerts.alert import Opened
from forewarn.engine import Engine
from ingest.reading import NS_PER_SECOND, Quality, ReadingBatch
from ingest.registry import Registry

STEP_NS = 300 * NS_PER_SECOND
WEEK_ROWS = 7 * 288
WEEKS = 7
WASHED = 2 * 288 + 120  # Wednesday, ten o'clock, for an hour and a half
ROWS = 18


def washed(extra: Mapping[int, float]) -> ReadingBatch:
    """Humidity of seven weeks, washed down every Wednesday; `extra` is added for so long from those rows on."""
    rng = np.random.default_rng(3)
    value = 50.0 + rng.normal(0.0, 1.0, WEEKS * WEEK_ROWS)
    for week in range(WEEKS):
        start = week * WEEK_ROWS + WASHED + int(rng.integers(-3, 4))
        value[start : start + ROWS] += rng.normal(30.0, 2.0)
    for start, rise in extra.items():
        value[start : start + ROWS] += rise
    n = len(value)
    time = 1_767_571_200 * NS_PER_SECOND + np.arange(n) * STEP_NS  # Monday, 2026-01-05
    return ReadingBatch(np.zeros(n, np.int32), time, value, np.full(n, Quality.RECORDED, np.uint8))


def told(batch: ReadingBatch, stopped_at: int | None = None) -> list[int]:
    """The rows in which alerts opened, by an engine that is saved and restored in between."""
    registry = Registry()
    registry.series("plant", "hall", "humidity")
    engine = Engine(registry)
    parts = [batch] if stopped_at is None else [batch[:stopped_at], batch[stopped_at:]]
    events = list(engine.process(parts[0]).events)
    for part in parts[1:]:
        saved, engine = engine.save(), Engine(registry)
        engine.restore(saved)
        events += engine.process(part).events
    return [int((one.alert.raised_at - batch.time[0]) // STEP_NS) for one in events if isinstance(one, Opened)]


def test_three_weeks_are_told_and_no_more() -> None:
    batch = washed({})
    weeks = [row // WEEK_ROWS for row in told(batch)]
    assert weeks == [0, 1, 2]
    assert told(batch, stopped_at=4 * WEEK_ROWS) == told(batch)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(5 * WEEK_ROWS + WASHED + 288, id="a day later"),
        pytest.param(5 * WEEK_ROWS + WASHED + 144, id="half a day later"),
    ],
)
def test_the_same_at_another_time_is_told(start: int) -> None:
    more = set(told(washed({start: 30.0}))) - set(told(washed({})))
    assert len(more) == 1
    assert start <= more.pop() < start + ROWS


def test_much_more_at_the_same_hour_is_told() -> None:
    start = 5 * WEEK_ROWS + WASHED
    assert any(start <= row < start + ROWS for row in told(washed({start: 200.0})))
