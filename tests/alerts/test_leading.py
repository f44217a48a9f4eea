"""Which metric leads, how rare that is and what moved first: tables."""

from __future__ import annotations

import math

import pytest

from alerts.alert import Fact
from alerts.leading import BEYOND, REMEMBERED, deviation, in_order, rarity
from models.moves import Stretch

MINUTE = 60 * 10**9
NAMES = {0: "vibration", 1: "current", 2: "temperature", 3: "flow", 4: "pressure", 5: "speed"}


@pytest.mark.parametrize(
    ("p_value", "rows", "one_in", "rarer"),
    [
        pytest.param(1.0, 1_000, 1.0, False, id="any reading"),
        pytest.param(0.004, 1_000, 200.0, False, id="one digit, rounded down"),
        pytest.param(1 / 2_600, 1_000, 3_000.0, False, id="one digit, rounded up"),
        pytest.param(1 / 980, 1_000, 1_000.0, False, id="rounded to the next power of ten"),
        pytest.param(1e-30, 256, 2_000.0, True, id="little is known yet: rounded down"),
        pytest.param(1e-30, 10**7, BEYOND * REMEMBERED, True, id="no more is remembered"),
        pytest.param(1e-30, 0, 10.0, True, id="nothing is known"),
    ],
)
def test_rarity_is_no_more_precise_than_it_can_be(p_value: float, rows: int, one_in: float, rarer: bool) -> None:
    assert rarity(p_value, rows) == {"one_in": one_in, "rarer": rarer}


@pytest.mark.parametrize(
    ("value", "average", "expected"),
    [
        pytest.param(9.0, 6.0, {"side": "high", "distances": 14.0, "average": None}, id="a reading above its band"),
        pytest.param(2.0, 5.5, {"side": "low", "distances": 10.5, "average": None}, id="a reading below its band"),
        pytest.param(3.0, 5.5, {"side": "high", "distances": 5.0, "average": 5.5}, id="the edge is inside"),
        pytest.param(5.1, 5.6, {"side": "high", "distances": 6.0, "average": 5.6}, id="only the average is off"),
        pytest.param(5.1, 4.8, {"side": "low", "distances": 2.0, "average": 4.8}, id="the other way than the reading"),
        pytest.param(math.nan, 5.0, {"side": "low", "distances": None, "average": None}, id="nothing known"),
    ],
)
def test_a_reading_inside_its_band_is_not_what_is_off(value: float, average: float, expected: dict[str, Fact]) -> None:
    found = deviation([value, 5.0, 3.0, 7.0, average, 0.1])  # a usual distance of a reading is 2 / BAND
    assert {name: found.get(name) for name in expected} == expected


def test_facts_find_room_in_a_database() -> None:
    found = deviation([1.7e308, 0.0, -math.inf, math.inf, 1e308, math.inf])
    assert all(math.isfinite(fact) for fact in found.values() if isinstance(fact, float))
    assert math.isfinite(float(deviation([1.7e308, 0.0, -7e-12, 7e-12, 0.0, 1e-12])["distances"] or 0.0))


def test_a_band_of_no_width_has_no_distances() -> None:
    assert deviation([9.0, 5.0, 5.0, 5.0, 5.0, 0.0])["distances"] is None


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param({}, (None, None, None, None), id="nobody moved"),
        pytest.param({0: 5}, ("vibration", 5, None, None), id="one alone"),
        pytest.param({0: 9, 1: 3, 2: 6}, ("current", 3, None, "temperature, vibration"), id="one after the other"),
        pytest.param({0: 3, 1: 3, 2: 9}, ("current", 3, "vibration", "temperature"), id="two at once, by name"),
        pytest.param({0: 3, 1: 4}, ("vibration", 3, "current", None), id="half an interval apart is at once"),
        pytest.param({0: 3, 1: 5}, ("vibration", 3, None, "current"), id="more than that is later"),
        pytest.param(
            {0: 1, 1: 3, 2: 5, 3: 7, 4: 9, 5: 11},
            ("vibration", 1, None, "current, temperature, flow"),
            id="no more than three are named",
        ),
    ],
)
def test_what_moved_first(
    since: dict[int, int], expected: tuple[str | None, int | None, str | None, str | None]
) -> None:
    stretches = [Stretch(series, at * MINUTE, 20 * MINUTE) for series, at in since.items()]
    facts = in_order(stretches, NAMES, same_ns=MINUTE)
    first, at, beside, then = expected
    assert facts.get("moved_first") == first
    assert facts.get("moved_first_at") == (None if at is None else at * MINUTE)
    assert (facts.get("moved_with"), facts.get("moved_then")) == (beside, then)
    assert facts == in_order(stretches[::-1], NAMES, same_ns=MINUTE)
