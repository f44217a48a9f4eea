"""What the alerts about a simulated fleet are worth, held against the truth about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from alerts.alert import Alert, Kind
from alerts.budget import OUTSIDE_THE_BUDGET, SECONDS_PER, Budget
from simulators.chance import most_by_chance
from simulators.duration import NS
from simulators.judge import Raised, belongs, first_alert
from simulators.simulation import Simulation
from simulators.truth import Interval, truth

Named = TypeVar("Named", Raised, Interval)
WEEK_NS = 7 * 24 * 3600 * NS
AFTERMATH_NS = 24 * 3600 * NS
"""What is raised that long after something was wrong is neither right nor false: the machine was worked on."""
AHEAD_NS = 24 * 3600 * NS
"""A breakdown is warned of if there is that much time left to do something."""
WITHIN = 2.0
"""The budget is kept if no more than so many times the alarms it accepts are false."""


@dataclass(frozen=True, slots=True)
class Count:
    """What one budget came to."""

    budget: Budget
    alerts: int
    orders: int
    found: dict[str, tuple[int, int]]
    """By kind of trouble: how many were found, and how many there were."""
    delays_s: dict[str, float]
    """By kind: median delay from its beginning to its first alert; no entry where none was found."""
    right: int
    after: int
    """Raised within a day after something was wrong."""
    false: int
    """Raised while nothing was, of the kinds that the budget speaks of."""
    silent: int
    """False silence alerts."""
    false_of: dict[str, tuple[int, float]]
    """By class of devices: those, and the device-months in which nothing was wrong, nor had been for a day."""
    false_in: tuple[int, ...]
    """The same false alarms by week of the run."""
    leads_s: tuple[float, ...]
    """From the first alert about each breakdown that was warned of at all to the breakdown."""
    breakdowns: int

    @property
    def quiet_months(self) -> float:
        """Device-months in which nothing was wrong, nor had been for a day."""
        return sum(months for _, months in self.false_of.values())

    @property
    def recall(self) -> float:
        """Share of what was wrong that an alert was raised about while it was."""
        found, all_ = (sum(column) for column in zip(*self.found.values(), strict=True)) if self.found else (0, 0)
        return found / all_ if all_ else 1.0

    @property
    def precision(self) -> float:
        """Share of right alerts among those that are right or false, of any kind."""
        told = self.right + self.false + self.silent
        return self.right / told if told else 1.0

    @property
    def false_per_month(self) -> float:
        """False alarms per device-month of quiet time."""
        return self.false / self.quiet_months if self.quiet_months else 0.0

    @property
    def accepted(self) -> float:
        """How many false alarms the budget accepts in the quiet time."""
        return self.budget.per_device_month * self.quiet_months

    @property
    def kept(self) -> bool:
        """Whether the false alarms are within twice the budget, chance allowed for."""
        return self.false <= most_by_chance(WITHIN * self.accepted)

    @property
    def warned(self) -> int:
        """Breakdowns with an alert at least a day ahead."""
        return sum(lead * NS >= AHEAD_NS for lead in self.leads_s)

    @property
    def delay_s(self) -> float:
        """Median of the kinds' median delays."""
        return median(self.delays_s.values()) if self.delays_s else float("nan")


def count(sim: Simulation, budget: Budget, alerts: Iterable[Alert], orders: int) -> Count:
    """Hold the alerts of one budget against the truth."""
    every = truth(sim)
    troubles = _by_device(one for one in every if one.kind != "failure")
    raised = _by_device(sorted((_raised(alert) for alert in alerts), key=lambda one: one.raised_at))
    found, delays = _found(troubles, raised)
    placed = [(alert, _where(alert, troubles[alert.device])) for told in raised.values() for alert in told]
    false = [alert for alert, where in placed if where == "false" and alert.kind not in OUTSIDE_THE_BUDGET]
    failures = [one for one in every if one.kind == "failure"]
    return Count(
        budget=budget,
        alerts=len(placed),
        orders=orders,
        found=found,
        delays_s=delays,
        right=sum(where == "right" for _, where in placed),
        after=sum(where == "after" for _, where in placed),
        false=len(false),
        silent=sum(where == "false" and alert.kind == Kind.SILENCE for alert, where in placed),
        false_of=_of_classes(sim, troubles, Counter(alert.device for alert in false)),
        false_in=_in_weeks(sim, false),
        leads_s=tuple(_leads(failures, raised)),
        breakdowns=len(failures),
    )


def _raised(alert: Alert) -> Raised:
    return Raised(alert.device, alert.metric, alert.kind, alert.raised_at)


def _by_device(found: Iterable[Named]) -> defaultdict[str, list[Named]]:
    of = defaultdict[str, list[Named]](list)
    for one in found:
        of[one.device].append(one)
    return of


def _found(
    troubles: Mapping[str, Sequence[Interval]], raised: Mapping[str, Sequence[Raised]]
) -> tuple[dict[str, tuple[int, int]], dict[str, float]]:
    delays = defaultdict[str, list[float]](list)
    there = Counter[str]()
    for one in (one for several in troubles.values() for one in several):
        there[one.kind] += 1
        alert = first_alert(one, raised.get(one.device, ()))
        if alert is not None:
            delays[one.kind].append((alert.raised_at - one.start) / NS)
    found = {kind: (len(delays[kind]), number) for kind, number in sorted(there.items())}
    return found, {kind: median(spent) for kind, spent in delays.items() if spent}


def _where(alert: Raised, troubles: Sequence[Interval]) -> str:
    """Whether an alert is right, false, or raised after something that was wrong."""
    if any(belongs(alert, one) for one in troubles):
        return "right"
    return "after" if any(belongs(alert, one, AFTERMATH_NS) for one in troubles) else "false"


def _leads(failures: Sequence[Interval], raised: Mapping[str, Sequence[Raised]]) -> Iterator[float]:
    for one in failures:
        alert = first_alert(one, raised.get(one.device, ()))
        if alert is not None:
            yield (one.end - alert.raised_at) / NS


def _of_classes(
    sim: Simulation, troubles: Mapping[str, Sequence[Interval]], false: Mapping[str, int]
) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, float]] = {}
    for placed in sim.devices:
        name, model = placed.device.name, placed.device.machine.asset_class
        number, months = found.get(model, (0, 0.0))
        quiet_s = _quiet_ns(sim, troubles.get(name, ())) / NS
        found[model] = (number + false.get(name, 0), months + quiet_s / SECONDS_PER["month"])
    return found


def _quiet_ns(sim: Simulation, troubles: Sequence[Interval]) -> int:
    """For how long nothing was wrong with a device and nothing had been for a day."""
    at, quiet = sim.history_start, sim.end - sim.history_start
    for begins, ends in sorted((one.start, min(one.end + AFTERMATH_NS, sim.end)) for one in troubles):
        quiet -= max(0, ends - max(at, begins))
        at = max(at, ends)
    return quiet


def _in_weeks(sim: Simulation, false: Sequence[Raised]) -> tuple[int, ...]:
    weeks = -(-(sim.end - sim.history_start) // WEEK_NS)
    of = Counter((alert.raised_at - sim.history_start) // WEEK_NS for alert in false)
    return tuple(of[week] for week in range(weeks))
