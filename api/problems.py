"""Every error as problem details (RFC 9457), for people and programs alike.

stage says no          ─▶ InputError 422 · WrongStateError 409 · RetryableError 503, with Retry-After
request makes no sense ─▶ 404 · 405 · 413 · 422, with what is wrong where
anything unexpected    ─▶ 500, without telling what is inside
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from alerts.alert import WrongStateError
from api.headers import SECURITY_HEADERS
from ingest.errors import InputError, NotFoundError, RetryableError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
"""What a client is told to wait when a part is away or full."""


class FieldProblem(BaseModel):
    """What is wrong with one part of a request."""

    where: str = Field(description="Where in the request, e.g. `query.limit` or `body.note`")
    message: str


class Problem(BaseModel):
    """Problem details as RFC 9457 has them; `errors` is ours."""

    type: str = "about:blank"
    title: str = Field(description="The HTTP status in words")
    status: int
    detail: str = Field(description="What is wrong this time, and what is allowed")
    errors: list[FieldProblem] | None = None


Page = Callable[[Request, Problem], Response]
"""Renders a problem for a person in a browser."""


def problem(status: int, detail: str, errors: Sequence[FieldProblem] | None = None) -> Problem:
    """The problem details of an HTTP status."""
    return Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors) if errors else None
    )


def problem_response(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an HTTP response."""
    body = orjson.dumps(found.model_dump(exclude_none=True))
    return Response(body, found.status, {**SECURITY_HEADERS, **(headers or {})}, MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    """Whether a person with a browser asks, rather than a program."""
    return not request.scope["path"].startswith("/api/") and "text/html" in request.headers.get("accept", "")


def install(app: FastAPI, page: Page) -> None:
    """Make `app` answer every exception with problem details, as a `page` where a person asks."""

    def answer(request: Request, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
        if wants_page(request):
            return page(request, found)
        return problem_response(found, headers)

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, problem(error.status_code, _sentence(request, error)), error.headers)

    def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = [_field(one) for one in error.errors()]
        detail = "; ".join(f"{field.where}: {field.message}" for field in fields[:3])
        return answer(request, problem(422, detail or "the request makes no sense", fields))

    def on_stage(request: Request, error: Exception) -> Response:
        return answer(request, problem(_status(error), str(error)))

    def on_retryable(request: Request, error: Exception) -> Response:
        return unavailable(request, error, page)

    def on_any(request: Request, _error: Exception) -> Response:
        return answer(request, problem(500, "something went wrong inside; the log of the service says what"))

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
    for kind in _STATUS:
        app.add_exception_handler(kind, on_stage)
    app.add_exception_handler(RetryableError, on_retryable)
    app.add_exception_handler(Exception, on_any)


def unavailable(request: Request, error: Exception, page: Page) -> Response:
    """The answer while a part is away or full: 503, and when to try again."""
    found, headers = problem(503, str(error)), {"Retry-After": str(RETRY_AFTER_S)}
    if not wants_page(request):
        return problem_response(found, headers)
    response = page(request, found)
    response.headers.update(headers)
    return response


_STATUS: dict[type[Exception], int] = {NotFoundError: 404, WrongStateError: 409, InputError: 422}


def _status(error: Exception) -> int:
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))


def _sentence(request: Request, error: HTTPException) -> str:
    if error.detail and error.detail != HTTPStatus(error.status_code).phrase:
        return error.detail
    match error.status_code:
        case 404:
            return f"there is nothing at {request.scope['path']}"
        case 405:
            return f"{request.method} is not possible here"
        case 413:
            return "the body is too large"
        case _:
            return HTTPStatus(error.status_code).description or HTTPStatus(error.status_code).phrase


def _field(error: Mapping[str, Any]) -> FieldProblem:
    where = ".".join(str(part) for part in error["loc"])
    return FieldProblem(where=where, message=str(error["msg"]).removeprefix("Value error, "))
