"""The door, from outside: headers, cookies, tokens and sign-in pages through the whole application."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.access.principal import Role
from api.entrance import FORWARDING, SESSION_COOKIE
from api.guard import Reason
from tests.api.conftest import BASE, client_of
from tests.api.harness import Site

PAGE = {"Accept": "text/html"}
PASSWORD = "correct horse"
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
CLOSED_PATHS = (
    "/",
    "/alerts",
    "/metrics",
    "/openapi.json",
    "/api/v1/devices",
    "/api/v1/stream",
    "/api/v1/session",
    "/nothing",
    "/docs",
)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed with next to no work; test_access.py does it with the real parameters."""
    monkeypatch.setattr("api.access.secrets._hasher", lambda: QUICK)


@pytest.fixture
def with_users(made: Site) -> Site:
    """A site with a user for every role."""
    access = made.deps().access
    for role in Role:
        access.add_user(role.value, role, PASSWORD, made.now)
    return made


@pytest.fixture
def guest(with_users: Site) -> Iterator[TestClient]:
    """Somebody from elsewhere, not signed in."""
    with client_of(with_users.deps(), "http://forewarn.example", "10.0.0.7") as one:
        yield one


Enter = Callable[[Role], TestClient]


@pytest.fixture
def enter(guest: TestClient) -> Enter:
    """Signs somebody in."""

    def one(role: Role) -> TestClient:
        answer = guest.post("/api/v1/session", json={"name": role.value, "password": PASSWORD})
        assert answer.status_code == 201
        assert answer.json() == {"name": role.value, "role": role.value}
        return guest

    return one


# -- no user yet -------------------------------------------------------------------------------------------------------


def test_open_on_this_machine(looking: TestClient) -> None:
    assert looking.get("/api/v1/session").json() == {"name": "local", "role": "admin"}
    assert looking.get("/", headers=PAGE).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "localhost.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        *({name.title(): "x"} for name in sorted(FORWARDING)),
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded": "for=127.0.0.1"},
    ],
    ids=str,
)
def test_not_so_open(looking: TestClient, headers: dict[str, str]) -> None:
    answer = looking.post("/api/v1/telemetry", headers=headers, json=[])
    assert answer.status_code in (401, 403)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_host_header_cannot_pretend_a_path(looking: TestClient) -> None:
    # A URL made of Host and path would read /healthz here.
    answer = looking.get("/api/v1/devices", headers={"Host": "127.0.0.1/healthz?"})
    assert answer.status_code == 403


def test_two_hosts_are_none(looking: TestClient) -> None:
    answer = looking.get("/api/v1/devices", headers=[("Host", "127.0.0.1:8000"), ("Host", "evil.example")])
    assert answer.status_code == 403


def test_another_peer(made: Site) -> None:
    with client_of(made.deps(), BASE, "192.168.1.9") as far:
        assert far.get("/api/v1/devices").status_code == 401
        assert far.get("/healthz").status_code == 200


def test_an_open_host_without_users_serves_nothing_but_health(made: Site) -> None:
    with client_of(replace(made.deps(), loopback=False)) as one:
        for path in (*CLOSED_PATHS, "/login", "/static/console.css"):
            for headers in ({}, PAGE):
                answer = one.get(path, headers=headers)
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "forewarn user add" in one.get("/", headers=PAGE).text
        assert one.post("/api/v1/session", json={"name": "a", "password": "b"}).status_code == 401
        assert one.get("/healthz").status_code == one.get("/readyz").status_code == 200


# -- with users --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CLOSED_PATHS)
def test_closed_to_guests(guest: TestClient, path: str) -> None:
    answer = guest.get(path)
    assert answer.status_code == 401
    assert answer.json()["detail"] == Reason.SIGN_IN


def test_closed_also_on_this_machine(with_users: Site) -> None:
    with client_of(with_users.deps()) as local:
        assert local.get("/api/v1/devices").status_code == 401


def test_a_person_sees_where_to_sign_in(guest: TestClient) -> None:
    answer = guest.get("/alerts?show=all", headers=PAGE)
    assert answer.status_code == 401
    assert 'name="password"' in answer.text
    assert 'value="/alerts?show=all"' in answer.text
    assert guest.get("/static/console.css").status_code == 200
    part = guest.get("/", headers=PAGE | {"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-refresh"]) == (401, "true")


def test_users_take_effect_at_once(made: Site, client: TestClient) -> None:
    assert client.get("/api/v1/devices").status_code == 200
    made.deps().access.add_user("ada", Role.ADMIN, PASSWORD, made.now)
    assert client.get("/api/v1/devices").status_code == 401
    made.deps().access.remove_user("ada")
    assert client.get("/api/v1/devices").status_code == 200


def test_sign_in_and_out(enter: Enter) -> None:
    viewer = enter(Role.VIEWER)
    assert viewer.get("/api/v1/devices").status_code == 200
    assert viewer.delete("/api/v1/session").status_code == 204
    assert SESSION_COOKIE not in viewer.cookies
    assert viewer.get("/api/v1/devices").status_code == 401


