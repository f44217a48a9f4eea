"""Waveforms of the canonical format: an array of samples becomes the readings that `ingest.vibration` makes of it.

forewarn/v1/{site}/{device}/waveform
{"ts": ms, "metric": "acceleration", "unit": "m/s²", "rate_hz": 10000, "scale": 0.001, "speed_rpm": 1480,
 "values": [12, -5, …]}

The samples themselves are not kept. One that is no number spoils the recording: it is refused as a whole.
"""

from __future__ import annotations

import numpy as np

from ingest.adapters.adapter import NO_TIME, Arrival, MachineOf, Registration, Rows
from ingest.adapters.stamps import from_ms
from ingest.machine import Machine
from ingest.measure import MAX_UNIT_LENGTH
from ingest.names import MAX_LENGTH, name_problem
from ingest.payload import PayloadError, kind, parse_json
from ingest.reading import FloatArray
from ingest.units import conversion
from ingest.vibration.features import MAX_SAMPLES, MIN_SAMPLES, UNIT, Feature, Quantity, Waveform, features

DEFAULT_METRIC = "acceleration"
MOST_RATE_HZ = 1e6
MOST_RPM = 1e6
LARGEST = 1e9
"""In m/s² or mm/s; what is below can be squared and summed without a thought."""
LONGEST_NAME = "velocity_rms_to_500hz"


def take_waveform(site: str, device: str, machine_of: MachineOf, payload: bytes, arrival: Arrival, rows: Rows) -> None:
    """Read one waveform. Raises PayloadError with the reason if it cannot be used."""
    said = parse_json(payload)
    if type(said) is not dict:
        raise PayloadError(f"a waveform should be an object, not {kind(said)}")
    rows.begin(0)
    metric = said.get("metric", DEFAULT_METRIC)
    problem = name_problem(metric, "metric")
    if problem or not isinstance(metric, str) or len(metric) > MAX_LENGTH - len(LONGEST_NAME) - 1:
        raise PayloadError(problem or "'metric' is too long for the names of its features")
    stamp = said.get("ts")
    time = NO_TIME if stamp is None else from_ms(stamp, "'ts'", arrival, rows)
    if time is None:
        return
    machine = machine_of(site, device)
    waveform = _waveform(said)
    for feature in features(waveform, machine, _shaft_hz(said, machine)):
        _add(site, device, metric, feature, time, rows)
    if waveform.quantity is Quantity.UNKNOWN:
        why = "'unit' is missing or no unit of acceleration or velocity: only the waveform's shape was taken"
        rows.leave_out(site, device, f"{metric}.rms", None, why)


def _add(site: str, device: str, metric: str, feature: Feature, time: int, rows: Rows) -> None:
    name = f"{metric}.{feature.name}"
    key = rows.key_of(site, device, name, feature.unit)
    if key is not None:
        rows.add(key, time, feature.value)
        rows.registrations.append(Registration(site, device, name, basis=feature.basis))


def _waveform(said: dict[str, object]) -> Waveform:
    rate_hz = _positive(said, "rate_hz", MOST_RATE_HZ)
    if rate_hz is None:
        raise PayloadError("'rate_hz' is missing: samples mean nothing without their rate")
    quantity, scale = _scaled(said.get("unit"))
    if "scale" in said:
        scale *= _number(said["scale"], "scale")
    with np.errstate(over="ignore"):
        samples = _samples(said.get("values")) * scale
    if not np.abs(samples).max() <= LARGEST:
        raise PayloadError(f"samples are beyond {LARGEST:g}: no vibration is")
    return Waveform(quantity, rate_hz, samples)


def _samples(values: object) -> FloatArray:
    if type(values) is not list:
        raise PayloadError("'values' should be an array of numbers")
    if not MIN_SAMPLES <= len(values) <= MAX_SAMPLES:
        raise PayloadError(f"'values' has {len(values)} samples, allowed are {MIN_SAMPLES} to {MAX_SAMPLES}")
    if not set(map(type, values)) <= {int, float}:
        place, odd = next((n, v) for n, v in enumerate(values) if type(v) not in (int, float))
        raise PayloadError(f"sample {place} should be a finite number, not {kind(odd)}")
    return np.array(values, np.float64)


def _scaled(unit: object) -> tuple[Quantity, float]:
    """What the samples are, and what they are multiplied by to come into its unit."""
    if isinstance(unit, str) and len(unit) <= MAX_UNIT_LENGTH:
        for quantity in (Quantity.ACCELERATION, Quantity.VELOCITY):
            found = conversion(unit, UNIT[quantity])
            if found is not None:
                return quantity, found.scale
    return Quantity.UNKNOWN, 1.0


def _shaft_hz(said: dict[str, object], machine: Machine) -> float | None:
    """The speed while it was recorded, as the message says, else the rated one."""
    rpm = _positive(said, "speed_rpm", MOST_RPM)
    return machine.shaft_hz if rpm is None else rpm / 60


def _positive(said: dict[str, object], name: str, most: float) -> float | None:
    if said.get(name) is None:
        return None
    value = _number(said[name], name)
    if not 0 < value <= most:
        raise PayloadError(f"'{name}' is {value:g}, it should be above 0 and at most {most:g}")
    return value


def _number(value: object, name: str) -> float:
    if type(value) not in (int, float):
        raise PayloadError(f"'{name}' should be a finite number, not {kind(value)}")
    try:
        return float(value)  # type: ignore[arg-type]  # it is an int or a float
    except OverflowError as error:
        raise PayloadError(f"'{name}' is beyond what a number can be") from error
