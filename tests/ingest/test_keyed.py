from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import keyed as keyed_module
from ingest.errors import RejectedError
from ingest.keyed import NO_SEQ, KeyedBatch, SeriesNames
from ingest.keyedscores import KeyedScores
from ingest.reading import Quality, ReadingBatch
from ingest.registry import Metric, Registry, UnitState
from models.score import Scores

NAMES = [("s", "d", "t"), ("s", "d", "湿度"), ("s", "e", "a b,c=\"'\\")]


def registry_of(*metrics: Metric) -> Registry:
    registry = Registry()
    for (site, device, name), metric in zip(NAMES, metrics, strict=False):
        registry.put_metric(site, device, Metric(name, metric.unit, metric.unit_state, metric.sent_unit))
    return registry


KNOWN = Metric("", "°C", UnitState.KNOWN, "°F")
UNKNOWN = Metric("", None, UnitState.UNKNOWN, "smoot")
MISSING = Metric("", None, UnitState.MISSING, None)

rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.integers(0, 255),
        st.integers(0, 2**62),
        st.integers(-1, 2**40),
    ),
    max_size=20,
)


def batch_of(table: list[tuple[int, int, float, int, int, int]]) -> KeyedBatch:
    columns = list(zip(*table, strict=True)) if table else [()] * 6
    readings = ReadingBatch.of(columns[0], columns[1], columns[2], np.array(columns[3], np.uint8))
    names = SeriesNames(registry_of(KNOWN, UNKNOWN, MISSING))
    return KeyedBatch.of(readings, names, np.array(columns[4], np.int64), np.array(columns[5], np.int64))


def told(batch: KeyedBatch) -> list[tuple[object, ...]]:
    names = [(batch.names[key], batch.units[key]) for key in batch.key.tolist()]
    columns = (batch.time, batch.value, batch.quality, batch.received_at, batch.seq)
    return list(zip(names, *(column.tolist() for column in columns), strict=True))


@given(rows)
def test_decoding_undoes_encoding(table: list[tuple[int, int, float, int, int, int]]) -> None:
    batch = batch_of(table)
    assert told(KeyedBatch.decode(batch.encode())) == told(batch)


@given(rows, rows)
def test_joining_keeps_every_row(
    one: list[tuple[int, int, float, int, int, int]], two: list[tuple[int, int, float, int, int, int]]
) -> None:
    parts = [batch_of(one), batch_of(two)]
    assert told(KeyedBatch.concat(parts)) == told(parts[0]) + told(parts[1])


@pytest.mark.parametrize("cut", [0, 5, 20, 80, -1])
def test_damaged_bytes_are_refused(cut: int) -> None:
    with pytest.raises(RejectedError, match="cannot be read"):
        KeyedBatch.decode(batch_of([(0, 1, 2.0, 0, 4, 5)] * 3).encode()[:cut])
    with pytest.raises(RejectedError, match="of another kind"):
        KeyedScores.decode(batch_of([]).encode())


def test_a_fresh_registry_learns_names_and_units() -> None:
    before = registry_of(KNOWN, UNKNOWN, MISSING)
    batch = KeyedBatch.of(ReadingBatch.of([2, 0, 1], [1, 2, 3], [1.5, 2.5, 3.5], 8), SeriesNames(before), 9)
    after = Registry()
    readings = batch.readings(after)
    assert [after.key(series) for series in readings.series.tolist()] == [NAMES[2], NAMES[0], NAMES[1]]
    assert {after.metric(number) for number in range(3)} == {before.metric(number) for number in range(3)}
    assert readings.value.tolist() == [1.5, 2.5, 3.5]
    assert readings.quality.tolist() == [8, 8, 8]
    assert batch.seq.tolist() == [NO_SEQ] * 3


@pytest.mark.parametrize(
    ("now", "value", "quality"),
    [
        pytest.param(Metric("", "K", UnitState.KNOWN), 293.15, 0, id="another unit of the quantity: converted"),
        pytest.param(Metric("", "bar", UnitState.KNOWN), 20.0, Quality.NO_UNIT, id="another quantity: as it is"),
        pytest.param(Metric("", "°C", UnitState.KNOWN), 20.0, 0, id="the same"),
    ],
)
def test_a_unit_that_was_configured_since_holds(now: Metric, value: float, quality: int) -> None:
    batch = KeyedBatch.of(ReadingBatch.of([0], [1], [20.0]), SeriesNames(registry_of(KNOWN)), 9)
    registry = registry_of(now)
    readings = batch.readings(registry)
    assert readings.value.round(9).tolist() == [value]
    assert readings.quality.tolist() == [quality]
    assert registry.metric(0).unit == now.unit


def test_names_follow_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_module, "SPARE_PLACES", 2)
    registry = registry_of(MISSING)
    names = SeriesNames(registry)
    one = np.zeros(1, np.int32)
    _, before = names.noted(one)
    assert before == ((None, "missing", None),)
    registry.series("s", "new", "t")
    for unit in ["°C", "°F", "K"] * 3:  # more often than there are spare places
        registry.put_metric(*NAMES[0][:2], Metric(NAMES[0][2], unit, UnitState.KNOWN, unit))
        known, units = names.noted(np.array([1, 0], np.int32))
        assert known == (("s", "new", "t"), NAMES[0])
        assert units == ((None, "missing", None), (unit, "known", unit))
    assert before == ((None, "missing", None),), "a batch tells what was known when it came"
    assert names.names(np.array([1, 0], np.int32)) == (("s", "new", "t"), NAMES[0])


def test_scores_keep_their_columns_and_holes() -> None:
    series = np.array([1, 0, 1], np.int32)
    floats = [np.array([n, n + 0.5, np.nan]) for n in range(5)]
    scores = Scores(np.arange(3, dtype=np.int32), series, np.array([7, 8, 9]), np.zeros(3), *floats)
    keyed = KeyedScores.of(scores, SeriesNames(registry_of(KNOWN, KNOWN)))
    both = KeyedScores.concat([KeyedScores.decode(keyed.encode()), keyed[1:]])
    assert [both.names[key] for key in both.key.tolist()] == [NAMES[1], NAMES[0], NAMES[1], NAMES[0], NAMES[1]]
    assert both.time.tolist() == [7, 8, 9, 8, 9]
    for mine, its in zip(floats, both.floats(), strict=True):
        assert np.array_equal(np.r_[mine, mine[1:]], its, equal_nan=True)
    assert len(KeyedScores.concat([])) == 0
    assert len(KeyedBatch.concat([])) == 0
