"""Ratings and complaints of customers, and who is told of them."""

from dataclasses import replace
from random import Random

import pytest
import sqlalchemy as sa

from alerts.alert import Opened, Returned, Severity, WrongStateError
from alerts.notify.outbox import NoticeRow, NoticeState, receiver_id
from alerts.notify.policy import Language, NotifyConfig
from alerts.notify.worker import Notifier
from ingest.database import reading
from ingest.errors import NotFoundError
from ingest.registry import Device, Registry
from tests.alerts.samples import HOUR, SECOND, START, make_alert, opened
from tests.alerts.test_notify_worker import Clock, FakeSender
from workorders.closure import ClosureCode
from workorders.complaints import Complaints
from workorders.customer import MOST_COMPLAINTS, MOST_GIVEN, close_complaint, complain, may_be_rated, rate
from workorders.desk import Desk
from workorders.opening import fold as opened_order
from workorders.opening import order_number
from workorders.order import Stage, WorkOrder, apply, fold
from workorders.store import OrderFilter, OrderStore

NOW = START + HOUR
URL = "mailto://oncall:secret@plant.example"
CONFIG = NotifyConfig(urls=(URL,), languages=(Language.EN,), console_url="https://forewarn.example/")


@pytest.fixture
def order() -> WorkOrder:
    _, orders = opened_order([opened()])
    (made,) = orders.values()
    return made


@pytest.fixture
def solved(order: WorkOrder) -> WorkOrder:
    return replace(order, stage=Stage.ACCEPTANCE, solved_at=NOW)


def rated(order: WorkOrder, score: int, comment: str = "") -> WorkOrder:
    return apply(order, rate(order, score, None, NOW, comment))


# -- ratings -------------------------------------------------------------------------------------------------------


def test_an_order_is_rated_once_it_is_solved(order: WorkOrder, solved: WorkOrder) -> None:
    assert not may_be_rated(order)
    with pytest.raises(WrongStateError, match="not solved yet"):
        rate(order, 5, None, NOW)
    rating = rated(solved, 4, "  quick ").rating
    assert rating is not None
    assert (rating.score, rating.comment, rating.at, rating.by) == (4, "quick", NOW, None)


def test_the_last_rating_counts_until_the_order_is_archived(solved: WorkOrder) -> None:
    once = rated(solved, 4)
    again = rated(replace(once, closed_at=NOW), 2)
    assert again.rating is not None
    assert (again.rating.score, again.rating.given) == (2, 2)
    archived = replace(again, stage=Stage.ARCHIVE)
    with pytest.raises(WrongStateError, match="archived"):
        rate(archived, 5, None, NOW)
    late = rated(replace(archived, rating=None), 5)
    assert late.rating is not None, "who was never asked may still answer"


def test_a_rating_is_not_changed_without_an_end(solved: WorkOrder) -> None:
    for _ in range(MOST_GIVEN):
        solved = rated(solved, 3)
    with pytest.raises(WrongStateError, match=f"rated {MOST_GIVEN} times"):
        rate(solved, 4, None, NOW)


# -- complaints ----------------------------------------------------------------------------------------------------


def test_a_complaint_is_open_until_something_was_done(order: WorkOrder) -> None:
    for text in ("too loud", "too late"):
        order = apply(order, complain(order, text, None, NOW))
    order = apply(order, close_complaint(order, 1, "li", NOW + HOUR, " fitted a silencer "))
    first, second = order.complaints
    assert (first.closed_at, first.closed_by, first.closed_note) == (NOW + HOUR, "li", "fitted a silencer")
    assert order.open_complaints == (second,)
    with pytest.raises(WrongStateError, match="closed already"):
        close_complaint(order, 1, "li", NOW, "again")
    with pytest.raises(NotFoundError, match="no complaint 3"):
        close_complaint(order, 3, "li", NOW, "which?")


def test_there_are_not_complaints_without_an_end(order: WorkOrder) -> None:
    for _ in range(MOST_COMPLAINTS):
        order = apply(order, complain(order, "again", None, NOW))
    with pytest.raises(WrongStateError, match="takes no more"):
        complain(order, "again", None, NOW)


# -- in the database, and told -------------------------------------------------------------------------------------


