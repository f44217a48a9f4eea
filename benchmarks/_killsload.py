"""Publishes the readings of `_killsite` at a steady rate until its input ends, resending what was not acknowledged.

    python -m benchmarks._killsload PORT RATE FIRST

Then it waits until everything is acknowledged and prints how many messages those were, with the FIRST it left out.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from itertools import islice

from benchmarks._killsite import SITE, said
from simulators import bulk
from simulators.sessions import Broker, Identity

IN_FLIGHT = 500
"""Messages without their acknowledgement; one client, so that a device's readings keep their order."""
DRAIN_S = 300.0


def main(port: int, rate: float, first: int) -> int:
    """Publish; the number of messages so far."""
    vars(bulk).update(RECONNECT_ATTEMPTS=1_000, RECONNECT_LONGEST_S=1.0)  # the broker is killed on purpose
    sessions = bulk.BulkSessions(Broker("127.0.0.1", port, False, None, None), [Identity("kills")], IN_FLIGHT)
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
        payload = json.dumps({"ts": at // 1_000_000, "values": values}).encode()
        sessions.publish(0, f"forewarn/v1/{SITE}/{device}/telemetry", payload)
        sent += 1
    sessions.drain(DRAIN_S)
    sessions.close()
    return first + sent


if __name__ == "__main__":
    print(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])), flush=True)
