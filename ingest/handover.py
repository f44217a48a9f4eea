"""Where inputs lay down what arrived and the pipeline takes it: a queue with a bound.

Full: the embedded broker reads no further packet, the MQTT client no further byte, HTTP answers 503. Nothing that
waits here was acknowledged, so whoever sent it still has it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ingest.message import Message

MAX_MESSAGES = 20_000
"""Ten times what a broker may keep in flight unacknowledged (`ingest.mqtt.input`)."""
MAX_BYTES = 64 * 2**20
"""Payloads held in memory; eight of the largest that are read."""


class Handover:
    """A bounded queue of messages, filled from several threads and emptied by one."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._in_hand = 0
        self._changed = threading.Condition()
        self._on_room: list[Callable[[], None]] = []

    def on_room(self, call: Callable[[], None]) -> None:
        """Have `call` called, from the emptying thread, when there is room again after it was full."""
        self._on_room.append(call)

    @property
    def full(self) -> bool:
        """Whether an input should lay down no more for now."""
        return len(self._messages) >= self._max_messages or self._bytes >= self._max_bytes

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and what was taken last is done with: more was asked for since."""
        with self._changed:
            return not self._messages and not self._in_hand

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._messages)

    def put(self, message: Message) -> None:
        """Lay down a message. It is taken even when it is full: whoever has it cannot give it back."""
        with self._changed:
            self._messages.append(message)
            self._bytes += len(message.payload)
            if len(self._messages) == 1:
                self._changed.notify()

    def put_all(self, messages: Sequence[Message]) -> None:
        """Lay down messages, as `put` does."""
        if messages:
            with self._changed:
                self._messages.extend(messages)
                self._bytes += sum([len(message.payload) for message in messages])
                self._changed.notify()

    def take(self, max_messages: int, max_bytes: int, timeout_s: float) -> list[Message]:
        """What waits, oldest first, up to the limits but at least one; nothing after `timeout_s` without any."""
        taken: list[Message] = []
        with self._changed:
            self._in_hand = 0
            if not self._messages:
                self._changed.wait(timeout_s)
            was_full = self.full
            size = 0
            while self._messages and len(taken) < max_messages and (size < max_bytes or not taken):
                message = self._messages.popleft()
                size += len(message.payload)
                taken.append(message)
            self._bytes -= size
            self._in_hand = len(taken)
        if was_full and not self.full:
            for call in self._on_room:
                call()
        return taken

    def wake(self) -> None:
        """End a `take` that waits."""
        with self._changed:
            self._changed.notify()
