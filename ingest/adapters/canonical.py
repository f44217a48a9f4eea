"""The project's own payloads (contract, section 5).

forewarn/v1/{site}/{device}/telemetry   {"ts": ms, "values": {…}, "units": {…}, "seq": n}, or an array of those
forewarn/v1/{site}/telemetry            the same, each object with its "device"
forewarn/v1/{site}/{device}/status      online | offline, also as the will
forewarn/v1/{site}/{device}/waveform    vibration as it was sampled, see `ingest.adapters.waveform`
forewarn/v1/{site}/{device}/events      errors, maintenance, failures and marks, see `ingest.adapters.logentries`
forewarn/v1/{site}/events               the same, each object with its "device"
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any

from ingest.adapters.adapter import (
    NO_SEQ,
    NO_TIME,
    Adapter,
    Arrival,
    DeviceStatus,
    Keys,
    Layout,
    MachineOf,
    Route,
    Rows,
    Surroundings,
    unreadable,
)
from ingest.adapters.logentries import take_log
from ingest.adapters.options import DEFAULT_SITE
from ingest.adapters.stamps import NS_PER_MS, from_ms
from ingest.adapters.waveform import take_waveform
from ingest.measure import MAX_UNIT_LENGTH
from ingest.names import name_problem
from ingest.payload import PayloadError, kind, parse_json
from ingest.times import EARLIEST

ROOT = ("forewarn", "v1")
_MAX_SEQ = 2**63 - 1
_STATUS = {b"online": True, b"offline": False, b'"online"': True, b'"offline"': False}


def adapter(around: Surroundings) -> Adapter:
    """The project's own format."""
    return Adapter(partial(_route, around.machine_of))


def _route(machine_of: MachineOf, topic: str) -> Route | None:
    levels = tuple(topic.split("/"))
    if levels[:2] != ROOT:
        return None
    match levels[2:]:
        case (site, device, "telemetry"):
            return _named(site, device, partial(_telemetry, site, device))
        case (site, "telemetry"):
            return _named(site, None, partial(_telemetry, site, None))
        case (site, device, "status"):
            return _named(site, device, partial(_status, site, device))
        case (site, device, "events"):
            return _named(site, device, partial(take_log, site, device))
        case (site, "events"):
            return _named(site, None, partial(take_log, site, None))
        case (site, device, "waveform"):
            return _named(site, device, partial(take_waveform, site, device, machine_of))
    return unreadable(
        f"topic {topic!r} is none of forewarn/v1/{{site}}[/{{device}}]/telemetry, …/events, …/status and …/waveform"
    )


def _named(site: str, device: str | None, good: Route) -> Route:
    """The route if the topic's names are possible; one that says why not otherwise."""
    problem = name_problem(site, "site") or (None if device is None else name_problem(device, "device"))
    return good if problem is None else unreadable(problem)


