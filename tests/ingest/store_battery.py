"""One battery of checks for every store."""

from __future__ import annotations

import threading
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.columns import SeriesName
from ingest.names import name_problem
from ingest.stores.store import Points, TelemetryStore
from tests.ingest.telemetry import START, Row, S, readings_of, scores_of

T = ("plant", "pump", "temperature")
V = ("plant", "pump", "vibration")
OTHER = ("plant", "fan", "temperature")


def told(points: Points) -> list[tuple[int, float]]:
    return [(at - START, value) for at, value in zip(points.time.tolist(), points.value.tolist(), strict=True)]


def everything(store: TelemetryStore, series: SeriesName) -> list[tuple[int, float]]:
    return told(store.readings(*series, START - 10**6 * S, START + 10**9 * S, 10_000))


NASTY = [
    "a b",
    "a,b",
    "a=b",
    'a"b',
    "a'b",
    "温度",
    "a\\b",
    "a\\",
    "a\\,b",
    "\\",
    "%5C",
    "%255C",
    "site",
    "device",
    "value",
    '"',
    "' OR 1=1 --",
    "::field",
    "🌡",
    ".*",
    "x" * 128,
]


RUNS = count(1)

names = st.text("ab %5C\\,='\"温é", min_size=1, max_size=6).filter(lambda name: not name_problem(name, "metric"))


