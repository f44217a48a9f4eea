"""Judges alerts and work orders against what a scenario says must and must not be raised, and against its truth.

An alert is right if it is raised while something is wrong with its device, and false if nothing is and nothing was
until lately. What must stay quiet (a harmless lie, `[[forbid]]`) is nothing that could be found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simulators.faults import Fault
from simulators.scenario import ExpectSpec, ForbidSpec
from simulators.simulation import Simulation
from simulators.truth import Interval, truth

HOUR_NS = 3600 * 1_000_000_000
ECHO_NS = 3 * HOUR_NS
"""An alert up to that long after an interval is neither right nor false: a repaired machine cools, averages follow."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert somebody's rules raised; `raised_at` is event time in ns UTC, `metric` None for the whole device."""

    device: str
    metric: str | None
    kind: str
    raised_at: int


@dataclass(frozen=True, slots=True)
class Broken:
    """An alert that must not have been raised, and what forbids it."""

    ban: ForbidSpec
    alert: Raised
    after: int
    """ns since the start of the scenario."""

    def __str__(self) -> str:
        one = self.alert
        return f"{one.device} {one.metric or '*'} {one.kind} at {_hours(self.after)}: {self.ban.why}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario. Shares are in 0 … 1; delays in ns."""

    missed: tuple[str, ...]
    """What had to be raised and was not."""
    forbidden: tuple[Broken, ...]
    """What was raised and must not be."""
    gaps: tuple[str, ...]
    """Known gaps: expected, not raised, and known to be so."""
    closed_gaps: tuple[str, ...]
    """Known gaps that are none any more: take the remark out of the scenario."""
    found: int
    events: int
    """Intervals of the truth that there is something to find in, and those an alert was raised in."""
    right: int
    """Alerts raised while something was wrong with their device."""
    false: tuple[Raised, ...]
    """Alerts raised while nothing was."""
    alerts: int
    """Alerts from the start on; those shortly after an interval are neither right nor false."""
    delays: tuple[int, ...] = ()
    """From the start of each interval that was found to its first alert."""
    before_failure: tuple[int, ...] = ()
    """Lead of the first alert before each breakdown, and before each that a repair prevented."""
    breakdowns: int = 0
    """Breakdowns that nobody prevented."""

    @property
    def kept(self) -> bool:
        """Whether everything that must be was raised, and nothing that must not."""
        return not self.missed and not self.forbidden

    @property
    def recall(self) -> float:
        """Share of the truth's intervals that were found."""
        return self.found / self.events if self.events else 1.0

    @property
    def precision(self) -> float:
        """Share of the alerts that were right."""
        told = self.right + len(self.false)
        return self.right / told if told else 1.0


def judge(sim: Simulation, alerts: Iterable[Raised], orders: Iterable[str] = (), until: int | None = None) -> Verdict:
    """Compare with the scenario of `sim`; `orders` are the devices that got a work order.

    Only alerts from the start of the scenario on count; what rules did while they learned its history is their own.
    """
    raised, ordered = sorted(alerts, key=lambda one: one.raised_at), set(orders)
    missed, gaps, closed = _expected(sim, raised, ordered)
    live = [one for one in raised if one.raised_at >= sim.start]
    forbidden = [broken for ban in sim.scenario.spec.forbid for broken in _broken(sim, ban, live)]
    banned = {broken.alert for broken in forbidden}
    every = [one for one in truth(sim, until) if one.kind != "failure"]
    events = [one for one in every if not _must_stay_quiet(sim, one)]
    delays = [alert.raised_at - one.start for one in events if (alert := first_alert(one, live)) is not None]
    return Verdict(
        missed=tuple(missed),
        forbidden=tuple(forbidden),
        gaps=tuple(gaps),
        closed_gaps=tuple(closed),
        found=len(delays),
        events=len(events),
        right=sum(alert not in banned and any(belongs(alert, one) for one in events) for alert in live),
        false=tuple(one for one in live if one in banned or not any(belongs(one, it, ECHO_NS) for it in events)),
        alerts=len(live),
        delays=tuple(delays),
        before_failure=tuple(_leads(sim.faults, live)),
        breakdowns=sum(one.kind == "failure" for one in truth(sim, until)),
    )


def first_alert(one: Interval, alerts: Iterable[Raised]) -> Raised | None:
    """The first of `alerts`, in order of time, that was raised in that interval about what is wrong in it."""
    return next((alert for alert in alerts if belongs(alert, one)), None)


def belongs(alert: Raised, one: Interval, echo: int = 0) -> bool:
    """Whether the alert was raised in that interval, or up to `echo` ns after it, about what is wrong in it."""
    metric = one.metric is None or alert.metric is None or alert.metric == one.metric
    return alert.device == one.device and metric and one.start <= alert.raised_at <= one.end + echo


def _expected(sim: Simulation, raised: Sequence[Raised], ordered: set[str]) -> tuple[list[str], list[str], list[str]]:
    """What was missed, the known gaps that are still there, and those that are not."""
    missed: list[str] = []
    gaps: list[str] = []
    closed: list[str] = []
    for expected in sim.scenario.spec.expect:
        problem = _unmet(sim, expected, raised, ordered)
        if expected.known_gap is not None:
            (gaps if problem else closed).append(f"{expected.device} {expected.metric or '*'}: {expected.known_gap}")
        elif problem:
            missed.append(problem)
    return missed, gaps, closed


def _unmet(sim: Simulation, expected: ExpectSpec, raised: Sequence[Raised], ordered: set[str]) -> str | None:
    """Why an expectation is not met, or None."""
    begin, end = sim.start + expected.after, sim.start + expected.before
    what = f"{expected.device} {expected.metric or '*'}"
    if not any(_fits(one, expected) and begin <= one.raised_at <= end for one in raised):
        return f"{what}: no alert between {_hours(expected.after)} and {_hours(expected.before)}"
    if expected.order and expected.device not in ordered:
        return f"{what}: no work order"
    return None


def _broken(sim: Simulation, ban: ForbidSpec, live: Sequence[Raised]) -> list[Broken]:
    return [Broken(ban, one, one.raised_at - sim.start) for one in live if _fits(one, ban)]


def _fits(alert: Raised, wanted: ExpectSpec | ForbidSpec) -> bool:
    """Same device, metric where one is named (an alert of the whole device fits too), and one of the kinds."""
    metric = wanted.metric is None or alert.metric is None or alert.metric == wanted.metric
    return alert.device == wanted.device and metric and (not wanted.kinds or alert.kind in wanted.kinds)


def _must_stay_quiet(sim: Simulation, one: Interval) -> bool:
    """Whether the scenario forbids every alert about what is wrong there."""
    bans = (ban for ban in sim.scenario.spec.forbid if not ban.kinds and ban.device == one.device)
    return any(ban.metric is None or ban.metric == one.metric for ban in bans)


def _leads(faults: Iterable[Fault], alerts: Sequence[Raised]) -> list[int]:
    leads = []
    for fault in faults:
        if fault.fails_at is not None:
            end = fault.fails_at if fault.ends_at is None else min(fault.fails_at, fault.ends_at)
            inside = [a.raised_at for a in alerts if a.device == fault.device and fault.onset <= a.raised_at <= end]
            leads += [fault.fails_at - min(inside)] if inside else []
    return leads


def _hours(ns: int) -> str:
    return f"{ns / HOUR_NS:+.1f} h"
