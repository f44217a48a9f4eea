"""Levels and baselines in slots: the same however readings are cut, restored under other numbers, for any values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import ReadingBatch
from models.supervised.slots import NEVER, Due
from models.supervised.telemetry import BASELINE, FAR, KNOWN_AFTER, SPANS, Instants, Telemetry
from tests.failing_fleet import HOUR, START, cut

DEVICE_OF = np.array([0, 0, 1, 2], np.int32)
METRIC_OF = np.array([0, 1, 0, -1], np.intp)
"""Device 0 has both metrics, device 1 one, device 2 none that is followed."""


def readings(hours: int = 200, seed: int = 0, per_hour: int = 3) -> ReadingBatch:
    """Three readings an hour of each series, late starters and gaps included, in an order of arrival of its own."""
    rng = np.random.default_rng(seed)
    rows = []
    for series in range(len(DEVICE_OF)):
        for step in range(hours * per_hour):
            if not (series == 1 and 200 < step < 260) and not (series == 2 and step < 60):
                at = START + step * HOUR // per_hour
                rows.append((step + rng.integers(0, 2), series, at, 50.0 + 3 * rng.normal() + 9 * (step > 400)))
    rows.sort(key=lambda row: (row[0], row[1]))
    kept = []
    newest: dict[int, int] = {}
    for row in rows:  # as the engine hands them on: each newer than those of its series before
        if row[2] > newest.get(row[1], NEVER):
            newest[row[1]] = row[2]
            kept.append(row)
    columns = list(zip(*kept, strict=True))
    return ReadingBatch.of(columns[1], columns[2], columns[3])


def advance(batches: list[ReadingBatch], telemetry: Telemetry | None = None, due: tuple[Due, ...] = ()) -> Instants:
    """All instants; rows are counted from the first batch on, and `due` belongs to rows of the whole."""
    telemetry, done, parts = telemetry or Telemetry(HOUR, 2), 0, [Instants.empty(2)]
    for batch in batches:
        here = [Due(d.device, d.row - done, d.time) for d in due if done <= d.row < done + len(batch)]
        made = telemetry.advance(batch, METRIC_OF, DEVICE_OF, here)
        parts.append(Instants(made.row + done, *(getattr(made, name) for name in Instants.__slots__[1:])))
        done += len(batch)
    return Instants.concat(parts, np.arange(sum(map(len, parts))))


def same(one: Instants, other: Instants) -> None:
    for name in Instants.__slots__:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


DUE = (
    Due(0, 100, START + 20 * HOUR),
    Due(1, 701, START),
    Due(0, 907, START),
    Due(2, 50, START),
    Due(0, 1200, START + 190 * HOUR + 1),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2200), max_size=6))
def test_cutting_changes_nothing(places: list[int]) -> None:
    batch = readings()
    same(advance(cut(batch, places), due=DUE), advance([batch], due=DUE))


def test_an_instant_is_a_device_s_first_reading_of_a_later_hour() -> None:
    made = advance([readings(hours=50)])
    batch = readings(hours=50)
    for device in (0, 1):
        mine = made.device == device
        hours = (made.time[mine] - START) // HOUR
        assert (np.diff(hours) > 0).all()
        assert (made.time[mine] == batch.time[made.row[mine]]).all()
    assert set(made.device.tolist()) == {0, 1}, "a device without followed metrics is never judged"


def test_what_is_due_is_judged_with_the_next_reading_at_or_after_its_time() -> None:
    batch = readings()
    device, clock, expected = DEVICE_OF[batch.series], {0: NEVER, 1: NEVER}, set()
    waiting = list(DUE)
    for row in range(len(batch)):
        if METRIC_OF[batch.series[row]] >= 0:
            number = int(device[row])
            clock[number] = max(clock[number], int(batch.time[row]))
            for due in [d for d in waiting if (d.device, True) == (number, d.row <= row and clock[number] >= d.time)]:
                waiting.remove(due)
                expected.add((row, number))
    plain, made = advance([batch]), advance([batch], due=DUE)
    natural = set(zip(plain.row.tolist(), plain.device.tolist(), strict=True))
    assert set(zip(made.row.tolist(), made.device.tolist(), strict=True)) == natural | expected
    assert len(expected - natural) >= 2
    assert [due.device for due in waiting] == [2], "a device without readings waits"


def test_the_future_changes_nothing_before_it() -> None:
    batch = readings()
    whole, half = advance([batch]), advance([batch[: len(batch) // 2]])
    same(half, whole.take(np.arange(len(half))))


def test_a_shift_is_told_in_standard_deviations_and_the_baseline_stays() -> None:
    made = advance([readings()])
    mine = np.flatnonzero(made.device == 0)
    before, after = (mine[np.searchsorted(made.time[mine], START + h * HOUR)] for h in (130, 150))
    span = SPANS.index(12)
    assert abs(made.deviation[before, 0, span]) < 1.5
    assert made.deviation[after, 0, span] > 3.0
    assert abs(made.mean[after, 0] - 50.0) < 3.0
    assert START + 133 * HOUR <= made.since[after, 0] <= START + 140 * HOUR
    assert made.since[before, 0] == NEVER


def test_nothing_is_told_of_what_is_not_known() -> None:
    made = advance([readings(hours=60)])
    few = made.seen < KNOWN_AFTER
    assert few.any()
    assert (made.deviation[few] == 0).all()
    assert (made.seen[made.device == 1, 1] == 0).all()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.full(400, 20.0), id="constant"),
        pytest.param(np.zeros(400), id="zero"),
        pytest.param(np.tile([-1.7e308, 1.7e308], 200), id="huge both ways"),
        pytest.param(np.linspace(1e300, 1.7e308, 400), id="huge"),
        pytest.param(np.random.default_rng(0).normal(0, 1e-300, 400), id="tiny"),
        pytest.param(np.r_[np.full(200, 1.0), np.full(200, 2.0)], id="a step of a constant"),
        pytest.param(np.arange(400.0), id="a ramp"),
    ],
)
def test_hostile_values_give_bounded_deviations(values: np.ndarray) -> None:
    batch = ReadingBatch.of(np.zeros(400, np.int32), START + np.arange(400) * HOUR // 4, values)
    made = advance([batch])
    assert np.isfinite(made.deviation).all()
    assert np.abs(made.deviation).max() <= FAR


def test_a_gap_makes_levels_forget_and_keeps_the_baseline() -> None:
    rng = np.random.default_rng(5)
    hours = np.r_[np.arange(100), np.arange(600, 602)]
    batch = ReadingBatch.of(np.zeros(102, np.int32), START + hours * HOUR, 50 + rng.normal(size=102))
    made = advance([batch])
    assert (made.deviation[-2, 0, : SPANS.index(72)] == 0).all(), "old readings say nothing over short spans"
    assert made.seen[-1, 0] == 101
    assert abs(made.mean[-1, 0] - 50) < 1


def test_the_baseline_follows_a_lasting_change_within_its_memory() -> None:
    n = 3 * BASELINE
    value = 50 + np.random.default_rng(6).normal(size=n) + 5.0 * (np.arange(n) > 200)
    made = advance([ReadingBatch.of(np.zeros(n, np.int32), START + np.arange(n) * HOUR, value)])
    assert abs(made.mean[-1, 0] - 55) < 1


def test_state_is_restored_under_other_numbers() -> None:
    batch = readings()
    half = len(batch) // 2
    whole = Telemetry(HOUR, 2)
    advance([batch[:half]], whole, DUE)
    series, devices = np.array([3, 1, 0, 2], np.int32), np.array([2, 0, 1], np.int32)
    other = Telemetry(HOUR, 2)
    other.restore(whole.save(), series, devices)
    expected = whole.advance(batch[half:], METRIC_OF, DEVICE_OF, [])
    moved = ReadingBatch.of(series[batch.series[half:]], batch.time[half:], batch.value[half:])
    metric_of, device_of = np.empty(4, np.intp), np.empty(4, np.int32)
    metric_of[series], device_of[series] = METRIC_OF, devices[DEVICE_OF]
    made = other.advance(moved, metric_of, device_of, [])
    assert made.deviation.tobytes() == expected.deviation.tobytes()
    assert made.device.tolist() == devices[expected.device].tolist()


def test_a_state_of_other_slots_is_left_alone() -> None:
    whole, other = Telemetry(HOUR, 2), Telemetry(2 * HOUR, 2)
    advance([readings()], whole)
    other.restore(whole.save(), np.arange(4, dtype=np.int32), np.arange(3, dtype=np.int32))
    made = other.advance(readings(hours=30), METRIC_OF, DEVICE_OF, [])
    assert made.seen.max() < 30
