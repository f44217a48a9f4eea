"""Tasmota's telemetry.

https://tasmota.github.io/docs/MQTT/, …/docs/Commands/ (SetOption52, FullTopic) and …/docs/Power-Monitoring-Calibration/

tele/{topic}/SENSOR   {"Time": "2019-01-01T00:00:00", "AM2301": {"Temperature": 24.6}, "TempUnit": "C"}
tele/{topic}/LWT      Online | Offline

`{topic}/tele/SENSOR` is read as well, as the common other FullTopic. `Time` is the local time of the device without a
zone, unless SetOption52 adds one. A metric is the path to its number, `AM2301.Temperature`; of an array, one for each
channel, counted from 1. Temperature, pressure and speed name their unit beside them, the others have a fixed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ingest.adapters.adapter import (
    NO_TIME,
    Adapter,
    Arrival,
    DeviceStatus,
    Route,
    Rows,
    Surroundings,
    no_reading,
    unreadable,
)
from ingest.adapters.naming import device_name, unit_of
from ingest.adapters.options import Options
from ingest.adapters.stamps import from_text
from ingest.adapters.values import leaves, take_value
from ingest.payload import PayloadError, kind, parse_json

ABOUT_UNITS = {"TempUnit": ("Temperature", "DewPoint", "HeatIndex"), "PressureUnit": ("Pressure", "SeaPressure"),
               "SpeedUnit": ("Speed",)}  # fmt: skip
"""Fields that tell the unit of others."""
TEMPERATURE_UNITS = {"C": "°C", "F": "°F"}
UNITS = {
    "Humidity": "%",
    "Illuminance": "lx",
    "CarbonDioxide": "ppm",
    "Distance": "cm",
    "ENERGY.Total": "kWh",
    "ENERGY.Yesterday": "kWh",
    "ENERGY.Today": "kWh",
    "ENERGY.Period": "Wh",
    "ENERGY.Power": "W",
    "ENERGY.ApparentPower": "VA",
    "ENERGY.ReactivePower": "var",
    "ENERGY.Voltage": "V",
    "ENERGY.Current": "A",
    "ENERGY.Frequency": "Hz",
}
"""Units that Tasmota always reports in, by the last part of a metric or by the whole of it."""
_BESIDE = frozenset({"Time", *ABOUT_UNITS})
_DEEPEST = 4
_STATUS = {b"Online": True, b"Offline": False}


def adapter(around: Surroundings) -> Adapter:
    """Tasmota's telemetry."""
    return Adapter(partial(_route, around.options))


def _route(options: Options, topic: str) -> Route | None:
    levels = topic.split("/")
    if len(levels) < 3:
        return None
    if levels[0] == "tele":
        name = levels[1:-1]
    elif levels[-2] == "tele":
        name = levels[:-2]
    else:
        return no_reading if levels[0] in {"stat", "cmnd"} else None
    if levels[-1] not in {"SENSOR", "LWT"}:
        return no_reading
    try:
        device = device_name("/".join(name))
    except PayloadError as error:
        return unreadable(str(error))
    return partial(_sensor if levels[-1] == "SENSOR" else _will, options, device)


def _will(options: Options, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    if not payload:  # a retained message is being removed
        return
    online = _STATUS.get(payload)
    if online is None:
        raise PayloadError("LWT should be 'Online' or 'Offline'")
    rows.statuses.append(DeviceStatus(options.site, device, online, arrival.received_at))


def _sensor(options: Options, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    said = parse_json(payload)
    if type(said) is not dict:
        raise PayloadError(f"payload should be an object, not {kind(said)}")
    rows.begin(0)
    stamp = said.get("Time")
    time = NO_TIME if stamp is None else from_text(stamp, "'Time'", options.zone, arrival, rows)
    if time is None:
        return
    told = _told_units(said)
    for field, part in said.items():
        if field not in _BESIDE:
            for path, name, value in leaves(field, field, part, _DEEPEST):
                take_value(value, options.site, device, path, _unit(path, name, told), time, rows)


def _told_units(said: Mapping[str, object]) -> dict[str, str]:
    """Units that the message itself names, by the last part of a metric."""
    told: dict[str, str] = {}
    for field, names in ABOUT_UNITS.items():
        unit = unit_of(said.get(field))
        if unit is not None:
            unit = TEMPERATURE_UNITS.get(unit, unit) if field == "TempUnit" else unit
            told |= dict.fromkeys(names, unit)
    return told


def _unit(path: str, name: str, told: Mapping[str, str]) -> str | None:
    if path.startswith("ENERGY."):
        return UNITS.get(f"ENERGY.{name}")
    return told.get(name) or UNITS.get(name)
