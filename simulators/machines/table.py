"""Which machine models there are; a new one is a file and a line here."""

from __future__ import annotations

from simulators.machines.coldroom import ColdRoom
from simulators.machines.fan import Fan
from simulators.machines.gearmotor import GearMotor
from simulators.machines.machine import Machine
from simulators.machines.pump import Pump

MACHINES: dict[str, type[Machine]] = {
    "pump": Pump,
    "fan": Fan,
    "gearmotor": GearMotor,
    "coldroom": ColdRoom,
}
"""Models by the name a scenario uses."""
