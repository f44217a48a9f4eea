"""The input of an external broker, with a real mosquitto: what is acknowledged when, and what comes again."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from structlog.testing import capture_logs

from ingest.adapters.adapter import Publish
from ingest.handover import Handover
from ingest.inbox import inbox_file
from ingest.message import Message
from ingest.mqtt import input as mqtt_module
from ingest.mqtt.input import MqttInput
from ingest.mqtt.options import MqttOptions
from ingest.mqtt.subscriptions import SpooledSubscriptions, Subscriptions
from ingest.spool import Spool
from tests.servers.mosquitto import Mosquitto
from tests.servers.plugin import server_folder
from tests.waiting import wait_until

WITHIN_S = 30.0


class Listener:
    """An input and what it handed over."""

    def __init__(
        self,
        broker: Mosquitto,
        name: str,
        url: str | None = None,
        handover: Handover | None = None,
        more: tuple[str, ...] = (),
        subscriptions: Subscriptions | None = None,
    ) -> None:
        self.handover = Handover() if handover is None else handover
        options = MqttOptions.from_url(url or broker.url, client_id=name, topics=(f"forewarn/v1/{name}/#", *more))
        self.input = MqttInput(options, self.handover, subscriptions=subscriptions)

    def __enter__(self) -> Self:
        self.input.start()
        wait_until(lambda: self.input.problem is None, "connected and subscribed", WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.input.stop()

    def taken(self, count: int) -> list[Message]:
        messages: list[Message] = []

        def enough() -> bool:
            messages.extend(self.handover.take(count - len(messages), 1 << 30, 0.05))
            return len(messages) >= count

        wait_until(enough, f"{count} messages handed over", WITHIN_S)
        return messages

    def acknowledge(self, messages: list[Message]) -> None:
        self.input.acknowledge([message.token for message in messages])


@contextmanager
def publisher(broker: Mosquitto) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        wait_until(client.is_connected, "the publisher is connected")
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(broker: Mosquitto, name: str, numbers: range, qos: int = 1) -> None:
    """Publish and return once the broker has it all."""
    with publisher(broker) as client:
        for number in numbers:
            sent = client.publish(f"forewarn/v1/{name}/pump/telemetry", str(number), qos=qos)
        sent.wait_for_publish(WITHIN_S)


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


def test_messages_come_in_order(mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(mosquitto, unique_name) as listener:
        publish(mosquitto, unique_name, range(500))
        messages = listener.taken(500)
        listener.acknowledge(messages)
        assert numbers(messages) == list(range(500))
        assert messages[0].topic == f"forewarn/v1/{unique_name}/pump/telemetry"
        assert abs(messages[0].received_at - time.time_ns()) < 60 * 10**9


def test_what_was_not_acknowledged_comes_again_and_the_rest_does_not(mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(mosquitto, unique_name) as listener:
        publish(mosquitto, unique_name, range(10))
        listener.acknowledge(listener.taken(10)[:6])
    with Listener(mosquitto, unique_name) as listener:
        assert sorted(numbers(listener.taken(4))) == [6, 7, 8, 9]
        assert listener.handover.take(1, 1, 0.2) == []


def test_what_arrives_while_nobody_listens_is_kept(mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(mosquitto, unique_name):
        pass
    publish(mosquitto, unique_name, range(50))
    with Listener(mosquitto, unique_name) as listener:
        assert numbers(listener.taken(50)) == list(range(50))


def test_an_acknowledgement_of_an_earlier_connection_is_not_sent(own_mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(own_mosquitto, unique_name) as listener:
        publish(own_mosquitto, unique_name, range(3))
        early = listener.taken(3)
        own_mosquitto.stop()
        wait_until(lambda: listener.input.problem is not None, "the connection is gone", WITHIN_S)
        assert str(listener.input.problem).startswith(f"127.0.0.1:{own_mosquitto.port}: ")
        own_mosquitto.start()
        listener.acknowledge(early)
        assert sorted(numbers(listener.taken(3))) == [0, 1, 2]


def test_after_the_broker_was_killed_it_listens_again(own_mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(own_mosquitto, unique_name) as listener:
        publish(own_mosquitto, unique_name, range(3))
        listener.acknowledge(listener.taken(3))
        own_mosquitto.kill()
        own_mosquitto.start()
        wait_until(lambda: listener.input.problem is None, "connected again", WITHIN_S)
        publish(own_mosquitto, unique_name, range(3, 6))
        found: set[int] = set()

        def heard() -> bool:
            found.update(numbers(listener.handover.take(10, 1_000, 0.1)))
            return found >= {3, 4, 5}

        wait_until(heard, "the messages of after", WITHIN_S)


def test_what_a_killed_broker_had_sent_is_taken(
    own_mosquitto: Mosquitto, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener(own_mosquitto, unique_name) as listener:
        publish(own_mosquitto, unique_name, range(10))
        first = listener.taken(10)
        monkeypatch.setattr(mqtt_module, "REST_S", 3_600.0)  # after the next read nothing more is read
        monkeypatch.setattr(mqtt_module, "HURRY_S", 0.0)
        publish(own_mosquitto, unique_name, range(10, 11))
        first += listener.taken(1)
        publish(own_mosquitto, unique_name, range(11, 16))  # few enough for its system to send all at once
        own_mosquitto.kill()
        left = iter(first)

        def lost() -> bool:
            """Write once more; the broker's system says that nobody is there."""
            if listener.input.problem is None and not listener.input._acks:
                listener.acknowledge([next(left)])
            return listener.input.problem is not None

        wait_until(lost, "the connection is lost", WITHIN_S)
        assert numbers(listener.taken(5)) == list(range(11, 16))


