"""New, late, duplicate, conflict: told apart reading by reading, whatever the batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.arrivals import REMEMBERED, Arrival, Arrivals
from ingest.reading import Quality, ReadingBatch

N, L, D, C = Arrival.NEW, Arrival.LATE, Arrival.DUPLICATE, Arrival.CONFLICT


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(0, 1, 5.0), (0, 2, 5.0), (1, 1, 5.0)], [N, N, N], id="each series has its own time"),
        pytest.param([(0, 1, 5.0), (0, 1, 5.0)], [N, D], id="the same again"),
        pytest.param([(0, 1, 5.0), (0, 1, 6.0)], [N, C], id="the same time, another value"),
        pytest.param([(0, 1, 5.0), (0, 1, 6.0), (0, 1, 6.0)], [N, C, D], id="the stored value again"),
        pytest.param([(0, 1, 5.0), (0, 1, 6.0), (0, 1, 5.0)], [N, C, C], id="back to the first value"),
        pytest.param([(0, 5, 1.0), (0, 3, 1.0), (0, 3, 1.0)], [N, L, D], id="a late one, and that again"),
        pytest.param([(0, 5, 1.0), (0, 3, 1.0), (0, 6, 1.0)], [N, L, N], id="a late one changes nothing for the next"),
        pytest.param([(0, -5, 1.0), (0, 0, 1.0)], [N, N], id="times before 1970 are times"),
    ],
)
def test_arrivals(rows: list[tuple[int, int, float]], expected: list[Arrival]) -> None:
    series, time, value = zip(*rows, strict=True)
    assert Arrivals().classify(ReadingBatch.of(series, time, value)).tolist() == expected


def test_what_its_sender_calls_history_is_never_new() -> None:
    arrivals = Arrivals()
    history = Quality.HISTORICAL
    first = ReadingBatch.of([0, 0, 0, 1], [5, 6, 5, 5], [1.0, 1.0, 1.0, 1.0], [history, history, 0, 0])
    assert arrivals.classify(first).tolist() == [L, L, D, N]
    assert arrivals.classify(ReadingBatch.of([0, 0], [4, 9], [1.0, 1.0], [0, history])).tolist() == [N, L]
    assert arrivals.classify(ReadingBatch.of([0], [9], [1.0])).tolist() == [D]


reading = st.tuples(
    st.integers(0, 2), st.integers(0, 60), st.sampled_from([1.0, 2.0]), st.sampled_from([0, 0, int(Quality.HISTORICAL)])
)


@settings(max_examples=200)
@given(rows=st.lists(reading, max_size=150), cuts=st.lists(st.integers(0, 150), max_size=6))
def test_any_cutting_gives_the_same(rows: list[tuple[int, int, float, int]], cuts: list[int]) -> None:
    series, time, value, quality = zip(*rows, strict=True) if rows else ((), (), (), ())
    batch = ReadingBatch.of(series, time, value, quality)
    whole = Arrivals().classify(batch)
    parts, arrivals = [], Arrivals()
    edges = [0, *sorted(c for c in cuts if c < len(rows)), len(rows)]
    for a, b in itertools.pairwise(edges):
        parts.append(arrivals.classify(batch[a:b]))
    assert np.array_equal(np.concatenate(parts), whole)


def test_what_was_forgotten_is_late_and_stored_again() -> None:
    arrivals = Arrivals()
    arrivals.classify(ReadingBatch.of([0] * 100, range(100), [1.0] * 100))
    remembered = 100 - REMEMBERED
    assert arrivals.classify(ReadingBatch.of([0, 0], [remembered, 99], [1.0, 1.0])).tolist() == [D, D]
    assert arrivals.classify(ReadingBatch.of([0], [remembered - 1], [1.0])).tolist() == [L]


def test_remembers_across_a_restart() -> None:
    first, second = Arrivals(), Arrivals()
    first.classify(ReadingBatch.of([0, 1], [10, 20], [1.0, 1.0]))
    second.restore(first.save(), np.array([1, 0], np.int32))
    assert second.classify(ReadingBatch.of([1, 0], [10, 19], [1.0, 1.0])).tolist() == [D, L]
