"""Serves the API and the console: uvicorn in a thread of its own, on a socket that listens already."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

START_WITHIN_S = 20.0
GRACE_S = 1
"""How long requests may go on after the end was asked for."""


class WebServer:
    """One HTTP server."""

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,  # nobody but the peer itself says who it is
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._listening])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; `join` waits for it."""
        self._server.should_exit = True

    def join(self) -> None:
        """Wait until open requests are answered or their grace is over."""
        if self._thread.is_alive():
            self._thread.join(GRACE_S + 1)
        self._listening.close()
