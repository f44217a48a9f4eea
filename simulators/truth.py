"""What really happened: intervals of faults and lies, for the contract's truth CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.lies import Lie
from simulators.simulation import Simulation

TRUTH_COLUMNS = ("site", "device", "metric", "start", "end", "kind")
EXPECTED_COLUMNS = ("site", "device", "metric", "kinds", "after", "before", "must", "order", "why")


@dataclass(frozen=True, slots=True)
class Interval:
    """Something was wrong in [start, end] (ns UTC) with a device, or one metric of it; `failure` breaks down at end."""

    site: str
    device: str
    metric: str | None
    start: int
    end: int
    kind: str


def truth(sim: Simulation, until: int | None = None) -> list[Interval]:
    """Every fault and lie that begins before `until` (default: the end), cut off there, by start, device, kind."""
    until = sim.end if until is None else until
    sites = {placed.device.name: placed.site for placed in sim.devices}
    found: list[Interval] = []
    for fault in sim.faults:
        if fault.onset >= until:
            continue
        end = until if fault.ends_at is None else min(fault.ends_at, until)
        if fault.fails_at is not None and fault.fails_at <= end:
            found.append(Interval(sites[fault.device], fault.device, None, fault.onset, fault.fails_at, "failure"))
        found.append(Interval(sites[fault.device], fault.device, None, fault.onset, end, fault.kind))
    for lie in _lies(sim):
        if lie.start < until:
            end = min(lie.end, until)
            found.append(Interval(sites[lie.device], lie.device, lie.metric, lie.start, end, lie.kind.value))
    return sorted(found, key=lambda one: (one.start, one.device, one.kind, one.metric or ""))


def truth_rows(sim: Simulation, until: int | None = None) -> list[tuple[str, ...]]:
    """The same as rows of the truth CSV."""
    return [
        (one.site, one.device, one.metric or "", rfc3339(one.start), rfc3339(one.end), one.kind)
        for one in truth(sim, until)
    ]


def expected_rows(sim: Simulation) -> list[tuple[str, ...]]:
    """What must and must not be raised, in the order of the scenario; `must` is `raise`, `not_raise` or `gap`."""
    spec = sim.scenario.spec
    sites = {placed.device.name: placed.site for placed in sim.devices}
    rows: list[tuple[str, ...]] = []
    for one in spec.expect:
        times = (rfc3339(sim.start + one.after), rfc3339(sim.start + one.before))
        must = "raise" if one.known_gap is None else "gap"
        order = "yes" if one.order else ""
        names = (sites[one.device], one.device, one.metric or "", " ".join(one.kinds))
        rows.append((*names, *times, must, order, one.known_gap or ""))
    for ban in spec.forbid:
        names = (sites[ban.device], ban.device, ban.metric or "", " ".join(ban.kinds))
        rows.append((*names, rfc3339(sim.start), rfc3339(sim.end), "not_raise", "", ban.why))
    return rows


def rfc3339(time_ns: int) -> str:
    """A moment in UTC with `Z`, to the millisecond where it has one."""
    unit: Literal["s", "ms"] = "s" if time_ns % 1_000_000_000 == 0 else "ms"
    return f"{np.datetime_as_string(np.array(time_ns, 'M8[ns]'), unit=unit)}Z"


def _lies(sim: Simulation) -> list[Lie]:
    return [lie for placed in sim.devices for lie in placed.device.lies]
