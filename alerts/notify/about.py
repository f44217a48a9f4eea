"""A line about the device of an alert: what it is part of, whose it is, and who looks after it."""

from __future__ import annotations

from alerts.alert import Explanation
from ingest.registry import Device


def about(device: Device) -> Explanation | None:
    """What is known of it, in both languages; None where nothing is.

    >>> about(Device("plant", "pump-1", team="HVAC", owner="li.wei")).en
    'team HVAC; owner li.wei'
    """
    words = (
        (device.asset, "asset ", "资产 "),
        (device.customer, "customer ", "客户 "),
        (device.team, "team ", "班组 "),
        (device.owner, "owner ", "负责人 "),
    )
    said = [(en + known, zh + known) for known, en, zh in words if known]
    return Explanation("; ".join(en for en, _ in said), "；".join(zh for _, zh in said)) if said else None
