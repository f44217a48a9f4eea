"""A message on its way in, and whom to tell once what it says is durable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

LOG = "events"
"""In place of a topic: the objects are log entries."""


class Source(Protocol):
    """Where messages come from."""

    def acknowledge(self, tokens: Sequence[object]) -> None:
        """What these messages said is durable now: their sender may forget them. Called from any thread."""


class Message(NamedTuple):
    """One message as it arrived. Of `payload` and `objects` one counts: bytes of a topic, or objects sent over HTTP."""

    topic: str
    payload: bytes
    received_at: int
    """Arrival in ns UTC."""
    source: Source | None = None
    token: object = None
    """What `source` knows the message by."""
    objects: Sequence[object] | None = None
    """Readings, or log entries where the topic is `LOG`."""
    client: str | None = None
    """MQTT client id of the sender, where the broker tells it; formats whose topics name no device need it."""
