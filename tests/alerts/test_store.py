from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, Kind, Returned, Severity, State, Verdict, WrongStateError, apply
from alerts.store import Action, ActionKind, AlertFilter, AlertStore, Brief, insert_alerts, load_alerts, update_alerts
from ingest.database import make_engine, writing
from ingest.errors import InputError, NotFoundError, RetryableError
from tests.alerts.samples import EVIDENCE, HOUR, START, make_alert

NOW = START + HOUR


def keep(engine: sa.Engine, *alerts: Alert) -> AlertStore:
    with writing(engine) as session:
        insert_alerts(session, alerts)
    return AlertStore(engine)


def fleet() -> list[Alert]:
    return [
        make_alert(
            site=f"site-{n % 2}",
            device=f"pump-{n % 3}",
            metric=None if n % 5 == 0 else f"m{n}",
            severity=list(Severity)[n % 4],
            kind=list(Kind)[n % 3],
            raised_at=START + (n // 4) * HOUR,  # four at a time share a time: the id then decides
        )
        for n in range(40)
    ]


def test_an_alert_comes_back_as_it_went_in(engine: sa.Engine) -> None:
    alert = apply(make_alert(metric=None), Returned(make_alert().id, NOW))
    assert keep(engine, alert).get(alert.id) == alert


def test_numbers_that_json_does_not_know_and_texts_that_a_database_refuses(engine: sa.Engine) -> None:
    evidence = {**EVIDENCE, "nan": float("nan"), "infinite": float("inf"), "text": "a\0b"}
    alert = replace(make_alert(device="振动-泵"), evidence=evidence)
    store = keep(engine, alert)
    assert store.get(alert.id).evidence == {**EVIDENCE, "nan": None, "infinite": None, "text": "a\0b"}
    store.acknowledge(alert.id, "li", NOW, "zero \0 and half a pair \ud800")
    assert store.history(alert.id)[0].note == "zero \ufffd and half a pair \ufffd"


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf"), 0.1])
def test_whatever_the_score(engine: sa.Engine, score: float) -> None:
    alert = replace(make_alert(), score=score)
    assert repr(keep(engine, alert).get(alert.id).score) == repr(score)


def test_what_is_not_there(engine: sa.Engine) -> None:
    store = AlertStore(engine)
    actions: list[Callable[[], object]] = [
        lambda: store.get("a-0"),
        lambda: store.acknowledge("a-0", "li", NOW),
        lambda: store.close("a-0", "li", NOW),
        lambda: store.feedback("a-0", "li", NOW, Verdict.ANOMALY),
    ]
    for action in actions:
        with pytest.raises(NotFoundError, match="no alert 'a-0'"):
            action()
    assert store.history("a-0") == ()


def test_what_people_do_is_kept_with_their_words(engine: sa.Engine) -> None:
    alert = make_alert()
    store = keep(engine, alert)
    acknowledged = store.acknowledge(alert.id, "li", NOW, "seen")
    assert (acknowledged.state, acknowledged.acknowledged_by, acknowledged.acknowledged_at) == (
        "acknowledged",
        "li",
        NOW,
    )
    closed = store.close(alert.id, "wang", NOW + 1)
    assert (closed.state, closed.closed_by, closed.closed_at) == ("closed", "wang", NOW + 1)
    store.feedback(alert.id, "wang", NOW + 2, Verdict.NOT_ANOMALY, "door was open")

    assert store.get(alert.id) == closed
    assert store.history(alert.id) == (
        Action(ActionKind.ACKNOWLEDGE, NOW, "li", "seen"),
        Action(ActionKind.CLOSE, NOW + 1, "wang", ""),
        Action(ActionKind.FEEDBACK, NOW + 2, "wang", "door was open", Verdict.NOT_ANOMALY),
    )


def test_the_last_verdict_on_an_alert_is_what_people_said(engine: sa.Engine) -> None:
    early, late, silent = (make_alert(device=f"pump-{n}", raised_at=START + n * HOUR) for n in range(3))
    store = keep(engine, late, early, silent)
    for alert, verdict in ((late, Verdict.ANOMALY), (early, Verdict.ANOMALY), (early, Verdict.NOT_ANOMALY)):
        store.feedback(alert.id, "li", NOW, verdict)
    store.feedback(early.id, "li", NOW, None, "no verdict, a word only")
    store.acknowledge(silent.id, "li", NOW)
    assert store.judged(START, START + 2 * HOUR) == ((early, Verdict.NOT_ANOMALY), (late, Verdict.ANOMALY))
    assert store.judged(START + 1, START + 2 * HOUR) == ((late, Verdict.ANOMALY),)
    assert store.judged(START, START + HOUR) == ((early, Verdict.NOT_ANOMALY),)


def test_a_wrong_state_is_refused_and_leaves_no_trace(engine: sa.Engine) -> None:
    alert = make_alert()
    store = keep(engine, alert)
    store.close(alert.id, "li", NOW)
    for action in (store.acknowledge, store.close):
        with pytest.raises(WrongStateError, match=alert.id):
            action(alert.id, "li", NOW)
    assert [action.action for action in store.history(alert.id)] == [ActionKind.CLOSE]


FLEET = fleet()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(AlertFilter(), lambda a: True, id="all"),
        pytest.param(AlertFilter(site="site-1"), lambda a: a.site == "site-1", id="a site"),
        pytest.param(
            AlertFilter(site="site-0", device="pump-2"),
            lambda a: (a.site, a.device) == ("site-0", "pump-2"),
            id="a device",
        ),
        pytest.param(AlertFilter(metric="m7"), lambda a: a.metric == "m7", id="a metric"),
        pytest.param(AlertFilter(kinds=[Kind.SILENCE]), lambda a: a.kind is Kind.SILENCE, id="a kind"),
        pytest.param(
            AlertFilter(severities=[Severity.HIGH, Severity.CRITICAL]), lambda a: a.severity.rank >= 2, id="severities"
        ),
        pytest.param(AlertFilter(since=START + 3 * HOUR), lambda a: a.raised_at >= START + 3 * HOUR, id="since a time"),
        pytest.param(AlertFilter(states=[State.CLOSED]), lambda a: False, id="a state that none is in"),
        pytest.param(AlertFilter(work_order="WO-1"), lambda a: False, id="an order that none is in"),
        pytest.param(AlertFilter(site="no such"), lambda a: False, id="a site that is not there"),
        pytest.param(AlertFilter(text="PUMP-2"), lambda a: "pump-2" in a.device, id="a part of a name"),
        pytest.param(AlertFilter(text=FLEET[3].id[4:12]), lambda a: a.id == FLEET[3].id, id="a part of an id"),
        pytest.param(AlertFilter(text="pump_2"), lambda a: False, id="no pattern"),
        pytest.param(
            AlertFilter(text="Feed pump", called=[("site-0", "pump-2")]),
            lambda a: (a.site, a.device) == ("site-0", "pump-2"),
            id="what a device is called",
        ),
    ],
)
def test_filters(sqlite_engine: sa.Engine, wanted: AlertFilter, expected: Callable[[Alert], bool]) -> None:
    found = keep(sqlite_engine, *FLEET).list(wanted).items
    assert {a.id for a in found} == {a.id for a in FLEET if expected(a)}


