"""Earlier alerts are looked up by an index, with what became of them, in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from alerts.alert import Alert, Kind, Opened, Verdict
from alerts.likeness import MOST_LIKE, like_on_device
from alerts.notify.policy import NotifyConfig
from alerts.store import AlertStore, insert_alerts
from ingest.database import reading, writing
from ingest.registry import Device, Registry
from ingest.registry_store import RegistryStore
from tests.alerts.samples import HOUR, START, make_alert
from workorders.closure import ClosureCode
from workorders.desk import Desk
from workorders.opening import order_number
from workorders.past import PastStore
from workorders.similar import Nearness
from workorders.store import OrderStore

DAY = 24 * HOUR


def registry() -> Registry:
    found = Registry()
    for site, name, asset_class in (
        ("plant", "pump-1", "pump"),
        ("plant", "pump-2", "pump"),
        ("plant", "fan-1", "fan"),
        ("north", "pump-9", "pump"),
    ):
        found.put_device(Device(site, name, asset_class))
    return found


def raised(engine: sa.Engine, alerts: Sequence[Alert]) -> None:
    known = registry()
    RegistryStore(engine).save(known)
    Desk(engine, known, NotifyConfig()).record([Opened(alert) for alert in alerts], START)


def test_what_became_of_earlier_ones(engine: sa.Engine) -> None:
    places = [("plant", "pump-1"), ("plant", "pump-2"), ("plant", "fan-1"), ("north", "pump-9")]
    old = [make_alert(site=s, device=d, raised_at=START + n * HOUR) for n, (s, d) in enumerate(places)]
    raised(engine, old)
    orders, alerts = OrderStore(engine), AlertStore(engine)
    orders.close(order_number(old[0].id), ClosureCode.BEARING, "wang", START + 6 * HOUR, "轴承已更换")
    alerts.feedback(old[1].id, "li", START, Verdict.ANOMALY, "first thought")
    alerts.feedback(old[1].id, "li", START, Verdict.NOT_ANOMALY, "Cleaning")
    now = make_alert(raised_at=START + 30 * DAY)
    raised(engine, [now])

    found = PastStore(engine).similar(alerts.get(now.id))
    assert [(one.past.alert.id, one.near, one.past.code, one.past.note) for one in found.items] == [
        (old[0].id, Nearness.DEVICE, ClosureCode.BEARING, "轴承已更换"),
        (old[1].id, Nearness.SITE, ClosureCode.FALSE_ALARM, "Cleaning"),
        (old[3].id, Nearness.CLASS, None, ""),
    ]
    assert found.items[0].past.solve_s == 6 * 3_600
    assert found.summary is not None
    assert found.summary.en == "1 similar on this device in 90 days: 1 × bearing damage"


def test_a_device_that_nobody_registered_has_its_own_past_only(engine: sa.Engine) -> None:
    old, now = make_alert(device="x"), make_alert(device="x", raised_at=START + DAY)
    raised(engine, [old, make_alert(device="y")])
    assert [one.past.alert.id for one in PastStore(engine).similar(now).items] == [old.id]


def test_the_leading_metric_of_a_whole_device_is_looked_up(engine: sa.Engine) -> None:
    whole = [make_alert(metric=None, kind=Kind.BASELINE, raised_at=START + n * HOUR) for n in range(3)]
    led = [replace(one, evidence={"metric": metric}) for one, metric in zip(whole, "aba", strict=True)]
    with writing(engine) as session:
        insert_alerts(session, led)
    with reading(engine) as session:
        assert [one.id for one in like_on_device(session, led[2])] == [led[0].id]


def test_a_long_past_of_its_own_is_enough_and_is_not_counted_to_the_end(engine: sa.Engine) -> None:
    mine = [replace(make_alert(raised_at=START + n), id=f"a-{n}") for n in range(MOST_LIKE + 1)]
    raised(engine, [make_alert(device="pump-2")])
    with writing(engine) as session:
        insert_alerts(session, mine)
    found = PastStore(engine).similar(make_alert(raised_at=START + DAY))
    assert {one.near for one in found.items} == {Nearness.DEVICE}
    assert found.summary is not None
    assert found.summary.en.startswith(f"at least {MOST_LIKE} similar on this device")


def test_it_is_found_by_an_index(sqlite_engine: sa.Engine) -> None:
    asked: list[tuple[str, object]] = []
    now = make_alert(raised_at=START + DAY)
    raised(sqlite_engine, [make_alert()])

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    sa.event.listen(sqlite_engine, "before_cursor_execute", note)
    PastStore(sqlite_engine).similar(now)
    sa.event.remove(sqlite_engine, "before_cursor_execute", note)
    plans = []
    with sqlite_engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT"):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
                plans += [str(row[-1]) for row in rows]
    assert [plan for plan in plans if plan.startswith(("SCAN alert", "SCAN work_order"))] == []
    assert any("ix_alert_site_device_kind_lead_raised_at" in plan for plan in plans)
    assert any("ix_alert_kind_lead_raised_at" in plan for plan in plans)
