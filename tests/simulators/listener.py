"""A subscriber that keeps what it hears, for tests against a real broker."""

import threading
from collections import defaultdict
from types import TracebackType
from typing import Self

import orjson
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.mosquitto import Mosquitto
from tests.waiting import wait_until


class Listener:
    """Subscribed from `with` on; `messages` are (topic, payload, retained) in order of arrival."""

    def __init__(self, broker: Mosquitto, topic: str) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._broker, self._topic = broker, topic
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._keep
        self._granted = threading.Event()
        self._client.on_subscribe = lambda *_: self._granted.set()

    def __enter__(self) -> Self:
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        wait_until(self._client.is_connected, "connected")
        self._client.subscribe(self._topic, qos=1)
        assert self._granted.wait(60)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _keep(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload), message.retain))

    def say(self, topic: str, payload: bytes) -> None:
        """Publish something oneself."""
        self._client.publish(topic, payload, qos=1)

    def statuses(self) -> dict[str, list[str]]:
        """What each status topic said, in order."""
        said: dict[str, list[str]] = defaultdict(list)
        for topic, payload, _ in list(self.messages):
            if topic.endswith("/status"):
                said[topic].append(payload.decode())
        return said

    def readings(self) -> list[tuple[str, int, str, float]]:
        """(device, ts, metric, value) of every canonical reading heard, in order."""
        found = []
        for topic, payload, _ in list(self.messages):
            if not topic.endswith("/telemetry"):
                continue
            body = orjson.loads(payload)
            for item in body if isinstance(body, list) else [body]:
                device = item.get("device") or topic.split("/")[3]
                found += [(device, item["ts"], metric, value) for metric, value in item["values"].items()]
        return found
