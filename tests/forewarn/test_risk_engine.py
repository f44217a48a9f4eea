"""A trained model in the engine: any cutting, any restart, names mean nothing, entries from their time on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, AlertEvent, Confirmed, Kind, Opened, Released, Returned, State, apply
from alerts.riskwatch import Models
from forewarn.engine import Engine, EngineConfig
from forewarn.history.logfeed import LogFeed
from ingest.errors import InputError
from ingest.logentry import Event, LogEntry
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from models.supervised.eventlog import Logged
from models.supervised.features import Vocabulary
from models.supervised.model import RiskModel
from tests.failing_fleet import HOUR, START, Fleet, cut, fleet
from tests.small_model import PROVEN, small_model

MODEL = small_model()
SITE = fleet(n_devices=4, days=30)
READINGS = 4 * 2 * 24 * 30


def config(**models: object) -> EngineConfig:
    return EngineConfig(models=Models(**({"active": MODEL} | models)))  # type: ignore[arg-type]


def run(
    places: Sequence[int] = (),
    site: Fleet = SITE,
    conf: EngineConfig | None = None,
    entries: Sequence[LogEntry] | None = None,
    restart: bool = False,
) -> tuple[list[AlertEvent], list[AlertEvent]]:
    """What is told of a fleet's readings, cut at those places, and what a shadow notes."""
    conf = conf or config()
    registry = Registry()
    batch = site.batch(registry)
    feed = LogFeed(site.entries if entries is None else entries, registry)
    engine = Engine(registry, conf)
    told: list[AlertEvent] = []
    noted: list[AlertEvent] = []
    for part in cut(batch, places):
        if restart:
            saved, engine = engine.save(), Engine(registry, conf)
            engine.restore(saved)
        outcome = engine.process(part, feed.before(part))
        told += outcome.events
        noted += outcome.noted
    return told, noted


def plain(events: Iterable[AlertEvent]) -> list[AlertEvent]:
    """All but the counting, which is told at the end of each batch."""
    return [event for event in events if not isinstance(event, Confirmed)]


def fold(events: Iterable[AlertEvent]) -> dict[str, Alert]:
    alerts: dict[str, Alert] = {}
    for event in events:
        if isinstance(event, Opened):
            alerts[event.alert.id] = event.alert
        else:
            alerts[event.alert_id] = apply(alerts[event.alert_id], event)
    return alerts


def kinds(events: Iterable[AlertEvent], kind: Kind) -> list[Alert]:
    return [alert for alert in fold(events).values() if alert.kind is kind]


WHOLE = run()


def test_the_failures_of_the_fleet_are_warned_of() -> None:
    alerts = kinds(WHOLE[0], Kind.FAILURE_RISK)
    for device, at in SITE.failures:
        mine = [alert for alert in alerts if alert.device == device and alert.raised_at < at]
        assert any(alert.cleared_at is None or alert.cleared_at > at - 24 * HOUR for alert in mine)
    assert len(alerts) < 3 * len(SITE.failures)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, READINGS - 1), max_size=5), st.booleans())
def test_cutting_and_restarts_change_nothing(places: list[int], restart: bool) -> None:
    told, noted = run(places, conf=config(shadow=small_model(drift=0.8)), restart=restart)
    expected, expected_notes = run(conf=config(shadow=small_model(drift=0.8)))
    assert plain(told) == plain(expected)
    assert fold(told) == fold(expected)
    assert plain(noted) == plain(expected_notes)
    assert noted


def test_names_mean_nothing() -> None:
    """The same site with other names of devices, metrics and codes, and a model that learned those names."""
    words = MODEL.words
    renamed = replace(
        MODEL,
        words=Vocabulary(
            ("a", "z"), ("error:E1 ", "error:?"), ("maintenance:-",), words.signature, words.precision, words.recent
        ),
    )
    entries = [
        replace(e, device=f"renamed {e.device}", code={"E0": "E1 ", "E1": "?"}.get(e.code, "-")) for e in SITE.entries
    ]
    registry = Registry()
    numbers = [registry.series("elsewhere", f"renamed {d}", m) for d in SITE.devices for m in ("a", "z")]
    original = Registry()
    batch = SITE.batch(original)
    moved = ReadingBatch(np.array(numbers, np.int32)[batch.series], batch.time, batch.value, batch.quality)
    told = Engine(registry, config(active=renamed)).process(moved, LogFeed(entries, registry).before(moved)).events

    def shape(events: Iterable[AlertEvent]) -> list[tuple[object, ...]]:
        return [(a.kind, a.state, a.raised_at, a.cleared_at, a.score) for a in fold(events).values()]

    assert shape(told) == shape(WHOLE[0])


