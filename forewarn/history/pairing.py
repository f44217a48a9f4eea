"""What two configurations raised over the same history, side by side: which alerts speak of the same trouble.

Pure: alerts in, pairs out. Two alerts speak of the same trouble when they are of one kind, on one device, about one
metric or one of them about the whole device, and the spans from their onset to their end touch. One trouble may be
two alerts with one configuration and a single one with another; it is then told once, by the earliest of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.alert import Alert, Verdict
from alerts.budget import OUTSIDE_THE_BUDGET, SECONDS_PER, Budget
from forewarn.history.measures import hit
from ingest.truth import Label
from workorders.order import WorkOrder


@dataclass(frozen=True, slots=True)
class Result:
    """What one configuration raised and opened."""

    name: str
    alerts: tuple[Alert, ...]
    """By time of raising."""
    orders: tuple[WorkOrder, ...]
    """By time of opening."""
    device_days: float
    budget: Budget


@dataclass(frozen=True, slots=True)
class Shared:
    """A trouble that both configurations raised."""

    base: Alert
    other: Alert

    @property
    def same(self) -> bool:
        """Whether it was raised at the same moment and as severe."""
        return self.base.raised_at == self.other.raised_at and self.base.severity is self.other.severity

    @property
    def later_ns(self) -> int:
        """How much later the other raised it; negative: sooner."""
        return self.other.raised_at - self.base.raised_at


@dataclass(frozen=True, slots=True)
class Pairing:
    """The alerts of two configurations, each list by time of raising."""

    shared: tuple[Shared, ...]
    only_base: tuple[Alert, ...]
    only_other: tuple[Alert, ...]


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """By time of raising."""
    return sorted(alerts, key=lambda alert: (alert.raised_at, alert.id))


def same_metric(one: Alert, other: Alert) -> bool:
    """Whether both are about one metric; an alert on a whole device is about each."""
    return one.metric is None or other.metric is None or one.metric == other.metric


def touch(one: Alert, other: Alert, end: int) -> bool:
    """Whether their spans have a moment in common; what was never over lasts until `end`, ns UTC."""
    return one.onset_at <= over_at(other, end) and other.onset_at <= over_at(one, end)


def over_at(alert: Alert, end: int) -> int:
    """When the alert was over, or `end` if it was not."""
    return end if alert.cleared_at is None else alert.cleared_at


def pair(base: Iterable[Alert], other: Iterable[Alert], end: int) -> Pairing:
    """Find out which alerts of two runs over history until `end` (ns UTC) speak of the same trouble."""
    by_subject: dict[tuple[str, str, str], list[Alert]] = defaultdict(list)
    for alert in in_order(other):
        by_subject[alert.site, alert.device, alert.kind].append(alert)
    shared, only_base, met = list[Shared](), list[Alert](), set[str]()
    for alert in in_order(base):
        rivals = by_subject[alert.site, alert.device, alert.kind]
        fitting = [rival for rival in rivals if same_metric(alert, rival) and touch(alert, rival, end)]
        if not fitting:
            only_base.append(alert)
        elif any(rival.id not in met for rival in fitting):
            shared.append(Shared(alert, next(rival for rival in fitting if rival.id not in met)))
        met.update(rival.id for rival in fitting)
    return Pairing(tuple(shared), tuple(only_base), tuple(a for a in in_order(other) if a.id not in met))


# -- what people or a truth file say ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """An alert that the running service raised, with what a person said of it."""

    alert: Alert
    verdict: Verdict


def raised_again(recorded: Alert, alerts: Iterable[Alert], end: int) -> Alert | None:
    """The first of `alerts`, of any kind, that speaks of what the recorded one is about; None: it was not raised."""
    fitting = (
        alert
        for alert in in_order(alerts)
        if (alert.site, alert.device) == (recorded.site, recorded.device)
        and same_metric(alert, recorded)
        and touch(alert, recorded, end)
    )
    return next(fitting, None)


def first_hits(labels: Sequence[Label], alerts: Iterable[Alert]) -> list[Alert | None]:
    """For each label the first alert that found it."""
    ordered = in_order(alerts)
    return [next((alert for alert in ordered if hit(alert, label)), None) for label in labels]


# -- the budget ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgainstBudget:
    """Alerts that the budget speaks of: how many a device had in a `period`, and how many are accepted."""

    measured: float | None
    """None where there is no time to divide by."""
    accepted: float
    period: str

    @property
    def share(self) -> float | None:
        """How much of the accepted number that is."""
        return None if self.measured is None else self.measured / self.accepted


def against_budget(result: Result, period: str) -> AgainstBudget:
    """How many alerts a device had in a day, week or month, right ones and false ones, and how many are accepted."""
    number = sum(alert.kind not in OUTSIDE_THE_BUDGET for alert in result.alerts)
    seconds = SECONDS_PER[period]
    periods = result.device_days * SECONDS_PER["day"] / seconds
    return AgainstBudget(number / periods if periods else None, result.budget.per_device_second * seconds, period)
