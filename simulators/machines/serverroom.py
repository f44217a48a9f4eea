"""Server room: IT load against room cooling.

Lumped heat balance with the cooling unit as a proportional controller, and a moisture balance of outdoor leakage and
coil: ASHRAE TC 9.9, "Thermal Guidelines for Data Processing Environments" (5th ed. 2021) for set-points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulators.climate import relative_humidity, saturation_pa
from simulators.faults import Effect
from simulators.machines.machine import Channel, Machine, Surroundings
from simulators.signals import lagged
from simulators.tape import FloatArray

_ROOM_TAU_S = 1200.0


class ServerRoom(Machine):
    """A room of servers."""

    asset_class: ClassVar[str] = "server_room"
    faults: ClassVar[frozenset[str]] = frozenset({"door_open", "overheating", "blocked_filter", "refrigerant_leak"})
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.01, 0.01, -20.0, 85.0, 5.0),
        Channel("humidity", "%", 0.05, 0.01, 0.0, 100.0, 15.0),
        Channel("power", "kW", 0.15, 0.01, 0.0, 500.0, 6.0),
    )

    setpoint_c: float = Field(24.0, ge=15, le=35)
    power_kw: float = Field(30.0, gt=0, le=400)
    swing: float = Field(0.02, ge=0, le=0.2)
    """Share by which the IT load wanders within the hour."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Return-air temperature, relative humidity, IT power."""
        return {
            "temperature": lambda: self._temperature(t, around),
            "humidity": lambda: self._humidity(t, around),
            "power": lambda: self._power(t, around),
        }

    def _power(self, t: FloatArray, around: Surroundings) -> FloatArray:
        busy = 0.75 + 0.3 * (around.schedule.load(t) - 0.8)
        return self.power_kw * busy * (1.0 + self.swing * around.wander("jobs", t, 1800.0)) * around.running(t)

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            share = self._power(grid, around) / self.power_kw
            return self.setpoint_c + 4.0 * (share - 0.75) + 0.15 * around.wander("control", grid, 1500.0)

        lost = around.slow_effect(Effect.COOLING_LOSS, t, _ROOM_TAU_S)
        door = around.slow_effect(Effect.EXCHANGE, t, _ROOM_TAU_S)
        outside = around.climate.temperature(t)
        return lagged(drive, t, _ROOM_TAU_S) + 18.0 * lost + 0.3 * door * (outside - self.setpoint_c)

    def _humidity(self, t: FloatArray, around: Surroundings) -> FloatArray:
        coil = saturation_pa(np.full((1, 1), 10.5)) * (1.0 + 0.015 * around.wander("moisture", t, 7200.0))
        share = 0.1 + 0.6 * around.slow_effect(Effect.EXCHANGE, t, 600.0)
        vapour = (1.0 - share) * coil + share * around.climate.vapour(t)
        return relative_humidity(self._temperature(t, around), np.asarray(vapour))
