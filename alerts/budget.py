"""The one knob of sensitivity: how many false alarm episodes per device the user accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alerts.alert import Kind

SECONDS_PER = {"day": 86_400.0, "week": 7 * 86_400.0, "month": 30.44 * 86_400.0}
OUTSIDE_THE_BUDGET = frozenset({Kind.SILENCE, Kind.LIMIT})
"""Kinds that `alarms.budget` does not speak of: nobody learned them, somebody set them."""
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s+per\s+device-(day|week|month)\s*")


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarm episodes accepted per (site, device) and `period`; silence and configured limits do not count.

    >>> Budget.parse("1 per device-month").per_device_second * 30.44 * 86400
    1.0
    """

    episodes: float
    period: str

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read `N per device-day|week|month`; a month has 30.44 days. Raises ValueError saying what is allowed."""
        found = _FORM.fullmatch(text)
        if not found or float(found[1]) <= 0:
            raise ValueError(f"{text!r} is not of the form 'N per device-day|week|month' with N > 0")
        return cls(float(found[1]), found[2])

    def __str__(self) -> str:
        """As it is written in the settings."""
        return f"{self.episodes:g} per device-{self.period}"

    @property
    def per_device_second(self) -> float:
        """Accepted episodes per device and second of event time."""
        return self.episodes / SECONDS_PER[self.period]

    @property
    def per_device_month(self) -> float:
        """Accepted episodes per device and month."""
        return self.per_device_second * SECONDS_PER["month"]
