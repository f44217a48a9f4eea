"""The door of the API: finds out who asks, has `guard` decide, and turns away with a problem or the sign-in page.

Plain ASGI, so that the event stream passes through it unbuffered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.store import AccessStore
from api.guard import HEALTH, Allowed, Denied, RequestFacts, Standing, Verdict, decide
from ingest.errors import RetryableError

SESSION_COOKIE = "forewarn_session"
HEALTH_THREADS = 2
"""Kept for those who ask whether the service lives: a slow store, for which all others wait, is no reason to end it."""
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


TurnAway = Callable[[Request, Denied], Response]
"""Makes the answer for somebody who may not come in."""
Unavailable = Callable[[Request, RetryableError], Response]
"""Makes the answer while it cannot be found out who asks."""


@dataclass(frozen=True)
class Door:
    """Finds out who asks, and has `guard` decide."""

    access: AccessStore
    clock: Callable[[], int]
    loopback: bool
    """Whether `http.host` is a loopback address."""

    def verdict(self, request: Request) -> Verdict:
        """Decide about a request, also about one that goes on and on. Raises RetryableError."""
        if request.scope["path"] in HEALTH:
            return Allowed(None)
        return decide(facts_of(request), self._standing(request.headers))

    def _standing(self, headers: Headers) -> Standing:
        if not self.access.any_user():
            return Standing(self.loopback, users=False)
        sent = headers.get("authorization")
        if sent is not None:
            scheme, _, secret = sent.partition(" ")
            token = self.access.principal_of_token(secret.strip()) if scheme.lower() == "bearer" else None
            return Standing(self.loopback, users=True, token=token, token_sent=True)
        cookie = session_secret(headers)
        session = self.access.principal_of_session(cookie, self.clock()) if cookie else None
        return Standing(self.loopback, users=True, session=session)


class Entrance:
    """Lets in whom the door allows; the one who acts is then in `request.state.principal`."""

    def __init__(self, app: ASGIApp, door: Door, turn_away: TurnAway, unavailable: Unavailable) -> None:
        self._app = app
        self._door = door
        self._turn_away = turn_away
        self._unavailable = unavailable
        self._for_health = CapacityLimiter(HEALTH_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        own = self._for_health if scope["path"] in HEALTH else None
        answer = await to_thread.run_sync(self._answer, request, limiter=own)
        await (answer or self._app)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """The answer if the request ends here."""
        try:
            verdict = self._door.verdict(request)
        except RetryableError as error:
            return self._unavailable(request, error)
        if isinstance(verdict, Denied):
            return self._turn_away(request, verdict)
        request.state.principal = verdict.principal
        return None


def facts_of(request: Request) -> RequestFacts:
    """What `guard` needs to know about a request. A header that is there twice counts as a wrong one."""
    headers = request.headers
    return RequestFacts(
        method=request.method,
        path=request.scope["path"],  # not request.url.path: that one is made from the Host header
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
