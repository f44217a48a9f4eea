"""Signals as functions of time: wandering, rhythm and inertia, the same however a span of time is cut.

Times are float seconds since 1970 UTC, ascending along the last axis: shape (n,), or (n_devices, n) for devices side by
side, where (1, n) stands for the same times for all. Whatever the shape, a value depends on its own time alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.tape import FloatArray, Tape, Tapes, gather

LAG_STEPS_PER_TAU = 10
LAG_REACH = 7.0
"""A first-order lag is cut off after 7 time constants, where 0.1 % of a step is left."""
_KERNEL = np.diff(-np.exp(-np.arange(int(LAG_STEPS_PER_TAU * LAG_REACH)) / LAG_STEPS_PER_TAU), prepend=-1.0)
_KERNEL /= _KERNEL.sum()
"""Answer of the system to a drive that is held from one point of the grid to the next; none at once."""


def wander(tape: Tape | Tapes, t: FloatArray, period_s: float) -> FloatArray:
    """Smooth noise of zero mean and unit variance that forgets itself over `period_s` (value noise, Perlin 1985).

    Values drawn at multiples of the period, blended so that the variance stays one between them.
    """
    if not t.size:
        return np.zeros(t.shape)
    x = t * (1.0 / period_s)
    first, last = _reach(x)
    knots = tape.take(first, last + 2)
    x -= first
    i = x.astype(np.intp)
    x -= i
    blend = x * -2.0
    blend += 3.0
    x *= x
    blend *= x
    rest = 1.0 - blend
    low, high = gather(knots, i), gather(knots, i, 1)
    low *= rest
    high *= blend
    low += high
    rest *= rest
    blend *= blend
    rest += blend
    low /= np.sqrt(rest, out=rest)
    return low


def lagged(drive: Callable[[FloatArray], FloatArray], t: FloatArray, tau_s: float) -> FloatArray:
    """What a body of time constant `tau_s` makes of `drive`: the exponential response of a first-order system.

    Evaluated on a grid of multiples of tau / 10, so that it depends on absolute time alone; `drive` is asked once for
    all rows, and may answer with one row or with one a device.
    """
    if not t.size:
        return np.zeros(t.shape)
    step = tau_s / LAG_STEPS_PER_TAU
    x = t * (1.0 / step)
    first, last = _reach(x)
    grid = np.arange(first - len(_KERNEL) + 1, last + 2, dtype=np.float64) * step
    response = _respond(drive(grid if t.ndim == 1 else grid[None, :]))
    x -= first
    i = x.astype(np.intp)
    x -= i
    low, high = gather(response, i), gather(response, i, 1)
    high -= low
    high *= x
    high += low
    return high


def _reach(x: FloatArray) -> tuple[int, int]:
    """The whole numbers below the first and the last of ascending rows."""
    return int(np.floor(x[..., 0].min())), int(np.floor(x[..., -1].max()))


def _respond(values: FloatArray) -> FloatArray:
    """Each row through the lag. Rows go end to end through one convolution; what mixes two of them is cut off."""
    padded = np.empty(values.shape)
    padded.reshape(-1)[: values.size - len(_KERNEL) + 1] = np.convolve(values.reshape(-1), _KERNEL, "valid")
    return padded[..., : values.shape[-1] - len(_KERNEL) + 1]


def clipped(x: FloatArray) -> FloatArray:
    """`x` held between 0 and 1."""
    held: FloatArray = np.minimum(np.maximum(x, 0.0), 1.0)
    return held


def smoothstep(x: FloatArray) -> FloatArray:
    """0 below 0, 1 above 1, a smooth rise between."""
    x = clipped(x)
    return x * x * (3.0 - 2.0 * x)


def daily(t: FloatArray, peak_hour: float, utc_offset_h: float = 0.0) -> FloatArray:
    """A cosine over the local day, +1 at `peak_hour`, -1 twelve hours later."""
    return np.cos((2.0 * np.pi / 86400.0) * (t + (utc_offset_h - peak_hour) * 3600.0))
