"""What is known about the machine under a device: the size that decides its vibration zone, its speed, its bearing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class Foundation(StrEnum):
    """How a machine is supported; ISO 20816-1: flexible where the support gives way to the vibration."""

    RIGID = "rigid"
    FLEXIBLE = "flexible"


@dataclass(frozen=True, slots=True)
class FaultFrequencies:
    """Where damage of a rolling bearing shows, Hz."""

    bpfo: float
    """Ball pass frequency of the outer race."""
    bpfi: float
    """Ball pass frequency of the inner race."""
    bsf: float
    """Ball spin frequency; a damaged ball strikes a race at twice that."""
    ftf: float
    """Fundamental train frequency: the cage."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """Geometry of a rolling bearing with its outer race at rest; diameters in mm, contact angle in degrees."""

    balls: int
    ball_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a bearing that cannot be; ValueError says why."""
        if not 3 <= self.balls <= 200:
            raise ValueError(f"balls = {self.balls!r} must be from 3 to 200")
        if not 0 < self.ball_mm < self.pitch_mm < 20_000:
            raise ValueError(f"ball_mm = {self.ball_mm!r} must be above 0 and below pitch_mm = {self.pitch_mm!r}")
        if not 0 <= self.contact_deg < 90:
            raise ValueError(f"contact_deg = {self.contact_deg!r} must be from 0 to below 90")

    def frequencies(self, shaft_hz: float) -> FaultFrequencies:
        """Fault frequencies at that shaft speed, without slip.

        Randall and Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical Systems and Signal Processing
        25 (2011), eq. 1-4.

        >>> found = Bearing(9, 7.94, 39.04).frequencies(30.0)
        >>> round(found.bpfo, 1), round(found.bpfi, 1), round(found.bsf, 1), round(found.ftf, 2)
        (107.5, 162.5, 70.7, 11.95)
        """
        ratio = self.ball_mm / self.pitch_mm * math.cos(math.radians(self.contact_deg))
        return FaultFrequencies(
            bpfo=self.balls * shaft_hz / 2 * (1 - ratio),
            bpfi=self.balls * shaft_hz / 2 * (1 + ratio),
            bsf=self.pitch_mm * shaft_hz / (2 * self.ball_mm) * (1 - ratio * ratio),
            ftf=shaft_hz / 2 * (1 - ratio),
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """What the nameplate, the foundation and the bearing list say; None: nobody said."""

    power_kw: float | None = None
    """Rated power."""
    speed_rpm: float | None = None
    """Rated speed of the shaft."""
    foundation: Foundation | None = None
    bearing: Bearing | None = None

    def __post_init__(self) -> None:
        """Refuse what no machine has; ValueError says why."""
        for name, most in (("power_kw", 1e6), ("speed_rpm", 1e6)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise ValueError(f"{name} = {value!r} must be above 0 and at most {most:g}")

    @property
    def shaft_hz(self) -> float | None:
        """Rated revolutions per second."""
        return None if self.speed_rpm is None else self.speed_rpm / 60


UNKNOWN = Machine()


def machine_from(said: Mapping[str, Any]) -> Machine:
    """A machine from a table of a file or a column of a database. Raises ValueError naming the key and what is allowed.

    >>> machine_from({"power_kw": 30, "foundation": "rigid"}).foundation
    <Foundation.RIGID: 'rigid'>
    """
    _known(said, Machine)
    foundation, bearing = said.get("foundation"), said.get("bearing")
    if foundation is not None and foundation not in list(Foundation):
        raise ValueError(f"foundation = {foundation!r} must be one of {', '.join(Foundation)}")
    if bearing is not None and not isinstance(bearing, Mapping):
        raise ValueError(f"bearing = {bearing!r} must be a table")
    return Machine(
        _number(said, "power_kw"),
        _number(said, "speed_rpm"),
        None if foundation is None else Foundation(foundation),
        None if bearing is None else _bearing(bearing),
    )


def as_table(machine: Machine) -> dict[str, Any]:
    """What is known about a machine, for `machine_from` and JSON.

    >>> as_table(Machine(power_kw=30.0, foundation=Foundation.RIGID))
    {'power_kw': 30.0, 'foundation': 'rigid'}
    """
    said = {name: value for name, value in asdict(machine).items() if value is not None}
    return said | ({"foundation": str(machine.foundation)} if machine.foundation is not None else {})


def _bearing(said: Mapping[str, Any]) -> Bearing:
    _known(said, Bearing)
    for name in ("balls", "ball_mm", "pitch_mm"):
        if said.get(name) is None:
            raise ValueError(f"bearing: {name!r} is missing")
    balls = said["balls"]
    if type(balls) is not int:
        raise ValueError(f"balls = {balls!r} must be a whole number")
    return Bearing(
        balls, _number(said, "ball_mm") or 0.0, _number(said, "pitch_mm") or 0.0, _number(said, "contact_deg") or 0.0
    )


def _known(said: Mapping[str, Any], made: type) -> None:
    allowed = [field.name for field in fields(made)]
    for key in said:
        if key not in allowed:
            raise ValueError(f"unknown key {key!r}; allowed are {', '.join(allowed)}")


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} = {value!r} must be a number")
    return float(value)
