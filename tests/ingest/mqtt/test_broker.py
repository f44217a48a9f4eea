"""The embedded broker with real clients: what it takes, when it acknowledges, whom it lets in."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.adapters.adapter import Publish
from ingest.handover import Handover
from ingest.message import Message
from ingest.mqtt import broker, holding
from ingest.mqtt.broker import BrokerOptions, BrokerStartError, EmbeddedBroker
from ingest.mqtt.packets import LARGEST_PACKET, MAX_UNACKNOWLEDGED
from tests.servers.ports import free_port
from tests.waiting import wait_until

TOPIC = "forewarn/v1/plant-1/pump-1/telemetry"
STATUS = "forewarn/v1/plant-1/pump-1/status"


class Site:
    """A broker and what it hands over."""

    def __init__(self, handover: Handover, **options: str) -> None:
        self.handover, self.port = handover, free_port()
        host = options.pop("host", "127.0.0.1")
        self.broker = EmbeddedBroker(
            BrokerOptions(host, self.port, **options),  # type: ignore[arg-type]  # user name and password
            handover,
            ["forewarn/v1/#"],
            time.time_ns,
        )

    def taken(self, count: int = 1) -> list[Message]:
        """That many messages, in order."""
        messages: list[Message] = []

        def enough() -> bool:
            messages.extend(self.handover.take(count - len(messages), 1 << 30, 0.05))
            return len(messages) >= count

        wait_until(enough, f"{count} messages handed over")
        return messages


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(Handover())
    made.broker.start()
    yield made
    made.broker.stop()


@contextmanager
def client(
    site: Site, prepare: Callable[[mqtt.Client], object] = lambda _: None, **options: object
) -> Iterator[mqtt.Client]:
    """A connected client."""
    made = mqtt.Client(CallbackAPIVersion.VERSION2, **options)  # type: ignore[arg-type]
    made.max_inflight_messages_set(2 * MAX_UNACKNOWLEDGED)
    prepare(made)
    made.connect("127.0.0.1", site.port)
    made.loop_start()
    try:
        wait_until(made.is_connected, "connected")
        yield made
    finally:
        made.disconnect()
        made.loop_stop()


def acknowledge(messages: list[Message]) -> None:
    for message in messages:
        assert message.source is not None
        message.source.acknowledge([message.token])


@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_is_acknowledged_only_once_it_is_durable(site: Site, qos: int) -> None:
    with client(site) as device:
        sent = device.publish(TOPIC, b"1", qos=qos)
        messages = site.taken()
        assert (messages[0].topic, messages[0].payload) == (TOPIC, b"1")
        assert not sent.is_published()
        acknowledge(messages)
        sent.wait_for_publish(60)
        assert sent.is_published()


def test_messages_come_in_the_order_they_were_sent(site: Site) -> None:
    with client(site) as device:
        for number in range(100):
            device.publish(TOPIC, str(number), qos=number % 2)
        assert [int(message.payload) for message in site.taken(100)] == list(range(100))


@pytest.mark.parametrize(
    ("given", "told"),
    [pytest.param("boiler-7", "boiler-7", id="its own"), pytest.param("", None, id="none: the broker makes one up")],
)
def test_a_message_tells_the_client_id_of_its_sender(site: Site, given: str, told: str | None) -> None:
    with client(site, client_id=given) as device:
        device.publish(TOPIC, b"1", qos=0)
        assert site.taken()[0].client == told


def test_without_qos_nobody_waits(site: Site) -> None:
    with client(site) as device:
        device.publish(TOPIC, b"1", qos=0)
        assert site.taken()[0].source is None


def test_a_message_right_before_the_end_is_taken(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port)) as raw:
        connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"
        topic = TOPIC.encode()
        publish = bytes([0x30, 2 + len(topic) + 1]) + len(topic).to_bytes(2, "big") + topic + b"1"
        raw.sendall(connect + publish + b"\xe0\x00")
    assert site.taken()[0].payload == b"1"


def test_other_topics_pass_by(site: Site) -> None:
    with client(site) as device:
        device.publish("homeassistant/sensor/x", b"1", qos=1).wait_for_publish(60)
        device.publish(TOPIC, b"2", qos=0)
        assert [message.payload for message in site.taken()] == [b"2"]


def test_subscribers_get_what_is_durable(site: Site) -> None:
    received: list[bytes] = []
    with client(site) as listener, client(site) as device:
        listener.on_message = lambda _c, _u, message: received.append(bytes(message.payload))
        subscribed: list[int] = []
        listener.on_subscribe = lambda *_: subscribed.append(1)
        listener.subscribe("forewarn/v1/#", qos=0)
        wait_until(lambda: subscribed, "subscribed")
        device.publish(TOPIC, b"1", qos=1)
        messages = site.taken()
        assert received == []
        acknowledge(messages)
        wait_until(lambda: received == [b"1"], "the subscriber has it")


@pytest.mark.parametrize("qos", [0, 1])
def test_a_subscriber_that_takes_nothing_is_disconnected(site: Site, monkeypatch: pytest.MonkeyPatch, qos: int) -> None:
    monkeypatch.setattr(holding, "MOST_UNDER_WAY", 3)
    filter_ = b"forewarn/v1/#"
    with socket.create_connection(("127.0.0.1", site.port)) as stuck, client(site) as device:
        stuck.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
        stuck.sendall(bytes([0x82, 5 + len(filter_), 0, 1, 0, len(filter_)]) + filter_ + bytes([qos]))
        stuck.settimeout(60)
        said = b""
        while len(said) < 4 + 5:
            said += stuck.recv(9)
        assert said == b"\x20\x02\x00\x00\x90\x03\x00\x01" + bytes([qos]), "connected and subscribed"
        for _ in range(20):
            device.publish(TOPIC, bytes(1 << 20), qos=1)
        acknowledge(site.taken(20))
        wait_until(lambda: "a" not in site.broker._broker._connections, "it is gone")
        with suppress(ConnectionResetError):
            while stuck.recv(1 << 20):
                pass
        device.publish(TOPIC, b"1", qos=0)
        assert site.taken()[0].payload == b"1"


def test_for_a_subscriber_that_is_away_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "MOST_KEPT", 3)
    site, received = Site(Handover(), username="u", password="p"), []
    site.broker.start()
    subscribed: list[int] = []

    def prepare(made: mqtt.Client) -> None:
        made.username_pw_set("u", "p")
        made.on_subscribe = lambda *_: subscribed.append(1)
        made.on_message = lambda _c, _u, message: received.append(bytes(message.payload))

    with client(site, prepare, client_id="away", clean_session=False) as listener:
        listener.subscribe("forewarn/v1/#", qos=1)
        wait_until(lambda: subscribed, "subscribed")
    with client(site, prepare) as device:
        for number in range(6):
            sent = device.publish(TOPIC, str(number), qos=1)
            acknowledge(site.taken())
            sent.wait_for_publish(60)
        with client(site, prepare, client_id="away", clean_session=False):
            wait_until(lambda: b"5" in received, "the newest")
    assert received == [b"3", b"4", b"5"]
    site.broker.stop()


def test_what_formats_wish_to_publish_reaches_subscribers(site: Site) -> None:
    received: list[tuple[str, bytes]] = []
    subscribed: list[int] = []

    def prepare(device: mqtt.Client) -> None:
        device.on_message = lambda _c, _u, message: received.append((message.topic, bytes(message.payload)))
        device.on_subscribe = lambda *_: subscribed.append(1)

    with client(site, prepare) as device:
        device.subscribe("spBv1.0/#", qos=1)
        wait_until(lambda: subscribed, "subscribed")
        site.broker.publish([Publish("spBv1.0/a/NCMD/b", b"rebirth", 0)])
        wait_until(lambda: received == [("spBv1.0/a/NCMD/b", b"rebirth")], "the subscriber has it")


def test_the_will_of_a_client_that_vanished_is_taken(site: Site) -> None:
    with client(site, lambda device: device.will_set(STATUS, b"offline", retain=True)) as device:
        device.publish(STATUS, b"online", retain=True)
        assert site.taken()[0].payload == b"online"
        connection = device.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)
        assert site.taken()[0].payload == b"offline"


def test_a_client_that_is_silent_beyond_its_keep_alive_is_gone(site: Site) -> None:
    will = STATUS.encode()
    body = b"\x00\x04MQTT\x04\x06\x00\x01\x00\x01a" + len(will).to_bytes(2, "big") + will + b"\x00\x07offline"
    with socket.create_connection(("127.0.0.1", site.port)) as raw:
        raw.sendall(bytes([0x10, len(body)]) + body)
        assert site.taken()[0].payload == b"offline"


@pytest.mark.parametrize("clean", [True, False])
def test_a_client_that_is_back_ends_its_earlier_connection_will_and_all(site: Site, clean: bool) -> None:
    """A device that lost its network is back before the broker could know."""
    earlier = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="pump-1", clean_session=clean)
    earlier.will_set(STATUS, b"offline", retain=True)
    earlier.connect("127.0.0.1", site.port)
    wait_until(lambda: earlier.loop(0.1) == mqtt.MQTT_ERR_SUCCESS and earlier.is_connected(), "connected")
    connection = earlier.socket()
    assert isinstance(connection, socket.socket)
    with client(site, client_id="pump-1", clean_session=clean) as device:
        device.publish(STATUS, b"online", retain=True)
        sent = device.publish(TOPIC, b"1", qos=1)
        messages = site.taken(3)
        assert [message.payload for message in messages] == [b"offline", b"online", b"1"]
        acknowledge(messages[2:])
        sent.wait_for_publish(60)
        assert device.is_connected()
        connection.settimeout(60)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    connection.close()


def test_a_client_of_mqtt_5_is_told_why_it_may_not_come_in(site: Site) -> None:
    reasons: list[str] = []
    device = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    device.on_connect = lambda _c, _u, _f, reason, _p: reasons.append(str(reason))
    device.connect("127.0.0.1", site.port)
    device.loop_start()
    wait_until(lambda: reasons, "an answer")
    device.loop_stop()
    assert reasons[0] == "Unsupported protocol version"


@pytest.mark.parametrize(
    ("username", "password", "welcome"),
    [
        pytest.param("pump", "secret", True, id="right"),
        pytest.param("pump", "wrong", False, id="wrong password"),
        pytest.param("fan", "secret", False, id="wrong user"),
        pytest.param(None, None, False, id="nobody"),
    ],
)
def test_with_a_password_nobody_else_comes_in(username: str | None, password: str | None, welcome: bool) -> None:
    site = Site(Handover(), username="pump", password="secret")
    site.broker.start()
    reasons: list[bool] = []
    device = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="a")
    device.username_pw_set(username, password)
    device.on_connect = lambda _c, _u, _f, reason, _p: reasons.append(not reason.is_failure)
    device.connect("127.0.0.1", site.port)
    device.loop_start()
    wait_until(lambda: reasons, "an answer")
    device.loop_stop()
    site.broker.stop()
    assert reasons[0] is welcome


def test_a_client_reads_on_only_while_its_messages_become_durable(site: Site) -> None:
    with client(site) as device:
        for number in range(MAX_UNACKNOWLEDGED + 50):
            device.publish(TOPIC, str(number), qos=1)
        first = site.taken(MAX_UNACKNOWLEDGED)
        assert site.handover.take(1, 1, 0.2) == []
        acknowledge(first)
        assert len(site.taken(50)) == 50


def test_a_full_queue_stops_the_reading_and_room_starts_it_again() -> None:
    site = Site(Handover(max_messages=5))
    site.broker.start()
    with client(site) as device:
        for number in range(20):
            device.publish(TOPIC, str(number), qos=0)
        wait_until(lambda: len(site.handover) == 5, "as many as fit")
        assert [int(message.payload) for message in site.taken(20)] == list(range(20))
    site.broker.stop()


BROKEN = {
    "nothing at all": b"",
    "no MQTT": b"GET / HTTP/1.1\r\n\r\n",
    "a packet too large": b"\x30\xff\xff\xff\x7f",
    "a length without end": b"\x10\xff\xff\xff\xff\xff",
    "a CONNECT cut short": b"\x10\x05\x00\x04MQT",
    "a CONNECT that is empty": b"\x10\x00",
    "a PUBLISH before CONNECT": b"\x30\x03\x00\x01a",
    "zeros": b"\x00" * 100,
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_client_leaves_the_others_alone(site: Site, raw: bytes) -> None:
    assert LARGEST_PACKET < 268_435_455
    with client(site) as device:
        with socket.create_connection(("127.0.0.1", site.port)) as broken:
            broken.sendall(raw)
        device.publish(TOPIC, b"1", qos=0)
        assert site.taken()[0].payload == b"1"


def test_a_port_in_use_is_named(site: Site) -> None:
    second = EmbeddedBroker(BrokerOptions("127.0.0.1", site.port), Handover(), ["#"], time.time_ns)
    with pytest.raises(BrokerStartError, match=rf"127\.0\.0\.1:{site.port}: .*in use"):
        second.start()


def test_after_the_end_nothing_is_acknowledged() -> None:
    site = Site(Handover())
    site.broker.start()
    with client(site) as device:
        sent = device.publish(TOPIC, b"1", qos=1)
        site.taken()
        site.broker.stop()
        assert site.broker.problem is not None
        assert not sent.is_published()
