"""The InfluxDB store against real servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from ingest.errors import RetryableError
from ingest.stores import influxdb as influxdb_module
from ingest.stores.influxdb import InfluxStore
from ingest.stores.influxhttp import TIMEOUT_S, Answer
from ingest.stores.store import Refused, TelemetryStore
from tests.ingest.store_battery import OTHER, StoreBattery, T, V, everything
from tests.ingest.telemetry import START, Row, S, readings_of, scores_of
from tests.servers.influxdb import Database, InfluxDB
from tests.servers.plugin import server_folder

HOUR = 3600 * S


class TestInfluxStore(StoreBattery):
    @pytest.fixture
    def store(self, influx_target: Database) -> Iterator[TelemetryStore]:
        at = influx_target
        store = InfluxStore(at.url, at.bucket, org=at.org, token=at.token)
        store.prepare()
        yield store
        store.close()


@pytest.fixture
def store(influx_database: Database) -> Iterator[InfluxStore]:
    store = InfluxStore(influx_database.url, influx_database.bucket)
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def requests(store: InfluxStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of every write request that the store makes."""
    bodies: list[str] = []
    post = store._post

    def listening(lines: str) -> Answer:
        bodies.append(lines)
        return post(lines)

    monkeypatch.setattr(store, "_post", listening)
    return bodies


@pytest.fixture(scope="module")
def guarded_influxdb() -> Iterator[InfluxDB]:
    """A server that wants user and password."""
    with server_folder() as folder, InfluxDB(folder, password="s3cr:et") as server:
        yield server


def conflict(influxdb: InfluxDB, at: Database, field: str, day: int = 0) -> None:
    """Make a field an integer in the shard of a day, so that floats are refused there."""
    line = f"telemetry,site=x,device=x {field}=1i {START + day * 24 * HOUR}"
    httpx.post(f"{at.url}/write", params={"db": at.bucket, "precision": "ns"}, content=line).raise_for_status()


# -- what lies in the server -------------------------------------------------------------------------------------------


def test_the_measurements_are_those_of_the_contract(
    influxdb: InfluxDB, influx_database: Database, store: InfluxStore
) -> None:
    store.write(readings_of([(T, 5, 21.5), (V, 5, 1.0), (OTHER, 7, 3.0)]))
    store.write_scores(scores_of([(T, 5, 2.5)]))
    telemetry = influxdb.query("SELECT * FROM telemetry", influx_database.bucket)
    assert telemetry[0]["columns"] == ["time", "device", "site", "temperature", "vibration"]
    assert telemetry[0]["values"] == [
        [START + 5, "pump", "plant", 21.5, 1],
        [START + 7, "fan", "plant", 3, None],
    ]
    scores = influxdb.query("SELECT * FROM scores", influx_database.bucket)
    assert scores[0]["columns"] == ["time", "device", "expected", "high", "low", "metric", "p_value", "score", "site"]
    tags = influxdb.query("SHOW TAG KEYS FROM scores", influx_database.bucket)
    assert tags[0]["values"] == [["device"], ["metric"], ["site"]]
    types = influxdb.query("SHOW FIELD KEYS FROM telemetry", influx_database.bucket)
    assert types[0]["values"] == [["temperature", "float"], ["vibration", "float"]]


def test_metrics_of_one_moment_share_a_line(store: InfluxStore, requests: list[str]) -> None:
    store.write(readings_of([(T, 5, 21.5), (OTHER, 5, 3.0), (V, 5, 1.0), (T, 6, 22.5), (T, 5, 21.25)]))
    assert sorted("".join(requests).splitlines()) == [
        f"telemetry,site=plant,device=fan temperature=3.0 {START + 5}",
        f"telemetry,site=plant,device=pump temperature=21.25,vibration=1.0 {START + 5}",
        f"telemetry,site=plant,device=pump temperature=22.5 {START + 6}",
    ]


def test_a_large_batch_goes_in_requests_of_bounded_size(
    store: InfluxStore, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influxdb_module, "MAX_ROWS", 40)
    assert store.write(readings_of([(T, n, float(n)) for n in range(100)])) == []
    assert [lines.count("\n") for lines in requests] == [40, 40, 20]
    assert len(everything(store, T)) == 100


