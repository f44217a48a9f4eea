"""Shelly Gen2's notifications over MQTT: `{id}/events/rpc` and `{id}/online`.

https://shelly-api-docs.shelly.cloud/gen2/General/Notifications/ and …/ComponentsAndServices/ (read 2025):
NotifyFullStatus on connecting holds everything, NotifyStatus only what changed; `ts` is seconds with a fraction.
Temperature in both scales; what Shelly has no component for is a voltmeter add-on's transformed value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample


@dataclass(slots=True)
class Shelly:
    """A Shelly device; its id is site and device joined by `-`."""

    card: DeviceCard
    _last: dict[str, float] = field(default_factory=dict)

    @property
    def device_id(self) -> str:
        """Its id."""
        return f"{self.card.site}-{self.card.name}"

    def will(self) -> Outgoing:
        """`false`, retained."""
        return Outgoing(f"{self.device_id}/online", b"false", retain=True)

    def hello(self, time: int) -> Iterator[Outgoing]:
        """`true`, retained; what comes next is a full status."""
        del time
        self._last = {}
        yield Outgoing(f"{self.device_id}/online", b"true", retain=True)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """A full status first, then deltas; nothing at all when nothing changed."""
        changed = {metric: value for metric, value in sample.values.items() if self._last.get(metric) != value}
        if not changed:
            return
        method = "NotifyStatus" if self._last else "NotifyFullStatus"
        self._last |= changed
        params: dict[str, Any] = {"ts": round(sample.time / 1e9, 2)}
        for metric, value in changed.items():
            component, status = self._component(metric, value)
            params[component] = status
        body = {"src": self.device_id, "dst": f"{self.device_id}/events", "method": method, "params": params}
        yield Outgoing(f"{self.device_id}/events/rpc", orjson.dumps(body))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """`false`."""
        del time
        yield self.will()

    def _component(self, metric: str, value: float) -> tuple[str, dict[str, Any]]:
        match metric:
            case "temperature":
                return "temperature:0", {"id": 0, "tC": value, "tF": round(value * 1.8 + 32.0, 2)}
            case "humidity":
                return "humidity:0", {"id": 0, "rh": value}
            case "current":
                return "em1:0", {"id": 0, "current": value}
            case "power":
                return "em1:1", {"id": 1, "act_power": round(value * 1000.0, 1)}
            case "battery":
                return "devicepower:0", {"id": 0, "battery": {"V": value}}
            case _:
                number = 100 + [quantity.metric for quantity in self.card.quantities].index(metric)
                return f"voltmeter:{number}", {"id": number, "xvoltage": value}
