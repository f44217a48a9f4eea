"""How severe an alert is on a device that much or little depends on."""

from __future__ import annotations

from alerts.alert import Severity
from ingest.registry import Criticality


def severity_for(criticality: Criticality, usual: Severity) -> Severity:
    """The severity on a device: one above the usual where much depends on it, one below where little does."""
    shift = {Criticality.LOW: -1, Criticality.MEDIUM: 0, Criticality.HIGH: 1}[criticality]
    return list(Severity)[min(max(usual.rank + shift, 0), Severity.HIGH.rank)]
