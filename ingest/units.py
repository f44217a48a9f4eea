"""Units as values: what a sent unit means and how its numbers become the canonical ones.

The knowledge is pint's (https://pint.readthedocs.io); here are only the spellings of the field and the few
quantities that are always kept in one unit, so that a fleet can be compared.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pint import UnitRegistry

SPELLINGS = {
    "°C": "degC",
    "℃": "degC",
    "C": "degC",
    "Cel": "degC",
    "celsius": "degC",
    "°F": "degF",
    "℉": "degF",
    "F": "degF",
    "fahrenheit": "degF",
    "K": "kelvin",
    "%RH": "percent",
    "%rh": "percent",
    "% RH": "percent",
    "RH%": "percent",
    "%": "percent",
    "g": "standard_gravity",
    "gn": "standard_gravity",
    "m/s2": "m/s^2",
    "m/s²": "m/s^2",
    "mm/s RMS": "mm/s",
    "mm/s rms": "mm/s",
    "rpm": "revolutions_per_minute",
    "RPM": "revolutions_per_minute",
    "r/min": "revolutions_per_minute",
    "lpm": "liter/minute",
    "L/min": "liter/minute",
    "l/min": "liter/minute",
    "m3/h": "m^3/hour",
    "m³/h": "m^3/hour",
    "µm": "micrometer",
    "μm": "micrometer",
    "um": "micrometer",
    "lux": "lux",
    "lx": "lux",
}
"""Spellings devices use that pint reads otherwise (`g` is gram there, `C` coulomb, `F` farad)."""

CANONICAL = {"degC": "°C", "mm/s": "mm/s"}
"""The unit every temperature and every velocity is kept in, pint's name → ours. Other quantities keep the first unit
that was sent or configured; a registry entry overrides both."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical value = sent value × scale + offset."""

    unit: str
    scale: float = 1.0
    offset: float = 0.0


@lru_cache(maxsize=1)
def _pint() -> UnitRegistry[Any]:
    from pint import UnitRegistry

    return UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)


_NAME = r"[A-Za-zµμΩΩ°Å%‰_][A-Za-z0-9µμΩΩ°Å%‰_]*"
_FACTOR = rf"(?:1|{_NAME})(?:\s*(?:\^|\*\*)\s*[+-]?\d|⁻?[¹²³⁴⁵⁶⁷⁸⁹])?"
_WELL_FORMED = re.compile(rf"{_FACTOR}(?:(?:\s*[*/·⋅×]\s*|\s+){_FACTOR})*")
"""Names with small powers, multiplied and divided. The library computes what it is given: `9**9**9`, sent by a device,
would occupy it for ever."""


def _unit(text: str) -> Any:
    spelled = SPELLINGS.get(text.strip(), text.strip())
    if not _WELL_FORMED.fullmatch(spelled.replace("(", "").replace(")", "")):
        return None
    try:
        return _pint().Unit(spelled)
    except Exception:  # noqa: BLE001  pint raises tokenizer, attribute, key and its own errors on nonsense
        return None


def same_unit(one: str, other: str) -> bool:
    """Whether two spellings mean the same unit.

    >>> same_unit("Cel", "°C"), same_unit("mm/s", "m/s")
    (True, False)
    """
    a, b = _unit(one), _unit(other)
    return one == other or (a is not None and a == b)


@lru_cache(maxsize=4096)
def conversion(sent: str, wanted: str | None = None) -> Conversion | None:
    """How a value in unit `sent` becomes one in `wanted`, or in the canonical unit if `wanted` is None.

    None if `sent` is no unit we know, or of another quantity than `wanted`.

    >>> conversion("°F").unit, round(100 * conversion("°F").scale + conversion("°F").offset, 4)
    ('°C', 37.7778)
    >>> conversion("m/s", "mm/s").scale
    1000.0
    >>> conversion("furlongs per moon") is None
    True
    """
    source = _unit(sent)
    if source is None:
        return None
    if wanted is not None:
        if sent == wanted:
            return Conversion(wanted)
        target = _unit(wanted)
        return _linear(source, target, wanted) if target is not None else None
    for name, ours in CANONICAL.items():
        found = _linear(source, _pint().Unit(name), ours)
        if found is not None:
            return found
    return Conversion(sent)


def _linear(source: Any, target: Any, unit: str) -> Conversion | None:
    quantity = _pint().Quantity
    try:
        zero = quantity(0.0, source).to(target).magnitude
        one = quantity(1.0, source).to(target).magnitude
        thousand = quantity(1000.0, source).to(target).magnitude
    except Exception:  # noqa: BLE001  another dimension, or a unit without a linear scale (dB)
        return None
    if source == target:
        return Conversion(unit)
    scale = _tidy((thousand - zero) / 1000.0)
    if abs((one - zero) - scale) > 1e-9 * abs(scale):
        return None
    return Conversion(unit, _tidy(scale * math.tau ** (_radians(target) - _radians(source))), _tidy(zero))


def _radians(unit: Any) -> int:
    """1 for a speed of rotation told as an angle: what others count per time is turns, where pint counts radians."""
    return int(unit.dimensionality == {"[time]": -1} and "radian" in str(_pint().get_root_units(unit)[1]))


def _tidy(number: float) -> float:
    """The number without what binary arithmetic left behind: 1000.0000000000001 is 1000, -17.777777777777743 -160/9."""
    for tidy in (float(Fraction(number).limit_denominator(1_000)), float(f"{number:.13g}")):
        if math.isclose(tidy, number, rel_tol=1e-14):
            return tidy
    return number
