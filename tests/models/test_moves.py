"""Stretches of unusual readings: when they begin, that one may ask about any row, any cutting, any restart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import FloatArray
from models.blocks import Keys
from models.moves import LEAST, QUIET, UNUSUAL, Moves, Stretch

RARE, USUAL = UNUSUAL / 2, 0.5
MINUTE = 60 * 10**9


def follow(moves: Moves, series: Keys, p_value: FloatArray, seen: Keys, first: int = 0) -> None:
    """A batch of readings a minute apart, the first of them at minute `first`; `seen` is counted on."""
    moves.resize(len(seen))
    moves.begin()
    time = (first + np.arange(len(series))) * MINUTE
    number = np.empty(len(series), np.int64)
    for row, one in enumerate(series):
        number[row] = seen[one]
        seen[one] += 1
    moves.follow(series, p_value, time, number)


def stretch(p_values: list[float]) -> tuple[int, int] | None:
    """The minutes in which the last stretch of one series began and was last seen."""
    moves, n = Moves(), len(p_values)
    follow(moves, np.zeros(n, np.int64), np.array(p_values), np.zeros(1, np.int64))
    found = moves.of([0], n, n * MINUTE)
    return (found[0].since // MINUTE, found[0].last // MINUTE) if found else None


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        pytest.param([USUAL] * 40, None, id="nothing unusual"),
        pytest.param([USUAL, RARE, USUAL], None, id="one unusual reading is chance"),
        pytest.param([USUAL, RARE, RARE], (1, 2), id="two in a row"),
        pytest.param([USUAL, UNUSUAL, UNUSUAL], (1, 2), id="at the level itself"),
        pytest.param([RARE, *[USUAL] * QUIET, RARE], None, id="two far apart are two chances"),
        pytest.param([RARE, *[USUAL] * (QUIET - 1), RARE], (0, QUIET), id="a few usual ones in between"),
        pytest.param([RARE, RARE, *[USUAL] * 30], (0, 1), id="it is over, and still known"),
        pytest.param([RARE, RARE, *[USUAL] * 30, RARE, RARE], (32, 33), id="the last one counts"),
        pytest.param([*[USUAL] * 14, *[RARE] * 40], (14, 53), id="over several blocks"),
    ],
)
def test_a_stretch_begins_with_the_first_of_at_least_two(
    p_values: list[float], expected: tuple[int, int] | None
) -> None:
    assert stretch(p_values) == expected
    assert LEAST == 2


def noisy(seed: int, n: int, n_series: int) -> tuple[Keys, FloatArray]:
    """Readings of some series in any order, a tenth of them unusual."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, n_series, n), np.where(rng.random(n) < 0.1, RARE, USUAL)


def asked(moves: Moves, n_series: int, row: int, minute: int) -> list[Stretch]:
    return moves.of(range(n_series), row, minute * MINUTE)


@settings(max_examples=30)
@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(1, 149), max_size=6))
def test_at_any_row_it_is_known_what_was_known_then(seed: int, cuts: list[int]) -> None:
    (series, p_value), n, width = noisy(seed, 150, 3), 150, 3
    edges, moves, seen = [0, *sorted(cuts), n], Moves(), np.zeros(width, np.int64)
    for a, b in pairwise(edges):
        follow(moves, series[a:b], p_value[a:b], seen, first=a)
        for row in range(a, b, 7):
            short, counted = Moves(), np.zeros(width, np.int64)
            follow(short, series[: row + 1], p_value[: row + 1], counted)
            assert asked(moves, width, row - a, row) == asked(short, width, row, row)


def test_what_came_after_the_time_of_a_row_does_not_count() -> None:
    moves, seen = Moves(), np.zeros(1, np.int64)
    follow(moves, np.zeros(4, np.int64), np.array([USUAL, RARE, RARE, RARE]), seen)
    assert asked(moves, 1, 3, 3) == [Stretch(0, MINUTE, 3 * MINUTE)]
    assert asked(moves, 1, 3, 2) == [Stretch(0, MINUTE, 2 * MINUTE)]
    assert asked(moves, 1, 3, 1) == []


def test_a_restart_forgets_nothing_and_numbers_may_change() -> None:
    (series, p_value), n, width = noisy(1, 200, 3), 200, 3
    first, seen = Moves(), np.zeros(width, np.int64)
    follow(first, series, p_value, seen)
    order = np.array([2, 0, 1], np.int32)
    second = Moves()
    second.restore(first.save(), order)
    before, after = asked(first, width, n, n), asked(second, width, 0, n)
    assert before
    assert sorted(after) == sorted(one._replace(series=int(order[one.series])) for one in before)


def test_a_state_of_before_there_were_any_is_taken() -> None:
    moves = Moves()
    moves.restore({}, np.arange(2, dtype=np.int32))
    moves.resize(2)
    assert asked(moves, 2, 0, 0) == []
