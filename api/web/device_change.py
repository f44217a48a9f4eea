"""The forms of a device's page: what people know about it, and taking it out of service and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import RedirectResponse, Response

from api.deps import Parts
from api.routes import devices
from api.web.forms import Csrf, check_csrf
from api.web.render import device_url, view_of
from ingest.registry import Criticality

router = APIRouter(include_in_schema=False, prefix="/devices/{site}/{device}")
Site = Annotated[str, Path(max_length=128)]
Name = Annotated[str, Path(max_length=128)]
Word = Annotated[str, Form(max_length=200)]


@router.post("/change")
def change(
    request: Request,
    deps: Parts,
    site: Site,
    device: Name,
    criticality: Annotated[Criticality, Form()],
    title: Word = "",
    asset_class: Word = "",
    asset: Word = "",
    customer: Word = "",
    team: Word = "",
    owner: Word = "",
    csrf: Csrf = "",
) -> Response:
    """The button that saves what people know; what is left empty is not known."""
    check_csrf(view_of(request, deps), csrf)
    words = {"title": title, "class": asset_class, "asset": asset, "customer": customer, "team": team, "owner": owner}
    known = {name: word.strip() or None for name, word in words.items()}
    devices.change_device(deps, site, device, devices.DeviceChange(criticality=criticality, **known))
    return _back(site, device)


@router.post("/retire")
def retire(request: Request, deps: Parts, site: Site, device: Name, csrf: Csrf = "") -> Response:
    """The button that takes a device out of service."""
    check_csrf(view_of(request, deps), csrf)
    devices.retire(deps, site, device)
    return _back(site, device)


@router.post("/unretire")
def unretire(request: Request, deps: Parts, site: Site, device: Name, csrf: Csrf = "") -> Response:
    """The button that puts it back."""
    check_csrf(view_of(request, deps), csrf)
    devices.unretire(deps, site, device)
    return _back(site, device)


def _back(site: str, device: str) -> Response:
    return RedirectResponse(device_url(site, device), 303)
