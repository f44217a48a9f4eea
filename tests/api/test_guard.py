"""The access paragraph of the contract, a row for every clause."""

from dataclasses import replace

import pytest

from api.access.principal import Principal, Role
from api.guard import (
    LOCAL,
    Allowed,
    Denied,
    Reason,
    RequestFacts,
    Standing,
    decide,
    host_name,
    is_loopback,
    required_role,
    same_origin,
)

HERE = RequestFacts("GET", "/api/v1/devices", peer="127.0.0.1", host="127.0.0.1:8000")
POST = replace(HERE, method="POST", path="/api/v1/alerts/a-1/acknowledge")
FAR = RequestFacts("GET", "/api/v1/devices", peer="10.0.0.7", host="forewarn.example")
FAR_POST = replace(POST, peer="10.0.0.7", host="forewarn.example")
TELEMETRY = replace(FAR_POST, path="/api/v1/telemetry")
USERS = replace(FAR, path="/api/v1/users")

OPEN = Standing(loopback=True, users=False)
EXPOSED = Standing(loopback=False, users=False)
CLOSED = Standing(loopback=True, users=True)
CLOSED_WIDE = Standing(loopback=False, users=True)

VIEWER, OPERATOR, ADMIN = (Principal(role.value, role) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN))


def session(who: Principal) -> Standing:
    return Standing(loopback=False, users=True, session=who)


def token(who: Principal | None) -> Standing:
    return Standing(loopback=False, users=True, token=who, token_sent=True)


