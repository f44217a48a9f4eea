"""The web server and its end."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from fastapi import FastAPI

from forewarn.live import web
from forewarn.live.ports import listen
from tests.servers.ports import free_port
from tests.waiting import PATIENCE_S


def test_a_request_that_is_cut_off_at_the_end_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "GRACE_S", 0)
    app, asked = FastAPI(), threading.Event()

    @app.get("/")
    async def slow() -> None:
        asked.set()
        await asyncio.Event().wait()

    listening = listen("127.0.0.1", free_port(), "http.port")
    server = web.WebServer(app, listening)
    server.start()
    with socket.create_connection(listening.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asked.wait(PATIENCE_S)
        server.stop()
        assert client.recv(100).startswith(b"HTTP/1.1 500 "), "it was cut off"
        server.join()
    assert caplog.messages == ["Cancel 1 running task(s), timeout graceful shutdown exceeded"]
