"""Vibration as it is before anybody reduces it to one number: acceleration over time.

Shaft harmonics, gear mesh with side bands, and for damaged bearings a train of impacts at the defect frequency, each
ringing a resonance, modulated by the load zone and with the random slip that makes the harmonics fade: McFadden and
Smith, "Model for the vibration produced by a single point defect in a rolling element bearing", Journal of Sound and
Vibration 96 (1984); slip after Antoni and Randall, "A stochastic model for simulation and diagnostics of rolling
element bearings with localized faults", Journal of Vibration and Acoustics 125 (2003).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from simulators.bearings import BEARINGS, Bearing
from simulators.tape import FloatArray, Tape

MMS_TO_MS2 = 1e-3


class Defect(StrEnum):
    """Which part of a bearing is damaged."""

    OUTER = "outer"
    INNER = "inner"
    BALL = "ball"
    CAGE = "cage"


@dataclass(frozen=True, slots=True)
class Rotor:
    """A machine as vibration sees it. Velocity amplitudes in mm/s RMS at each frequency."""

    shaft_hz: float
    bearing: Bearing = BEARINGS["6205"]
    harmonics_mms: tuple[float, ...] = (0.8, 0.3, 0.15)
    """At 1×, 2×, 3× … shaft frequency."""
    half_orders_mms: float = 0.0
    """At 0.5×, 1.5×, 2.5×: looseness."""
    others_mms: tuple[tuple[float, float], ...] = ()
    """(Hz, mm/s) of lines anywhere else: the tones of a defect."""
    gear_teeth: int = 0
    """Teeth of the wheel on the shaft, or blades, vanes, lobes that pass."""
    gear_mms: float = 0.0
    """At that multiple of the shaft's frequency; side bands and the double come with it."""
    noise_ms2: float = 0.3
    """Broadband acceleration, m/s² RMS."""


@dataclass(frozen=True, slots=True)
class BearingDamage:
    """Local damage; `impact_ms2` is the peak acceleration of one impact in m/s²."""

    defect: Defect
    impact_ms2: float
    resonance_hz: float = 3200.0
    damping: float = 0.04
    slip: float = 0.01
    """Standard deviation of the time between impacts, as a share of it."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Acceleration in m/s², `rate_hz` samples per second."""

    rate_hz: float
    acceleration: FloatArray = field(repr=False)

    @property
    def seconds(self) -> FloatArray:
        """Times of the samples, s."""
        return np.arange(len(self.acceleration)) / self.rate_hz


def record(
    rotor: Rotor, seconds: float, rate_hz: float, damage: tuple[BearingDamage, ...] = (), *key: object
) -> Recording:
    """A recording of that length; the same `key` gives the same phases, slips and noise."""
    n = round(seconds * rate_hz)
    t = np.arange(n) / rate_hz
    total = rotor.noise_ms2 * Tape(*key, "noise").take(0, n)
    phases = Tape(*key, "phase", uniform=True)
    for number, (hz, mms) in enumerate(_lines(rotor)):
        if mms > 0 and hz < rate_hz / 2:
            # v = V cos(ωt) has a = -ω V sin(ωt); RMS to peak is √2.
            omega = 2.0 * np.pi * hz
            phase = 2.0 * np.pi * phases.one(number)
            total = total + np.sqrt(2.0) * mms * MMS_TO_MS2 * omega * np.sin(omega * t + phase)
    for number, one in enumerate(damage):
        total = total + _impacts(rotor, one, t, rate_hz, *key, number)
    return Recording(rate_hz, total)


def defect_hz(rotor: Rotor, defect: Defect) -> float:
    """How often that defect strikes: a ball strikes both races, so twice its spin."""
    found = rotor.bearing.frequencies(rotor.shaft_hz)
    return {Defect.OUTER: found.bpfo, Defect.INNER: found.bpfi, Defect.BALL: 2 * found.bsf, Defect.CAGE: found.ftf}[
        defect
    ]


def _lines(rotor: Rotor) -> list[tuple[float, float]]:
    """(Hz, mm/s RMS) of every discrete component."""
    lines = [(order * rotor.shaft_hz, mms) for order, mms in enumerate(rotor.harmonics_mms, 1)]
    lines += [((n + 0.5) * rotor.shaft_hz, rotor.half_orders_mms / (n + 1)) for n in range(3)]
    lines += rotor.others_mms
    if rotor.gear_teeth:
        mesh = rotor.gear_teeth * rotor.shaft_hz
        lines += [(mesh, rotor.gear_mms), (mesh - rotor.shaft_hz, 0.3 * rotor.gear_mms)]
        lines += [(mesh + rotor.shaft_hz, 0.3 * rotor.gear_mms), (2 * mesh, 0.4 * rotor.gear_mms)]
    return lines


def _impacts(rotor: Rotor, damage: BearingDamage, t: FloatArray, rate_hz: float, *key: object) -> FloatArray:
    """A train of impacts with slip and load modulation, ringing the resonance."""
    period = 1.0 / defect_hz(rotor, damage.defect)
    count = int(t[-1] / period) + 2
    slips = Tape(*key, damage.defect, "slip").take(0, count)
    times = period * (np.arange(count) + damage.slip * np.cumsum(slips))
    strength = damage.impact_ms2 * _load_zone(rotor, damage.defect, times)
    train = np.zeros(len(t) + 1)
    at = np.round(times * rate_hz).astype(np.int64)
    inside = (at >= 0) & (at < len(t))
    np.add.at(train, at[inside], strength[inside])
    ring_s = 6.0 / (2.0 * np.pi * damage.resonance_hz * damage.damping)
    r = np.arange(max(2, int(ring_s * rate_hz))) / rate_hz
    omega = 2.0 * np.pi * damage.resonance_hz
    ring = np.exp(-damage.damping * omega * r) * np.sin(omega * np.sqrt(1.0 - damage.damping**2) * r)
    return np.convolve(train, ring)[: len(t)]


def _load_zone(rotor: Rotor, defect: Defect, times: FloatArray) -> FloatArray:
    """How hard each impact is: the outer race sits in the load zone, the others pass through it."""
    if defect is Defect.OUTER:
        return np.ones(len(times))
    hz = rotor.shaft_hz if defect is Defect.INNER else rotor.bearing.frequencies(rotor.shaft_hz).ftf
    return np.asarray(1.0 + 0.8 * np.cos(2.0 * np.pi * hz * times))
