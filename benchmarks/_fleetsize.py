"""A smaller form of a scenario whose troubles are scattered: fewer devices, fewer days, every trouble still there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ingest.errors import InputError
from simulators.duration import NS
from simulators.scatter import ScatterSpec
from simulators.scenario import DeviceSpec, Scenario

DAY_NS = 86400 * NS


def sized(scenario: Scenario, devices: int | None, days: float | None) -> Scenario:
    """The scenario with that many devices and days.

    Each line keeps its share, one device at least, and each trouble happens to one at least. Moments move with the
    length, and faults grow faster by as much. Raises InputError where troubles are named one by one.
    """
    if devices is None and days is None:
        return scenario
    spec = scenario.spec
    if not spec.scatter or spec.fault or spec.lie or spec.expect or spec.forbid:
        raise InputError(f"bench fleet: the troubles of {scenario.name!r} are not all scattered: it has one size only")
    lines = spec.device if devices is None else _fewer(spec.device, devices)
    shorter = 1.0 if days is None else days * DAY_NS / spec.timeline.span
    counts = {line.name: line.count for line in lines}
    scatter = [_sooner(one, shorter, counts[one.devices]) for one in spec.scatter]
    timeline = spec.timeline.model_copy(
        update={
            "span": _whole(spec.timeline.span * shorter),
            "acceleration": max(1.0, spec.timeline.acceleration / shorter),
        }
    )
    changed = {"device": tuple(lines), "scatter": tuple(scatter), "timeline": timeline}
    return Scenario(name=scenario.name, spec=spec.model_copy(update=changed))


def _fewer(lines: Sequence[DeviceSpec], devices: int) -> list[DeviceSpec]:
    """The lines with so many devices together, each with its share to the nearest one, and one at least."""
    has = sum(line.count for line in lines)
    ends = [round(sum(line.count for line in lines[:number]) * devices / has) for number in range(len(lines) + 1)]
    pairs = zip(lines, pairwise(ends), strict=True)
    return [line.model_copy(update={"count": max(1, end - begin)}) for line, (begin, end) in pairs]


def _sooner(one: ScatterSpec, shorter: float, count: int) -> ScatterSpec:
    moments: dict[str, Any] = {"earliest": _whole(one.earliest * shorter), "latest": _whole(one.latest * shorter)}
    if one.lasts is not None:
        moments["lasts"] = _whole(one.lasts * shorter)
    return one.model_copy(update={**moments, "share": max(one.share, 1.0 / count)})


def _whole(ns: float) -> int:
    """To the second."""
    return round(ns / NS) * NS
