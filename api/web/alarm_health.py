"""The page of alarm health: whether the budget of false alarms is kept, and which alerts are a nuisance."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from alerts.health import Rule, asked
from api.deps import RECALLED, Parts
from api.routes.reports import DAYS, Days, found_health
from api.web.format import span
from api.web.i18n import Translator
from api.web.render import view_of

router = APIRouter(include_in_schema=False, prefix="/alarm-health")
SPANS = (7, DAYS, 90)
"""Days that a person can choose."""
SHARES = frozenset({"busy_periods", "flood_time", "frequent_share"})
"""Figures that are shares; the others are numbers."""


@router.get("", dependencies=[RECALLED])
def page(request: Request, deps: Parts, days: Days = DAYS) -> Response:
    """The page."""
    view = view_of(request, deps)
    return view.page(
        "alarm_health.html",
        here="alerts",
        stream_url="/api/v1/stream?topic=alert&topic=work_order",
        found=found_health(deps, days),
        days=days,
        spans=SPANS,
        shares=SHARES,
        rule=_words(asked()[0], view.t),
    )


def _words(rule: Rule, t: Translator) -> dict[str, object]:
    """What the names of figures say of how they are counted."""
    lengths = {
        "period": rule.period_s,
        "chatter_in": rule.chatter_s,
        "fleeting": rule.fleeting_s,
        "stale": rule.stale_s,
    }
    numbers = {"flood": rule.flood, "frequent": rule.frequent, "chatter": rule.chatter}
    return {**numbers, **{name: span(seconds, t) for name, seconds in lengths.items()}}
