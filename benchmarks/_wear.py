"""Series for the forecast benchmark: wear whose crossing is known, and what is normal and goes nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

STEPS_PER_DAY = 24
"""Readings a day: hourly."""
LIMIT = 10.0
BASE = 2.0
REACH = 16.0
"""What wear adds at the end of a life; the limit is crossed halfway."""


def autocorrelated(rng: np.random.Generator, m: int, n: int, phi: float) -> FloatArray:
    """Noise of unit variance with that correlation of neighbours, shape (m, n)."""
    made = np.empty((m, n))
    made[:, 0] = rng.normal(size=m)
    drive = rng.normal(size=(m, n)) * np.sqrt(1.0 - phi * phi)
    for i in range(1, n):
        made[:, i] = phi * made[:, i - 1] + drive[:, i]
    return made


def by_day(rng: np.random.Generator, m: int, days: int, phi: float) -> FloatArray:
    """A smooth course that wanders from day to day, as the weather does, shape (m, days × STEPS_PER_DAY)."""
    knots = autocorrelated(rng, m, days + 1, phi)
    at = np.arange(days * STEPS_PER_DAY) / STEPS_PER_DAY
    day, part = at.astype(int), np.modf(at)[0]
    blend = part * part * (3.0 - 2.0 * part)
    return np.asarray(knots[:, day] * (1.0 - blend) + knots[:, day + 1] * blend)


def hours(days: int) -> FloatArray:
    """The rhythm of a day between -1 and 1."""
    return np.sin(2.0 * np.pi * (np.arange(days * STEPS_PER_DAY) / STEPS_PER_DAY - 0.3))


def working(days: int) -> NDArray[np.bool_]:
    """When a machine of two shifts and five days a week runs."""
    step = np.arange(days * STEPS_PER_DAY)
    hour, weekday = step % STEPS_PER_DAY, step // STEPS_PER_DAY % 7
    return np.asarray((hour >= 6) & (hour < 22) & (weekday < 5))


SHAPES: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "linear": lambda u: u,
    "quadratic": lambda u: u**2,
    "exponential": lambda u: np.expm1(4.0 * u) / np.expm1(4.0),
    "stages of a bearing": lambda u: np.interp(u, [0.0, 0.25, 0.55, 0.8, 1.0], [0.0, 0.03, 0.12, 0.4, 1.0]),
    "slowing down": np.sqrt,
}
"""How wear grows over its time, 0 to 1. The third, fourth and fifth are none of the shapes that are fitted."""


@dataclass(frozen=True, slots=True)
class Wear:
    """Series that wear: values of shape (m, n) by the hour, and the day on which their level crosses LIMIT."""

    values: FloatArray
    crosses: float
    begins: float
    """The day on which wear begins."""


def wear(rng: np.random.Generator, m: int, shape: str, life: int, noise: float, schedule: bool = False) -> Wear:
    """`m` series that wear over `life` days after 25 days without; `schedule`: they run in shifts."""
    begins = 25
    days = begins + life
    at = np.arange(days * STEPS_PER_DAY) / STEPS_PER_DAY - begins
    level = BASE + REACH * SHAPES[shape](np.clip(at / life, 0.0, 1.0))
    values = level + noise * (0.7 * rng.normal(size=(m, len(at))) + by_day(rng, m, days, 0.5))
    top = 0.0
    if schedule:
        values = np.where(working(days), values, 0.2 + 0.05 * rng.normal(size=values.shape))
    else:
        top = noise
        values = values + top * hours(days)
    crossed = level + top >= LIMIT
    return Wear(np.maximum(values, 0.0), begins + float(at[np.argmax(crossed)]), float(begins))


NORMAL: Mapping[str, Callable[[np.random.Generator, int, int], FloatArray]] = {
    "white noise": lambda rng, m, days: rng.normal(size=(m, days * STEPS_PER_DAY)),
    "slow noise": lambda rng, m, days: autocorrelated(rng, m, days * STEPS_PER_DAY, 0.98),
    "a daily rhythm": lambda rng, m, days: (
        3.0 * hours(days) * (1.0 + 0.3 * by_day(rng, m, days, 0.5)) + 0.3 * rng.normal(size=(m, days * STEPS_PER_DAY))
    ),
    "weather": lambda rng, m, days: (
        2.0 * hours(days) + 2.0 * by_day(rng, m, days, 0.8) + 0.3 * rng.normal(size=(m, days * STEPS_PER_DAY))
    ),
    "shifts and weekends": lambda rng, m, days: (
        np.where(working(days), 0.0, -8.0)
        + 0.5 * by_day(rng, m, days, 0.5)
        + 0.3 * rng.normal(size=(m, days * STEPS_PER_DAY))
    ),
    "steps of load": lambda rng, m, days: (
        2.0 * np.repeat(rng.normal(size=(m, days // 5 + 1)), 5 * STEPS_PER_DAY, axis=1)[:, : days * STEPS_PER_DAY]
        + 0.3 * rng.normal(size=(m, days * STEPS_PER_DAY))
    ),
    "a season": lambda rng, m, days: (
        4.0 * np.sin(2.0 * np.pi * (np.arange(days * STEPS_PER_DAY) / STEPS_PER_DAY / 365.0 + rng.uniform(size=(m, 1))))
        + by_day(rng, m, days, 0.7)
        + 0.3 * rng.normal(size=(m, days * STEPS_PER_DAY))
    ),
    "a random walk": lambda rng, m, days: (
        np.cumsum(rng.normal(size=(m, days * STEPS_PER_DAY)) * (0.3 / STEPS_PER_DAY**0.5), axis=1)
        + 0.3 * rng.normal(size=(m, days * STEPS_PER_DAY))
    ),
}
"""What does not wear: values of m series by the hour."""
