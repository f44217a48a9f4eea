"""`/devices`: the registry and what was last heard."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from alerts.alert import OPEN_STATES, State
from alerts.store import AlertFilter
from api.deps import RECALLED, Deps, Parts, Who
from api.devices import DeviceItem, DeviceState, MachineTable, all_devices, device_item, forgotten, look_up, with_unit
from api.items import ItemPage
from api.params import LIMIT, Cursor, Limit, SiteName
from api.publish import publish_alert
from ingest.errors import InputError
from ingest.machine import UNKNOWN
from ingest.names import name_problem
from ingest.paging import MAX_LIMIT
from ingest.registry import Criticality, Device, Metric

router = APIRouter(prefix="/devices", tags=["devices"], dependencies=[RECALLED])
Site = Annotated[str, Path(max_length=128)]
Name = Annotated[str, Path(max_length=128)]
Short = Annotated[str | None, Field(max_length=200)]


class MetricChange(BaseModel):
    """What a person knows about a metric; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    unit: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    interval_s: Annotated[float | None, Field(gt=0, le=366 * 86_400)] = None
    basis: Short = None


class DeviceChange(BaseModel):
    """What a person knows about a device; what is left out stays."""

    model_config = ConfigDict(extra="forbid", validate_by_alias=True, validate_by_name=False)

    title: Short = Field(None, description="A name for people")
    asset_class: Short = Field(None, alias="class")
    asset: Short = Field(None, description="What it is part of together with other devices of its site")
    criticality: Criticality | None = None
    customer: Short = None
    team: Short = None
    owner: Short = None
    machine: MachineTable | None = Field(None, description="The machine under it; null: nothing is known about it")
    metrics: dict[str, MetricChange] = Field({}, max_length=200)


@router.get("")
def list_devices(
    deps: Parts,
    site: SiteName = None,
    state: Annotated[DeviceState | None, Query(description="Only devices in this state")] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> ItemPage[DeviceItem]:
    """Devices by site and name."""
    after = _decode(cursor)
    found: list[DeviceItem] = []
    for heard in all_devices(deps.registry, deps.board):
        device = heard.device
        if (after is not None and (device.site, device.name) <= after) or site not in (None, device.site):
            continue
        item = device_item(heard)
        if state is None or state in item.states:
            found.append(item)
        if len(found) > limit:
            break
    more = len(found) > limit
    return ItemPage(items=found[:limit], next=_encode(found[limit - 1]) if more else None)


@router.get("/{site}/{device}")
def get_device(deps: Parts, site: Site, device: Name) -> DeviceItem:
    """One device."""
    return device_item(look_up(deps.registry, deps.board, site, device))


@router.put("/{site}/{device}", responses={201: {"model": DeviceItem, "description": "Not known before"}})
def put_device(deps: Parts, response: Response, site: Site, device: Name, body: DeviceChange) -> DeviceItem:
    """Make a device known before it reports, or say what is known about it."""
    for name, what in ((site, "site"), (device, "device")):
        problem = name_problem(name, what)
        if problem:
            raise InputError(problem)
    number = deps.registry.find_device(site, device)
    response.status_code = 201 if number is None else 200
    return _change(deps, Device(site, device) if number is None else deps.registry.device(number), body)


@router.patch("/{site}/{device}")
def change_device(deps: Parts, site: Site, device: Name, body: DeviceChange) -> DeviceItem:
    """Say what is known about a device: title, class, asset, criticality, customer, team, owner, units, intervals."""
    return _change(deps, look_up(deps.registry, deps.board, site, device).device, body)


@router.post("/{site}/{device}/retire")
def retire(deps: Parts, site: Site, device: Name) -> DeviceItem:
    """Take a device out of service: no silence alerts any more."""
    return _retire(deps, site, device, retired=True)


@router.post("/{site}/{device}/unretire")
def unretire(deps: Parts, site: Site, device: Name) -> DeviceItem:
    """Put a device back into service."""
    return _retire(deps, site, device, retired=False)


@router.delete("/{site}/{device}", status_code=204)
def delete_device(deps: Parts, who: Who, site: Site, device: Name) -> Response:
    """Forget a device and close its open alerts.

    Its readings, alerts and orders stay. If it reports again, it is listed again, out of service.
    """
    heard = look_up(deps.registry, deps.board, site, device)
    for metric, _ in heard.series:
        deps.registry.put_metric(site, device, replace(metric, interval_s=None, basis=None))
    deps.registry.put_device(forgotten(heard.device))
    deps.board.forget(deps.registry.series_of(heard.number))
    deps.records.save(deps.registry)
    wanted = AlertFilter(states=(*OPEN_STATES, State.SHELVED), site=site, device=device)
    for alert in deps.alerts.list(wanted, MAX_LIMIT).items:
        closed = deps.alerts.close(alert.id, who.name, deps.clock(), "device deleted / 设备已删除")
        publish_alert(deps.hub, deps.registry, closed, "closed")
    return Response(status_code=204)


def _change(deps: Deps, device: Device, body: DeviceChange) -> DeviceItem:
    metrics = [(name, _metric(deps, device, name), change) for name, change in body.metrics.items()]
    changed = [_changed_metric(metric, change) for _, metric, change in metrics]
    said: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set - {"metrics"}}
    if said.get("criticality", "") is None:
        said["criticality"] = Criticality.MEDIUM
    if "machine" in said:
        said["machine"] = UNKNOWN if body.machine is None else body.machine.machine()
    deps.registry.put_device(replace(device, **said, first_seen=False))
    for metric in changed:
        deps.registry.put_metric(device.site, device.name, metric)
    deps.records.save(deps.registry)
    return device_item(look_up(deps.registry, deps.board, device.site, device.name))


def _metric(deps: Deps, device: Device, name: str) -> Metric:
    number = deps.registry.find(device.site, device.name, name)
    problem = name_problem(name, "metric")
    if problem:
        raise InputError(problem)
    return Metric(name) if number is None else deps.registry.metric(number)


def _changed_metric(metric: Metric, change: MetricChange) -> Metric:
    said = {name: getattr(change, name) for name in change.model_fields_set - {"unit"}}
    return replace(with_unit(metric, change.unit), **said)


def _retire(deps: Deps, site: str, device: str, retired: bool) -> DeviceItem:
    known = look_up(deps.registry, deps.board, site, device).device
    deps.registry.put_device(replace(known, retired=retired, first_seen=False))
    deps.records.save(deps.registry)
    return device_item(look_up(deps.registry, deps.board, site, device))


def _encode(item: DeviceItem) -> str:
    return urlsafe_b64encode(orjson.dumps([item.site, item.device])).decode().rstrip("=")


def _decode(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        site, device = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise InputError(f"cursor {cursor[:80]!r} is none that this list gave") from error
    return str(site), str(device)
