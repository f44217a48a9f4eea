"""Curing concrete under a cover: hydration heat over days, then the weather again.

Degree of hydration with three parameters and the adiabatic rise from it: Schindler and Folliard, "Heat of hydration
models for cementitious materials", ACI Materials Journal 102 (2005). Losses to the air as one time constant; so the
temperature is the heat rate through a first-order lag. The surface stays moist as long as it is covered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulators.faults import Effect
from simulators.machines.machine import Channel, Machine, Surroundings
from simulators.signals import lagged
from simulators.tape import FloatArray


class Concrete(Machine):
    """A pour, one every `repeat_d` days; the first at a time of its own."""

    asset_class: ClassVar[str] = "concrete"
    faults: ClassVar[frozenset[str]] = frozenset({"overheating", "door_open"})
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.01, 0.01, -40.0, 110.0, 12.0),
        Channel("humidity", "%", 0.05, 0.01, 0.0, 100.0, 20.0),
    )

    adiabatic_rise_k: float = Field(38.0, ge=5, le=80)
    hydration_h: float = Field(16.0, ge=4, le=60)
    slope: float = Field(1.0, ge=0.4, le=2.5)
    loss_tau_s: float = Field(40 * 3600.0, ge=3600, le=1e6)
    repeat_d: float = Field(28.0, ge=3, le=365)

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Core temperature and humidity under the cover."""
        return {"temperature": lambda: self._temperature(t, around), "humidity": lambda: self._humidity(t, around)}

    def age_s(self, t: FloatArray, around: Surroundings) -> FloatArray:
        """Seconds since the pour."""
        repeat = self.repeat_d * 86400.0
        return np.mod(t - around.tape("pour", uniform=True).one(0) * repeat, repeat)

    def hydration(self, age_s: FloatArray) -> FloatArray:
        """Degree of hydration after that time, 0 … 1."""
        return np.exp(-((self.hydration_h * 3600.0 / np.maximum(age_s, 60.0)) ** self.slope))

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            age = self.age_s(grid, around)
            rate = (self.hydration(age + 300.0) - self.hydration(np.maximum(age - 300.0, 60.0))) / 600.0
            exposed = 6.0 * around.effect(Effect.EXCHANGE, grid)
            return around.climate.temperature(grid) - exposed + self.adiabatic_rise_k * rate * self.loss_tau_s

        return lagged(drive, t, self.loss_tau_s) + around.slow_effect(Effect.HEAT, t, 3600.0)

    def _humidity(self, t: FloatArray, around: Surroundings) -> FloatArray:
        covered = 95.0 - 5.0 * (self.age_s(t, around) / (self.repeat_d * 86400.0))
        dry = around.slow_effect(Effect.EXCHANGE, t, 7200.0)
        return np.minimum(covered + 0.6 * around.wander("moisture", t, 7200.0), 99.9) * (1 - dry) + dry * (
            around.climate.humidity(t)
        )
