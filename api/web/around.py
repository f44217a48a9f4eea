"""The charts around an alert: of which metrics, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.alert import Alert
from ingest.reading import NS_PER_SECOND
from ingest.registry import Metric, Registry

MOST_CHARTS = 4
HOUR_NS = 3_600 * NS_PER_SECOND
LONGEST_NS = 24 * HOUR_NS
"""An alert that is open for longer is drawn from its beginning up to here."""


@dataclass(frozen=True, slots=True)
class Charts:
    """What is drawn around an alert; times are ns UTC."""

    metrics: Sequence[Metric]
    start: int
    end: int | None
    """None where it is not over yet: up to the present, whenever that is."""


def charts_around(alert: Alert, registry: Registry, now: int) -> Charts:
    """The charts of an alert, with some time before it began and after it ended."""
    ended = min(alert.cleared_at or now, alert.raised_at + LONGEST_NS)
    margin = max(HOUR_NS, (ended - alert.onset_at) // 2)
    end = max(ended, alert.raised_at) + margin
    follows = alert.raised_at <= now < end
    until = None if follows else min(end, max(now, alert.raised_at) + 1)  # a clock may run ahead of ours
    return Charts(_metrics(alert, registry), alert.onset_at - margin, until)


def _metrics(alert: Alert, registry: Registry) -> Sequence[Metric]:
    """The metric the alert is about, or those of the whole device, as far as there is room."""
    device = registry.find_device(alert.site, alert.device)
    if device is None:
        return []
    numbers = (
        registry.series_of(device) if alert.metric is None else [registry.find(alert.site, alert.device, alert.metric)]
    )
    return [registry.metric(number) for number in numbers if number is not None][:MOST_CHARTS]
