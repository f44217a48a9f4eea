"""Warnings before failures: what alerts were worth to machines that broke down at known times.

Alerts of a device that overlap are one episode. A failure is warned of when an episode is up at some time from 72 h
to 24 h before it. An episode is false when no failure follows within 72 h and none lies in the 24 h before. Both count
from 7 days after the device's first reading on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.alert import Alert
from ingest.reading import NS_PER_SECOND

HOUR = 3600 * NS_PER_SECOND
DAY = 24 * HOUR
MONTH = 30.44 * DAY
WARM_UP = 7 * DAY


@dataclass(frozen=True, slots=True)
class Watched:
    """A device: its first and last reading, and when it failed, ns UTC."""

    start: int
    end: int
    failures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Worth:
    """What came of the alerts of one or more devices."""

    failures: int = 0
    warned: int = 0
    false: int = 0
    months: float = 0.0
    instants: int = 0
    """Hours at which it was asked whether a failure then would have been warned of …"""
    lucky: int = 0
    """… and at how many the answer was yes: what a warning is worth against chance."""

    def __add__(self, other: Worth) -> Worth:
        """Both together."""
        return Worth(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def share(self) -> float:
        """Share of the failures that were warned of."""
        return self.warned / self.failures if self.failures else float("nan")

    @property
    def by_chance(self) -> float:
        """The same for any hour in place of failures."""
        return self.lucky / self.instants if self.instants else float("nan")

    @property
    def false_per_month(self) -> float:
        """False episodes per device-month."""
        return self.false / self.months if self.months else float("nan")


def worth(device: Watched, alerts: Iterable[Alert]) -> Worth:
    """What the alerts of a device were worth."""
    runs, warm = episodes(alerts, device.end), device.start + WARM_UP
    counted = [failure for failure in device.failures if failure >= warm + 3 * DAY]
    instants = range(warm + 3 * DAY, device.end, HOUR)
    return Worth(
        len(counted),
        sum(warned(runs, failure) for failure in counted),
        sum(begin >= warm and not _near(begin, device.failures) for begin, _ in runs),
        (device.end - warm) / MONTH,
        len(instants),
        sum(warned(runs, moment) for moment in instants),
    )


def episodes(alerts: Iterable[Alert], end: int) -> list[tuple[int, int]]:
    """(begin, end) of alerts that overlap, taken together; one that is still open ends with the readings."""
    runs: list[tuple[int, int]] = []
    spans = sorted((a.raised_at, max(a.raised_at, end) if a.cleared_at is None else a.cleared_at) for a in alerts)
    for begin, over in spans:
        if runs and begin <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], over))
        else:
            runs.append((begin, over))
    return runs


def warned(runs: Sequence[tuple[int, int]], failure: int) -> bool:
    """Whether one of the episodes is up from 72 h to 24 h before."""
    return any(begin <= failure - DAY and over >= failure - 3 * DAY for begin, over in runs)


def _near(begin: int, failures: Sequence[int]) -> bool:
    return any(0 <= end - begin <= 3 * DAY or 0 <= begin - end <= DAY for end in failures)
