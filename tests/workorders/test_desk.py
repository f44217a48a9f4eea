import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, AlertEvent, Confirmed, Opened, Returned, Severity, State, WrongStateError
from alerts.notify.outbox import NoticeRow, NoticeState
from alerts.notify.policy import MAX_PENDING, NotifyConfig, Skip
from alerts.store import ActionRow, AlertFilter, AlertRow, AlertStore
from ingest.database import reading, writing
from ingest.errors import RetryableError
from ingest.registry import Criticality, Device, Registry
from tests.alerts.samples import HOUR, SECOND, START, escalated, histories, make_alert, opened
from workorders import order as events_of
from workorders.closure import ClosureCode
from workorders.desk import MOST_LOOKED_UP, Changes, Desk
from workorders.opening import fold, order_number
from workorders.order import Priority, WorkOrder
from workorders.pause import PauseReason
from workorders.store import EventRow, OrderFilter, OrderRow, OrderStore

NOW = START + 60 * SECOND
RECEIVERS = NotifyConfig(urls=("json://one.example", "json://two.example"))


def make_desk(engine: sa.Engine, notify: NotifyConfig = RECEIVERS, registry: Registry | None = None) -> Desk:
    return Desk(engine, registry or Registry(), notify)


def stored(engine: sa.Engine) -> tuple[dict[str, Alert], dict[str, WorkOrder]]:
    alerts = AlertStore(engine).list(AlertFilter()).items
    orders = OrderStore(engine).list(OrderFilter()).items
    return {alert.id: alert for alert in alerts}, {order.number: order for order in orders}


def notices(engine: sa.Engine) -> list[tuple[str, str, str | None]]:
    with reading(engine) as session:
        rows = session.scalars(sa.select(NoticeRow).order_by(NoticeRow.key, NoticeRow.receiver))
        return [(row.key, row.state, row.detail) for row in rows]


def everything(engine: sa.Engine) -> list[object]:
    with reading(engine) as session:
        return [
            sorted(map(tuple, session.execute(sa.select(*table.__table__.columns))), key=repr)
            for table in (AlertRow, OrderRow, EventRow, NoticeRow)
        ]


def clear(engine: sa.Engine) -> None:
    with writing(engine) as session:
        for table in (NoticeRow, EventRow, OrderRow, ActionRow, AlertRow):
            session.execute(sa.delete(table))


def test_an_alert_its_order_and_its_notices_are_there_together(engine: sa.Engine) -> None:
    alert = make_alert()
    changes = make_desk(engine).record([Opened(alert)], NOW)

    number = order_number(alert.id)
    assert [a.id for a in changes.alerts] == [alert.id]
    assert [o.number for o in changes.orders] == [number]
    assert changes.notices == 2
    assert AlertStore(engine).get(alert.id) == replace(alert, work_order=number)
    assert OrderStore(engine).get(number) == changes.orders[0]
    assert notices(engine) == [(alert.id, NoticeState.PENDING, None)] * 2


def test_changes_name_what_changed_and_nothing_else(engine: sa.Engine) -> None:
    desk, alert, quiet = make_desk(engine), make_alert(), make_alert(device="fan-2", severity=Severity.LOW)
    desk.record([Opened(alert), Opened(quiet)], NOW)
    changes = desk.record([Confirmed(alert.id, START + SECOND, 2, 9.0)], NOW)

    assert [a.id for a in changes.alerts] == [alert.id]
    assert (changes.alerts[0].count, changes.alerts[0].score) == (2, 9.0)
    assert changes.orders == ()
    assert changes.notices == 0


def test_no_events_no_transaction(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'not-there' / 'x.db'}")
    assert make_desk(engine).record([], NOW) == Changes()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=histories(), data=st.data())
def test_however_events_are_cut_and_repeated_the_database_holds_their_fold(
    engine: sa.Engine, events: list[AlertEvent], data: st.DataObject
) -> None:
    clear(engine)
    cuts = sorted({*data.draw(st.lists(st.integers(0, len(events)), max_size=4)), len(events)})
    begin = 0
    for end in cuts:
        again = data.draw(st.integers(0, begin))  # a restart sends again what was recorded already
        make_desk(engine).record(events[again:end], NOW)
        begin = end
    assert stored(engine) == fold(events)
    before = everything(engine)
    assert make_desk(engine).record(events, NOW + HOUR) == Changes()
    assert everything(engine) == before


def test_an_order_in_the_database_is_the_fold_of_its_events(engine: sa.Engine) -> None:
    alert, joining = make_alert(), make_alert(metric="temperature", severity=Severity.CRITICAL, raised_at=NOW)
    make_desk(engine).record([Opened(alert), Opened(joining)], NOW)
    store, number = OrderStore(engine), order_number(alert.id)
    store.assign(number, "wang", "li", NOW + SECOND)
    store.advance(number, "wang", NOW + 2 * SECOND, "on my way")
    store.close(number, ClosureCode.BEARING, "wang", NOW + HOUR, "replaced")

    assert events_of.fold(store.history(number)) == store.get(number)
    assert store.get(number).priority is Priority.P1


