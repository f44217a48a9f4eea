"""What every machine model has: channels, parameters, and the surroundings it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from simulators.climate import Climate
from simulators.faults import Effect, Fault
from simulators.schedule import Schedule
from simulators.signals import lagged, wander
from simulators.tape import FloatArray, Tape

Signals = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Channel:
    """One sensor of a machine: what it measures, and how well.

    `noise` is the standard deviation of its white error, `resolution` its last digit, `low` and `high` its range, all
    in `unit`. `step` is a change that is clearly not normal: the scale of biases, drifts and spikes.
    """

    metric: str
    unit: str
    noise: float
    resolution: float
    low: float
    high: float
    step: float
    basis: str | None = None
    default: bool = True
    """Sent unless the scenario lists other metrics."""


@dataclass(slots=True)
class Surroundings:
    """Where one machine stands: weather, working hours, its faults, and its own random numbers."""

    climate: Climate
    schedule: Schedule
    faults: Sequence[Fault]
    key: tuple[object, ...]
    tapes: dict[str, Tape]

    def tape(self, name: str, uniform: bool = False) -> Tape:
        """The tape of that name of this machine."""
        tape = self.tapes.get(name)
        if tape is None:
            tape = self.tapes[name] = Tape(*self.key, name, uniform=uniform)
        return tape

    def wander(self, name: str, t: FloatArray, period_s: float) -> FloatArray:
        """Smooth unit noise of this machine."""
        return wander(self.tape(name), t, period_s)

    def running(self, t: FloatArray) -> FloatArray | float:
        """Share of the machine that is not broken down: 1, and 0 after a failure until the repair."""
        down = [fault.stopped(t) for fault in self.faults if fault.fails_at is not None and _overlaps(fault, t)]
        return 1.0 - np.maximum.reduce(down) if down else 1.0

    def effect(self, effect: Effect, t: FloatArray) -> FloatArray | float:
        """Amount of that effect at those times, all faults together; a plain 0.0 where none has it."""
        total: FloatArray | float = 0.0
        for fault in self.faults:
            amount = fault.what.effects.get(effect)
            if amount and _overlaps(fault, t):
                total = total + amount * fault.severity(t)
        return total

    def slow_effect(self, effect: Effect, t: FloatArray, tau_s: float) -> FloatArray | float:
        """The same through thermal inertia; an accelerated fault has an accelerated inertia too."""
        total: FloatArray | float = 0.0
        for fault in self.faults:
            amount = fault.what.effects.get(effect)
            if amount and _overlaps(fault, t):
                total = total + amount * lagged(fault.severity, t, tau_s / fault.acceleration)
        return total

    def vibration(self, t: FloatArray) -> FloatArray | float:
        """Sum of squares of the vibration that faults add at full speed, (mm/s)²."""
        total: FloatArray | float = 0.0
        for effect in (Effect.ONE_X, Effect.TWO_X, Effect.HARMONICS, Effect.TONES, Effect.BROADBAND):
            amount = self.effect(effect, t)
            if not isinstance(amount, float):
                total = total + amount * amount
        return total


def _overlaps(fault: Fault, t: FloatArray) -> bool:
    return len(t) > 0 and fault.touches(float(t[0]), float(t[-1]))


class Machine(BaseModel):
    """A model with its parameters; `signals` is the physics."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    asset_class: ClassVar[str]
    channels: ClassVar[tuple[Channel, ...]]
    faults: ClassVar[frozenset[str]]
    """The faults this machine can have."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """True values by metric at ascending times (s), each made when called, so that unused ones cost nothing."""
        raise NotImplementedError

    @classmethod
    def channel(cls, metric: str) -> Channel | None:
        """The sensor of that metric, or None if this machine has none."""
        return next((channel for channel in cls.channels if channel.metric == metric), None)
