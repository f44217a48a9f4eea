"""Each server fixture is a real server, is ours, loses nothing when killed, and comes back on its port."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.influxdb import Database, InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.plugin import server_folder
from tests.servers.ports import free_port, listens
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import ServerError
from tests.servers.victoria import VictoriaMetrics
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


class Listener:
    """A client with a persistent session that keeps the payloads it gets."""

    def __init__(self, broker: Mosquitto, name: str) -> None:
        self.broker = broker
        self.payloads: list[bytes] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.client.on_message = lambda _client, _data, message: self.payloads.append(bytes(message.payload))

    def listen(self, topic: str) -> None:
        self.client.connect(self.broker.host, self.broker.port)
        self.client.loop_start()
        wait_until(self.client.is_connected, "connected")
        granted: list[int] = []
        self.client.on_subscribe = lambda _client, _data, mid, *_rest: granted.append(mid)
        self.client.subscribe(topic, qos=1)
        wait_until(lambda: granted, "subscribed")

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def publish(broker: Mosquitto, topic: str, payloads: list[bytes]) -> None:
    """Publish with QoS 1 and wait for every acknowledgement."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.host, broker.port)
    client.loop_start()
    for sent in [client.publish(topic, payload, qos=1) for payload in payloads]:
        sent.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def test_mosquitto_delivers(mosquitto: Mosquitto, unique_name: str) -> None:
    listener = Listener(mosquitto, unique_name)
    listener.listen(f"{unique_name}/#")
    publish(mosquitto, f"{unique_name}/a", [b"one", b"two"])
    wait_until(lambda: listener.payloads == [b"one", b"two"], "both messages")
    listener.leave()


def test_mosquitto_with_the_shipped_settings_keeps_what_it_saved_when_killed(
    own_mosquitto: Mosquitto, unique_name: str
) -> None:
    sent = [f"message-{number:04}".encode() for number in range(1_200)]  # more than mosquitto's own limit of 1 000
    listener = Listener(own_mosquitto, unique_name)
    listener.listen("kept/#")
    listener.leave()
    publish(own_mosquitto, "kept/a", sent)
    wait_until(lambda: sent[-1] in own_mosquitto.saved(), "saved at once, not after half an hour", timeout_s=60)
    own_mosquitto.kill()
    own_mosquitto.start()
    again = Listener(own_mosquitto, unique_name)
    again.listen("kept/#")
    wait_until(lambda: len(again.payloads) >= len(sent), "every acknowledged message", timeout_s=60)
    again.leave()
    assert again.payloads == sent


def test_mosquitto_with_users_refuses_strangers() -> None:
    with server_folder() as folder, Mosquitto(folder, users={"gateway": "secret"}) as broker:
        reasons = []
        for password in ("secret", "wrong"):
            client = mqtt.Client(CallbackAPIVersion.VERSION2)
            client.username_pw_set("gateway", password)
            client.on_connect = lambda _client, _data, _flags, reason, _properties: reasons.append(reason.getName())
            client.connect(broker.host, broker.port)
            wait_until(lambda client=client: client.loop(0.1) or reasons, "an answer")  # type: ignore[misc]
            client.disconnect()
        assert broker.url == f"mqtt://gateway:secret@127.0.0.1:{broker.port}"
    assert reasons == ["Success", "Not authorized"]


def write(server: InfluxDB | VictoriaMetrics, lines: str, database: str = "") -> None:
    httpx.post(f"{server.url}/write", params={"db": database}, content=lines).raise_for_status()


def test_influxdb_is_version_1_6_as_debian_has_it(influxdb: InfluxDB) -> None:
    assert httpx.get(f"{influxdb.url}/ping").headers["x-influxdb-version"].startswith("1.6")
    assert httpx.post(f"{influxdb.url}/api/v2/write").status_code == 404


def test_influxdb_stores_and_answers(influxdb: InfluxDB, influx_database: Database) -> None:
    write(influxdb, "telemetry,site=s,device=d temperature=21.5 1764000000000000001", influx_database.bucket)
    [series] = influxdb.query("SELECT temperature FROM telemetry", influx_database.bucket)
    assert series["values"] == [[1764000000000000001, 21.5]]


def test_influxdb_databases_are_fresh(influxdb: InfluxDB, influx_database: Database) -> None:
    assert influxdb.query("SHOW MEASUREMENTS", influx_database.bucket) == []


def test_influxdb_killed_keeps_what_it_answered(own_influxdb: InfluxDB) -> None:
    own_influxdb.query("CREATE DATABASE kept")
    write(own_influxdb, "\n".join(f"m value={number} {number}" for number in range(1, 1_001)), "kept")
    first = own_influxdb.pid, own_influxdb.port
    own_influxdb.kill()
    own_influxdb.start()
    assert own_influxdb.port == first[1]
    assert own_influxdb.pid != first[0]
    [series] = own_influxdb.query("SELECT count(value) FROM m", "kept")
    assert series["values"] == [[0, 1_000]]


