"""The promises of the engine: event time only, any cutting, any restart, nothing late ever pages."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, AlertEvent, Kind, Opened, Returned, Severity, apply
from alerts.budget import Budget
from forewarn.engine import Engine, EngineConfig, StateError
from ingest.reading import NS_PER_SECOND, Quality, ReadingBatch
from ingest.registry import Criticality, Device, Metric, Registry
from models.detectors.limits import LimitRule

MINUTE = 60 * NS_PER_SECOND
START = 1_764_000_000 * NS_PER_SECOND
LIMITS = (
    LimitRule("temperature", "high", high=60.0, hysteresis=2.0, on_delay_ns=2 * MINUTE, off_delay_ns=3 * MINUTE),
    LimitRule("temperature", "critical", high=80.0, hysteresis=2.0),
    LimitRule("humidity", "medium", low=5.0),
)


def fold(events: Iterable[AlertEvent]) -> dict[str, Alert]:
    """Alerts by id after all events."""
    alerts: dict[str, Alert] = {}
    for event in events:
        if isinstance(event, Opened):
            assert event.alert.id not in alerts
            alerts[event.alert.id] = event.alert
        else:
            alerts[event.alert_id] = apply(alerts[event.alert_id], event)
    return alerts


def site(seed: int = 0, minutes: int = 400, devices: int = 3) -> tuple[Registry, ReadingBatch]:
    """A site whose devices report two metrics each minute, with faults, gaps, duplicates, late rows and silence."""
    rng = np.random.default_rng(seed)
    registry, rows = Registry(), []
    for d in range(devices):
        name = f"pump-{d}"
        registry.put_device(Device("plant", name, criticality=list(Criticality)[d % 3]))
        for m, metric in enumerate(("temperature", "humidity")):
            number = registry.series("plant", name, metric)
            value = 40 + 10 * m + np.cumsum(rng.normal(0, 0.05, minutes)) + rng.normal(0, 0.3, minutes)
            fault = int(rng.integers(150, minutes - 30))
            value[fault : fault + 25] += 8 + 30 * (metric == "temperature")
            quiet = int(rng.integers(100, minutes - 40))
            for k in range(minutes):
                if not quiet <= k < quiet + 15 + 10 * d:
                    at = START + k * MINUTE + d * NS_PER_SECOND
                    rows.append((k + rng.choice([0, 0, 0, 0, 30]) * (rng.random() < 0.1), number, at, value[k]))
    rows.sort(key=lambda row: row[0])
    rows += [rows[i] for i in rng.integers(0, len(rows), 20)]
    _, series, time, values = zip(*rows, strict=True)
    return registry, ReadingBatch.of(series, time, values, int(Quality.RECORDED))


def run(registry: Registry, batch: ReadingBatch, cuts: Iterable[int] = ()) -> tuple[list[AlertEvent], np.ndarray]:
    engine = Engine(registry, EngineConfig(limits=LIMITS))
    events: list[AlertEvent] = []
    scores = []
    edges = [0, *sorted(cuts), len(batch)]
    for a, b in itertools.pairwise(edges):
        outcome = engine.process(batch[a:b])
        events += outcome.events
        s = outcome.scores
        scores.append(np.c_[s.row + a, s.series, s.time, s.score, s.p_value])
    return events, np.concatenate(scores)


def test_the_test_site_raises_alerts_of_all_three_kinds() -> None:
    events, _ = run(*site())
    kinds = {alert.kind for alert in fold(events).values()}
    assert kinds == {Kind.LIMIT, Kind.BASELINE, Kind.SILENCE}


@pytest.mark.parametrize(
    ("every_s", "shift", "raised"),
    [
        pytest.param(60, 1.2, False, id="young: it may do that every day"),
        pytest.param(60, 50.0, True, id="young, but no day explains this"),
        pytest.param(10, 1.2, True, id="too quick to follow the day"),
    ],
)
def test_in_its_first_day_a_device_raises_only_what_is_blatant(every_s: int, shift: float, raised: bool) -> None:
    values = np.random.default_rng(2).normal(20.0, 1.0, 700)
    values[600:] += shift
    registry = Registry()
    number = registry.series("plant", "pump", "temperature")
    times = START + np.arange(len(values)) * every_s * NS_PER_SECOND
    batch = ReadingBatch.of([number] * len(values), times, values, int(Quality.RECORDED))
    engine = Engine(registry, EngineConfig(budget=Budget(3.0, "day")))
    assert bool(engine.process(batch).events) is raised


@pytest.mark.parametrize(
    ("metrics", "restart"),
    [
        pytest.param(1, False, id="in one batch"),
        pytest.param(1, True, id="confirmed after a restart"),
        pytest.param(3, True, id="a metric of several"),
    ],
)
def test_an_alert_about_a_lone_spike_tells_of_the_spike(metrics: int, restart: bool) -> None:
    """The row that confirms it shows a reading like any other: the averages alone are still off."""
    registry, minutes, spike = Registry(), 3_000, 2_000
    numbers = [registry.series("s", "d", f"m{k}") for k in range(metrics)]
    values = 20.0 + np.random.default_rng(1).normal(0, 0.3, (minutes, metrics))
    values[spike, 0] = -127.0
    times = np.repeat(START + MINUTE * np.arange(minutes), metrics)
    batch = ReadingBatch.of(np.tile(numbers, minutes), times, values.ravel(), 1)
    engine, cut = Engine(registry), (spike + 1) * metrics if restart else len(batch)
    events = list(engine.process(batch[:cut]).events)
    after = Engine(registry)
    after.restore(engine.save())
    events += after.process(batch[cut:]).events
    (alert,) = (alert for alert in fold(events).values() if alert.raised_at >= START + spike * MINUTE)
    assert alert.raised_at == START + (spike + 1) * MINUTE
    assert alert.evidence["at"] == START + spike * MINUTE
    assert alert.evidence["value"] == -127.0
    assert "average" not in alert.evidence
    assert "m0 -127 is below its own baseline of 20" in alert.explanation.en


def test_alerts_say_which_metric_leads_and_what_moved_first() -> None:
    rng = np.random.default_rng(1)
    names, n, fault = ("current", "temperature", "vibration"), 1_200, 1_000
    values = rng.normal(20.0, 1.0, (n, len(names)))
    values[fault:, 0] += 5.0
    values[fault + 1 :, 2] += 30.0
    registry = Registry()
    numbers = [registry.series("plant", "pump", name) for name in names]
    times = START + MINUTE * np.repeat(np.arange(n), len(names))
    batch = ReadingBatch.of(np.tile(numbers, n), times, values.ravel(), int(Quality.RECORDED))
    alerts = fold(Engine(registry).process(batch).events).values()
    (alert,) = [one for one in alerts if one.raised_at >= START + fault * MINUTE]
    facts = alert.evidence
    assert (facts["metric"], facts["side"]) == ("vibration", "high")
    assert (facts["moved_first"], facts["moved_first_at"]) == ("current", START + fault * MINUTE)
    assert facts["moved_then"] == "vibration"
    assert facts["metric_since_at"] == START + (fault + 1) * MINUTE
    assert facts["since_at"] == alert.onset_at
    assert "current moved first" in alert.explanation.en


def test_a_state_of_before_it_was_followed_what_moves_first_is_taken() -> None:
    registry, batch = site(2)
    engine, other = Engine(registry), Engine(registry)
    engine.process(batch[:1000])
    kept = dict(np.load(io.BytesIO(engine.save())))
    assert kept.pop("bank/series.moves.stretch").any()
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    other.restore(buffer.getvalue())
    assert len(other.process(batch[1000:]).scores) > 0


@settings(max_examples=25)
@given(seed=st.integers(0, 5), cuts=st.lists(st.integers(1, 2000), max_size=40))
def test_the_result_does_not_depend_on_how_input_is_cut(seed: int, cuts: list[int]) -> None:
    registry, batch = site(seed)
    whole_events, whole_scores = run(registry, batch)
    cut_events, cut_scores = run(registry, batch, [c for c in cuts if c < len(batch)])
    assert np.array_equal(whole_scores, cut_scores)
    assert list(fold(cut_events).values()) == list(fold(whole_events).values())


def test_reading_by_reading_gives_the_same_as_one_batch() -> None:
    registry, batch = site(3, minutes=260)
    whole_events, whole_scores = run(registry, batch)
    events, scores = run(registry, batch, range(1, len(batch)))
    assert np.array_equal(whole_scores, scores)
    assert list(fold(events).values()) == list(fold(whole_events).values())


@pytest.mark.parametrize("cut", [500, 1300, 2000])
def test_cutting_a_record_short_changes_nothing_before_the_cut(cut: int) -> None:
    registry, batch = site(1)
    _, whole = run(registry, batch)
    _, short = run(registry, batch[:cut])
    assert np.array_equal(whole[whole[:, 0] < cut], short)


def test_series_that_are_known_but_not_judged_yet_do_not_spoil_a_saved_state() -> None:
    registry, batch = Registry(), ReadingBatch.of([0, 0], [START, START + MINUTE], [1.0, 2.0])
    for name in "abcde":
        registry.series("s", name, "t")
    engine, again, other = Engine(registry), Engine(registry), Registry()
    engine.process(batch)
    again.restore(engine.save())
    assert again.save() == engine.save()
    Engine(other).restore(engine.save())
    assert other.n_series == 5


@pytest.mark.parametrize("cut", [1, 777, 1500])
def test_a_restored_engine_goes_on_as_if_nothing_had_happened(cut: int) -> None:
    registry, batch = site(2)
    config = EngineConfig(limits=LIMITS)
    first = Engine(registry, config)
    before = first.process(batch[:cut]).events
    blob = first.save()
    # another process sees the series in another order, so that its numbers differ
    other = Registry()
    for number in reversed(range(registry.n_series)):
        other.put_device(registry.device(int(registry.series_device[number])))
        other.put_metric(*registry.key(number)[:2], registry.metric(number))
    renumbered = np.array([other.series(*registry.key(n)) for n in range(registry.n_series)], np.int32)
    second = Engine(other, config)
    second.restore(blob)
    rest = ReadingBatch(renumbered[batch.series], batch.time, batch.value, batch.quality)[cut:]
    after = second.process(rest).events
    assert fold([*before, *after]) == fold(run(registry, batch)[0])


def test_a_state_of_another_version_or_a_damaged_one_is_refused_with_its_reason() -> None:
    registry, batch = site()
    engine = Engine(registry)
    engine.process(batch[:100])
    with pytest.raises(StateError, match="cannot be read"):
        Engine(registry).restore(engine.save()[:-50])


def test_devices_may_interleave_in_any_way() -> None:
    registry, batch = site(4)
    device = registry.series_device[batch.series]
    shifted = np.argsort(np.arange(len(batch)) + 37.0 * (device == 1), kind="stable")
    assert not np.array_equal(shifted, np.arange(len(batch)))
    alerts, other = fold(run(registry, batch)[0]), fold(run(registry, batch[shifted])[0])
    assert other == alerts


def test_files_of_one_device_after_the_other_raise_no_silence_for_that() -> None:
    registry, batch = site(4)
    one_after_the_other = np.argsort(registry.series_device[batch.series], kind="stable")
    alerts = fold(run(registry, batch[one_after_the_other])[0])
    assert set(alerts) == set(fold(run(registry, batch)[0]))


def test_late_readings_are_counted_and_never_open_or_clear_anything() -> None:
    registry = Registry()
    number = registry.series("s", "d", "temperature")
    engine = Engine(registry, EngineConfig(limits=LIMITS))
    times = START + MINUTE * np.arange(100)
    engine.process(ReadingBatch.of([number] * 100, times, [40.0] * 100, 1))
    late = engine.process(ReadingBatch.of([number] * 5, times[10:15] + NS_PER_SECOND, [99.0] * 5, 1))
    assert late.counts.late == 5
    assert late.events == ()
    assert len(late.scores) == 0


def test_duplicates_are_dropped_and_conflicts_stored_but_not_judged() -> None:
    registry = Registry()
    number = registry.series("s", "d", "temperature")
    engine = Engine(registry)
    outcome = engine.process(ReadingBatch.of([number] * 4, [START] * 4, [1.0, 1.0, 2.0, 2.0], 1))
    assert outcome.duplicate.tolist() == [False, True, False, True]
    assert (outcome.counts.judged, outcome.counts.duplicate, outcome.counts.conflict) == (1, 2, 1)


def steady(engine: Engine, series: list[int], minutes: int, start: int = START, live: bool = False) -> None:
    for k in range(minutes):
        quality = int(Quality.GOOD if live else Quality.RECORDED)
        engine.process(ReadingBatch.of(series, [start + k * MINUTE] * len(series), [1.0] * len(series), quality))


def test_a_silent_device_of_a_live_site_is_noticed_by_the_ticks_and_not_by_our_own_absence() -> None:
    registry = Registry()
    number = registry.series("s", "d", "temperature")
    engine = Engine(registry)
    for k in range(30):
        engine.process(ReadingBatch.of([number], [START + k * MINUTE], [1.0]))
        for s in range(0, 60, 5):
            assert engine.tick(START + k * MINUTE + s * NS_PER_SECOND).events == ()
    last = START + 29 * MINUTE
    # the service was away for 2 hours: nobody listened, nobody is silent
    away = last + 120 * MINUTE
    assert engine.tick(away).events == ()
    opened = [e for s in range(0, 700, 5) for e in engine.tick(away + s * NS_PER_SECOND).events]
    (event,) = opened
    assert isinstance(event, Opened)
    assert event.alert.kind is Kind.SILENCE
    assert event.alert.metric == "temperature"
    assert event.alert.raised_at == last + 10 * MINUTE
    (back,) = engine.process(ReadingBatch.of([number], [away + 20 * MINUTE], [1.0])).events
    assert back == Returned(event.alert.id, away + 20 * MINUTE)


def test_a_metric_that_stops_while_its_device_speaks_is_silent_by_itself() -> None:
    registry = Registry()
    both = [registry.series("s", "d", m) for m in ("temperature", "humidity")]
    engine = Engine(registry)
    steady(engine, both, 30)
    events: list[AlertEvent] = []
    for k in range(30, 60):
        events += engine.process(ReadingBatch.of(both[:1], [START + k * MINUTE], [1.0], 1)).events
    (alert,) = fold(events).values()
    assert (alert.kind, alert.metric) == (Kind.SILENCE, "humidity")
    assert alert.raised_at == START + 39 * MINUTE


def test_a_whole_device_gives_one_alert_seen_by_the_clock_of_its_site() -> None:
    registry = Registry()
    numbers = [registry.series("s", d, m) for d in ("a", "b") for m in ("temperature", "humidity")]
    engine = Engine(registry)
    steady(engine, numbers, 30)
    events: list[AlertEvent] = []
    for k in range(30, 60):
        events += engine.process(ReadingBatch.of(numbers[2:], [START + k * MINUTE] * 2, [1.0, 1.0], 1)).events
    (alert,) = fold(events).values()
    assert (alert.kind, alert.device, alert.metric) == (Kind.SILENCE, "a", None)


def test_a_retired_device_is_not_missed() -> None:
    registry = Registry()
    numbers = [registry.series("s", d, "temperature") for d in ("a", "b")]
    engine = Engine(registry)
    steady(engine, numbers, 30)
    registry.retire("s", "a")
    events: list[AlertEvent] = []
    for k in range(30, 60):
        events += engine.process(ReadingBatch.of(numbers[1:], [START + k * MINUTE], [1.0], 1)).events
    assert events == []


@pytest.mark.parametrize("live", [pytest.param(True, id="by a tick"), pytest.param(False, id="by a reading")])
def test_the_silence_of_a_device_that_is_retired_is_over(live: bool) -> None:
    registry = Registry()
    numbers = [registry.series("s", d, "temperature") for d in ("a", "b")]
    engine = Engine(registry)
    steady(engine, numbers, 30)
    events: list[AlertEvent] = []
    for k in range(30, 60):
        events += engine.process(ReadingBatch.of(numbers[1:], [START + k * MINUTE], [1.0], 1)).events
    (alert,) = fold(events).values()
    registry.retire("s", "a")
    now = START + 60 * MINUTE
    outcome = engine.tick(now) if live else engine.process(ReadingBatch.of(numbers[1:], [now], [1.0], 1))
    assert [(type(event), event.alert_id, event.at) for event in outcome.events if isinstance(event, Returned)] == [
        (Returned, alert.id, now)
    ]


@pytest.mark.parametrize(
    ("interval_s", "silent_after_min"),
    [
        pytest.param(60, 10, id="ten intervals where that is longer than five minutes"),
        pytest.param(5, 5, id="never less than five minutes"),
        pytest.param(3600, 600, id="hourly"),
    ],
)
def test_the_limit_of_silence_follows_the_configured_interval(interval_s: float, silent_after_min: int) -> None:
    registry = Registry()
    number = registry.put_metric("s", "d", Metric("t", interval_s=interval_s))
    other = registry.series("s", "clock", "t")
    engine = Engine(registry)
    engine.process(ReadingBatch.of([number, other], [START, START], [1.0, 1.0], 1))
    raised: list[AlertEvent] = []
    for k in range(1, 700):
        raised += engine.process(ReadingBatch.of([other], [START + k * MINUTE], [1.0], 1)).events
    assert [e.alert.raised_at for e in raised if isinstance(e, Opened)] == [START + silent_after_min * MINUTE]


class TestLimits:
    """On-delay, off-delay, hysteresis and severity on event time."""

    def alerts(self, values: list[float], metric: str = "temperature") -> list[Alert]:
        registry = Registry()
        number = registry.series("s", "d", metric)
        times = START + MINUTE * np.arange(len(values))
        batch = ReadingBatch.of([number] * len(values), times, values, 1)
        return [a for a in fold(run(registry, batch)[0]).values() if a.kind is Kind.LIMIT]

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            pytest.param([50, 61, 62, 50], [], id="shorter than the on-delay: nothing"),
            pytest.param([50, 61, 62, 63], [(1, 3, None)], id="the on-delay is over with the third"),
            pytest.param([61, 61, 61, 59, 59, 59, 59, 59], [(0, 2, None)], id="inside, but not by the hysteresis"),
            pytest.param([61, 61, 61, 57, 57, 57, 57], [(0, 2, 6)], id="back for the off-delay"),
            pytest.param([61, 61, 61, 57, 61, 57, 57, 57, 57], [(0, 2, 8)], id="a relapse starts the off-delay anew"),
            pytest.param([50, 81, 50, 50], [(1, 1, 2)], id="a rule without delays opens at once"),
        ],
    )
    def test_delays(self, values: list[float], expected: list[tuple[int, int, int | None]]) -> None:
        def minute(at: int | None) -> int | None:
            return None if at is None else (at - START) // MINUTE

        found = [(minute(a.onset_at), minute(a.raised_at), minute(a.cleared_at)) for a in self.alerts(values)]
        assert found == expected

    def test_one_alert_escalates_instead_of_a_second_one(self) -> None:
        (alert,) = self.alerts([61, 61, 61, 85, 85])
        assert alert.severity is Severity.CRITICAL
        assert alert.count == 3
        assert "80" in alert.explanation.en
        assert "80" in alert.explanation.zh

    @pytest.mark.parametrize(
        ("rules", "over"),
        [
            pytest.param((), True, id="no limits any more"),
            pytest.param((LimitRule("humidity", "high", high=90.0),), True, id="none for that metric"),
            pytest.param((LimitRule("temperature", "high", high=95.0),), True, id="another number of limits"),
            pytest.param((LimitRule("temperature", "high", high=70.0),), False, id="still beyond the only one left"),
        ],
    )
    def test_an_alert_of_a_limit_that_was_taken_away_is_over(self, rules: tuple[LimitRule, ...], over: bool) -> None:
        registry = Registry()
        number = registry.series("s", "d", "temperature")
        before, after = Engine(registry, EngineConfig(limits=LIMITS)), Engine(registry, EngineConfig(limits=rules))
        assert before.process(ReadingBatch.of([number], [START], [85.0], 1)).events
        after.restore(before.save())
        events = after.process(ReadingBatch.of([number], [START + MINUTE], [85.0], 1)).events
        assert [isinstance(event, Returned) for event in events] == [over]
        assert len(after.open_alerts) == (not over)

    def test_low_limits(self) -> None:
        (alert,) = self.alerts([10, 4.0], metric="humidity")
        assert "below the limit of 5" in alert.explanation.en
        assert "低于限值 5" in alert.explanation.zh
