"""How the embedded broker reads from a connection, whole packets and no more of them than it can keep, and cuts it."""

from __future__ import annotations

import asyncio

from amqtt.adapters import ReaderAdapter, StreamWriterAdapter

MAX_UNACKNOWLEDGED = 200
"""Messages of one client that wait to be durable; then no further packet of it is read."""
LARGEST_PACKET = 16 * 2**20
"""A client that announces a larger packet is disconnected."""


class PacketReader(ReaderAdapter):  # type: ignore[misc]  # amqtt has no types
    """Reads whole packets from a connection, one at a time, and the next one only while `may_go_on`."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._packet = memoryview(b"")
        self._head = bytearray()
        self.gate: Gate | None = None

    async def read(self, n: int = -1) -> bytes:
        """`n` bytes of the current packet, fewer at its end; after the end the next packet is fetched."""
        if n and not self._packet:
            self._packet = memoryview(await self._next())
        data, self._packet = self._packet[:n], self._packet[n:]
        return bytes(data)

    async def peek(self) -> bytes:
        """The first packet, left to be read."""
        if not self._packet:
            self._packet = memoryview(await self._next())
        return bytes(self._packet)

    async def _next(self) -> bytes:
        """The next packet. A call that is cancelled while it waits loses nothing."""
        if self.gate is not None:
            await self.gate.wait()
        while len(self._head) < 2 or self._head[-1] & 0x80:
            if len(self._head) > 4:
                raise ConnectionResetError("malformed length of a packet")
            self._head += await self._stream.readexactly(1)
        length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(self._head[1:]))
        if length > LARGEST_PACKET:
            raise ConnectionResetError(f"packet of {length} bytes")
        packet = bytes(self._head) + await self._stream.readexactly(length)
        self._head.clear()
        return packet

    def feed_eof(self) -> None:
        """Pretend that the other side closed the connection."""
        self._stream.feed_eof()


class PacketWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt has no types
    """Writes to a connection, and cuts it."""

    def abort(self) -> None:
        """Cut the connection. What still waits to be written is not."""
        self.is_closed = True
        self._writer.transport.abort()


class Gate:
    """Lets a connection read on while it has few messages waiting and the handover has room."""

    def __init__(self, room: asyncio.Event) -> None:
        self._room = room
        self._few = asyncio.Event()
        self._few.set()
        self._waiting = 0

    async def wait(self) -> None:
        """Until the next packet may be read."""
        await self._few.wait()
        await self._room.wait()

    def enter(self) -> None:
        """One more message waits to be durable."""
        self._waiting += 1
        if self._waiting >= MAX_UNACKNOWLEDGED:
            self._few.clear()

    def leave(self) -> None:
        """One fewer."""
        self._waiting -= 1
        self._few.set()

    @property
    def idle(self) -> bool:
        """Whether a silent connection is the client's doing and not ours."""
        return self._few.is_set() and self._room.is_set()
