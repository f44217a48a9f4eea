"""Sensors that show the same value again and again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.detectors.stuck import CHANGES, LEAST_RUN, SEEN_NS, TIMES, Stuck, Turn

START, MINUTE = 1_764_000_000 * NS_PER_SECOND, 60 * NS_PER_SECOND
DAY = SEEN_NS // MINUTE
FIRST = np.full(1, START)


def batch_of(values: FloatArray, every_ns: int = MINUTE) -> ReadingBatch:
    """Values of shape (n_readings, n_series), one of each at a time."""
    n, width = values.shape
    series = np.tile(np.arange(width, dtype=np.int32), n)
    return ReadingBatch.of(series, START + np.repeat(np.arange(n), width) * every_ns, values.ravel())


def turns_of(*values: FloatArray, every_ns: int = MINUTE) -> list[tuple[int, bool]]:
    """(reading, whether it begins) of every turn of one series."""
    whole = np.concatenate(values)[:, None]
    return [(turn.row, turn.begins) for turn in Stuck().advance(batch_of(whole, every_ns), FIRST)]


def lively(n: int, longest: int = 1) -> FloatArray:
    """Values of which each comes so often in a row."""
    return np.repeat(np.arange(n // longest + 1) % 7 + 1.0, longest)[:n]


def same(n: int, value: float = 21.3) -> FloatArray:
    return np.full(n, value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param([lively(DAY), same(LEAST_RUN)], [(DAY + LEAST_RUN - 1, True)], id="long enough"),
        pytest.param([lively(DAY), same(LEAST_RUN - 1), lively(10)], [], id="one too few"),
        pytest.param(
            [lively(DAY), same(200), lively(10)], [(DAY + LEAST_RUN - 1, True), (DAY + 200, False)], id="moves again"
        ),
        pytest.param([lively(DAY), same(200, 0.0)], [], id="a machine that stands still shows zero"),
        pytest.param([lively(DAY // 2), same(200), lively(200)], [], id="its first night is not over yet"),
        pytest.param([same(DAY, 5.0), lively(CHANGES - 2), same(100)], [], id="it hardly ever changes"),
        pytest.param([lively(2 * DAY, 30), same(TIMES * 30 - 1), lively(9)], [], id="a coarse resolution repeats"),
        pytest.param(
            [lively(2 * DAY, 30), same(TIMES * 30)], [(2 * DAY + TIMES * 30 - 1, True)], id="even so for too long"
        ),
        pytest.param(
            [lively(DAY), same(100), lively(100), same(499), lively(9)],
            [(DAY + LEAST_RUN - 1, True), (DAY + 100, False)],
            id="what was reported is the next one's measure",
        ),
    ],
)
def test_a_run_is_too_long_by_the_series_own_measure(values: list[FloatArray], told: list[tuple[int, bool]]) -> None:
    assert turns_of(*values) == told


def test_a_second_apart_a_run_has_to_last_ten_minutes() -> None:
    assert turns_of(lively(SEEN_NS // NS_PER_SECOND), same(700), every_ns=NS_PER_SECOND) == [(86_400 + 600, True)]


def test_says_since_when_and_how_often() -> None:
    (turn,) = Stuck().advance(batch_of(np.r_[lively(DAY, 2), same(80)][:, None]), FIRST)
    assert turn == Turn(DAY + 59, 0, True, START + (DAY + 59) * MINUTE, 21.3, START + DAY * MINUTE, 60, 2)


@settings(max_examples=30)
@given(seed=st.integers(0, 3), cuts=st.lists(st.integers(1, 3 * 2200), max_size=12))
def test_batches_and_restarts_change_nothing(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(20, 1, (2200, 3)), 1)
    for column in range(3):
        start = int(rng.integers(1500, 1800))
        values[start : start + int(rng.integers(40, 300)), column] = 20.0
    batch = batch_of(values)
    whole = Stuck().advance(batch, np.full(3, START))
    assert whole
    stuck, found, first = Stuck(), [], np.full(3, START)
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(batch)], strict=True):
        found += [(begin + turn.row, turn.series, turn.begins) for turn in stuck.advance(batch[begin:end], first)]
        saved, stuck = stuck.save(), Stuck()
        stuck.restore(saved, np.arange(3, dtype=np.int32))
    assert found == [(turn.row, turn.series, turn.begins) for turn in whole]
