"""What lasts: many rows a little unusual, none of them rare."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.reading import FloatArray
from models.detectors.lasting import BACK, Lasting, Lasts

RARE = 3e-5


def follow(p_value: FloatArray, cut: int = 0, quiet: slice = slice(0)) -> Lasts:
    """The rows of one device, handed over in one go or in two, with the state saved in between."""
    device, stirs = np.zeros(len(p_value), np.int64), np.ones(len(p_value), np.bool_)
    stirs[quiet] = False
    lasting, found = Lasting(), []
    for part in (slice(0, cut), slice(cut, None)):
        lasting.resize(1)
        found.append(lasting.follow(device[part], p_value[part], np.full(len(device[part]), RARE), stirs[part]))
        saved, lasting = lasting.save(), Lasting()
        lasting.restore(saved, np.zeros(1, np.int32))
    return Lasts(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def usual(n: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(size=n)


def changed(n: int = 4_000, at: int = 3_000) -> FloatArray:
    """From some row on a tenth of what is usual, which is not rare in any row."""
    p_value = usual(n)
    p_value[at : at + 200] **= 2.5
    return p_value


def test_rows_that_are_a_little_unusual_for_long_are_rare_together() -> None:
    p_value = changed()
    course = follow(p_value)
    assert np.sort(p_value[3_000:3_200])[2] > 1e-6, "hardly one of them would open an alert"
    assert course.p_value[3_000:3_200].min() < 1e-6
    assert course.p_value[500:3_000].min() > 1e-4
    assert course.p_value[-1] > BACK, "it was back"


def test_it_falls_below_a_level_once_until_it_is_back() -> None:
    course, level = follow(changed()), 1e-5
    crosses = np.flatnonzero((course.p_value <= level) & (course.lowest > level))
    assert len(crosses) == 1


def test_it_waits_for_something_unusual() -> None:
    whole, level = follow(changed()), 1e-5
    at = int(np.flatnonzero((whole.p_value <= level) & (whole.lowest > level))[0])
    later = follow(changed(), quiet=slice(at, at + 20))
    assert (later.p_value[at : at + 20] == 1.0).all()
    assert np.flatnonzero((later.p_value <= level) & (later.lowest > level)).tolist() == [at + 20]


@pytest.mark.parametrize("cut", [1, 129, 3_050, 3_999])
def test_rows_are_judged_alike_however_they_are_cut(cut: int) -> None:
    whole, parts = follow(changed()), follow(changed(), cut)
    assert np.array_equal(whole.p_value, parts.p_value)
    assert np.array_equal(whole.lowest, parts.lowest)
