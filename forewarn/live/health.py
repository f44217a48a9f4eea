"""Which parts of the service are down or do less than they should, and why: written by its threads, read by `/readyz`.

A part that is down makes the service not ready: telemetry is better sent elsewhere or later. One that is degraded does
not: readings are taken in, stored and judged as ever, only something that adds to that is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from ingest.errors import named

log = structlog.get_logger(__name__)


class Health:
    """What is wrong, by part, and where it is down by who noticed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[tuple[str, str], str] = {}
        self._degraded: dict[str, str] = {}

    def note(self, part: str, problem: str | None, by: str = "") -> None:
        """Note what is wrong with a part, or with None that nothing is any more; each `by` speaks for itself."""
        with self._lock:
            if problem is None:
                self._problems.pop((part, by), None)
            else:
                self._problems[part, by] = problem

    def not_ready(self) -> Mapping[str, str]:
        """The parts that are down and why."""
        with self._lock:
            return {part: problem for (part, _), problem in self._problems.items()}

    def degrade(self, part: str, problem: str | None) -> None:
        """Note what a part cannot do while the service goes on without it, or with None that it can again."""
        with self._lock:
            if problem is None:
                self._degraded.pop(part, None)
            else:
                self._degraded[part] = problem

    def degraded(self) -> Mapping[str, str]:
        """The parts that do less than they should and why."""
        with self._lock:
            return dict(self._degraded)


@contextmanager
def reported(part: str, health: Health) -> Iterator[None]:
    """Run a thread's work: a fault of this program ends the thread, is logged and makes the service not ready."""
    name_thread(part)
    try:
        yield
    except Exception as error:
        log.exception("a thread ended by a fault in this program", part=part)
        health.note(part, f"ended by a fault: {named(error)}"[:300])


def name_thread(name: str) -> None:
    """Have `top -H` and the like show this thread by name; where the system has no such names, nothing."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name[:15], "ascii")
