"""What every machine model has: channels, parameters, and the surroundings it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from simulators.climate import Climate
from simulators.faults import Effect, Fault
from simulators.schedule import Schedule
from simulators.signals import lagged, wander
from simulators.tape import FloatArray, Tapes

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
    """Where machines of one model stand, side by side: weather, working hours, their faults and random numbers.

    Arrays have a row for each machine; times are (n_machines, n), or (1, n) for the same times for all.
    """

    climate: Climate
    schedule: Schedule
    keys: Sequence[tuple[object, ...]]
    """What each machine's random numbers are drawn under."""
    faults: Sequence[tuple[int, Fault]]
    """(row, fault)."""
    tapes: dict[str, Tapes] = field(default_factory=dict)

    def tape(self, name: str, uniform: bool = False) -> Tapes:
        """The tapes of that name of these machines."""
        tapes = self.tapes.get(name)
        if tapes is None:
            tapes = self.tapes[name] = Tapes([(*key, name) for key in self.keys], uniform)
        return tapes

    def wander(self, name: str, t: FloatArray, period_s: float) -> FloatArray:
        """Smooth unit noise of each machine."""
        return wander(self.tape(name), t, period_s)

    def ripple(self, t: FloatArray) -> FloatArray:
        """Quick unit noise of each machine: two scales, twenty seconds and three minutes."""
        return 0.7 * (self.wander("ripple", t, 20.0) + self.wander("ripple-slow", t, 180.0))

    def running(self, t: FloatArray) -> FloatArray | float:
        """Share of each machine that is not broken down: 1, and 0 after a failure until the repair."""
        down = self._rows(t, lambda fault, at: fault.stopped(at) if fault.fails_at is not None else None, np.maximum)
        return 1.0 - down

    def effect(self, effect: Effect, t: FloatArray) -> FloatArray | float:
        """Amount of that effect at those times, all faults together; a plain 0.0 where none has it."""

        def amounts(fault: Fault, at: FloatArray) -> FloatArray | None:
            amount = fault.what.effects.get(effect)
            return amount * fault.severity(at) if amount else None

        return self._rows(t, amounts, np.add)

    def slow_effect(self, effect: Effect, t: FloatArray, tau_s: float) -> FloatArray | float:
        """The same through thermal inertia; an accelerated fault has an accelerated inertia too."""

        def amounts(fault: Fault, at: FloatArray) -> FloatArray | None:
            amount = fault.what.effects.get(effect)
            return amount * lagged(fault.severity, at, tau_s / fault.acceleration) if amount else None

        return self._rows(t, amounts, np.add)

    def vibration(self, t: FloatArray) -> FloatArray | float:
        """Sum of squares of the vibration that faults add at full speed, (mm/s)²."""
        total: FloatArray | float = 0.0
        for effect in (Effect.ONE_X, Effect.TWO_X, Effect.HARMONICS, Effect.TONES, Effect.BROADBAND):
            amount = self.effect(effect, t)
            if not isinstance(amount, float):
                total = total + amount * amount
        return total

    def _rows(
        self, t: FloatArray, amounts: Callable[[Fault, FloatArray], FloatArray | None], together: np.ufunc
    ) -> FloatArray | float:
        """What each fault does to its machine; a plain 0.0 where nothing is wrong with any."""
        total: FloatArray | None = None
        for row, fault in self.faults:
            at = t[row if len(t) > 1 else 0]
            if not len(at) or not fault.touches(float(at[0]), float(at[-1])):
                continue
            found = amounts(fault, at)
            if found is not None:
                if total is None:
                    total = np.zeros((len(self.keys), t.shape[1]))
                together(total[row], found, out=total[row])
        return 0.0 if total is None else total


class Machine(BaseModel):
    """A model with its parameters; `signals` is the physics."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    asset_class: ClassVar[str]
    channels: ClassVar[tuple[Channel, ...]]
    faults: ClassVar[frozenset[str]]
    """The faults this machine can have."""
    passing: ClassVar[int] = 0
    """Vanes, blades, lobes or teeth that pass in a turn of the shaft: a line of the vibration at that multiple."""

    def signals(self, t: FloatArray, around: Surroundings) -> dict[str, Callable[[], FloatArray]]:
        """True values by metric at times `t` (s), (n_machines, n), each made when called: unused ones cost nothing."""
        raise NotImplementedError

    @classmethod
    def channel(cls, metric: str) -> Channel | None:
        """The sensor of that metric, or None if this machine has none."""
        return next((channel for channel in cls.channels if channel.metric == metric), None)