def test_what_comes_later_changes_nothing_before_it() -> None:
    registry = Registry()
    half = SITE.batch(registry, until=24 * 15)
    told = Engine(registry, config()).process(half, LogFeed(SITE.entries, registry).before(half)).events
    end = int(half.time[-1])
    opened = [e.alert.id for e in WHOLE[0] if isinstance(e, Opened) and e.alert.raised_at <= end]
    assert [e.alert.id for e in told if isinstance(e, Opened)] == opened
    assert opened


def test_an_entry_is_used_from_its_time_on_and_never_before() -> None:
    without, _ = run(entries=[])
    assert kinds(without, Kind.FAILURE_RISK) == []
    first = min((e for e in SITE.entries if e.event is Event.ERROR), key=lambda e: e.time)
    early = [e for e in WHOLE[0] if isinstance(e, Opened) and e.alert.raised_at < first.time]
    before = [e for e in without if isinstance(e, Opened) and e.alert.raised_at < first.time]
    assert early == before


def test_codes_that_the_model_never_met_change_nothing() -> None:
    strange = [replace(e, code="E77", time=e.time + HOUR) for e in SITE.entries]
    told, _ = run(entries=sorted(SITE.entries + strange, key=lambda e: e.time))
    assert plain(told) == plain(WHOLE[0])


def test_entries_come_in_before_the_rows_of_their_time() -> None:
    registry = Registry()
    batch = SITE.batch(registry)
    feed = LogFeed(SITE.entries, registry)
    come = [one for part in cut(batch, [1000, 1003, 3000]) for one in _absolute(feed.before(part), part, batch)]
    assert len(come) == len(SITE.entries)
    for one in come:
        assert batch.time[one.row] >= one.time
        assert one.row == 0 or batch.time[one.row - 1] < one.time


def _absolute(come: Sequence[Logged], part: ReadingBatch, batch: ReadingBatch) -> list[Logged]:
    offset = (part.time.__array_interface__["data"][0] - batch.time.__array_interface__["data"][0]) // 8
    return [replace(one, row=one.row + offset) for one in come]


def test_entries_of_a_device_wait_for_its_first_reading() -> None:
    registry = Registry()
    feed = LogFeed([LogEntry(START, None, "later", Event.ERROR, "E0")], registry)
    first = ReadingBatch.of([registry.series("plant", "pump", "flow")], [START + HOUR], [1.0])
    assert feed.before(first) == []
    second = ReadingBatch.of([registry.series("plant", "later", "flow")], [START + 2 * HOUR], [1.0])
    assert [(one.row, one.site, one.time) for one in feed.before(second)] == [(0, "plant", START)]


def test_a_log_without_sites_cannot_speak_of_a_name_that_two_sites_have() -> None:
    registry = Registry()
    numbers = [registry.series(site, "pump", "flow") for site in ("north", "south")]
    batch = ReadingBatch.of(numbers, [START + HOUR] * 2, [1.0, 1.0])
    entry = LogEntry(START, None, "pump", Event.ERROR, "E0")
    with pytest.raises(InputError, match="there is one at each of north, south"):
        LogFeed([entry], registry).before(batch)
    assert len(LogFeed([replace(entry, site="south")], registry).before(batch)) == 1


# -- who speaks for a device -----------------------------------------------------------------------------------------


def baseline(events: Iterable[AlertEvent]) -> list[Alert]:
    return kinds(events, Kind.BASELINE)


DRIFTING = fleet(n_devices=3, days=30, seed=4)
DRIFTING.values[:, 0, 500:560] += 20.0
"""A drift that the baseline sees at once."""


def test_a_proven_model_speaks_for_the_devices_that_it_knows() -> None:
    alone, _ = run(site=DRIFTING, conf=EngineConfig())
    told, _ = run(site=DRIFTING)
    found = [a for a in baseline(alone) if a.raised_at > START + 100 * HOUR]
    assert found
    held = {a.id: a for a in baseline(told)}
    assert all(held[a.id].state in {State.SUPPRESSED, State.CLEARED} for a in found)
    assert {a.id for a in baseline(alone)} == held.keys(), "what the baseline finds is the same"


