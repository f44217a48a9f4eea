"""Building site: the climate in an enclosed, heated storey under construction.

Two thermal masses in a row (air and slab) behind a leaky envelope, after the resistance-capacitance models of ISO
13790 (simple hourly method); heater on a thermostat during working hours, moisture from outdoors and from drying
screed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulators.climate import relative_humidity
from simulators.faults import Effect
from simulators.machines.machine import Channel, Machine, Surroundings
from simulators.signals import lagged
from simulators.tape import FloatArray

_SLAB_TAU_S = 6 * 3600.0
_AIR_TAU_S = 1500.0


class BuildingSite(Machine):
    """A storey under construction."""

    asset_class: ClassVar[str] = "building_site"
    faults: ClassVar[frozenset[str]] = frozenset({"door_open", "overheating"})
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.01, 0.01, -40.0, 60.0, 8.0),
        Channel("humidity", "%", 0.05, 0.01, 0.0, 100.0, 20.0),
    )

    heated_c: float = Field(16.0, ge=0, le=30)
    tightness: float = Field(0.75, ge=0, le=1)
    drying_pa: float = Field(220.0, ge=0, le=1000)

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Air temperature and relative humidity."""
        return {"temperature": lambda: self._temperature(t, around), "humidity": lambda: self._humidity(t, around)}

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def slab(grid: FloatArray) -> FloatArray:
            outside = around.climate.temperature(grid)
            heated = np.maximum(self.heated_c - outside, 0.0) * (0.5 + 0.5 * around.schedule.load(grid))
            return outside + self.tightness * heated

        own = lagged(slab, t, _SLAB_TAU_S) + 0.25 * around.wander("draught", t, 1800.0)
        opened = around.slow_effect(Effect.EXCHANGE, t, _AIR_TAU_S)
        return (
            own + opened * 0.7 * (around.climate.temperature(t) - own) + around.slow_effect(Effect.HEAT, t, _AIR_TAU_S)
        )

    def _humidity(self, t: FloatArray, around: Surroundings) -> FloatArray:
        drying = self.drying_pa * (1.0 - 0.8 * around.slow_effect(Effect.EXCHANGE, t, _AIR_TAU_S))
        vapour = around.climate.vapour(t) + drying * (1.0 + 0.1 * around.wander("screed", t, 7200.0))
        return relative_humidity(self._temperature(t, around), np.asarray(vapour))
