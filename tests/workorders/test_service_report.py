"""A month of orders of which every figure can be counted by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerts.alert import Kind
from ingest.reading import NS_PER_DAY
from tests.alerts.samples import HOUR, START, opened
from workorders.closure import ClosureCode
from workorders.customer import Complaint, Rating
from workorders.opening import fold
from workorders.order import WorkOrder
from workorders.promises import Asked, shipped
from workorders.service_report import Problem, ServiceReport, service_report
from workorders.sla import Stop, Why

END = START + 30 * NS_PER_DAY


def order(day: float, **known: object) -> WorkOrder:
    """Of that day of the month, with what is known of it; a device of its own."""
    at = START + round(day * NS_PER_DAY)
    _, orders = fold([opened(device=str(known.pop("device", f"d{day}")), raised_at=at)])
    (made,) = orders.values()
    return replace(made, **known)  # type: ignore[arg-type]


def done(day: float, response_h: float, solve_h: float, code: ClosureCode, **known: object) -> WorkOrder:
    at = START + round(day * NS_PER_DAY)
    times = {"responded_at": at + round(response_h * HOUR), "solved_at": at + round(solve_h * HOUR)}
    return order(day, **times, closed_at=at + round(solve_h * HOUR), closure_code=code, **known)


def report(orders: Sequence[WorkOrder], now: int = END) -> ServiceReport:
    return service_report(orders, START, END, now, shipped().asked)


def test_a_month_without_orders_says_nothing() -> None:
    found = report([])
    assert (found.opened, found.response.share, found.solution.met, found.solution.median_s) == (0, None, None, None)


def test_how_promises_were_kept() -> None:
    found = report(
        [
            done(1, 1, 20, ClosureCode.BEARING),
            done(2, 2, 47, ClosureCode.LEAK),
            done(3, 3, 60, ClosureCode.LEAK),
            order(4),
            order(29.95, responded_at=END),
        ]
    )
    assert (found.opened, found.closed) == (5, 3)
    assert (found.response.counted, found.response.kept, found.response.met) == (5, 3, False)
    assert (found.solution.counted, found.solution.kept, found.solution.share) == (4, 2, 0.5)
    assert found.solution.median_s == 47 * HOUR / 1e9
    assert list(found.found.items()) == [(ClosureCode.LEAK, 2), (ClosureCode.BEARING, 1)]
    assert found.by_priority == {"P1": 0, "P2": 5, "P3": 0, "P4": 0}


def test_what_is_not_due_yet_says_nothing() -> None:
    found = report([order(1)], now=START + NS_PER_DAY + HOUR)
    assert (found.response.counted, found.solution.counted, found.response.met) == (0, 0, None)


def test_what_is_asked_for() -> None:
    orders = [done(day, 1, 20, ClosureCode.LEAK) for day in range(19)]
    assert report([*orders, done(20, 1, 60, ClosureCode.LEAK)]).solution.met
    assert not report([*orders[1:], done(20, 1, 60, ClosureCode.LEAK)]).solution.met
    assert shipped().asked == Asked(1.0, 0.95, 4.5, 1.0)


def test_how_satisfied_customers_are() -> None:
    orders = [
        done(1, 1, 20, ClosureCode.BEARING, rating=Rating(5, END, None)),
        done(2, 1, 20, ClosureCode.LEAK, rating=Rating(4, END, "anna")),
        done(3, 1, 20, ClosureCode.LEAK),
        done(4, 1, 20, ClosureCode.DUPLICATE, rating=Rating(1, END, None)),
        order(5),
        done(-1, 1, 20, ClosureCode.LEAK, rating=Rating(1, END, None)),
    ]
    found = report(orders).satisfaction
    assert (found.solved, found.rated, found.mean, found.met) == (3, 2, 4.5, True)
    assert found.response_rate == pytest.approx(2 / 3)
    worse = report([*orders, done(6, 1, 20, ClosureCode.LEAK, rating=Rating(4, END, None))]).satisfaction
    assert worse.met is False
    nobody = report([order(1)]).satisfaction
    assert (nobody.mean, nobody.met, nobody.response_rate) == (None, None, None)


def test_every_complaint_is_to_be_closed() -> None:
    closed = Complaint(1, "too loud", START, None, "", START + 3 * HOUR, "li", "done")
    still = Complaint(2, "too late", START, None)
    found = report([order(1, complaints=(closed,)), done(-1, 1, 2, ClosureCode.LEAK, complaints=(still,))]).complaints
    assert (found.counted, found.kept, found.met, found.median_s) == (1, 1, True, 3 * 3_600)
    with_duplicate = [order(1, complaints=(closed,)), done(2, 1, 2, ClosureCode.DUPLICATE, complaints=(still,))]
    found = report(with_duplicate).complaints
    assert (found.counted, found.kept, found.share, found.met) == (2, 1, 0.5, False), "none is lost with its order"
    assert report([order(1)]).complaints.met is None


def test_an_order_that_waits_is_not_overdue() -> None:
    paused = order(1, responded_at=START + NS_PER_DAY, paused_at=START + 2 * NS_PER_DAY)
    found = report([paused, order(2, responded_at=START + 2 * NS_PER_DAY)])
    assert (found.solution.counted, found.solution.kept) == (1, 0)


def test_a_reopened_order_counts_once_as_it_stands() -> None:
    stops = [Stop(START + hours * HOUR, START + hours * HOUR + 1, Why.CLOSED) for hours in (30, 40)]
    twice, open_again = (tuple(stops), tuple(stops[:1]))
    found = report([done(1, 1, 20, ClosureCode.LEAK, stops=twice), order(2, stops=open_again), order(3)], now=START)
    assert (found.opened, found.closed, found.reopened) == (3, 1, 2)
    assert found.found == {ClosureCode.LEAK: 1}


def test_only_orders_of_the_month_count_and_no_duplicates() -> None:
    found = report([order(-0.1), order(0), order(30), done(3, 1, 1, ClosureCode.DUPLICATE)])
    assert found.opened == 1


@pytest.mark.parametrize(
    ("before", "repeated"),
    [
        pytest.param(done(-60, 1, 20, ClosureCode.LEAK, device="p1"), 1, id="two months ago"),
        pytest.param(done(-89, 1, 20, ClosureCode.LEAK, device="p1"), 0, id="too long ago"),
        pytest.param(done(-60, 1, 20, ClosureCode.BEARING, device="p1"), 0, id="another fault"),
        pytest.param(done(-60, 1, 20, ClosureCode.LEAK, device="p2"), 0, id="another machine"),
        pytest.param(done(-60, 1, 20, ClosureCode.LEAK, device="p2", asset="a"), 0, id="an asset of that name"),
    ],
)
def test_faults_that_came_back(before: WorkOrder, repeated: int) -> None:
    assert report([done(5, 1, 20, ClosureCode.LEAK, device="p1"), before]).repeated == repeated


def test_a_false_alarm_does_not_come_back() -> None:
    orders = [done(day, 1, 2, ClosureCode.FALSE_ALARM, device="p1") for day in (1, 2)]
    assert report(orders).repeated == 0


def test_devices_of_an_asset_are_one_machine() -> None:
    orders = [done(day, 1, 2, ClosureCode.BEARING, device=f"s{day}", asset="pump 1") for day in (1, 2)]
    found = report(orders)
    assert found.repeated == 1
    assert found.recurring == ((Problem("plant", "s1", "pump 1", "vibration", Kind.LIMIT), 2),)


def test_problems_that_recur_come_first() -> None:
    days = {"a": (1, 2), "b": (3,), "c": (4, 5, 6)}
    orders = [order(day, device=device) for device, all_ in days.items() for day in all_]
    assert [(problem.device, n) for problem, n in report(orders).recurring] == [("c", 3), ("a", 2)]
