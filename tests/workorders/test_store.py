from collections.abc import Callable, Sequence
from dataclasses import fields

import pytest
import sqlalchemy as sa

from alerts.alert import Severity, WrongStateError
from alerts.notify.policy import NotifyConfig
from ingest.database import writing
from ingest.errors import InputError, NotFoundError
from ingest.registry import Device, Registry
from tests.alerts.samples import HOUR, START, make_alert, opened
from workorders.closure import ClosureCode
from workorders.desk import Desk
from workorders.opening import order_number
from workorders.order import (
    Advanced,
    Assigned,
    Closed,
    Noted,
    OrderOpened,
    Paused,
    Priority,
    Reopened,
    Resumed,
    Stage,
    WorkOrder,
    fold,
)
from workorders.pause import PauseReason
from workorders.pausing import OtherOpenError
from workorders.store import OrderFilter, OrderRow, OrderStore, OrderTimes

NOW = START + HOUR
DEVICES = [f"pump-{n}" for n in range(9)]


@pytest.fixture
def number(engine: sa.Engine) -> str:
    """An order in the database."""
    Desk(engine, Registry(), NotifyConfig()).record([opened()], START)
    return order_number(make_alert().id)


@pytest.fixture
def orders(sqlite_engine: sa.Engine) -> OrderStore:
    """Nine orders: the first assigned to li, the second on plan, the third closed, the last two critical."""
    events = [
        opened(
            device=device,
            site=f"site-{n % 2}",
            severity=Severity.CRITICAL if n > 6 else Severity.HIGH,
            raised_at=START + (n // 3) * HOUR,
        )
        for n, device in enumerate(DEVICES)
    ]
    Desk(sqlite_engine, Registry(), NotifyConfig()).record(events, START)
    numbers = [order_number(event.alert.id) for event in events]
    store = OrderStore(sqlite_engine)
    store.assign(numbers[0], "li", "li", NOW)
    store.advance(numbers[1], "li", NOW)
    store.advance(numbers[1], "li", NOW)
    store.close(numbers[2], ClosureCode.LEAK, "li", NOW)
    return store


def test_an_order_through_its_life(engine: sa.Engine, number: str) -> None:
    store = OrderStore(engine)
    store.assign(number, "王工", "li", NOW, "bearing?")
    for _ in range(6):
        store.advance(number, "wang", NOW + HOUR)
    store.note(number, "wang", NOW + 2 * HOUR, "spare part ordered")
    closed = store.close(number, ClosureCode.BEARING, "wang", NOW + 3 * HOUR, "replaced")

    assert store.get(number) == closed
    assert (closed.assignee, closed.stage, closed.closure_code) == ("王工", Stage.ACCEPTANCE, ClosureCode.BEARING)
    assert (closed.responded_at, closed.solved_at, closed.closed_at) == (NOW, NOW + HOUR, NOW + 3 * HOUR)
    kinds = [type(event) for event in store.history(number)]
    assert kinds == [OrderOpened, Assigned, *[Advanced] * 6, Noted, Closed]


def test_an_order_that_waits_and_is_reopened(engine: sa.Engine, number: str) -> None:
    store = OrderStore(engine)
    store.assign(number, "wang", "li", NOW)
    paused = store.pause(number, PauseReason.PARTS, "wang", NOW, "bearing 6308")
    assert store.get(number) == paused
    assert [order.number for order in store.list(OrderFilter(paused=True)).items] == [number]
    assert store.list(OrderFilter(paused=False)).items == ()
    closed = store.close(number, ClosureCode.BEARING, "wang", NOW + 5 * HOUR, "replaced")
    assert (closed.paused_at, closed.solve_due_at) == (None, START + 53 * HOUR), "closing ends the pause"
    assert closed.solved_at == NOW + 5 * HOUR
    store.reopen(number, "li", NOW + 9 * HOUR, "it hums again")
    order = store.get(number)
    assert (order.closed_at, order.closure_code, order.reopened) == (None, None, 1)
    assert order.solve_due_at == START + 57 * HOUR
    history = store.history(number)
    assert [type(event) for event in history] == [OrderOpened, Assigned, Paused, Resumed, Closed, Reopened]
    assert fold(history) == order
    with pytest.raises(WrongStateError, match="only a closed one"):
        store.reopen(number, "li", NOW + 9 * HOUR, "again")
    assert len(store.history(number)) == 6


def test_an_order_from_before_there_were_pauses_can_be_paused(engine: sa.Engine, number: str) -> None:
    with writing(engine) as session:
        session.execute(sa.update(OrderRow).values(stops=sa.null(), by_date=None))
    store = OrderStore(engine)
    store.assign(number, "wang", "li", NOW)
    store.pause(number, PauseReason.WEATHER, "wang", NOW)
    assert store.resume(number, "wang", NOW + HOUR).solve_due_at == START + 49 * HOUR


@pytest.mark.parametrize("asset", [None, "p1"])
def test_one_order_of_a_device_or_asset_is_open_at_most(engine: sa.Engine, asset: str | None) -> None:
    registry, other = Registry(), "pump-1" if asset is None else "motor-1"
    for name in ("pump-1", "motor-1"):
        registry.put_device(Device("plant", name, asset=asset))
    desk, store = Desk(engine, registry, NotifyConfig()), OrderStore(engine)
    first, second = opened(), opened(device=other, raised_at=START + HOUR)
    desk.record([first], NOW)
    old, new = order_number(first.alert.id), order_number(second.alert.id)
    closed = store.close(old, ClosureCode.BEARING, "wang", NOW)
    desk.record([second], NOW)
    with pytest.raises(OtherOpenError, match=f"{old} cannot be reopened while {new}, of the same") as refused:
        store.reopen(old, "li", NOW, "it hums again")
    assert refused.value.other == new
    assert store.get(old) == closed
    store.close(new, ClosureCode.DUPLICATE, "li", NOW)
    assert store.reopen(old, "li", NOW, "it hums again").closed_at is None
    third = opened(device=other, metric="temperature", raised_at=START + 2 * HOUR)
    desk.record([third], NOW)
    assert store.get(old).alerts == (first.alert.id, third.alert.id), "it takes the alerts that come now"


def test_what_is_not_there(engine: sa.Engine) -> None:
    store = OrderStore(engine)
    actions: list[Callable[[], object]] = [
        lambda: store.get("WO-0"),
        lambda: store.assign("WO-0", "li", "li", NOW),
        lambda: store.advance("WO-0", "li", NOW),
        lambda: store.note("WO-0", "li", NOW, "…"),
        lambda: store.close("WO-0", ClosureCode.LEAK, "li", NOW),
        lambda: store.pause("WO-0", PauseReason.PARTS, "li", NOW),
        lambda: store.resume("WO-0", "li", NOW),
        lambda: store.reopen("WO-0", "li", NOW, "…"),
    ]
    for action in actions:
        with pytest.raises(NotFoundError, match="no work order 'WO-0'"):
            action()


def test_a_wrong_state_is_refused_and_leaves_no_trace(engine: sa.Engine, number: str) -> None:
    store = OrderStore(engine)
    before = store.close(number, ClosureCode.LEAK, "li", NOW)
    events = len(store.history(number))
    actions: list[Callable[[], object]] = [
        lambda: store.assign(number, "li", "li", NOW),
        lambda: store.advance(number, "li", NOW),
        lambda: store.close(number, ClosureCode.LEAK, "li", NOW),
    ]
    for action in actions:
        with pytest.raises(WrongStateError, match="is closed"):
            action()
    assert store.get(number) == before
    assert len(store.history(number)) == events


@pytest.mark.parametrize(
    ("wanted", "devices"),
    [
        pytest.param(OrderFilter(), range(9), id="all"),
        pytest.param(OrderFilter(open=True), [0, 1, 3, 4, 5, 6, 7, 8], id="open ones"),
        pytest.param(OrderFilter(open=False), [2], id="closed ones"),
        pytest.param(OrderFilter(site="site-1"), [1, 3, 5, 7], id="a site"),
        pytest.param(OrderFilter(site="site-1", device="pump-3"), [3], id="a device"),
        pytest.param(OrderFilter(stages=[Stage.PLAN, Stage.ARCHIVE]), [1], id="stages"),
        pytest.param(OrderFilter(priorities=[Priority.P1]), [7, 8], id="a priority"),
        pytest.param(OrderFilter(assignee="li"), [0], id="a person"),
        pytest.param(OrderFilter(since=START + 2 * HOUR), [6, 7, 8], id="since a time"),
        pytest.param(OrderFilter(text="SITE-1"), [1, 3, 5, 7], id="a part of a name"),
        pytest.param(OrderFilter(text="LI"), [0], id="a part of a person's name"),
        pytest.param(OrderFilter(text="%"), [], id="no pattern"),
        pytest.param(OrderFilter(text="Feed pump", called=[("site-1", "pump-3")]), [3], id="what a device is called"),
        pytest.param(OrderFilter(text="site-1", site="site-0"), [], id="and another site"),
    ],
)
def test_filters(orders: OrderStore, wanted: OrderFilter, devices: Sequence[int]) -> None:
    assert {order.device for order in orders.list(wanted).items} == {DEVICES[n] for n in devices}


def test_the_most_urgent_ones_come_by_what_is_due_next(engine: sa.Engine, number: str) -> None:
    """The oldest is closed, the next one answered, the newest solved: nothing of it is due any more."""
    Desk(engine, Registry(), NotifyConfig()).record(
        [opened(device=f"fan-{n}", raised_at=START + n * HOUR) for n in range(4)], START
    )
    store = OrderStore(engine)
    of = {order.device: order.number for order in store.list(OrderFilter()).items}
    store.assign(of["fan-1"], "li", "li", NOW)
    store.assign(number, "li", "li", NOW)
    assert store.most_urgent(OrderFilter(open=True), 9)[-1].number != number
    store.pause(number, PauseReason.PARTS, "li", NOW)
    assert store.most_urgent(OrderFilter(open=True), 9)[-1].number == number, "its clock stands"
    store.close(of["fan-0"], ClosureCode.LEAK, "li", NOW)
    for _ in range(6):
        store.advance(of["fan-3"], "li", NOW)
    fans = [order.device for order in store.most_urgent(OrderFilter(text="fan"), 10)]
    assert (fans[:2], {*fans[2:]}) == (["fan-2", "fan-1"], {"fan-0", "fan-3"})
    assert [order.device for order in store.most_urgent(OrderFilter(open=True, text="fan"), 2)] == ["fan-2", "fan-1"]
    assert number not in {order.number for order in store.most_urgent(OrderFilter(text="fan"), 10)}


def test_the_times_of_what_is_open_and_of_what_is_recent(engine: sa.Engine) -> None:
    events = [opened(device=f"fan-{n}", raised_at=START + n * HOUR) for n in range(4)]
    Desk(engine, Registry(), NotifyConfig()).record(events, START)
    store = OrderStore(engine)
    for event in events[:2]:
        store.close(order_number(event.alert.id), ClosureCode.LEAK, "li", NOW)
    store.assign(order_number(events[3].alert.id), "li", "li", NOW)
    every = {order.opened_at: order for order in store.list(OrderFilter()).items}
    for since, expected in ((None, [2, 3]), (START + HOUR, [1, 2, 3]), (START, [0, 1, 2, 3])):
        orders = [every[START + n * HOUR] for n in expected]
        assert set(store.times(since)) == {
            OrderTimes(*(getattr(order, field.name) for field in fields(OrderTimes))) for order in orders
        }


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 10])
def test_pages_hold_each_order_once_newest_first(orders: OrderStore, limit: int) -> None:
    found: list[WorkOrder] = []
    cursor = None
    while True:
        page = orders.list(OrderFilter(), limit, cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [o.number for o in found] == [
        o.number for o in sorted(found, key=lambda o: (o.opened_at, o.number), reverse=True)
    ]
    assert len({o.number for o in found}) == len(found) == 9


def test_a_cursor_of_somebody_elses_making(orders: OrderStore) -> None:
    with pytest.raises(InputError, match="cursor"):
        orders.list(OrderFilter(), 10, "nonsense")
