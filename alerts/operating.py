"""When a probability of failure is worth an alarm: the rule, and the threshold that keeps to the user's budget.

    probability ≥ threshold ─▶ alarm ─▶ below half of it for CALM slots ─▶ over

A model brings a curve: for each threshold, what the rule would have warned of and raised falsely on devices that it had
not seen. From that curve and the budget follows the threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alerts.budget import SECONDS_PER, Budget
from ingest.reading import NS_PER_SECOND, FloatArray, TimeArray

HELD = 0.5
"""An alarm is held while the probability is at least this share of the threshold."""
CALM = 12
"""Slots below that after which it is over."""
WORTH = 4.0
"""False alarms that one more failure warned of is worth: a lower threshold has to pay for itself."""
THRESHOLDS = tuple(float(1 / (1 + np.exp(-odds / 6))) for odds in range(-24, 25))
"""Those that are tried: log-odds from -4 to 4."""
SLACK = 0.5 / WORTH
"""What differs by less than half a false alarm is equally good."""
AROUND = 6
"""Thresholds to either side that a choice looks at: a unit of log-odds."""
LEAST_FAILURES, LEAST_WARNED = 8, 0.8
"""A model is proven that warned of this share of at least so many failures of devices that it had not seen."""


@dataclass(frozen=True, slots=True)
class Lookout:
    """What counts as a warning, in ns: an alarm within `horizon` before a failure that is up `lead` before it."""

    horizon: int
    lead: int

    def warned(self, runs: Sequence[tuple[int, int]], failure: int) -> bool:
        """Whether one of the alarms (begin, end) warned of a failure."""
        return any(a <= failure - self.lead and b >= failure - self.horizon for a, b in runs)

    def false(self, begin: int, failures: Iterable[int]) -> bool:
        """Whether an alarm that begins then is false: no failure within the horizon after it, or shortly before."""
        return not any(0 <= end - begin <= self.horizon or 0 <= begin - end <= self.lead for end in failures)

    def falsely_up(self, begin: int, over: int, failures: Sequence[int]) -> int:
        """How many false alarms one is: one that stands on is raised anew with each horizon that passes."""
        return sum(self.false(at, failures) for at in range(begin, max(over, begin + 1), self.horizon))


def episodes(time: TimeArray, probability: FloatArray, threshold: float, calm_ns: int) -> list[tuple[int, int]]:
    """The alarms of one device as (begin, end); `time` ascending, ns UTC. One that is not over ends with the data."""
    runs: list[tuple[int, int]] = []
    held = np.flatnonzero(probability >= HELD * threshold)
    begin: int | None = None
    last = 0
    for place in held.tolist():
        now = int(time[place])
        if begin is not None and int(time[place - 1]) - last >= calm_ns:
            runs.append((begin, _end(time, last, calm_ns)))
            begin = None
        if begin is None and probability[place] >= threshold:
            begin = now
        last = now
    if begin is not None:
        runs.append((begin, _end(time, last, calm_ns)))
    return runs


def _end(time: TimeArray, last: int, calm_ns: int) -> int:
    place = int(np.searchsorted(time, last + calm_ns))
    return int(time[min(place, len(time) - 1)])


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold came to on devices that the model had not seen."""

    threshold: float
    warned: int
    failures: int
    false: int
    device_months: float

    @property
    def false_per_month(self) -> float:
        """False alarms per device-month."""
        return self.false / self.device_months if self.device_months else 0.0

    @property
    def share(self) -> float:
        """Share of the failures that were warned of."""
        return self.warned / self.failures if self.failures else 0.0

    @property
    def use(self) -> float:
        """What it is worth: failures warned of, less what the false alarms cost."""
        return self.warned - self.false / WORTH

    def plain(self) -> dict[str, Any]:
        """As values for JSON."""
        return asdict(self)

    @classmethod
    def of_plain(cls, said: dict[str, Any]) -> Point:
        """Undo `plain`. Raises TypeError or KeyError."""
        return cls(
            float(said["threshold"]), int(said["warned"]), int(said["failures"]), int(said["false"]),
            float(said["device_months"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Course:
    """One device over time, as a model that had not seen it judges it."""

    time: TimeArray
    probability: FloatArray
    failures: tuple[int, ...]


def curve(courses: Sequence[Course], lookout: Lookout, calm_ns: int) -> list[Point]:
    """What each threshold would have come to; a failure counts if its device could be judged a horizon before."""
    span_s = sum(int(c.time[-1] - c.time[0]) / NS_PER_SECOND for c in courses if len(c.time))
    months = span_s / SECONDS_PER["month"]
    points = []
    for threshold in THRESHOLDS:
        warned = failures = false = 0
        for course in courses:
            runs = episodes(course.time, course.probability, threshold, calm_ns)
            counted = [f for f in course.failures if len(course.time) and f - lookout.horizon >= course.time[0]]
            failures += len(counted)
            warned += sum(lookout.warned(runs, failure) for failure in counted)
            false += sum(lookout.falsely_up(begin, over, course.failures) for begin, over in runs)
        points.append(Point(threshold, warned, failures, false, months))
    return points


def best(points: Sequence[Point], budget: Budget | None = None) -> Point:
    """The threshold of most use, with those around it, that keeps to the budget; of equals the middle of most of them.

    With few failures on record a single one more or less says little: what is good over a wide range of thresholds is
    good. Where none keeps to the budget, the highest.
    """
    most = np.inf if budget is None else budget.per_device_month
    allowed = [place for place, point in enumerate(points) if point.false_per_month <= most]
    if not allowed:
        return points[-1]
    use = smoothed(points)
    top = max(use[place] for place in allowed)
    stretches: list[list[int]] = []
    for place in allowed:
        if use[place] < top - SLACK:
            continue
        if stretches and stretches[-1][-1] == place - 1:
            stretches[-1].append(place)
        else:
            stretches.append([place])
    widest = max(stretches, key=len)
    return points[widest[len(widest) // 2]]


def smoothed(points: Sequence[Point]) -> list[float]:
    """The use of each threshold averaged with those around it; beyond the last one no failure is warned of."""
    use = [point.use for point in points]
    padded = [use[0]] * AROUND + use + [0.0] * AROUND
    return [sum(padded[place : place + 2 * AROUND + 1]) / (2 * AROUND + 1) for place in range(len(use))]


def proven(point: Point, budget: Budget) -> bool:
    """Whether what was measured at this point is enough for the model to speak for a device."""
    within = point.false_per_month <= budget.per_device_month
    return point.failures >= LEAST_FAILURES and point.share >= LEAST_WARNED and within