def test_every_database_searches_alike(engine: sa.Engine) -> None:
    store = keep(engine, *FLEET)
    pumps = {a.id for a in FLEET if "pump-2" in a.device}
    assert {a.id for a in store.list(AlertFilter(text="PUMP-2")).items} == pumps != set()
    called = AlertFilter(text="Feed pump", called=[(FLEET[0].site, FLEET[0].device)])
    assert {(a.site, a.device) for a in store.list(called).items} == {(FLEET[0].site, FLEET[0].device)}


def test_the_worst_come_first_and_what_is_back_to_normal_last(engine: sa.Engine) -> None:
    store = keep(engine, *FLEET)
    by_severity = sorted(FLEET, key=lambda a: (-a.severity.rank, -a.raised_at, a.id))
    assert store.worst(AlertFilter(), 15) == tuple(by_severity[:15])
    gone = [apply(a, Returned(a.id, a.raised_at + HOUR)) for a in by_severity[:2]]
    with writing(engine) as session:
        update_alerts(session, gone)
    assert store.worst(AlertFilter(), 15) == tuple(by_severity[2:17])
    assert store.worst(AlertFilter(), len(FLEET))[-2:] == tuple(gone)
    assert store.worst(AlertFilter(states=[State.CLOSED]), 15) == ()


def test_alerts_in_brief(engine: sa.Engine) -> None:
    store = keep(engine, *FLEET)
    wanted = AlertFilter(site="site-1")
    assert Counter(store.briefs(wanted)) == Counter(
        Brief(a.site, a.device, a.metric, a.severity, a.cleared_at) for a in FLEET if a.site == "site-1"
    )


def test_counts_by_state(engine: sa.Engine) -> None:
    store = keep(engine, *FLEET)
    store.acknowledge(FLEET[0].id, "li", NOW)
    assert store.count(AlertFilter()) == {State.ACTIVE: 39, State.ACKNOWLEDGED: 1}
    assert store.count(AlertFilter(site="nowhere")) == {}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 45), site=st.sampled_from([None, "site-0"]))
def test_pages_hold_each_alert_once_newest_first(engine: sa.Engine, limit: int, site: str | None) -> None:
    store = AlertStore(engine)
    if not store.list(AlertFilter(), 1).items:
        keep(engine, *FLEET)
    found: list[Alert] = []
    cursor = None
    while True:
        page = store.list(AlertFilter(site=site), limit, cursor)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    wanted = [a for a in FLEET if site in {None, a.site}]
    assert [a.id for a in found] == [a.id for a in sorted(wanted, key=lambda a: (a.raised_at, a.id), reverse=True)]


def test_a_new_alert_between_two_pages_moves_nothing(engine: sa.Engine) -> None:
    store = keep(engine, *FLEET[:20])
    first = store.list(AlertFilter(), 10)
    keep(engine, make_alert(device="new", raised_at=START + 100 * HOUR))
    second = store.list(AlertFilter(), 10, first.next)
    assert {a.id for a in first.items} | {a.id for a in second.items} == {a.id for a in FLEET[:20]}


@pytest.mark.parametrize("cursor", ["", "x", "!!", "MTIz", "bm90IGEgdGltZTp4", "é", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA6YQ"])
def test_a_cursor_of_somebody_elses_making(sqlite_engine: sa.Engine, cursor: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        AlertStore(sqlite_engine).list(AlertFilter(), 10, cursor)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_limit_out_of_bounds(sqlite_engine: sa.Engine, limit: int) -> None:
    with pytest.raises(InputError, match=f"limit {limit} is not between 1 and 10000"):
        AlertStore(sqlite_engine).list(AlertFilter(), limit)


def test_more_alerts_at_once_than_a_statement_takes_parameters(engine: sa.Engine) -> None:
    many = [make_alert(device=f"d{n}") for n in range(1_300)]
    keep(engine, *many)
    with writing(engine) as session:
        assert set(load_alerts(session, (a.id for a in many))) == {a.id for a in many}
        update_alerts(session, many)


def test_a_database_without_tables_is_no_mystery(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(RetryableError, match="no such table: alert"):
        AlertStore(engine).get("a-1")
    engine.dispose()
