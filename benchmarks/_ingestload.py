"""Publishes readings at a steady rate, in a process of its own so that nobody counts its CPU as the service's.

    python -m benchmarks._ingestload PORT RATE SECONDS DEVICES BATCH

One line of JSON in the end: messages, readings, seconds, and how late behind its rate it was.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from benchmarks._fleet import GATEWAY, SITE, TOPIC, device_name, value_texts
from simulators.bulk import BulkSessions
from simulators.sessions import Broker, Identity

CLIENTS = 4
STEP_S = 0.01


def payloads(devices: int, batch: int) -> Iterator[tuple[str, bytes]]:
    """Endless messages: each device in turn, with the time of its making; `batch` devices in one message."""
    texts = value_texts()
    topics = [TOPIC.format(device_name(number)) for number in range(devices)]
    heads = [f'{{"device":"{device_name(number)}","ts":'.encode() for number in range(devices)]
    at, n_texts = 0, len(texts)
    while True:
        ts = time.time_ns() // 1_000_000
        if batch == 1:
            yield topics[at % devices], b'{"ts":%d,%b}' % (ts, texts[at % n_texts])
        else:
            stamp = b"%d," % ts
            objects = [heads[n % devices] + stamp + texts[n % n_texts] + b"}" for n in range(at, at + batch)]
            yield GATEWAY, b"[" + b",".join(objects) + b"]"
        at += batch


def publish(port: int, rate: float, seconds: float, devices: int, batch: int) -> dict[str, float]:
    """Publish for `seconds` and wait until the broker acknowledged everything."""
    broker = Broker("127.0.0.1", port, tls=False, user=None, password=None)
    sessions = BulkSessions(broker, [Identity(f"load-{number}") for number in range(CLIENTS)])
    sessions.connect()
    messages, sent = payloads(devices, batch), 0
    print("connected", flush=True)
    begun = time.monotonic()
    while (spent := time.monotonic() - begun) < seconds:
        due = int(spent * rate)
        while sent < due and time.monotonic() - begun < seconds:
            for _ in range(min(due - sent, 100)):
                topic, payload = next(messages)
                sessions.publish(sent % CLIENTS, topic, payload)
                sent += 1
            sessions.service(0.0)
        sessions.service(STEP_S)
    sessions.drain(120)
    took_s = time.monotonic() - begun
    sessions.close()
    return {"messages": sent, "readings": sent * batch * 3, "seconds": took_s, "rate": sent / took_s}


if __name__ == "__main__":
    numbers = [float(argument) for argument in sys.argv[1:]]
    result = publish(int(numbers[0]), numbers[1], numbers[2], int(numbers[3]), int(numbers[4]))
    print(json.dumps(result | {"site": SITE}), flush=True)
