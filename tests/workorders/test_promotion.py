"""When a shadow may take over: faults warned of against false alarms, on the same record, and a reason every time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.alert import Alert, Kind, Verdict
from tests.alerts.samples import HOUR, START, make_alert
from workorders.closure import ClosureCode
from workorders.findings import Finding, finding
from workorders.promotion import Fault, Reason, Tally, decide, record, tally

REACH = 72 * HOUR
PUMP, FAN = ("plant", "pump-1"), ("plant", "fan-1")
NOW = START + 1_000 * HOUR


@pytest.mark.parametrize(
    ("shadow", "other", "reason"),
    [
        pytest.param(Tally(), Tally(), Reason.TOO_LITTLE, id="nothing is on record"),
        pytest.param(Tally(warned=2), Tally(missed=2, false=40), Reason.TOO_LITTLE, id="two faults are too few"),
        pytest.param(Tally(warned=3), Tally(missed=3), Reason.BETTER, id="it warned of what the other missed"),
        pytest.param(Tally(missed=3), Tally(warned=3), Reason.WORSE, id="it missed what the other warned of"),
        pytest.param(Tally(warned=3), Tally(warned=3), Reason.NO_BETTER, id="as good is not better"),
        pytest.param(Tally(warned=3), Tally(warned=3, false=1), Reason.BETTER, id="a false alarm less"),
        pytest.param(Tally(warned=3, false=1), Tally(warned=3), Reason.WORSE, id="a false alarm more"),
        pytest.param(
            Tally(warned=3, false=4), Tally(warned=2, missed=1), Reason.NO_BETTER, id="a fault is worth four of them"
        ),
        pytest.param(Tally(warned=3, false=3), Tally(warned=2, missed=1), Reason.BETTER, id="and more than three"),
        pytest.param(
            Tally(warned=2, missed=1), Tally(warned=3, false=3), Reason.WORSE, id="silence does not make up for a fault"
        ),
        pytest.param(
            Tally(warned=3, nothing_came=9), Tally(warned=2, missed=1), Reason.WORSE, id="nothing came of nine"
        ),
        pytest.param(
            Tally(warned=3, nothing_came=9), Tally(1, 2, 1, 0, nothing_came=9), Reason.BETTER, id="nor of the other's"
        ),
        pytest.param(
            Tally(warned=3), Tally(warned=3, nothing_came=9), Reason.NO_BETTER, id="nobody judged the other"
        ),
        pytest.param(Tally(warned=3, pending=9), Tally(missed=3), Reason.BETTER, id="those that wait do not count"),
    ],
)  # fmt: skip
def test_the_rule(shadow: Tally, other: Tally, reason: Reason) -> None:
    for against_model in (True, False):
        decision = decide(shadow, other, against_model)
        assert decision.reason is reason
        assert decision.may is (reason is Reason.BETTER)
        assert decision.explanation.en
        assert decision.explanation.zh


def test_the_reason_names_figures_and_whom_it_was_compared_with() -> None:
    decision = decide(Tally(9, 3, 1, 1, 4), Tally(9, 2, 2, 6, 5), against_model=True)
    assert decision.explanation.en == (
        "better than the active model: it would have warned of 3 of 4 faults (the active model: 2), "
        "false alarms 1 (6), alerts of which nothing came 4 (5); a fault warned of counts as 4 false alarms"
    )
    assert "the baseline" in decide(Tally(warned=3), Tally(missed=3), against_model=False).explanation.en


# -- what people said ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "code", "wrong"),
    [
        pytest.param(None, None, None, id="nobody said anything"),
        pytest.param(Verdict.NOT_ANOMALY, None, False, id="not an anomaly"),
        pytest.param(Verdict.ANOMALY, None, True, id="an anomaly"),
        pytest.param(None, ClosureCode.BEARING, True, id="a fault was found"),
        pytest.param(None, ClosureCode.FALSE_ALARM, False, id="a false alarm"),
        pytest.param(None, ClosureCode.NO_FAULT_FOUND, False, id="no fault found"),
        pytest.param(None, ClosureCode.DUPLICATE, None, id="a duplicate says nothing of the machine"),
        pytest.param(None, ClosureCode.SENSOR_FAULT, None, id="nor does a sensor at fault"),
        pytest.param(None, ClosureCode.UNSPECIFIED, None, id="nor does an order closed without a word"),
        pytest.param(Verdict.NOT_ANOMALY, ClosureCode.BEARING, False, id="the word on the alert itself goes first"),
    ],
)
def test_what_was_said_of_an_alert(verdict: Verdict | None, code: ClosureCode | None, wrong: bool | None) -> None:
    alert = make_alert()
    assert finding(alert, verdict, code) == (None if wrong is None else Finding(alert, wrong, code))


@pytest.mark.parametrize("kind", [Kind.SILENCE, Kind.STUCK])
def test_an_alert_about_a_sensor_says_nothing_of_the_machine(kind: Kind) -> None:
    assert finding(make_alert(kind=kind), Verdict.ANOMALY, ClosureCode.ELECTRICAL) is None


# -- the record ------------------------------------------------------------------------------------------------------


def alert(hours: float, device: str = "pump-1", until: float | None = None) -> Alert:
    made = make_alert(device, None, kind=Kind.FAILURE_RISK, raised_at=START + round(hours * HOUR))
    return made if until is None else replace(made, cleared_at=START + round(until * HOUR))


def test_one_fault_told_twice_counts_once() -> None:
    """An order for two alerts, and the failure in the log after them; and other failures, one of them soon after."""
    found = [Finding(alert(100), True), Finding(alert(110, until=120), True)]
    known = record(found, [(PUMP, START + at * HOUR) for at in (150, 190, 400)] + [(FAN, START + 150 * HOUR)], REACH)
    hours = [(f.device, round((f.begin - START) / HOUR), round((f.end - START) / HOUR)) for f in known.faults]
    assert hours == [(FAN, 150, 150), (PUMP, 100, 150), (PUMP, 190, 190), (PUMP, 400, 400)]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(alert(400 - 73), Tally(1, 0, 1, 0, 1), id="too early to be a warning"),
        pytest.param(alert(400 - 72), Tally(1, 1, 0), id="as early as it may be"),
        pytest.param(alert(399), Tally(1, 1, 0), id="shortly before"),
        pytest.param(alert(401), Tally(1, 0, 1, 0, 1), id="after the failure"),
        pytest.param(alert(399, "fan-1"), Tally(1, 0, 1, 0, 1), id="another device"),
        pytest.param(alert(105), Tally(1, 0, 1, 1), id="while somebody looked and nothing was wrong"),
        pytest.param(alert(121), Tally(1, 0, 1, 0, 1), id="after that"),
        pytest.param(alert(990), Tally(1, 0, 1, 0, 0, 1), id="a fault may still follow"),
    ],
)
def test_what_becomes_of_an_alert(raised: Alert, expected: Tally) -> None:
    known = record([Finding(alert(100, until=120), False)], [(PUMP, START + 400 * HOUR)], REACH)
    assert tally([raised], known, NOW) == expected


def test_a_fault_counts_once_both_had_the_time_to_warn_of_it() -> None:
    """A shadow begins without open alerts: what lasted by then would be its merit alone."""
    begun = START + 350 * HOUR
    known = record([], [(PUMP, begun + 71 * HOUR), (FAN, begun + 72 * HOUR)], REACH, begun)
    assert [fault.device for fault in known.counted] == [FAN]
    assert tally([alert(350), alert(400, "fan-1")], known, NOW) == Tally(2, 1, 0), "the first is no false alarm either"
    assert tally([], known, NOW) == Tally(missed=1)


def test_two_warnings_of_one_fault_are_one_fault_warned_of() -> None:
    known = record([], [(PUMP, START + 400 * HOUR)], REACH)
    assert known.faults == (Fault(PUMP, *[START + 400 * HOUR] * 3),)
    assert tally([alert(350), alert(380)], known, NOW) == Tally(2, 1, 0)


def test_an_alert_between_breakdown_and_repair_is_no_warning_and_not_false() -> None:
    lasting = Finding(alert(395, until=450), True)
    known = record([lasting], [(PUMP, START + 400 * HOUR)], REACH)
    assert tally([alert(420)], known, NOW) == Tally(1, 0, 1)
    assert tally([alert(396)], known, NOW) == Tally(1, 1, 0)
