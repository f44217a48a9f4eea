"""What alerts are worth against what was wrong: found, clean, false, in time. Episodes are what counts as one alarm.

Alerts of a device that overlap are one episode. An alert finds a fault when it is raised inside it; one that was on
before does not count. Times are ns UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks._recorded import DAY, HOUR, Family, Machine, Raised, Rule
from ingest.reading import NS_PER_SECOND
from ingest.truth import Label

Span = tuple[int, int]

MONTH = 30.44 * DAY
AHEAD, SOON = 3 * DAY, DAY
"""A warning of a failure is an alert that is on at some time from three days to one day before it."""
AFTERMATH = DAY
"""After a failure nothing counts as false for so long."""
GOOD = (0.01, 0.5)
"""Share of a life that a good first alert leaves."""
QUIET_OF_LIFE, QUIET_OF_NEIGHBOUR = 0.5, 0.9
"""Share of a life in which an alert is false; of a machine that does not fail beside one that does."""


def episodes(alerts: Iterable[Raised]) -> list[Span]:
    """Spans in which some alert was on.

    >>> episodes([Raised(1, 5), Raised(4, 8), Raised(9, 9)])
    [(1, 8), (9, 9)]
    """
    found: list[Span] = []
    for alert in alerts:
        if found and alert.at <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], alert.until))
        else:
            found.append((alert.at, alert.until))
    return found


def quiet(machine: Machine, rule: Rule) -> list[Span]:
    """Spans in which an alert is false, ends exclusive."""
    if rule.family is Family.LIVES:
        share = QUIET_OF_LIFE if machine.labels else QUIET_OF_NEIGHBOUR
        return [(machine.warm, machine.start + int(share * (machine.end - machine.start)))]
    after = AFTERMATH if rule.family is Family.FAILURES else 0
    spans, at = [], machine.warm
    for label in machine.labels:
        if label.start > at:
            spans.append((at, label.start))
        at = max(at, label.end + after)
    return [*spans, (at, machine.end)] if machine.end > at else spans


def fits(alert: Raised, label: Label) -> bool:
    """Whether both are about one metric, or one of them about the device."""
    return alert.metric is None or label.metric is None or alert.metric == label.metric


def counted(machine: Machine, rule: Rule) -> list[Label]:
    """Labels that begin when the device counts; by the rule of NAB those that end then."""
    return [label for label in machine.labels if (label.end if rule.nab else label.start) >= machine.warm]


@dataclass(frozen=True, slots=True)
class False_:  # noqa: N801  the word is taken
    """What was raised for nothing."""

    episodes: int
    days: float
    """Of devices, in which an alert would have been false."""
    time_share: float | None
    """Of that time, under an alert: one that never ends is one episode and a large share."""

    @property
    def per_day(self) -> float | None:
        """Episodes per device-day."""
        return self.episodes / self.days if self.days else None


def false(machines: Sequence[Machine], rule: Rule) -> False_:
    """Episodes that begin where nothing was wrong, and how long alerts were on there."""
    number = on = whole = 0
    for machine in machines:
        spans, runs = quiet(machine, rule), episodes(machine.alerts)
        number += sum(any(first <= begin < last for first, last in spans) for begin, _ in runs)
        on += sum(max(0, min(b, d) - max(a, c)) for a, b in spans for c, d in runs)
        whole += sum(last - first for first, last in spans)
    return False_(number, whole / DAY, on / whole if whole else None)


def measured(machines: Sequence[Machine], rule: Rule) -> dict[str, Any]:
    """All figures of a set that its alerts give."""
    nothing = false(machines, rule)
    told = {
        "alerts": sum(len(machine.alerts) for machine in machines),
        "false_episodes": nothing.episodes,
        "device_days": nothing.days,
        "false_per_device_day": nothing.per_day,
        "false_time_share": nothing.time_share,
    }
    make = {Family.INTERVALS: _intervals, Family.FAILURES: _failures, Family.LIVES: _lives}[rule.family]
    return {**told, **make(machines, rule)}


def _intervals(machines: Sequence[Machine], rule: Rule) -> dict[str, Any]:
    labels = found = clean = 0
    delays = []
    for machine in machines:
        counts, before = counted(machine, rule), machine.warm
        for label in machine.labels:
            if label in counts:
                labels += 1
                first = _first(machine, label)
                if first is not None:
                    found += 1
                    delays.append((first - label.start) / NS_PER_SECOND)
                    clean += not any(before <= alert.at < label.start for alert in machine.alerts)
            before = max(before, label.end)
    return {
        "labels": labels,
        "found": found,
        "clean": clean,
        "delay_s_median": _quantile(delays, 0.5),
        "delay_s_p90": _quantile(delays, 0.9),
    }


def _first(machine: Machine, label: Label) -> int | None:
    """When an alert was first raised inside a label."""
    begin = max(label.start, machine.warm)
    return next((a.at for a in machine.alerts if begin <= a.at <= label.end and fits(a, label)), None)


def _failures(machines: Sequence[Machine], rule: Rule) -> dict[str, Any]:  # noqa: ARG001  as the others
    failures = warned = false_alarms = moments = lucky = 0
    leads, time = [], 0
    for machine in machines:
        runs, ends = episodes(machine.alerts), [label.end for label in machine.labels]
        for end in ends:
            if end < machine.warm + AHEAD:
                continue
            failures += 1
            warned += _warned(runs, end)
            on = [max(first, end - AHEAD) for first, last in runs if first < end and last >= end - AHEAD]
            leads += [(end - on[0]) / HOUR] if on else []
        hours = range(machine.warm + AHEAD, machine.end, HOUR)
        moments += len(hours)
        lucky += sum(_warned(runs, moment) for moment in hours)
        time += machine.end - machine.warm
        false_alarms += sum(first >= machine.warm and not _near(first, ends) for first, _ in runs)
    return {
        "labels": failures,
        "warned_24h": warned,
        "warned_24h_share": warned / failures if failures else None,
        "random_instant_share": lucky / moments if moments else None,
        "lead_h_median": _quantile(leads, 0.5),
        "false_per_machine_month": false_alarms / (time / MONTH) if time else None,
    }


def _warned(runs: Sequence[Span], moment: int) -> bool:
    return any(first <= moment - SOON and last >= moment - AHEAD for first, last in runs)


def _near(begin: int, ends: Sequence[int]) -> bool:
    """Whether there is a failure in the days after, or was one just before."""
    return any(-AFTERMATH <= end - begin <= AHEAD for end in ends)


def _lives(machines: Sequence[Machine], rule: Rule) -> dict[str, Any]:
    lives = [machine for machine in machines if machine.labels]
    left = [_left(machine) for machine in lives]
    good = [share for share in left if GOOD[0] <= share <= GOOD[1]]
    neighbours = false([machine for machine in machines if not machine.labels], rule)
    return {
        "labels": len(lives),
        "good": len(good),
        "premature": sum(share > GOOD[1] for share in left),
        "late_or_missed": sum(share < GOOD[0] for share in left),
        "lead_share_median": _quantile(good, 0.5),
        "neighbour_false_per_week": neighbours.episodes / (neighbours.days / 7) if neighbours.days else None,
    }


def _left(machine: Machine) -> float:
    """The share of its life that was left at the first alert; 0 if there was none."""
    label = machine.labels[-1]
    fitting = (a.at for a in machine.alerts if machine.warm <= a.at <= label.end and fits(a, label))
    first = next(fitting, label.end)
    return (label.end - first) / (label.end - machine.start)


def _quantile(values: Sequence[float], share: float) -> float | None:
    if not values:
        return None
    return median(values) if share == 0.5 else float(np.quantile(values, share))


def blind(machines: Sequence[Machine], phase: Iterator[float]) -> list[Machine] | None:
    """A floor: as many alerts of the same mean length, evenly spaced over the devices' time; None without alerts.

    `phase` gives for each device where in the first interval they begin, 0 to 1.
    """
    raised = [alert for machine in machines for alert in machine.alerts if alert.at >= machine.warm]
    time = sum(machine.end - machine.warm for machine in machines)
    if not raised or not time:
        return None
    step, length = time / len(raised), sum(alert.until - alert.at for alert in raised) / len(raised)
    made = []
    for machine in machines:
        starts = np.arange(machine.warm + next(phase) * step, machine.end, step).astype(np.int64).tolist()
        made.append(machine.saying([Raised(at, min(at + int(length), machine.end)) for at in starts]))
    return made
