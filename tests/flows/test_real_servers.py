"""The whole service on real servers: mosquitto, InfluxDB, PostgreSQL; and each of them away for a while."""

import time
from pathlib import Path
from typing import Any

from forewarn.config.settings import (
    DatabaseSettings,
    FileSettings,
    IngestSettings,
    MqttSettings,
    Settings,
    StoreSettings,
)
from forewarn.database_admin import upgrade
from ingest.database import make_engine
from tests.flows.trouble import write_limits
from tests.live import WITHIN_S, Live, live, make_settings, publisher
from tests.servers.influxdb import Database, InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.waiting import wait_until


def on_servers(
    folder: Path, name: str, broker: Mosquitto | None = None, store: Database | None = None, **sections: Any
) -> Settings:
    if broker is not None:
        sections["mqtt"] = MqttSettings(url=broker.url, client_id=name, topics=(f"forewarn/v1/{name}/#",))
    if store is not None:
        sections["store"] = StoreSettings(url=store.url, bucket=store.bucket, token=store.token)
    return make_settings(folder, limits=FileSettings(file=write_limits(folder)), **sections)


def bring_up(url: str) -> None:
    """What `forewarn db upgrade` does."""
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()


def too_hot(at: int = 0) -> dict[str, Any]:
    return {"ts": time.time_ns() // 1_000_000 + at, "values": {"temperature": 95.0}, "units": {"temperature": "°C"}}


def temperatures(running: Live, site: str) -> list[float]:
    return [value for _, value in running.values(site, "oven", "temperature")]


def test_from_payload_to_order_on_real_servers(
    tmp_path: Path, mosquitto: Mosquitto, influx_database: Database, postgres_url: str, unique_name: str
) -> None:
    bring_up(postgres_url)
    database = DatabaseSettings(url=postgres_url)
    settings = on_servers(tmp_path, unique_name, mosquitto, influx_database, database=database)
    with live(settings) as running:
        wait_until(running.ready, "ready", WITHIN_S)
        with publisher(mosquitto.port) as publish:
            publish(f"forewarn/v1/{unique_name}/oven/telemetry", too_hot()).wait_for_publish(60)
        alert = wait_until(lambda: running.items("alerts"), "an alert", WITHIN_S)[0]
        assert (alert["site"], alert["device"], alert["kind"]) == (unique_name, "oven", "limit")
        assert running.items("work-orders")[0]["number"] == alert["work_order"]
        running.settle()
        assert temperatures(running, unique_name) == [95.0]
        scores = running.items("scores", site=unique_name, device="oven", metric="temperature")
        assert [score["p_value"] for score in scores] == [1.0]


def test_a_database_of_an_older_release_is_named_and_waited_for(tmp_path: Path, postgres_url: str) -> None:
    settings = make_settings(tmp_path, database=DatabaseSettings(url=postgres_url))
    with live(settings) as running:
        assert "forewarn db upgrade" in wait_until(running.down, "not ready", WITHIN_S)["database"]
        for path in ("/", "/metrics", "/api/v1/alerts"):
            answer = running.http.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "forewarn db upgrade" in answer.json()["detail"]
        bring_up(postgres_url)
        wait_until(running.ready, "ready after the upgrade", WITHIN_S)


def test_alerts_go_on_while_the_store_is_away_and_it_gets_all_afterwards(
    tmp_path: Path, own_influxdb: InfluxDB, unique_name: str
) -> None:
    with own_influxdb.database(unique_name) as store, live(on_servers(tmp_path, unique_name, store=store)) as running:
        wait_until(running.ready, "ready", WITHIN_S)
        topic = f"forewarn/v1/{unique_name}/oven/telemetry"
        with publisher(running.settings.mqtt.port) as publish:
            publish(topic, {"ts": time.time_ns() // 1_000_000, "values": {"temperature": 20.0}}).wait_for_publish(60)
            running.settle()
            own_influxdb.kill()
            publish(topic, too_hot()).wait_for_publish(60)
            wait_until(lambda: running.items("alerts"), "an alert", WITHIN_S)
            wait_until(lambda: "store" in running.down(), "it says that the store is away", WITHIN_S)
            assert running.metric("spool_readings") >= 1
            own_influxdb.start()
            running.settle()
        wait_until(running.ready, "ready again", WITHIN_S)
        assert temperatures(running, unique_name) == [20.0, 95.0]
        assert len(running.items("scores", site=unique_name, device="oven", metric="temperature")) == 2


def test_what_waits_for_the_store_survives_a_restart(tmp_path: Path, own_influxdb: InfluxDB, unique_name: str) -> None:
    with own_influxdb.database(unique_name) as store:
        settings = on_servers(tmp_path, unique_name, store=store)
        own_influxdb.kill()
        with live(settings) as running, publisher(settings.mqtt.port) as publish:
            publish(f"forewarn/v1/{unique_name}/oven/telemetry", too_hot()).wait_for_publish(60)
            wait_until(lambda: running.items("alerts"), "an alert", WITHIN_S)
        own_influxdb.start()
        with live(on_servers(tmp_path, unique_name, store=store)) as running:
            running.settle()
            assert temperatures(running, unique_name) == [95.0]
            assert len(running.items("scores", site=unique_name, device="oven", metric="temperature")) == 1
            assert len(running.items("alerts")) == 1


def test_readings_are_taken_while_the_database_is_away_and_alerts_come_afterwards(
    tmp_path: Path, own_postgresql: PostgreSQL, unique_name: str
) -> None:
    with own_postgresql.database() as url:
        bring_up(url)
        settings = on_servers(tmp_path, unique_name, database=DatabaseSettings(url=url))
        with live(settings) as running:
            wait_until(running.ready, "ready", WITHIN_S)
            own_postgresql.kill()
            with publisher(settings.mqtt.port) as publish:
                publish(f"forewarn/v1/{unique_name}/oven/telemetry", too_hot()).wait_for_publish(60)
            wait_until(lambda: "database" in running.service.not_ready(), "it says so", WITHIN_S)
            own_postgresql.start()
            running.settle()
            wait_until(running.ready, "ready again", WITHIN_S)
            assert [alert["device"] for alert in running.items("alerts")] == ["oven"]


def test_a_full_spool_stops_acknowledging_and_says_so(tmp_path: Path, own_influxdb: InfluxDB, unique_name: str) -> None:
    with own_influxdb.database(unique_name) as store:
        settings = on_servers(
            tmp_path, unique_name, store=store, ingest=IngestSettings.model_construct(spool_size=3 * 10**6)
        )
        own_influxdb.kill()
        batch = [{"device": f"d{n}", "values": {f"m{k}": float(n + k) for k in range(20)}, "ts": 0} for n in range(200)]
        with live(settings) as running, publisher(settings.mqtt.port) as publish:
            sent = []
            began = time.time_ns() // 1_000_000
            for round_ in range(80):
                for one in batch:
                    one["ts"] = began + round_
                sent.append(publish(f"forewarn/v1/{unique_name}/telemetry", batch))
            wait_until(lambda: "spool" in running.down(), "it says that the spool is full", WITHIN_S)
            answer = running.http.post("/api/v1/telemetry", json=[{"device": "a", "values": {"t": 1}}])
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert not sent[-1].is_published()
            own_influxdb.start()
            sent[-1].wait_for_publish(60)
            running.settle()
            assert running.metric("readings_received_total") == 80 * 4_000
            wait_until(running.ready, "ready again", WITHIN_S)
