"""The write path /api/v2/write against a real server that takes it; it keeps milliseconds and reads no InfluxQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.errors import RetryableError
from ingest.stores.influxdb import InfluxStore
from ingest.stores.influxhttp import Kind
from tests.ingest.telemetry import START, Row, readings_of, scores_of
from tests.servers.victoria import VictoriaMetrics

MS = 10**6


@pytest.fixture
def store(victoria: VictoriaMetrics) -> Iterator[InfluxStore]:
    store = InfluxStore(victoria.url, "forewarn", org="ours", token="any")
    store.prepare()
    yield store
    store.close()


def stored(victoria: VictoriaMetrics, site: str) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """(name, device) → (ns after START, value) of every series of a site."""
    return {
        (one["metric"]["__name__"], one["metric"]["device"]): [
            (at * MS - START, value) for at, value in zip(one["timestamps"], one["values"], strict=True)
        ]
        for one in victoria.export(f'{{site="{site}"}}')
    }


def test_it_is_written_by_the_second_interface(store: InfluxStore) -> None:
    assert store._http.kind() is Kind.OTHER
    store.ping()


def test_readings_and_scores_arrive_with_their_values(
    victoria: VictoriaMetrics, store: InfluxStore, unique_name: str
) -> None:
    t, v = (unique_name, "pump 1", "temperature"), (unique_name, "pump 1", "a,b=c")
    rows: list[Row] = [(t, 0, 21.5), (v, 0, 1e-7), (t, 1000 * MS, -3.0), (t, 1000 * MS, -4.0)]
    assert store.write(readings_of(rows)) == []
    assert store.write_scores(scores_of([(t, 0, 2.5)])) == []
    found = stored(victoria, unique_name)
    assert found["telemetry_temperature", "pump 1"] == [(0, 21.5), (1000 * MS, -4.0)]
    assert found["telemetry_a,b=c", "pump 1"] == [(0, 1e-7)]
    assert found["scores_score", "pump 1"] == [(0, 2.5)]
    assert found["scores_high", "pump 1"] == [(0, 3.5)]
    assert len(victoria.export(f'{{site="{unique_name}",metric="temperature"}}')) == 5


def test_ten_thousand_devices_in_one_batch(victoria: VictoriaMetrics, store: InfluxStore, unique_name: str) -> None:
    rows: list[Row] = [((unique_name, f"device-{n}", "t"), 0, float(n)) for n in range(10_000)]
    assert store.write(readings_of(rows)) == []
    found = stored(victoria, unique_name)
    assert found == {("telemetry_t", f"device-{n}"): [(0, float(n))] for n in range(10_000)}


def test_a_server_that_was_killed_is_told_and_comes_back(own_victoria: VictoriaMetrics, unique_name: str) -> None:
    store = InfluxStore(own_victoria.url, "forewarn")
    batch = readings_of([((unique_name, "d", "t"), 0, 1.0)])
    own_victoria.kill()
    with pytest.raises(RetryableError, match="no answer"):
        store.write(batch)
    own_victoria.start()
    assert store.write(batch) == []
    assert stored(own_victoria, unique_name) == {("telemetry_t", "d"): [(0, 1.0)]}
    store.close()
