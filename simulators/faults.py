"""Faults that develop: what goes wrong, how it grows, and which physical quantities it moves.

A fault knows nothing of sensors. It gives each machine a severity between 0 and 1 over time and, per unit of severity,
amounts of heat, vibration, resistance, leakage ...; the machine turns those into temperatures and vibration, so that
one fault shows in several channels in a consistent way. Vibration amounts are velocity RMS in mm/s at full speed,
added in quadrature (the components are not coherent).

Growth of bearing damage in four stages, and which part of the spectrum each fault speaks in, after
R. B. Randall, "Vibration-based Condition Monitoring" (2011), ch. 2, and ISO 13373-1:2002, annex C (as summarised
there); refrigerant leaks and fouled filters after Breuker and Braun, "Common faults and their impacts for rooftop
air conditioners", HVAC&R Research 4 (1998).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from simulators.duration import NS
from simulators.signals import clipped, smoothstep
from simulators.tape import FloatArray


class Growth(StrEnum):
    """How severity rises from 0 at the onset to 1 after the growth time."""

    STEP = "step"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    STAGES = "stages"


class Effect(StrEnum):
    """A physical quantity a fault can move, with its unit per severity 1."""

    HEAT = "heat"
    """K of extra rise of bearings, oil or windings at full load."""
    ONE_X = "one_x"
    """mm/s at shaft frequency."""
    TWO_X = "two_x"
    """mm/s at twice shaft frequency."""
    HARMONICS = "harmonics"
    """mm/s over many harmonics and half orders."""
    TONES = "tones"
    """mm/s at bearing or gear defect frequencies, with side bands."""
    BROADBAND = "broadband"
    """mm/s of broadband vibration."""
    RESISTANCE = "resistance"
    """Extra resistance to flow, as a share of the system's own."""
    COOLING_LOSS = "cooling_loss"
    """Lost share of the capacity to remove heat."""
    EXCHANGE = "exchange"
    """Air let in from outside, as a share of what an open door lets in."""
    POWER = "power"
    """Extra power drawn, as a share of rated power."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way to go wrong: usual growth and growth time, amounts at severity 1, and the metrics it shows in."""

    growth: Growth
    growth_s: float
    effects: Mapping[Effect, float]
    shows_in: frozenset[str]


_DAY = 86400.0
FAULTS: dict[str, FaultKind] = {
    "bearing_wear": FaultKind(
        Growth.STAGES,
        30 * _DAY,
        {Effect.TONES: 8.5, Effect.BROADBAND: 4.0, Effect.HEAT: 22.0, Effect.POWER: 0.05},
        frozenset({"vibration", "temperature"}),
    ),
    "lubrication_loss": FaultKind(
        Growth.EXPONENTIAL,
        4 * _DAY,
        {Effect.BROADBAND: 3.5, Effect.HEAT: 38.0, Effect.POWER: 0.08},
        frozenset({"temperature", "vibration"}),
    ),
    "imbalance": FaultKind(Growth.LINEAR, 10 * _DAY, {Effect.ONE_X: 7.0, Effect.HEAT: 3.0}, frozenset({"vibration"})),
    "misalignment": FaultKind(
        Growth.LINEAR,
        5 * _DAY,
        {Effect.TWO_X: 5.0, Effect.ONE_X: 3.0, Effect.HEAT: 9.0, Effect.POWER: 0.04},
        frozenset({"vibration", "temperature"}),
    ),
    "looseness": FaultKind(
        Growth.EXPONENTIAL, 7 * _DAY, {Effect.HARMONICS: 8.0, Effect.HEAT: 2.0}, frozenset({"vibration"})
    ),
    "cavitation": FaultKind(
        Growth.LINEAR,
        6 * 3600.0,
        {Effect.BROADBAND: 6.5, Effect.RESISTANCE: 0.35},
        frozenset({"vibration", "pressure", "flow"}),
    ),
    "blocked_filter": FaultKind(
        Growth.LINEAR,
        20 * _DAY,
        {Effect.RESISTANCE: 2.5, Effect.COOLING_LOSS: 0.35, Effect.BROADBAND: 2.2},
        frozenset({"pressure", "flow", "temperature", "vibration", "current"}),
    ),
    "refrigerant_leak": FaultKind(
        Growth.LINEAR,
        12 * _DAY,
        {Effect.COOLING_LOSS: 0.75, Effect.POWER: 0.06},
        frozenset({"temperature", "current", "pressure"}),
    ),
    "door_open": FaultKind(Growth.STEP, 60.0, {Effect.EXCHANGE: 1.0}, frozenset({"temperature", "humidity"})),
    "overheating": FaultKind(
        Growth.EXPONENTIAL,
        8 * 3600.0,
        {Effect.HEAT: 35.0, Effect.COOLING_LOSS: 0.9, Effect.POWER: 0.06},
        frozenset({"temperature"}),
    ),
}
"""Every fault a scenario may name."""

_STAGE_AT = np.array([0.0, 0.25, 0.55, 0.8, 1.0])
_STAGE_SEVERITY = np.array([0.0, 0.03, 0.12, 0.40, 1.0])
"""Share of the growth time at which each stage of bearing damage ends, and the severity there: ultrasonic only,
resonances ring, defect frequencies with side bands, broadband before the end."""


def grown(growth: Growth, x: FloatArray) -> FloatArray:
    """Severity after the share `x` of the growth time; 0 before, 1 after."""
    x = clipped(x)
    match growth:
        case Growth.STEP:
            return smoothstep(x)
        case Growth.LINEAR:
            return x
        case Growth.EXPONENTIAL:
            return np.asarray(np.expm1(4.0 * x) / np.expm1(4.0))
        case Growth.STAGES:
            return np.asarray(np.interp(x, _STAGE_AT, _STAGE_SEVERITY))


@dataclass(slots=True)
class Fault:
    """A fault of one device on one time line; times in ns UTC. Only a repair may change it afterwards."""

    device: str
    kind: str
    onset: int
    growth: Growth
    growth_ns: int
    peak: float
    fails_at: int | None
    ends_at: int | None
    acceleration: float

    @property
    def what(self) -> FaultKind:
        """What kind of fault it is."""
        return FAULTS[self.kind]

    def touches(self, start_s: float, stop_s: float) -> bool:
        """Whether it can matter between those times, with the inertia of a machine after its repair."""
        return stop_s * NS > self.onset and (self.ends_at is None or start_s * NS < self.ends_at + 2 * 86400 * NS)

    def severity(self, t: FloatArray) -> FloatArray:
        """Severity at those times (s), 0 … `peak`."""
        onset = self.onset / NS
        grown_now = grown(self.growth, (t - onset) * (NS / max(self.growth_ns, 1)))
        if self.ends_at is not None:
            grown_now = grown_now * (t < self.ends_at / NS)
        return self.peak * grown_now

    def stopped(self, t: FloatArray) -> FloatArray:
        """1 while the machine stands after the breakdown, else 0."""
        if self.fails_at is None:
            return np.zeros(len(t))
        down = t >= self.fails_at / NS
        if self.ends_at is not None:
            down &= t < self.ends_at / NS
        return down.astype(np.float64)
