"""When the trouble of a baseline alert began, told of verdicts as they may come."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.alert import Opened
from alerts.book import AlarmBook
from alerts.budget import Budget
from alerts.policies.baseline import BaselinePolicy, alarm_level
from ingest.registry import Registry
from models.bank import Verdicts
from models.detectors.device import FACTS
from models.detectors.lasting import Lasts
from models.evidence import Evidence
from models.moves import Moves

HOUR = 3_600 * 10**9
NOW = 500_000 * HOUR


def verdict(since: int, p_value: float, lasts: tuple[float, float] = (1.0, 1.0), *, young: bool = False) -> Verdicts:
    """One verdict on a device with a single series that reports each hour."""
    one, real = np.zeros(1, np.int64), np.full(1, p_value)
    lasting = Lasts(*(np.full(1, p) for p in lasts))
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
        told=real,
        confirmed=real,
        quiet=one,
        since=one + since,
        lasts=lasting,
        interval_ns=np.full(1, float(HOUR)),
        young=np.full(1, young),
        leader=one,
        share=np.ones(1),
        facts=facts,
        moves=moves,
    )


@pytest.mark.parametrize(
    "since", [pytest.param(NOW - 3 * HOUR, id="a stretch that lasts"), pytest.param(NOW, id="a stretch that begins")]
)
def test_an_alert_begins_with_its_stretch_of_unusual_rows(since: int) -> None:
    registry, book = Registry(), AlarmBook()
    registry.series("plant", "pump", "flow")
    BaselinePolicy(registry, book, Budget.parse("1 per device-day")).decide(verdict(since, 1e-4))
    (event,) = book.drain()
    assert isinstance(event, Opened)
    assert event.alert.onset_at == event.alert.evidence["since_at"] == since
    assert ("for " in event.alert.explanation.en) == (since < NOW)


def test_what_opens_an_alert_is_never_quiet() -> None:
    evidence, rng = Evidence(), np.random.default_rng(5)
    evidence.resize(3)
    device = rng.integers(0, 3, 3_000)
    course = evidence.follow(device, np.arange(3_000), 10.0 ** rng.uniform(-3.5, 0.0, 3_000))
    rarest = alarm_level(np.array([1e18]), Budget.parse("1 per device-day"))
    opens = course.confirmed <= rarest
    assert opens.any()
    assert (course.quiet[opens] == 0).all()


@pytest.mark.parametrize(
    ("lasts", "young", "opens"),
    [
        pytest.param((1e-5, 0.3), False, True, id="first below the level"),
        pytest.param((1e-5, 1e-4), False, False, id="below it before"),
        pytest.param((0.1, 0.3), False, False, id="not rare"),
        pytest.param((1e-5, 0.3), True, False, id="a device that is young"),
    ],
)
def test_what_lasts_opens_an_alert_where_it_is_first_rare(lasts: tuple[float, float], young: bool, opens: bool) -> None:
    registry, book = Registry(), AlarmBook()
    registry.series("plant", "pump", "flow")
    policy = BaselinePolicy(registry, book, Budget.parse("1 per device-month"))
    policy.decide(verdict(NOW, 0.01, lasts, young=young))
    assert len(book.drain()) is int(opens)