class Office:
    """Orders in a database, complaints that are taken there, and one receiver."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.clock, self.sender = engine, Clock(), FakeSender()
        self.desk = Desk(engine, Registry(), NotifyConfig())
        registry = Registry()
        registry.put_device(Device("plant", "pump-1", customer="Northwind Foods"))
        self.woken = 0
        self.complaints = Complaints(engine, registry, CONFIG, self._wake)
        self.store = OrderStore(engine)
        self.notifier = Notifier(engine, CONFIG, self.sender, self.clock, Random(0))

    def _wake(self) -> None:
        self.woken += 1

    def open_order(self) -> str:
        self.desk.record([opened()], START)
        return order_number(make_alert().id)

    def send(self) -> int:
        sent = 0
        while self.notifier.send_next(receiver_id(URL)) is not None:
            sent += 1
        return sent


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


def test_what_is_kept_is_the_fold_of_its_events(office: Office) -> None:
    number = office.open_order()
    office.complaints.take(number, "太吵了", "anna", NOW, "王女士")
    office.store.close(number, ClosureCode.BEARING, "li", NOW + HOUR)
    assert len(office.store.get(number).open_complaints) == 1, "a closed order keeps its complaint"
    office.store.rate(number, 5, None, NOW + 2 * HOUR, "很好")
    office.store.rate(number, 4, "anna", NOW + 3 * HOUR, customer="王女士")
    last = office.store.close_complaint(number, 1, "li", NOW + 4 * HOUR, "done")
    assert office.store.get(number) == last == fold(office.store.history(number))


def test_orders_with_an_open_complaint_are_found(office: Office) -> None:
    number = office.open_order()
    assert office.store.list(OrderFilter(complaint=True)).items == ()
    office.complaints.take(number, "too loud", None, NOW)
    office.store.close(number, ClosureCode.BEARING, "li", NOW)
    assert [one.number for one in office.store.list(OrderFilter(complaint=True)).items] == [number]
    office.store.close_complaint(number, 1, "li", NOW, "done")
    assert office.store.list(OrderFilter(complaint=True)).items == ()
    assert len(office.store.list(OrderFilter(complaint=False)).items) == 1


def test_people_are_told_of_a_complaint_once_though_its_alert_is_over(office: Office) -> None:
    number = office.open_order()
    office.desk.record([Returned(make_alert().id, NOW)], NOW)
    office.clock.now = NOW
    office.complaints.take(number, "It still leaks.\nPlease come.", None, NOW)
    assert (office.send(), office.send(), office.woken) == (1, 0, 1)
    [(_, text, severity, facts)] = office.sender.sent
    assert text.title == "[COMPLAINT] pump-1: vibration above its limit"
    assert "Complaint: It still leaks.\nPlease come." in text.body
    assert "customer Northwind Foods" in text.body
    assert f"https://forewarn.example/work-orders/{number}" in text.body
    assert (severity, facts["reason"], facts["idempotency_key"]) == (
        Severity.HIGH,
        "complaint",
        f"{number}:complaint-1",
    )


def test_each_complaint_of_the_same_moment_is_told(office: Office) -> None:
    number = office.open_order()
    for text in ("one", "two"):
        office.complaints.take(number, text, None, NOW)
    with reading(office.engine) as session:
        assert [row.state for row in session.scalars(sa.select(NoticeRow))] == [NoticeState.PENDING] * 2


def test_a_complaint_that_is_refused_tells_nobody(office: Office) -> None:
    number = office.open_order()
    for _ in range(MOST_COMPLAINTS):
        office.complaints.take(number, "again", None, NOW)
    with pytest.raises(WrongStateError):
        office.complaints.take(number, "again", None, NOW)
    with pytest.raises(NotFoundError):
        office.complaints.take("WO-NONE", "again", None, NOW)
    assert office.woken == MOST_COMPLAINTS


def test_in_a_flood_complaints_are_named_first(engine: sa.Engine) -> None:
    desk = Desk(engine, Registry(), CONFIG)
    alerts = [make_alert(device=f"d{n:02}", severity=Severity.CRITICAL) for n in range(30)]
    desk.record([Opened(alert) for alert in alerts], START + SECOND)
    Complaints(engine, Registry(), CONFIG).take(order_number(alerts[29].id), "too loud", None, START + SECOND)
    clock, sender = Clock(), FakeSender()
    clock.now = START + SECOND
    while Notifier(engine, CONFIG, sender, clock, Random(0)).send_next(receiver_id(URL)) is not None:
        pass
    [(_, text, severity, _)] = sender.sent
    assert text.title == "[CRITICAL] 30 alerts, 1 complaint at site plant"
    assert text.body.splitlines()[0].startswith("[COMPLAINT] d29")
    assert severity is Severity.CRITICAL
