"""What a person sets aside: quiet until its shelf ends, then told again if it still holds."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from alerts.alert import Alert, AlertEvent, Opened, Returned, Severity, State, WrongStateError
from alerts.notify.outbox import NoticeRow
from alerts.notify.policy import NotifyConfig
from alerts.store import ActionKind, AlertStore
from ingest.database import reading
from ingest.errors import NotFoundError
from ingest.registry import Registry
from tests.alerts.samples import HOUR, SECOND, START, escalated, make_alert
from workorders.closure import ClosureCode
from workorders.desk import Changes, Desk
from workorders.opening import order_number
from workorders.store import OrderFilter, OrderStore

UNTIL = START + 8 * HOUR
ALERT = make_alert()
LATER = make_alert(raised_at=START + HOUR)
"""The same once more."""


class Shelf:
    """A desk and its database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.alerts, self.orders = engine, AlertStore(engine), OrderStore(engine)
        self.desk = Desk(engine, Registry(), NotifyConfig(urls=("json://one.example",)))

    def record(self, *events: AlertEvent, now: int = START) -> Changes:
        return self.desk.record(events, now)

    def shelve(self, alert: Alert = ALERT, until: int = UNTIL) -> None:
        self.alerts.shelve(alert.id, "li", START, until, "waits for a part")

    def told(self) -> Sequence[tuple[str, str]]:
        """Alerts that people are told of, and why."""
        query = sa.select(NoticeRow.alert_id, NoticeRow.reason).order_by(NoticeRow.queued_at, NoticeRow.key)
        with reading(self.engine) as session:
            return [(str(alert_id), str(reason)) for alert_id, reason in session.execute(query)]


@pytest.fixture
def shelf(engine: sa.Engine) -> Shelf:
    found = Shelf(engine)
    found.record(Opened(ALERT))
    return found


def test_who_shelves_says_until_when_and_why(shelf: Shelf) -> None:
    shelf.shelve()
    alert = shelf.alerts.get(ALERT.id)
    assert (alert.state, alert.shelved_until) == (State.SHELVED, UNTIL)
    [action] = shelf.alerts.history(ALERT.id)
    assert (action.action, action.by, action.until, action.note) == ("shelve", "li", UNTIL, "waits for a part")


def test_what_comes_meanwhile_is_recorded_and_told_nobody(shelf: Shelf) -> None:
    shelf.orders.close(order_number(ALERT.id), ClosureCode.OTHER_FAULT, "li", START)
    shelf.shelve()
    shelf.record(escalated(ALERT, Severity.CRITICAL, START + SECOND))
    shelf.record(Returned(ALERT.id, START + 2 * SECOND), Opened(LATER), now=START + HOUR)
    assert [shelf.alerts.get(one.id).state for one in (ALERT, LATER)] == [State.SHELVED] * 2
    assert shelf.alerts.get(LATER.id).shelved_until == UNTIL
    assert shelf.orders.list(OrderFilter(open=True)).items == ()
    assert shelf.told() == [(ALERT.id, "opened")], "before it was shelved"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(make_alert(metric="temperature"), id="another metric"),
        pytest.param(make_alert(device="fan-2"), id="another device"),
        pytest.param(make_alert(metric=None), id="the device as a whole"),
    ],
)
def test_only_the_same_is_shelved(shelf: Shelf, other: Alert) -> None:
    shelf.shelve()
    shelf.record(Opened(other))
    assert shelf.alerts.get(other.id).state is State.ACTIVE


def test_when_the_shelf_ends_what_still_holds_is_told_and_ordered_again(shelf: Shelf) -> None:
    shelf.orders.close(order_number(ALERT.id), ClosureCode.OTHER_FAULT, "li", START)
    shelf.shelve()
    shelf.record(Returned(ALERT.id, START + SECOND), Opened(LATER), now=START + HOUR)
    assert shelf.desk.end_shelves(UNTIL - 1) == Changes()
    changes = shelf.desk.end_shelves(UNTIL)
    assert {alert.id: alert.state for alert in changes.alerts} == {ALERT.id: State.CLEARED, LATER.id: State.ACTIVE}
    assert changes.opened == {order_number(LATER.id)}
    assert shelf.told()[1:] == [(LATER.id, "unshelved")]
    assert shelf.desk.end_shelves(UNTIL) == Changes(), "once"


def test_an_alert_that_was_told_before_is_told_again(shelf: Shelf) -> None:
    shelf.alerts.acknowledge(ALERT.id, "li", START)
    shelf.shelve()
    assert shelf.desk.end_shelves(UNTIL).notices == 1
    alert = shelf.alerts.get(ALERT.id)
    assert (alert.state, alert.acknowledged_by, alert.work_order) == (State.ACTIVE, None, order_number(ALERT.id))
    shelf.shelve(until=UNTIL + HOUR)
    assert shelf.desk.end_shelves(UNTIL + HOUR).notices == 1


def test_a_shelf_that_is_made_longer_does_not_end_before(shelf: Shelf) -> None:
    shelf.shelve()
    shelf.shelve(until=UNTIL + HOUR)
    assert shelf.desk.end_shelves(UNTIL) == Changes()
    assert shelf.desk.end_shelves(UNTIL + HOUR).alerts


def test_a_person_ends_it_for_all_that_is_shelved_with_it(shelf: Shelf) -> None:
    shelf.shelve()
    shelf.record(Opened(LATER), now=START + HOUR)
    changes = shelf.desk.unshelve(LATER.id, "wang", START + 2 * HOUR, "the part came")
    assert {alert.state for alert in changes.alerts} == {State.ACTIVE}
    assert [action.action for action in shelf.alerts.history(LATER.id)] == [ActionKind.UNSHELVE]
    with pytest.raises(WrongStateError, match="not shelved"):
        shelf.desk.unshelve(LATER.id, "wang", START + 2 * HOUR)
    with pytest.raises(NotFoundError):
        shelf.desk.unshelve("a-0", "wang", START)


def test_what_is_over_cannot_be_shelved(shelf: Shelf) -> None:
    shelf.alerts.close(ALERT.id, "li", START)
    with pytest.raises(WrongStateError, match="only an open one"):
        shelf.shelve()


def test_who_closes_what_is_shelved_ends_the_shelf(shelf: Shelf) -> None:
    shelf.shelve()
    shelf.alerts.close(ALERT.id, "li", START)
    shelf.record(Opened(LATER), now=START + HOUR)
    assert shelf.alerts.get(LATER.id).state is State.ACTIVE
