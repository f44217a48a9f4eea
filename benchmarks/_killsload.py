"""Publishes the readings of `_killsite` at a steady rate until its input ends, resending what was not acknowledged.

    python -m benchmarks._killsload PORT RATE FIRST TRAIL

Then it waits until everything is acknowledged and prints how many messages those were, with the FIRST it left out. The
file TRAIL gets a line whenever something was acknowledged: when, and how many messages so far; they are in order.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import islice

from benchmarks._killsite import SITE, payload, said
from benchmarks._killtrail import Trail
from simulators import bulk
from simulators.sessions import Broker, Identity

IN_FLIGHT = 500
"""Messages without their acknowledgement; one client, so that a device's readings keep their order."""
DRAIN_S = 300.0


class Noted(bulk.BulkSessions):
    """Notes what is acknowledged as soon as it was read."""

    def noted_in(self, trail: Trail, first: int) -> None:
        """Have it noted there, counted behind the `first` messages."""
        self._trail, self._first, self._told = trail, first, 0

    def service(self, wait_s: float) -> None:
        """As before."""
        super().service(wait_s)
        if self.acknowledged != self._told:
            self._told = self.acknowledged
            self._trail.note(time.monotonic(), [str(self._first + self._told)])


def main(port: int, rate: float, first: int, trail: str) -> int:
    """Publish; the number of messages so far."""
    vars(bulk).update(RECONNECT_ATTEMPTS=1_000, RECONNECT_LONGEST_S=1.0)  # the broker is killed on purpose
    sessions = Noted(Broker("127.0.0.1", port, False, None, None), [Identity("kills")], IN_FLIGHT)
    sessions.noted_in(Trail(trail), first)
    sessions.connect()
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    begun, sent = time.monotonic(), 0
    for device, at, values in islice(said(), first, None):
        while not over.is_set() and sent >= (time.monotonic() - begun) * rate:
            sessions.service(0.02)
        if over.is_set():
            break
        sessions.publish(0, f"forewarn/v1/{SITE}/{device}/telemetry", payload(at, values))
        sent += 1
    sessions.drain(DRAIN_S)
    sessions.close()
    return first + sent


if __name__ == "__main__":
    print(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]), flush=True)
