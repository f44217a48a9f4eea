"""Labels from the life of the service: what people found and what the log says, as truth for training and backtests.

    reading ─▶ score ─▶ alert ─▶ work order ─▶ closure code, feedback ─▶ Finding ─▶ label, with the ids of all of them

A fault is one label, however many alerts it had: it ends with its failure, or with the last of its alerts where it was
found before it broke down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.registry import DeviceKey
from ingest.truth import FAILURE, FAULT, NORMAL, Label
from workorders.findings import Finding
from workorders.promotion import Fault, record


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """A label of the device as a whole, and where it comes from."""

    label: Label
    alerts: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    """Closure codes of the orders."""


def labels(findings: Sequence[Finding], failures: Sequence[tuple[DeviceKey, int]], reach: int) -> list[FoundLabel]:
    """The labels that follow from findings and failures (device, ns UTC), by time; `reach` in ns as for `record`."""
    known = record(findings, failures, reach)
    found = [*_faults(known.faults, findings), *_nothing(findings)]
    return sorted(found, key=lambda one: (one.label.start, one.label.site, one.label.device, one.label.kind))


def _faults(faults: Iterable[Fault], findings: Sequence[Finding]) -> Iterator[FoundLabel]:
    left: dict[DeviceKey, list[Finding]] = {}
    for one in findings:
        if one.wrong:
            left.setdefault(_key(one), []).append(one)
    for fault in faults:
        known = left.get(fault.device, [])
        mine = [one for one in known if fault.begin <= one.alert.onset_at <= fault.end]
        left[fault.device] = [one for one in known if one.alert.onset_at > fault.end]
        kind = FAULT if fault.failed_at is None else FAILURE
        yield _label(fault.device, min(fault.begin, fault.due), fault.due, kind, mine)


def _nothing(findings: Iterable[Finding]) -> Iterator[FoundLabel]:
    for one in findings:
        if not one.wrong:
            yield _label(_key(one), one.alert.onset_at, one.end, NORMAL, [one])


def _label(device: DeviceKey, start: int, end: int, kind: str, findings: Sequence[Finding]) -> FoundLabel:
    orders = dict.fromkeys(one.alert.work_order for one in findings if one.alert.work_order is not None)
    codes = dict.fromkeys(str(one.code) for one in findings if one.code is not None)
    alerts = tuple(one.alert.id for one in findings)
    return FoundLabel(Label(*device, None, start, end, kind), alerts, tuple(orders), tuple(codes))


def _key(one: Finding) -> DeviceKey:
    return one.alert.site, one.alert.device