class StoreBattery:
    """What holds for every store; a subclass brings the fixture `store`."""

    def test_what_was_written_is_read(self, store: TelemetryStore) -> None:
        assert (
            store.write(readings_of([(T, 0, 21.5), (V, 0, 1.25), (OTHER, 0, 5.0), (T, S, -0.0), (T, 1, 1e-300)])) == []
        )
        assert everything(store, T) == [(0, 21.5), (1, 1e-300), (S, 0.0)]
        assert everything(store, V) == [(0, 1.25)]
        assert everything(store, OTHER) == [(0, 5.0)]
        store.ping()

    def test_it_can_be_made_ready_for_reading_alone(self, store: TelemetryStore) -> None:
        store.write(readings_of([(T, 0, 21.5)]))
        store.prepare_to_read()
        assert everything(store, T) == [(0, 21.5)]

    def test_the_value_written_last_is_kept(self, store: TelemetryStore) -> None:
        store.write(readings_of([(T, 0, 1.0), (T, 0, 2.0), (T, S, 1.0), (T, 0, 3.0)]))
        assert everything(store, T) == [(0, 3.0), (S, 1.0)]
        store.write(readings_of([(T, S, 4.0)]))
        store.write(readings_of([(T, S, 4.0)]))
        assert everything(store, T) == [(0, 3.0), (S, 4.0)]

    def test_a_range_has_its_start_and_not_its_end(self, store: TelemetryStore) -> None:
        store.write(readings_of([(T, n, float(n)) for n in range(6)]))
        assert told(store.readings(*T, START + 2, START + 4, 100)) == [(2, 2.0), (3, 3.0)]
        assert told(store.readings(*T, START + 2, START + 100, 3)) == [(2, 2.0), (3, 3.0), (4, 4.0)]
        assert told(store.readings(*T, START + 4, START + 4, 100)) == []
        assert told(store.readings(*T, START + 4, START + 2, 100)) == []

    def test_what_is_not_known_is_empty(self, store: TelemetryStore) -> None:
        store.write(readings_of([(T, 0, 1.0)]))
        for series in (V, ("plant", "nothing", "temperature"), ("nowhere", "pump", "temperature")):
            assert everything(store, series) == []
            assert len(store.scores(*series, 0, 2**62, 10)) == 0
            assert len(store.aggregate(*series, START, START + S, S, 10)) == 0

    def test_readings_lie_in_order_whatever_the_order_they_came_in(self, store: TelemetryStore) -> None:
        hours = np.random.default_rng(0).permutation(100).tolist()
        for some in (hours[:30], hours[30:]):
            store.write(readings_of([(T, hour * 3600 * S, float(hour)) for hour in some]))
        assert everything(store, T) == [(hour * 3600 * S, float(hour)) for hour in range(100)]
        assert told(store.readings(*T, START + 50 * 3600 * S, START + 10**6 * S, 2)) == [
            (50 * 3600 * S, 50.0),
            (51 * 3600 * S, 51.0),
        ]

    def test_intervals_hold_least_mean_greatest_and_count(self, store: TelemetryStore) -> None:
        store.write(readings_of([(T, n * S, float(n)) for n in (0, 1, 2, 9, 10, 31)]))
        buckets = store.aggregate(*T, START + S, START + 31 * S, 10 * S, 100)
        assert (buckets.time - START).tolist() == [0, 10 * S]
        assert buckets.low.tolist() == [1.0, 10.0]
        assert buckets.mean.tolist() == [4.0, 10.0]
        assert buckets.high.tolist() == [9.0, 10.0]
        assert buckets.count.tolist() == [3, 1]
        assert (store.aggregate(*T, START, START + 100 * S, 10 * S, 1).time - START).tolist() == [0]

    @pytest.mark.parametrize("interval_s", [30, 3600, 7 * 3600, 86_400, 7 * 86_400])
    def test_intervals_begin_at_whole_multiples_since_1970(self, store: TelemetryStore, interval_s: int) -> None:
        store.write(readings_of([(T, hour * 3600 * S, float(hour)) for hour in range(0, 400, 5)]))
        interval = interval_s * S
        buckets = store.aggregate(*T, START, START + 400 * 3600 * S, interval, 10_000)
        times = START + np.arange(0, 400, 5) * 3600 * S
        begins, counts = np.unique(times // interval * interval, return_counts=True)
        assert buckets.time.tolist() == begins.tolist()
        assert buckets.count.tolist() == counts.tolist()

    def test_scores_are_kept_with_their_band(self, store: TelemetryStore) -> None:
        assert store.write_scores(scores_of([(T, 0, 3.5), (T, S, 4.5), (V, 0, 9.0)])) == []
        assert store.write_scores(scores_of([(T, S, 5.5)], band=np.nan)) == []
        found = store.scores(*T, START, START + 10 * S, 10)
        assert (found.time - START).tolist() == [0, S]
        assert found.score.tolist() == [3.5, 5.5]
        assert found.p_value.tolist() == [0.25, 0.25]
        assert found.expected.tolist() == [3.5, 5.5]
        assert found.low[0] == 2.5
        assert store.scores(*V, START, START + 1, 10).high.tolist() == [10.0]
        assert len(store.scores(*T, START, START + 10 * S, 1)) == 1
        assert everything(store, T) == []

    def test_a_score_without_a_band_has_none(self, store: TelemetryStore) -> None:
        store.write_scores(scores_of([(T, 0, 1.0)], band=np.nan))
        found = store.scores(*T, START, START + S, 10)
        assert np.isnan(found.low).tolist() == [True]
        assert np.isnan(found.high).tolist() == [True]

    def test_a_number_that_is_none_is_refused_and_the_rest_kept(self, store: TelemetryStore) -> None:
        rows: list[Row] = [(T, 0, 1.0), (T, S, np.nan), (T, 2 * S, np.inf), (T, 3 * S, 4.0)]
        assert sorted(one.row for one in store.write(readings_of(rows))) == [1, 2]
        assert everything(store, T) == [(0, 1.0), (3 * S, 4.0)]
        assert sorted(one.row for one in store.write_scores(scores_of(rows))) == [1, 2]
        assert store.scores(*T, START, START + 10 * S, 10).score.tolist() == [1.0, 4.0]

    def test_nothing_may_be_written(self, store: TelemetryStore) -> None:
        assert store.write(readings_of([])) == []
        assert store.write_scores(scores_of([])) == []

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_any_name_survives(self, store: TelemetryStore, name: str) -> None:
        series = (name, name, name)
        store.write(readings_of([(series, 0, 1.5), ((name, name, "t"), 0, 2.5), (("other", name, name), 0, 3.5)]))
        store.write_scores(scores_of([(series, 0, 7.0)]))
        assert everything(store, series) == [(0, 1.5)]
        assert everything(store, (name, name, "t")) == [(0, 2.5)]
        assert store.aggregate(*series, START, START + S, S, 1).mean.tolist() == [1.5]
        assert store.scores(*series, START, START + S, 1).score.tolist() == [7.0]

    @settings(
        max_examples=40,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        rows=st.lists(
            st.tuples(st.tuples(names, names, names), st.integers(0, 5), st.floats(-1e300, 1e300)),
            min_size=1,
            max_size=12,
        ),
    )
    def test_every_row_is_found_by_its_name(self, store: TelemetryStore, rows: list[Row]) -> None:
        run = next(RUNS)  # examples share the store: each has a second of its own
        rows = [(name, run * S + after, value) for name, after, value in rows]
        store.write(readings_of(rows))
        latest = {(name, after): value for name, after, value in rows}
        for name in {name for name, _, _ in rows}:
            expected = sorted((after, value) for (one, after), value in latest.items() if one == name)
            assert told(store.readings(*name, START + run * S, START + (run + 1) * S, 100)) == expected

    def test_many_threads_read_while_one_writes(self, store: TelemetryStore) -> None:
        done = threading.Event()
        failures: list[BaseException] = []

        def read() -> None:
            try:
                seen = 0
                while not done.is_set():
                    found = everything(store, T)
                    assert len(found) >= seen
                    assert [at for at, _ in found] == sorted(at for at, _ in found)
                    seen = len(found)
                    store.aggregate(*V, START, START + 10**6 * S, 10 * S, 100)
            except BaseException as error:  # noqa: BLE001  handed to the test's thread
                failures.append(error)

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for n in range(20):
            store.write(readings_of([(series, (n * 10 + i) * S, float(i)) for i in range(10) for series in (T, V)]))
        done.set()
        for reader in readers:
            reader.join(60)
        assert not any(reader.is_alive() for reader in readers)
        assert failures == []
        assert len(everything(store, T)) == 200

    def test_it_may_be_closed_and_opened_again(self, store: TelemetryStore) -> None:
        store.write(readings_of([(T, 0, 1.0)]))
        store.maintain(START)
        store.close()
        store.prepare()
        store.write(readings_of([(T, S, 2.0), (OTHER, 0, 3.0)]))
        assert everything(store, T) == [(0, 1.0), (S, 2.0)]
