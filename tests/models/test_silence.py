"""Silence does not depend on how readings are cut into batches, however late and far off they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NEVER, NS_PER_SECOND, FloatArray, IntArray, Quality, ReadingBatch
from ingest.registry import Device, Registry
from models.detectors.silence import Silence, Turn
from models.detectors.waits import WAITS

START, MINUTE = 1_764_000_000 * NS_PER_SECOND, 60 * NS_PER_SECOND
DEVICES, METRICS, MINUTES = 4, 3, 150


def site(seed: int) -> tuple[Registry, ReadingBatch, FloatArray]:
    """Devices with gaps and metrics with gaps; some readings come much later than those of the device's others."""
    rng = np.random.default_rng(seed)
    registry, rows = Registry(), []
    for device in range(DEVICES):
        away = rng.integers(20, MINUTES) + np.array([0, rng.integers(5, 60)])
        behind = int(rng.choice([0, 0, 7_200])) * NS_PER_SECOND
        for metric in range(METRICS):
            number = registry.series(f"site-{device % 2}", f"pump-{device}", f"metric-{metric}")
            missing = rng.integers(20, MINUTES) + np.array([0, rng.integers(5, 60)])
            wait = int(rng.choice([0, 0, 25]))
            rows += [
                (minute + wait, number, START + minute * MINUTE + device * NS_PER_SECOND - behind)
                for minute in range(MINUTES)
                if not away[0] <= minute < away[1] and not missing[0] <= minute < missing[1]
            ]
    rows.sort()
    _, series, time = zip(*rows, strict=True)
    batch = ReadingBatch.of(series, time, [0.0] * len(rows), int(Quality.RECORDED))
    return registry, batch, np.full(len(rows), float(MINUTE))


def said(turns: list[Turn]) -> list[tuple[object, ...]]:
    """What a silence alert tells of; a row of an earlier batch is not told."""
    return [(t.device, t.series, t.begins, t.at, t.last, t.limit_ns, t.interval_ns, t.only) for t in turns]


@settings(max_examples=40)
@given(seed=st.integers(0, 9), cuts=st.lists(st.integers(1, DEVICES * METRICS * MINUTES), max_size=30))
def test_batches_and_restarts_change_nothing(seed: int, cuts: list[int]) -> None:
    registry, batch, interval_ns = site(seed)
    whole = Silence(registry).advance(batch, interval_ns)
    assert whole
    silence, found = Silence(registry), []
    numbers: list[IntArray] = [np.arange(n, dtype=np.int32) for n in (2, DEVICES, DEVICES * METRICS)]
    for a, b in itertools.pairwise([0, *sorted(c for c in cuts if c < len(batch)), len(batch)]):
        found += silence.advance(batch[a:b], interval_ns[a:b])
        saved, silence = silence.save(), Silence(registry)
        silence.restore(saved, *numbers)
    assert sorted(map(repr, said(found))) == sorted(map(repr, said(whole)))


def test_one_by_one_is_the_same_as_all_at_once() -> None:
    for seed in range(10):
        registry, batch, interval_ns = site(seed)
        whole, silence = Silence(registry).advance(batch, interval_ns), Silence(registry)
        found = [turn for row in range(len(batch)) for turn in silence.advance(batch[row : row + 1], interval_ns[:1])]
        assert sorted(map(repr, said(found))) == sorted(map(repr, said(whole)))


@pytest.mark.parametrize("tick", [True, False], ids=["listened to", "not yet listened to"])
def test_a_clock_ahead_of_its_site_is_the_same_however_cut(tick: bool) -> None:
    registry = Registry()
    ahead, other = registry.series("site", "ahead", "metric"), registry.series("site", "other", "metric")
    lead = ReadingBatch.of([ahead], [START + 8 * MINUTE], [0.0])
    at = START + MINUTE * np.arange(1, 31)
    others = ReadingBatch.of([other] * 30 + [ahead], [*at, START + 40 * MINUTE], [0.0] * 31, int(Quality.RECORDED))
    found = []
    for steps in ([0, 31], [0, 14, 15, 31], list(range(32)), [0, 30, 31]):
        silence = Silence(registry)
        turns = silence.advance(lead, np.full(1, float(MINUTE)))
        turns += silence.tick(START) if tick else []
        for a, b in itertools.pairwise(steps):
            turns += silence.advance(others[a:b], np.full(b - a, float(MINUTE)))
        found.append(said(turns))
    assert len(found[0]) == 2
    assert all(one == found[0] for one in found)
    assert found[0][0][3] == START + (11 if tick else 18) * MINUTE