def _status(site: str, device: str, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    if not payload:  # a retained message is being removed
        return
    online = _STATUS.get(payload.strip())
    if online is None:
        raise PayloadError("status should be 'online' or 'offline'")
    rows.statuses.append(DeviceStatus(site, device, online, arrival.received_at))


def _telemetry(site: str, device: str | None, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    said = parse_json(payload)
    if type(said) is dict:
        rows.begin(0)
        _object(said, site, device, arrival, rows)
    elif type(said) is list:
        if not said:
            raise PayloadError("the array is empty")
        if _all_taken_as_before(said, site, device, arrival, rows):
            return
        for item, one in enumerate(said):
            rows.begin(item)
            _object(one, site, device, arrival, rows)
    else:
        raise PayloadError(f"payload should be an object or an array of objects, not {kind(said)}")


def take_objects(objects: Sequence[object], arrival: Arrival, rows: Rows) -> None:
    """Read canonical objects that name their `device` and, if it is not `default`, their `site`, as HTTP takes them."""
    for item, one in enumerate(objects):
        rows.begin(item)
        site = one.get("site", DEFAULT_SITE) if isinstance(one, dict) else DEFAULT_SITE
        problem = name_problem(site, "site")
        if problem:
            rows.refuse(problem)
        else:
            _object(one, site, None, arrival, rows)


def _object(said: object, site: str, device: str | None, arrival: Arrival, rows: Rows) -> None:
    """One object: a time and the values of one device."""
    if type(said) is not dict:
        rows.refuse(f"should be an object with 'values', not {kind(said)}")
        return
    if _taken_as_before(said, site, device, arrival, rows):
        return
    if device is None:
        device = said.get("device")
        problem = "'device' is missing" if device is None else name_problem(device, "device")
        if problem or device is None:
            rows.refuse(problem or "")
            return
    values = said.get("values")
    if type(values) is not dict or not values:
        rows.refuse("'values' is missing" if "values" not in said else "'values' should be an object of numbers")
        return
    stamp = said.get("ts")
    time = NO_TIME if stamp is None else from_ms(stamp, "'ts'", arrival, rows)
    if time is None:
        return
    seq = _seq(said["seq"], rows) if "seq" in said else NO_SEQ
    units = _units(said.get("units"), rows)
    first, refusals = len(rows.key), rows.refusals
    _values(values, site, device, units, time, seq, rows)
    if len(rows.key) - first == len(values) and rows.refusals == refusals:
        rows.keys.note_shape(_shape(site, device, values, units), rows.key[first:].tobytes())


def _shape(site: str, device: object, values: dict[str, object], units: dict[str, object] | None) -> Hashable:
    """What two objects have in common whose readings belong to the same keys, in that order."""
    if units:
        return (site, device, tuple(values), tuple(units), tuple(units.values()))
    return (site, device, tuple(values))


def _taken_as_before(said: dict[str, object], site: str, device: str | None, arrival: Arrival, rows: Rows) -> bool:
    """Take an object without looking at its names again: nearly all are like one that was taken before.

    False, with nothing done, if there was none like it, or if anything about its numbers needs a closer look.
    """
    values, stamp, units, seq = said.get("values"), said.get("ts"), said.get("units"), said.get("seq")
    if type(values) is not dict or (units is not None and type(units) is not dict):
        return False
    if type(stamp) is int and EARLIEST <= stamp * NS_PER_MS <= arrival.latest:
        time = stamp * NS_PER_MS
    elif stamp is None:
        time = NO_TIME
    else:
        return False
    if seq is None:
        seq = NO_SEQ
    elif type(seq) is not int or not 0 <= seq <= _MAX_SEQ:
        return False
    for value in values.values():
        if type(value) is not float and type(value) is not int:
            return False
    try:
        numbers = rows.keys.of_shape(_shape(site, said.get("device") if device is None else device, values, units))
    except TypeError:  # a name or a unit that is no text
        return False
    if numbers is None:
        return False
    rows.add_all(numbers, time, values.values(), seq)
    return True


def _all_taken_as_before(said: list[Any], site: str, device: str | None, arrival: Arrival, rows: Rows) -> bool:
    """Take a whole array of objects that hold `ts`, `values` and, as far as it is asked for, `device`, as before.

    A gateway says the same things of the same devices again and again. False, with nothing done, if anything about
    them needs a closer look.
    """
    try:
        times = [one["ts"] for one in said]
        objects = [one["values"] for one in said]
        values = list(chain.from_iterable(map(dict.values, objects)))
        devices = [one["device"] for one in said] if device is None else [device] * len(said)
        layout = _layout(site, devices, objects, rows.keys)
    except (LookupError, TypeError):
        return False
    if sum(map(len, said)) != (2 + (device is None)) * len(said):
        return False
    if {*map(type, times)} != {int} or not {*map(type, values)} <= {int, float}:
        return False
    if min(times) * NS_PER_MS < EARLIEST or max(times) * NS_PER_MS > arrival.latest:
        return False
    rows.add_objects(layout, [time * NS_PER_MS for time in times], values)
    return True


def _layout(site: str, devices: list[Any], objects: list[dict[str, object]], keys: Keys) -> Layout:
    """Which readings these objects hold; quick if all of them are as in the array before.

    Raises LookupError if there was none like one of them, TypeError if a name is no text.
    """
    name, sizes, metrics = (site, devices[0]), list(map(len, objects)), list(chain.from_iterable(objects))
    layout = keys.layout_of(name)
    if layout is None or (layout.devices, layout.sizes, layout.metrics) != (devices, sizes, metrics):
        numbers = keys.of_shapes(zip(repeat(site), devices, map(tuple, objects), strict=False))
        layout = Layout(devices, sizes, metrics, numbers)
        keys.note_layout(name, layout)
    return layout


def _values(
    values: dict[str, object],
    site: str,
    device: str,
    units: dict[str, object] | None,
    time: int,
    seq: int,
    rows: Rows,
) -> None:
    for metric, value in values.items():
        if type(value) is float or type(value) is int:
            unit = _unit(metric, units, rows) if units else None
            key = rows.key_of(site, device, metric, unit)
            if key is not None:
                rows.add(key, time, value, seq)
        elif value is not None:
            rows.refuse(f"value should be a finite number, not {kind(value)}", metric)


def _seq(seq: object, rows: Rows) -> int:
    """A sequence number; a wrong one is noted and its readings are taken without it."""
    if type(seq) is int and 0 <= seq <= _MAX_SEQ:
        return seq
    if seq is not None:
        rows.refuse("'seq' should be a whole number from 0 up; the readings were taken without it")
    return NO_SEQ


def _units(units: object, rows: Rows) -> dict[str, object] | None:
    """The units of an object by metric; what is none is noted and its readings are taken without."""
    if units is None or type(units) is dict:
        return units
    rows.refuse("'units' should be an object of texts; the readings were taken without")
    return None


def _unit(metric: str, units: dict[str, object], rows: Rows) -> str | None:
    unit = units.get(metric)
    if unit is None or (isinstance(unit, str) and len(unit) <= MAX_UNIT_LENGTH and unit.isprintable()):
        return unit or None
    rows.refuse("the unit should be a short text; the reading was taken without", metric)
    return None
