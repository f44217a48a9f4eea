"""Shelly devices of generation 2 and later.

https://shelly-api-docs.shelly.cloud/gen2/General/Notifications, …/ComponentsAndServices/Mqtt and the components' pages

{id}/events/rpc   {"method": "NotifyStatus", "params": {"ts": 1680962879.62, "temperature:0": {"tC": 19.8}}}
{id}/online       true | false, retained, also the will

NotifyStatus holds what has changed, NotifyFullStatus everything. A metric is the path to its number,
`temperature:0.tC`; units are fixed by the components. What the device tells about itself (`sys`, `wifi`, …) is no
metric. A device that sleeps says how long at most: that is how often its readings are expected, and while it sleeps
it is not offline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ingest.adapters.adapter import (
    NO_TIME,
    Adapter,
    Arrival,
    DeviceStatus,
    Registration,
    Route,
    Rows,
    Surroundings,
    no_reading,
    unreadable,
)
from ingest.adapters.naming import device_name
from ingest.adapters.options import Options
from ingest.adapters.stamps import from_seconds
from ingest.adapters.values import leaves, take_value
from ingest.payload import PayloadError, kind, parse_json

UNITS = {
    "tC": "°C",
    "rh": "%",
    "lux": "lx",
    "V": "V",
    "percent": "%",
    "voltage": "V",
    "current": "A",
    "freq": "Hz",
    "apower": "W",
    "act_power": "W",
    "aprtpower": "VA",
    "aprt_power": "VA",
    "aenergy": "Wh",
    "ret_aenergy": "Wh",
    "act": "Wh",
    "act_ret": "Wh",
}
"""Units of status fields; of three-phase meters after the phase is taken off."""
PHASES = ("a_", "b_", "c_", "n_", "total_")
ABOUT_ITSELF = frozenset(
    {"ts", "sys", "wifi", "eth", "cloud", "mqtt", "ble", "ws", "knx", "matter", "modbus", "bthome", "ht_ui", "plugs_ui"}
)
"""Components that tell about the device, not about what it measures."""
_NO_METRICS = frozenset({"id", "tF", "minute_ts", "by_minute"})
"""Numbers that are none: names, the same in another unit, parts of a minute's history."""
_METHODS = ("NotifyStatus", "NotifyFullStatus")
_STATUS = {b"true": True, b"false": False}
_DEEPEST = 3
MAX_SLEEPERS = 1 << 14
"""Sleeping devices remembered; beyond, the one first heard of is forgotten."""
LONGEST_SLEEP_S = 7 * 86_400


def adapter(around: Surroundings) -> Adapter:
    """Shelly devices."""
    devices = _Devices(around.options)
    return Adapter(devices.route, devices)


class _Devices:
    """Knows which devices sleep, and for how long."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sleepers: dict[str, float] = {}
        self.revision = 0
        """Without its periods a message is read all the same."""

    def route(self, topic: str) -> Route | None:
        """The route of a device's topic."""
        if topic.endswith("/events/rpc"):
            prefix, read = topic.removesuffix("/events/rpc"), self._notification
        elif topic.endswith("/online"):
            prefix, read = topic.removesuffix("/online"), self._will
        else:
            return no_reading if topic.startswith("shelly") and "/" in topic else None
        try:
            return partial(read, device_name(prefix))
        except PayloadError as error:
            return unreadable(str(error))

    def _will(self, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        if not payload:  # a retained message is being removed
            return
        online = _STATUS.get(payload)
        if online is None:
            raise PayloadError("online should be 'true' or 'false'")
        if online or device not in self._sleepers:
            rows.statuses.append(DeviceStatus(self._options.site, device, online, arrival.received_at))

    def _notification(self, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        said = parse_json(payload)
        if type(said) is not dict:
            raise PayloadError(f"payload should be an object, not {kind(said)}")
        if said.get("method") not in _METHODS:
            return
        params = said.get("params")
        if type(params) is not dict:
            raise PayloadError(f"'params' should be an object, not {kind(params)}")
        rows.begin(0)
        stamp = params.get("ts")
        time = NO_TIME if stamp is None else from_seconds(stamp, "'ts'", arrival, rows)
        if time is not None:
            before = len(rows.key)
            self._components(device, params, time, rows)
            self._sleep(device, params, rows.key[before:], rows)

    def _components(self, device: str, params: Mapping[str, Any], time: int, rows: Rows) -> None:
        """Take the numbers of all components."""
        for component, status in params.items():
            if component in ABOUT_ITSELF or component.startswith("script:"):
                continue
            for path, name, value in leaves(component, component, status, _DEEPEST):
                if name not in _NO_METRICS:
                    take_value(value, self._options.site, device, path, _unit(path, name), time, rows)

    def _sleep(self, device: str, params: Mapping[str, Any], keys: Sequence[int], rows: Rows) -> None:
        """Note how long the device sleeps, if it says so, and that the readings with these keys come as often."""
        about = params.get("sys")
        period = about.get("wakeup_period") if type(about) is dict else None
        if type(period) is not int and type(period) is not float:
            return
        if not 0 < period <= LONGEST_SLEEP_S:
            self._sleepers.pop(device, None)
            return
        if self._sleepers.get(device) == period:
            return
        self._sleepers[device] = float(period)
        if len(self._sleepers) > MAX_SLEEPERS:
            del self._sleepers[next(iter(self._sleepers))]
        rows.registrations.extend(
            Registration(self._options.site, device, rows.keys.table[key][2], interval_s=float(period)) for key in keys
        )

    def save(self) -> object:
        """The sleeping devices and their periods."""
        return self._sleepers

    def restore(self, saved: object) -> None:
        """Take back what `save` gave."""
        if not isinstance(saved, dict):
            raise TypeError("no periods by device")
        self._sleepers = {str(device): float(period) for device, period in saved.items()}


def _unit(path: str, name: str) -> str | None:
    if name == "total":  # aenergy.total, counts.total
        name = path.split(".")[-2]
    for phase in PHASES:
        name = name.removeprefix(phase)
    if name.endswith("_energy"):
        return "varh" if name.endswith("react_energy") else "Wh"
    return UNITS.get(name)
