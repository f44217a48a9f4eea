"""Zigbee2MQTT.

https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html and …/guide/usage/exposes.html

zigbee2mqtt/{friendly name}                {"temperature": 27.34, "linkquality": 90, "last_seen": …}
zigbee2mqtt/{friendly name}/availability   {"state": "online"}, earlier the word alone
zigbee2mqtt/bridge/devices                 retained: every device with what it exposes, units included

Friendly names may hold slashes; `/availability`, `/set` and `/get` end them. There is no time unless `last_seen` is
switched on. The quality of the radio link says nothing about the machine and is no metric; a battery's charge is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from ingest.adapters.naming import device_name, unit_of
from ingest.adapters.options import Options
from ingest.adapters.stamps import from_ms, from_text
from ingest.adapters.values import take_values
from ingest.names import MAX_LENGTH
from ingest.payload import PayloadError, kind, parse_json

MAX_DEVICES = 4096
"""Devices whose units are remembered; a Zigbee network has a few hundred at most."""
MAX_PROPERTIES = 256
"""Properties of one device."""
_NO_METRICS = ("linkquality", "last_seen", "update", "elapsed")
"""About the link, the firmware and the message itself."""
_COMMANDS = frozenset({"set", "get"})
"""The last level of a command's topic, or the one before it: `{name}/set`, `{name}/set/{attribute}`."""
_STATUS = {"online": True, "offline": False}
_NO_UNITS: Mapping[str, str] = {}


def adapter(around: Surroundings) -> Adapter:
    """One Zigbee2MQTT, known by its base topic."""
    bridge = _Bridge(around.options)
    return Adapter(bridge.route, bridge)


class _Bridge:
    """Units of every device's properties, as the bridge told them last."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._root = f"{options.zigbee2mqtt_topic}/"
        self._units: dict[str, dict[str, str]] = {}
        self.revision = 0

    def route(self, topic: str) -> Route | None:
        """The route of a topic below the base topic."""
        if not topic.startswith(self._root):
            return None
        name = topic.removeprefix(self._root)
        if name == "bridge/devices":
            return self._devices
        levels = name.split("/")
        if levels[0] == "bridge" or not _COMMANDS.isdisjoint(levels[1:][-2:]):
            return no_reading
        about = levels[-1] == "availability" and len(levels) > 1
        name = name.removesuffix("/availability") if about else name
        try:
            return partial(self._availability if about else self._state, device_name(name))
        except PayloadError as error:
            return unreadable(str(error))

    def _state(self, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        if not payload:  # a retained message is being removed
            return
        said = parse_json(payload)
        if type(said) is not dict:
            raise PayloadError(f"payload should be an object (output: json), not {kind(said)}")
        rows.begin(0)
        time = self._time(said.get("last_seen"), arrival, rows)
        if time is None:
            return
        for name in _NO_METRICS:
            said.pop(name, None)
        take_values(said, self._options.site, device, time, rows, self._units.get(device, _NO_UNITS))

    def _time(self, last_seen: object, arrival: Arrival, rows: Rows) -> int | None:
        if last_seen is None:
            return NO_TIME
        if isinstance(last_seen, str):
            return from_text(last_seen, "'last_seen'", self._options.zone, arrival, rows)
        return from_ms(last_seen, "'last_seen'", arrival, rows)

    def _availability(self, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
        if not payload:  # a retained message is being removed
            return
        said: object = payload.decode("utf-8", "replace") if payload[:1] != b"{" else parse_json(payload)
        state = said.get("state") if isinstance(said, dict) else said
        online = _STATUS.get(state) if isinstance(state, str) else None
        if online is None:
            raise PayloadError("availability should be 'online' or 'offline'")
        rows.statuses.append(DeviceStatus(self._options.site, device, online, arrival.received_at))

    # -- what the bridge tells about its devices -----------------------------------------------------------------
    def _devices(self, payload: bytes, _arrival: Arrival, rows: Rows) -> None:
        said = parse_json(payload) if payload else []
        if type(said) is not list:
            raise PayloadError(f"bridge/devices should be an array, not {kind(said)}")
        units: dict[str, dict[str, str]] = {}
        for one in said[:MAX_DEVICES]:
            try:
                device, found = _described(one)
            except PayloadError:  # a device that cannot be read tells no units
                continue
            units[device] = found
            title = one.get("description")
            if found and isinstance(title, str) and title.isprintable():
                rows.registrations.append(Registration(self._options.site, device, title=title[:128] or None))
        self.revision += units != self._units
        self._units = units

    def save(self) -> object:
        """Units by device and property."""
        return self._units

    def restore(self, saved: object) -> None:
        """Take back what `save` gave."""
        if not isinstance(saved, dict) or not all(isinstance(units, dict) for units in saved.values()):
            raise TypeError("no units by device")
        self._units = saved


def _described(said: object) -> tuple[str, dict[str, str]]:
    """The name of a device, and units of its numeric properties. Raises PayloadError."""
    if type(said) is not dict:
        raise PayloadError("no device")
    device = device_name(said.get("friendly_name"))
    definition = said.get("definition")
    exposes = definition.get("exposes") if type(definition) is dict else None
    units: dict[str, str] = {}
    for feature in _features(exposes, 3):
        name, unit = feature.get("property"), unit_of(feature.get("unit"))
        if feature.get("type") != "numeric" or not isinstance(name, str) or name in _NO_METRICS:
            continue
        if unit and len(name) <= MAX_LENGTH and len(units) < MAX_PROPERTIES:
            units[name] = unit
    return device, units


def _features(exposes: object, deep: int) -> Iterator[Mapping[str, Any]]:
    """Features, also those of switches, lights and the like, which hold theirs inside."""
    for feature in exposes if isinstance(exposes, Sequence) and not isinstance(exposes, str) else ():
        if type(feature) is dict:
            if deep and type(feature.get("features")) is list:
                yield from _features(feature["features"], deep - 1)
            else:
                yield feature
