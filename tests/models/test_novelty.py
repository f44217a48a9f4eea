"""Whether a device has been where it is: distances to what is stored, beside a plain calculation of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.bank import Bank
from models.blocks import Keys
from models.detectors.novelty import LOOK, MEMBER, RECENT, SIZE, STATES, STORE, WARM_UP, Novelty

METRICS = 2


def members_of(rows: FloatArray) -> Any:
    """Metrics of states of shape (n_rows, METRICS, SIZE), each average with a usual distance of 0.5."""
    members = np.zeros(len(rows) * METRICS, MEMBER)
    members["row"] = np.repeat(np.arange(len(rows)) * LOOK, METRICS)
    members["series"] = np.tile(np.arange(METRICS), len(rows))
    members["average"], members["usual"] = rows.reshape(-1, SIZE), 0.5
    return members


def plain(past: FloatArray, here: FloatArray) -> float:
    """Mean distance to the two nearest of the stored states that count, oldest first; NaN where there are no two."""
    recent = min(len(past) // 3, RECENT)
    counted = past[: len(past) - recent][-STATES:]
    apart = np.sort(np.sqrt((((counted - here) / 0.5) ** 2).mean(axis=(1, 2))))
    return float(apart[:2].mean()) if len(apart) > 1 else np.nan


@pytest.mark.parametrize("apart", [pytest.param(1.0, id="anywhere"), pytest.param(0.0, id="always at one place")])
def test_the_distance_is_that_to_the_two_nearest_of_the_past(monkeypatch: pytest.MonkeyPatch, apart: float) -> None:
    n, found = 4000, []
    states = 20.0 + apart * np.random.default_rng(0).normal(size=(n // LOOK, METRICS, SIZE))
    detector = Novelty()
    detector.resize(METRICS, 1)
    rate = detector._calibrator.rate

    def noted(keys: Keys, score: FloatArray, rare: FloatArray) -> FloatArray:
        found.append(score)
        return rate(keys, score, rare)

    monkeypatch.setattr(detector._calibrator, "rate", noted)
    detector.follow(np.zeros(n, np.int64), np.arange(n), np.full(n, 1e-3), members_of(states))
    looked, past = found[0], states[:: STORE // LOOK]
    assert np.isnan(looked[1::LOOK]).all(), "nobody looks at other rows"
    for row in range(0, n, LOOK):
        expected = plain(past[: -(-row // STORE)], states[row // LOOK]) if row > WARM_UP else np.nan
        assert looked[row] == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True), row


@pytest.mark.parametrize("room", [pytest.param(0, id="grown often"), pytest.param(10_000, id="never grown")])
def test_metrics_that_never_report_together_find_room(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Every reading is then a row of its own, of all the metrics that reported lately."""
    n, width = 2_000, 8
    values = np.random.default_rng(0).normal(size=n)
    time = 1_764_000_000 * NS_PER_SECOND + np.arange(n) * NS_PER_SECOND
    batch, of_one = ReadingBatch.of(np.arange(n, dtype=np.int32) % width, time, values), np.zeros(width, np.int64)
    monkeypatch.setattr("models.detectors.device.ROOM", room)
    whole, bank = Bank().judge(batch, of_one, 1).verdicts, Bank()
    singly = [bank.judge(batch[row : row + 1], of_one, 1).verdicts for row in range(n)]
    assert len(whole) == n
    assert np.array_equal(np.concatenate([one.p_value for one in singly]), whole.p_value)
    assert (whole.p_value[-500:] < 1.0).all()
