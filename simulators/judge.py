"""Judges alerts and work orders against what a scenario says must and must not be raised, and against its truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simulators.faults import Fault
from simulators.scenario import ExpectSpec, ForbidSpec
from simulators.simulation import Simulation
from simulators.truth import Interval, truth

ECHO_NS = 3600 * 1_000_000_000
"""An alert up to an hour after an interval still belongs to it: values return, averages follow."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert somebody's rules raised; `raised_at` is event time in ns UTC, `metric` None for the whole device."""

    device: str
    metric: str | None
    kind: str
    raised_at: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario. Shares are in 0 … 1; delays in ns."""

    missed: tuple[str, ...]
    """What had to be raised and was not."""
    forbidden: tuple[str, ...]
    """What was raised and must not be."""
    gaps: tuple[str, ...]
    """Known gaps: expected, not raised, and known to be so."""
    closed_gaps: tuple[str, ...]
    """Known gaps that are none any more: take the remark out of the scenario."""
    found: int
    events: int
    """Truth intervals, and how many an alert was raised in."""
    true_alerts: int
    alerts: int
    """Alerts after the start, and how many fall into the truth of their device."""
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
        return self.true_alerts / self.alerts if self.alerts else 1.0


def judge(sim: Simulation, alerts: Iterable[Raised], orders: Iterable[str] = (), until: int | None = None) -> Verdict:
    """Compare with the scenario of `sim`; `orders` are the devices that got a work order.

    Only alerts from the start of the scenario on count; what rules did while they learned its history is their own.
    """
    raised, ordered = sorted(alerts, key=lambda one: one.raised_at), set(orders)
    spec = sim.scenario.spec
    missed: list[str] = []
    gaps: list[str] = []
    closed: list[str] = []
    for expected in spec.expect:
        problem = _unmet(sim, expected, raised, ordered)
        if expected.known_gap is not None:
            (gaps if problem else closed).append(f"{expected.device} {expected.metric or '*'}: {expected.known_gap}")
        elif problem:
            missed.append(problem)
    forbidden = [text for ban in spec.forbid for text in _broken(sim, ban, raised)]
    intervals = [one for one in truth(sim, until) if one.kind != "failure"]
    live = [one for one in raised if one.raised_at >= sim.start]
    delays = [delay for one in intervals if (delay := _delay(one, live)) is not None]
    return Verdict(
        missed=tuple(missed),
        forbidden=tuple(forbidden),
        gaps=tuple(gaps),
        closed_gaps=tuple(closed),
        found=len(delays),
        events=len(intervals),
        true_alerts=sum(any(_belongs(alert, one) for one in intervals) for alert in live),
        alerts=len(live),
        delays=tuple(delays),
        before_failure=tuple(_leads(sim.faults, live)),
        breakdowns=sum(one.kind == "failure" for one in truth(sim, until)),
    )


def _unmet(sim: Simulation, expected: ExpectSpec, raised: Sequence[Raised], ordered: set[str]) -> str | None:
    """Why an expectation is not met, or None."""
    begin, end = sim.start + expected.after, sim.start + expected.before
    what = f"{expected.device} {expected.metric or '*'}"
    if not any(_fits(one, expected) and begin <= one.raised_at <= end for one in raised):
        return f"{what}: no alert between {_hours(expected.after)} and {_hours(expected.before)}"
    if expected.order and expected.device not in ordered:
        return f"{what}: no work order"
    return None


def _broken(sim: Simulation, ban: ForbidSpec, raised: Sequence[Raised]) -> list[str]:
    found = [one for one in raised if _fits(one, ban) and one.raised_at >= sim.start]
    return [
        f"{one.device} {one.metric or '*'} {one.kind} at {_hours(one.raised_at - sim.start)}: {ban.why}"
        for one in found
    ]


def _fits(alert: Raised, wanted: ExpectSpec | ForbidSpec) -> bool:
    """Same device, metric where one is named (an alert of the whole device fits too), and one of the kinds."""
    metric = wanted.metric is None or alert.metric is None or alert.metric == wanted.metric
    return alert.device == wanted.device and metric and (not wanted.kinds or alert.kind in wanted.kinds)


def _belongs(alert: Raised, one: Interval) -> bool:
    metric = one.metric is None or alert.metric is None or alert.metric == one.metric
    return alert.device == one.device and metric and one.start <= alert.raised_at <= one.end + ECHO_NS


def _delay(one: Interval, alerts: Sequence[Raised]) -> int | None:
    """How long after its start an interval was found; `alerts` in order of time."""
    return next((max(alert.raised_at - one.start, 0) for alert in alerts if _belongs(alert, one)), None)


def _leads(faults: Iterable[Fault], alerts: Sequence[Raised]) -> list[int]:
    leads = []
    for fault in faults:
        if fault.fails_at is not None:
            end = fault.fails_at if fault.ends_at is None else min(fault.fails_at, fault.ends_at)
            inside = [a.raised_at for a in alerts if a.device == fault.device and fault.onset <= a.raised_at <= end]
            leads += [fault.fails_at - min(inside)] if inside else []
    return leads


def _hours(ns: int) -> str:
    return f"{ns / 3.6e12:+.1f} h"