def test_influxdb_with_a_password_refuses_strangers() -> None:
    with server_folder() as folder, InfluxDB(folder, password="secret") as server:
        assert httpx.post(f"{server.url}/query", data={"q": "SHOW DATABASES"}).status_code == 401
        server.query("CREATE DATABASE mine")
        with server.database("yours") as database:
            assert database.token == "admin:secret"


def test_influx_target_is_writable(influx_target: Database) -> None:
    answer = httpx.get(f"{influx_target.url}/ping")
    assert answer.status_code == 204


def test_victoria_takes_both_write_paths(victoria: VictoriaMetrics, unique_name: str) -> None:
    for path, value in (("/write", 1), ("/api/v2/write", 2)):
        lines = f"{unique_name},path={path} value={value} 1764000000000000000"
        httpx.post(f"{victoria.url}{path}", content=lines).raise_for_status()
    found = {
        series["metric"]["path"]: series["values"]
        for series in victoria.export(f'{{path!="",__name__="{unique_name}_value"}}')
    }
    assert found == {"/write": [1], "/api/v2/write": [2]}


def test_victoria_comes_back_after_an_orderly_stop(own_victoria: VictoriaMetrics) -> None:
    write(own_victoria, "kept value=7 1764000000000000000")
    own_victoria.restart()
    assert [series["values"] for series in own_victoria.export("kept_value")] == [[7]]


def test_postgresql_databases_are_fresh_and_apart(postgresql: PostgreSQL) -> None:
    with postgresql.database() as one, postgresql.database() as other:
        names = [url.rpartition("/")[2] for url in (one, other)]
        with postgresql.connect(names[0]) as connection:
            connection.execute("CREATE TABLE thing (id int)")
        with postgresql.connect(names[1]) as connection:
            assert connection.execute("SELECT to_regclass('thing')").fetchone() == (None,)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgresql.connect(names[0])


def test_postgresql_url_works_with_sqlalchemy(postgres_url: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
    engine.dispose()


def test_postgresql_refuses_a_wrong_password(postgresql: PostgreSQL) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://forewarn:wrong@127.0.0.1:{postgresql.port}/postgres")


def test_postgresql_killed_keeps_what_it_committed(own_postgresql: PostgreSQL) -> None:
    with own_postgresql.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS id")
    own_postgresql.kill()
    own_postgresql.start()
    with own_postgresql.connect() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)


def test_a_server_never_runs_as_root_where_it_refuses_root(postgresql: PostgreSQL) -> None:
    assert Path(f"/proc/{postgresql.pid}").stat().st_uid != 0


def test_a_stopped_server_frees_its_port(unique_name: str) -> None:
    with server_folder() as folder, VictoriaMetrics(folder) as server:
        pid, port = server.pid, server.port
        assert listens(pid, port)
    assert not listens(pid, port)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_somebody_else_on_the_port_is_not_taken_for_ours() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert listens(os.getpid(), port)
        with server_folder() as folder, VictoriaMetrics(folder) as server:
            assert not listens(server.pid, port)


def test_test_runs_at_the_same_time_are_given_different_ports() -> None:
    code = (
        "import sys; from tests.servers import ports; ports._FIRST, ports._LAST = 14_000, 14_100; "
        "print(*[ports.free_port() for _ in range(40)], flush=True); sys.stdin.read()"
    )
    with ExitStack() as held:
        runs = [
            held.enter_context(
                subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
            )
            for _ in range(2)
        ]
        given = [set(run.stdout.readline().split()) for run in runs if run.stdout]
        for run in runs:
            run.communicate(timeout=60)
    assert [len(ports) for ports in given] == [40, 40]
    assert not given[0] & given[1]


def test_a_port_that_was_taken_meanwhile_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = iter([taken])
        monkeypatch.setattr("tests.servers.process.free_port", lambda: next(ports, None) or free_port())
        with server_folder() as folder, Mosquitto(folder) as server:
            assert server.port != taken
            assert "Address already in use" in server.log.read_text("utf-8")


def test_a_missing_server_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mosquitto, "program", "mosquitto-that-is-not-there")
    with server_folder() as folder, pytest.raises(ServerError, match="make servers"):
        Mosquitto(folder).start()


def test_a_dead_server_is_noticed(own_victoria: VictoriaMetrics) -> None:
    os.kill(own_victoria.pid, signal.SIGKILL)

    def gone() -> bool:
        try:
            return not own_victoria.pid
        except ServerError:
            return True

    wait_until(gone, "the server is known to be dead")
