"""What came before a row: whether it is confirmed, and the stretch of unusual rows that it belongs to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import FloatArray
from models.evidence import QUIET, UNUSUAL, Course, Evidence

RARE = UNUSUAL / 10


def follow(*p_values: float) -> Course:
    """One device, a row a second from second 0 on."""
    evidence, n = Evidence(), len(p_values)
    evidence.resize(1)
    return evidence.follow(np.zeros(n, np.int64), np.arange(n), np.array(p_values))


@pytest.mark.parametrize(
    ("before", "confirmed"),
    [
        pytest.param([], 1.0, id="the first row has nothing to go by"),
        pytest.param([0.5, 0.5], 0.5, id="a lone rare row"),
        pytest.param([0.5, RARE], RARE, id="the last one was as rare"),
        pytest.param([RARE, 0.5], RARE, id="the one before it was"),
        pytest.param([RARE, 0.5, 0.5], 0.5, id="too long ago"),
        pytest.param([0.5, 0.01], 0.01, id="only as rare as both"),
        pytest.param([RARE / 10, 0.5], RARE, id="no rarer than the row itself"),
    ],
)
def test_a_row_counts_as_far_as_one_of_two_before_confirms_it(before: list[float], confirmed: float) -> None:
    assert follow(*before, RARE).confirmed[-1] == confirmed


def test_a_stretch_lasts_until_it_was_quiet_for_a_while() -> None:
    calm = [1.0] * (QUIET - 1)
    course = follow(1.0, RARE, *calm, RARE, *calm, 1.0, RARE)
    assert course.quiet.tolist() == [QUIET + 1, 0, *range(1, QUIET), 0, *range(1, QUIET + 1), 0]
    assert course.since.tolist() == [0] + [1] * (2 * QUIET + 1) + [2 * QUIET + 2]


@settings(max_examples=50)
@given(seed=st.integers(0, 3), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_batches_and_restarts_change_nothing(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    device, time = rng.integers(0, 3, 200), np.arange(200)
    p_value: FloatArray = 10.0 ** -rng.exponential(1.5, 200)
    evidence = Evidence()
    evidence.resize(3)
    whole = np.stack(evidence.follow(device, time, p_value))
    evidence, found = Evidence(), []
    evidence.resize(3)
    for a, b in itertools.pairwise([0, *sorted(cuts), 200]):
        found.append(np.stack(evidence.follow(device[a:b], time[a:b], p_value[a:b])))
        saved, evidence = evidence.save(), Evidence()
        evidence.restore(saved, np.arange(3, dtype=np.int32))
    assert np.array_equal(np.concatenate(found, axis=1), whole)
