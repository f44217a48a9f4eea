"""How many sockets one process may have open."""

from __future__ import annotations

import resource

from simulators.errors import SimulatorError


def allow_files(wanted: int) -> None:
    """Raise the soft limit on open files to `wanted`; SimulatorError if the hard limit is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SimulatorError(f"{wanted} open files are needed and this machine allows {hard}; see `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
