"""TLS on both sides: the embedded broker with a certificate, and the client of another broker that checks it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.handover import Handover
from ingest.mqtt.broker import BrokerOptions, EmbeddedBroker
from ingest.mqtt.input import MqttInput
from ingest.mqtt.options import MqttOptions
from tests.servers.certificates import make_certificate
from tests.servers.ports import free_port
from tests.waiting import wait_until

TOPIC = "forewarn/v1/plant-1/pump-1/telemetry"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of `localhost`, signed by itself, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def broker(certificate: tuple[Path, Path]) -> Iterator[tuple[int, Handover]]:
    """The port of a broker that speaks TLS and wants a password, and what it takes."""
    port, handover = free_port(), Handover()
    options = BrokerOptions("127.0.0.1", port, "pump", "secret", None, *certificate)
    made = EmbeddedBroker(options, handover, ["forewarn/v1/#"], time.time_ns)
    made.start()
    yield port, handover
    made.stop()


@contextmanager
def published(port: int, cert: Path, topic: str) -> Iterator[mqtt.MQTTMessageInfo]:
    """A message under way, of a client that stays until the end of the block."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.tls_set(str(cert))
    client.username_pw_set("pump", "secret")
    client.connect("localhost", port)
    client.loop_start()
    yield client.publish(topic, b"1", qos=1)
    client.disconnect()
    client.loop_stop()


def test_the_embedded_broker_speaks_tls(broker: tuple[int, Handover], certificate: tuple[Path, Path]) -> None:
    port, handover = broker
    with published(port, certificate[0], TOPIC) as sent:
        (message,) = handover.take(1, 100, 10)
        assert message.topic == TOPIC
        assert message.source is not None
        message.source.acknowledge([message.token])
        sent.wait_for_publish(60)
        assert sent.is_published()


def test_the_client_speaks_tls_also_with_a_broker_of_3_1_1(
    broker: tuple[int, Handover], certificate: tuple[Path, Path]
) -> None:
    port, _ = broker
    taken = Handover()
    url = f"mqtts://pump:secret@localhost:{port}"
    listener = MqttInput(MqttOptions.from_url(url, client_id="a", topics=("b/#",), ca_file=certificate[0]), taken)
    listener.start()
    try:
        wait_until(lambda: listener.problem is None, "connected", 30)
        with published(port, certificate[0], "b/c"):
            assert [message.topic for message in taken.take(1, 100, 10)] == ["b/c"]
    finally:
        listener.stop()


def test_a_certificate_of_a_stranger_is_refused(broker: tuple[int, Handover]) -> None:
    port, _ = broker
    options = MqttOptions.from_url(f"mqtts://pump:secret@localhost:{port}", client_id="a", topics=("b/#",))
    listener = MqttInput(options, Handover())
    listener.start()
    try:
        wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in str(listener.problem), "refused", 30)
    finally:
        listener.stop()