ROWS = [
    # -- no user yet, http.host is loopback ---------------------------------------------------------------------------
    ("a loopback peer is served openly", HERE, OPEN, Allowed(LOCAL)),
    ("and may change things", POST, OPEN, Allowed(LOCAL)),
    ("IPv6 loopback is loopback", replace(HERE, peer="::1", host="[::1]:8000"), OPEN, Allowed(LOCAL)),
    ("IPv4 in IPv6 as well", replace(HERE, peer="::ffff:127.0.0.1"), OPEN, Allowed(LOCAL)),
    ("all of 127/8 is loopback", replace(HERE, peer="127.9.9.9", host="127.9.9.9"), OPEN, Allowed(LOCAL)),
    ("the Host may be localhost", replace(HERE, host="localhost:8000"), OPEN, Allowed(LOCAL)),
    ("in any case", replace(HERE, host="LocalHost"), OPEN, Allowed(LOCAL)),
    ("another peer is not served", replace(HERE, peer="192.168.1.5"), OPEN, Denied(401, Reason.PEER)),
    ("nor one that is mapped", replace(HERE, peer="::ffff:10.0.0.1"), OPEN, Denied(401, Reason.PEER)),
    ("nor one without an address", replace(HERE, peer=None), OPEN, Denied(401, Reason.PEER)),
    ("DNS rebinding: a Host of another name", replace(HERE, host="evil.example:8000"), OPEN, Denied(403, Reason.HOST)),
    ("a name that begins like one", replace(HERE, host="127.0.0.1.evil.example"), OPEN, Denied(403, Reason.HOST)),
    ("a name that ends like one", replace(HERE, host="evil.localhost.example"), OPEN, Denied(403, Reason.HOST)),
    ("a Host with a user", replace(HERE, host="localhost@evil.example"), OPEN, Denied(403, Reason.HOST)),
    ("a Host that is an outside address", replace(HERE, host="10.0.0.2:8000"), OPEN, Denied(403, Reason.HOST)),
    ("0.0.0.0 is not loopback", replace(HERE, host="0.0.0.0:8000"), OPEN, Denied(403, Reason.HOST)),
    ("no Host", replace(HERE, host=None), OPEN, Denied(403, Reason.HOST)),
    ("two Hosts (arrive as an empty one)", replace(HERE, host=""), OPEN, Denied(403, Reason.HOST)),
    ("a forwarded request", replace(HERE, forwarded=True), OPEN, Denied(401, Reason.FORWARDED)),
    ("own Origin", replace(POST, origin="http://127.0.0.1:8000"), OPEN, Allowed(LOCAL)),
    ("own Origin when reading", replace(HERE, origin="http://127.0.0.1:8000"), OPEN, Allowed(LOCAL)),
    ("another Origin", replace(POST, origin="https://evil.example"), OPEN, Denied(403, Reason.ORIGIN)),
    ("another Origin, only reading", replace(HERE, origin="https://evil.example"), OPEN, Denied(403, Reason.ORIGIN)),
    ("another port is another Origin", replace(POST, origin="http://127.0.0.1:9"), OPEN, Denied(403, Reason.ORIGIN)),
    ("another name is another Origin", replace(POST, origin="http://localhost:8000"), OPEN, Denied(403, Reason.ORIGIN)),
    ("Origin null", replace(POST, origin="null"), OPEN, Denied(403, Reason.ORIGIN)),
    (
        "own name with TLS, which is not there",
        replace(POST, origin="https://127.0.0.1:8000"),
        OPEN,
        Denied(403, Reason.ORIGIN),
    ),
    ("an empty Origin", replace(POST, origin=""), OPEN, Denied(403, Reason.ORIGIN)),
    ("cross-site without an Origin", replace(POST, fetch_site="cross-site"), OPEN, Denied(403, Reason.ORIGIN)),
    ("health needs nothing", replace(HERE, path="/healthz", host="evil.example"), OPEN, Allowed(None)),
    # -- no user yet, http.host is not loopback -----------------------------------------------------------------------
    ("nobody is served", FAR, EXPOSED, Denied(401, Reason.NO_USER)),
    ("not even a loopback peer", HERE, EXPOSED, Denied(401, Reason.NO_USER)),
    ("not the console", replace(FAR, path="/"), EXPOSED, Denied(401, Reason.NO_USER)),
    ("not the sign-in", replace(FAR, path="/login"), EXPOSED, Denied(401, Reason.NO_USER)),
    ("not its looks", replace(FAR, path="/static/console.css"), EXPOSED, Denied(401, Reason.NO_USER)),
    ("not the metrics", replace(FAR, path="/metrics"), EXPOSED, Denied(401, Reason.NO_USER)),
    ("not the description", replace(FAR, path="/openapi.json"), EXPOSED, Denied(401, Reason.NO_USER)),
    ("not a path that looks like health", replace(FAR, path="/healthz/"), EXPOSED, Denied(401, Reason.NO_USER)),
    ("but health", replace(FAR, path="/healthz"), EXPOSED, Allowed(None)),
    ("and readiness", replace(FAR, path="/readyz"), EXPOSED, Allowed(None)),
    # -- with users ---------------------------------------------------------------------------------------------------
    ("loopback is not enough", HERE, CLOSED, Denied(401, Reason.SIGN_IN)),
    ("nor for the metrics", replace(HERE, path="/metrics"), CLOSED, Denied(401, Reason.SIGN_IN)),
    ("nor for the description", replace(HERE, path="/openapi.json"), CLOSED, Denied(401, Reason.SIGN_IN)),
    ("nor for the console", replace(HERE, path="/"), CLOSED, Denied(401, Reason.SIGN_IN)),
    ("nor for what does not exist", replace(HERE, path="/nothing"), CLOSED, Denied(401, Reason.SIGN_IN)),
    ("health needs no session", replace(FAR, path="/healthz"), CLOSED_WIDE, Allowed(None)),
    ("readiness neither", replace(FAR, path="/readyz"), CLOSED_WIDE, Allowed(None)),
    ("the sign-in page is open", replace(FAR, path="/login"), CLOSED_WIDE, Allowed(None)),
    ("its looks too", replace(FAR, path="/static/console.css"), CLOSED_WIDE, Allowed(None)),
    ("and signing in", replace(FAR_POST, path="/api/v1/session"), CLOSED_WIDE, Allowed(None)),
    ("a customer's page is open", replace(FAR, path="/customer/x"), CLOSED_WIDE, Allowed(None)),
    ("what a customer says too", replace(FAR_POST, path="/customer/x/rate"), CLOSED_WIDE, Allowed(None)),
    (
        "but not from another site",
        replace(FAR_POST, path="/customer/x/rate", fetch_site="cross-site"),
        CLOSED_WIDE,
        Denied(403, Reason.ORIGIN),
    ),
    (
        "nothing else is done there",
        replace(FAR, path="/customer/x", method="PUT"),
        CLOSED_WIDE,
        Denied(401, Reason.SIGN_IN),
    ),
    ("not what only begins like it", replace(FAR, path="/customers"), CLOSED_WIDE, Denied(401, Reason.SIGN_IN)),
    ("not before there is a user", replace(FAR, path="/customer/x"), EXPOSED, Denied(401, Reason.NO_USER)),
    (
        "but not from another site's page",
        replace(FAR_POST, path="/login", fetch_site="cross-site"),
        CLOSED_WIDE,
        Denied(403, Reason.ORIGIN),
    ),
    ("a session lets in", FAR, session(VIEWER), Allowed(VIEWER)),
    ("from anywhere, by any name", replace(FAR, forwarded=True, host="a.example"), session(VIEWER), Allowed(VIEWER)),
    ("a token lets in", FAR, token(VIEWER), Allowed(VIEWER)),
    ("a wrong token does not", FAR, token(None), Denied(401, Reason.UNKNOWN_TOKEN)),
    (
        "a wrong token is not made good by a session",
        FAR,
        replace(token(None), session=ADMIN),
        Denied(401, Reason.UNKNOWN_TOKEN),
    ),
    # -- requests from other sites, with a session --------------------------------------------------------------------
    ("own page", replace(FAR_POST, origin="https://forewarn.example"), session(ADMIN), Allowed(ADMIN)),
    ("own page, as the browser says", replace(FAR_POST, fetch_site="same-origin"), session(ADMIN), Allowed(ADMIN)),
    ("no browser at all", FAR_POST, session(ADMIN), Allowed(ADMIN)),
    (
        "a form on another site",
        replace(FAR_POST, origin="https://evil.example"),
        session(ADMIN),
        Denied(403, Reason.ORIGIN),
    ),
    ("a sandboxed frame", replace(FAR_POST, origin="null"), session(ADMIN), Denied(403, Reason.ORIGIN)),
    ("another site, as told", replace(FAR_POST, fetch_site="cross-site"), session(ADMIN), Denied(403, Reason.ORIGIN)),
    ("a sister site, as told", replace(FAR_POST, fetch_site="same-site"), session(ADMIN), Denied(403, Reason.ORIGIN)),
    ("reading changes nothing", replace(FAR, fetch_site="cross-site"), session(VIEWER), Allowed(VIEWER)),
    (
        "a token is never sent by accident",
        replace(FAR_POST, origin="https://dashboard.example"),
        token(OPERATOR),
        Allowed(OPERATOR),
    ),
    # -- roles --------------------------------------------------------------------------------------------------------
    ("a viewer may not act", FAR_POST, session(VIEWER), Denied(403, Reason.ROLE)),
    ("an operator may", FAR_POST, token(OPERATOR), Allowed(OPERATOR)),
    (
        "nor may a viewer send readings",
        replace(FAR_POST, path="/api/v1/telemetry"),
        token(VIEWER),
        Denied(403, Reason.ROLE),
    ),
    ("an operator may", replace(FAR_POST, path="/api/v1/telemetry"), token(OPERATOR), Allowed(OPERATOR)),
    ("a viewer may sign out", replace(FAR_POST, path="/logout"), session(VIEWER), Allowed(VIEWER)),
    (
        "users are for admins, reading too",
        replace(FAR, path="/api/v1/users"),
        token(OPERATOR),
        Denied(403, Reason.ROLE),
    ),
    ("tokens as well", replace(FAR, path="/api/v1/tokens"), token(OPERATOR), Denied(403, Reason.ROLE)),
    ("an admin may", USERS, token(ADMIN), Allowed(ADMIN)),
]


