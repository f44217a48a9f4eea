"""What people found about alerts: feedback and closure codes become findings, labels for models and for their judges.

    alert ─▶ feedback ("not an anomaly") ─┐
      └────▶ work order ─▶ closure code ──┴─▶ Finding: was something wrong, and when?

Feedback is about the alert itself and goes before the code of its order. Codes that say nothing about the machine's
health (a duplicate, a sensor at fault, nothing said) make no finding, and neither do alerts about sensors that are
silent or stuck.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa

from alerts.alert import Alert, Kind, Verdict
from alerts.health import Lived
from alerts.store import AlertStore
from ingest.database import reading
from workorders.closure import ClosureCode
from workorders.store import closure_codes

NOTHING_FOUND = frozenset({ClosureCode.NO_FAULT_FOUND, ClosureCode.FALSE_ALARM})
"""Codes by which somebody looked and nothing was wrong."""

ABOUT_SENSORS = frozenset({Kind.SILENCE, Kind.STUCK})
FOREVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What people said of one alert."""

    alert: Alert
    wrong: bool
    """Whether something was wrong with the machine."""
    code: ClosureCode | None = None
    """Of the work order, if that is closed."""

    @property
    def end(self) -> int:
        """Until when it lasted, event time in ns UTC."""
        alert = self.alert
        return max(alert.raised_at, alert.last_at) if alert.cleared_at is None else alert.cleared_at


def finding(alert: Alert, verdict: Verdict | None, code: ClosureCode | None) -> Finding | None:
    """What feedback and closure code say of an alert; None if they say nothing."""
    if alert.kind in ABOUT_SENSORS:
        return None
    wrong = _wrong(code) if verdict is None else verdict is Verdict.ANOMALY
    return None if wrong is None else Finding(alert, wrong, code)


def _wrong(code: ClosureCode | None) -> bool | None:
    """Whether something was wrong with the machine; None where the code of an order does not say."""
    if code in NOTHING_FOUND:
        return False
    return True if code is not None and code.machine_fault else None


class FindingStore:
    """The findings in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._alerts = AlertStore(engine)

    def since(self, start: int) -> tuple[tuple[Alert, ...], list[Finding]]:
        """The alerts raised from `start` (ns UTC) on, and the findings about them, both oldest first."""
        alerts = self._alerts.raised_since(start)
        said = {alert.id: verdict for alert, verdict in self._alerts.judged(start, FOREVER)}
        with reading(self._engine) as session:
            codes = closure_codes(session, (alert.work_order for alert in alerts if alert.work_order is not None))
        found = (finding(one, said.get(one.id), codes.get(one.work_order or "")) for one in alerts)
        return alerts, [one for one in found if one is not None]

    def lived(self, start: int, end: int) -> list[Lived]:
        """The alerts that were on from `start` to `end` (ns UTC, end exclusive), with what people said of them."""
        found = self._alerts.lived(start, end)
        with reading(self._engine) as session:
            codes = closure_codes(session, {one.work_order for one in found if one.work_order is not None})
        return [
            one if one.right is not None else replace(one, right=_wrong(codes.get(one.work_order or "")))
            for one in found
        ]
