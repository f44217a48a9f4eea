"""`forewarn serve` that kills itself at a fault point of the spool, once it was told which.

A line on standard input arms it: the value of a `FaultPoint`. The next time it gets there it notes so in the file that
FAULTS names, and is gone. The file TRAIL gets a line for each message that it has read, committed and stored.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson
from paho.mqtt.enums import MQTTErrorCode

from benchmarks._killtrail import COMMITTED, CONFIRMED, ENDED, READ, Trail
from ingest.handover import Handover
from ingest.keyed import KeyedBatch
from ingest.message import Message
from ingest.mqtt.client import BufferedClient
from ingest.spool import FaultPoint, Spool
from ingest.stores.store import Refused, TelemetryStore

_BYTES_RECEIVED = struct.Struct("@128xQ")

CHECKPOINT_S = 1.0
"""Instead of half a minute, so that a kill in the middle of one need not wait for it."""


class Fault:
    """The hook of the spool."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._armed = ""

    def __call__(self, point: FaultPoint) -> None:
        """Die here, if this is the point."""
        if point == self._armed:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(f"{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def listen(self) -> None:
        """Take orders until there are no more."""
        for line in sys.stdin:
            self._armed = line.strip()


class NotedClient(BufferedClient):
    """Notes how much of what arrived was not read when a connection ended."""

    def __init__(self, trail: Trail, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._trail, self._bytes = trail, 0

    def _take(self, data: bytes) -> MQTTErrorCode:
        self._bytes += len(data)
        return super()._take(data)

    def _sock_close(self) -> None:
        if self._sock is None:
            return
        with socket.socket(fileno=os.dup(self._sock.fileno())) as same:
            super()._sock_close()
            if self._sock is None:
                unread = max(0, _arrived(same) - self._bytes)
                self._bytes = 0
                self._trail.note(time.monotonic(), [f"{ENDED} {unread}"])


def _arrived(connection: socket.socket) -> int:
    """Bytes that the system has received, in order, over a connection (struct tcp_info in linux/tcp.h).

    The end of the stream is counted as one.
    """
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
    return int(_BYTES_RECEIVED.unpack(info)[0]) - 1


class NotedHandover(Handover):
    """Notes what was read from the broker."""

    def __init__(self, trail: Trail) -> None:
        super().__init__()
        self._trail = trail

    def put_all(self, messages: Sequence[Message]) -> None:
        """As before."""
        super().put_all(messages)
        stamps = [(one.topic.split("/")[3], orjson.loads(one.payload)["ts"] * 1_000_000) for one in messages]
        self._trail.note(time.monotonic(), [f"{READ} {device} {stamp}" for device, stamp in stamps])


class NotedSpool(Spool):
    """Notes what is durable."""

    def noted_in(self, trail: Trail) -> NotedSpool:
        """Have it noted there."""
        self._trail = trail
        return self

    def append(self, batch: KeyedBatch, also: Callable[[], object] | None = None) -> int:
        """As before."""
        position = super().append(batch, also)
        _note(self._trail, COMMITTED, batch)
        return position


def noted_store(store: TelemetryStore, trail: Trail) -> TelemetryStore:
    """The store, noting what it confirmed."""
    write = store.write

    def writing(readings: KeyedBatch) -> list[Refused]:
        refused = write(readings)
        _note(trail, CONFIRMED, readings)
        return refused

    vars(store)["write"] = writing
    return store


def _note(trail: Trail, stage: str, batch: KeyedBatch) -> None:
    devices = [names[1] for names in batch.names]
    seen = {(devices[key], at) for key, at in zip(batch.key.tolist(), batch.time.tolist(), strict=True)}
    trail.note(time.monotonic(), [f"{stage} {device} {at}" for device, at in seen])


def main() -> None:
    """Serve, with the hooks in their places."""
    import forewarn.live.checkpointing
    import forewarn.live.resources
    import forewarn.live.service
    import ingest.mqtt.input
    from forewarn.cli import main as command
    from forewarn.config.configured import make_store

    fault, trail = Fault(os.environ.pop("FAULTS")), Trail(os.environ.pop("TRAIL"))
    threading.Thread(target=fault.listen, daemon=True).start()
    forewarn.live.checkpointing.EARLIEST_S = CHECKPOINT_S

    def spool(*given: Any, **named: Any) -> Spool:
        return NotedSpool(*given, **named, fault=fault).noted_in(trail)

    vars(forewarn.live.resources)["Spool"] = spool
    vars(forewarn.live.resources)["make_store"] = lambda settings: noted_store(make_store(settings), trail)
    vars(ingest.mqtt.input)["BufferedClient"] = partial(NotedClient, trail)
    vars(forewarn.live.service)["Handover"] = partial(NotedHandover, trail)
    sys.argv = ["forewarn", "serve"]
    command()


if __name__ == "__main__":
    main()
