from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, AlertEvent, Confirmed, Escalated, Kind, Opened, Returned, Revised, Severity, State
from ingest.registry import Criticality, Device, Registry
from tests.alerts.samples import HOUR, SECOND, START, escalated, histories, make_alert, opened
from workorders.opening import Book, Change, Decision, decide, fold, order_number
from workorders.order import Evidence, OrderOpened, Priority, Reprioritised, Stage, WorkOrder
from workorders.sla import Clock


def an_order(**other: object) -> WorkOrder:
    _, orders = fold([opened()])
    return replace(next(iter(orders.values())), **other)  # type: ignore[arg-type]


def one(orders: dict[str, WorkOrder]) -> WorkOrder:
    assert len(orders) == 1
    return next(iter(orders.values()))


@pytest.mark.parametrize(
    ("alert", "order", "expected"),
    [
        pytest.param(make_alert(severity=Severity.HIGH), None, Decision.OPEN, id="a high alert opens an order"),
        pytest.param(make_alert(severity=Severity.CRITICAL), None, Decision.OPEN, id="so does a critical one"),
        pytest.param(make_alert(severity=Severity.MEDIUM), None, Decision.MINOR, id="a medium alert opens none"),
        pytest.param(make_alert(severity=Severity.LOW), an_order(), Decision.JOIN, id="any alert joins the open order"),
        pytest.param(make_alert(severity=Severity.CRITICAL), an_order(), Decision.JOIN, id="a critical one as well"),
        pytest.param(replace(make_alert(), work_order="WO-1"), None, Decision.ORDERED, id="an alert has one order"),
    ],
)
def test_decide(alert: Alert, order: WorkOrder | None, expected: Decision) -> None:
    assert decide(alert, order) is expected


def test_an_order_says_what_why_on_which_evidence_and_until_when() -> None:
    alert = make_alert()
    alerts, orders = fold([Opened(alert)])
    order = one(orders)

    assert order.number == order_number(alert.id)
    assert order.alerts == (alert.id,)
    assert (order.site, order.device) == ("plant", "pump-1")
    assert (order.title.en, order.title.zh) == ("pump-1: vibration above its limit", "pump-1：振动高于限值")
    assert order.cause == alert.explanation
    assert order.evidence == Evidence(alert.id, "vibration", Kind.LIMIT, alert.raised_at, alert.evidence)
    assert order.priority is Priority.P2
    assert order.stage is Stage.INTAKE
    assert order.opened_at == alert.raised_at
    assert order.response_due_at == alert.raised_at + 2 * HOUR
    assert order.solve_due_at == alert.raised_at + 48 * HOUR
    assert order.clock is Clock.ALWAYS
    assert order.promise.en == "First response within 2 h, solved within 48 h, counted 24 hours a day, 7 days a week"
    assert order.promise.zh == "2 小时内首次响应，48 小时内解决；按每周 7 天、每天 24 小时计时"
    assert alerts[alert.id].work_order == order.number


@pytest.mark.parametrize(
    ("severity", "criticality", "priority"),
    [
        pytest.param(Severity.CRITICAL, Criticality.HIGH, Priority.P1, id="critical alert, much depends on the device"),
        pytest.param(Severity.CRITICAL, Criticality.LOW, Priority.P2, id="critical alert, little depends on it"),
        pytest.param(Severity.HIGH, Criticality.HIGH, Priority.P1, id="high alert, much depends on the device"),
        pytest.param(Severity.HIGH, Criticality.LOW, Priority.P3, id="high alert, little depends on it"),
    ],
)
def test_priority_comes_from_severity_and_criticality(
    severity: Severity, criticality: Criticality, priority: Priority
) -> None:
    registry = Registry()
    registry.put_device(Device("plant", "pump-1", criticality=criticality))
    _, orders = fold([opened(severity=severity)], registry)
    assert one(orders).priority is priority


