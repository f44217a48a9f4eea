"""When the trouble of a baseline alert began, told of verdicts as they may come."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.alert import Opened
from alerts.book import AlarmBook
from alerts.budget import Budget
from alerts.policy import BaselinePolicy
from ingest.registry import Registry
from models.bank import Verdicts
from models.detectors.device import FACTS
from models.evidence import QUIET
from models.moves import Moves

HOUR = 3_600 * 10**9
NOW = 500_000 * HOUR


def verdict(quiet: int, since: int, p_value: float) -> Verdicts:
    """One verdict on a device with a single series that reports each hour."""
    one, real = np.zeros(1, np.int64), np.full(1, p_value)
    moves = Moves()
    moves.resize(1)
    facts = np.array([[5.0, 1.0, 0.0, 2.0, 1.5, 0.1]])
    assert facts.shape[1] == FACTS
    return Verdicts(
        row=one,
        device=one,
        number=one + 3_000,
        series=one,
        time=one + NOW,
        score=real,
        p_value=real,
        confirmed=real,
        quiet=one + quiet,
        since=one + since,
        interval_ns=np.full(1, float(HOUR)),
        young=np.zeros(1, np.bool_),
        leader=one,
        share=np.ones(1),
        facts=facts,
        moves=moves,
    )


@pytest.mark.parametrize(
    ("quiet", "since", "p_value", "began"),
    [
        pytest.param(0, NOW - 3 * HOUR, 1e-4, NOW - 3 * HOUR, id="a stretch that lasts"),
        pytest.param(QUIET - 1, NOW - 30 * HOUR, 4e-3, NOW - 30 * HOUR, id="a stretch that is not over yet"),
        pytest.param(QUIET, NOW - 900 * HOUR, 4e-3, NOW, id="not rare enough for a stretch: an earlier one is over"),
        pytest.param(QUIET + 1, 0, 4e-3, NOW, id="there never was one"),
    ],
)
def test_an_alert_does_not_begin_with_trouble_that_is_over(quiet: int, since: int, p_value: float, began: int) -> None:
    registry, book = Registry(), AlarmBook()
    registry.series("plant", "pump", "flow")
    BaselinePolicy(registry, book, Budget.parse("1 per device-day")).decide(verdict(quiet, since, p_value))
    (event,) = book.drain()
    assert isinstance(event, Opened)
    assert event.alert.onset_at == event.alert.evidence["since_at"] == began
    assert ("for " in event.alert.explanation.en) == (began < NOW)
