"""The whole service, from a payload to the work order, on its embedded broker and store."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forewarn.config.settings import FileSettings, HttpSettings, MqttSettings
from forewarn.database_admin import is_current, upgrade
from forewarn.live.service import Service
from forewarn.live.web import WebServer
from ingest.database import make_engine
from ingest.errors import InputError, RetryableError
from tests.live import WITHIN_S, Live, live, make_settings, publisher
from tests.servers.ports import free_port
from tests.waiting import wait_until

LIMITS = """
[[limit]]
metric = "temperature"
high = 80.0
unit = "°C"
severity = "high"
"""
TOPIC = "forewarn/v1/plant-1/pump-1/telemetry"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Live]:
    limits = tmp_path / "limits.toml"
    limits.write_text(LIMITS, "utf-8")
    with live(make_settings(tmp_path, limits=FileSettings(file=limits))) as running:
        wait_until(running.ready, "ready", WITHIN_S)
        yield running


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_reading_over_its_limit_becomes_an_alert_and_a_work_order(served: Live) -> None:
    with publisher(served.settings.mqtt.port) as publish:
        publish(TOPIC, {"ts": now_ms(), "values": {"temperature": 95.0}, "units": {"temperature": "°C"}})
        alert = wait_until(lambda: served.items("alerts"), "an alert", WITHIN_S)[0]
    assert (alert["site"], alert["device"], alert["metric"], alert["kind"]) == (
        "plant-1",
        "pump-1",
        "temperature",
        "limit",
    )
    order = served.items("work-orders")[0]
    assert order["number"] == alert["work_order"]
    assert order["alerts"] == [alert["id"]]
    served.settle()
    assert [value for _, value in served.values("plant-1", "pump-1", "temperature")] == [95.0]


def test_units_are_converted_on_entry(served: Live) -> None:
    with publisher(served.settings.mqtt.port) as publish:
        said = {"ts": now_ms(), "values": {"temperature": 212.0}, "units": {"temperature": "°F"}}
        publish(TOPIC, said).wait_for_publish(60)
    served.settle()
    assert [value for _, value in served.values("plant-1", "pump-1", "temperature")] == [pytest.approx(100.0)]
    assert served.items("alerts")[0]["device"] == "pump-1"


def test_an_acknowledged_message_is_on_disk(served: Live) -> None:
    with publisher(served.settings.mqtt.port) as publish:
        publish(TOPIC, {"ts": now_ms(), "values": {"t": 1}}).wait_for_publish(60)
        assert served.metric("readings_received_total") == 1


def test_the_same_message_again_changes_nothing(served: Live) -> None:
    stamped = {"ts": now_ms(), "values": {"t": 1.0}}
    counted = {"values": {"t": 2.0}, "seq": 5}
    with publisher(served.settings.mqtt.port) as publish:
        for message in (stamped, counted, stamped, counted):
            publish(TOPIC, message).wait_for_publish(60)
    served.settle()
    assert sorted(value for _, value in served.values("plant-1", "pump-1", "t")) == [1.0, 2.0]
    assert served.metric("readings_duplicate_total") == 2


def test_another_value_for_the_same_time_is_stored_and_counted(served: Live) -> None:
    stamp = now_ms()
    with publisher(served.settings.mqtt.port) as publish:
        for value in (1.0, 2.0):
            publish(TOPIC, {"ts": stamp, "values": {"t": value}}).wait_for_publish(60)
    served.settle()
    assert [value for _, value in served.values("plant-1", "pump-1", "t")] == [2.0]
    assert served.metric("readings_conflict_total") == 1


def test_late_readings_correct_history_and_page_nobody(served: Live) -> None:
    stamp = now_ms()
    with publisher(served.settings.mqtt.port) as publish:
        publish(TOPIC, {"ts": stamp, "values": {"temperature": 20.0}}).wait_for_publish(60)
        publish(TOPIC, {"ts": stamp - 60_000, "values": {"temperature": 99.0}}).wait_for_publish(60)
    served.settle()
    assert [value for _, value in served.values("plant-1", "pump-1", "temperature")] == [99.0, 20.0]
    assert served.metric("readings_late_total") == 1
    assert served.items("alerts") == []


def test_readings_over_http_are_durable_when_answered(served: Live) -> None:
    objects = [
        {"site": "plant-1", "device": "pump-1", "ts": now_ms(), "values": {"t": 1.0, "u": "x"}},
        {"device": "pump-2", "values": {"t": 2.0}},
        {"values": {"t": 3.0}},
    ]
    answer = served.http.post("/api/v1/telemetry", json=objects)
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 2,
        "rejected": [
            {"index": 0, "metric": "u", "reason": "value should be a finite number, not a text"},
            {"index": 2, "metric": None, "reason": "'device' is missing"},
        ],
    }
    served.settle()
    assert [value for _, value in served.values("default", "pump-2", "t")] == [2.0]


def test_a_device_that_falls_silent_and_comes_back(tmp_path: Path) -> None:
    """Time is a value: the service's clock is the test's."""
    clock = [time.time_ns()]
    settings = make_settings(tmp_path)
    with live(settings, lambda: clock[0]) as running, publisher(settings.mqtt.port) as publish:

        def say(times: int = 1) -> None:
            stamps = [clock[0] // 1_000_000 - 10_000 * ago for ago in reversed(range(times))]
            publish(TOPIC, [{"ts": stamp, "values": {"t": 1.0}} for stamp in stamps]).wait_for_publish(60)
            running.settle()

        def silences() -> list[dict[str, object]]:
            return running.items("alerts", kind="silence")

        def later() -> list[dict[str, object]]:
            clock[0] += 20 * 10**9
            return silences()

        say(times=40)
        wait_until(later, "a silence alert", WITHIN_S, every_s=0.15)
        say()
        wait_until(lambda: silences()[0]["cleared_at"] is not None, "it is over", WITHIN_S)


def test_it_says_what_is_wrong_with_its_ports(served: Live, tmp_path: Path) -> None:
    taken = served.settings
    for sections, answer in (
        (
            {"http": HttpSettings(port=taken.http.port)},
            f"http.port = {taken.http.port} on 127.0.0.1: the port is in use",
        ),
        (
            {"mqtt": MqttSettings(port=taken.mqtt.port)},
            f"mqtt.port = {taken.mqtt.port} on 127.0.0.1: the port is in use",
        ),
    ):
        with pytest.raises(InputError) as caught:
            Service(make_settings(tmp_path / "other", **sections)).start()
        assert str(caught.value) == answer


def test_a_second_service_on_the_same_data_is_refused(served: Live, tmp_path: Path) -> None:
    second = make_settings(tmp_path, data=served.settings.data)
    with pytest.raises(InputError, match="is in use by another forewarn"):
        Service(second).start()
    assert served.ready()


def test_nobody_is_answered_before_the_tables_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, start, ready = make_settings(tmp_path), WebServer.start, []

    def look_and_start(web: WebServer) -> None:
        database = make_engine(settings.database_url)
        ready.append(is_current(database))
        database.dispose()
        start(web)

    monkeypatch.setattr(WebServer, "start", look_and_start)
    with live(settings) as running:
        assert running.http.get("/").status_code == 200
    assert ready == [True]


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    settings.data.dir.mkdir(parents=True)
    database = make_engine(settings.database_url)
    upgrade(database)
    with database.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-the-future'")
    database.dispose()
    service = Service(settings)
    with pytest.raises(InputError, match="the database is from a newer release"):
        service.start()
    service.stop()


def test_a_fault_while_it_waits_for_its_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [RetryableError("database: away"), ZeroDivisionError("ours")]

    def begin(_: Service) -> None:
        raise errors.pop(0)

    monkeypatch.setattr("forewarn.live.service.DATABASE_AGAIN_S", 0.01)
    monkeypatch.setattr(Service, "_begin", begin)
    with live(make_settings(tmp_path)) as running:
        fault = "ended by a fault: ZeroDivisionError: ours"
        wait_until(lambda: running.down().get("service") == fault, "the fault is told", WITHIN_S)


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    first = {"values": {"t": 1.0}, "seq": 7}
    with live(settings) as running, publisher(settings.mqtt.port) as publish:
        publish(TOPIC, first).wait_for_publish(60)
        running.settle()
    again = settings.model_copy(update={"http": HttpSettings(port=free_port()), "mqtt": MqttSettings(port=free_port())})
    with live(again) as running, publisher(again.mqtt.port) as publish:
        publish(TOPIC, first).wait_for_publish(60)
        publish(TOPIC, {"values": {"t": 2.0}, "seq": 8}).wait_for_publish(60)
        running.settle()
        assert [value for _, value in running.values("plant-1", "pump-1", "t")] == [1.0, 2.0]
        assert running.items("devices")[0]["device"] == "pump-1"


def test_it_stops_quickly(tmp_path: Path) -> None:
    with live(make_settings(tmp_path)) as running:
        began = time.monotonic()
        running.service.stop()
        assert time.monotonic() - began < 15, "five on a machine that has nothing else to do"
