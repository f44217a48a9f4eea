"""Centrifugal pump on a system with static head, driven by a motor on a converter.

Affinity laws and a quadratic head curve against a quadratic system curve: Gülich, "Centrifugal Pumps" (3rd ed. 2014),
ch. 2 and 11. Motor current as magnetising plus load part in quadrature. Vibration: residual unbalance grows with the
square of speed, hydraulic excitation with the distance from the best efficiency point (Gülich, ch. 10.7).
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

_STATIC_HEAD = 0.2
_CURVE_RISE = 0.25
_MAGNETISING = 0.35


class Pump(Rotating):
    """A pump; figures are those at rated speed."""

    asset_class: ClassVar[str] = "pump"
    passing: ClassVar[int] = 6
    faults: ClassVar[frozenset[str]] = SHAFT_FAULTS | {"cavitation", "blocked_filter"}
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("temperature", "°C", 0.02, 0.01, -40.0, 150.0, 12.0),
        Channel("vibration", "mm/s", 0.09, 0.01, 0.0, 50.0, 3.0, "velocity_rms"),
        Channel("current", "A", 0.35, 0.1, 0.0, 200.0, 9.0),
        Channel("pressure", "bar", 0.03, 0.01, 0.0, 16.0, 0.9, default=False),
        Channel("flow", "m³/h", 0.5, 0.1, 0.0, 250.0, 18.0, default=False),
    )

    power_kw: float = Field(30.0, gt=0, le=2000)
    foundation: Support = Support.RIGID
    current_a: float = Field(55.0, gt=0, le=3000)
    flow_m3h: float = Field(80.0, gt=0, le=20000)
    pressure_bar: float = Field(4.0, gt=0, le=100)
    rise_k: float = Field(38.0, gt=0, le=90)
    vibration_mms: float = Field(1.3, gt=0, le=10)
    tau_s: float = Field(2100.0, gt=10, le=1e5)
    swing: float = Field(0.012, ge=0, le=0.2)
    """Share by which demand wanders within the hour."""
    ripple: float = Field(0.002, ge=0, le=0.2)
    """Share by which it fluctuates within seconds and minutes: turbulence, and what is conveyed."""
    ambient: float = Field(0.3, ge=0, le=1)
    """How much of the outdoor temperature's change reaches the room; little in a heated hall."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """Bearing temperature, vibration velocity, motor current, discharge pressure and flow."""
        speed = self._speed(t, around) * (1.0 + self.ripple * around.ripple(t))
        flow = self._flow(speed, around.effect(Effect.RESISTANCE, t))
        return {
            "temperature": lambda: self._temperature(t, around),
            "vibration": lambda: self._vibration(t, speed, flow, around),
            "current": lambda: self._current(t, speed, flow, around),
            "pressure": lambda: self.pressure_bar * (_STATIC_HEAD * (speed > 0) + (1 - _STATIC_HEAD) * flow * flow),
            "flow": lambda: self.flow_m3h * flow,
        }

    def _speed(self, t: FloatArray, around: Surroundings) -> FloatArray:
        demand = 1.0 + self.swing * around.wander("demand", t, 2400.0)
        return np.asarray(around.schedule.load(t) * demand * around.running(t))

    def _flow(self, speed: FloatArray, resistance: FloatArray | float) -> FloatArray:
        head = (1.0 + _CURVE_RISE) * speed * speed - _STATIC_HEAD
        return np.sqrt(np.maximum(head, 0.0) / ((1.0 - _STATIC_HEAD) * (1.0 + resistance) + _CURVE_RISE))

    def _power(self, speed: FloatArray, flow: FloatArray) -> FloatArray:
        return speed * speed * (0.45 * speed + 0.55 * flow)

    def _current(self, t: FloatArray, speed: FloatArray, flow: FloatArray, around: Surroundings) -> FloatArray:
        power = self._power(speed, flow) * (1.0 + around.effect(Effect.POWER, t))
        return self.current_a * np.sqrt(_MAGNETISING**2 * (speed > 0) + (1 - _MAGNETISING**2) * power * power)

    def _vibration(self, t: FloatArray, speed: FloatArray, flow: FloatArray, around: Surroundings) -> FloatArray:
        off_best = flow / np.maximum(speed, 0.05) - 1.0
        own = (
            self.vibration_mms * (1.0 + 0.8 * off_best * off_best) * (1.0 + 0.03 * around.wander("vibration", t, 900.0))
        )
        return speed * speed * np.sqrt(own * own + around.vibration(t))

    def _temperature(self, t: FloatArray, around: Surroundings) -> FloatArray:
        def drive(grid: FloatArray) -> FloatArray:
            speed = self._speed(grid, around)
            room = 18.0 + self.ambient * (around.climate.temperature(grid) - 14.0)
            return room + self.rise_k * self._power(speed, self._flow(speed, 0.0))

        heat = around.slow_effect(Effect.HEAT, t, self.tau_s)
        return lagged(drive, t, self.tau_s) + heat * around.running(t)
