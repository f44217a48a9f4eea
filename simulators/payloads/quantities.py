"""Units that devices speak in, as factors to one of each quantity: a format with fixed units needs its own."""

from __future__ import annotations

UNITS: dict[str, tuple[str, float, float]] = {
    "°C": ("temperature", 1.0, 0.0),
    "°F": ("temperature", 5.0 / 9.0, -160.0 / 9.0),
    "mm/s": ("velocity", 1e-3, 0.0),
    "m/s": ("velocity", 1.0, 0.0),
    "bar": ("pressure", 1e5, 0.0),
    "kPa": ("pressure", 1e3, 0.0),
    "hPa": ("pressure", 1e2, 0.0),
    "Pa": ("pressure", 1.0, 0.0),
    "A": ("current", 1.0, 0.0),
    "mA": ("current", 1e-3, 0.0),
    "kW": ("power", 1e3, 0.0),
    "W": ("power", 1.0, 0.0),
    "V": ("voltage", 1.0, 0.0),
    "mV": ("voltage", 1e-3, 0.0),
    "m³/h": ("flow", 1.0 / 3600.0, 0.0),
    "L/min": ("flow", 1.0 / 60_000.0, 0.0),
    "m³/s": ("flow", 1.0, 0.0),
    "rpm": ("frequency", 1.0 / 60.0, 0.0),
    "1/s": ("frequency", 1.0, 0.0),
}
"""Unit → quantity, and what a value is times and plus in °C or the SI unit of it."""
DIGITS = 12


def converted(value: float, unit: str, wanted: str) -> float:
    """A value in another unit of its quantity, to twelve digits; as it is where the two have none in common.

    >>> converted(70.7, "°F", "°C"), converted(30.0, "kW", "W"), converted(40.0, "%", "W")
    (21.5, 30000.0, 40.0)
    """
    if unit == wanted or unit not in UNITS or wanted not in UNITS or UNITS[unit][0] != UNITS[wanted][0]:
        return value
    _, scale, offset = UNITS[unit]
    _, other_scale, other_offset = UNITS[wanted]
    return float(f"{(value * scale + offset - other_offset) / other_scale:.{DIGITS}g}")
