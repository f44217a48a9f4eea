"""The weather a site stands in, and what moist air does; psychrometrics by psychrolib (ASHRAE Handbook, 2017, ch. 1).

Outdoor temperature: year and day as harmonics (as in the ASHRAE clear-sky day, Handbook of Fundamentals ch. 14),
fronts and clouds as slow noise. Moisture follows the dew point, which hardly knows a daily course: so relative
humidity falls when the air warms, as it does outdoors.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulators.sampled import Sampled
from simulators.signals import wander
from simulators.tape import FloatArray, Tape

YEAR_S = 365.2425 * 86400.0
GRID_S = 300
_COLDEST_DAY_S = 20 * 86400.0
_SHOWER_S = 6 * 3600.0
_TABLE_LOW, _TABLE_STEP, _TABLE_N = -60.0, 0.25, 721


class ClimateSpec(BaseModel):
    """The weather of a site, northern mid-latitudes by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    mean_c: float = Field(14.0, ge=-30, le=40)
    season_k: float = Field(11.0, ge=0, le=30)
    day_k: float = Field(3.5, ge=0, le=15)
    day_spread: float = Field(0.6, ge=0, le=1)
    """How much the swing of one day differs from another's: clear and overcast days."""
    front_k: float = Field(4.0, ge=0, le=10)
    front_h: float = Field(42.0, ge=6, le=500)
    """How long fronts last."""
    shower_k: float = Field(1.0, ge=0, le=10)
    """What changes within hours."""
    dew_depression_k: float = Field(7.0, ge=0.5, le=25)
    moisture_k: float = Field(4.2, ge=0, le=15)
    """How far the dew point wanders by itself."""


@lru_cache(maxsize=1)
def _saturation_table() -> FloatArray:
    import psychrolib

    psychrolib.SetUnitSystem(psychrolib.SI)
    return np.array([psychrolib.GetSatVapPres(_TABLE_LOW + _TABLE_STEP * i) for i in range(_TABLE_N)])


def saturation_pa(temperature_c: FloatArray) -> FloatArray:
    """Saturation vapour pressure over ice or water, -60 … 120 °C; psychrolib's, interpolated to 0.02 %."""
    table = _log_table()
    x = np.clip((temperature_c - _TABLE_LOW) * (1.0 / _TABLE_STEP), 0.0, _TABLE_N - 1.001)
    i = x.astype(np.intp)
    x = x - i
    return np.exp(table[i] * (1.0 - x) + table[i + 1] * x)


@lru_cache(maxsize=1)
def _log_table() -> FloatArray:
    return np.log(_saturation_table())


def relative_humidity(temperature_c: FloatArray, vapour_pa: FloatArray) -> FloatArray:
    """Relative humidity in %, between 1 and 100, of air with that vapour pressure."""
    return np.clip(100.0 * vapour_pa / saturation_pa(temperature_c), 1.0, 100.0)


class Climate:
    """Outdoor air as a function of time, worked out every five minutes and linear between."""

    def __init__(self, spec: ClimateSpec, utc_offset_h: float, *key: object) -> None:
        self.spec = spec
        self.utc_offset_h = utc_offset_h
        names = ("fronts", "clouds", "moisture", "showers")
        self._fronts, self._clouds, self._moisture, self._showers = (Tape(*key, name) for name in names)
        self.temperature = Sampled(self._temperature, GRID_S)
        """Air temperature, °C, at ascending times in s."""
        self.vapour = Sampled(self._vapour, GRID_S)
        """Water vapour pressure, Pa: that of the dew point."""

    def _temperature(self, t: FloatArray) -> FloatArray:
        s = self.spec
        season = -np.cos((2.0 * np.pi / YEAR_S) * (t - _COLDEST_DAY_S))
        sun = np.maximum(1.0 + s.day_spread * np.clip(wander(self._clouds, t, 20 * 3600.0), -2.0, 2.0), 0.0)
        angle = (2.0 * np.pi / 86400.0) * (t + (self.utc_offset_h - 15.0) * 3600.0)
        day = np.cos(angle) + 0.25 * np.cos(2.0 * angle + np.pi / 6.0)  # coldest at 5 h, warmest after 14 h
        outside = s.mean_c + s.season_k * season + s.day_k * sun * day + self._front(t)
        return outside + s.shower_k * wander(self._showers, t, _SHOWER_S) if s.shower_k else outside

    def _front(self, t: FloatArray) -> FloatArray:
        return self.spec.front_k * wander(self._fronts, t, self.spec.front_h * 3600.0)

    def _vapour(self, t: FloatArray) -> FloatArray:
        s = self.spec
        season = -np.cos((2.0 * np.pi / YEAR_S) * (t - _COLDEST_DAY_S))
        dew = s.mean_c + 0.85 * s.season_k * season - s.dew_depression_k
        dew = dew + 0.8 * self._front(t)
        return saturation_pa(dew + s.moisture_k * wander(self._moisture, t, 30 * 3600.0))

    def humidity(self, t: FloatArray) -> FloatArray:
        """Relative humidity, %."""
        return relative_humidity(self.temperature(t), self.vapour(t))
