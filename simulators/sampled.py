"""A slow function of time, worked out once on a grid and shared: weather and working hours of a whole fleet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.tape import FloatArray

_DAY_S = 86400
_DAYS_KEPT = 16
"""As long as the slowest body looks back."""


class Sampled:
    """`function` on a grid of `step_s` (a divisor of the day), linear between; a pure function of time like it.

    A day is worked out when first asked for, so many devices of a site pay for it once.
    """

    def __init__(self, function: Callable[[FloatArray], FloatArray], step_s: int) -> None:
        self._function = function
        self._step_s = step_s
        self._points = _DAY_S // step_s
        self._offset = np.arange(self._points, dtype=np.float64) * step_s
        self._days: dict[int, FloatArray] = {}

    def __call__(self, t: FloatArray) -> FloatArray:
        """Values at times `t` (s), ascending along the last axis, shape as given."""
        if not t.size:
            return np.zeros(t.shape)
        first = int(t[..., 0].min() // _DAY_S)
        last = int((t[..., -1].max() + self._step_s) // _DAY_S)
        days = [self._day(day) for day in range(first, last + 1)]
        values = days[0] if len(days) == 1 else np.concatenate(days)
        # Positions from 1970 on, before anything is subtracted: so their rounding does not depend on the first day.
        x = t * (1.0 / self._step_s) - float(first * self._points)
        i = np.minimum(x.astype(np.intp), len(values) - 2)
        x -= i
        low, high = values[i], values[1:][i]
        high -= low
        high *= x
        high += low
        return np.asarray(high)

    def _day(self, day: int) -> FloatArray:
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.pop(next(iter(self._days)))
            found = self._days[day] = self._function(self._offset + float(day * _DAY_S))
        return found

    def __getstate__(self) -> tuple[Callable[[FloatArray], FloatArray], int]:
        return self._function, self._step_s

    def __setstate__(self, state: tuple[Callable[[FloatArray], FloatArray], int]) -> None:
        self.__init__(*state)  # type: ignore[misc]
