"""The measures of `forewarn bench detection`, by examples that can be worked out on paper."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import pytest

from benchmarks import _nab as nab
from benchmarks._episodes import blind, episodes, false, measured, quiet
from benchmarks._ranked import average_precision, runs, vus_pr
from benchmarks._recorded import DAY, HOUR, Family, Machine, Raised, Rule, judged, rule_of
from benchmarks._worth import by_p, calibration, ranked
from forewarn.history.scorelog import ROW
from ingest.reading import NS_PER_SECOND, FloatArray
from ingest.truth import Label

S = NS_PER_SECOND
INTERVALS = Rule()


def label(start: int, end: int, metric: str | None = None) -> Label:
    return Label("site", "pump", metric, start, end, "fault")


def machine(
    labels: Sequence[Label] = (), alerts: Sequence[Raised] = (), end: int = 100 * S, step: int = S, warm: int = 10 * S
) -> Machine:
    """A device heard every `step` ns from 0 to `end`."""
    time = np.arange(0, end + 1, step)
    ones = np.ones(len(time))
    return Machine(time, tuple(labels), tuple(alerts), warm, ones, ones * 0, time, ones)


# -- ranking -------------------------------------------------------------------------------------------------------


def test_average_precision_takes_equal_scores_together() -> None:
    truth, score = np.array([True, False, False, True]), np.array([1.0, 1.0, 0.0, 0.0])
    assert average_precision(truth, score) == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 4)


def test_runs_at_the_ends() -> None:
    assert runs(np.array([True, True, False, True])) == [(0, 1), (3, 3)]
    assert runs(np.zeros(3, np.bool_)) == []


def test_vus_pr_of_a_perfect_ranking_is_one() -> None:
    truth, score = np.array([False, True, False, False]), np.array([0.1, 0.9, 0.5, 0.2])
    assert vus_pr(truth, score, 2) == pytest.approx(1.0)


def test_vus_pr_is_the_mean_over_the_slopes() -> None:
    """One row is wrong and ranked second, its neighbour first.

    Without a slope half of what is flagged at full recall is right: 1/2; a slope of one row reaches no neighbour. With
    two rows the neighbours weigh sqrt(1/2) = 0.7071: the first threshold has recall 0.7071 / (1 + 0.3536) = 0.5224 at
    precision 0.7071, the second the rest at (1 + 0.7071) / 2 = 0.8536.
    """
    truth, score = np.array([False, True, False]), np.array([0.9, 0.5, 0.1])
    sloped = 0.5224 * 0.7071 + (1 - 0.5224) * 0.8536
    assert vus_pr(truth, score, 0) == vus_pr(truth, score, 1) == pytest.approx(0.5)
    assert vus_pr(truth, score, 2) == pytest.approx((0.5 + 0.5 + sloped) / 3, abs=1e-4)


def test_a_span_that_was_missed_costs_recall() -> None:
    """Two rows are wrong, one is ranked first and one last: half the recall, and half of the spans, at precision 1."""
    truth = np.array([True, False, False, True])
    assert vus_pr(truth, np.array([4.0, 3.0, 2.0, 1.0]), 0) == pytest.approx(0.5 * 0.5 * 1 + 0.75 * 2 / 4)


def test_p_values_rank_and_scores_settle_ties() -> None:
    p, score = np.array([0.5, 0.01, 0.01, 1.0]), np.array([9.0, 1.0, 2.0, 0.0])
    one = machine(end=3 * S)
    ranks = by_p(Machine(one.time, (), (), 0, p, score, one.time, p))
    assert ranks.tolist() == [1, 2, 3, 0]


def test_series_without_anything_wrong_are_not_ranked() -> None:
    told = ranked([machine(), machine([label(0, 200 * S)]), machine([label(50 * S, 60 * S)])], INTERVALS)
    assert told["series"] == 1
    assert told["ap"] == pytest.approx(11 / 91), "of 91 rows after the warm-up, all alike, 11 are wrong"


def test_the_least_p_value_of_a_moment_speaks_with_its_score() -> None:
    rows = np.zeros(4, ROW)
    rows["time"], rows["p_value"], rows["score"] = [10, 10, 30, 10], [0.2, 0.1, 0.5, 0.1], [5.0, 1.0, 7.0, 2.0]
    p, score = judged(np.array([10, 20, 30]), rows)
    assert p.tolist() == [0.1, 1.0, 0.5]
    assert score.tolist() == [2.0, 1.0, 7.0], "where nothing was judged the lowest score stands"


# -- NAB -----------------------------------------------------------------------------------------------------------

SERIES = nab.series_of(20, [(10, 14)])
"""Three rows of probation, a window of five rows."""


def marks(*rows: int) -> list[FloatArray]:
    return [np.isin(np.arange(20), rows).astype(np.float64)]


@pytest.mark.parametrize(
    ("rows", "score"),
    [
        pytest.param([], 0.0, id="nothing"),
        pytest.param([10], 100.0, id="the first row of the window"),
        pytest.param([10, 12, 14], 100.0, id="what comes after the first counts no more"),
        pytest.param([14], 100 * (0.46212 / 0.98661 + 1) / 2, id="the last row"),
        pytest.param([5, 10], 100 * (1 - 0.11 + 1) / 2, id="a false one before"),
        pytest.param([10, 15], 100 * (1 - 0.11 * 0.55460 + 1) / 2, id="just after the window it costs less"),
        pytest.param([2, 10], 100.0, id="the probation is free"),
    ],
)
def test_what_a_detection_is_worth(rows: list[int], score: float) -> None:
    assert nab.at_threshold([SERIES], marks(*rows), 1.0, nab.STANDARD) == pytest.approx(score, abs=1e-3)


def test_profiles_weigh_what_is_false_and_what_is_missed() -> None:
    assert nab.at_threshold([SERIES], marks(5, 10), 1.0, nab.LOW_FP) == pytest.approx(100 * (1 - 0.22 + 1) / 2)
    assert nab.at_threshold([SERIES], marks(5, 10), 1.0, nab.LOW_FN) == pytest.approx(100 * (1 - 0.11 + 2) / 3)


def test_the_best_threshold_is_found() -> None:
    score = np.zeros(20)
    score[[5, 6, 10, 17]] = [3.0, 0.5, 2.0, 1.0]
    found, threshold = nab.best([SERIES], [score], nab.STANDARD)
    assert [found, threshold] == pytest.approx([94.5, 2.0])
    noise = np.zeros(20)
    noise[5] = 1.0
    assert nab.best([nab.series_of(20, [(0, 1)])], [noise], nab.STANDARD)[1] == np.inf, "no window counts: be silent"


def test_half_of_the_series_lend_the_other_half_their_threshold() -> None:
    score = np.where(np.arange(20) == 10, 1.0, 0.0)
    assert nab.cross_half([SERIES] * 4, [score] * 4) == pytest.approx(100.0)


def test_after_an_alarm_a_score_has_to_be_higher() -> None:
    score = np.zeros(100)
    score[[20, 22, 23, 50]] = [1.0, 0.9, 1.1, 0.5]
    kept = np.flatnonzero(np.isfinite(nab.rested(score))).tolist()
    assert kept == [0, 20, 23, 50], "of 100 rows 15 are probation, a rest is 3"


# -- episodes ------------------------------------------------------------------------------------------------------


def test_alerts_that_overlap_are_one_episode() -> None:
    assert episodes([Raised(1, 5), Raised(2, 3), Raised(5, 7), Raised(8, 9)]) == [(1, 7), (8, 9)]


def test_faults_are_found_clean_and_late() -> None:
    """Found after 2 s with nothing before; found after 5 s with a false one before; not found; in the warm-up."""
    one = machine([label(50 * S, 60 * S)], [Raised(52 * S, 55 * S), Raised(54 * S, 58 * S)])
    two = machine([label(50 * S, 60 * S)], [Raised(30 * S, 34 * S), Raised(55 * S, 56 * S)])
    three = machine([label(5 * S, 9 * S), label(50 * S, 60 * S)], [Raised(49 * S, 70 * S)])
    told = measured([one, two, three], INTERVALS)
    assert (told["labels"], told["found"], told["clean"]) == (3, 2, 1)
    assert (told["delay_s_median"], told["delay_s_p90"]) == (3.5, pytest.approx(4.7))
    assert told["false_episodes"] == 2, "the early one, and the one that was on before the fault"
    hours = 3 * (40 + 40)
    assert told["device_days"] == pytest.approx(hours / 86_400)
    assert told["false_time_share"] == pytest.approx((4 + 1 + 10) / hours)


def test_an_alert_on_another_metric_finds_nothing() -> None:
    on_flow = machine([label(50 * S, 60 * S, "level")], [Raised(52 * S, 55 * S, "flow")])
    on_level = machine([label(50 * S, 60 * S, "level")], [Raised(52 * S, 55 * S, "level")])
    assert [measured([one], INTERVALS)["found"] for one in (on_flow, on_level)] == [0, 1]


def test_failures_are_warned_of_a_day_ahead() -> None:
    """Of five failures one is too early to count, one is warned of two days ahead, one only an hour ahead, one by an
    alert that ended four days before, one not at all. That alert is false; another one just after a failure is not.
    """
    rule = Rule(Family.FAILURES, 7 * DAY, 24)
    ends = [8 * DAY, 20 * DAY, 40 * DAY, 60 * DAY, 80 * DAY]
    alerts = [
        Raised(18 * DAY, 19 * DAY),
        Raised(20 * DAY + HOUR, 20 * DAY + 2 * HOUR),
        Raised(40 * DAY - HOUR, 40 * DAY),
        Raised(55 * DAY, 56 * DAY),
    ]
    one = machine([label(end - 3 * DAY, end) for end in ends], alerts, 100 * DAY, HOUR, 7 * DAY)
    told = measured([one], rule)
    assert (told["labels"], told["warned_24h"], told["warned_24h_share"]) == (4, 1, 0.25)
    assert told["lead_h_median"] == pytest.approx((48 + 1) / 2)
    assert told["false_per_machine_month"] == pytest.approx(1 / (93 / 30.44))


def test_random_instants_are_counted_hour_by_hour() -> None:
    """An alert of one moment is on in the window of those 48 hours and one that come a day after it."""
    rule = Rule(Family.FAILURES, 0, 24)
    told = measured([machine([], [Raised(10 * DAY, 10 * DAY)], 30 * DAY, HOUR, 0)], rule)
    assert told["random_instant_share"] == pytest.approx(49 / (27 * 24))


def test_lives_end_with_a_good_first_alert() -> None:
    rule = Rule(Family.LIVES, 10 * S, 0)
    whole = [label(100 * S, 100 * S)]
    lives = [
        machine(whole, [Raised(5 * S, 6 * S), Raised(80 * S, 90 * S)]),  # the first is in the run-in
        machine(whole, [Raised(40 * S, 41 * S), Raised(90 * S, 91 * S)]),  # premature
        machine(whole, [Raised(100 * S - S // 2, 100 * S)]),  # too late
        machine(whole),
    ]
    neighbour = machine([], [Raised(50 * S, 60 * S), Raised(95 * S, 96 * S)])
    told = measured([*lives, neighbour], rule)
    assert (told["labels"], told["good"], told["premature"], told["late_or_missed"]) == (4, 1, 1, 2)
    assert told["lead_share_median"] == pytest.approx(0.2)
    assert told["neighbour_false_per_week"] == pytest.approx(1 / (80 / 86_400 / 7))
    assert quiet(lives[0], rule) == [(10 * S, 50 * S)]
    assert quiet(neighbour, rule) == [(10 * S, 90 * S)]


def test_normal_rows_are_those_before_the_fault_and_after_the_recovery() -> None:
    one = machine([label(50 * S, 60 * S)])
    p = np.where(np.arange(101) % 10 == 0, 0.001, 0.5)
    told = calibration([Machine(one.time, one.labels, (), one.warm, p, p, one.time, p)], INTERVALS)
    rows = [*range(10, 50), 60, *range(71, 100)]  # the last moment of a fault is the first after it
    assert told == {"rows": len(rows), "0.01": 7, "0.001": 7, "0.0001": 0}


def test_the_floor_has_as_many_alerts_of_the_same_length() -> None:
    machines = [machine([], [Raised(20 * S, 30 * S), Raised(60 * S, 64 * S)]), machine()]
    floor = blind(machines, repeat(0.5))
    assert floor is not None
    assert [[(a.at // S, a.until // S) for a in one.alerts] for one in floor] == [[(55, 62)], [(55, 62)]]
    assert false(floor, INTERVALS).episodes == 2
    assert blind([machine()], repeat(0.5)) is None


def test_a_set_is_judged_by_its_name() -> None:
    assert rule_of("nab").nab
    assert rule_of("pdm-shifted").family is Family.FAILURES
    assert rule_of("my-own-pumps") == Rule()
