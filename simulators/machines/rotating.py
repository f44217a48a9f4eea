"""What machines with a shaft have besides: what the nameplate says, and how they stand.

Both are what ISO 10816-3:2009 asks for before it judges a vibration; a supported machine is rigid on its foundation if
its lowest natural frequency is well above that of the shaft, as on a grouted base plate, and flexible on springs or
rubber mounts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from simulators.machines.machine import Machine


class Support(StrEnum):
    """How a machine stands."""

    RIGID = "rigid"
    FLEXIBLE = "flexible"


SHAFT_FAULTS = frozenset({"bearing_wear", "lubrication_loss", "imbalance", "misalignment", "looseness", "overheating"})
"""What any of them can have."""


class Rotating(Machine):
    """A machine with a shaft."""

    faults: ClassVar[frozenset[str]] = SHAFT_FAULTS

    power_kw: float = Field(gt=0, le=2000)
    """Rated power; by default what a three-phase motor of the rated current gives at 400 V."""
    foundation: Support
