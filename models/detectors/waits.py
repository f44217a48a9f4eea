"""Learns how long one that sends many readings at once is usually not heard of meanwhile.

    clock that it is missed by went on, readings did not ─▶ a wait ─▶ counted by length ─▶ lengths still passed often

A logger that measures every ten minutes and sends six hours of it at once has no gaps in its readings
(`models.detectors.gaps`). What it waits shows on the clock that it is missed by: a device on the clock of its site, a
metric on the clock of its device. Only a wait that its own readings do not explain is counted: what is learned of gaps
does not depend on how devices interleave. And only one that is a good part of the time: who reports every minute, and
sends a backlog when its network was away, is missed as early as ever.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER
from models.detectors.gaps import LENGTHS, Counted, count, fade, usual_limit

OFTEN = 1.5
"""Waits of a length, each fading, that make it usual: two within three weeks. A gap takes three, for its readings are
missing; here nothing is."""
THERE = 10.0
"""A wait is counted, and a usual one expected, where one was heard of for at most so many times as long before it."""
ROOM = 1.1
"""A wait is counted as so much longer: its end is seen when the clock moves, and who sends by the hour may be late."""
EXPLAINED = 2
"""A gap between the readings before and after a wait that is longer than half of it explains it."""


class Waiting(Counted, Protocol):
    """What a record holds of waits."""

    back: int
    """The clock at the end of the last wait, or NEVER."""
    usual: int
    """The limit that usual waits ask for, ns; 0 if none are."""


WAITS: dict[str, tuple[Any, tuple[int, ...], Any]] = {
    "back": (np.int64, (), NEVER),
    "counts": (np.float32, (LENGTHS,), 0.0),
    "counted_at": (np.int64, (), NEVER),
    "usual": (np.int64, (), 0),
}
"""Columns of a `StateTable` whose records are `Waiting`."""


def no_waits(n: int) -> dict[str, NDArray[Any]]:
    """Those columns of `n` that never waited."""
    return {name: np.full((n, *shape), fill, dtype) for name, (dtype, shape, fill) in WAITS.items()}


@compiled
def learn(state: Waiting, heard: int, clock: int) -> None:
    """A wait is over that nothing explains: last heard of at `heard`, again now, by the clock that counts."""
    fade(state, clock)
    if state.back == NEVER or heard - state.back <= THERE * (clock - heard):
        count(state, int(ROOM * (clock - heard)))
    state.back, state.usual = clock, usual_limit(state, OFTEN)[0]


@compiled
def expected(state: Waiting, heard: int) -> int:
    """How long one that was heard of at `heard` may be waited for, by what is usual; ns, 0 if nothing is."""
    return state.usual if state.usual > 0 and heard - state.back <= THERE * state.usual else 0
