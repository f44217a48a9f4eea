"""Every error is problem details, or a page for a person."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from ingest.errors import RetryableError
from tests.api.conftest import client_of
from tests.api.harness import Site

PAGE = {"Accept": "text/html"}


def broken() -> Mapping[str, str]:
    raise ZeroDivisionError("the secret of the house")


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nothing", 404, "there is nothing at /nothing"),
        ("GET", "/api/v1/nothing", 404, "there is nothing at /api/v1/nothing"),
        ("GET", "/api/v1/reports/nothing", 404, "there is nothing at /api/v1/reports/nothing"),
        ("GET", "/static/nothing.js", 404, "there is nothing at /static/nothing.js"),
        ("DELETE", "/api/v1/devices", 405, "DELETE is not possible here"),
        ("POST", "/healthz", 405, "POST is not possible here"),
        ("TRACE", "/api/v1/alerts", 405, "TRACE is not possible here"),
        ("GET", "/api/v1/telemetry", 405, "GET is not possible here"),
        ("GET", "/api/v1/alerts?limit=0", 422, "query.limit: Input should be greater than or equal to 1"),
        ("GET", "/api/v1/alerts/a-none", 404, "there is no alert 'a-none'"),
    ],
)
def test_problem_details(looking: TestClient, method: str, path: str, status: int, detail: str) -> None:
    answer = looking.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"], problem["detail"]) == ("about:blank", status, detail)
    assert problem["title"]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/", "/alerts", "/api/v1/alerts", "/api/v1/alerts/a-none", "/static/console.css"]
)
def test_head_is_get_without_a_body(looking: TestClient, path: str) -> None:
    head, get = looking.head(path), looking.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] == get.headers["content-length"]


def test_what_has_no_end_has_no_head(looking: TestClient) -> None:
    assert looking.head("/api/v1/stream").status_code == 405


def test_405_names_what_is_possible(looking: TestClient) -> None:
    assert looking.post("/healthz").headers["allow"] == "GET"


@pytest.mark.parametrize("body", ["{", "\xff", "[]", "3", '{"note": 1}', '{"other": ""}'])
def test_bodies_that_make_no_sense(client: TestClient, body: str) -> None:
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"/api/v1/alerts/{alert['id']}/close", content=body.encode("latin-1"), headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_inside_stays_inside(made: Site) -> None:
    with client_of(replace(made.deps(), not_ready=broken)) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text
        assert "content-security-policy" in answer.headers


def test_away_for_a_moment(made: Site) -> None:
    def away() -> Mapping[str, str]:
        raise RetryableError("database: away")

    with client_of(replace(made.deps(), not_ready=away)) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["detail"]) == (503, "database: away")
        assert answer.headers["retry-after"] == "5"


def test_the_door_needs_the_database(made: Site, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_store: object) -> bool:
        raise RetryableError("database: away")

    monkeypatch.setattr("api.access.store.AccessStore.any_user", away)
    assert client.get("/api/v1/devices").status_code == 503
    assert client.get("/healthz").status_code == 200
    page = client.get("/", headers=PAGE)
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "Not available at the moment" in page.text
    assert "database: away" in page.text, "who runs the service reads what to do"
    assert '<meta http-equiv="refresh" content="5">' in page.text
    assert "stylesheet" not in page.text, "which would be turned away as well"
    assert "refresh" not in client.post("/alerts/a-1/close", headers=PAGE).text


@pytest.mark.parametrize(("language", "title"), [("en", "Not found"), ("zh", "未找到")])
def test_a_person_gets_a_page(looking: TestClient, language: str, title: str) -> None:
    for path in ("/nothing", "/alerts/a-none", "/work-orders/WO-NONE", "/devices/plant/nothing"):
        answer = looking.get(path, params={"lang": language}, headers=PAGE)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert f"<h1>{title}</h1>" in answer.text


def test_a_program_gets_no_page_from_the_api(looking: TestClient) -> None:
    answer = looking.get("/api/v1/alerts/a-none", headers=PAGE)
    assert answer.headers["content-type"] == "application/problem+json"
