"""Remembers at which hours a device was unusual: what comes every day or every week at its hour is no news.

    unusual rows ─▶ episodes of five weeks ─▶ at this hour on four of seven days, or three of five weeks? ─▶ no news

A wash-down, a test run, a machine that is switched on in the morning are as rare as a fault for whoever looks at rows,
and come more often than anybody accepts false alarms. Somebody was told of the first ones. A fault that grows, that
comes at another hour or that lasts longer than they did is told like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.alert import Fact
from ingest.reading import NS_PER_DAY, NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Period:
    """After which time something comes again."""

    name: str
    length_ns: int
    least: int
    """So often it has to have come …"""
    of: int
    """… the last so many times, to be no news."""


PERIODS: tuple[Period, ...] = (Period("day", NS_PER_DAY, 4, 7), Period("week", 7 * NS_PER_DAY, 3, 5))
WORTH_TELLING = 2
"""Times before that an alert speaks of."""
WITHIN_NS = 5400 * NS_PER_SECOND
"""How early or late it may be: what people do is not on the minute, and clocks are put back and forward by an hour."""
SLACK = 1.5
"""How many times as high as before its score may be."""
MOST = 64
LONGEST_NS = max(period.of * period.length_ns for period in PERIODS) + WITHIN_NS
"""So many episodes of a device are remembered, and for so long."""


@dataclass(slots=True)
class Episode:
    """A while in which a device was unusual, event time in ns."""

    since: int
    until: int
    highest: float
    """Its highest score; p-values end where nothing is rarer."""


class Recurring:
    """The last episodes of every device."""

    def __init__(self) -> None:
        self._episodes: dict[int, list[Episode]] = {}

    def note(self, device: int, at: int, score: float) -> None:
        """A row was as rare as opens an alert, or belongs to one that is open; in order of each device's time."""
        episodes = self._episodes.setdefault(device, [])
        if episodes and at - episodes[-1].until <= WITHIN_NS:
            last = episodes[-1]
            last.until, last.highest = max(last.until, at), max(last.highest, score)
            return
        kept = [one for one in episodes if at - one.until <= LONGEST_NS][1 - MOST :]
        self._episodes[device] = [*kept, Episode(at, at, score)]

    def expected(self, device: int, at: int, score: float) -> bool:
        """Whether the device was about as unusual at this hour on enough days or weeks before."""
        return any(times >= period.least for period, times in self._before(device, at, score))

    def facts(self, device: int, at: int, score: float) -> dict[str, Fact]:
        """What an alert says of it: `recurs_every`, and how often it came (`recurred`) of the last `recurred_of`."""
        found = [(period, times) for period, times in self._before(device, at, score) if times >= WORTH_TELLING]
        if not found:
            return {}
        period, times = max(found, key=lambda one: one[1] / one[0].of)
        return {"recurs_every": period.name, "recurred": times, "recurred_of": period.of}

    def _before(self, device: int, at: int, score: float) -> Iterator[tuple[Period, int]]:
        known = [one for one in self._episodes.get(device, ()) if SLACK * one.highest >= score]
        for period in PERIODS:
            yield period, _times(known, at, period)

    def save(self) -> list[tuple[int, int, int, float]]:
        """(device number, since, until, highest score) of every episode."""
        return [
            (device, one.since, one.until, one.highest) for device, known in self._episodes.items() for one in known
        ]

    def restore(self, saved: Iterable[tuple[int, int, int, float]]) -> None:
        """Take back what `save` gave."""
        self._episodes = {}
        for device, since, until, highest in saved:
            self._episodes.setdefault(device, []).append(Episode(since, until, highest))


def _times(episodes: Iterable[Episode], at: int, period: Period) -> int:
    """On how many of the last days or weeks there was an episode at this hour, and one that ended within half of it."""
    found, length = set(), period.length_ns
    for one in episodes:
        if one.until - one.since <= length // 2:
            first, last = -(-(at - one.until - WITHIN_NS) // length), (at - one.since + WITHIN_NS) // length
            found |= set(range(max(first, 1), min(last, period.of) + 1))
    return len(found)