def test_further_alerts_of_the_device_join_and_others_do_not() -> None:
    first = make_alert()
    second = make_alert(metric="temperature", severity=Severity.LOW, raised_at=START + SECOND)
    other = make_alert(device="fan-2", severity=Severity.MEDIUM, raised_at=START + SECOND)
    elsewhere = make_alert(site="plant-2", raised_at=START + SECOND)
    alerts, orders = fold(map(Opened, (first, second, other, elsewhere)))

    assert orders[order_number(first.id)].alerts == (first.id, second.id)
    assert alerts[other.id].work_order is None
    assert orders[order_number(elsewhere.id)].alerts == (elsewhere.id,)


def test_an_alert_that_becomes_high_opens_an_order_at_that_time_on_that_evidence() -> None:
    alert = make_alert(severity=Severity.MEDIUM)
    worse = escalated(alert, Severity.HIGH, START + HOUR)
    alerts, orders = fold([Opened(alert), worse])
    order = one(orders)

    assert order.opened_at == START + HOUR
    assert order.evidence.facts == worse.evidence
    assert order.cause == worse.explanation
    assert alerts[alert.id].severity is Severity.HIGH
    assert alerts[alert.id].work_order == order.number


def test_a_worse_alert_makes_its_order_more_urgent_and_a_milder_one_never_less() -> None:
    first, worst = make_alert(), make_alert(metric="temperature", severity=Severity.CRITICAL, raised_at=START + HOUR)
    mild = make_alert(metric="humidity", severity=Severity.LOW, raised_at=START + 2 * HOUR)
    book = Book()
    steps = [book.take(Opened(alert)) for alert in (first, worst, mild)]

    assert [type(event) for _, event in steps[1].order_events][-1] is Reprioritised
    assert one(book.orders).priority is Priority.P1
    assert one(book.orders).response_due_at == START + 2 * HOUR


def test_a_closed_order_takes_no_more_alerts() -> None:
    first, second = make_alert(), make_alert(raised_at=START + HOUR)
    book = Book()
    book.take(Opened(first))
    book.put(replace(one(book.orders), closed_at=START + SECOND))
    book.take(Opened(second))

    assert book.alerts[second.id].work_order == order_number(second.id)
    assert book.orders[order_number(first.id)].alerts == (first.id,)


def test_an_escalation_after_its_order_was_closed_opens_no_second_one_under_the_same_number() -> None:
    alert = make_alert()
    book = Book()
    book.take(Opened(alert))
    closed = replace(one(book.orders), closed_at=START + SECOND)
    book.put(closed)
    step = book.take(escalated(alert, Severity.CRITICAL, START + HOUR))

    assert step.change is Change.ESCALATED
    assert step.order_events == ()
    assert one(book.orders) == closed


def test_two_alerts_whose_numbers_collide_get_different_orders() -> None:
    alert = make_alert()
    book = Book()
    book.put(replace(an_order(), number=order_number(alert.id), device="another", closed_at=START))
    book.take(Opened(alert))

    assert book.alerts[alert.id].work_order == order_number(alert.id, 13)


def test_events_of_an_unknown_alert_change_nothing() -> None:
    book = Book()
    for event in (Confirmed("a-1", START, 2, 1.0), Returned("a-1", START), escalated(make_alert(), Severity.HIGH, 0)):
        assert book.take(event).alert is None
    assert not book.alerts
    assert not book.orders


def test_what_a_person_did_survives_what_the_engine_says_later() -> None:
    alert = make_alert()
    book = Book()
    book.take(Opened(alert))
    book.alerts[alert.id] = replace(book.alerts[alert.id], state=State.CLOSED, closed_by="li", closed_at=START)
    book.take(Returned(alert.id, START + HOUR))
    assert book.alerts[alert.id].state is State.CLOSED
    assert book.alerts[alert.id].cleared_at == START + HOUR


