"""A device as the API shows it: what people know about it, what was last heard of it, and what is not in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from api.board import Board, SeriesState
from api.items import Time, moment
from ingest.errors import InputError, NotFoundError
from ingest.machine import Foundation, Machine, as_table, machine_from
from ingest.registry import Criticality, Device, DeviceKey, Metric, Registry, UnitState
from ingest.units import conversion

MOST_CALLED = 5_000
"""Devices that a search for what is known about them may find: each is two parameters of a query."""


class DeviceState(StrEnum):
    """What people should know about a device beside its alerts."""

    NO_UNIT = "no unit"
    NOT_ENOUGH_DATA = "not enough data"
    CLOCK_OFF = "clock off"
    NEVER_HEARD = "never heard"
    RETIRED = "retired"


class MetricItem(BaseModel):
    """One metric of a device with its newest reading."""

    metric: str
    unit: str | None
    unit_state: UnitState
    sent_unit: str | None = Field(description="The unit as the device last spelled it")
    interval_s: float | None = Field(description="Expected seconds between readings, if configured")
    basis: str | None
    last_seen: Time | None
    value: float | None
    enough_data_at: Time | None = Field(
        description="Event time at which there will be enough data, as it goes on now; null: there is, or not known"
    )
    states: list[DeviceState]


class BearingTable(BaseModel):
    """Geometry of a rolling bearing; diameters in mm, contact angle in degrees."""

    model_config = ConfigDict(extra="forbid")

    balls: int
    ball_mm: float
    pitch_mm: float
    contact_deg: float = 0.0


class MachineTable(BaseModel):
    """What is known about the machine that a device watches."""

    model_config = ConfigDict(extra="forbid")

    power_kw: float | None = None
    speed_rpm: float | None = None
    foundation: Foundation | None = None
    bearing: BearingTable | None = None

    def machine(self) -> Machine:
        """The same as a value. Raises InputError on what no machine has."""
        try:
            return machine_from(self.model_dump(exclude_none=True))
        except ValueError as error:
            raise InputError(f"machine: {error}") from error


class DeviceItem(BaseModel):
    """One device."""

    model_config = ConfigDict(populate_by_name=True)

    site: str
    device: str
    title: str | None
    asset_class: str | None = Field(serialization_alias="class")
    asset: str | None = Field(description="What it is part of together with other devices of its site")
    criticality: Criticality
    customer: str | None
    team: str | None
    owner: str | None
    retired: bool
    machine: MachineTable
    by_first_sight: bool = Field(description="Known from its readings only, not from a file or a person")
    last_seen: Time | None = Field(description="Event time of the newest reading")
    received_at: Time | None = Field(description="When that arrived")
    online: bool | None = Field(description="What the device, or its will, said last; null: nothing since the start")
    states: list[DeviceState]
    metrics: list[MetricItem]


@dataclass(frozen=True, slots=True)
class Heard:
    """A device with the states of its series, `(metric, state)` in order of first sight."""

    number: int
    device: Device
    series: tuple[tuple[Metric, SeriesState], ...]
    online: bool | None = None
    """What it said itself, None if nothing."""

    @property
    def newest(self) -> SeriesState | None:
        """The state of the series that was heard of last."""
        heard = [state for _, state in self.series if state.time is not None]
        return max(heard, key=lambda state: state.time or 0, default=None)

    @property
    def warm(self) -> bool:
        """Whether at least one metric can be judged."""
        return any(state.warm for _, state in self.series)

    @property
    def enough_at(self) -> int | None:
        """When the first metric can be judged (see `SeriesState`); None if one can be, or while that is not known."""
        known = [state.enough_at for _, state in self.series if state.enough_at is not None]
        return None if self.warm else min(known, default=None)

    @property
    def deleted(self) -> bool:
        """Deleted by a person and not heard of since: see `forgotten`."""
        return self.device.retired and self.device.first_seen and self.newest is None


def look_up(registry: Registry, board: Board, site: str, device: str) -> Heard:
    """A device by its names. Raises NotFoundError."""
    number = registry.find_device(site, device)
    found = None
    if number is not None:
        states = {series: board.of(series) for series in registry.series_of(number)}
        found = _heard(registry, number, registry.device(number), states, board)
    if found is None or found.deleted:
        raise NotFoundError(f"there is no device {device!r} at site {site!r}")
    return found


def all_devices(registry: Registry, board: Board) -> Iterator[Heard]:
    """Every device, by site and name."""
    known = sorted(registry.devices(), key=lambda pair: (pair[1].site, pair[1].name))
    states = dict(enumerate(board.every(registry.n_series)))
    for number, device in known:
        found = _heard(registry, number, device, states, board)
        if not found.deleted:
            yield found


def _heard(registry: Registry, number: int, device: Device, states: Mapping[int, SeriesState], board: Board) -> Heard:
    """A device with the states of its series, as far as `states` has them."""
    series = registry.series_of(number)
    known = tuple((registry.metric(s), states[s]) for s in series if s in states)
    return Heard(number, device, known, board.online(device.site, device.name))


def metric_states(metric: Metric, state: SeriesState) -> list[DeviceState]:
    """What is not in order about one metric."""
    found = []
    if metric.unit_state is not UnitState.KNOWN:
        found.append(DeviceState.NO_UNIT)
    if not state.warm:
        found.append(DeviceState.NOT_ENOUGH_DATA)
    if state.clock_off:
        found.append(DeviceState.CLOCK_OFF)
    return found


def device_states(heard: Heard) -> list[DeviceState]:
    """What is not in order about a device: whatever is about any of its metrics."""
    of_metrics = {found for metric, state in heard.series for found in metric_states(metric, state)}
    if heard.newest is None:
        of_metrics = {DeviceState.NEVER_HEARD, DeviceState.NOT_ENOUGH_DATA}
    if heard.device.retired:
        of_metrics.add(DeviceState.RETIRED)
    return [state for state in DeviceState if state in of_metrics]


def device_item(heard: Heard) -> DeviceItem:
    """A device for the wire."""
    device, newest = heard.device, heard.newest
    return DeviceItem(
        site=device.site,
        device=device.name,
        title=device.title,
        asset_class=device.asset_class,
        asset=device.asset,
        criticality=device.criticality,
        customer=device.customer,
        team=device.team,
        owner=device.owner,
        retired=device.retired,
        machine=MachineTable(**as_table(device.machine)),
        by_first_sight=device.first_seen,
        last_seen=moment(newest.time if newest else None),
        received_at=moment(newest.received_at if newest else None),
        online=heard.online,
        states=device_states(heard),
        metrics=[_metric_item(metric, state) for metric, state in heard.series],
    )


def _metric_item(metric: Metric, state: SeriesState) -> MetricItem:
    return MetricItem(
        metric=metric.name,
        unit=metric.unit,
        unit_state=metric.unit_state,
        sent_unit=metric.sent_unit,
        interval_s=metric.interval_s,
        basis=metric.basis,
        last_seen=moment(state.time),
        value=state.value,
        enough_data_at=moment(state.enough_at),
        states=metric_states(metric, state),
    )


def searched(registry: Registry, text: str | None) -> tuple[str | None, Sequence[DeviceKey]]:
    """What a list of alerts or orders is searched for: the text, and devices of which something known holds it.

    Known are title, class, asset, customer, team and owner. Nothing is searched for where the text is blank.
    """
    text = (text or "").strip()
    if not text:
        return None, ()
    found = ((device.site, device.name) for _, device in registry.devices() if _is_known_for(device, text.casefold()))
    return text, list(islice(found, MOST_CALLED))


def _is_known_for(device: Device, wanted: str) -> bool:
    known = (device.title, device.asset_class, device.asset, device.customer, device.team, device.owner)
    return any(wanted in said.casefold() for said in known if said)


def with_unit(metric: Metric, unit: str | None) -> Metric:
    """The metric after a person said its unit. Raises InputError on an unknown one, or where one is known already."""
    if unit is None or unit == metric.unit:
        return metric
    if metric.unit is not None:
        raise InputError(f"metric {metric.name!r} is kept in {metric.unit!r}; its stored readings would become wrong")
    known = conversion(unit)
    if known is None:
        raise InputError(f"unit {unit!r} is not known")
    return replace(metric, unit=unit, unit_state=UnitState.KNOWN)


def forgotten(device: Device) -> Device:
    """What is left of a device that a person deleted: out of service, and nothing known but its name.

    The numbers of its series stay in use while the process runs; it is shown again when it reports again.
    """
    return Device(device.site, device.name, retired=True, first_seen=True)
