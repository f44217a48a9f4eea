"""The reference of the ingest benchmark: paho-mqtt as it comes, counting what it receives at QoS 1.

    python -m benchmarks._ingeststock PORT 3|5

Prints the count for each line that it reads from its input, and ends with it.
"""

from __future__ import annotations

import sys
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


def main(port: int, protocol: MQTTProtocolVersion) -> None:
    """Count until the input ends."""
    count = 0

    def on_message(*_: Any) -> None:
        nonlocal count
        count += 1

    def on_connect(*_: Any) -> None:
        client.subscribe("forewarn/v1/#", 1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"stock-{protocol.name}", protocol=protocol)
    client.on_message = on_message
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for _ in sys.stdin:
        print(count, flush=True)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), MQTTProtocolVersion.MQTTv5 if sys.argv[2] == "5" else MQTTProtocolVersion.MQTTv311)
