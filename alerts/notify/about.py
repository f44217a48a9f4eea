"""A line about the device of an alert: what people call it, whose it is, and who looks after it."""

from __future__ import annotations

from alerts.alert import Explanation
from ingest.registry import Device


def about(device: Device | None) -> Explanation | None:
    """What is known of it, in both languages; None where nothing is.

    >>> about(Device("plant", "pump-1", title="Feed pump", owner="li.wei")).en
    'Feed pump; owner li.wei'
    """
    if device is None:
        return None
    words = (
        (device.title, "", ""),
        (device.customer, "customer ", "客户 "),
        (device.team, "team ", "班组 "),
        (device.owner, "owner ", "负责人 "),
    )
    said = [(en + known, zh + known) for known, en, zh in words if known]
    return Explanation("; ".join(en for en, _ in said), "；".join(zh for _, zh in said)) if said else None
