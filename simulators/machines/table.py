"""Which machine models there are; a new one is a file and a line here."""

from __future__ import annotations

from simulators.machines.coldroom import ColdRoom
from simulators.machines.compressor import Compressor
from simulators.machines.concrete import Concrete
from simulators.machines.fan import Fan
from simulators.machines.gearmotor import GearMotor
from simulators.machines.machine import Machine
from simulators.machines.pump import Pump
from simulators.machines.serverroom import ServerRoom
from simulators.machines.site import BuildingSite

MACHINES: dict[str, type[Machine]] = {
    "pump": Pump,
    "fan": Fan,
    "gearmotor": GearMotor,
    "compressor": Compressor,
    "coldroom": ColdRoom,
    "serverroom": ServerRoom,
    "concrete": Concrete,
    "site": BuildingSite,
}
"""Models by the name a scenario uses."""
