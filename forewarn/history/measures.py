"""Compares alerts with a known truth: what was found, how soon, and what was raised for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from alerts.alert import Alert
from ingest.reading import NS_PER_SECOND
from ingest.truth import FAILURE, Label


def fits(alert: Alert, label: Label) -> bool:
    """Whether the alert is about what the label is about; a whole-device alert or label fits every metric."""
    return (alert.site, alert.device) == (label.site, label.device) and (
        label.metric is None or alert.metric is None or alert.metric == label.metric
    )


def hit(alert: Alert, label: Label) -> bool:
    """Whether the alert was raised inside the labelled time; a failure without a start counts from the beginning."""
    opens = label.start if label.start < label.end or label.kind != FAILURE else 0
    return fits(alert, label) and opens <= alert.raised_at <= label.end


def measure(alerts: Sequence[Alert], labels: Sequence[Label], device_days: float) -> dict[str, Any]:
    """Recall over labels, precision over alerts, delays and lead times in seconds, false alarms per device-day.

    Silence counts like every other kind. Medians are None where there is nothing to take them over.
    """
    by_device: dict[tuple[str, str], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda a: (a.raised_at, a.id)):
        by_device.setdefault((alert.site, alert.device), []).append(alert)
    found: list[tuple[Label, Alert]] = []
    useful: set[str] = set()
    for label in labels:
        hits = [alert for alert in by_device.get((label.site, label.device), []) if hit(alert, label)]
        useful.update(alert.id for alert in hits)
        if hits:
            found.append((label, hits[0]))
    delays = [(a.raised_at - label.start) / NS_PER_SECOND for label, a in found if label.kind != FAILURE]
    leads = [(label.end - a.raised_at) / NS_PER_SECOND for label, a in found if label.kind == FAILURE]
    false = sum(alert.id not in useful for alert in alerts)
    return {
        "labels": len(labels),
        "found": len(found),
        "recall": len(found) / len(labels) if labels else None,
        "precision": len(useful) / len(alerts) if alerts else None,
        "delay_s_median": median(delays) if delays else None,
        "lead_s_median": median(leads) if leads else None,
        "false_alarms": false,
        "false_alarms_per_device_day": false / device_days if device_days else None,
    }
