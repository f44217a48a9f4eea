"""Serves the API and the console: uvicorn in a thread of its own, on a socket that listens already."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading

import anyio
import uvicorn
from fastapi import FastAPI

from forewarn.live.health import name_thread

START_WITHIN_S = 20.0
GRACE_S = 1
"""How long requests may go on after the end was asked for."""
TICK_S = 1.0
"""The header with the date is made anew."""


class WebServer:
    """One HTTP server."""

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        logging.getLogger("uvicorn.error").addFilter(_is_fault)
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
        self._server = _Server(config)
        self._listening = listening
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def _run(self) -> None:
        name_thread("http")
        self._server.run(sockets=[self._listening])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; `join` waits for it."""
        self._server.end()

    def join(self) -> None:
        """Wait until open requests are answered or their grace is over."""
        if self._thread.is_alive():
            self._thread.join(GRACE_S + 1)
        self._listening.close()


def _is_fault(record: logging.LogRecord) -> bool:
    """Whether it tells of anything but the end of a connection: cut off when its grace was over, or left by a listener.

    Of an event stream FastAPI closes the end that is read before the one that is written: a `BrokenResourceError`.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, BaseExceptionGroup):
        return error.split(anyio.BrokenResourceError)[1] is not None
    return not isinstance(error, asyncio.CancelledError)


class _Server(uvicorn.Server):
    """uvicorn's, which looks ten times a second whether it is to end; here it is told, and sleeps meanwhile."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Ask for the end, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)

    async def main_loop(self) -> None:
        """Wait for the end, with uvicorn's own work of every second."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_S)
