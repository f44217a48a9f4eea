"""Takes in what devices tell about themselves; what people said about them stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ingest.adapters.adapter import Registration
from ingest.registry import Device, Registry

SILENT_AFTER = 10
"""Expected intervals after which a metric counts as silent (docs/alerts.md): a device that says when its value expires
tells ten of them."""


def register(registry: Registry, registrations: Iterable[Registration]) -> None:
    """Fill in what is not known yet about devices and metrics. Impossible names are passed over."""
    for said in registrations:
        try:
            if said.metric is None:
                _register_device(registry, said)
            else:
                _register_metric(registry, said, said.metric)
        except ValueError:  # its readings are refused with the reason
            continue


def _register_device(registry: Registry, said: Registration) -> None:
    number = registry.find_device(said.site, said.device)
    if number is None and registry.is_full_for(said.site, said.device, ""):
        return
    known = Device(said.site, said.device, first_seen=True) if number is None else registry.device(number)
    told = replace(known, title=known.title or said.title)
    if number is None or told != known:
        registry.put_device(told)


def _register_metric(registry: Registry, said: Registration, metric: str) -> None:
    if registry.is_full_for(said.site, said.device, metric):
        return
    known = registry.metric(registry.series(said.site, said.device, metric))
    told = replace(known, basis=known.basis or said.basis, interval_s=_interval_s(known.interval_s, said))
    if told != known:
        registry.put_metric(said.site, said.device, told)


def _interval_s(known: float | None, said: Registration) -> float | None:
    if known is not None or said.interval_s is not None:
        return said.interval_s if known is None else known
    return None if said.expire_after_s is None else said.expire_after_s / SILENT_AFTER