# -- the first start ---------------------------------------------------------------------------------------------------


def policies(influxdb: InfluxDB, database: str) -> list[object]:
    rows = influxdb.query(f'SHOW RETENTION POLICIES ON "{database}"')[0]["values"]
    assert isinstance(rows, list)
    return rows


def test_the_database_is_made_on_the_first_write(influxdb: InfluxDB, unique_name: str) -> None:
    store = InfluxStore(influxdb.url, unique_name)
    store.write(readings_of([(T, 0, 1.0)]))
    assert everything(store, T) == [(0, 1.0)]
    assert policies(influxdb, unique_name) == [["autogen", "0s", "168h0m0s", 1, True]]
    influxdb.query(f'DROP DATABASE "{unique_name}"')
    with pytest.raises(RetryableError, match="database not found"):
        store.write(readings_of([(T, 0, 2.0)]))
    store.write(readings_of([(T, 0, 3.0)]))
    assert everything(store, T) == [(0, 3.0)]
    influxdb.query(f'DROP DATABASE "{unique_name}"')
    store.close()


@pytest.mark.parametrize("name", ['a "b" c', "温度", "a;b'c"])
def test_any_database_name_will_do(influxdb: InfluxDB, name: str) -> None:
    store = InfluxStore(influxdb.url, name)
    store.prepare()
    store.write(readings_of([(T, 0, 1.0)]))
    assert everything(store, T) == [(0, 1.0)]
    store.close()


def test_a_name_that_the_server_does_not_like_is_told(influxdb: InfluxDB) -> None:
    with pytest.raises(RetryableError, match=r"store\.bucket 'a\\\\b' cannot be made ready: .*invalid name"):
        InfluxStore(influxdb.url, "a\\b").write(readings_of([(T, 0, 1.0)]))


@pytest.mark.parametrize(
    ("days", "duration", "shard"),
    [(1, "24h0m0s", "1h0m0s"), (30, "720h0m0s", "24h0m0s"), (400, "9600h0m0s", "168h0m0s")],
)
def test_retention_is_set_on_a_new_and_on_an_old_database(
    influxdb: InfluxDB, unique_name: str, days: int, duration: str, shard: str
) -> None:
    for made_before in (False, True):
        name = f"{unique_name}-{made_before}"
        if made_before:
            influxdb.query(f'CREATE DATABASE "{name}"')
        for _ in range(2):
            store = InfluxStore(influxdb.url, name, retention=timedelta(days=days))
            store.prepare()
            assert policies(influxdb, name) == [["autogen", duration, shard, 1, True]]
            store.close()
        influxdb.query(f'DROP DATABASE "{name}"')


def test_without_a_wish_the_retention_stays_as_it_is(influxdb: InfluxDB, unique_name: str) -> None:
    influxdb.query(f'CREATE DATABASE "{unique_name}" WITH DURATION 48h')
    store = InfluxStore(influxdb.url, unique_name)
    store.prepare()
    assert policies(influxdb, unique_name) == [["autogen", "48h0m0s", "24h0m0s", 1, True]]
    influxdb.query(f'DROP DATABASE "{unique_name}"')
    store.close()


# -- what the server refuses -------------------------------------------------------------------------------------------


def refusals(refused: list[Refused], word: str) -> list[int]:
    assert all(word in one.reason for one in refused)
    return sorted(one.row for one in refused)


def test_a_type_conflict_costs_its_points_only(
    influxdb: InfluxDB, influx_database: Database, store: InfluxStore, requests: list[str]
) -> None:
    conflict(influxdb, influx_database, "temperature")
    rows: list[Row] = [(T, 0, 1.0), (V, 0, 2.0), (T, S, 3.0), (OTHER, 0, 4.0), (V, S, 5.0)]
    assert refusals(store.write(readings_of(rows)), "type conflict") == [0, 2, 3]
    assert everything(store, V) == [(0, 2.0), (S, 5.0)]
    assert everything(store, T) == []
    # From now on that metric goes by itself, and no confirmed point is sent twice.
    requests.clear()
    later: list[Row] = [(T, 2 * S, 1.0), (V, 2 * S, 2.0), (V, 3 * S, 3.0)]
    assert refusals(store.write(readings_of(later)), "type conflict") == [0]
    assert [lines.count("vibration") for lines in requests] == [2, 0]
    assert len(everything(store, V)) == 4


