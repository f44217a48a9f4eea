"""Loopback ports: find one that is free, and see which process listens on it."""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path
from random import SystemRandom

_LISTEN = "0A"
# Below the range from which the kernel takes outgoing ports, so that a killed server finds its port free again.
_FIRST, _LAST = 15_000, 32_000
_RANDOM = SystemRandom()  # nobody's seed may lead two processes to the same ports
_taken: set[int] = set()
"""The ports that this process was given."""


def free_port() -> int:
    """A loopback TCP port on which nobody listens, and that no other test run of this user is given meanwhile."""
    for _ in range(1_000):
        port = _RANDOM.randint(_FIRST, _LAST)
        if port not in _taken and _is_free(port) and _take(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _take(port: int) -> bool:
    """Keep the port from other test runs until this process ends: a byte of a file, locked at the port's offset."""
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _taken.add(port)
    return True


@cache
def _locks() -> int:
    path = Path(tempfile.gettempdir()) / f"forewarn-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def listens(pid: int, port: int) -> bool:
    """Whether process `pid`, and no other, holds the listening socket on loopback `port` (Linux, own processes)."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    try:
        held = {_link(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended, or is just ending
        return False
    return bool(wanted) and wanted <= held


def _listening_inodes(port: int) -> list[str]:
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text("ascii").splitlines()[1:]
    ]
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _link(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except FileNotFoundError:  # closed since it was listed
        return ""
