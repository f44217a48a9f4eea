"""One battery for the bank: finite scores, warm-up, calibration, memory, hostile series, independence of cuts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.bank import Bank, Judgement
from models.blocks import BLOCK
from models.detectors.device import SEVERAL
from models.detectors.interval import MIN_GAPS, Interval
from models.detectors.shift import WARM_UP
from models.warmup import ENOUGH, UNKNOWN, enough_at

START = 1_764_000_000 * NS_PER_SECOND


def batch_of(values: FloatArray, first: int = 0) -> ReadingBatch:
    """Readings with values of shape (n_readings, n_series), one a second."""
    n, width = values.shape
    series = np.tile(np.arange(width, dtype=np.int32), n)
    time = START + (first + np.repeat(np.arange(n), width)) * NS_PER_SECOND
    return ReadingBatch.of(series, time, values.ravel())


def judge(values: FloatArray, bank: Bank | None = None) -> Judgement:
    """Values of shape (n_readings, n_series), one a second, each series the only one of its device."""
    width = values.shape[1]
    return (bank or Bank()).judge(batch_of(values), np.arange(width), width)


HOSTILE = {
    "constant": np.full(600, 20.0),
    "zero": np.zeros(600),
    "huge": np.linspace(1e300, 1.7e308, 600),
    "huge both ways": np.tile([-1.7e308, 1.7e308], 300),
    "tiny": np.random.default_rng(0).normal(0, 1e-300, 600),
    "quantised": np.round(20 + np.random.default_rng(1).normal(0, 0.04, 600), 1),
    "on and off": np.repeat([0.0, 100.0] * 15, 20),
    "ramp": np.arange(600.0),
    "alternating signs": 1e6 * (-1.0) ** np.arange(600),
}


@pytest.mark.parametrize("values", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
def test_scores_and_p_values_are_numbers_for_any_series(values: FloatArray) -> None:
    scores = judge(values[:, None]).scores
    assert np.isfinite(scores.score).all()
    assert (scores.score >= 0).all()
    assert ((scores.p_value > 0) & (scores.p_value <= 1)).all()


def test_nothing_is_unusual_before_there_is_enough_data() -> None:
    scores = judge(np.random.default_rng(0).normal(size=(400, 1))).scores
    assert (scores.p_value[:ENOUGH] == 1).all()
    assert (scores.p_value[ENOUGH:] < 1).all()
    assert np.isnan(scores.low[:WARM_UP]).all()
    assert not np.isnan(scores.low[WARM_UP:]).any()


@pytest.mark.parametrize("shape", ["normal", "laplace"])
def test_p_values_are_calibrated_on_normal_data(shape: str) -> None:
    values = getattr(np.random.default_rng(7), shape)(size=(4000, 50))
    judgement = judge(values)
    p, told = judgement.verdicts.p_value[50 * 500 :], judgement.scores.p_value[50 * 500 :]
    for level in (0.05, 0.01):
        assert 0.5 * level <= (p <= level).mean() <= 1.5 * level
        assert (told <= level).mean() <= 1.5 * level
    assert 0 < (p <= 1e-3).mean() <= 1.5e-3, "on the safe side where few scores were ever seen"


def test_a_constant_value_that_moves_is_unusual_and_a_quantised_one_that_flickers_is_not() -> None:
    flat = np.full((600, 1), 20.0)
    flat[400:405] = 25.0
    assert judge(flat).scores.p_value[400] < 1e-2
    steps = HOSTILE["quantised"][:, None]
    assert (judge(steps).scores.p_value > 1e-4).all()


def test_an_outlier_does_not_drag_its_own_baseline_along() -> None:
    values = np.random.default_rng(3).normal(20, 0.1, size=(400, 1))
    values[300] = 1e6
    scores = judge(values).scores
    assert scores.p_value[300] < 1e-3
    assert abs(scores.expected[350] - 20) < 0.5


def test_a_shift_within_the_noise_is_seen_when_it_lasts() -> None:
    values = np.random.default_rng(4).normal(20, 1.0, size=(1600, 20))
    values[1500:1560] += 2.0
    p = judge(values).verdicts.p_value.reshape(1600, 20)
    assert np.median(p[1530:1560].min(axis=0)) < 1e-4
    assert np.median(p[1400:1500].min(axis=0)) > 1e-3


def test_trouble_is_not_learned_but_a_change_that_stays_is() -> None:
    values = np.random.default_rng(5).normal(20, 0.5, size=(3000, 1))
    values[1000:] += 10
    scores = judge(values).scores
    assert (scores.p_value[1000:1250] < 0.01).all(), "still unusual after 250 readings"
    assert scores.expected[1250] == pytest.approx(20, abs=0.5)
    assert scores.expected[2500] > 25, "on the way to the new normal"
    assert (scores.p_value[2500:] < 0.01).mean() < 0.05


def test_stretches_of_unusual_readings_have_a_beginning_and_an_end() -> None:
    values = np.random.default_rng(6).normal(20, 0.5, size=(1000, 1))
    values[800:810] = 60.0
    verdicts = judge(values).verdicts
    assert verdicts.quiet[805] == 0
    assert verdicts.since[805] == START + 800 * NS_PER_SECOND
    assert verdicts.quiet[950:].max() > 20


@settings(max_examples=20)
@given(cut=st.integers(1, 1499), seed=st.integers(0, 3))
def test_saved_and_restored_it_goes_on_bit_for_bit(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = batch_of(rng.normal(size=(500, 3)))
    devices = np.array([0, 0, 1])
    whole = Bank().judge(batch, devices, 2)
    first, second = Bank(), Bank()
    early = first.judge(batch[:cut], devices, 2)
    order = np.array([2, 0, 1])  # the registry may number differently after a restart
    second.restore(first.save(), order.astype(np.int32), np.array([1, 0], np.int32))
    other = ReadingBatch.of(order[batch.series].astype(np.int32)[cut:], batch.time[cut:], batch.value[cut:])
    late = second.judge(other, np.array([1, 0, 1]), 2)
    assert np.array_equal(late.scores.p_value, whole.scores.p_value[cut:])
    assert np.array_equal(np.r_[early.verdicts.p_value, late.verdicts.p_value], whole.verdicts.p_value)
    assert np.array_equal(np.r_[early.verdicts.row, late.verdicts.row + cut], whole.verdicts.row)


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 1600), max_size=6), seed=st.integers(0, 3))
def test_it_does_not_matter_how_readings_are_cut_into_batches(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = batch_of(np.cumsum(rng.normal(size=(400, 4)), axis=0))
    batch = batch[np.flatnonzero(rng.uniform(size=1600) > 0.1)]  # holes
    devices = np.array([0, 1, 1, 1])
    whole, bank = Bank().judge(batch, devices, 2), Bank()
    edges = [0, *sorted(min(c, len(batch)) for c in cuts), len(batch)]
    found = [bank.judge(batch[a:b], devices, 2) for a, b in pairwise(edges) if b > a]
    for name in ("score", "p_value", "expected"):
        parts = np.concatenate([getattr(part.scores, name) for part in found])
        assert np.array_equal(parts, getattr(whole.scores, name), equal_nan=True), name
    for name in ("device", "series", "time", "score", "p_value", "leader", "share", "facts", "quiet", "since"):
        parts = np.concatenate([getattr(part.verdicts, name) for part in found])
        assert np.array_equal(parts, getattr(whole.verdicts, name), equal_nan=True), name


def test_series_do_not_influence_each_other() -> None:
    values = np.random.default_rng(6).normal(size=(400, 4))
    together, alone = judge(values).scores, judge(values[:, 2:3]).scores
    assert np.array_equal(together.score.reshape(400, 4)[:, 2], alone.score)
    assert np.array_equal(together.p_value.reshape(400, 4)[:, 2], alone.p_value)


def test_units_do_not_matter() -> None:
    values = 20 + np.random.default_rng(8).normal(size=(500, 1))
    assert np.allclose(judge(values).scores.p_value, judge(values * 1024.0).scores.p_value, rtol=1e-6)


def test_the_state_of_a_series_is_small() -> None:
    bank, width = Bank(), 3 * 16
    bank.judge(batch_of(np.zeros((BLOCK, width))), np.arange(width) // 3, width // 3)
    assert sum(array.nbytes for array in bank.save().values()) / width <= 8 * 1024


class TestDevices:
    """Several metrics of a device are seen together."""

    def verdicts(self, values: FloatArray) -> Judgement:
        width = values.shape[1]
        return Bank().judge(batch_of(values), np.zeros(width, np.int32), 1)

    def test_have_a_verdict_a_row_from_the_second_metric_on(self) -> None:
        verdicts = self.verdicts(np.random.default_rng(0).normal(size=(400, 3))).verdicts
        known = verdicts.time[verdicts.series == SEVERAL]
        assert len(np.unique(known)) == len(known)
        assert set(known.tolist()) >= {START + n * NS_PER_SECOND for n in range(WARM_UP, 399)}

    def test_are_judged_with_the_last_metric_of_a_row(self) -> None:
        verdicts = self.verdicts(np.random.default_rng(0).normal(size=(400, 3))).verdicts
        assert (verdicts.row[-100:] % 3 == 2).all()

    def test_show_together_what_no_metric_shows_alone(self) -> None:
        values = np.random.default_rng(1).normal(20, 1.0, size=(1500, 12))
        values[1400:1440] += 1.0
        judgement = self.verdicts(values)
        alone = judgement.scores.p_value.reshape(1500, 12)[1420:1440].min(axis=0)
        rows = judgement.verdicts
        together = rows.p_value[rows.time >= START + 1420 * NS_PER_SECOND][:20].min()
        assert together < np.median(alone)

    def test_name_the_metric_that_moved_and_what_it_should_have_been(self) -> None:
        values = np.random.default_rng(2).normal(20, 1.0, size=(600, 4))
        values[500:, 2] = 40.0
        verdicts = self.verdicts(values).verdicts
        at = int(np.flatnonzero(verdicts.time == START + 510 * NS_PER_SECOND)[0])
        assert verdicts.leader[at] == 2
        assert verdicts.share[at] > 0.9
        assert verdicts.facts[at, 0] == 40.0
        assert verdicts.facts[at, 1] == pytest.approx(20, abs=1)

    def test_leave_out_a_metric_that_has_stopped(self) -> None:
        values = np.random.default_rng(3).normal(20, 1.0, size=(600, 3))
        batch = batch_of(values)
        stopped = (batch.series == 1) & (batch.time > START + 400 * NS_PER_SECOND)
        batch = batch[np.flatnonzero(~stopped)]
        other = batch.value.copy()
        other[batch.series == 1] += 0.001
        last = [
            Bank().judge(ReadingBatch.of(batch.series, batch.time, v), np.zeros(3, np.int32), 1)
            for v in (batch.value, other)
        ]
        a, b = (part.verdicts.score[-150:] for part in last)
        assert np.array_equal(a, b)


class TestInterval:
    """How often something is expected."""

    def learn(self, gaps_s: list[float]) -> float:
        interval = Interval()
        interval.resize(1)
        known, at = np.array([np.nan]), START
        for gap in [0.0, *gaps_s]:
            at += int(gap * NS_PER_SECOND)
            known = interval.learn(np.array([0], np.int32), np.array([at]))
        return float(known[0]) / NS_PER_SECOND

    def test_is_unknown_at_first(self) -> None:
        assert np.isnan(self.learn([60.0] * (MIN_GAPS - 1)))
        assert self.learn([60.0] * MIN_GAPS) == pytest.approx(60)

    def test_an_outage_is_no_rhythm(self) -> None:
        assert self.learn([60.0] * 40 + [86_400.0]) < 70

    def test_follows_a_change_of_rhythm(self) -> None:
        assert self.learn([60.0] * 40 + [2.0] * 200) == pytest.approx(2, rel=0.1)


MINUTE = 60 * NS_PER_SECOND


@pytest.mark.parametrize(
    ("seen", "interval_ns", "wait"),
    [
        pytest.param(0, np.nan, None, id="never heard"),
        pytest.param(10, np.nan, None, id="rhythm not known"),
        pytest.param(11, float(MINUTE), (ENOUGH - 11) * MINUTE, id="rhythm just known"),
        pytest.param(ENOUGH - 1, float(MINUTE), MINUTE, id="one is missing"),
        pytest.param(ENOUGH - 1, 0.6, 1, id="to the nearest ns"),
        pytest.param(ENOUGH, float(MINUTE), None, id="enough"),
        pytest.param(10 * ENOUGH, float(MINUTE), None, id="long enough"),
        pytest.param(11, 366 * 86_400e9, None, id="once a year: farther than a time in ns reaches"),
    ],
)
def test_when_there_will_be_enough_data(seen: int, interval_ns: float, wait: int | None) -> None:
    last = START if seen else UNKNOWN
    told = enough_at(np.array([seen]), np.array([last]), np.array([interval_ns]))
    assert told.tolist() == [UNKNOWN if wait is None else START + wait]


def test_what_is_read_once_a_minute_is_young_for_a_day() -> None:
    bank, young = Bank(), []
    for day in range(2):
        time = START + (day * 1440 + np.arange(1440)) * MINUTE
        batch = ReadingBatch.of(np.zeros(1440, np.int32), time, np.random.default_rng(day).normal(size=1440))
        young += bank.judge(batch, np.arange(1), 1).verdicts.young.tolist()
    assert young == [False] * MIN_GAPS + [True] * (1440 - MIN_GAPS) + [False] * 1440


def test_a_machine_that_stood_still_for_days_has_not_forgotten_how_it_runs() -> None:
    day, runs = 1440, np.tile(np.repeat([0.0, 1.0, 0.0], 480), 5)
    values = np.r_[runs, np.zeros(3 * day), runs[:day]]
    values += np.random.default_rng(0).normal(0, 0.05, len(values)) * (1 + 5 * values)
    p_value = judge(values[:, None]).scores.p_value
    assert p_value[-day:].min() > 1e-3


def test_the_forecast_of_an_even_series_is_when_it_becomes_warm() -> None:
    bank, values = Bank(), np.random.default_rng(0).normal(size=(ENOUGH, 1))
    at = START + (ENOUGH - 1) * NS_PER_SECOND
    for first, end, told in ((0, 10, UNKNOWN), (10, 90, at), (90, ENOUGH - 1, at)):
        bank.judge(batch_of(values[first:end], first), np.arange(1), 1)
        assert (bank.enough_at(2).tolist(), bank.warm(2).tolist()) == ([told, UNKNOWN], [False, False])
    bank.judge(batch_of(values[ENOUGH - 1 :], ENOUGH - 1), np.arange(1), 1)
    assert (bank.enough_at(1).tolist(), bank.warm(1).tolist()) == ([UNKNOWN], [True])
