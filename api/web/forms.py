"""What happens when somebody presses a button: the same action as by the API, then back to the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from alerts.alert import WrongStateError
from api.web.render import View
from ingest.errors import InputError
from workorders.customer import LONGEST_SAID
from workorders.pausing import OtherOpenError

Note = Annotated[str, Form(max_length=4_000)]
Csrf = Annotated[str, Form(max_length=128)]
Said = Annotated[str, Form(max_length=2 * LONGEST_SAID)]
"""What a customer says, as a browser sends it: two characters end a line; `said` gives what was typed."""


def said(text: str) -> str:
    r"""What was typed into a field of several lines. Raises InputError if it is too long.

    >>> said(" It leaks.\r\nStill. ")
    'It leaks.\nStill.'
    """
    typed = text.replace("\r\n", "\n").strip()
    if len(typed) > LONGEST_SAID:
        raise InputError(f"a text has at most {LONGEST_SAID} characters")
    return typed


def act(view: View, csrf: str, action: Callable[[], object], again: Callable[[str | None, int], Response]) -> Response:
    """Do it and send the browser back to the page; where the state does not allow it, show the page with the reason.

    Raises HTTPException 403 if the form is not one that we gave to this session.
    """
    check_csrf(view, csrf)
    try:
        action()
    except OtherOpenError as error:
        return again(view.t("order.other_open", number=error.other), 409)
    except WrongStateError:
        return again(view.t("problem.detail.409"), 409)
    request = view.request
    page = request.scope["path"].rpartition("/")[0]
    query = urlencode(request.query_params.multi_items())
    return RedirectResponse(f"{page}?{query}" if query else page, 303)


def check_csrf(view: View, csrf: str) -> None:
    """Raises HTTPException 403 unless the form carries what the forms of this session must carry."""
    if view.csrf is not None and csrf != view.csrf:
        raise HTTPException(403, "the form is out of date: load the page again")


def filter_query(request: Request, names: tuple[str, ...]) -> str:
    """The filters of a list as they stand in the address, to be kept while going through it."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name in names and value]
    return f"?{urlencode(kept)}" if kept else ""


def next_url(path: str, query: str, cursor: str | None) -> str | None:
    """Where a list goes on behind `cursor`, with the same filters; None at its end.

    >>> next_url("/alerts", "", "c1"), next_url("/alerts", "?show=all", "c1"), next_url("/alerts", "", None)
    ('/alerts?cursor=c1', '/alerts?show=all&cursor=c1', None)
    """
    return f"{path}{query}{'&' if query else '?'}cursor={cursor}" if cursor else None
