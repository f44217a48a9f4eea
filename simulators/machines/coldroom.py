"""Cold room: product and air behind insulation, cooled by a compressor in cycles, entered by people.

Lumped heat balance with infiltration through the open door and defrost every few hours: ASHRAE Handbook,
Refrigeration (2018), ch. 24 (infiltration) and ch. 14 (defrost). The cycling between two thermostat limits is a
sawtooth of exponentials, written here as the periodic function it settles to.
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

_AIR_TAU_S = 900.0
_VISIT_SLOT_S = 1200.0
_VISIT_DECAY_S = 240.0


class ColdRoom(Machine):
    """A cold store at a set-point."""

    asset_class: ClassVar[str] = "cold_room"
    faults: ClassVar[frozenset[str]] = frozenset({"door_open", "refrigerant_leak", "blocked_filter", "overheating"})
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.01, 0.01, -50.0, 50.0, 6.0),
        Channel("humidity", "%", 0.05, 0.01, 0.0, 100.0, 12.0),
        Channel("current", "A", 0.2, 0.1, 0.0, 60.0, 5.0, default=False),
    )

    setpoint_c: float = Field(4.0, ge=-35, le=15)
    band_k: float = Field(0.5, gt=0, le=5)
    cycle_s: float = Field(1080.0, ge=120, le=7200)
    visit_k: float = Field(0.45, ge=0, le=5)
    defrost_k: float = Field(0.5, ge=0, le=8)
    coil_k: float = Field(0.3, ge=0, le=3)
    """How far the coil's temperature wanders, and humidity with it."""
    current_a: float = Field(14.0, gt=0, le=500)

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Air temperature, relative humidity, compressor current."""
        return {
            "temperature": lambda: self._temperature(t, around),
            "humidity": lambda: self._humidity(t, around),
            "current": lambda: self._current(t, around),
        }

    def _cycle(self, t: FloatArray, around: Surroundings) -> FloatArray:
        """Thermostat sawtooth, -1 … 1; it wanders in phase, as no two cycles are alike."""
        phase = np.mod(t / self.cycle_s + 0.35 * around.wander("cycle", t, 3.0 * self.cycle_s), 1.0)
        return np.where(phase < 0.4, 1.0 - 5.0 * phase, -1.0 + (phase - 0.4) * (2.0 / 0.6))

    def _visits(self, t: FloatArray, around: Surroundings) -> FloatArray:
        """Warming by short door openings, at most one in 20 min and more of them in working hours."""
        slot = np.floor(t / _VISIT_SLOT_S).astype(np.int64)
        total = np.zeros(t.shape)
        for back in (0, 1):
            number = slot - back
            luck, when = around.tape("visit", uniform=True).at(number), around.tape("when", uniform=True).at(number)
            since = t - (number + when) * _VISIT_SLOT_S
            chance = 0.75 * around.schedule.load(np.asarray(number * _VISIT_SLOT_S, np.float64))
            size = np.where((luck < chance) & (since > 0), 0.4 + 0.6 * luck / np.maximum(chance, 1e-9), 0.0)
            decay = np.maximum(since, 0.0) * (1.0 / _VISIT_DECAY_S)
            total += size * decay * np.exp(1.0 - decay)
        return total

    def _defrost(self, t: FloatArray, around: Surroundings) -> FloatArray:
        """A warm bump of half an hour every six hours."""
        since = np.mod(t - 3600.0 * (2.0 + around.tape("defrost", uniform=True).one(0)), 6 * 3600.0)
        return np.where(since < 1800.0, np.sin(np.pi * since / 1800.0) ** 2, 0.0)

    def _warming(self, t: FloatArray, around: Surroundings) -> FloatArray | float:
        outside = 22.0
        infiltration = around.slow_effect(Effect.EXCHANGE, t, _AIR_TAU_S)
        lost = around.slow_effect(Effect.COOLING_LOSS, t, 3.0 * _AIR_TAU_S)
        return (outside - self.setpoint_c) * (0.72 * infiltration + 0.8 * lost)

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            room = 0.03 * (around.climate.temperature(grid) - 14.0) + 0.15 * around.wander("product", grid, 7200.0)
            return self.setpoint_c + room

        own = self.band_k * self._cycle(t, around) + self.visit_k * self._visits(t, around)
        own = own + self.defrost_k * self._defrost(t, around)
        return lagged(drive, t, _AIR_TAU_S) + own + self._warming(t, around)

    def _humidity(self, t: FloatArray, around: Surroundings) -> FloatArray:
        air = self._temperature(t, around)
        coil = self.setpoint_c - 2.2 + self.coil_k * around.wander("coil", t, 5400.0)
        visits = 0.04 * self._visits(t, around) + 0.45 * around.slow_effect(Effect.EXCHANGE, t, 300.0)
        vapour = saturation_pa(coil) + visits * np.maximum(around.climate.vapour(t) - saturation_pa(coil), 250.0)
        lost = 0.4 * self._warming(t, around)
        return relative_humidity(air, vapour * np.exp(0.065 * lost))

    def _current(self, t: FloatArray, around: Surroundings) -> FloatArray:
        cooling = (np.mod(t / self.cycle_s + 0.35 * around.wander("cycle", t, 3.0 * self.cycle_s), 1.0) < 0.4) * 1.0
        trouble = np.maximum(around.effect(Effect.COOLING_LOSS, t), around.effect(Effect.EXCHANGE, t))
        drawn: FloatArray = np.maximum(cooling, np.minimum(1.4 * trouble, 1.0))
        return self.current_a * drawn * around.running(t)
