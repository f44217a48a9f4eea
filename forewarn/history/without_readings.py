"""Devices that a log or labels speak of and that have no readings: mostly a misspelt site or name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingest.logentry import LogEntry
from ingest.registry import DeviceKey
from ingest.truth import Label


def without_readings(heard: set[DeviceKey], entries: Iterable[LogEntry], labels: Iterable[Label]) -> list[str]:
    """Their names, SITE/DEVICE where a site is named, sorted; `heard` are the devices with readings."""
    told: set[tuple[str | None, str]] = {(one.site, one.device) for one in entries}
    told |= {(one.site, one.device) for one in labels}
    placed = heard | {device for device in told if device[0] is not None}
    nowhere = told - heard - {(None, name) for _, name in placed}
    return sorted("/".join(filter(None, device)) for device in nowhere)


def warning(names: Sequence[str]) -> str:
    """A line about them."""
    devices = "device" if len(names) == 1 else "devices"
    return f"log or labels speak of {len(names)} {devices} without readings, the first {names[0]!r}"
