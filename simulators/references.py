"""What the tables of a scenario say about each other: devices, metrics and moments that must exist.

A trouble that cannot happen is refused, so that the truth holds nothing that was not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from simulators.lies import OTHER_UNIT, LieKind
from simulators.machines.table import MACHINES

if TYPE_CHECKING:
    from simulators.scatter import ScatterSpec
    from simulators.scenario import DeviceSpec, ExpectSpec, ForbidSpec, ScenarioSpec
    from simulators.troubles import FaultSpec, LieSpec


def check(spec: ScenarioSpec) -> None:
    """Raise ValueError, in one line naming table and device, on the first thing that does not fit."""
    lines = dict(_named(spec))
    for number, fault in enumerate(spec.fault):
        _fault(fault, _line(lines, f"fault.{number}", fault.device), spec.timeline.span, f"fault.{number}")
    for number, lie in enumerate(spec.lie):
        _lie(lie, _line(lines, f"lie.{number}", lie.device), spec.timeline.span, f"lie.{number}")
    for number, expected in enumerate(spec.expect):
        _expected(expected, _line(lines, f"expect.{number}", expected.device), spec, f"expect.{number}")
    for number, ban in enumerate(spec.forbid):
        _spoken(ban, _line(lines, f"forbid.{number}", ban.device), spec, f"forbid.{number}")
    for number, scatter in enumerate(spec.scatter):
        _scattered(scatter, lines, spec.timeline.span, f"scatter.{number}")


def _named(spec: ScenarioSpec) -> Iterator[tuple[str, DeviceSpec]]:
    """Every device, and every line of them, by name."""
    taken: set[str] = set()
    for line in spec.device:
        for name in dict.fromkeys((line.name, *line.names())):
            if name in taken:
                raise ValueError(f"device {name!r} is there twice")
            taken.add(name)
            yield name, line


def _line(lines: Mapping[str, DeviceSpec], where: str, device: str) -> DeviceSpec:
    if device not in lines:
        raise ValueError(f"{where}: there is no device {device!r} in this scenario")
    return lines[device]


def _metrics(line: DeviceSpec) -> list[str]:
    return [channel.metric for channel in line.channels()]


def _sent(line: DeviceSpec, metric: str | None, device: str, where: str) -> None:
    if metric is not None and metric not in _metrics(line):
        raise ValueError(f"{where}: {device!r} sends no metric {metric!r}; it sends {', '.join(_metrics(line))}")


def _fault(fault: FaultSpec, line: DeviceSpec, span: int, where: str) -> None:
    allowed = MACHINES[line.model].faults
    if fault.kind not in allowed:
        has = ", ".join(sorted(allowed))
        raise ValueError(f"{where}: {fault.device!r} is a {line.model}, which has no {fault.kind}; it has {has}")
    _in_time(fault.onset, span, f"{where}.onset")


def _lie(lie: LieSpec, line: DeviceSpec, span: int, where: str) -> None:
    _sent(line, lie.metric, lie.device, where)
    _in_time(lie.start, span, f"{where}.start")
    if lie.kind is LieKind.BATTERY_SAG and not line.battery:
        raise ValueError(f"{where}: {lie.device!r} has no battery; give the device battery = true")
    if lie.kind is LieKind.UNIT_SWAP:
        unit = next(channel.unit for channel in line.channels() if channel.metric == lie.metric)
        if unit not in OTHER_UNIT:
            raise ValueError(f"{where}: {lie.metric!r} is in {unit}, which comes in no other unit here")
    if lie.kind is LieKind.PAYLOAD_CHANGE and lie.metric and (lie.rename or f"{lie.metric}_v2") in _metrics(line):
        raise ValueError(f"{where}.rename: {lie.device!r} sends a metric {lie.rename!r} already")


def _expected(expected: ExpectSpec, line: DeviceSpec, spec: ScenarioSpec, where: str) -> None:
    _spoken(expected, line, spec, where)
    if expected.before <= expected.after:
        raise ValueError(f"{where}: before must be later than after")
    if expected.before > spec.timeline.span:
        raise ValueError(f"{where}.before: the scenario is over by then")


def _spoken(one: ExpectSpec | ForbidSpec, line: DeviceSpec, spec: ScenarioSpec, where: str) -> None:
    """An alert may be about what a device sends, or about what new firmware calls it."""
    changes = [lie for lie in spec.lie if lie.kind is LieKind.PAYLOAD_CHANGE and lie.metric]
    renamed = [lie.rename or f"{lie.metric}_v2" for lie in changes]
    if one.metric not in renamed:
        _sent(line, one.metric, one.device, where)


def _scattered(scatter: ScatterSpec, lines: Mapping[str, DeviceSpec], span: int, where: str) -> None:
    line = lines.get(scatter.devices)
    if line is None or line.name != scatter.devices:
        raise ValueError(f"{where}: there is no line of devices named {scatter.devices!r}")
    if scatter.fault is not None and scatter.fault not in MACHINES[line.model].faults:
        raise ValueError(f"{where}: a {line.model} has no {scatter.fault}")
    _sent(line, scatter.metric, scatter.devices, where)
    if scatter.lie is LieKind.BATTERY_SAG and not line.battery:
        raise ValueError(f"{where}: {scatter.devices!r} has no battery; give the devices battery = true")
    _in_time(scatter.latest, span, f"{where}.latest")


def _in_time(moment: int, span: int, where: str) -> None:
    if moment >= span:
        raise ValueError(f"{where}: the scenario is over by then; see timeline.span, or leave it out")