def test_a_failed_commit_leaves_nothing_and_the_same_events_then_work(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[AlertEvent] = [opened()]
    with monkeypatch.context() as patched:

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr("workorders.desk.save_orders", crash)
        with pytest.raises(KeyboardInterrupt):
            make_desk(engine).record(events, NOW)
    assert everything(engine) == [[], [], [], []]

    make_desk(engine).record(events, NOW)
    assert stored(engine) == fold(events)


def test_a_replay_neither_reopens_nor_duplicates_what_people_closed(engine: sa.Engine) -> None:
    alert = make_alert()
    events: list[AlertEvent] = [Opened(alert), Confirmed(alert.id, START + SECOND, 2, 9.0)]
    make_desk(engine).record(events, NOW)
    number = order_number(alert.id)
    OrderStore(engine).close(number, ClosureCode.FALSE_ALARM, "li", NOW)
    AlertStore(engine).close(alert.id, "li", NOW)

    assert make_desk(engine).record(events, NOW + HOUR) == Changes()
    assert OrderStore(engine).get(number).closed_at == NOW
    assert AlertStore(engine).get(alert.id).state is State.CLOSED


def test_after_an_order_is_closed_the_next_alert_opens_another(engine: sa.Engine) -> None:
    desk, first, second = make_desk(engine), make_alert(), make_alert(raised_at=START + HOUR)
    desk.record([Opened(first)], NOW)
    OrderStore(engine).close(order_number(first.id), ClosureCode.BEARING, "li", NOW)
    desk.record([Opened(second)], NOW + HOUR)

    still_open = OrderStore(engine).list(OrderFilter(open=True)).items
    assert [order.number for order in still_open] == [order_number(second.id)]


def test_the_registry_says_how_critical_a_device_is(engine: sa.Engine) -> None:
    registry = Registry()
    registry.put_device(Device("plant", "pump-1", criticality=Criticality.HIGH))
    changes = make_desk(engine, registry=registry).record([opened()], NOW)
    assert changes.orders[0].priority is Priority.P1


def test_events_of_alerts_that_the_database_lost_are_ignored(engine: sa.Engine) -> None:
    alert = make_alert()
    events: list[AlertEvent] = [Confirmed(alert.id, START, 2, 1.0), Returned(alert.id, START)]
    assert make_desk(engine).record([*events, escalated(alert, Severity.CRITICAL, START)], NOW) == Changes()
    assert stored(engine) == ({}, {})


def test_a_thousand_alerts_at_once(engine: sa.Engine) -> None:
    events: list[AlertEvent] = [opened(device=f"pump-{n}", raised_at=START + n) for n in range(1_200)]
    changes = make_desk(engine).record(events, NOW)
    assert len(changes.alerts) == len(changes.orders) == 1_200
    assert OrderStore(engine).list(OrderFilter(), limit=2_000).items[0].device == "pump-1199"


def test_a_database_that_is_away_is_retryable(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'not-there' / 'x.db'}")
    with pytest.raises(RetryableError, match="unable to open database file"):
        make_desk(engine).record([opened()], NOW)


# -- who is told ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([opened()], [("pending", None)], id="a high alert is told"),
        pytest.param([opened(severity=Severity.MEDIUM)], [], id="a medium one is not"),
        pytest.param([opened(), Returned(make_alert().id, NOW)], [("skipped", Skip.OVER)], id="over before it is told"),
        pytest.param([opened(raised_at=NOW - HOUR)], [("pending", None)], id="an hour old: still of now"),
        pytest.param([opened(raised_at=NOW - HOUR - 1)], [("skipped", Skip.RECORDED)], id="older: recorded data"),
        pytest.param(
            [opened(severity=Severity.LOW), escalated(make_alert(), Severity.MEDIUM, NOW)], [], id="worse, but mild"
        ),
        pytest.param(
            [opened(severity=Severity.LOW), escalated(make_alert(), Severity.HIGH, NOW)],
            [("pending", None)],
            id="escalated to high",
        ),
        pytest.param(
            [opened(), escalated(make_alert(), Severity.CRITICAL, NOW)],
            [("pending", None), ("pending", None)],
            id="told when it opened and when it became worse",
        ),
    ],
)
def test_who_is_told(
    sqlite_engine: sa.Engine, events: Sequence[AlertEvent], expected: list[tuple[str, str | None]]
) -> None:
    make_desk(sqlite_engine, NotifyConfig(urls=("json://one.example",))).record(events, NOW)
    assert [(state, detail) for _, state, detail in notices(sqlite_engine)] == expected


