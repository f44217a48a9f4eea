"""The page of the service: how the promises of a month's work orders were kept, what was found, what came back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import Parts
from api.routes.reports import MonthText, found_service, month_after, month_before, this_month
from api.web.render import view_of
from workorders.closure import LABELS

router = APIRouter(include_in_schema=False, prefix="/service")


@router.get("")
def page(request: Request, deps: Parts, month: MonthText = None) -> Response:
    """The page."""
    view = view_of(request, deps)
    now = this_month(deps)
    ours = month or now
    found, before = found_service(deps, ours)
    return view.page(
        "service.html",
        here="orders",
        stream_url="/api/v1/stream?topic=work_order",
        month=ours,
        earlier=month_before(ours),
        later=month_after(ours) if ours < now else None,
        found=found,
        before=before,
        labels=LABELS,
    )
