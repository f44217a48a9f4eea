"""Air-handling unit: belt-driven fan behind a filter and a cooling coil.

Fan laws: ASHRAE Handbook, HVAC Systems and Equipment (2020), ch. 21; filter resistance rising with dust load to a few
times the clean one, as EN 13053:2019 limits it. Supply air leaves the coil near its
set-point with the coil's moisture, so humidity follows psychrometrics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulators.climate import relative_humidity, saturation_pa
from simulators.faults import Effect
from simulators.machines.machine import Channel, Surroundings
from simulators.machines.rotating import SHAFT_FAULTS, Rotating, Support
from simulators.signals import lagged
from simulators.tape import FloatArray

_COIL_TAU_S = 600.0


class Fan(Rotating):
    """A fan in an air-handling unit."""

    asset_class: ClassVar[str] = "ahu"
    passing: ClassVar[int] = 9
    faults: ClassVar[frozenset[str]] = SHAFT_FAULTS | {"blocked_filter"}
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.012, 0.01, -40.0, 85.0, 5.0),
        Channel("humidity", "%", 0.05, 0.01, 0.0, 100.0, 20.0),
        Channel("vibration", "mm/s", 0.08, 0.01, 0.0, 50.0, 3.0, "velocity_rms"),
        Channel("pressure", "Pa", 3.0, 1.0, 0.0, 1000.0, 80.0, default=False),
        Channel("current", "A", 0.12, 0.1, 0.0, 100.0, 3.5, default=False),
    )

    power_kw: float = Field(9.2, gt=0, le=2000)
    foundation: Support = Support.FLEXIBLE
    current_a: float = Field(18.0, gt=0, le=1000)
    filter_pa: float = Field(120.0, gt=0, le=1000)
    supply_c: float = Field(17.0, ge=5, le=35)
    coil_swing_k: float = Field(0.18, ge=0, le=3)
    vibration_mms: float = Field(1.1, gt=0, le=10)
    swing: float = Field(0.012, ge=0, le=0.2)
    """Share by which demand wanders within the hour."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Supply temperature and humidity, bearing vibration, filter pressure drop, motor current."""
        speed = self._speed(t, around)
        resistance = around.effect(Effect.RESISTANCE, t)
        flow = speed / np.sqrt(1.0 + 0.35 * resistance)
        return {
            "temperature": lambda: self._supply(t, around),
            "humidity": lambda: self._humidity(t, around),
            "vibration": lambda: self._vibration(t, speed, around),
            "pressure": lambda: self.filter_pa * flow**2 * (1.0 + resistance),
            "current": lambda: (
                self.current_a * (0.25 * (speed > 0) + 0.75 * speed**2 * flow * (1.0 + around.effect(Effect.POWER, t)))
            ),
        }

    def _speed(self, t: FloatArray, around: Surroundings) -> FloatArray:
        demand = 1.0 + self.swing * around.wander("demand", t, 1800.0)
        return np.asarray(around.schedule.load(t) * demand * around.running(t))

    def _supply(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            outside = around.climate.temperature(grid)
            hunting = self.coil_swing_k * around.wander("coil", grid, 1500.0)
            return self.supply_c + 0.04 * (outside - 14.0) + hunting

        lost = around.slow_effect(Effect.COOLING_LOSS, t, _COIL_TAU_S)
        heat = around.slow_effect(Effect.HEAT, t, _COIL_TAU_S)
        return lagged(drive, t, _COIL_TAU_S) + 14.0 * lost + 0.1 * heat

    def _humidity(self, t: FloatArray, around: Surroundings) -> FloatArray:
        coil = self.supply_c - 5.5 + 1.4 * self.coil_swing_k * around.wander("moisture", t, 5400.0)
        outside = around.climate.vapour(t)
        vapour = np.minimum(saturation_pa(coil), 0.75 * saturation_pa(coil) + 0.25 * outside)
        return relative_humidity(self._supply(t, around), vapour)

    def _vibration(self, t: FloatArray, speed: FloatArray, around: Surroundings) -> FloatArray:
        own = self.vibration_mms * (1.0 + 0.03 * around.wander("vibration", t, 900.0))
        return speed * speed * np.sqrt(own * own + around.vibration(t))