def test_a_new_order_is_told_even_if_its_alert_alone_would_not_be(sqlite_engine: sa.Engine) -> None:
    config = NotifyConfig(urls=("json://one.example",), minimum=Severity.CRITICAL)
    alert = make_alert()
    make_desk(sqlite_engine, config).record([Opened(alert)], NOW)
    assert notices(sqlite_engine) == [(f"{alert.id}:{order_number(alert.id)}", NoticeState.PENDING, None)]


def test_an_asset_has_one_order_and_calls_for_people_once(engine: sa.Engine) -> None:
    """Until it becomes worse."""
    registry = Registry()
    for name in ("pump-1", "motor-1", "fan-1"):
        registry.put_device(Device("plant", name, asset="feed pump 1"))
    desk = make_desk(engine, registry=registry)
    first, same = make_alert(device="pump-1"), make_alert(device="motor-1", raised_at=START + SECOND)
    worse = make_alert(device="fan-1", raised_at=START + 2 * SECOND, severity=Severity.CRITICAL)
    told = [desk.record([Opened(alert)], NOW).notices for alert in (first, same, worse)]
    assert told == [2, 0, 2]
    _, orders = stored(engine)
    assert [order.alerts for order in orders.values()] == [(first.id, same.id, worse.id)]
    assert next(iter(orders.values())).asset == "feed pump 1"

    store = OrderStore(engine)
    assert store.list(OrderFilter(site="plant", device="motor-1")).items == tuple(orders.values())
    store.close(order_number(first.id), ClosureCode.BEARING, "li", NOW)
    desk.record([opened(device="motor-1", raised_at=START + HOUR)], NOW)
    assert [order.device for order in store.list(OrderFilter(open=True)).items] == ["motor-1"]


def test_what_comes_back_while_its_order_is_open_calls_nobody(engine: sa.Engine) -> None:
    """A value that hovers about its limit; unless it is worse, something else, or the order was closed."""
    desk, first = make_desk(engine), make_alert()
    again = make_alert(raised_at=START + HOUR)
    worse = make_alert(raised_at=START + 2 * HOUR, severity=Severity.CRITICAL)
    other = make_alert(raised_at=START + 3 * HOUR, metric="temperature")
    told = [desk.record([Opened(one)], one.raised_at).notices for one in (first, again, worse, other)]
    assert told == [2, 0, 2, 2]
    OrderStore(engine).close(order_number(first.id), ClosureCode.LEAK, "li", NOW)
    assert desk.record([opened(raised_at=START + 5 * HOUR)], START + 5 * HOUR).notices == 2


def test_a_paused_order_takes_alerts_and_calls_people_for_a_worse_one(engine: sa.Engine) -> None:
    """What the engine says again after a crash changes nothing of it."""
    desk, store, first = make_desk(engine), OrderStore(engine), make_alert()
    again, worse = (
        make_alert(raised_at=START + HOUR),
        make_alert(raised_at=START + 2 * HOUR, severity=Severity.CRITICAL),
    )
    desk.record([Opened(first)], START)
    number = order_number(first.id)
    store.assign(number, "wang", "li", NOW)
    store.pause(number, PauseReason.PARTS, "wang", NOW)
    assert [desk.record([Opened(one)], one.raised_at).notices for one in (again, worse)] == [0, 2]
    with reading(engine) as session:
        messages = [str(row.message) for row in session.scalars(sa.select(NoticeRow).where(NoticeRow.key == worse.id))]
    assert ["paused since 2026-01-01 00:01" in message for message in messages] == [True, True]
    before = everything(engine)
    assert make_desk(engine).record([Opened(one) for one in (first, again, worse)], NOW + HOUR) == Changes()
    assert everything(engine) == before
    order = store.get(number)
    assert (order.paused_at, order.priority, len(order.alerts)) == (NOW, Priority.P1, 3)
    assert events_of.fold(store.history(number)) == order
    store.resume(number, "wang", NOW + 5 * HOUR)
    assert store.get(number).solve_due_at == START + 53 * HOUR


def test_without_receivers_nothing_is_kept_for_them(sqlite_engine: sa.Engine) -> None:
    assert make_desk(sqlite_engine, NotifyConfig()).record([opened()], NOW).notices == 0
    assert notices(sqlite_engine) == []


def test_a_flood_is_cut_off(sqlite_engine: sa.Engine) -> None:
    desk = make_desk(sqlite_engine, NotifyConfig(urls=("json://one.example",)))
    desk.record([opened(device=f"d{n}") for n in range(MAX_PENDING - 1)], NOW)
    assert desk.record([opened(device="last"), opened(device="one-too-many")], NOW).notices == 1
    states = [(state, detail) for _, state, detail in notices(sqlite_engine)]
    assert states.count(("skipped", Skip.FLOOD)) == 1
    assert states.count(("pending", None)) == MAX_PENDING


