"""A service for tests: in this process, or as the command in one of its own that can be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from forewarn.config.settings import (
    DataSettings,
    HttpSettings,
    MqttSettings,
    Settings,
)
from forewarn.live.service import Service
from tests.servers.ports import free_port
from tests.waiting import wait_until

START_WITHIN_S = 60.0
WITHIN_S = 60.0


class Api:
    """What is asked of a running service over HTTP."""

    def __init__(self, port: int) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def ready(self) -> bool:
        """Whether every part works."""
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def down(self) -> dict[str, str]:
        """The parts that are down, and why."""
        try:
            said: dict[str, str] = self.http.get("/readyz").json()["down"]
        except httpx.TransportError as error:
            return {"http": str(error)}
        return said

    def degraded(self) -> dict[str, str]:
        """The parts that do less than they should, and why."""
        said: dict[str, str] = self.http.get("/readyz").json()["degraded"]
        return said

    def items(self, resource: str, **params: str) -> list[dict[str, Any]]:
        """Everything in a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.http.get(f"/api/v1/{resource}", params=params | ({"cursor": cursor} if cursor else {}))
            assert page.status_code == 200, page.text
            found += page.json()["items"]
            cursor = page.json()["next"]
            if cursor is None:
                return found

    def values(
        self, site: str, device: str, metric: str, start: str = "1990-01-01T00:00:00Z"
    ) -> list[tuple[str, float]]:
        """(time, value) of the stored readings of a series."""
        params = {"site": site, "device": device, "metric": metric, "start": start, "end": "2100-01-01T00:00:00Z"}
        return [(item["time"], item["value"]) for item in self.items("readings", limit="10000", **params)]

    def metric(self, name: str) -> float:
        """A counter or gauge of /metrics."""
        for line in self.http.get("/metrics").text.splitlines():
            if line.startswith(f"forewarn_{name} "):
                return float(line.split()[1])
        raise AssertionError(f"there is no metric forewarn_{name}")


class Live(Api):
    """A service in this process."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = time.time_ns) -> None:
        super().__init__(settings.http.port)
        self.settings = settings
        self.service = Service(settings, clock)

    def idle(self) -> bool:
        """Whether everything that arrived is judged and stored."""
        return self.service.pipeline.idle

    def settle(self) -> None:
        """Wait until it is."""
        wait_until(self.idle, "everything judged and stored", WITHIN_S)


def make_settings(folder: Path, **sections: Any) -> Settings:
    """Settings with free ports and data in `folder`; sections as given go above."""
    made: dict[str, Any] = {
        "data": DataSettings(dir=folder / "data"),
        "http": HttpSettings(port=free_port()),
        "mqtt": MqttSettings(port=free_port()),
    }
    return Settings(**(made | sections))


@contextmanager
def live(settings: Settings, clock: Callable[[], int] = time.time_ns) -> Iterator[Live]:
    """A started service, stopped in the end."""
    running = Live(settings, clock)
    running.service.start()
    try:
        yield running
    finally:
        running.service.stop()
        running.http.close()


@contextmanager
def publisher(url_or_port: str | int) -> Iterator[Callable[[str, Any], mqtt.MQTTMessageInfo]]:
    """A function that publishes at QoS 1: bytes as they are, anything else as JSON."""
    port = url_or_port if isinstance(url_or_port, int) else int(url_or_port.rpartition(":")[2])
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def publish(topic: str, payload: Any) -> mqtt.MQTTMessageInfo:
        return client.publish(topic, payload if isinstance(payload, bytes) else orjson.dumps(payload), qos=1)

    try:
        wait_until(client.is_connected, "the publisher is connected")
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


class Command(Api):
    """`forewarn serve` in a process of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.port, self.mqtt_port = folder, free_port(), free_port()
        super().__init__(self.port)
        self.variables = {
            "FOREWARN_DATA__DIR": str(folder / "data"),
            "FOREWARN_HTTP__PORT": str(self.port),
            "FOREWARN_MQTT__PORT": str(self.mqtt_port),
        } | variables
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it is ready."""
        log = (self.folder / "serve.log").open("ab")
        command = [sys.executable, "-c", "from forewarn.cli import main; main()", "serve"]
        with log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | self.variables, stdout=log, stderr=log
            )
        wait_until(self._came_up, "forewarn serve is ready", START_WITHIN_S)

    def _came_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        return self.ready()

    def log(self) -> str:
        """What it said."""
        return (self.folder / "serve.log").read_text("utf-8")

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, for good; its exit status."""
        self.http.close()
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        status = self._process.wait(60)
        self._process = None
        return status
