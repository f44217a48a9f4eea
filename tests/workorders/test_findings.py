"""What people said of alerts: feedback first, then the code by which their order was closed."""

from __future__ import annotations

import sqlalchemy as sa

from alerts.alert import Verdict
from alerts.store import AlertStore
from tests.alerts.samples import HOUR, START, make_alert
from tests.workorders.test_past import raised
from workorders.closure import ClosureCode
from workorders.findings import FindingStore
from workorders.opening import order_number
from workorders.store import OrderStore


def test_feedback_goes_before_the_code_of_the_order_and_a_code_that_says_nothing_is_none(engine: sa.Engine) -> None:
    codes = {
        "fault": ClosureCode.BEARING,
        "nothing": ClosureCode.FALSE_ALARM,
        "again": ClosureCode.DUPLICATE,
        "said": ClosureCode.NO_FAULT_FOUND,
    }
    alerts = {device: make_alert(device=device) for device in (*codes, "open")}
    raised(engine, list(alerts.values()))
    for device, code in codes.items():
        OrderStore(engine).close(order_number(alerts[device].id), code, "wang", START + HOUR)
    AlertStore(engine).feedback(alerts["said"].id, "li", START, Verdict.ANOMALY)
    found = {one.subject.device: one.right for one in FindingStore(engine).lived(START, START + HOUR)}
    assert found == {"fault": True, "nothing": False, "again": None, "said": True, "open": None}