@pytest.mark.parametrize(
    ("request_", "standing", "verdict"),
    [row[1:] for row in ROWS],
    ids=[f"{n:02} {row[0]}" for n, row in enumerate(ROWS)],
)
def test_access(request_: RequestFacts, standing: Standing, verdict: Allowed | Denied) -> None:
    assert decide(request_, standing) == verdict


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/api/v1/devices", Role.VIEWER),
        ("GET", "/", Role.VIEWER),
        ("GET", "/metrics", Role.VIEWER),
        ("POST", "/api/v1/alerts/a-1/close", Role.OPERATOR),
        ("POST", "/alerts/a-1/close", Role.OPERATOR),
        ("POST", "/api/v1/work-orders/WO-1/assign", Role.OPERATOR),
        ("POST", "/api/v1/telemetry", Role.OPERATOR),
        ("DELETE", "/api/v1/session", Role.VIEWER),
        ("PATCH", "/api/v1/devices/plant/pump", Role.ADMIN),
        ("POST", "/api/v1/devices/plant/pump/retire", Role.ADMIN),
        ("DELETE", "/api/v1/devices/plant/pump", Role.ADMIN),
        ("DELETE", "/api/v1/alerts/a-1", Role.ADMIN),
        ("POST", "/api/v1/users", Role.ADMIN),
        ("DELETE", "/api/v1/tokens/ci", Role.ADMIN),
        ("POST", "/something/new", Role.ADMIN),
        ("TRACE", "/api/v1/devices", Role.ADMIN),
    ],
)
def test_required_role(method: str, path: str, role: Role) -> None:
    assert required_role(method, path) is role


def test_every_role_may_what_the_next_one_may() -> None:
    assert [role.rank for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("[::1]:80", "::1"),
        ("[::1", None),
        ("a b", None),
        ("a:b", None),
        ("localhost:80:80", None),
        ("localhost/healthz?", None),
        ("", None),
        (None, None),
    ],
)
def test_host_name(host: str | None, name: str | None) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://a.example", "a.example", True),
        ("http://a.example:80", "a.example", True),
        ("https://a.example", "a.example:443", True),
        ("https://A.example", "a.example", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://a.example", "a.example:80", False),
        ("http://a.example.evil", "a.example", False),
        ("file://", "a.example", False),
        ("http://a.example:99999", "a.example", False),
        ("http://", "", False),
        ("http://a.example", None, False),
    ],
)
def test_same_origin(origin: str, host: str | None, same: bool) -> None:
    assert same_origin(origin, host) is same


def test_a_word_is_not_loopback() -> None:
    assert not is_loopback("local")
