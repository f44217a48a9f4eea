"""Keeps the device registry in the SQL database, so that a restart knows the devices and what was learned of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ingest.database import Base, reading, upsert, writing
from ingest.machine import UNKNOWN, as_table, machine_from
from ingest.registry import Criticality, Device, Metric, Registry, SeriesKey, UnitState


class DeviceRow(Base):
    """What is known about one device."""

    __tablename__ = "device"

    site: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    asset_class: Mapped[str | None]
    criticality: Mapped[str]
    customer: Mapped[str | None]
    team: Mapped[str | None]
    owner: Mapped[str | None]
    title: Mapped[str | None]
    retired: Mapped[bool]
    machine: Mapped[dict[str, Any] | None]
    asset: Mapped[str | None]
    first_seen: Mapped[bool]


class MetricRow(Base):
    """What is known about one metric of a device."""

    __tablename__ = "metric"
    __table_args__ = (sa.ForeignKeyConstraint(["site", "device"], ["device.site", "device.name"], ondelete="CASCADE"),)

    site: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str | None]
    unit_state: Mapped[str]
    sent_unit: Mapped[str | None]
    interval_s: Mapped[float | None]
    basis: Mapped[str | None]


class RegistryStore:
    """The registry in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._version = -1
        self._devices: list[Device] = []
        self._metrics: list[Metric] = []

    def load(self, registry: Registry) -> None:
        """Put every kept device and metric into `registry`, by name."""
        with reading(self._engine) as session:
            devices = [_to_device(row) for row in session.scalars(sa.select(DeviceRow).order_by(*_DEVICE_KEY))]
            metrics = [(row.site, row.device, _to_metric(row)) for row in session.scalars(_METRICS)]
        for device in devices:
            registry.put_device(device)
        for site, name, metric in metrics:
            registry.put_metric(site, name, metric)
        if registry.n_devices == len(devices) and registry.n_series == len(metrics):
            with self._lock:  # all of it came from here, in this order
                self._version = registry.version
                self._devices, self._metrics = devices, [metric for _, _, metric in metrics]

    def save(self, registry: Registry) -> int:
        """Write what changed since the last save, from any thread; how many records that were.

        Costs next to nothing where nothing changed. A save that fails is made up for by the next one.
        """
        with self._lock:
            version = registry.version
            if version == self._version:
                return 0
            metrics = [registry.metric(number) for number in range(registry.n_series)]
            devices = [device for _, device in registry.devices()]  # after the metrics: it may grow meanwhile
            device_rows = [_device_row(devices[number]) for number in _changed(self._devices, devices)]
            metric_rows = [_metric_row(registry.key(n), metrics[n]) for n in _changed(self._metrics, metrics)]
            with writing(self._engine) as session:
                upsert(session, DeviceRow, device_rows)
                upsert(session, MetricRow, metric_rows)
            self._version, self._devices, self._metrics = version, devices, metrics
            return len(device_rows) + len(metric_rows)


_DEVICE_KEY = (DeviceRow.site, DeviceRow.name)
_METRICS = sa.select(MetricRow).order_by(MetricRow.site, MetricRow.device, MetricRow.name)


def _changed(before: Sequence[object], after: Sequence[object]) -> list[int]:
    """Numbers of the records that are new or replaced: a record is never changed in place."""
    old = len(before)
    replaced = [n for n, (was, now) in enumerate(zip(before, after, strict=False)) if was is not now]
    return replaced + list(range(old, len(after)))


def _device_row(device: Device) -> dict[str, object]:
    return asdict(device) | {"machine": as_table(device.machine) or None}


def _metric_row(key: SeriesKey, metric: Metric) -> dict[str, object]:
    return {"site": key[0], "device": key[1], **asdict(metric)}


def _to_device(row: DeviceRow) -> Device:
    values = {field.name: getattr(row, field.name) for field in fields(Device)}
    machine = UNKNOWN if row.machine is None else machine_from(row.machine)
    return Device(**values | {"criticality": Criticality(row.criticality), "machine": machine})


def _to_metric(row: MetricRow) -> Metric:
    values = {field.name: getattr(row, field.name) for field in fields(Metric)}
    return Metric(**values | {"unit_state": UnitState(row.unit_state)})
