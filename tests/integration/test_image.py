"""What docker-compose.yml would start, on real servers: the image's command line with compose's settings."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.composed import COMPOSE, ComposedMosquitto, image_command, image_environment, is_healthy
from tests.servers.influxdb import InfluxDB
from tests.servers.plugin import server_folder
from tests.servers.ports import free_port
from tests.servers.postgresql import PostgreSQL
from tests.waiting import wait_until

T_MS = 1_764_000_000_000


@dataclass(frozen=True)
class Deployment:
    """The servers that compose starts beside the service, and the service's environment."""

    broker: ComposedMosquitto
    influxdb: InfluxDB
    environment: dict[str, str]
    folder: Path
    port: int

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the image, to its end."""
        command = image_command(list(arguments))
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """The image's own command, while it runs."""
        with (self.folder / "service.log").open("wb") as log:
            process = subprocess.Popen(image_command(), env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(60)

    def get(self, path: str) -> httpx.Response | None:
        """The answer, None while there is none."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)
        except httpx.TransportError:
            return None

    def is_ready(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer.status_code == 200


@pytest.fixture
def deployment(postgresql: PostgreSQL) -> Iterator[Deployment]:
    with (
        server_folder() as folder,
        server_folder() as broker_folder,
        server_folder() as influx_folder,
        ComposedMosquitto(broker_folder, "for-the-service", "for-devices") as broker,
        InfluxDB(influx_folder, password="for-the-store") as influxdb,
        postgresql.database() as database_url,
    ):
        variables = {
            "MQTT_PASSWORD": "for-the-service",
            "INFLUX_TOKEN": influxdb.token,
            "POSTGRES_PASSWORD": postgresql.password,
            "TIMEZONE": "Asia/Shanghai",
        }
        hosts = {
            "mosquitto:1883": f"{broker.host}:{broker.port}",
            "influxdb:8086": f"{influxdb.host}:{influxdb.port}",
            "postgres:5432/forewarn": database_url.rpartition("@")[2],
            "/var/lib/forewarn": str(folder / "data"),
            "8000": str(port := free_port()),
        }
        yield Deployment(broker, influxdb, image_environment(variables, hosts), folder, port)


def publish(deployment: Deployment) -> None:
    device = mqtt.Client(CallbackAPIVersion.VERSION2)
    device.username_pw_set("devices", "for-devices")
    device.connect(deployment.broker.host, deployment.broker.port)
    device.loop_start()
    payload = json.dumps({"ts": T_MS, "values": {"temperature": 21.5}})
    device.publish("forewarn/v1/hall/pump/telemetry", payload, qos=1).wait_for_publish(60)
    device.disconnect()
    device.loop_stop()


def stored(deployment: Deployment) -> list[object]:
    bucket = COMPOSE["services"]["forewarn"]["environment"]["FOREWARN_STORE__BUCKET"]
    series = deployment.influxdb.query("SELECT temperature, site, device FROM telemetry", bucket)
    return [row for one in series for row in one["values"]]  # type: ignore[attr-defined]


def test_the_composed_service_takes_a_reading_from_the_broker_to_the_store(deployment: Deployment) -> None:
    upgraded = deployment.run(*COMPOSE["services"]["database-upgrade"]["command"])
    assert upgraded.returncode == 0, upgraded.stderr
    with deployment.serving() as process:
        wait_until(deployment.is_ready, "ready", timeout_s=60)
        assert is_healthy(deployment.port, deployment.environment)
        publish(deployment)
        row = [T_MS * 10**6, 21.5, "hall", "pump"]
        # nobody compiled the detectors in this environment: the first reading waits for it
        wait_until(lambda: stored(deployment) == [row], "the reading is in the store", timeout_s=120)
        refused = deployment.get("/api/v1/devices")
        assert refused is not None
        assert refused.status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not is_healthy(deployment.port, deployment.environment)


def test_without_its_tables_the_composed_service_says_what_to_run(deployment: Deployment) -> None:
    def readiness() -> str:
        answer = deployment.get("/readyz")
        return answer.text if answer is not None and answer.status_code == 503 else ""

    with deployment.serving():
        wait_until(lambda: "forewarn db upgrade" in readiness(), "readiness names the command", timeout_s=60)
        deployment.run("db", "upgrade")
        wait_until(deployment.is_ready, "ready without a restart", timeout_s=60)
