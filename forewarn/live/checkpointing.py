"""When a checkpoint is worth what it costs, and how it is saved.

What was judged since the last one is judged again after a crash, and its entries stay in the spool until then.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from forewarn.live.checkpoint import Checkpoint
from forewarn.live.metrics import Metrics
from ingest.errors import IngestError
from ingest.spool import Spool

EARLIEST_S, LATEST_S = 30.0, 300.0
"""Between two checkpoints."""
WORTH = 10
"""Judging that took so many times the CPU of a checkpoint is worth one: after a crash it is done again."""
BYTES_A_S = 250e6
"""Of a checkpoint, saved in a second of CPU; where nothing better is known."""
LOOK_S = 1.0
FULL_SHARE = 0.5
"""A spool filled so far is given room by a checkpoint at once; it is looked at every LOOK_S."""

log = structlog.get_logger(__name__)


def is_worth_it(age_s: float, judged_s: float, cost_s: float) -> bool:
    """Whether to make a checkpoint, so many seconds, and CPU seconds of judging, after one that took `cost_s` of CPU.

    >>> is_worth_it(40, 9, 1), is_worth_it(40, 10, 1), is_worth_it(29, 10, 1), is_worth_it(300, 0, 1)
    (False, True, False, True)
    """
    return age_s >= LATEST_S or (age_s >= EARLIEST_S and judged_s >= WORTH * cost_s)


class Checkpointing:
    """The checkpoints of the judging thread, for that thread alone; `spool_bytes` is how large the spool may grow."""

    def __init__(self, spool: Spool, spool_bytes: int, metrics: Metrics) -> None:
        self._spool, self._spool_bytes, self._metrics = spool, spool_bytes, metrics
        self.position = 0
        """Position of the spool that the last one is of."""
        self._saved_at = self._look_at = 0.0
        self._worked_s = self._cost_s = 0.0
        """CPU time of the thread at the last one, and what that took of it."""

    def restore(self, position: int, size_bytes: int) -> None:
        """The last one is of that position, and so large."""
        self.position, self._cost_s = position, size_bytes / BYTES_A_S

    def start(self) -> None:
        """Judging begins."""
        self._saved_at = time.monotonic()

    def is_due(self, done: int) -> bool:
        """Whether one is, with all judged up to `done`: by time and work, or as its entries fill half of the spool."""
        if done <= self.position:
            return False
        now = time.monotonic()
        if is_worth_it(now - self._saved_at, time.thread_time() - self._worked_s, self._cost_s):
            return True
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_S
        return self._spool.depth().size_bytes > self._spool_bytes * FULL_SHARE

    def save(self, done: int, make: Callable[[], Checkpoint]) -> IngestError | None:
        """Save what `make` gives, as of position `done`; why that was not possible, if so."""
        began = self._saved_at = time.monotonic()
        worked_s = self._worked_s = time.thread_time()
        try:
            self._spool.save_checkpoint(done, *make().encode())
        except IngestError as error:
            log.warning("no checkpoint", error=str(error))
            return error
        self.position = done
        self._saved_at, self._worked_s = time.monotonic(), time.thread_time()
        self._cost_s = self._worked_s - worked_s
        self._metrics.checkpoints.inc()
        self._metrics.checkpoint_seconds.observe(self._saved_at - began)
        return None