def test_a_conflict_in_one_shard_says_nothing_about_another(
    influxdb: InfluxDB, influx_database: Database, store: InfluxStore, requests: list[str]
) -> None:
    conflict(influxdb, influx_database, "temperature")
    rows: list[Row] = [(T, day * 24 * HOUR, float(day)) for day in range(0, 30, 10)] + [(V, 0, 1.0)]
    assert refusals(store.write(readings_of(rows)), "type conflict") == [0]
    assert everything(store, T) == [(240 * HOUR, 10.0), (480 * HOUR, 20.0)]
    assert everything(store, V) == [(0, 1.0)]
    assert store.write(readings_of([(T, 481 * HOUR, 1.0), (V, S, 1.0)])) == []
    requests.clear()
    store.write(readings_of([(T, 482 * HOUR, 1.0), (V, 482 * HOUR, 1.0)]))
    assert len(requests) == 1, "a metric that was taken again goes with the others again"


def test_points_beyond_retention_are_refused_and_the_rest_is_kept(influxdb: InfluxDB, unique_name: str) -> None:
    now = time.time_ns() - START
    store = InfluxStore(influxdb.url, unique_name, retention=timedelta(days=2))
    rows: list[Row] = [(T, now, 1.0), (T, now - 90 * 24 * HOUR, 2.0), (V, now, 3.0), (V, now - 60 * 24 * HOUR, 4.0)]
    assert refusals(store.write(readings_of(rows)), "beyond retention policy") == [1, 3]
    assert (everything(store, T), everything(store, V)) == ([(now, 1.0)], [(now, 3.0)])
    assert refusals(store.write_scores(scores_of(rows)), "beyond retention policy") == [1, 3]
    assert store.scores(*V, START, 2**62, 10).score.tolist() == [3.0]
    influxdb.query(f'DROP DATABASE "{unique_name}"')
    store.close()


def test_reasons_may_come_together(influxdb: InfluxDB, unique_name: str) -> None:
    now = time.time_ns() - START
    store = InfluxStore(influxdb.url, unique_name, retention=timedelta(days=2))
    store.prepare()
    at = Database(influxdb.url, unique_name, "", "")
    line = f"telemetry,site=x,device=x temperature=1i {START + now}"
    httpx.post(f"{at.url}/write", params={"db": at.bucket, "precision": "ns"}, content=line).raise_for_status()
    rows: list[Row] = [(V, now - n * S, float(n)) for n in range(50)]
    rows[10] = (T, now, 1.0)
    rows[20] = (V, now - 90 * 24 * HOUR, 1.0)
    rows[30] = (OTHER, now, 1.0)
    assert refusals(store.write(readings_of(rows)), "partial write") == [10, 20, 30]
    assert len(everything(store, V)) == 47
    influxdb.query(f'DROP DATABASE "{unique_name}"')
    store.close()


def test_what_the_server_does_not_name_is_found_by_halves(
    influxdb: InfluxDB, influx_database: Database, store: InfluxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influxdb_module, "_named", lambda *_: None)
    conflict(influxdb, influx_database, "temperature")
    rows: list[Row] = [(V, n * S, float(n)) for n in range(64)]
    rows[7], rows[40] = (T, 0, 1.0), (OTHER, 0, 1.0)
    assert refusals(store.write(readings_of(rows)), "type conflict") == [7, 40]
    assert len(everything(store, V)) == 62


