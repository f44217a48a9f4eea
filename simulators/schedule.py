"""When a machine works, and how hard: the calendar as a smooth share of full load."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from simulators.sampled import Sampled
from simulators.signals import smoothstep
from simulators.tape import FloatArray

_DAY_S = 86400.0
GRID_S = 60
_THURSDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""


class Working(StrEnum):
    """Kinds of working hours."""

    CONTINUOUS = "continuous"
    """Day and night, a little less at night and at weekends."""
    STEADY = "steady"
    """Day and night alike, as a process plant runs."""
    OFFICE = "office"
    """Monday to Friday, 07:00-19:00, a minimum outside."""
    SHIFTS = "shifts"
    """Monday to Saturday, 06:00-22:00, stopped outside."""


@dataclass(frozen=True, slots=True)
class _Hours:
    start_h: float
    stop_h: float
    last_weekday: int
    low: float
    high: float
    ramp_h: float


_HOURS = {
    Working.CONTINUOUS: _Hours(6.0, 21.0, 4, 0.82, 0.90, 2.5),
    Working.STEADY: _Hours(4.0, 20.0, 6, 0.868, 0.872, 8.0),
    Working.OFFICE: _Hours(7.0, 19.0, 4, 0.35, 0.85, 0.75),
    Working.SHIFTS: _Hours(6.0, 22.0, 5, 0.0, 0.88, 0.2),
}


class Schedule:
    """Working hours in local time, with holidays on which a working day looks like a Sunday."""

    def __init__(self, working: Working, utc_offset_h: float = 0.0, holidays: tuple[int, ...] = ()) -> None:
        self.working = working
        self.utc_offset_h = utc_offset_h
        self.holidays = holidays
        """Days since 1970-01-01."""
        self.load = Sampled(self._load, GRID_S)
        """Planned share of full load, 0 … 1, at ascending UTC seconds."""

    def _load(self, t: FloatArray) -> FloatArray:
        hours = _HOURS[self.working]
        days = (t + self.utc_offset_h * 3600.0) * (1.0 / _DAY_S)
        day = np.floor(days)
        hour = (days - day) * 24.0
        weekday = np.mod(day + _THURSDAY, 7.0)
        works = weekday <= hours.last_weekday
        if self.holidays:
            works &= ~np.isin(day, self.holidays)
        inside = smoothstep((hour - hours.start_h) / hours.ramp_h + 0.5)
        inside *= smoothstep((hours.stop_h - hour) / hours.ramp_h + 0.5)
        return hours.low + (hours.high - hours.low) * np.where(works, inside, 0.0)
