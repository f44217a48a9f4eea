"""Ports to listen on: the one that is wanted, or a free one near it."""

from __future__ import annotations

import errno
import socket

from ingest.errors import InputError

NEAR = 50
"""How many ports above the wanted one are tried."""


def listen(host: str, port: int, key: str) -> socket.socket:
    """A socket that listens there. Raises InputError naming the setting `key` if that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Its protocol is said, as asyncio switches Nagle's algorithm off for that alone: each answer would take 40 ms more.
    wanted = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wanted.bind((host, port))
        wanted.listen(128)
    except (OSError, OverflowError) as error:
        wanted.close()
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "the port is in use" if in_use else str(error)
        raise InputError(f"{key} = {port} on {host}: {reason}") from error
    return wanted


def check_free(host: str, port: int, key: str) -> None:
    """Raise InputError naming the setting `key` if nobody can listen there."""
    listen(host, port, key).close()


def free_port(host: str, wanted: int, taken: frozenset[int] = frozenset()) -> int:
    """The wanted port if it is free, the next free one otherwise. Raises InputError if there is none near."""
    for port in range(wanted, min(wanted + NEAR, 65_536)):
        if port in taken:
            continue
        try:
            check_free(host, port, "port")
        except InputError:
            continue
        return port
    raise InputError(f"no free port from {wanted} on at {host}")
