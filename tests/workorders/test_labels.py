"""Findings and failures become labels: one per fault, with the ids that lead back to alerts, orders and codes."""

from __future__ import annotations

from dataclasses import replace

from alerts.alert import Alert
from ingest.truth import FAILURE, FAULT, NORMAL, Label
from tests.alerts.samples import HOUR, START, make_alert
from workorders.closure import ClosureCode
from workorders.findings import Finding
from workorders.labels import FoundLabel, labels

REACH = 72 * HOUR
PUMP, FAN = ("plant", "pump-1"), ("plant", "fan-1")


def at(hours: float) -> int:
    return START + round(hours * HOUR)


def alert(hours: float, until: float | None = None, order: str | None = None, device: str = "pump-1") -> Alert:
    made = replace(make_alert(device, raised_at=at(hours)), onset_at=at(hours - 1), work_order=order)
    return made if until is None else replace(made, cleared_at=at(until))


def test_a_fault_is_one_label_with_all_that_led_to_it() -> None:
    first, second = alert(100, until=105, order="W-1"), alert(120, until=130, order="W-1")
    found = labels([Finding(first, True, ClosureCode.BEARING), Finding(second, True, ClosureCode.BEARING)], [], REACH)
    label = Label(*PUMP, None, at(99), at(130), FAULT)
    assert found == [FoundLabel(label, (first.id, second.id), ("W-1",), ("bearing",))]


def test_a_fault_that_ended_in_a_failure_ends_there() -> None:
    """The alert went on until the machine was repaired."""
    warned = alert(100, until=160, order="W-1")
    found = labels([Finding(warned, True)], [(PUMP, at(150)), (FAN, at(150))], REACH)
    assert found == [
        FoundLabel(Label(*PUMP, None, at(99), at(150), FAILURE), (warned.id,), ("W-1",)),
        FoundLabel(Label(*FAN, None, at(150), at(150), FAILURE)),
    ]


def test_an_alert_after_the_failure_makes_no_label_that_ends_before_it_begins() -> None:
    (found,) = labels([Finding(alert(100), True)], [(PUMP, at(90))], REACH)
    assert (found.label.start, found.label.end) == (at(90), at(90))


def test_what_was_nothing_is_a_time_without_a_fault() -> None:
    said, open_still = alert(100, until=103, order="W-2"), replace(alert(500), last_at=at(510))
    found = labels([Finding(said, False, ClosureCode.FALSE_ALARM), Finding(open_still, False)], [], REACH)
    assert found == [
        FoundLabel(Label(*PUMP, None, at(99), at(103), NORMAL), (said.id,), ("W-2",), ("false_alarm",)),
        FoundLabel(Label(*PUMP, None, at(499), at(510), NORMAL), (open_still.id,)),
    ]
