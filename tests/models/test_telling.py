"""What is told of how rare rows are."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.reading import NS_PER_SECOND, FloatArray
from models.telling import FAR, LONGEST_NS, RARE, REMEMBERED, ROWS, Telling, tempered

MINUTE = 60 * NS_PER_SECOND


def told(p_value: FloatArray, every: int = MINUTE, cut: int = 0) -> FloatArray:
    """Of the rows of one device, handed over in one go or in two, with the state saved in between."""
    device, time = np.zeros(len(p_value), np.int64), np.arange(len(p_value)) * every
    interval, telling, found = np.full(len(p_value), float(every)), Telling(), []
    telling.resize(1)
    for part in (slice(0, cut), slice(cut, None)):
        found.append(telling.tell(device[part], time[part], p_value[part], interval[part]))
        saved, telling = telling.save(), Telling()
        telling.restore(saved, np.zeros(1, np.int32))
    return np.concatenate(found)


def test_the_order_of_rows_stays_what_it_is() -> None:
    p_value = np.geomspace(1e-30, 1.0, 500)
    assert (np.diff(tempered(p_value)) > 0).all()
    assert (tempered(p_value)[p_value >= FAR] == p_value[p_value >= FAR]).all()
    assert (tempered(p_value) >= p_value).all()


def test_after_a_rare_row_the_next_ones_are_told_as_remembered_and_less_and_less() -> None:
    p_value = np.full(1_000, 0.9)
    p_value[10] = 1e-9
    said = told(p_value)
    assert (said[:10] == 0.9).all()
    assert said[10] == pytest.approx(float(tempered(p_value)[10]))
    assert said[11] == pytest.approx(REMEMBERED), "never more than this"
    assert (np.diff(said[11:]) >= 0).all()
    assert (said[11 + 4 * int(ROWS) :] == 0.9).all()


def test_a_row_that_is_not_rare_is_not_remembered() -> None:
    assert told(np.array([0.9, 2 * RARE, 0.9])).tolist()[::2] == [0.9, 0.9]


def test_what_is_remembered_fades_within_days_however_seldom_rows_come() -> None:
    day = 2 * int(LONGEST_NS)
    assert told(np.r_[1e-9, np.full(5, 0.9)], day).tolist()[2:] == [0.9] * 4


@pytest.mark.parametrize("cut", [1, 30, 31, 32, 200])
def test_rows_are_told_alike_however_they_are_cut(cut: int) -> None:
    p_value = np.random.default_rng(0).uniform(size=400)
    p_value[[30, 31, 150]] = 1e-12, 1e-5, 1e-4
    assert np.array_equal(told(p_value, cut=cut), told(p_value))
