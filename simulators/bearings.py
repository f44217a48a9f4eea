"""Defect frequencies of rolling bearings from their geometry, and the housing resonances they ring.

Kinematics without slip, outer race at rest: Randall and Antoni, "Rolling element bearing diagnostics - a tutorial",
Mechanical Systems and Signal Processing 25 (2011), eq. 1-4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bearing:
    """Geometry of a rolling bearing; diameters in mm, contact angle in degrees."""

    n_balls: int
    ball_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    def frequencies(self, shaft_hz: float) -> DefectFrequencies:
        """Defect frequencies at that shaft speed.

        >>> found = Bearing(9, 7.94, 39.04).frequencies(29.95)
        >>> round(found.bpfo, 1), round(found.bpfi, 1), round(found.ftf, 1)
        (107.4, 162.2, 11.9)
        """
        ratio = self.ball_mm / self.pitch_mm * math.cos(math.radians(self.contact_deg))
        return DefectFrequencies(
            bpfo=self.n_balls * shaft_hz / 2.0 * (1.0 - ratio),
            bpfi=self.n_balls * shaft_hz / 2.0 * (1.0 + ratio),
            bsf=self.pitch_mm * shaft_hz / (2.0 * self.ball_mm) * (1.0 - ratio * ratio),
            ftf=shaft_hz / 2.0 * (1.0 - ratio),
        )


@dataclass(frozen=True, slots=True)
class DefectFrequencies:
    """Outer race, inner race, ball spin (ball hits either race at twice that), cage; Hz."""

    bpfo: float
    bpfi: float
    bsf: float
    ftf: float


BEARINGS = {
    "6205": Bearing(9, 7.94, 39.04),
    "6309": Bearing(8, 17.462, 72.5),
    "22220": Bearing(19, 21.0, 140.0, 10.0),
}
"""Common bearings; ball number and diameters as catalogues and the Case Western Reserve data give them (6205)."""
