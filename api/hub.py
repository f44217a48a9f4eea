"""Passes what just happened from the service's threads to everybody who listens to the event stream.

    pipeline thread ─▶ publish ─▶ Hub ─▶ bounded queue of each client ─▶ its stream (event loop)
                                   └─▶ the newest alert and order events, for clients that come back

A client that cannot keep up loses its oldest events and is told to `resync`: to ask for the present state again. So is
one that comes back after more than the hub remembers. Nothing here waits for a client.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

QUEUE_LENGTH = 512
"""Alert and order events that wait for one client at most."""
BATCHES = 16
"""Batches of readings that wait for one client at most: each keeps its columns in memory."""
REMEMBERED = 256
"""Alert and order events kept for clients that come back."""
MOST_CLIENTS = 256
"""Streams open at once; more are refused, so that a loop of reconnects cannot fill the memory."""


class Topic(StrEnum):
    """The events of the stream."""

    ALERT = "alert"
    WORK_ORDER = "work_order"
    READING = "reading"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client listens for; without a site or device, all of them."""

    topics: frozenset[Topic]
    site: str | None = None
    device: str | None = None

    def covers(self, site: str, device: str) -> bool:
        """Whether something about that device is wished for."""
        return self.site in (None, site) and self.device in (None, device)


Render = Callable[[Wish], list[dict[str, Any]]]
"""Makes what a client with that wish gets to see, one dict an event on the wire."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; what it says is made by `render` only when a client takes it."""

    topic: Topic
    render: Render
    id: str | None = None


class TooManyClientsError(Exception):
    """As many streams as the hub serves are open already."""


RESYNC = Event(Topic.RESYNC, lambda _wish: [{}])


@dataclass(eq=False)
class Client:
    """One listener: its wish, and the events that wait for it."""

    wish: Wish
    loop: asyncio.AbstractEventLoop
    _events: deque[Event] = field(default_factory=deque)
    _readings: deque[Event] = field(default_factory=deque)
    _missed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def offer(self, event: Event) -> None:
        """Queue an event if it is wished for; from any thread, never waits."""
        if event.topic not in self.wish.topics and event.topic is not Topic.RESYNC:
            return
        with self._lock:
            queue, most = (self._readings, BATCHES) if event.topic is Topic.READING else (self._events, QUEUE_LENGTH)
            if len(queue) >= most:
                queue.popleft()
                self._missed = True
            queue.append(event)
        self._wake()

    def close(self) -> None:
        """End the stream; what waits is not sent any more."""
        with self._lock:
            self._closed = True
        self._wake()

    def _wake(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop ended before the hub was told
            self._closed = True

    async def next(self, timeout_s: float) -> list[Event] | None:
        """What waits, alerts and orders first, after at most `timeout_s`; an empty list then; None at the end."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            return None if self._closed else []
        with self._lock:
            self._ready.clear()
            events = [*([RESYNC] if self._missed else []), *self._events, *self._readings]
            self._missed = False
            self._events.clear()
            self._readings.clear()
        return None if self._closed else events


class Hub:
    """Where the service publishes and clients listen. Call `close` first when the service ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: set[Client] = set()
        self._recent: deque[Event] = deque(maxlen=REMEMBERED)
        self._life = secrets.token_hex(4)
        self._count = 0
        self._closed = False

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    def wanted(self, topic: Topic) -> bool:
        """Whether anybody listens for that topic: nothing else need be published."""
        return any(topic in client.wish.topics for client in list(self._clients))

    def publish(self, topic: Topic, render: Render) -> None:
        """Tell every client."""
        with self._lock:
            if topic is Topic.READING:
                event = Event(topic, render)
            else:
                self._count += 1
                event = Event(topic, render, f"{self._life}-{self._count}")
                self._recent.append(event)
            clients = list(self._clients)
        for client in clients:
            client.offer(event)

    def join(self, wish: Wish, last_event_id: str | None = None) -> Client:
        """A new client of the running event loop. One that comes back is first told what it missed.

        Raises TooManyClientsError.
        """
        client = Client(wish, asyncio.get_running_loop())
        with self._lock:
            if len(self._clients) >= MOST_CLIENTS:
                raise TooManyClientsError(f"{MOST_CLIENTS} event streams are open; close one or try again later")
            for event in self._missed(last_event_id) if last_event_id else ():
                client.offer(event)
            self._clients.add(client)
            if self._closed:
                client.close()
        return client

    def _missed(self, last_event_id: str) -> list[Event]:
        life, _, text = last_event_id.partition("-")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else -1
        if life != self._life or not 0 <= number <= self._count:
            return [RESYNC]
        missing = self._count - number
        return list(self._recent)[-missing:] if 0 < missing <= len(self._recent) else [RESYNC] if missing else []

    def leave(self, client: Client) -> None:
        """The client is gone."""
        with self._lock:
            self._clients.discard(client)

    def close(self) -> None:
        """End all streams, now and from now on, so that the server can stop at once."""
        with self._lock:
            self._closed = True
            clients = list(self._clients)
        for client in clients:
            client.close()
