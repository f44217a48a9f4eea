"""Which alerts of two configurations speak of the same trouble, and what the budget says of how many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.alert import Alert, Explanation, Kind, Severity
from alerts.budget import Budget
from forewarn.history.pairing import Result, against_budget, first_hits, pair, raised_again
from ingest.truth import Label

END = 1_000


def alert(name: str, onset: int = 10, raised: int = 12, cleared: int | None = 20, **changed: object) -> Alert:
    made = Alert(
        name, "plant", "pump", "level", Kind.BASELINE, Severity.MEDIUM, onset, raised, 1.0, Explanation("", ""),
        cleared_at=cleared,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "met"),
    [
        pytest.param(alert("b"), True, id="the same"),
        pytest.param(alert("b", 20, 25, 30), True, id="its onset is where the other ends"),
        pytest.param(alert("b", 21, 25, 30), False, id="it begins after the other has ended"),
        pytest.param(alert("b", 0, 1, 9), False, id="it has ended before"),
        pytest.param(alert("b", 0, 1, None), True, id="it began before and never ended"),
        pytest.param(alert("b", metric=None), True, id="it is about the whole device"),
        pytest.param(alert("b", metric="flow"), False, id="another metric"),
        pytest.param(alert("b", device="fan"), False, id="another device"),
        pytest.param(alert("b", site="yard"), False, id="another site"),
        pytest.param(alert("b", kind=Kind.LIMIT), False, id="another kind of judgement"),
        pytest.param(alert("b", severity=Severity.HIGH), True, id="more severe"),
    ],
)
def test_alerts_meet_when_they_speak_of_the_same_trouble(other: Alert, met: bool) -> None:
    for found in (pair([alert("a")], [other], END), pair([other], [alert("a")], END)):
        assert len(found.shared) == met
        assert (len(found.only_base), len(found.only_other)) == ((0, 0) if met else (1, 1))


def test_one_long_alert_and_two_short_ones_are_one_trouble() -> None:
    long, early, late = alert("long", 10, 12, 50), alert("early", 11, 13, 20), alert("late", 40, 41, 45)
    one = pair([long], [late, early], END)
    assert [(s.base.id, s.other.id, s.later_ns) for s in one.shared] == [("long", "early", 1)]
    two = pair([late, early], [long], END)
    assert [(s.base.id, s.other.id, s.later_ns) for s in two.shared] == [("early", "long", -1)]
    assert not any((one.only_base, one.only_other, two.only_base, two.only_other))


def test_two_pairs_on_one_device_are_told_as_two() -> None:
    found = pair(
        [alert("a", 10, 12, 20), alert("b", 30, 32, 40)], [alert("c", 10, 12, 20), alert("d", 35, 36, 40)], END
    )
    assert [(s.base.id, s.other.id, s.same) for s in found.shared] == [("a", "c", True), ("b", "d", False)]


def test_a_severity_that_differs_is_no_sameness() -> None:
    (shared,) = pair([alert("a")], [alert("b", severity=Severity.HIGH)], END).shared
    assert not shared.same


def test_what_was_recorded_is_raised_again_by_any_kind() -> None:
    recorded = alert("live")
    late, other = alert("x", 15, 16, 18, kind=Kind.LIMIT), alert("y", 15, 16, 18, device="fan")
    assert raised_again(recorded, [other, late], END) is late
    assert raised_again(recorded, [other, alert("z", 30, 31, 32)], END) is None


def test_each_label_has_the_first_alert_that_found_it() -> None:
    labels = [Label("plant", "pump", None, 10, 14, "stuck"), Label("plant", "pump", None, 50, 60, "stuck")]
    early, late = alert("a", raised=11), alert("b", raised=13)
    assert first_hits(labels, [late, early]) == [early, None]


def test_the_budget_counts_what_it_speaks_of() -> None:
    """Two baseline alerts in ten device-days are 6.088 in a device-month of 30.44 days."""
    raised = (alert("a"), alert("b"), alert("c", kind=Kind.LIMIT), alert("d", kind=Kind.SILENCE))
    result = Result("x", raised, (), 10.0, Budget(4.0, "month"))
    monthly, daily = against_budget(result, "month"), against_budget(result, "day")
    assert monthly.measured == pytest.approx(6.088)
    assert monthly.accepted == pytest.approx(4.0)
    assert daily.measured == pytest.approx(0.2)
    assert daily.accepted == pytest.approx(4 / 30.44)
    assert monthly.share == pytest.approx(1.522) == daily.share
    assert against_budget(replace(result, device_days=0.0), "month").share is None
