"""The door of the API: finds out who asks, has `guard` decide, and turns away with a problem or the sign-in page.

Plain ASGI, so that the event stream passes through it unbuffered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.principal import Principal
from api.guard import HEALTH, Allowed, Denied, RequestFacts, Standing, Verdict, decide
from api.problems import RETRY_AFTER_S, problem, problem_response
from ingest.errors import RetryableError

SESSION_COOKIE = "forewarn_session"
FORWARDING = frozenset(
    {
        "cf-connecting-ip",
        "fastly-client-ip",
        "forwarded",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-original-host",
        "x-real-ip",
    }
)
"""Headers that proxies add, beside every `X-Forwarded-…`."""


class Credentials(Protocol):
    """Who users, sessions and tokens are. Every method raises RetryableError while that cannot be found out."""

    def has_users(self) -> bool:
        """Whether there is any user."""
        ...

    def session(self, secret: str) -> Principal | None:
        """Whose console session that is, if it is valid."""
        ...

    def token(self, secret: str) -> Principal | None:
        """Whose token that is, if it is valid."""
        ...


TurnAway = Callable[[Request, Denied], Response]
"""Makes the answer for somebody who may not come in."""


class Entrance:
    """Lets in whom `guard` allows; the one who acts is then in `request.state.principal`."""

    def __init__(self, app: ASGIApp, credentials: Credentials, loopback: bool, turn_away: TurnAway) -> None:
        self._app = app
        self._credentials = credentials
        self._loopback = loopback
        self._turn_away = turn_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        answer = await to_thread.run_sync(self._answer, request)
        await (answer or self._app)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """The answer if the request ends here."""
        try:
            verdict = self.verdict(request)
        except RetryableError as error:
            return problem_response(problem(503, str(error)), {"Retry-After": str(RETRY_AFTER_S)})
        if isinstance(verdict, Denied):
            return self._turn_away(request, verdict)
        request.state.principal = verdict.principal
        return None

    def verdict(self, request: Request) -> Verdict:
        """Decide about a request, also about one that goes on and on."""
        if request.url.path in HEALTH:
            return Allowed(None)
        return decide(facts_of(request), self._standing(request.headers))

    def _standing(self, headers: Headers) -> Standing:
        if not self._credentials.has_users():
            return Standing(self._loopback, users=False)
        sent = headers.get("authorization")
        if sent is not None:
            scheme, _, secret = sent.partition(" ")
            token = self._credentials.token(secret.strip()) if scheme.lower() == "bearer" else None
            return Standing(self._loopback, users=True, token=token, token_sent=True)
        secret = session_secret(headers)
        return Standing(self._loopback, users=True, session=self._credentials.session(secret) if secret else None)


def facts_of(request: Request) -> RequestFacts:
    """What `guard` needs to know about a request. A header that is there twice counts as a wrong one."""
    headers = request.headers
    return RequestFacts(
        method=request.method,
        path=request.url.path,
        peer=request.client.host if request.client else None,
        host=_only(headers, "host"),
        origin=_only(headers, "origin"),
        fetch_site=_only(headers, "sec-fetch-site"),
        forwarded=any(name in FORWARDING or name.startswith("x-forwarded") for name in headers),
    )


def _only(headers: Headers, name: str) -> str | None:
    values = headers.getlist(name)
    return None if not values else values[0] if len(values) == 1 else ""


def session_secret(headers: Headers) -> str | None:
    """The secret in the session cookie."""
    return cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE) or None
