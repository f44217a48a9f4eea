"""Screw compressor with load/unload control on an air receiver.

Discharge temperature of an oil-flooded screw from compression heat and oil cooling, load and idle power: Stosic, Smith,
Kovacevic, "Screw Compressors" (2005), ch. 1 and 4; load/unload cycling between two pressures: US DOE, "Improving
Compressed Air System Performance" (3rd ed. 2016). The receiver's pressure is the sawtooth that cycling settles to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulators.faults import Effect
from simulators.machines.machine import Channel, Surroundings
from simulators.machines.rotating import SHAFT_FAULTS, Rotating, Support
from simulators.signals import lagged
from simulators.tape import FloatArray

_IDLE_POWER = 0.28
"""Share of rated power that an unloaded screw still draws."""


class Compressor(Rotating):
    """An air compressor."""

    asset_class: ClassVar[str] = "compressor"
    passing: ClassVar[int] = 4
    faults: ClassVar[frozenset[str]] = SHAFT_FAULTS | {"blocked_filter"}
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.02, 0.01, -40.0, 180.0, 15.0),
        Channel("vibration", "mm/s", 0.15, 0.01, 0.0, 50.0, 4.0, "velocity_rms"),
        Channel("pressure", "bar", 0.02, 0.01, 0.0, 16.0, 0.8),
        Channel("current", "A", 0.6, 0.1, 0.0, 500.0, 20.0, default=False),
    )

    power_kw: float = Field(55.0, gt=0, le=2000)
    foundation: Support = Support.FLEXIBLE
    current_a: float = Field(105.0, gt=0, le=3000)
    pressure_bar: float = Field(7.0, gt=0, le=15)
    band_bar: float = Field(0.3, gt=0, le=2)
    cycle_s: float = Field(180.0, ge=20, le=3600)
    rise_k: float = Field(58.0, gt=0, le=110)
    vibration_mms: float = Field(2.2, gt=0, le=10)
    tau_s: float = Field(900.0, gt=10, le=1e5)
    swing: float = Field(0.02, ge=0, le=0.2)
    """Share by which demand wanders within the hour."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Discharge temperature, vibration velocity, receiver pressure, motor current."""
        demand = self._demand(t, around)
        phase = np.mod(t / self.cycle_s + 0.4 * around.wander("cycle", t, 4.0 * self.cycle_s), 1.0)
        return {
            "temperature": lambda: self._temperature(t, around),
            "vibration": lambda: self._vibration(t, demand, around),
            "pressure": lambda: self._pressure(t, phase, demand, around),
            "current": lambda: self._current(t, phase, demand, around),
        }

    def _demand(self, t: FloatArray, around: Surroundings) -> FloatArray:
        wander = 1.0 + self.swing * around.wander("demand", t, 1800.0)
        return np.asarray(around.schedule.load(t) * wander * around.running(t))

    def _vibration(self, t: FloatArray, demand: FloatArray, around: Surroundings) -> FloatArray:
        own = self.vibration_mms * (0.6 + 0.4 * demand) * (1.0 + 0.03 * around.wander("vibration", t, 900.0))
        return np.where(demand > 0, np.sqrt(own * own + around.vibration(t)), 0.0)

    def _pressure(self, t: FloatArray, phase: FloatArray, demand: FloatArray, around: Surroundings) -> FloatArray:
        loaded = np.maximum(demand, 0.02)
        saw = np.where(phase < loaded, 2.0 * phase / loaded - 1.0, 1.0 - 2.0 * (phase - loaded) / (1.001 - loaded))
        choked = 0.12 * around.effect(Effect.RESISTANCE, t)
        return (self.pressure_bar + self.band_bar * saw - choked * demand) * (demand > 0)

    def _current(self, t: FloatArray, phase: FloatArray, demand: FloatArray, around: Surroundings) -> FloatArray:
        power = np.where(phase < demand, 1.0 + around.effect(Effect.POWER, t), _IDLE_POWER)
        return self.current_a * power * (demand > 0)

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            demand = self._demand(grid, around)
            room = 20.0 + 0.4 * (around.climate.temperature(grid) - 14.0)
            return room + self.rise_k * (_IDLE_POWER * (demand > 0) + (1.0 - _IDLE_POWER) * demand)

        heat = around.slow_effect(Effect.HEAT, t, self.tau_s) + 25.0 * around.slow_effect(
            Effect.COOLING_LOSS, t, self.tau_s
        )
        return lagged(drive, t, self.tau_s) + heat * around.running(t)
