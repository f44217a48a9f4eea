"""docs/alerts.md and docs/work-orders.md say what the code does."""

from enum import StrEnum
from pathlib import Path

import pytest

from alerts.alert import Kind, Severity, State
from alerts.notify.outbox import NoticeState
from alerts.notify.policy import Reason, Skip
from ingest.registry import Criticality
from workorders.closure import ClosureCode
from workorders.order import Stage
from workorders.pause import PauseReason
from workorders.promises import shipped
from workorders.sla import Why

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = (DOCS / "alerts.md").read_text(encoding="utf-8")
ORDERS = (DOCS / "work-orders.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [Kind, Severity, State, NoticeState, Reason, Skip])
def test_alerts_explains_every_word(words: type[StrEnum]) -> None:
    assert [word for word in words if f"`{word}`" not in ALERTS] == []


def test_work_orders_explains_every_stage_and_closure_code() -> None:
    assert [stage for stage in Stage if stage not in ORDERS] == []
    assert [code for code in ClosureCode if f"`{code}`" not in ORDERS] == []


@pytest.mark.parametrize("words", [PauseReason, Why])
def test_work_orders_explains_every_pause_and_interval(words: type[StrEnum]) -> None:
    assert [word for word in words if f"| `{word}` |" not in ORDERS] == []


def test_work_orders_shows_the_shipped_priorities() -> None:
    columns = (Criticality.HIGH, Criticality.MEDIUM, Criticality.LOW)
    for severity in Severity:
        row = " | ".join(shipped().priority(severity, criticality) for criticality in columns)
        assert f"| `{severity}` | {row} |" in ORDERS