def retried(action: Callable[[], object]) -> None:
    for _ in range(20):
        with suppress(RetryableError):
            action()
            return


# -- several at once -----------------------------------------------------------------------------------------------


def test_people_and_the_desk_do_not_overwrite_each_other(engine: sa.Engine) -> None:
    alert = make_alert()
    make_desk(engine).record([Opened(alert)], NOW)
    number = order_number(alert.id)

    def engine_speaks() -> None:
        desk = make_desk(engine)
        for n in range(2, 32):
            joining = make_alert(metric=f"m{n}", severity=Severity.LOW, raised_at=START + n)
            events: list[AlertEvent] = [Confirmed(alert.id, START + n, n, 1.0), Opened(joining)]
            retried(partial(desk.record, events, NOW))

    def people_act() -> None:
        store = OrderStore(engine)
        for n in range(30):
            retried(partial(store.note, number, "li", NOW + n, f"note {n}"))

    threads = [threading.Thread(target=target) for target in (engine_speaks, people_act)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    order = OrderStore(engine).get(number)
    assert AlertStore(engine).get(alert.id).count == 31
    assert len(order.alerts) == 31
    history = OrderStore(engine).history(number)
    assert len(history) == 1 + 30 + 30
    assert events_of.fold(history) == order


def test_two_desks_open_one_order_for_a_device(engine: sa.Engine) -> None:
    barrier = threading.Barrier(2, timeout=60)
    outcomes: list[Changes] = []

    def run(metric: str) -> None:
        desk, event = make_desk(engine), opened(metric=metric)
        barrier.wait()
        for _ in range(20):
            with suppress(RetryableError):
                outcomes.append(desk.record([event], NOW))
                return

    for attempt in range(5):
        clear(engine)
        outcomes.clear()
        threads = [threading.Thread(target=run, args=(f"{metric}{attempt}",)) for metric in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        orders = OrderStore(engine).list(OrderFilter()).items
        assert len(outcomes) == 2
        assert [len(order.alerts) for order in orders] == [2]


def test_who_reopens_and_who_opens_at_the_same_time_leave_one_order_open(engine: sa.Engine) -> None:
    barrier, first, later = threading.Barrier(2, timeout=60), opened(), opened(raised_at=START + HOUR)

    def reopen() -> None:
        barrier.wait()
        with suppress(WrongStateError):
            retried(lambda: OrderStore(engine).reopen(order_number(first.alert.id), "li", NOW, "again"))

    def speak() -> None:
        barrier.wait()
        retried(lambda: make_desk(engine).record([later], NOW))

    for _ in range(5):
        clear(engine)
        make_desk(engine).record([first], START)
        OrderStore(engine).close(order_number(first.alert.id), ClosureCode.LEAK, "li", NOW)
        threads = [threading.Thread(target=target) for target in (reopen, speak)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        (order,) = OrderStore(engine).list(OrderFilter(open=True)).items
        assert later.alert.id in order.alerts
        assert events_of.fold(OrderStore(engine).history(order.number)) == order


def test_a_message_tells_what_earlier_alerts_like_it_were(engine: sa.Engine) -> None:
    desk, first, again = make_desk(engine), opened(), opened(raised_at=START + 30 * HOUR)
    desk.record([first, Returned(first.alert.id, NOW)], NOW)
    OrderStore(engine).close(order_number(first.alert.id), ClosureCode.BEARING, "wang", NOW)
    desk.record([again], START + 30 * HOUR)
    with reading(engine) as session:
        rows = session.scalars(sa.select(NoticeRow).where(NoticeRow.key == again.alert.id))
        bodies = [str(row.message) for row in rows]
    assert len(bodies) == len(RECEIVERS.urls)
    assert all("Before: 1 similar on this device in 90 days: 1 × bearing damage" in body for body in bodies)
    assert all("以往：本设备近 90 天有 1 次类似报警：轴承损坏 1 次" in body for body in bodies)


def test_in_a_storm_nobody_looks_back(sqlite_engine: sa.Engine) -> None:
    desk, devices = make_desk(sqlite_engine), [f"pump-{n}" for n in range(MOST_LOOKED_UP + 3)]
    first = [opened(device=device) for device in devices]
    desk.record(first, NOW)
    for event in first:
        OrderStore(sqlite_engine).close(order_number(event.alert.id), ClosureCode.LEAK, "wang", NOW)
    again = [opened(device=device, raised_at=START + 30 * HOUR) for device in devices]
    desk.record(again, START + 30 * HOUR)
    with reading(sqlite_engine) as session:
        bodies = [str(row.message) for row in session.scalars(sa.select(NoticeRow))]
    looked_back = sum("Before: 1 similar" in body for body in bodies)
    assert looked_back == MOST_LOOKED_UP * len(RECEIVERS.urls)