def test_many_refused_points_do_not_cost_a_request_each(
    influxdb: InfluxDB, influx_database: Database, store: InfluxStore, requests: list[str]
) -> None:
    for metric in range(10):
        conflict(influxdb, influx_database, f"m{metric}")
    rows: list[Row] = [(("plant", "pump", f"m{n % 10}"), n * S, 1.0) for n in range(1000)]
    rows += [(V, n * S, 1.0) for n in range(1000)]
    assert refusals(store.write(readings_of(rows)), "type conflict") == list(range(1000))
    assert len(everything(store, V)) == 1000
    assert len(requests) < 20
    scores = [(("plant", "pump", "m"), n * S, 1.0) for n in range(50)]
    assert store.write_scores(scores_of(scores)) == []


# -- a server that is away ---------------------------------------------------------------------------------------------


def test_a_server_that_is_away_is_told_and_comes_back(own_influxdb: InfluxDB, unique_name: str) -> None:
    store = InfluxStore(own_influxdb.url, unique_name)
    store.write(readings_of([(T, 0, 1.0)]))
    own_influxdb.kill()
    calls: list[Callable[[], object]] = [
        lambda: store.write(readings_of([(T, S, 2.0)])),
        lambda: store.write_scores(scores_of([(T, S, 2.0)])),
        lambda: everything(store, T),
        store.ping,
        store.prepare,
        InfluxStore(own_influxdb.url, unique_name).prepare,
    ]
    for call in calls:
        with pytest.raises(RetryableError, match=f"{own_influxdb.url}: no answer"):
            call()
    own_influxdb.start()
    assert everything(store, T) == [(0, 1.0)], "what was confirmed survived the kill"
    store.write(readings_of([(T, S, 2.0)]))
    assert everything(store, T) == [(0, 1.0), (S, 2.0)]
    store.close()


def test_a_server_that_hangs_is_not_waited_for(own_influxdb: InfluxDB, unique_name: str) -> None:
    patience_s = TIMEOUT_S / 3  # enough for a busy server, and told apart from the default
    store = InfluxStore(own_influxdb.url, unique_name, timeout_s=patience_s)
    store.prepare()
    with own_influxdb.frozen():
        began = time.monotonic()
        with pytest.raises(RetryableError, match="no answer"):
            store.write(readings_of([(T, 0, 1.0)]))
        assert patience_s <= time.monotonic() - began < TIMEOUT_S
    store.write(readings_of([(T, 0, 1.0)]))  # the same again: the first may have been taken after all
    assert everything(store, T) == [(0, 1.0)]
    store.close()


def test_no_server_at_all() -> None:
    with pytest.raises(RetryableError, match="no answer"):
        InfluxStore("http://127.0.0.1:1", "b").prepare()
    with pytest.raises(RetryableError, match=r"http://host\.invalid:8086"):
        InfluxStore("http://host.invalid:8086", "b").ping()


# -- credentials -------------------------------------------------------------------------------------------------------


def test_credentials_are_user_and_password(guarded_influxdb: InfluxDB, unique_name: str) -> None:
    url = guarded_influxdb.url
    store = InfluxStore(url, unique_name, token=guarded_influxdb.token)
    store.write(readings_of([(T, 0, 1.0)]))
    assert everything(store, T) == [(0, 1.0)]
    for token in ("", "admin:wrong", "nobody:x"):
        with pytest.raises(RetryableError, match=r"refuses the credentials in store\.token"):
            InfluxStore(url, unique_name, token=token).write(readings_of([(T, 0, 1.0)]))
    store.close()


def test_a_user_who_may_only_write_needs_no_more(guarded_influxdb: InfluxDB, unique_name: str) -> None:
    guarded_influxdb.query(f'CREATE DATABASE "{unique_name}"')
    guarded_influxdb.query("CREATE USER meter WITH PASSWORD 'secret'")
    store = InfluxStore(guarded_influxdb.url, unique_name, token="meter:secret", retention=timedelta(days=9))
    with pytest.raises(RetryableError, match=f"does not take data for '{unique_name}'"):
        store.write(readings_of([(T, 0, 1.0)]))
    guarded_influxdb.query(f'GRANT ALL ON "{unique_name}" TO meter')
    store.write(readings_of([(T, 0, 1.0)]))
    assert everything(store, T) == [(0, 1.0)]
    assert policies(guarded_influxdb, unique_name)[0] == ["autogen", "0s", "168h0m0s", 1, True]
    store.close()