def test_a_device_that_is_away_every_day_is_told_of_until_that_is_usual() -> None:
    """Away for an hour a day; then for three hours, and at last for good."""
    registry = Registry()
    fast, slow = registry.series("site", "pump", "fast"), registry.series("site", "pump", "slow")
    minute = np.arange(9 * 1440)
    there = (minute % 1440 >= 60) | (minute < 60)
    there &= (minute < 7 * 1440) | (minute >= 7 * 1440 + 180)
    minute = minute[there]
    both = np.repeat(minute, 2)
    series = np.tile([fast, slow], len(minute))
    keep = (series == fast) | (both % 5 == 0)
    batch = ReadingBatch.of(series[keep], START + MINUTE * both[keep], np.zeros(keep.sum()), int(Quality.RECORDED))
    interval_ns = np.where(batch.series == fast, 1.0, 5.0) * MINUTE
    silence = Silence(registry)
    turns = [turn for turn in silence.advance(batch, interval_ns) if turn.begins]
    assert [(turn.series, turn.limit_ns // MINUTE) for turn in turns] == [(-1, 10)] * 3 + [(-1, 80)]
    assert (turns[3].at - START) // MINUTE == 7 * 1440 - 1 + 80
    other = registry.series("site", "other", "metric")
    rest = START + MINUTE * (9 * 1440 + np.arange(120))
    rows = ReadingBatch.of([other] * 120, rest, [0.0] * 120, int(Quality.RECORDED))
    ended = silence.advance(rows, np.full(120, float(MINUTE)))
    assert [(turn.begins, (turn.at - START) // MINUTE - 9 * 1440) for turn in ended] == [(True, 79)]


def hours_of(registry: Registry, behind: int = 0, at_once: int = 1) -> ReadingBatch:
    """Ten hours of two metrics a minute; the second comes so many minutes late, or both in turn so many at once."""
    both = [registry.series("site", "logger", metric) for metric in ("first", "second")]
    minute = np.arange(600)
    rows = [(m // at_once, 0, both[0], m) for m in minute] + [(m // at_once + behind, 1, both[1], m) for m in minute]
    _, _, series, time = zip(*sorted(rows), strict=True)
    return ReadingBatch.of(series, START + MINUTE * np.array(time), [0.0] * len(rows), int(Quality.RECORDED))


def test_a_metric_that_is_always_late_is_not_silent_at_every_reading() -> None:
    registry = Registry()
    batch = hours_of(registry, behind=120)
    assert Silence(registry).advance(batch, np.full(len(batch), float(MINUTE))) == []


def test_a_late_metric_that_ends_is_told_of_from_its_last_reading_on() -> None:
    registry = Registry()
    batch = hours_of(registry, behind=120)
    ended = batch[np.flatnonzero((batch.series == 0) | (batch.time < START + 240 * MINUTE))]
    (turn,) = Silence(registry).advance(ended, np.full(len(ended), float(MINUTE)))
    assert (turn.series, turn.begins, turn.at) == (1, True, START + (239 + 10) * MINUTE)


def test_metrics_that_come_one_after_the_other_are_silent_until_that_is_usual_and_end_after_they_began() -> None:
    registry = Registry()
    batch = hours_of(registry, at_once=60)
    turns = Silence(registry).advance(batch, np.full(len(batch), float(MINUTE)))
    assert [(turn.series, turn.begins) for turn in turns] == [(1, True), (1, False)] * 2
    assert all(end.at >= begin.at for begin, end in itertools.pairwise(turns) if begin.begins)


def test_a_state_of_before_it_was_kept_when_one_was_heard_and_waited_for_is_taken() -> None:
    registry, batch, interval_ns = site(0)
    silence, other = Silence(registry), Silence(registry)
    silence.advance(batch[:800], interval_ns[:800])
    saved = silence.save()
    device, series = ({k: v for k, v in saved[part].items() if k not in WAITS} for part in ("device", "series"))
    begun = series.pop("silent_from")
    assert (begun != NEVER).any()
    del series["heard"]
    older = {"site": saved["site"], "device": device, "series": {**series, "silent": begun != NEVER}}
    numbers: list[IntArray] = [np.arange(n, dtype=np.int32) for n in (2, DEVICES, DEVICES * METRICS)]
    other.restore(older, *numbers)
    taken = other.save()["series"]
    assert ((taken["silent_from"] != NEVER) == (begun != NEVER)).all()
    assert other.advance(batch[800:], interval_ns[800:])


def test_a_device_without_metrics_is_not_silent() -> None:
    registry, batch, interval_ns = site(0)
    silence = Silence(registry)
    silence.advance(batch, interval_ns)
    registry.put_device(Device("site-0", "spare"))
    assert [turn for turn in silence.advance(batch[:0], interval_ns[:0]) if turn.device == DEVICES] == []