@given(histories(), st.data())
def test_events_taken_again_change_nothing(events: list[AlertEvent], data: st.DataObject) -> None:
    book = Book()
    for event in events:
        book.take(event)
    alerts, orders = dict(book.alerts), dict(book.orders)
    start = data.draw(st.integers(0, len(events)))
    for event in events[start:] + events:
        step = book.take(event)
        assert step.change is Change.NOTHING
        assert step.order_events == ()
    assert (book.alerts, book.orders) == (alerts, orders)


@given(histories())
def test_what_holds_for_every_history(events: list[AlertEvent]) -> None:
    alerts, orders = fold(events)
    assert list(alerts) == list(dict.fromkeys(e.alert.id for e in events if isinstance(e, Opened)))
    open_devices = [(order.site, order.device) for order in orders.values() if order.closed_at is None]
    assert len(open_devices) == len(set(open_devices))
    for order in orders.values():
        assert order.number == order_number(order.alerts[0])
        assert all(alerts[alert_id].work_order == order.number for alert_id in order.alerts)
        assert {alerts[alert_id].device for alert_id in order.alerts} == {order.device}
        assert order.opened_at < order.response_due_at < order.solve_due_at
    for alert in alerts.values():
        assert alert.work_order is None or alert.id in orders[alert.work_order].alerts
        assert alert.work_order is not None or alert.severity.rank < Severity.HIGH.rank


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        pytest.param({"pump-1": "p1", "motor-1": "p1"}, {"pump-1", "motor-1"}, id="the same asset"),
        pytest.param({"pump-1": "p1", "motor-1": "p2"}, {"pump-1"}, id="another asset"),
        pytest.param({"pump-1": "p1"}, {"pump-1"}, id="none known"),
        pytest.param({"pump-1": "", "motor-1": ""}, {"pump-1"}, id="an empty name is none"),
    ],
)
def test_alerts_of_an_asset_share_an_order(assets: dict[str, str], expected: set[str]) -> None:
    registry = Registry()
    for name, asset in assets.items():
        registry.put_device(Device("plant", name, asset=asset))
    registry.put_device(Device("elsewhere", "motor-1", asset="p1"))
    events = [opened(device="pump-1"), opened(device="motor-1"), opened(device="motor-1", site="elsewhere")]
    alerts, orders = fold(events, registry)
    first = next(iter(orders.values()))
    assert {alerts[alert_id].device for alert_id in first.alerts} == expected
    assert {alerts[alert_id].site for alert_id in first.alerts} == {"plant"}
    assert first.asset == (assets["pump-1"] or None)


def test_an_order_of_its_own_goes_before_that_of_the_asset() -> None:
    """Somebody says what belongs together while both have an order."""
    registry = Registry()
    book = Book(registry.known)
    for name in ("pump-1", "motor-1"):
        book.take(opened(device=name))
        registry.put_device(Device("plant", name, asset="p1"))
    of_own = book.take(opened(device="motor-1", metric="temperature")).order_events
    assert [book.orders[number].device for number, _ in of_own] == ["motor-1"]
    fan = replace(registry.known("plant", "pump-1"), name="fan-1")
    registry.put_device(fan)
    assert [book.orders[number].device for number, _ in book.take(opened(device="fan-1")).order_events] == ["fan-1"]


def test_the_first_event_of_an_order_opens_it() -> None:
    step = Book().take(opened())
    assert [type(event) for _, event in step.order_events] == [OrderOpened]


DAY = 24 * HOUR


def forecast(
    earliest_at: int, severity: Severity = Severity.HIGH, raised_at: int = START, device: str = "pump-1"
) -> Alert:
    alert = make_alert(device, severity=severity, kind=Kind.FORECAST, raised_at=raised_at)
    return replace(alert, evidence={**alert.evidence, "earliest_at": earliest_at, "latest_at": earliest_at + 5 * DAY})


