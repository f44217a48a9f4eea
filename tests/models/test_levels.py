"""Blocks of three hours and days: what is kept of a series, however its readings come."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.levels import AT_ONCE, BLOCK_NS, BLOCKS, BLOCKS_PER_DAY, DAYS, Levels

HOUR = 3600 * NS_PER_SECOND
DAY = 24 * HOUR
START = 20_000 * DAY


def readings(times: Iterable[int], values: Iterable[float], series: int = 0) -> ReadingBatch:
    at = list(times)
    return ReadingBatch.of([series] * len(at), at, list(values))


def go(
    levels: Levels, batch: ReadingBatch, cuts: Iterable[int] = ()
) -> list[tuple[int, int, int, bool, FloatArray, FloatArray, FloatArray]]:
    """(row, series, block, whether a day ended, recent blocks, days' highest, lowest) of every block that ended."""
    found = []
    for a, b in itertools.pairwise([0, *sorted(cuts), len(batch)]):
        for closed in levels.advance(batch[a:b]):
            columns = (closed.row + a, closed.series, closed.block, closed.new_day)
            told = zip(*(column.tolist() for column in columns), strict=True)
            found += [(*one, closed.means[i], closed.highs[i], closed.lows[i]) for i, one in enumerate(told)]
    return found


def following(*series: int) -> Levels:
    levels = Levels()
    levels.follow(list(series), max(series) + 1)
    return levels


def test_a_block_ends_with_the_first_reading_behind_it() -> None:
    levels = following(0)
    times = [START, START + HOUR, START + BLOCK_NS, START + 2 * BLOCK_NS + 1]
    found = go(levels, readings(times, [1.0, 3.0, 10.0, 20.0]))
    assert [(row, block - START // BLOCK_NS) for row, _, block, *_ in found] == [(2, 0), (3, 1)]
    assert found[0][4][-1] == 2.0
    assert found[1][4][-2:].tolist() == [2.0, 10.0]
    assert np.isnan(found[1][4][:-2]).all()


def test_a_day_has_its_highest_and_its_lowest_block() -> None:
    levels = following(0)
    times = START + HOUR * np.arange(50)
    values = 5.0 + np.sin(2 * np.pi * np.arange(50) / 24)
    found = go(levels, readings(times.tolist(), values.tolist()))
    ended = [days for _, _, _, new_day, _, *days in found if new_day]
    by_block = values[:48].reshape(-1, 3).mean(axis=1).reshape(2, -1)
    assert len(ended) == 2
    highs, lows = ended[1]
    assert highs[-2:].tolist() == pytest.approx(by_block.max(axis=1).tolist())
    assert lows[-2:].tolist() == pytest.approx(by_block.min(axis=1).tolist())


def test_what_is_missing_is_missing_and_what_is_old_is_forgotten() -> None:
    levels = following(0)
    gap = 3 * DAY
    found = go(levels, readings([START, START + gap, START + gap + DAY], [1.0, 2.0, 3.0]))
    recent = found[1][4]
    there = np.flatnonzero(np.isfinite(recent))
    assert (BLOCKS - 1 - there).tolist() == [gap // BLOCK_NS, 0]
    assert np.flatnonzero(np.isfinite(found[1][5])).tolist() == [DAYS - 4, DAYS - 1]
    much_later = START + 500 * DAY
    found = go(levels, readings([much_later, much_later + DAY], [4.0, 5.0]))
    assert np.isfinite(found[1][4]).sum() == 1
    assert np.isfinite(found[1][5]).sum() == 1


def test_series_that_nobody_asks_about_cost_nothing() -> None:
    levels = following(3)
    batch = ReadingBatch.of([1, 3, 9, 3], [START, START, START, START + DAY], [1.0, 2.0, 3.0, 4.0])
    assert [(series, row) for row, series, *_ in go(levels, batch)] == [(3, 3)]
    assert len(levels.save()["series"]) == 1


@st.composite
def batches(draw: st.DrawFn) -> ReadingBatch:
    seed, series = draw(st.integers(0, 10_000)), draw(st.integers(1, 4))
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(300) < 0.02, 30 * HOUR, rng.integers(1, 2 * HOUR, 300))
    return ReadingBatch.of(rng.integers(0, series, 300).tolist(), START + np.cumsum(steps), rng.normal(5.0, 1.0, 300))


@settings(max_examples=40, deadline=None)
@given(batch=batches(), cuts=st.lists(st.integers(1, 299), max_size=20))
def test_the_blocks_do_not_depend_on_how_input_is_cut(batch: ReadingBatch, cuts: list[int]) -> None:
    whole, cut = (go(following(0, 1, 2, 3), batch, where) for where in ([], cuts))
    for a, b in zip(whole, cut, strict=True):
        assert a[:4] == b[:4]
        assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a[4:], b[4:], strict=True))


def test_more_blocks_than_are_told_at_once_are_told_all_the_same() -> None:
    n = 2 * AT_ONCE + 100
    batch = readings((START + BLOCK_NS * np.arange(n)).tolist(), np.sin(np.arange(n)).tolist())
    found = go(following(0), batch)
    assert [row for row, *_ in found] == list(range(1, n))
    assert [means[-1] for *_, means, _, _ in found] == batch.value[:-1].tolist()


def test_saved_and_restored_under_other_numbers_it_goes_on_to_the_bit() -> None:
    batch = ReadingBatch.of([0, 1] * 200, START + 17 * 60 * NS_PER_SECOND * np.arange(400), np.sin(np.arange(400)))
    levels, again = following(0, 1), Levels()
    go(levels, batch[:250])
    numbers = np.array([7, 5], np.int32)
    again.restore(levels.save(), numbers)
    rest = batch[250:]
    renumbered = ReadingBatch(numbers[rest.series], rest.time, rest.value, rest.quality)
    before, after = go(levels, rest), go(again, renumbered)
    assert [(row, numbers[series], block) for row, series, block, *_ in before] == [one[:3] for one in after]
    assert all(np.array_equal(a[4], b[4], equal_nan=True) for a, b in zip(before, after, strict=True))
    assert len(before) > 2 * BLOCKS_PER_DAY
