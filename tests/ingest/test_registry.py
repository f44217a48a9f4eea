"""Followers of the registry learn what changed, and look at no other series."""

from __future__ import annotations

from ingest.registry import Device, Metric, Registry


def test_says_which_series_changed_since_a_version() -> None:
    registry = Registry()
    for number in range(40):
        registry.series("plant", f"pump-{number // 2}", f"metric-{number % 2}")
    assert registry.changed_since(-1).tolist() == list(range(40))
    before = registry.version
    assert registry.changed_since(before).tolist() == []
    registry.put_metric("plant", "pump-3", Metric("metric-1", unit="°C"))
    registry.put_device(Device("plant", "pump-9"))
    registry.put_device(Device("plant", "pump-of-which-nothing-was-heard"))
    registry.series("plant", "pump-20", "metric-0")
    assert registry.changed_since(before).tolist() == [7, 18, 19, 40]
    assert registry.changed_since(registry.version).tolist() == []