def revised(alert: Alert, earliest_at: int, at: int) -> Revised:
    return Revised(alert.id, at, alert.explanation, {**alert.evidence, "earliest_at": earliest_at})


@pytest.mark.parametrize(
    ("earliest", "solved"),
    [
        pytest.param(START + 6 * DAY, START + 6 * DAY, id="there is more time than usual"),
        pytest.param(START + 30 * HOUR, START + 30 * HOUR, id="there is less time than usual"),
        pytest.param(START + HOUR, START + 2 * HOUR, id="nothing is due before the first response"),
    ],
)
def test_a_forecast_is_to_be_acted_upon_before_it_may_come_true(earliest: int, solved: int) -> None:
    order = one(fold([Opened(forecast(earliest))])[1])
    assert order.response_due_at == START + 2 * HOUR
    assert order.solve_due_at == solved
    assert "before the earliest moment at which the forecast may come true" in order.promise.en
    assert "最早时刻之前" in order.promise.zh


def test_a_forecast_that_becomes_nearer_brings_its_order_forward_and_one_that_recedes_does_not() -> None:
    alert, book = forecast(START + 6 * DAY), Book()
    book.take(Opened(alert))
    step = book.take(revised(alert, START + 4 * DAY, START + DAY))
    assert [type(event) for _, event in step.order_events] == [Reprioritised]
    assert one(book.orders).solve_due_at == START + 4 * DAY
    assert one(book.orders).priority is Priority.P2
    assert book.take(revised(alert, START + 9 * DAY, START + 2 * DAY)).order_events == ()
    assert one(book.orders).solve_due_at == START + 4 * DAY
    assert book.alerts[alert.id].evidence["earliest_at"] == START + 9 * DAY


def test_the_same_revision_again_changes_nothing() -> None:
    alert, book = forecast(START + 6 * DAY), Book()
    book.take(Opened(alert))
    event = revised(alert, START + 4 * DAY, START + DAY)
    book.take(event)
    before = dict(book.orders)
    assert book.take(event).change is Change.NOTHING
    assert book.orders == before


def test_trouble_that_is_there_now_does_not_wait_for_the_forecast() -> None:
    """The order was planned for in six days; now a limit is broken: it is due as if it had opened now."""
    book = Book()
    book.take(Opened(forecast(START + 6 * DAY)))
    book.take(Opened(make_alert(metric="temperature", severity=Severity.MEDIUM, raised_at=START + DAY)))
    assert one(book.orders).solve_due_at == START + 6 * DAY, "a medium alert does not hurry anybody"
    book.take(Opened(make_alert(severity=Severity.HIGH, raised_at=START + 2 * DAY)))
    assert one(book.orders).solve_due_at == START + 2 * DAY + 48 * HOUR
    assert "48 h" in one(book.orders).promise.en
    assert one(book.orders).response_due_at == START + 2 * HOUR


def test_a_forecast_that_joins_an_order_can_only_hurry_it() -> None:
    book = Book()
    book.take(opened())
    book.take(Opened(forecast(START + 6 * DAY, raised_at=START + HOUR)))
    assert one(book.orders).solve_due_at == START + 48 * HOUR
    other = Book()
    other.take(opened())
    other.take(Opened(forecast(START + 20 * HOUR, raised_at=START + HOUR)))
    assert one(other.orders).solve_due_at == START + 20 * HOUR
    assert len(one(other.orders).alerts) == 2


def test_a_forecast_that_is_far_away_opens_no_order_until_it_is_near() -> None:
    alert, book = forecast(START + 30 * DAY, Severity.MEDIUM), Book()
    book.take(Opened(alert))
    assert book.orders == {}
    facts = {**alert.evidence, "earliest_at": START + 24 * DAY}
    book.take(Escalated(alert.id, START + 18 * DAY, Severity.HIGH, alert.explanation, facts))
    assert one(book.orders).solve_due_at == START + 24 * DAY
    assert one(book.orders).opened_at == START + 18 * DAY