def test_the_cookie(guest: TestClient, with_users: Site) -> None:
    body = {"name": "viewer", "password": PASSWORD}
    cookie = guest.post("/api/v1/session", json=body).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    with client_of(with_users.deps(), "https://forewarn.example", "10.0.0.7") as safe:
        assert "Secure" in safe.post("/api/v1/session", json=body).headers["set-cookie"]
    proxied = guest.post("/api/v1/session", json=body, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in proxied.headers["set-cookie"]


def test_a_signed_out_session_is_over_for_good(enter: Enter, guest: TestClient) -> None:
    enter(Role.ADMIN)
    stolen = guest.cookies[SESSION_COOKIE]
    guest.delete("/api/v1/session")
    assert guest.get("/api/v1/devices", headers={"Cookie": f"{SESSION_COOKIE}={stolen}"}).status_code == 401


def test_a_session_ends_with_time_and_with_its_user(enter: Enter, with_users: Site) -> None:
    viewer = enter(Role.VIEWER)
    with_users.now += 13 * 3_600 * 10**9
    assert viewer.get("/api/v1/devices").status_code == 401
    enter(Role.OPERATOR)
    with_users.deps().access.remove_user("operator")
    assert viewer.get("/api/v1/devices").status_code == 401


def test_wrong_passwords_are_slowed_down(guest: TestClient) -> None:
    body = {"name": "viewer", "password": "wrong"}
    assert [guest.post("/api/v1/session", json=body).status_code for _ in range(5)] == [401] * 5
    answer = guest.post("/api/v1/session", json={"name": "viewer", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    page = guest.post("/login", data={"name": "viewer", "password": PASSWORD}, headers=PAGE)
    assert (page.status_code, "Too many failed tries" in page.text) == (429, True)


def test_tokens_and_roles(guest: TestClient, with_users: Site) -> None:
    access = with_users.deps().access
    token = {role: access.add_token("ci", role, with_users.now) for role in Role}
    (alert,) = guest.get("/api/v1/alerts", headers={"Authorization": f"Bearer {token[Role.VIEWER]}"}).json()["items"]
    url = f"/api/v1/alerts/{alert['id']}/feedback"
    told = {
        role: [
            guest.post(url, json={"note": "x"}, headers=headers).status_code,
            guest.get("/api/v1/users", headers=headers).status_code,
        ]
        for role in Role
        if (headers := {"Authorization": f"bearer {token[role]}"})
    }
    assert told == {Role.VIEWER: [403, 403], Role.OPERATOR: [200, 403], Role.ADMIN: [200, 200]}


@pytest.mark.parametrize("value", ["Bearer fw_nonsense", "Bearer", "Basic dmlld2VyOng=", "fw_nonsense", ""])
def test_wrong_tokens(enter: Enter, value: str) -> None:
    signed_in = enter(Role.ADMIN)
    answer = signed_in.get("/api/v1/devices", headers={"Authorization": value})
    assert (answer.status_code, answer.json()["detail"]) == (401, Reason.UNKNOWN_TOKEN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://forewarn.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
    ids=str,
)
def test_forged_requests(enter: Enter, headers: dict[str, str], status: int) -> None:
    operator = enter(Role.OPERATOR)
    (alert,) = operator.get("/api/v1/alerts").json()["items"]
    url = f"/api/v1/alerts/{alert['id']}/acknowledge"
    assert operator.post(url, json={"note": ""}, headers=headers).status_code == status


def test_forged_sign_in(guest: TestClient) -> None:
    form = {"name": "viewer", "password": PASSWORD}
    answer = guest.post("/login", data=form, headers={"Origin": "http://evil.example"} | PAGE)
    assert answer.status_code == 403
    assert SESSION_COOKIE not in guest.cookies


# -- the pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/alerts?show=all", "/alerts?show=all"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
    ],
)
def test_sign_in_page_leads_to_our_own_pages_only(guest: TestClient, wanted: str, led_to: str) -> None:
    form = {"name": "viewer", "password": PASSWORD, "next": wanted}
    answer = guest.post("/login", data=form, headers=PAGE, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, led_to)
    assert SESSION_COOKIE in guest.cookies


def test_sign_in_page_says_what_is_wrong(guest: TestClient) -> None:
    answer = guest.post("/login?lang=zh", data={"name": "viewer", "password": "wrong"}, headers=PAGE)
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text


def test_forms_of_a_session_carry_its_secret(enter: Enter, guest: TestClient) -> None:
    enter(Role.OPERATOR)
    (alert,) = guest.get("/api/v1/alerts").json()["items"]
    url = f"/alerts/{alert['id']}"
    page = guest.get(url, headers=PAGE).text
    csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    assert guest.post(f"{url}/acknowledge", data={"csrf": "guessed"}, headers=PAGE).status_code == 403
    assert guest.post("/logout", data={}, headers=PAGE).status_code == 403
    done = guest.post(f"{url}/acknowledge", data={"csrf": csrf}, headers=PAGE, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, url)
    out = guest.post("/logout", data={"csrf": csrf}, headers=PAGE, follow_redirects=False)
    assert (out.status_code, out.headers["location"]) == (303, "/login")


def test_a_viewer_sees_no_buttons(enter: Enter, guest: TestClient) -> None:
    enter(Role.VIEWER)
    (alert,) = guest.get("/api/v1/alerts").json()["items"]
    assert "/acknowledge" not in guest.get(f"/alerts/{alert['id']}", headers=PAGE).text


def test_security_headers_everywhere(guest: TestClient, client: TestClient) -> None:
    for answer in (guest.get("/"), client.get("/healthz"), client.get("/nothing"), client.get("/static/console.js")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert client.get("/api/v1/devices").headers["cache-control"] == "no-store"
