"""The input over MQTT that the settings ask for: the embedded broker, or a client of another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from forewarn.config.settings import Settings
from ingest.adapters.adapter import Publish
from ingest.handover import Handover
from ingest.spool import Spool


class Input(Protocol):
    """Where messages come in."""

    def start(self) -> None:
        """Begin to take messages."""

    def pause(self) -> None:
        """Take no further message; acknowledgements still go out."""

    def stop(self) -> None:
        """Let go of all connections."""

    @property
    def problem(self) -> str | None:
        """What keeps messages from coming in; None if nothing does."""

    @property
    def dropped(self) -> int:
        """Messages without QoS that found no room, since the start."""

    def publish(self, wishes: Sequence[Publish]) -> None:
        """Publish messages of our own, from any thread."""


def make_input(settings: Settings, handover: Handover, clock: Callable[[], int], spool: Spool) -> Input:
    """The input of those settings, not started."""
    mqtt = settings.mqtt
    if mqtt.embedded:
        from ingest.mqtt.broker import BrokerOptions, EmbeddedBroker

        options = BrokerOptions(
            mqtt.host, mqtt.port, mqtt.username, mqtt.password, mqtt.ca_file, mqtt.cert_file, mqtt.key_file
        )
        return EmbeddedBroker(options, handover, mqtt.topics, clock)
    from ingest.mqtt.input import MqttInput
    from ingest.mqtt.options import MqttOptions
    from ingest.mqtt.subscriptions import SpooledSubscriptions

    return MqttInput(
        MqttOptions.from_url(
            mqtt.url,
            client_id=mqtt.client_id,
            topics=mqtt.topics,
            username=mqtt.username,
            password=mqtt.password,
            ca_file=mqtt.ca_file,
            cert_file=mqtt.cert_file,
            key_file=mqtt.key_file,
        ),
        handover,
        clock,
        subscriptions=SpooledSubscriptions(spool),
    )