def test_a_broker_that_holds_back_until_some_are_acknowledged_is_not_kept_waiting(
    mosquitto: Mosquitto, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener(mosquitto, unique_name)
    listener.input._protocol = MQTTProtocolVersion.MQTTv311  # mosquitto has 20 in flight then
    with listener:
        monkeypatch.setattr(mqtt_module, "REST_S", 3_600.0)
        monkeypatch.setattr(mqtt_module, "HURRY_S", 60.0)
        publish(mosquitto, unique_name, range(500))
        heard: list[Message] = []
        while len(heard) < 500:
            taken = listener.taken(min(20, 500 - len(heard)))
            listener.acknowledge(taken)
            heard += taken
    assert numbers(heard) == list(range(500))


def test_whether_it_holds_back_is_looked_at_now_and_then(mosquitto: Mosquitto, unique_name: str) -> None:
    client, rest_s = Listener(mosquitto, unique_name).input, mqtt_module.REST_S
    rests = []
    for now_s, in_flight in [
        (0, 0),
        (1, 10),
        (1.05, 2),
        (1.2, 8),
        (2, 10),
        (2.05, 2),
        (20, 9),
        (21, 11),
        (21.05, 11),
        (21.12, 3),
    ]:
        client._in_flight = in_flight
        rests.append(round(client._rested(now_s) - now_s, 6))
    assert rests == [rest_s, 0, 0, rest_s, rest_s, rest_s, rest_s, 0, 0, 0]


def test_it_subscribes_again_when_the_broker_lost_the_session(own_mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(own_mosquitto, unique_name) as listener:
        own_mosquitto.stop()
        for kept in (own_mosquitto.folder / "data").iterdir():
            kept.unlink()
        wait_until(lambda: listener.input.problem is not None, "the connection is gone", WITHIN_S)
        own_mosquitto.start()
        wait_until(lambda: listener.input.problem is None, "connected again", WITHIN_S)
        publish(own_mosquitto, unique_name, range(3))
        assert numbers(listener.taken(3)) == [0, 1, 2]


def test_a_lost_session_is_told(own_mosquitto: Mosquitto, unique_name: str, tmp_path: Path) -> None:
    known = subscriptions(tmp_path)
    with Listener(own_mosquitto, unique_name, subscriptions=known):
        pass
    own_mosquitto.stop()
    for kept in (own_mosquitto.folder / "data").iterdir():
        kept.unlink()
    own_mosquitto.start()
    with capture_logs() as said, Listener(own_mosquitto, unique_name, subscriptions=known):
        pass
    assert [line["event"] for line in said if line["log_level"] == "warning"] == [
        "the broker lost our session and what it held for us"
    ]


def test_a_filter_that_is_gone_from_the_settings_is_unsubscribed_from(
    mosquitto: Mosquitto, unique_name: str, tmp_path: Path
) -> None:
    other, known = f"forewarn/v1/{unique_name}-other/pump/telemetry", subscriptions(tmp_path)
    with Listener(mosquitto, unique_name, more=(other,), subscriptions=known):
        pass
    with capture_logs() as said, Listener(mosquitto, unique_name, subscriptions=known) as listener:
        publish(mosquitto, f"{unique_name}-other", range(3))
        publish(mosquitto, unique_name, range(3, 6))
        messages = listener.taken(3)
        listener.acknowledge(messages)
        assert numbers(messages) == [3, 4, 5]
        assert listener.handover.take(1, 1, 0.3) == []
    assert not [line for line in said if line["log_level"] == "warning"]


def test_what_the_broker_dropped_is_told(unique_name: str) -> None:
    with server_folder() as folder, Small(folder) as broker, capture_logs() as said:
        with Listener(broker, unique_name):
            pass
        publish(broker, unique_name, range(50))

        def told() -> list[int]:
            return [line["messages"] for line in said if "dropped messages" in line["event"]]

        with Listener(broker, unique_name):
            publish(broker, unique_name, range(50))
            wait_until(told, "a warning with their number", WITHIN_S)


class Small(Mosquitto):
    """A broker with a short queue that tells about itself often."""

    def command(self, program: str) -> list[str]:
        command = super().command(program)
        config = self.folder / "mosquitto.conf"
        said = config.read_text("utf-8").replace("max_queued_messages 0", "max_queued_messages 5")
        config.write_text(f"{said}sys_interval 1\nmax_inflight_messages 1\n", "utf-8")
        return command


def subscriptions(folder: Path) -> SpooledSubscriptions:
    local = inbox_file(folder / "spool.db")
    local.open()
    spool = Spool(local)
    spool.open()
    return SpooledSubscriptions(spool)


def test_it_waits_for_a_broker_that_is_not_there_yet(own_mosquitto: Mosquitto, unique_name: str) -> None:
    own_mosquitto.stop()
    listener = Listener(own_mosquitto, unique_name)
    listener.input.start()
    try:
        wait_until(lambda: "refused" in str(listener.input.problem), "it says why", WITHIN_S)
        own_mosquitto.start()
        wait_until(lambda: listener.input.problem is None, "connected", WITHIN_S)
    finally:
        listener.input.stop()


def test_a_fault_of_ours_ends_a_connection_and_not_the_listening(
    mosquitto: Mosquitto, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, connection = [ZeroDivisionError("ours")] * 2, MqttInput._connection
    told: list[str | None] = []

    def sometimes(self: MqttInput) -> None:
        told.append(self.problem)
        if faults:
            raise faults.pop()
        connection(self)

    monkeypatch.setattr(MqttInput, "_connection", sometimes)
    with Listener(mosquitto, unique_name), capture_logs():
        pass
    assert [str(problem).partition(": ")[2] for problem in told] == [
        "not connected yet",
        "a fault: ZeroDivisionError: ours",
        "a fault: ZeroDivisionError: ours",
    ]


def test_without_a_password_it_says_what_the_broker_said(unique_name: str) -> None:
    with server_folder() as folder, Mosquitto(folder, {"service": "secret"}) as broker:
        stranger = Listener(broker, unique_name, f"mqtt://service:wrong@127.0.0.1:{broker.port}")
        stranger.input.start()
        wait_until(lambda: "Not authorized" in str(stranger.input.problem), "refused", WITHIN_S)
        stranger.input.stop()
        with Listener(broker, unique_name):
            pass


def test_a_full_handover_stops_the_reading(mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(mosquitto, unique_name, handover=Handover(max_messages=10)) as listener:
        publish(mosquitto, unique_name, range(100))
        wait_until(lambda: listener.handover.full, "full")
        got: list[int] = []
        while len(got) < 100:
            messages = listener.taken(5)
            listener.acknowledge(messages)
            got.extend(numbers(messages))
        assert got == list(range(100))


def test_messages_without_qos_are_counted_when_there_is_no_room(mosquitto: Mosquitto, unique_name: str) -> None:
    with (
        Listener(mosquitto, unique_name, handover=Handover(max_messages=10)) as listener,
        publisher(mosquitto) as client,
    ):
        for number in range(100):
            client.publish(f"forewarn/v1/{unique_name}/pump/telemetry", str(number), qos=0)
        got: list[int] = []

        def all_of_them() -> bool:
            got.extend(numbers(listener.handover.take(5, 1_000, 0.05)))
            return len(got) + listener.input.dropped == 100

        wait_until(all_of_them, "all of them taken or counted", WITHIN_S)
        assert got == sorted(got)


def test_acknowledgements_from_another_thread_all_go_out(mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(mosquitto, unique_name) as listener:
        publish(mosquitto, unique_name, range(90))
        messages = listener.taken(90)
        threads = [threading.Thread(target=listener.acknowledge, args=(messages[n::3],)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Listener(mosquitto, unique_name) as listener:
        assert listener.handover.take(1, 1, 0.3) == []


def test_what_formats_wish_to_publish_goes_to_the_broker(mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(mosquitto, unique_name) as listener:
        listener.input.publish([Publish(f"forewarn/v1/{unique_name}/pump/command", b"rebirth", 0)])
        assert listener.taken(1)[0].payload == b"rebirth"


def test_a_broker_that_knows_only_3_1_1_is_understood(
    mosquitto: Mosquitto, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener(mosquitto, unique_name)
    listener.input._protocol = MQTTProtocolVersion.MQTTv311
    with listener:
        publish(mosquitto, unique_name, range(5))
        messages = listener.taken(5)
        listener.acknowledge(messages)
        assert numbers(messages) == list(range(5))


def test_stopping_twice_over_a_dead_broker_is_quick(own_mosquitto: Mosquitto, unique_name: str) -> None:
    with Listener(own_mosquitto, unique_name) as listener:
        own_mosquitto.kill()
        began = time.monotonic()
        listener.input.stop()
        assert time.monotonic() - began < mqtt_module.CONNECT_WITHIN_S


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://host", ("host", 1883, False, None, None)),
        ("mqtts://host", ("host", 8883, True, None, None)),
        ("mqtt://us%40er:p%3Aw@host:1884", ("host", 1884, False, "us@er", "p:w")),
        ("mqtt://[::1]:1", ("::1", 1, False, None, None)),
    ],
)
def test_urls(url: str, expected: tuple[object, ...]) -> None:
    options = MqttOptions.from_url(url, client_id="a", topics=("#",))
    assert (options.host, options.port, options.tls, options.username, options.password) == expected


def test_the_password_may_stand_beside_the_url() -> None:
    options = MqttOptions.from_url("mqtt://a@host", client_id="a", topics=(), username="b", password="c")
    assert (options.username, options.password) == ("a", "c")
