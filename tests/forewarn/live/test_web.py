"""The web server and its end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import anyio
import pytest
from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent

from forewarn.live import web
from forewarn.live.ports import listen
from tests.servers.ports import free_port
from tests.waiting import PATIENCE_S, wait_until

MORE_THAN_SOCKETS_TAKE = 16 * 2**20
STATIONS = 5
Begin = Callable[[FastAPI], tuple[web.WebServer, socket.socket]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Serves an app that is asked for `/`: the server, and the connection of who asks."""
    monkeypatch.setattr(web, "GRACE_S", 0)
    with ExitStack() as stack:

        def begin(app: FastAPI) -> tuple[web.WebServer, socket.socket]:
            listening = listen("127.0.0.1", free_port(), "http.port")
            server = web.WebServer(app, listening)
            server.start()
            client = stack.enter_context(socket.create_connection(listening.getsockname()))
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return server, client

        yield begin


def faults(said: pytest.LogCaptureFixture) -> list[str]:
    """What was logged with a traceback."""
    return [record.getMessage() for record in said.records if record.exc_info]


def test_a_request_that_is_cut_off_at_the_end_is_no_fault(serve: Begin, caplog: pytest.LogCaptureFixture) -> None:
    app, asked = FastAPI(), threading.Event()

    @app.get("/")
    async def slow() -> None:
        asked.set()
        await asyncio.Event().wait()

    server, client = serve(app)
    assert asked.wait(PATIENCE_S)
    server.stop()
    assert client.recv(100).startswith(b"HTTP/1.1 500 "), "it was cut off"
    server.join()
    assert faults(caplog) == []


def test_who_leaves_a_stream_is_no_fault(serve: Begin, caplog: pytest.LogCaptureFixture) -> None:
    app, made = FastAPI(), 0

    @app.get("/", response_class=EventSourceResponse)
    async def stream() -> AsyncIterator[ServerSentEvent]:
        nonlocal made
        while True:
            made += 1
            yield ServerSentEvent(data="x" * MORE_THAN_SOCKETS_TAKE)

    server, client = serve(app)
    wait_until(lambda: made == STATIONS, "an event waits at each station of FastAPI's")
    client.close()
    wait_until(lambda: not server._server.server_state.tasks, "the server is done with it")
    server.stop()
    server.join()
    assert faults(caplog) == []


def test_a_fault_is_told(serve: Begin, caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()

    @app.get("/")
    async def broken() -> None:
        raise ExceptionGroup("two", [anyio.BrokenResourceError(), ZeroDivisionError("ours")])

    server, client = serve(app)
    assert client.recv(100).startswith(b"HTTP/1.1 500 ")
    server.stop()
    server.join()
    assert faults(caplog) == ["Exception in ASGI application\n"]
