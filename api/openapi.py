"""The description of the API: what FastAPI derives, with the errors as they really are and how to sign in."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.entrance import SESSION_COOKIE
from api.guard import HEALTH, required_role
from api.problems import MEDIA_TYPE, FieldProblem, Problem

ERRORS = {
    400: "The request cannot be read",
    401: "Nobody is signed in, or the token is unknown",
    403: "The role does not reach, or the request comes from another site's page",
    404: "There is no such thing",
    409: "The thing is in a state that does not allow this",
    413: "The body is too large",
    422: "A parameter or the body makes no sense; `errors` says which part",
    429: "Too many failed sign-ins; Retry-After says how long to wait",
    500: "Something went wrong inside",
    503: "A part is down or full; Retry-After says when to try again",
}
_REF = "#/components/schemas/"
_METHODS = frozenset({"get", "put", "post", "patch", "delete"})
_ACTIONS = ("/acknowledge", "/close", "/assign", "/advance", "/ratings", "/complaints", "/revoke")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        openapi_version=app.openapi_version,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (Problem, FieldProblem):
        schema = model.model_json_schema(ref_template=_REF + "{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "`forewarn token add NAME`"},
        "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "`POST /api/v1/session`"},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in _METHODS:
                _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in _errors(path, method, operation):
        responses.setdefault(str(status), _problem(status))
    for status, response in responses.items():
        if int(status) >= 400 and path not in HEALTH:
            response["content"] = _problem(int(status))["content"]
    public = path in HEALTH or (method, path) == ("post", "/api/v1/session")
    operation["security"] = [] if public else [{"token": []}, {"session": []}]
    if not public:
        role = required_role(method.upper(), path)
        operation["description"] = f"{operation.get('description', '')}\n\nRole: {role}.".strip()


def _errors(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    if path in HEALTH:
        return [500]
    found = [401, 403, 500, 503]
    if operation.get("parameters") or operation.get("requestBody"):
        found.append(422)
    if "{" in path:
        found.append(404)
    if operation.get("requestBody"):
        found.append(400)
    if path.endswith(_ACTIONS) or (method == "post" and path.startswith("/api/v1/models/")):
        found.append(409)
    if (method, path) == ("post", "/api/v1/session"):
        found.append(429)
    return found


def _problem(status: int) -> dict[str, Any]:
    return {"description": ERRORS[status], "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}}}
