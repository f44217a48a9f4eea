"""A shadow reviewed on what the database holds: its notes, alerts, feedback, closure codes and the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from alerts.alert import Alert, AlertEvent, Kind, Opened, Returned, Verdict, WrongStateError
from alerts.model_store import ModelAction, ModelActionKind, ModelRow, ModelState, ModelStore
from alerts.notify.policy import NotifyConfig
from alerts.shadow_store import ShadowStore
from alerts.store import AlertStore
from ingest.database import writing
from ingest.log_store import LogStore
from ingest.logentry import Arrived, Event, LogEntry
from ingest.registry import Registry
from models.supervised.artefact import encode
from models.supervised.model import RiskModel
from tests.alerts.samples import HOUR, START, make_alert
from tests.small_model import small_model
from workorders.closure import ClosureCode
from workorders.desk import Desk
from workorders.promotion import Reason, Tally
from workorders.review import ModelReviews
from workorders.store import OrderStore

MODEL, OTHER = small_model(warned_within_s=72 * 3600.0), small_model(drift=0.9)
NOW = START + 2_000 * HOUR
ADD, PROMOTE, RETIRE, _ = (ModelAction(kind, NOW, "ann") for kind in ModelActionKind)


def baseline(device: str, hours: int) -> Alert:
    return make_alert(device, "vibration", kind=Kind.BASELINE, raised_at=START + hours * HOUR)


def risk(device: str, hours: int) -> Alert:
    return make_alert(device, None, kind=Kind.FAILURE_RISK, raised_at=START + hours * HOUR)


def tell(engine: sa.Engine, alerts: Sequence[Alert]) -> None:
    events: list[AlertEvent] = []
    for alert in alerts:
        events += [Opened(alert), Returned(alert.id, alert.raised_at + 5 * HOUR)]
    Desk(engine, Registry(), NotifyConfig()).record(events, NOW)


def close(engine: sa.Engine, alert: Alert, code: ClosureCode) -> None:
    number = AlertStore(engine).get(alert.id).work_order
    assert number is not None
    OrderStore(engine).close(number, code, "ann", NOW)


def shadow(engine: sa.Engine, model: RiskModel = MODEL, since: int | None = START) -> ModelReviews:
    reviews = ModelReviews(engine)
    reviews.models.add(model, encode(model), "a.model", ADD)
    if since is not None:
        reviews.models.begin(model.digest, since)
    return reviews


def write_failures(engine: sa.Engine, *found: tuple[str, int]) -> None:
    entries = [LogEntry(START + at * HOUR, "plant", device, Event.FAILURE, "") for device, at in found]
    LogStore(engine).add([Arrived(0, NOW, entry) for entry in entries])


def history(engine: sa.Engine) -> None:
    """Three faults: a failure in the log, an order closed with a fault, a confirmed alert; and two false alarms."""
    fault, confirmed, false, denied = baseline("b", 200), baseline("c", 300), baseline("d", 400), baseline("e", 500)
    tell(engine, [baseline("z", -10), fault, confirmed, false, denied, baseline("f", 600)])
    write_failures(engine, ("a", 100), ("a", -20))
    close(engine, fault, ClosureCode.BEARING)
    close(engine, false, ClosureCode.NO_FAULT_FOUND)
    alerts = AlertStore(engine)
    write_failures(engine, ("y", 20))
    alerts.feedback(confirmed.id, "ann", NOW, Verdict.ANOMALY)
    alerts.feedback(denied.id, "ann", NOW, Verdict.NOT_ANOMALY)


def test_the_shadow_is_reviewed_beside_the_baseline_while_no_model_is_active(engine: sa.Engine) -> None:
    reviews = shadow(engine)
    history(engine)
    ShadowStore(engine).record(
        MODEL.digest, [Opened(risk(*one)) for one in (("a", 60), ("b", 190), ("c", 302), ("e", 501), ("g", 700))]
    )
    found = reviews.review(reviews.models.get(MODEL.digest), NOW)
    assert (found.against_model, found.since) == (False, START)
    assert found.other == Tally(raised=5, warned=2, missed=1, false=2, nothing_came=1)
    assert found.shadow == Tally(raised=5, warned=3, missed=0, false=1, nothing_came=1)
    assert found.decision.reason is Reason.BETTER


def test_it_is_reviewed_beside_the_active_model_where_there_is_one(engine: sa.Engine) -> None:
    reviews = shadow(engine, OTHER)
    reviews.promote(OTHER.digest, replace(PROMOTE, forced=True))
    reviews = shadow(engine)
    history(engine)
    tell(engine, [risk("a", 50), risk("b", 195), risk("h", 800)])
    ShadowStore(engine).record(MODEL.digest, [Opened(risk(*one)) for one in (("a", 60), ("b", 190))])
    found = reviews.review(reviews.models.get(MODEL.digest), NOW)
    assert found.against_model
    assert found.other == Tally(raised=3, warned=2, missed=1, nothing_came=1)
    assert found.shadow == Tally(raised=2, warned=2, missed=1)
    assert found.decision.reason is Reason.NO_BETTER


def test_a_shadow_that_is_damaged_takes_nobodys_place(sqlite_engine: sa.Engine) -> None:
    reviews = shadow(sqlite_engine)
    history(sqlite_engine)
    ShadowStore(sqlite_engine).record(MODEL.digest, [Opened(risk(*one)) for one in (("a", 60), ("b", 190), ("c", 302))])
    with writing(sqlite_engine) as session:
        session.execute(sa.update(ModelRow).values(artefact=b"damaged"))
    with pytest.raises(WrongStateError, match="its artefact is damaged, so it cannot judge"):
        reviews.promote(MODEL.digest, PROMOTE)
    reviews.models.add(MODEL, encode(MODEL), "a.model", ADD)
    assert reviews.promote(MODEL.digest, PROMOTE).state is ModelState.ACTIVE


def test_a_shadow_that_has_not_looked_yet_has_nothing_to_show(sqlite_engine: sa.Engine) -> None:
    reviews = shadow(sqlite_engine, since=None)
    history(sqlite_engine)
    assert reviews.review(reviews.models.get(MODEL.digest), NOW).decision.reason is Reason.NOT_LOOKED


def test_promotion_follows_the_evidence(engine: sa.Engine) -> None:
    reviews = shadow(engine)
    with pytest.raises(WrongStateError, match=f"model {MODEL.digest[:12]} is not promoted: not enough is known yet: 0"):
        reviews.promote(MODEL.digest, PROMOTE)
    history(engine)
    ShadowStore(engine).record(MODEL.digest, [Opened(risk(*one)) for one in (("a", 60), ("b", 190), ("c", 302))])
    assert reviews.promote(MODEL.digest[:8], PROMOTE).state is ModelState.ACTIVE
    (_, told) = reviews.models.history(MODEL.digest)
    assert (told.forced, told.by) == (False, "ann")
    assert told.reason.en.startswith("better than the baseline")
    with pytest.raises(WrongStateError, match="active one already"):
        reviews.promote(MODEL.digest, PROMOTE)


def test_promotion_against_the_evidence_is_on_record(sqlite_engine: sa.Engine) -> None:
    reviews = shadow(sqlite_engine)
    reviews.promote(MODEL.digest, replace(PROMOTE, forced=True, note="the pilot is over"))
    (_, told) = reviews.models.history(MODEL.digest)
    assert (told.forced, told.note) == (True, "the pilot is over")
    assert told.reason.en.startswith("not enough is known yet")
    assert ModelStore(sqlite_engine).in_use().keys() == {ModelState.ACTIVE}


def test_a_retired_model_comes_back_only_by_force(sqlite_engine: sa.Engine) -> None:
    reviews = shadow(sqlite_engine)
    reviews.models.retire(MODEL.digest, RETIRE)
    with pytest.raises(WrongStateError, match="it is no shadow"):
        reviews.promote(MODEL.digest, PROMOTE)
    assert reviews.promote(MODEL.digest, replace(PROMOTE, forced=True)).state is ModelState.ACTIVE
