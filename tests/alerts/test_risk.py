"""Alerts from a trained model: opened, held, over; severity; why, in both languages; and what a shadow notes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from alerts.advice import first_steps
from alerts.alert import Confirmed, Fact, Kind, Opened, Returned, Severity
from alerts.book import AlarmBook
from alerts.budget import Budget
from alerts.explain import explain_risk
from alerts.headline import headline
from alerts.operating import CALM
from alerts.policies.risk import RiskPolicy
from ingest.logentry import Event
from ingest.reading import ReadingBatch
from ingest.registry import Criticality, Device, Metric, Registry
from models.supervised.eventlog import Logged
from models.supervised.reasons import reasons
from models.supervised.scorer import RiskScorer
from tests.failing_fleet import HOUR, START
from tests.small_model import HIGH, small_model

BUDGET = Budget(1.0, "month")
DRIFT, LOGGED = 100, 110
"""Hour at which the heat drifts for 48 hours, and at which its code is logged."""


class Stand:
    """One machine whose heat drifts, judged by the small model."""

    def __init__(self, criticality: Criticality = Criticality.MEDIUM, retired: bool = False) -> None:
        self.registry, self.book = Registry(), AlarmBook()
        self.registry.put_device(Device("plant", "m0", criticality=criticality, retired=retired))
        self.model = small_model()
        self.scorer = RiskScorer(self.registry, [self.model])
        self.policy = RiskPolicy(self.registry, self.book, self.model, BUDGET)
        rng = np.random.default_rng(0)
        self.values = np.array([100.0, 60.0]) + np.array([4.0, 2.0]) * rng.normal(size=(260, 2))
        self.values[DRIFT : DRIFT + 48, 1] += 6.0

    def run(self, first: int, last: int, logged: bool = True) -> list[object]:
        numbers = [self.registry.series("plant", "m0", metric) for metric in ("flow", "heat")]
        hours = np.arange(first, last)
        batch = ReadingBatch.of(
            np.tile(np.array(numbers, np.int32), len(hours)),
            START + np.repeat(hours, 2) * HOUR,
            self.values[first:last].reshape(-1),
        )
        row = 2 * (LOGGED - first)
        entry = Logged(row, "plant", "m0", START + LOGGED * HOUR, Event.ERROR, "E1")
        (risks,) = self.scorer.judge(batch, [entry] if logged and first <= LOGGED < last else [])
        self.policy.decide(risks)
        return [event for _, event in self.book.drained()]


def test_an_alert_opens_with_the_code_is_held_and_calms_down() -> None:
    opened, *others = Stand().run(0, 260)
    assert isinstance(opened, Opened)
    alert = opened.alert
    assert (alert.kind, alert.device, alert.metric) == (Kind.FAILURE_RISK, "m0", None)
    assert (alert.raised_at - START) // HOUR == LOGGED
    assert DRIFT - 3 <= (alert.onset_at - START) / HOUR <= DRIFT + 10
    assert alert.severity is Severity.HIGH
    assert alert.score == pytest.approx(HIGH)
    (over,) = [event for event in others if isinstance(event, Returned)]
    last = max(event.at for event in others if isinstance(event, Confirmed))
    assert over.at - last == CALM * HOUR


def test_without_the_code_nothing_is_raised() -> None:
    assert Stand().run(0, 260, logged=False) == []


@pytest.mark.parametrize("cut", [60, 105, 110, 111, 120, 140, 170])
def test_cutting_changes_nothing(cut: int) -> None:
    stand = Stand()
    parts = [event for event in stand.run(0, cut) + stand.run(cut, 260) if not isinstance(event, Confirmed)]
    assert parts == [event for event in Stand().run(0, 260) if not isinstance(event, Confirmed)]


@pytest.mark.parametrize(
    ("criticality", "severity"),
    [(Criticality.LOW, Severity.MEDIUM), (Criticality.MEDIUM, Severity.HIGH), (Criticality.HIGH, Severity.HIGH)],
)
def test_severity_goes_by_the_device(criticality: Criticality, severity: Severity) -> None:
    (opened, *_) = Stand(criticality).run(0, 130)
    assert isinstance(opened, Opened)
    assert opened.alert.severity is severity


def test_a_retired_device_is_left_in_peace() -> None:
    assert Stand(retired=True).run(0, 260) == []


def test_the_reasons_are_the_code_and_the_metric_that_matter() -> None:
    stand = Stand()
    stand.registry.put_metric("plant", "m0", Metric("heat", unit="°C"))
    (opened, *_) = stand.run(0, 130)
    assert isinstance(opened, Opened)
    facts = opened.alert.evidence
    assert (facts["codes"], facts["metric"], facts["unit"]) == ("E1", "heat", "°C")
    assert facts["code_at"] == START + LOGGED * HOUR
    assert facts["expected"] == pytest.approx(60, abs=2)
    assert facts["model"] == stand.model.digest[:12]
    en, zh = opened.alert.explanation.en, opened.alert.explanation.zh
    assert re.fullmatch(
        r"a failure within 24 h is likely: 95.3 %; E1 logged just now; "
        r"heat averages 6\d\.\d+ °C instead of 6\d\.\d+ °C, \d(\.\d)? standard deviations above for \d+ h",
        en,
    )
    assert re.fullmatch(
        r"24 小时内很可能发生故障：概率 95\.3%；刚刚记录了 E1；heat平均为 .* °C，正常为 .* °C，"
        r"偏高 .* 个标准差，已持续 \d+ 小时",
        zh,
    )
    assert headline(opened.alert).en == "m0: failure likely"
    assert first_steps(Kind.FAILURE_RISK, None, facts)[0].zh.startswith("以往")


def test_nothing_is_a_reason_while_nothing_is_wrong() -> None:
    stand = Stand()
    stand.run(0, 60)
    (risks,) = stand.scorer.judge(ReadingBatch.of([0, 1], [START + 60 * HOUR] * 2, [100.0, 60.0]), [])
    assert len(risks) == 1
    why = reasons(risks, 0)
    assert (why.codes, why.metrics) == ((), ())


def test_a_probability_without_reasons_can_be_told() -> None:
    facts = {"probability": 0.5, "horizon_s": 7200.0, "at": 0, "codes": None, "metric": None}
    told = explain_risk(facts)
    assert told.en == "a failure within 2 h is likely: 50 %"
    assert told.zh == "2 小时内很可能发生故障：概率 50%"
    rare = explain_risk(facts | {"probability": 0.03})
    assert (rare.en, rare.zh) == ("a failure within 2 h is possible: 3 %", "2 小时内可能发生故障：概率 3%")


def test_what_was_logged_is_told_in_both_languages() -> None:
    said: dict[str, Fact] = {"probability": 0.5, "horizon_s": 7200.0, "codes": "E17, maintenance oil", "metric": None}
    told = explain_risk(said | {"at": 3 * HOUR, "code_at": HOUR})
    assert told.en.endswith("; E17, maintenance oil logged, the last 2 h before")
    assert told.zh.endswith("；记录了 E17、维护 oil，最近一次：2 小时前")
    one = explain_risk(said | {"codes": "E17", "at": 3 * HOUR, "code_at": HOUR})
    assert one.en.endswith("; E17 logged 2 h before")
    assert one.zh.endswith("；2 小时前记录了 E17")


def test_state_is_saved_and_restored() -> None:
    first, second = Stand(), Stand()
    first.run(0, 150)
    saved = first.book.save(lambda device, series: (device, series))
    second.book.restore(saved, lambda key: key)
    second.policy.restore(first.policy.save())
    arrays, log = first.scorer.save()
    for metric in ("flow", "heat"):
        second.registry.series("plant", "m0", metric)
    second.scorer.restore(arrays, log, np.arange(2, dtype=np.int32), np.arange(1, dtype=np.int32))
    assert second.run(150, 260) == first.run(150, 260)
    assert any(isinstance(event, Returned) for event in Stand().run(0, 260))
