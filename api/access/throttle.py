"""Slows down the guessing of passwords and links: who failed often waits longer before the next try counts."""

from __future__ import annotations

SECOND_NS = 1_000_000_000
FREE_FAILURES = 5
"""Mistyping is human."""
FREE_FAILURES_OF_MANY = 50
"""Of one user from anywhere, or of anybody from one address, which may be a whole company's."""
LONGEST_WAIT_NS = 15 * 60 * SECOND_NS
"""Long enough that guessing is hopeless (4 tries an hour), short enough that locking somebody out is no weapon."""
FORGET_AFTER_NS = 24 * 3_600 * SECOND_NS


def failure_keys(name: str, address: str) -> dict[str, int]:
    """What failures are counted by, and how many are free; the first key is forgiven when the sign-in succeeds."""
    return {
        f"user:{name}@{address}": FREE_FAILURES,
        f"user:{name}": FREE_FAILURES_OF_MANY,
        f"address:{address}": FREE_FAILURES_OF_MANY,
    }


def link_failure_keys(address: str) -> dict[str, int]:
    """The same for links that lead nowhere."""
    return {f"link:{address}": FREE_FAILURES_OF_MANY}


def wait_ns(failures: int, last_at: int, now: int, free: int = FREE_FAILURES) -> int:
    """How long to wait before another try, after that many failures in a row, the last one at `last_at`.

    >>> [wait_ns(failures, 0, 0) // SECOND_NS for failures in (0, 4, 5, 6, 9, 99)]
    [0, 0, 1, 2, 16, 900]
    """
    if failures < free:
        return 0
    wait = min(SECOND_NS << min(failures - free, 32), LONGEST_WAIT_NS)
    return max(0, last_at + wait - now)
