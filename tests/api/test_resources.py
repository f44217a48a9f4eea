"""The small resources: health, telemetry, rejects, users and tokens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import NoReturn

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.guard import HEALTH
from ingest.errors import RetryableError
from tests.api.conftest import client_of, replace_deps
from tests.api.harness import Site

THREADS = 40
"""That requests share, unless they have some of their own."""
ROW = {"site": "plant", "device": "pump-1", "ts": 1_780_000_000_000, "values": {"temperature": 21.5}}


def test_alive_and_ready(client: TestClient, made: Site) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": "0.0.0"}
    assert client.get("/readyz").json() == {"status": "ready", "down": {}, "degraded": {}}
    made.down["store"] = "http://influx:8086: connection refused"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    said = {"status": "down", "down": {"store": "http://influx:8086: connection refused"}, "degraded": {}}
    assert answer.json() == said
    assert client.get("/healthz").status_code == 200


def test_it_is_alive_while_every_thread_waits_for_the_store(made: Site) -> None:
    waiting, goes_on = Semaphore(0), Event()

    class Slow:
        def readings(self, *_asked: object) -> NoReturn:
            waiting.release()
            assert goes_on.wait(60)
            raise RetryableError("the store is away")

    made.registry.series("plant", "pump-1", "temperature")
    asked = {"site": "plant", "device": "pump-1", "metric": "temperature"}
    with client_of(replace_deps(made, telemetry=Slow())) as client, ThreadPoolExecutor(THREADS) as pool:
        answers = [pool.submit(client.get, "/api/v1/readings", params=asked) for _ in range(THREADS)]
        for _ in answers:
            assert waiting.acquire(timeout=60)
        with ThreadPoolExecutor(1) as another:
            assert [another.submit(client.get, path).result(30).status_code for path in HEALTH] == [200, 200]
        goes_on.set()
        assert {one.result(60).status_code for one in answers} == {503}


def test_what_the_service_can_do_without_does_not_make_it_less_ready(client: TestClient, made: Site) -> None:
    made.degraded["models"] = "model x does not look"
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "down": {}, "degraded": {"models": "model x does not look"}}


def test_metrics(looking: TestClient) -> None:
    answer = looking.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["forewarn_readings_received"].samples[0].value == 3


@pytest.mark.parametrize(
    ("body", "accepted", "rejected"),
    [
        (ROW, 1, []),
        ([ROW, ROW], 2, []),
        ([ROW, {"values": {"t": 1}}], 1, [{"index": 1, "metric": None, "reason": "no device or no values"}]),
        (
            ROW | {"values": {"temperature": 1, "level": True}},
            1,
            [{"index": 0, "metric": "level", "reason": "is no number"}],
        ),
    ],
)
def test_telemetry(looking: TestClient, body: object, accepted: int, rejected: list[object]) -> None:
    answer = looking.post("/api/v1/telemetry", json=body)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": accepted, "rejected": rejected}


def test_telemetry_without_anything_usable(looking: TestClient) -> None:
    answer = looking.post("/api/v1/telemetry", json=[{"device": "x", "values": {"t": "warm"}}])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["errors"] == [{"where": "body.0.values.t", "message": "is no number"}]
    assert (problem["accepted"], problem["rejected"][0]["index"]) == (0, 0)


@pytest.mark.parametrize("body", ["", "{", "[]", "3", '"text"', "null", "[" * 50_000, "\xff\xfe", "NaN"])
def test_telemetry_that_is_no_json(looking: TestClient, body: str) -> None:
    answer = looking.post("/api/v1/telemetry", content=body.encode("latin-1"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_telemetry_when_full(client: TestClient, made: Site) -> None:
    made.full = True
    answer = client.post("/api/v1/telemetry", json=ROW)
    assert (answer.status_code, answer.json()["detail"]) == (503, "the spool is full")
    assert int(answer.headers["retry-after"]) > 0


def test_telemetry_that_is_too_large(made: Site) -> None:
    with client_of(replace_deps(made, max_body=1_000)) as client:
        whole = client.post("/api/v1/telemetry", content=b" " * 1_001)
        assert (whole.status_code, whole.json()["detail"]) == (413, "the body is too large")
        assert whole.headers["content-type"] == "application/problem+json"
        chunks: Callable[[], object] = lambda: (b" " * 100 for _ in range(11))  # noqa: E731
        answer = client.post("/api/v1/telemetry", content=chunks())  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert made.submitted == []


def test_rejects(plant_client: TestClient) -> None:
    first = plant_client.get("/api/v1/rejects?limit=1").json()
    assert (first["kept"], first["dropped"]) == (2, 0)
    (binary,) = first["items"]
    assert (binary["payload"], binary["payload_base64"], binary["size"]) == (None, "/wA=", 2)
    second = plant_client.get(f"/api/v1/rejects?limit=1&cursor={first['next']}").json()
    (broken,) = second["items"]
    assert second["next"] is None
    assert (broken["topic"], broken["payload"], broken["reason"]) == (
        "forewarn/v1/plant/pump-9/telemetry",
        "{oops",
        "payload is not JSON: Expecting property name enclosed in double quotes at character 2",
    )


def test_users(client: TestClient) -> None:
    assert client.get("/api/v1/users").json() == {"items": [], "next": None}
    new = {"name": "ada", "role": "admin", "password": "correct horse"}
    answer = client.post("/api/v1/users", json=new)
    assert answer.status_code == 201
    assert answer.json() == {"name": "ada", "role": "admin", "created_at": "2026-05-28T20:26:40Z"}
    assert client.get("/api/v1/users").status_code == 401, "from now on nobody is served openly"
    client.post("/api/v1/session", json={"name": "ada", "password": "correct horse"}).raise_for_status()
    again = client.post("/api/v1/users", json=new)
    assert (again.status_code, again.json()["detail"]) == (422, "there is a user 'ada' already")
    assert client.delete("/api/v1/users/bob").status_code == 404
    assert client.delete("/api/v1/users/ada").status_code == 204
    assert client.get("/api/v1/users").json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ada", "role": "admin", "password": "short"},
        {"name": "ada", "role": "king", "password": "correct horse"},
        {"name": " ada", "role": "admin", "password": "correct horse"},
        {"name": "", "role": "admin", "password": "correct horse"},
        {"name": "ada", "role": "admin"},
        {"name": "ada", "role": "admin", "password": "correct horse", "is_root": True},
    ],
)
def test_users_that_cannot_be(looking: TestClient, body: dict[str, object]) -> None:
    answer = looking.post("/api/v1/users", json=body)
    assert answer.status_code == 422
    assert "horse" not in answer.text


def test_tokens(client: TestClient) -> None:
    made = client.post("/api/v1/tokens", json={"name": "grafana"})
    assert made.status_code == 201
    assert made.json()["token"].startswith("fw_")
    (listed,) = client.get("/api/v1/tokens").json()["items"]
    assert (listed["name"], listed["role"]) == ("grafana", "viewer")
    assert made.json()["token"] not in client.get("/api/v1/tokens").text
    assert client.delete(f"/api/v1/tokens/{listed['id']}").status_code == 204
    assert client.delete(f"/api/v1/tokens/{listed['id']}").status_code == 404
