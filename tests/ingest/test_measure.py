from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.measure import Intake, Key, Place
from ingest.reading import Quality
from ingest.registry import Metric, Registry, UnitState


def keys_of(units: list[str | None]) -> list[Key]:
    return [("s", "d", "t", unit) for unit in units]


def test_the_first_known_unit_is_the_canonical_one() -> None:
    registry = Registry()
    place = Intake(registry).resolve("s", "d", "t", "°F")
    assert isinstance(place, Place)
    assert round(212 * place.scale + place.offset, 6) == 100
    assert registry.metric(place.series) == Metric("t", "°C", UnitState.KNOWN, "°F")


def test_later_units_are_converted_to_it() -> None:
    registry = Registry()
    intake = Intake(registry)
    assert intake.resolve("s", "d", "p", "bar") == Place(0)
    assert intake.resolve("s", "d", "p", "kPa") == Place(0, 0.01)
    assert registry.metric(0).unit == "bar"
    assert registry.metric(0).sent_unit == "kPa"


@pytest.mark.parametrize(
    ("configured", "sent", "value", "quality", "state"),
    [
        pytest.param(None, None, 5.0, Quality.NO_UNIT, UnitState.MISSING, id="nothing is known"),
        pytest.param(None, "", 5.0, Quality.NO_UNIT, UnitState.MISSING, id="an empty unit is no unit"),
        pytest.param(None, "smoots per moon", 5.0, Quality.NO_UNIT, UnitState.UNKNOWN, id="an unknown unit"),
        pytest.param(None, "m/s", 5000.0, Quality.GOOD, UnitState.KNOWN, id="a velocity becomes mm/s"),
        pytest.param("mm/s", None, 5.0, Quality.GOOD, UnitState.KNOWN, id="the registry knows the unit"),
        pytest.param("mm/s", "cm/s", 50.0, Quality.GOOD, UnitState.KNOWN, id="another unit of the quantity"),
        pytest.param("smoots", "smoots", 5.0, Quality.GOOD, UnitState.KNOWN, id="an invented unit that is configured"),
        pytest.param("mm/s", "smoots", 5.0, Quality.NO_UNIT, UnitState.UNKNOWN, id="unknown beside a known one"),
    ],
)
def test_what_becomes_of_five(
    configured: str | None, sent: str | None, value: float, quality: Quality, state: UnitState
) -> None:
    registry = Registry()
    if configured:
        registry.put_metric("s", "d", Metric("t", configured, UnitState.KNOWN))
    placed = Intake(registry).place([("s", "d", "t", sent)], np.zeros(1, np.int32), np.array([5.0]))
    assert placed.refused == {}
    assert placed.value.tolist() == [value]
    assert placed.quality.tolist() == [quality]
    assert registry.metric(0).unit_state == state


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param(("s", "d", "t", "kPa"), "is of another quantity than '°C'", id="another quantity"),
        pytest.param(("s", "d", "t", "m" * 65), "longer than 64", id="an endless unit"),
        pytest.param(("s", "a/b", "t", None), "device 'a/b' holds a character", id="a slash"),
        pytest.param(("s", "d", "*", None), "metric '*' is a reserved name", id="the star"),
        pytest.param(("", "d", "t", None), "site is empty", id="no site"),
    ],
)
def test_what_is_refused(key: Key, reason: str) -> None:
    registry = Registry()
    registry.put_metric("s", "d", Metric("t", "°C", UnitState.KNOWN))
    placed = Intake(registry).place([("s", "d", "t", "°C"), key], np.array([0, 1, 0], np.int32), np.ones(3))
    assert list(placed.refused) == [1]
    assert reason in placed.refused[1]
    assert placed.good.tolist() == [True, False, True]
    assert registry.n_series == 1


def test_without_a_unit_the_one_spelled_last_holds() -> None:
    registry = Registry()
    placed = Intake(registry).place(
        keys_of(["°F", None, "°C"]), np.array([1, 0, 1, 2, 1], np.int32), np.array([32.0, 32.0, 32.0, 7.0, 7.0])
    )
    assert placed.value.round(9).tolist() == [32.0, 0.0, 0.0, 7.0, 7.0]
    assert placed.quality.tolist() == [Quality.NO_UNIT, 0, 0, 0, 0]


def test_a_change_in_the_registry_is_seen_at_once() -> None:
    registry = Registry()
    intake = Intake(registry)
    assert intake.resolve("s", "d", "t", None) == Place(0, quality=Quality.NO_UNIT)
    registry.put_metric("s", "other", Metric("t", "°C", UnitState.KNOWN))
    assert intake.resolve("s", "d", "t", None) == Place(0, quality=Quality.NO_UNIT)
    registry.put_metric("s", "d", Metric("t", "°C", UnitState.KNOWN))
    assert intake.resolve("s", "d", "t", None) == Place(0)


def test_a_value_that_overflows_is_refused() -> None:
    placed = Intake(Registry()).place([("s", "d", "v", "m/s")], np.zeros(2, np.int32), np.array([1e308, 1.0]))
    assert placed.good.tolist() == [False, True]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, "°C", "°F", "K", "bar", "smoot"])), min_size=1),
    st.lists(st.integers(1, 20)),
)
def test_the_result_does_not_depend_on_the_cutting(rows: list[tuple[int, str | None]], cuts: list[int]) -> None:
    keys: list[Key] = sorted({("s", f"d{device}", "t", unit) for device, unit in rows}, key=str)
    key = np.array([keys.index(("s", f"d{device}", "t", unit)) for device, unit in rows], np.int32)
    value = np.arange(len(rows), dtype=np.float64)
    whole = Intake(Registry()).place(keys, key, value)
    edges = [0, *sorted(cut for cut in set(cuts) if cut < len(rows)), len(rows)]
    intake = Intake(Registry())
    parts = [intake.place(keys, key[a:b], value[a:b]) for a, b in itertools.pairwise(edges)]
    assert np.concatenate([part.good for part in parts]).tolist() == whole.good.tolist()
    for column in ("series", "value", "quality"):
        joined = np.concatenate([getattr(part, column) for part in parts])
        assert joined[whole.good].tolist() == getattr(whole, column)[whole.good].tolist()


def test_beyond_the_bound_of_the_registry_new_series_are_refused_and_known_ones_taken() -> None:
    registry = Registry(max_series=2)
    keys: list[Key] = [("s", "d", metric, None) for metric in "abc"]
    intake = Intake(registry)
    for _ in range(2):
        placed = intake.place(keys, np.array([0, 2, 1, 0], np.int32), np.ones(4))
        assert placed.refused == {2: "2 series are known, and no more are taken in (ingest.max_series)"}
        assert placed.good.tolist() == [True, True, False, True]
    assert registry.n_series == 2