@pytest.mark.parametrize(
    "models",
    [
        pytest.param({"active": small_model(point=PROVEN | {"failures": 5, "warned": 5})}, id="too few failures"),
        pytest.param({"active": small_model(point=PROVEN | {"false": 90})}, id="beyond the budget"),
        pytest.param({"active": MODEL, "speaks": False}, id="the user does not want it"),
        pytest.param({"active": None, "shadow": MODEL}, id="a shadow"),
        pytest.param({"active": small_model(reach=0.5)}, id="drifts that training never met"),
    ],
)
def test_otherwise_the_baseline_is_told_as_ever(models: dict[str, object]) -> None:
    alone, _ = run(site=DRIFTING, conf=EngineConfig())
    told, _ = run(site=DRIFTING, conf=config(**models))
    recent = [a for a in baseline(told) if a.raised_at > START + 500 * HOUR]
    assert recent
    assert [a.id for a in baseline(told)] == [a.id for a in baseline(alone)]
    assert all(a.state is not State.SUPPRESSED and fold(alone)[a.id].cleared_at == a.cleared_at for a in recent)


def test_a_drift_beyond_what_training_met_releases_what_was_held() -> None:
    """The drift begins within reach and grows: the finding is held back at first, and told when it leaves the known."""
    grown = fleet(n_devices=1, days=30, seed=5)
    grown.values[:, 0, 500:] += np.minimum(np.arange(grown.values.shape[2] - 500) * 1.0, 60.0)
    told, _ = run(site=grown, conf=config(active=small_model(reach=6.0)))
    (released,) = [event for event in told if isinstance(event, Released)]
    alert = fold(told)[released.alert_id]
    assert alert.kind is Kind.BASELINE
    assert alert.raised_at < released.at
    assert alert.state is State.ACTIVE


def test_without_a_model_what_it_held_is_released() -> None:
    registry = Registry()
    batch = DRIFTING.batch(registry)
    at = int(np.searchsorted(batch.time, START + 530 * HOUR))
    engine, feed = Engine(registry, config()), LogFeed(DRIFTING.entries, registry)
    told = list(engine.process(batch[:at], feed.before(batch[:at])).events)
    held = {a.id for a in baseline(told) if a.state is State.SUPPRESSED}
    assert held
    engine.use(Models())
    after = engine.process(batch[at:], feed.before(batch[at:])).events
    assert {event.alert_id for event in after if isinstance(event, Released)} == held


def test_without_a_model_its_alerts_are_over() -> None:
    registry = Registry()
    batch = SITE.batch(registry)
    first = next(a for a in kinds(run()[0], Kind.FAILURE_RISK))
    at = int(np.searchsorted(batch.time, first.raised_at, "right"))
    engine, feed = Engine(registry, config()), LogFeed(SITE.entries, registry)
    engine.process(batch[:at], feed.before(batch[:at]))
    assert first.id in engine.open_alerts
    other = Engine(registry)
    other.restore(engine.save())
    events = other.process(batch[at:], feed.before(batch[at:])).events
    (over,) = [event for event in events if isinstance(event, Returned) and event.alert_id == first.id]
    assert over.at == int(batch.time[at])
    assert first.id not in other.open_alerts


def test_the_state_of_a_release_without_models_is_read() -> None:
    registry = Registry()
    engine = Engine(registry)
    engine.process(SITE.batch(registry, until=30))
    other = Engine(registry, config())
    other.restore(engine.save())
    assert other.models.active is MODEL


def test_models_are_exchanged_between_batches_and_the_state_stays() -> None:
    """A shadow that becomes the active one goes on where it is: it needs no warm-up."""
    shadow = small_model(drift=0.9)
    registry = Registry()
    batch = SITE.batch(registry)
    half = len(batch) // 2
    engine, feed = Engine(registry, config(active=None, shadow=shadow)), LogFeed(SITE.entries, registry)
    engine.process(batch[:half], feed.before(batch[:half]))
    engine.use(Models(active=shadow))
    after = engine.process(batch[half:], feed.before(batch[half:])).events
    whole, _ = run(conf=config(active=shadow))
    begin = int(batch.time[half]) + 24 * HOUR
    later = [a.id for a in kinds(whole, Kind.FAILURE_RISK) if a.raised_at > begin]
    assert [
        a.id for a in kinds([e for e in after if isinstance(e, Opened)], Kind.FAILURE_RISK) if a.raised_at > begin
    ] == later
    assert later


def test_two_models_see_what_each_sees_alone() -> None:
    other: RiskModel = small_model(drift=0.8)
    _, noted = run(conf=config(shadow=other))
    alone, _ = run(conf=config(active=other, speaks=False))

    def shape(alerts: list[Alert]) -> list[tuple[object, ...]]:
        return [(a.id, a.raised_at, a.cleared_at, a.score) for a in alerts]

    assert shape(kinds(noted, Kind.FAILURE_RISK)) == shape(kinds(alone, Kind.FAILURE_RISK))
