"""Loopback ports: find one that is free, and see which process listens on it."""

import os
import random
import socket
from pathlib import Path

_LISTEN = "0A"
# Below the range from which the kernel takes outgoing ports, so that a killed server finds its port free again.
_FIRST, _LAST = 15_000, 32_000


def free_port() -> int:
    """A loopback TCP port on which nobody listens now; another process may still take it first."""
    for _ in range(1_000):
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


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
