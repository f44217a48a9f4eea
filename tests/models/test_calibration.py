"""What is learned of scores, what is kept out for a while, and how often what follows is worked out."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.reading import FloatArray
from models.blocks import BLOCK
from models.calibration import BINS, FAINT, HOLD, MEMORY, Calibrator, _is_due


def rated(calibrator: Calibrator, score: FloatArray, rare: float = 3e-5) -> FloatArray:
    """p-values of one key's scores, which are learned block by block."""
    calibrator.resize(1)
    return calibrator.rate(np.zeros(len(score), np.int64), score, np.full(len(score), rare))


def test_what_is_unusual_all_along_but_not_rare_is_learned() -> None:
    calibrator = Calibrator()
    rated(calibrator, np.random.default_rng(0).exponential(size=1024) + 1.0)
    odd = rated(calibrator, np.full(HOLD + 4 * BLOCK, 8.0))
    assert 3e-5 < odd[0] < 3e-3, "unusual, but not rare"
    assert odd[HOLD - BLOCK] > 3e-3


def test_what_lasts_is_learned_to_its_end_once_it_was_held_for_long_enough() -> None:
    calibrator, rng = Calibrator(), np.random.default_rng(0)
    rated(calibrator, rng.exponential(size=8192) + 1.0)
    odd = rated(calibrator, rng.exponential(size=3 * HOLD) + 20.0)
    assert (odd[:HOLD] < 3e-5).all()
    assert np.median(odd[2 * HOLD :]) > 0.01, "one block after each HOLD would take a week of them"


@pytest.mark.parametrize(
    ("learned", "due"), [(128, True), (272, True), (1040, False), (1056, True), (8192, True), (8320, False)]
)
def test_survival_and_tail_are_worked_out_more_rarely_as_more_is_known(learned: int, due: bool) -> None:
    assert _is_due(learned) is due


def test_below_the_tail_a_p_value_is_the_rank_among_earlier_scores_that_fade() -> None:
    rng, calibrator, n = np.random.default_rng(0), Calibrator(), 60 * BLOCK
    score = rng.lognormal(size=n + BLOCK)
    found, age = rated(calibrator, score)[n:], np.arange(n, 0, -1) - 1
    weight = (1.0 - 1.0 / MEMORY) ** (age // BLOCK * BLOCK)
    beyond = np.array([weight[score[:n] >= one].sum() for one in score[n:]])
    body = beyond > 0.25 * weight.sum()
    plain = (beyond + 0.5) / (weight.sum() + 1.0)
    assert body.sum() > BLOCK // 2
    assert found[body] == pytest.approx(plain[body], abs=0.015), "to within a bin"


def test_a_reading_that_is_wrong_does_not_make_what_is_rare_usual() -> None:
    """It makes three scores; a tail as heavy as they ask for takes the scores of a shift for everyday ones."""
    usual, struck = np.abs(np.random.default_rng(0).normal(size=3_000)) + 0.5, Calibrator()
    rated(struck, np.r_[usual[:1_500], 2_000.0, 900.0, 400.0, usual[1_500:]])
    shift = rated(struck, np.array([6.0, 10.0]))
    assert shift[0] < 3e-3, "0.07 if they counted in full"
    assert shift[1] < 1e-3, "0.04 if they did"


def test_a_score_of_long_ago_leaves_nothing_behind() -> None:
    calibrator, usual = Calibrator(), np.random.default_rng(0).exponential(size=64_000) + 1.0
    rated(calibrator, np.r_[usual[:1024], 1000.0])
    assert (calibrator.save()["histogram"][0, -BINS // 4 :] == 0).all(), "not learned yet"
    rated(calibrator, usual[: BLOCK - 1])
    assert (calibrator.save()["histogram"][0, -BINS // 4 :] > 0).any()
    rated(calibrator, usual)
    kept = calibrator.save()["histogram"][0]
    assert (kept[-BINS // 4 :] == 0).all()
    assert (kept[kept > 0] > FAINT).all()
