"""`/session`: signing in and out of the console. Programs use a token instead."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.exceptions import HTTPException

from api.access.principal import Principal, Role
from api.access.store import SESSION_LIFETIME_NS, TooManyFailuresError, WrongPasswordError
from api.deps import Deps, Parts, Who
from api.entrance import SESSION_COOKIE, session_secret
from ingest.reading import NS_PER_SECOND

router = APIRouter(prefix="/session", tags=["access"])


class SignIn(BaseModel):
    """Who wants to come in."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    password: SecretStr = Field(max_length=1_024)


class Me(BaseModel):
    """Who you are to the service."""

    name: str
    role: Role


@router.get("")
def whoami(who: Who) -> Me:
    """In whose name this request acts."""
    return Me(name=who.name, role=who.role)


@router.post("", status_code=201)
def sign_in(deps: Parts, request: Request, response: Response, body: SignIn) -> Me:
    """Sign in: the session comes as a cookie. 401 if name and password do not fit, 429 after too many failures."""
    who = verified(deps, request, body.name, body.password.get_secret_value())
    open_session(deps, request, response, who)
    return Me(name=who.name, role=who.role)


@router.delete("", status_code=204)
def sign_out(deps: Parts, request: Request) -> Response:
    """Sign out."""
    response = Response(status_code=204)
    close_session(deps, request, response)
    return response


def verified(deps: Deps, request: Request, name: str, password: str) -> Principal:
    """Who that is. Raises HTTPException 401 or 429."""
    try:
        return deps.access.verify_password(name, password, client_address(request), deps.clock())
    except WrongPasswordError as error:
        raise HTTPException(401, str(error)) from error
    except TooManyFailuresError as error:
        raise HTTPException(429, str(error), {"Retry-After": str(error.retry_after_s)}) from error


def client_address(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "unix"


def open_session(deps: Deps, request: Request, response: Response, who: Principal) -> None:
    """Start a session and set its cookie; a session that was there before ends."""
    close_session(deps, request, response)
    response.set_cookie(
        SESSION_COOKIE,
        deps.access.open_session(who, deps.clock()),
        max_age=SESSION_LIFETIME_NS // NS_PER_SECOND,
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )


def close_session(deps: Deps, request: Request, response: Response) -> None:
    """End the session of the request, if it has one."""
    secret = session_secret(request.headers)
    if secret:
        deps.access.close_session(secret)
        response.delete_cookie(SESSION_COOKIE, secure=is_https(request), httponly=True, samesite="lax")


def is_https(request: Request) -> bool:
    """Whether the browser came by https, also to a proxy in front of us; who pretends it harms only itself."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
