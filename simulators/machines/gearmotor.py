"""Motor with a two-stage gearbox, driving a conveyor.

Losses of induction motors as constant plus load-square part (IEC 60034-2-1 method of segregated losses); oil sump as
one thermal mass (ISO/TR 14179-1 thermal rating); vibration with load by gear mesh (Randall 2011, ch. 5.4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulators.faults import Effect
from simulators.machines.machine import Channel, Surroundings
from simulators.machines.rotating import Rotating, Support
from simulators.signals import lagged
from simulators.tape import FloatArray

_MAGNETISING = 0.4


class GearMotor(Rotating):
    """A gear motor; figures are those at rated load."""

    asset_class: ClassVar[str] = "gearmotor"
    passing: ClassVar[int] = 21
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.02, 0.01, -40.0, 150.0, 12.0),
        Channel("vibration", "mm/s", 0.11, 0.01, 0.0, 50.0, 3.5, "velocity_rms"),
        Channel("current", "A", 0.5, 0.1, 0.0, 300.0, 10.0),
        Channel("speed", "rpm", 1.5, 1.0, 0.0, 3600.0, 60.0, default=False),
    )

    power_kw: float = Field(37.0, gt=0, le=2000)
    foundation: Support = Support.RIGID
    current_a: float = Field(68.0, gt=0, le=3000)
    speed_rpm: float = Field(1480.0, gt=10, le=3600)
    rise_k: float = Field(42.0, gt=0, le=90)
    vibration_mms: float = Field(1.6, gt=0, le=10)
    tau_s: float = Field(3000.0, gt=10, le=1e5)
    swing: float = Field(0.02, ge=0, le=0.2)
    """Share by which demand wanders within the hour."""
    ripple: float = Field(0.002, ge=0, le=0.2)
    """Share by which it fluctuates within seconds and minutes: turbulence, and what is conveyed."""
    ambient: float = Field(0.35, ge=0, le=1)
    """How much of the outdoor temperature's change reaches the room; little in a heated hall."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Oil temperature, vibration velocity, motor current, motor speed."""
        load = self._load(t, around) * (1.0 + self.ripple * around.ripple(t))
        return {
            "temperature": lambda: self._temperature(t, around),
            "vibration": lambda: self._vibration(t, load, around),
            "current": lambda: self._current(t, load, around),
            "speed": lambda: self.speed_rpm * (1.0 + 0.012 * (1.0 - load)) * (load > 0),
        }

    def _load(self, t: FloatArray, around: Surroundings) -> FloatArray:
        feed = 1.0 + self.swing * around.wander("feed", t, 1500.0)
        return np.asarray(around.schedule.load(t) * feed * around.running(t))

    def _current(self, t: FloatArray, load: FloatArray, around: Surroundings) -> FloatArray:
        torque = load * (1.0 + around.effect(Effect.POWER, t))
        return self.current_a * np.sqrt(_MAGNETISING**2 * (load > 0) + (1.0 - _MAGNETISING**2) * torque * torque)

    def _vibration(self, t: FloatArray, load: FloatArray, around: Surroundings) -> FloatArray:
        own = self.vibration_mms * (0.55 + 0.45 * load) * (1.0 + 0.03 * around.wander("vibration", t, 900.0))
        return np.where(load > 0, np.sqrt(own * own + around.vibration(t)), 0.0)

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            load = self._load(grid, around)
            room = 19.0 + self.ambient * (around.climate.temperature(grid) - 14.0)
            return room + self.rise_k * (0.3 * (load > 0) + 0.7 * load * load)

        return lagged(drive, t, self.tau_s) + around.slow_effect(Effect.HEAT, t, self.tau_s) * around.running(t)
