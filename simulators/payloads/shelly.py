"""Shelly Gen2's notifications over MQTT: `{id}/events/rpc` and `{id}/online`.

https://shelly-api-docs.shelly.cloud/gen2/General/Notifications/ and …/ComponentsAndServices/ (read 2025):
NotifyFullStatus on connecting holds everything, NotifyStatus only what changed; `ts` is seconds with a fraction.
Temperature in both scales, units fixed by the component; what Shelly has no component for is a voltmeter add-on's
transformed value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample
from simulators.payloads.quantities import converted

FIRST_INPUT = 100
"""Components of an add-on are numbered from there."""


@dataclass(slots=True)
class Shelly:
    """A Shelly device; its id is site and device joined by `-`."""

    card: DeviceCard
    _last: dict[str, float] = field(default_factory=dict)
    _inputs: dict[str, int] = field(default_factory=dict)
    """Inputs of the add-on, in order of the device's quantities; new firmware takes another."""

    def __post_init__(self) -> None:
        self._inputs |= {one.metric: FIRST_INPUT + n for n, one in enumerate(self.card.quantities)}

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
            component, status = self._component(metric, value, sample.units.get(metric, ""))
            params[component] = status
        body = {"src": self.device_id, "dst": f"{self.device_id}/events", "method": method, "params": params}
        yield Outgoing(f"{self.device_id}/events/rpc", orjson.dumps(body))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """`false`."""
        del time
        yield self.will()

    def _component(self, metric: str, value: float, unit: str) -> tuple[str, dict[str, Any]]:
        match metric:
            case "temperature":
                celsius = converted(value, unit, "°C")
                return "temperature:0", {"id": 0, "tC": celsius, "tF": round(celsius * 1.8 + 32.0, 2)}
            case "humidity":
                return "humidity:0", {"id": 0, "rh": value}
            case "current":
                return "em1:0", {"id": 0, "current": converted(value, unit, "A")}
            case "power":
                return "em1:1", {"id": 1, "act_power": converted(value, unit, "W")}
            case "battery":
                return "devicepower:0", {"id": 0, "battery": {"V": converted(value, unit, "V")}}
            case _:
                number = self._inputs.setdefault(metric, FIRST_INPUT + len(self._inputs))
                return f"voltmeter:{number}", {"id": number, "xvoltage": value}
