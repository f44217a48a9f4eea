"""The waveform behind a machine's vibration reading: the same level, the same faults, as an accelerometer hears them.

    own level, faults of the machine ─▶ lines, impacts, noise (waveform.py) ─▶ acceleration over a second

Velocity RMS of a waveform (10-1000 Hz) is the vibration the machine reports at that moment; a worn bearing rings its
resonance long before that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, field_validator, model_validator

from simulators.bearings import BEARINGS
from simulators.duration import NS, Duration
from simulators.faults import Effect
from simulators.machines.machine import Machine, Surroundings
from simulators.table import Table
from simulators.waveform import BearingDamage, Defect, Recording, Rotor, defect_hz, record

MOST_SAMPLES = 262_144
_OWN = (0.86, 0.43, 0.28)
"""How a healthy machine's velocity is shared among 1×, 2×, 3×; squares add up to one."""
_PASSING = 0.2
"""Share of it at the frequency of vanes, blades or teeth, with its side bands; the rest is left to the others."""
_WITH_SIDE_BANDS = float(np.sqrt(1.0 + 2 * 0.3**2))
"""Velocity of that line with its side bands over that of the line, see `waveform.Rotor`."""
_HALF_ORDERS = float(np.sqrt(1.0 + 1.0 / 4.0 + 1.0 / 9.0))
"""Velocity of all half orders over that of the first, see `waveform.Rotor`."""
_TONES = (0.9, 0.436)
"""The same for a defect's frequency and its double."""
_IMPACT_PER_TONE = 6.0
"""m/s² of an impact per mm/s of its tones: the envelope shows a defect while velocity hardly moves."""
_NOISE_MS2 = 0.05


class WaveformSpec(Table):
    """What an accelerometer records, and how often."""

    every: Duration = 3600 * NS
    seconds: float = Field(1.0, gt=0, le=60)
    rate_hz: float = Field(10_000.0, ge=100, le=100_000)
    shaft_hz: float = Field(24.7, ge=1, le=500)
    bearing: str = "6205"
    defect: Defect = Defect.OUTER
    """Which part of the bearing wears."""

    @field_validator("bearing")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BEARINGS:
            raise ValueError(f"bearing {name!r} does not exist; there are {', '.join(sorted(BEARINGS))}")
        return name

    @model_validator(mode="after")
    def _fits_a_message(self) -> WaveformSpec:
        if self.seconds * self.rate_hz > MOST_SAMPLES:
            raise ValueError(f"seconds × rate_hz must not exceed {MOST_SAMPLES} samples")
        if self.every < self.seconds * NS:
            raise ValueError("every must be longer than the recording")
        return self


@dataclass(frozen=True, slots=True)
class Waveform:
    """A recording of one device; `time` (ns UTC) is that of its first sample."""

    device: int
    time: int
    recording: Recording

    @property
    def sent(self) -> int:
        """It leaves when it is complete."""
        return self.time + round(len(self.recording.acceleration) / self.recording.rate_hz * NS)


def waveform_of(machine: Machine, around: Surroundings, spec: WaveformSpec, time: int) -> Recording:
    """What the accelerometer of the only machine in `around` records from `time` (ns UTC) on."""
    t = np.array([[time / NS]])

    def amount(effect: Effect) -> float:
        return float(np.max(around.effect(effect, t)))

    own = float(getattr(machine, "vibration_mms"))  # noqa: B009  only machines that vibrate have it
    loose = amount(Effect.HARMONICS)
    tones = amount(Effect.TONES)
    total = float(np.sqrt(own**2 + np.max(around.vibration(t))))
    share = float(machine.signals(t, around)["vibration"]()[0, 0]) / total
    passing = _PASSING if machine.passing else 0.0
    rest = float(np.sqrt(1.0 - (passing * _WITH_SIDE_BANDS) ** 2))
    one, two, three = (own * rest * part for part in _OWN)
    hz = defect_hz(Rotor(shaft_hz=spec.shaft_hz, bearing=BEARINGS[spec.bearing]), spec.defect)
    rotor = Rotor(
        shaft_hz=spec.shaft_hz,
        bearing=BEARINGS[spec.bearing],
        harmonics_mms=(
            share * float(np.hypot(one, amount(Effect.ONE_X))),
            share * float(np.hypot(two, amount(Effect.TWO_X))),
            share * three,
        ),
        half_orders_mms=share * loose / _HALF_ORDERS,
        gear_teeth=machine.passing,
        gear_mms=share * own * passing,
        others_mms=tuple((order * hz, share * tones * part) for order, part in enumerate(_TONES, 1)),
        noise_ms2=float(np.hypot(_NOISE_MS2, share * amount(Effect.BROADBAND) * _noise_per_mms(spec.rate_hz))),
    )
    damage = BearingDamage(spec.defect, share * tones * _IMPACT_PER_TONE)
    struck = (damage,) if tones > 0 and spec.rate_hz > 2.5 * damage.resonance_hz else ()
    return record(rotor, spec.seconds, spec.rate_hz, struck, *around.keys[0], "waveform", time)


def _noise_per_mms(rate_hz: float) -> float:
    """m/s² RMS of white acceleration up to half the rate that has 1 mm/s of velocity between 10 and 1000 Hz.

    Velocity is acceleration over 2πf, so its square is the density times (1/10 - 1/1000) / 4π².
    """
    density = 1e-6 * 4.0 * np.pi**2 / (1.0 / 10.0 - 1.0 / min(1000.0, rate_hz / 2.0))
    return float(np.sqrt(density * rate_hz / 2.0))
