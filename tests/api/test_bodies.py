"""No request fills the memory or is waited for without an end, whoever sends it."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.bodies import MOST_BYTES
from tests.api.conftest import Serve, replace_deps
from tests.api.harness import Site

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SENT = [
    pytest.param("POST", "/login", FORM, id="signing in"),
    pytest.param("POST", "/api/v1/session", JSON, id="signing in by a program"),
    pytest.param("PUT", "/api/v1/devices/plant/fan-1", JSON, id="a device"),
    pytest.param("POST", "/api/v1/rejects/try", JSON, id="a mapping"),
    pytest.param("POST", "/alerts/a-1/acknowledge", FORM, id="a button"),
]


@pytest.mark.parametrize("chunked", [False, True], ids=["told before", "in chunks"])
@pytest.mark.parametrize(("method", "path", "kind"), SENT)
def test_what_is_too_large_is_not_read(client: TestClient, method: str, path: str, kind: str, chunked: bool) -> None:
    def parts() -> Iterator[bytes]:
        yield from [b"a" * (MOST_BYTES // 8)] * 9

    content = parts() if chunked else b"".join(parts())
    answer = client.request(method, path, content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["detail"]) == (413, "the body is too large")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "kind"), [("/login", FORM), ("/api/v1/session", JSON)])
def test_what_anybody_may_send_is_small(client: TestClient, path: str, kind: str) -> None:
    assert client.post(path, content=b"a" * 17_000, headers={"Content-Type": kind}).status_code == 413


def test_readings_may_be_more(client: TestClient) -> None:
    rows = [{"device": "pump-1", "values": {"t": 20.0}, "note": "x" * 1_000}] * 2_000
    answer = client.post("/api/v1/telemetry", json=rows)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2_000)
    assert client.post("/api/v1/rejects/try", json={"mapping": "x" * MOST_BYTES}).status_code == 413


@pytest.mark.parametrize("path", ["/login", "/api/v1/telemetry"])
def test_what_does_not_come_is_not_waited_for(
    made: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("api.bodies.WITHIN_S", 0.2)
    address = urlsplit(serve(create_app(replace_deps(made))))
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {FORM}\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"name=")
        assert b" 408 " in connection.recv(4_096).splitlines()[0]
