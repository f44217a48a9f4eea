"""Both kinds of clients, paho's and the ones for load, against a real broker that goes and comes back."""

from collections.abc import Callable, Sequence

import pytest

from simulators import packets
from simulators.bulk import BulkSessions
from simulators.errors import SimulatorError
from simulators.payloads.encoder import Outgoing
from simulators.sessions import Broker, Identity, Sessions
from tests.servers.mosquitto import Mosquitto
from tests.simulators.listener import Listener
from tests.waiting import wait_until

Make = Callable[[Broker, Sequence[Identity]], Sessions | BulkSessions]
BOTH = pytest.mark.parametrize("make", [Sessions, BulkSessions], ids=["paho", "bulk"])


@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_messages_arrive_in_order(mosquitto: Mosquitto, unique_name: str, make: Make, qos: int) -> None:
    sessions = make(Broker.of(mosquitto.url), [Identity(unique_name)])
    with Listener(mosquitto, unique_name) as heard:
        sessions.connect()
        for number in range(500):
            sessions.publish(0, unique_name, b"%d" % number, qos)
        sessions.drain()
        sessions.close()
        wait_until(lambda: len(heard.messages) == 500, "all messages")
        assert [int(payload) for _, payload, _ in heard.messages] == list(range(500))


@BOTH
def test_qos_1_survives_a_broker_that_restarts(own_mosquitto: Mosquitto, unique_name: str, make: Make) -> None:
    sessions = make(Broker.of(own_mosquitto.url), [Identity(unique_name)])
    sessions.connect()
    sessions.publish(0, unique_name, b"before")
    sessions.drain()
    own_mosquitto.stop()
    for _ in range(20):
        sessions.service(0.01)
    for number in range(20):
        sessions.publish(0, unique_name, b"%d" % number)
    own_mosquitto.start()
    with Listener(own_mosquitto, unique_name) as heard:
        sessions.drain()
        sessions.close()
        wait_until(lambda: len({payload for _, payload, _ in heard.messages}) >= 20, "what was sent meanwhile")
    assert sessions.reconnects >= 1


@BOTH
def test_a_broken_session_leaves_its_will_and_a_polite_one_does_not(
    mosquitto: Mosquitto, unique_name: str, make: Make
) -> None:
    def identity(name: str) -> Identity:
        return Identity(f"{unique_name}-{name}", Outgoing(f"{unique_name}/{name}", b"gone", retain=True))

    with Listener(mosquitto, f"{unique_name}/#") as heard:
        sessions = make(Broker.of(mosquitto.url), [identity("rude"), identity("polite")])
        sessions.connect()
        sessions.break_off(0)
        wait_until(lambda: heard.messages, "the will")
        sessions.come_back(0)
        wait_until(lambda: (sessions.service(0.01), sessions.connected == 2)[1], "both connected")
        sessions.close()
        sessions = make(Broker.of(mosquitto.url), [Identity(f"{unique_name}-end")])
        sessions.connect()
        sessions.publish(0, f"{unique_name}/end", b"end")
        sessions.drain()
        sessions.close()
        wait_until(lambda: heard.messages[-1][0] == f"{unique_name}/end", "the last message")
    assert [topic for topic, _, _ in heard.messages] == [f"{unique_name}/rude", f"{unique_name}/end"]


@BOTH
def test_clients_hear_what_they_listen_to(mosquitto: Mosquitto, unique_name: str, make: Make) -> None:
    ears = [Identity(f"{unique_name}-{n}", listens=(f"{unique_name}/{n}/a", f"{unique_name}/{n}/b")) for n in range(2)]
    listening = make(Broker.of(mosquitto.url), ears)
    listening.connect()
    listening.publish(0, f"{unique_name}/other", b"after the subscription")
    listening.drain()
    speaking = make(Broker.of(mosquitto.url), [Identity(f"{unique_name}-speaks")])
    speaking.connect()
    sent = [(f"{unique_name}/{n}/{topic}", b"x" * 300 * n) for n in range(2) for topic in "ab"]
    for number, (topic, payload) in enumerate([*sent, (f"{unique_name}/2/a", b"nobody's")]):
        speaking.publish(0, topic, payload, qos=number % 2)
    speaking.drain()
    wait_until(lambda: (listening.service(0.01), len(listening.heard) == 4)[1], "four commands")
    assert sorted(listening.heard) == sorted(sent)
    speaking.close()
    listening.close()


@BOTH
def test_a_refusing_broker_is_named(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Mosquitto(tmp_path_factory.mktemp("broker"), {"someone": "secret"}) as broker:
        sessions = make(Broker.of(f"mqtt://{broker.host}:{broker.port}"), [Identity("stranger")])
        with pytest.raises(SimulatorError, match="refuses the connection"):
            sessions.connect()
        sessions.close()
        sessions = make(Broker.of(broker.url), [Identity("friend")])
        sessions.connect()
        sessions.close()


def test_packets_as_the_standard_prints_them() -> None:
    """The remaining length of section 2.2.3 and the layout of section 3.3."""
    assert packets.publish("a/b", b"x" * 3, 1, retain=False, packet_id=10) == b"\x32\x0a\x00\x03a/b\x00\x0axxx"
    assert packets.publish("a", b"x" * 318, 0, retain=True, packet_id=0)[:3] == bytes([0x31, 0xC1, 0x02])
    assert packets.subscribe(["a/b", "c/d"], 10) == b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x01"
    assert packets.puback(10) == b"\x40\x02\x00\x0a"
    assert packets.published(0x32, b"\x00\x03a/b\x00\x0axyz") == ("a/b", b"xyz", 10)
    assert packets.published(0x30, b"\x00\x03a/bxyz") == ("a/b", b"xyz", None)
    assert packets.again(b"\x32\x00") == b"\x3a\x00"
    buffer = bytearray(b"\x20\x02\x00\x00\x40\x02\x00\x0a\x40")
    assert list(packets.received(buffer)) == [(0x20, b"\x00\x00"), (0x40, b"\x00\x0a")]
    assert buffer == b"\x40"
