"""How large the body of a request may be and how long it may take to come: nobody fills the memory or holds a request.

It is told inside the application, as soon as somebody reads the body, so that the answer is a problem like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2**20
"""Of a form or a request in JSON; where readings come in more is allowed."""
WITHIN_S = 60.0
"""From the first look at a body to its end: 8 MiB over a line of 2 Mbit/s take half of it."""


class BodyLimit:
    """Serves requests whose bodies are within limits.

    `most` is the largest body of some paths in bytes, or of all paths that begin with one such as `/a/`.
    """

    def __init__(self, app: ASGIApp, most: Mapping[str, int]) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        of_folder = self._most.get(path[: path.find("/", 1) + 1], MOST_BYTES)
        body = _Body(scope, receive, self._most.get(path, of_folder))
        await self._app(scope, body.receive, send)


class _Body:
    """The body of one request as it comes."""

    def __init__(self, scope: Scope, receive: Receive, most: int) -> None:
        declared = Headers(scope=scope).get("content-length", "")
        self._left = -1 if declared.isdecimal() and int(declared) > most else most
        self._receive = receive
        self._until: float | None = None
        self._whole = False

    async def receive(self) -> Message:
        """The next part. Raises HTTPException 413 or 408."""
        if self._whole:
            return await self._receive()  # who waits now waits for the end of the connection
        if self._left < 0:
            raise HTTPException(413)
        message = await self._in_time()
        self._left -= len(message.get("body", b""))
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._left < 0:
            raise HTTPException(413)
        return message

    async def _in_time(self) -> Message:
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + WITHIN_S
        try:
            async with asyncio.timeout_at(self._until):
                return await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, "the body did not come in time") from error
