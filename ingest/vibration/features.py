"""A waveform becomes the numbers that are trended: overall levels, how impulsive it is, bands, bearing fault lines.

    samples ─▶ mean square spectrum ─▶ RMS, velocity RMS, bands
        │
        ├─▶ kurtosis, crest factor
        └─▶ envelope of the upper band ─▶ its spectrum at BPFO, BPFI, BSF, FTF

Each feature carries its basis, what the number is, for a zone or a limit means nothing without it: the velocity RMS of
ISO 20816-3 is that from 10 (below 600 rpm: 2) to 1000 Hz, and only a recording that can hold that band gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ingest.machine import Bearing, Machine
from ingest.reading import FloatArray
from ingest.vibration.spectrum import Spectrum, envelope

VELOCITY_BASIS = "velocity_rms"
"""Basis of a velocity RMS over the whole band of ISO 20816-3; the vibration zones ask for it."""
ZONE_HIGH_HZ = 1000.0
ZONE_LOW_HZ, SLOW_LOW_HZ, SLOW_RPM = 10.0, 2.0, 600.0
"""The band's lower edge, and that of machines that turn slower than `SLOW_RPM` (ISO 20816-3)."""
RATE_PER_BAND = 2.1
"""Samples per second over the highest frequency that a recording can hold: Nyquist and a little for the filter."""
NARROWER_HZ = (500.0, 200.0, 100.0, 50.0)
"""Upper edges of the velocity RMS where the recording cannot hold the whole band."""
CYCLES = 4
"""Periods of the lowest frequency that a recording must hold before anything is said about it."""
BANDS_HZ = ((10.0, 100.0), (100.0, 1000.0), (1000.0, 4000.0), (4000.0, 10_000.0))
"""Unbalance and alignment; gears and lower resonances; resonances that bearings ring."""
ENVELOPE_LOW_HZ, ENVELOPE_HIGH_HZ, ENVELOPE_RATE = 500.0, 10_000.0, 2.56
"""The band that is demodulated: above the shaft's harmonics, the usual enveloping filter of 500 Hz to 10 kHz."""
SLIP = 0.015
"""How far a fault line may lie from its kinematic place, as a share of it: 1 to 2 % (Randall and Antoni 2011)."""
LINES_APART = 4
"""Lines of the spectrum per fault frequency, at least: with fewer it cannot be told from its neighbours."""
MIN_SAMPLES, MAX_SAMPLES = 256, 262_144
RATIO = "1"
"""The unit of a number without dimension."""


class Quantity(StrEnum):
    """What a waveform is a recording of; `UNKNOWN`: it does not say, or in a unit that nobody knows."""

    ACCELERATION = "acceleration"
    VELOCITY = "velocity"
    UNKNOWN = "unknown"


UNIT = {Quantity.ACCELERATION: "m/s²", Quantity.VELOCITY: "mm/s", Quantity.UNKNOWN: None}
"""The unit that samples of each quantity are given in."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Samples in the unit of `quantity`, oldest first, `rate_hz` a second, shape (n,)."""

    quantity: Quantity
    rate_hz: float
    samples: FloatArray

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate_hz

    def holds(self, low_hz: float, high_hz: float) -> bool:
        """Whether it is long and fast enough for that band."""
        return self.rate_hz >= RATE_PER_BAND * high_hz and self.seconds >= CYCLES / low_hz


@dataclass(frozen=True, slots=True)
class Feature:
    """One number about a waveform."""

    name: str
    value: float
    unit: str | None
    basis: str


def features(waveform: Waveform, machine: Machine, shaft_hz: float | None) -> list[Feature]:
    """Everything that can be said about the waveform, in a fixed order; what it cannot hold is left out.

    `shaft_hz` is the speed while it was recorded, None where nobody knows; then no fault line can be told.
    """
    made = [*_shape(waveform)]
    if waveform.quantity is Quantity.UNKNOWN:
        return made
    spectrum = Spectrum.of(waveform.samples, waveform.rate_hz)
    made += _velocity(waveform, spectrum, machine)
    if waveform.quantity is Quantity.ACCELERATION:
        made += _bands(waveform, spectrum)
        if machine.bearing is not None and shaft_hz is not None:
            made += _fault_lines(waveform, machine.bearing, shaft_hz)
    return made


def _shape(waveform: Waveform) -> Iterator[Feature]:
    """Level and form of the distribution. Kurtosis is 3 for a Gaussian, 1.5 for a sine, more with impacts."""
    centred = waveform.samples - waveform.samples.mean()
    rms = float(np.sqrt((centred * centred).mean()))
    if waveform.quantity is not Quantity.UNKNOWN:
        yield Feature("rms", rms, UNIT[waveform.quantity], f"{waveform.quantity}_rms")
    if rms > 0:
        yield Feature("kurtosis", float(((centred / rms) ** 4).mean()), RATIO, "kurtosis")
        yield Feature("crest_factor", float(np.abs(centred).max()) / rms, RATIO, "crest_factor")


def _velocity(waveform: Waveform, spectrum: Spectrum, machine: Machine) -> Iterator[Feature]:
    """Velocity RMS over the band of the standard; over a narrower one, by another name, where that is all there is."""
    slow = machine.speed_rpm is not None and machine.speed_rpm < SLOW_RPM
    low = SLOW_LOW_HZ if slow else ZONE_LOW_HZ
    high = next((hz for hz in (ZONE_HIGH_HZ, *NARROWER_HZ) if waveform.holds(low, hz)), None)
    if high is None:
        return
    of_velocity = waveform.quantity is Quantity.VELOCITY
    rms = spectrum.rms(low, high) if of_velocity else 1000.0 * spectrum.integrated_rms(low, high)
    if high == ZONE_HIGH_HZ:
        yield Feature("velocity_rms", rms, "mm/s", VELOCITY_BASIS)
    else:
        yield Feature(f"velocity_rms_to_{high:g}hz", rms, "mm/s", f"velocity_rms {low:g}-{high:g} Hz")


def _bands(waveform: Waveform, spectrum: Spectrum) -> Iterator[Feature]:
    for low, high in BANDS_HZ:
        if waveform.holds(low, high):
            name, basis = f"band_{low:g}_{high:g}hz", f"acceleration_rms {low:g}-{high:g} Hz"
            yield Feature(name, spectrum.rms(low, high), "m/s²", basis)


def _fault_lines(waveform: Waveform, bearing: Bearing, shaft_hz: float) -> Iterator[Feature]:
    """RMS of the envelope's lines at each fault frequency and its multiples."""
    high = min(ENVELOPE_HIGH_HZ, waveform.rate_hz / ENVELOPE_RATE)
    if high < 1.5 * ENVELOPE_LOW_HZ:
        return
    ringing = envelope(waveform.samples, waveform.rate_hz, ENVELOPE_LOW_HZ, high)
    spectrum = Spectrum.of(ringing, waveform.rate_hz)
    found = bearing.frequencies(shaft_hz)
    # A damaged ball strikes a race at twice its spin; the others strike once each time.
    for name, hz, orders in (
        ("bpfo", found.bpfo, (1, 2, 3)),
        ("bpfi", found.bpfi, (1, 2, 3)),
        ("bsf", found.bsf, (2, 4)),
        ("ftf", found.ftf, (1, 2, 3)),
    ):
        if hz >= LINES_APART * spectrum.step_hz:
            lines = [spectrum.line_rms(n * hz, max(SLIP * n * hz, 1.5 * spectrum.step_hz)) for n in orders]
            yield Feature(f"envelope_{name}", float(np.linalg.norm(lines)), "m/s²", f"envelope_{name}")
