"""Decides who may ask what: every clause of the contract's access paragraph, as a function of values.

    no user yet   http.host is loopback      loopback peer, loopback Host, nothing forwarded, own Origin ─▶ everything
                  http.host is something else                                                            ─▶ 401
    users         a customer's link, the sign-in page, its looks                                         ─▶ go on
                  no session, no token                                                                   ─▶ 401
                  a session, but the request comes from another site and changes something               ─▶ 403
                  the role does not reach                                                                ─▶ 403
    always        /healthz and /readyz

A loopback Host header keeps out DNS rebinding (an attacker's name that resolves to 127.0.0.1); the rule for requests
from other sites is that of Go's http.CrossOriginProtection (Filippo Valsorda, 2025): `Sec-Fetch-Site` says it where the
browser sends it, `Origin` against `Host` otherwise, and a client that sends neither is no browser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from api.access.principal import Principal, Role

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEALTH = frozenset({"/healthz", "/readyz"})
SIGN_IN = frozenset({("GET", "/login"), ("HEAD", "/login"), ("POST", "/login"), ("POST", "/api/v1/session")})
CUSTOMER_PAGES = "/customer/"
"""Where links for customers lead: whoever has one needs no session."""
LOCAL = Principal("local", Role.ADMIN)
"""Who acts while there is no user yet."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ADMIN_ONLY = re.compile(r"/api/v1/(users|tokens)(/|$)")
_OPERATOR_MAY_CHANGE = re.compile(r"(/api/v1)?/(alerts|work-orders|rejects)/|/api/v1/(telemetry|events)$")
_EVERYBODY_MAY_CHANGE = re.compile(r"/api/v1/session$|/logout$")


class Reason(StrEnum):
    """Why a request is turned away; what its sender reads."""

    NO_USER = "nobody can sign in yet: create the first user with `forewarn user add`"
    PEER = "until there is a user, only this machine itself is served: create one with `forewarn user add`"
    FORWARDED = "until there is a user, nothing that a proxy forwards is served: create one with `forewarn user add`"
    HOST = "until there is a user, the Host must be localhost, 127.0.0.1 or [::1]"
    ORIGIN = "the request comes from a page of another site"
    SIGN_IN = "sign in, or send a token: Authorization: Bearer …"
    UNKNOWN_TOKEN = "the token is unknown or was revoked"  # noqa: S105  what a person reads
    ROLE = "your role does not allow this"


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a decision needs to know about a request."""

    method: str
    path: str
    peer: str | None
    """Address of the other end of the connection; None if there is none (a Unix socket)."""
    host: str | None
    """The Host header."""
    origin: str | None = None
    fetch_site: str | None = None
    """The Sec-Fetch-Site header."""
    forwarded: bool = False
    """Whether any header says that a proxy passed the request on."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about the service's users and the one who asks."""

    loopback: bool
    """Whether `http.host` is a loopback address."""
    users: bool
    """Whether there is any user."""
    session: Principal | None = None
    """Whose valid console session the request carries."""
    token: Principal | None = None
    """Whose valid token the request carries."""
    token_sent: bool = False
    """Whether it carries an Authorization header, valid or not."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go on, in the name of `principal`; None where nobody in particular is needed."""

    principal: Principal | None


@dataclass(frozen=True, slots=True)
class Denied:
    """Turned away with an HTTP status."""

    status: int
    reason: Reason


Verdict = Allowed | Denied


def decide(request: RequestFacts, standing: Standing) -> Verdict:
    """Whether the request goes on, and in whose name."""
    if request.path in HEALTH:
        return Allowed(None)
    if not standing.users:
        return _without_users(request, standing.loopback)
    if _is_public(request):
        return Allowed(standing.session) if _from_here(request) else Denied(403, Reason.ORIGIN)
    if standing.token_sent:
        principal = standing.token
        if principal is None:
            return Denied(401, Reason.UNKNOWN_TOKEN)
    else:
        principal = standing.session
        if principal is None:
            return Denied(401, Reason.SIGN_IN)
        if not _from_here(request):
            return Denied(403, Reason.ORIGIN)
    reaches = principal.role.rank >= required_role(request.method, request.path).rank
    return Allowed(principal) if reaches else Denied(403, Reason.ROLE)


def _without_users(request: RequestFacts, loopback: bool) -> Verdict:
    if not loopback:
        return Denied(401, Reason.NO_USER)
    if not is_loopback(request.peer):
        return Denied(401, Reason.PEER)
    if request.forwarded:
        return Denied(401, Reason.FORWARDED)
    if not is_loopback(host_name(request.host)):
        return Denied(403, Reason.HOST)
    own = request.origin is None or same_origin(request.origin, request.host)
    if not own or (request.origin or "").startswith("https:"):  # there is no TLS but in a proxy, and none of that here
        return Denied(403, Reason.ORIGIN)
    return Allowed(LOCAL) if _from_here(request) else Denied(403, Reason.ORIGIN)


def _is_public(request: RequestFacts) -> bool:
    """What somebody needs who is about to sign in, and the pages for customers."""
    if request.path.startswith(CUSTOMER_PAGES):
        return request.method in {"GET", "HEAD", "POST"}
    if request.path.startswith("/static/"):
        return request.method in SAFE_METHODS
    return (request.method, request.path) in SIGN_IN


def _from_here(request: RequestFacts) -> bool:
    """Whether it is harmless, or comes from one of our own pages, or not from a browser at all."""
    if request.method in SAFE_METHODS:
        return True
    if request.fetch_site is not None:
        return request.fetch_site in ("same-origin", "none")
    return request.origin is None or same_origin(request.origin, request.host)


def required_role(method: str, path: str) -> Role:
    """The least role that may do this.

    >>> required_role("POST", "/api/v1/alerts/a-1/acknowledge"), required_role("DELETE", "/api/v1/devices/plant/pump-1")
    (<Role.OPERATOR: 'operator'>, <Role.ADMIN: 'admin'>)
    """
    if _ADMIN_ONLY.match(path):
        return Role.ADMIN
    if method in SAFE_METHODS or _EVERYBODY_MAY_CHANGE.match(path):
        return Role.VIEWER
    return Role.OPERATOR if method == "POST" and _OPERATOR_MAY_CHANGE.match(path) else Role.ADMIN


def is_loopback(host: str | None) -> bool:
    """Whether that address or name is this machine itself.

    >>> [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "127.0.0.1.evil.example", None)]
    [True, True, True, False, False]
    """
    if host is None:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def host_name(host: str | None) -> str | None:
    """The name in a Host header, without port and brackets; None if it is none.

    >>> host_name("[::1]:8000"), host_name("localhost:8000"), host_name("a@b")
    ('::1', 'localhost', None)
    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?", host or "")
    return found and (found[1] or found[2])


def same_origin(origin: str, host: str | None) -> bool:
    """Whether a page of `origin` is one that this `host` served.

    >>> same_origin("http://localhost:8000", "localhost:8000"), same_origin("null", "localhost:8000")
    (True, False)
    """
    try:
        parts = urlsplit(origin)
        if parts.scheme not in _DEFAULT_PORTS or not host or host_name(host) is None:
            return False
        port = _DEFAULT_PORTS[parts.scheme]
        ours = urlsplit(f"{parts.scheme}://{host}")
        return (parts.hostname, parts.port or port) == (ours.hostname, ours.port or port)
    except ValueError:  # a port that is none
        return False
