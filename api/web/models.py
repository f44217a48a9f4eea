"""The page of models: the active one and the shadow side by side, whether it may be promoted and why, all versions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from alerts.alert import WrongStateError
from alerts.model_store import IN_USE, KeptModel, ModelAction, ModelActionKind, ModelState
from api.access.principal import Role
from api.deps import Parts
from api.routes.models import DataItem, MeasuresItem, ModelId, TallyItem
from api.web.forms import Csrf, Note, check_csrf
from api.web.render import View, view_of
from ingest.times import parse_time

router = APIRouter(include_in_schema=False, prefix="/models")
MOST_NOTES = 10
"""Of what the shadow would have raised, the newest."""
FIGURES = tuple(TallyItem.model_fields)


@router.get("")
def page(request: Request, deps: Parts) -> Response:
    """Active and shadow side by side, and all versions."""
    return _page(view_of(request, deps))


@router.get("/{id}")
def one(request: Request, deps: Parts, id: ModelId) -> Response:  # noqa: A002
    """The same with one model."""
    return _page(view_of(request, deps), deps.models.models.get(id))


@router.post("/{id}/promote")
def promote(request: Request, deps: Parts, id: ModelId, note: Note = "", csrf: Csrf = "") -> Response:  # noqa: A002
    """The button of a shadow that did better."""
    view = view_of(request, deps)
    check_csrf(view, csrf)
    try:
        deps.models.promote(id, ModelAction(ModelActionKind.PROMOTE, view.now, view.who.name, note))
    except WrongStateError:
        model = deps.models.models.get(id)
        why = view.t.of(deps.models.review(model, view.now).decision.explanation)
        return _page(view, model, view.t("models.not_promoted", why=why), 409)
    return RedirectResponse("/models", 303)


@router.post("/{id}/retire")
def retire(request: Request, deps: Parts, id: ModelId, note: Note = "", csrf: Csrf = "") -> Response:  # noqa: A002
    """The button of a model that looks."""
    view = view_of(request, deps)
    check_csrf(view, csrf)
    try:
        deps.models.models.retire(id, ModelAction(ModelActionKind.RETIRE, view.now, view.who.name, note))
    except WrongStateError:
        return _page(view, deps.models.models.get(id), view.t("problem.detail.409"), 409)
    return RedirectResponse("/models", 303)


def _page(view: View, chosen: KeptModel | None = None, error: str | None = None, status: int = 200) -> Response:
    store = view.deps.models.models
    found = store.list()
    by_state = {model.state: model for model in found if model.state in IN_USE}
    shadow = by_state.get(ModelState.SHADOW)
    return view.page(
        "models.html",
        status,
        here="models",
        stream_url="/api/v1/stream?topic=alert&topic=work_order",
        models=[(model, _told(model)) for model in found],
        in_use=IN_USE,
        active=by_state.get(ModelState.ACTIVE),
        shadow=shadow,
        review=view.deps.models.review(shadow, view.now) if shadow else None,
        notes=view.deps.models.noted(shadow, MOST_NOTES) if shadow else (),
        figures=FIGURES,
        looking=view.deps.looking(),
        may_change=view.who.role is Role.ADMIN,
        chosen=chosen,
        told=_told(chosen) if chosen else None,
        history=store.history(chosen.digest)[::-1] if chosen else (),
        error=error,
    )


def _told(model: KeptModel) -> dict[str, Any]:
    """What a model's facts say, as far as they do."""
    data, measures = DataItem.of(model.facts), MeasuresItem.of(model.facts)
    span = (parse_time(data.start), parse_time(data.end)) if data else None
    return {"data": data, "span": span, "measures": measures}
