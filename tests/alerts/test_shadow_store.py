"""What a shadow model would have raised is kept for itself, once, and never becomes an alert."""

from __future__ import annotations

import sqlalchemy as sa

from alerts.alert import AlertEvent, Confirmed, Kind, Opened, Returned, Severity
from alerts.shadow_store import ShadowStore
from alerts.store import AlertFilter, AlertStore
from tests.alerts.samples import HOUR, START, make_alert

FIRST = make_alert(metric=None, kind=Kind.FAILURE_RISK, severity=Severity.HIGH)
SECOND = make_alert(device="pump-2", metric=None, kind=Kind.FAILURE_RISK, raised_at=START + HOUR)


def test_notes_are_kept_by_model_and_once(engine: sa.Engine) -> None:
    store = ShadowStore(engine)
    told = Confirmed(FIRST.id, START + 1, 2, 1.0)
    events: list[AlertEvent] = [Opened(FIRST), told, Opened(SECOND), Returned(FIRST.id, START + HOUR)]
    store.record("one", events)
    store.record("one", events)
    store.record("two", [Opened(SECOND)])
    found = store.of("one")
    assert [(note.id, note.cleared_at) for note in found] == [(FIRST.id, START + HOUR), (SECOND.id, None)]
    assert (found[0].explanation, found[0].evidence) == (FIRST.explanation, FIRST.evidence)
    assert [note.id for note in store.of("one", START + 1)] == [SECOND.id]
    assert [note.id for note in store.of("two")] == [SECOND.id]
    assert AlertStore(engine).list(AlertFilter()).items == ()


def test_the_end_of_what_was_never_noted_is_nothing(engine: sa.Engine) -> None:
    store = ShadowStore(engine)
    store.record("one", [Returned("a-unknown", START)])
    store.record("one", [])
    assert store.of("one") == []


def test_notes_of_a_model_are_forgotten(engine: sa.Engine) -> None:
    store = ShadowStore(engine)
    for model in ("one", "two"):
        store.record(model, [Opened(FIRST)])
    store.forget("one")
    assert (store.of("one"), len(store.of("two"))) == ([], 1)
