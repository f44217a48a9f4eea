"""What the service promises for an order of each priority, and which priority an alert gets: data, with its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import resources

from alerts.alert import Severity
from ingest.registry import Criticality
from workorders.order import Priority

HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Promise:
    """How soon an order is answered and solved, in ns of service time."""

    response_ns: int
    solve_ns: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of many orders together: shares of them, and the mean rating of their customers."""

    responded: float
    solved: float
    satisfaction: float
    complaints_closed: float


@dataclass(frozen=True, slots=True)
class Promises:
    """The promise for each priority, how often it is kept, and the priority for each severity and criticality."""

    by_priority: Mapping[Priority, Promise]
    asked: Asked
    priorities: Mapping[tuple[Severity, Criticality], Priority]

    def priority(self, severity: Severity, criticality: Criticality) -> Priority:
        """How urgent an alert of that severity on a device of that criticality is."""
        return self.priorities[severity, criticality]


@lru_cache(maxsize=1)
def shipped() -> Promises:
    """The promises of `promises.toml`.

    >>> shipped().priority(Severity.HIGH, Criticality.MEDIUM)
    <Priority.P2: 'P2'>
    """
    text = resources.files("workorders").joinpath("promises.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    hours = {priority: data["promise"][priority] for priority in Priority}
    return Promises(
        {p: Promise(int(h["response_h"] * HOUR_NS), int(h["solve_h"] * HOUR_NS)) for p, h in hours.items()},
        Asked(**{field.name: data["asked"][field.name] for field in fields(Asked)}),
        {(s, c): Priority(data["priority"][s][c]) for s in Severity for c in Criticality},
    )


def was_kept(done_at: int | None, due_at: int, now: int) -> bool | None:
    """Whether what was due was done in time; None while it still may be. Times are ns UTC.

    >>> was_kept(5, 5, 9), was_kept(None, 5, 5), was_kept(None, 5, 6)
    (True, None, False)
    """
    if done_at is not None:
        return done_at <= due_at
    return False if now > due_at else None
