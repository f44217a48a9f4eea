"""What an adapter is: it knows which topics it reads and turns their payloads into rows.

A new payload format is one file with a `route` function and one line in `ingest.adapters.ADAPTERS`. Golden examples
lie in tests/ingest/examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ingest.measure import Key
from ingest.names import MAX_LENGTH, name_problem

NO_TIME = -(2**63)
"""In the time column: the device sent no stamp."""
NO_SEQ = -1
"""In the sequence column: the device sent no sequence number."""
MAX_KEYS = 1 << 20
"""Distinct keys remembered before the memory is cleared: a bound against invented names."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of a message that cannot be taken, and why."""

    message: int
    """Place of the message in its batch."""
    item: int
    """Place of the object in its message."""
    metric: str | None
    """None: the object as a whole."""
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device said, or its will said for it, whether it is online."""

    site: str
    device: str
    online: bool
    at: int
    """Arrival in ns UTC."""


class Keys:
    """Numbers for (site, device, metric, unit as sent); they hold until `trim` starts anew."""

    def __init__(self) -> None:
        self.table: list[Key] = []
        self._number: dict[Key, int] = {}

    def find(self, key: Key) -> int | None:
        """The number of a key that occurred before."""
        return self._number.get(key)

    def add(self, key: Key) -> int:
        """The number of a new key."""
        number = self._number[key] = len(self.table)
        self.table.append(key)
        return number

    def trim(self) -> None:
        """Forget everything when too much is known."""
        if len(self.table) > MAX_KEYS:
            self.table = []
            self._number = {}


class Rows:
    """Collects what the messages of one batch say: columns of readings, problems and device states.

    Columns are parallel lists, rows in order of arrival: key number, event time in ns UTC or `NO_TIME`, value as sent,
    sequence number or `NO_SEQ`.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.key: list[int] = []
        self.time: list[int] = []
        self.value: list[float] = []
        self.seq: list[int] = []
        self.begins: list[tuple[int, int, int]] = []
        """(first row, message, item) of every object that was begun."""
        self.problems: list[Problem] = []
        self.statuses: list[DeviceStatus] = []
        self.message = 0
        self.item = 0

    def begin(self, item: int) -> None:
        """The rows and problems that follow belong to that object of the current message."""
        self.item = item
        self.begins.append((len(self.key), self.message, item))

    def refuse(self, reason: str, metric: str | None = None) -> None:
        """Note what cannot be taken of the current object; a metric's name is told so that any file can hold it."""
        shown = None if metric is None else metric[:MAX_LENGTH].encode("utf-8", "replace").decode()
        self.problems.append(Problem(self.message, self.item, shown, reason))

    def key_of(self, site: str, device: str, metric: str, unit: str | None) -> int | None:
        """The number of that key; None, with the reason noted, if the metric's name is impossible."""
        key = (site, device, metric, unit)
        number = self.keys.find(key)
        if number is not None:
            return number
        problem = name_problem(metric, "metric")
        if problem:
            self.refuse(problem, metric)
            return None
        return self.keys.add(key)

    def add(self, key: int, time: int, value: float, seq: int = NO_SEQ) -> None:
        """Append a reading."""
        self.key.append(key)
        self.time.append(time)
        self.value.append(value)
        self.seq.append(seq)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known when a message arrives, beside its bytes."""

    received_at: int
    """Ns UTC."""
    latest: int
    """Stamps after this, in ns UTC, are refused."""


Route: TypeAlias = Callable[[bytes, Arrival, Rows], None]
"""Reads payloads of one topic. Raises PayloadError when nothing of the payload can be read."""

FindRoute: TypeAlias = Callable[[str], Route | None]
"""An adapter's door: the route for a topic, None if the topic is not its own."""
