"""How long from a publish until the API answers with the alert that it raised, in a process of its own.

    python -m benchmarks._ingestprobe MQTT_PORT HTTP_PORT FIRST COUNT SECONDS

COUNT probes, spread over SECONDS; each is a device of its own whose reading passes the limit. One line of JSON in the
end: the sorted delays in seconds, infinity for an alert that did not come in time.
"""

from __future__ import annotations

import json
import sys
import time

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks._fleet import PROBE_METRIC, TOPIC, probe_name

ASK_EVERY_S = 0.005
WITHIN_S = 20.0


def main(mqtt_port: int, http_port: int, first: int, count: int, seconds: float) -> list[float]:
    """The delays, ascending."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"probe-{first}")
    client.connect("127.0.0.1", mqtt_port)
    client.loop_start()
    delays = []
    with httpx.Client(base_url=f"http://127.0.0.1:{http_port}/api/v1", timeout=WITHIN_S) as http:
        begun = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begun + number * seconds / count - time.monotonic()))
            delays.append(_delay(client, http, probe_name(first + number)))
    client.disconnect()
    client.loop_stop()
    return sorted(delays)


def _delay(client: mqtt.Client, http: httpx.Client, device: str) -> float:
    payload = json.dumps({"ts": time.time_ns() // 1_000_000, "values": {PROBE_METRIC: 200.0}})
    began = time.monotonic()
    client.publish(TOPIC.format(device), payload, 1)
    while (spent := time.monotonic() - began) < WITHIN_S:
        if http.get("/alerts", params={"device": device, "limit": 1}).json()["items"]:
            return time.monotonic() - began
        time.sleep(ASK_EVERY_S)
    return float("inf") if spent >= WITHIN_S else spent


if __name__ == "__main__":
    ports = [int(argument) for argument in sys.argv[1:5]]
    print(json.dumps(main(ports[0], ports[1], ports[2], ports[3], float(sys.argv[5]))), flush=True)
