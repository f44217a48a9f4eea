"""What an adapter is: it knows which topics it reads and turns their payloads into rows.

A new payload format is one file with an `adapter` function and one line in `ingest.adapters.ADAPTERS`. Golden examples
lie in tests/ingest/examples, what users need to know in docs/adapters.md, the Chinese of what it refuses in
api/web/locale/reasons.toml.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from ingest.adapters.options import Options
from ingest.logentry import LogEntry
from ingest.machine import Machine
from ingest.measure import Key
from ingest.names import MAX_LENGTH, name_problem
from ingest.payload import PayloadError

NO_TIME = -(2**63)
"""In the time column: the device sent no stamp."""
NO_SEQ = -1
"""In the sequence column: the device sent no sequence number."""
_NUMBER_BYTES, _NO_SEQ_BYTES = array("i").itemsize, array("q", [NO_SEQ]).tobytes()
MAX_PROBLEMS = 1000
"""Problems noted of one message; that there were more is told once."""
MAX_KEYS = 1 << 20
"""Distinct keys remembered before the memory is cleared: a bound against invented names."""
MAX_IN_LAYOUTS = 1 << 19
"""Readings in all the layouts remembered, some 20 MB of names, before they are cleared."""


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


@dataclass(frozen=True, slots=True)
class Publish:
    """A message that a format asks for, as a command to a device. Adapters only wish: the MQTT edge publishes."""

    topic: str
    payload: bytes
    qos: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device tells about itself or about one of its metrics, beside readings; None: it does not say."""

    site: str
    device: str
    metric: str | None = None
    """None: the device as a whole."""
    title: str | None = None
    """A name for people."""
    basis: str | None = None
    """What the metric's number is."""
    interval_s: float | None = None
    """Expected seconds between its readings."""
    expire_after_s: float | None = None
    """Seconds without a reading after which the device itself calls the metric lost."""


class Layout:
    """Which readings an array of objects holds, with the columns that are the same for all arrays like it."""

    __slots__ = ("devices", "metrics", "numbers", "runs", "sizes", "starts")

    def __init__(self, devices: list[object], sizes: list[int], metrics: list[str], numbers: bytes) -> None:
        """For each object its device and how many metrics it has, then all their names, and the numbers of all keys."""
        self.devices, self.sizes, self.metrics, self.numbers = devices, sizes, metrics, numbers
        runs = np.array(sizes, np.int64)
        self.runs, self.starts = runs.tobytes(), np.cumsum(runs) - runs


class Keys:
    """Numbers for (site, device, metric, unit as sent); they hold until `trim` starts anew."""

    def __init__(self) -> None:
        self.table: list[Key] = []
        self._number: dict[Key, int] = {}
        self._left_out: set[tuple[str, str, str]] = set()
        self._shapes: dict[Hashable, bytes] = {}
        self._in_shapes = 0
        self._layouts: dict[Hashable, Layout] = {}
        self._in_layouts = 0

    def find(self, key: Key) -> int | None:
        """The number of a key that occurred before."""
        return self._number.get(key)

    def add(self, key: Key) -> int:
        """The number of a new key."""
        number = self._number[key] = len(self.table)
        self.table.append(key)
        return number

    def is_news(self, site: str, device: str, metric: str) -> bool:
        """Whether that part of a device was not left out before; it counts as left out from now on."""
        part = (site, device, metric[:MAX_LENGTH])
        if part in self._left_out:
            return False
        self._left_out.add(part)
        return True

    def of_shape(self, shape: Hashable) -> bytes | None:
        """The numbers that objects of that shape hold, if one of them came before; see `note_shape`."""
        return self._shapes.get(shape)

    def of_shapes(self, shapes: Iterable[Hashable]) -> bytes:
        """`of_shape` of all of them. Raises KeyError if there was none like one of them."""
        return b"".join(map(self._shapes.__getitem__, shapes))

    def note_shape(self, shape: Hashable, numbers: bytes) -> None:
        """Remember the keys of an object, a machine int each: its next ones differ in their numbers only."""
        if self._in_shapes > MAX_KEYS:
            self._shapes, self._in_shapes = {}, 0
        self._shapes[shape] = numbers
        self._in_shapes += 1 + len(numbers) // _NUMBER_BYTES

    def layout_of(self, name: Hashable) -> Layout | None:
        """The layout noted last under that name: the next array is usually laid out as the one before."""
        return self._layouts.get(name)

    def note_layout(self, name: Hashable, layout: Layout) -> None:
        """Remember a layout in the place of the one before."""
        if self._in_layouts > MAX_IN_LAYOUTS:
            self._layouts, self._in_layouts = {}, 0
        before = self._layouts.get(name)
        self._layouts[name] = layout
        self._in_layouts += len(layout.metrics) - (0 if before is None else len(before.metrics))

    def trim(self) -> None:
        """Forget everything when too much is known."""
        if len(self.table) + len(self._left_out) > MAX_KEYS:
            self.table = []
            self._number = {}
            self._left_out = set()
            self._shapes, self._in_shapes = {}, 0
            self._layouts, self._in_layouts = {}, 0


class Rows:
    """Collects what the messages of one batch say: columns of readings, problems and device states.

    Columns are arrays, rows in order of arrival: key number and value as sent of every row; event time in ns UTC or
    `NO_TIME`, and sequence number or `NO_SEQ`, of every run of rows that share them, beside how many rows that are.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.key = array("i")
        self.value = array("d")
        self.run, self.time, self.seq = array("q"), array("q"), array("q")
        self.begins, self.messages, self.items = array("q"), array("q"), array("q")
        """First row, message, and place in the message, of every object that was begun."""
        self.problems: list[Problem] = []
        self.statuses: list[DeviceStatus] = []
        self.historical: list[int] = []
        """Rows that their sender marked as history."""
        self.wishes: list[Publish] = []
        self.registrations: list[Registration] = []
        self.entries: list[tuple[int, int, LogEntry]] = []
        """(first row after it, message, entry) of every log entry."""
        self.message = 0
        self.item = 0
        self.most_problems = MAX_PROBLEMS
        self._refused_of, self._refused = -1, 0
        self.refusals = 0
        """Parts that were refused, those that are not among the problems included."""

    def begin(self, item: int) -> None:
        """The rows and problems that follow belong to that object of the current message."""
        self.item = item
        self.begins.append(len(self.key))
        self.messages.append(self.message)
        self.items.append(item)

    def refuse(self, reason: str, metric: str | None = None) -> None:
        """Note what cannot be taken of the current object; a metric's name is told so that any file can hold it."""
        if self._refused_of != self.message:
            self._refused_of, self._refused = self.message, 0
        self._refused += 1
        self.refusals += 1
        if self._refused > self.most_problems:
            if self._refused == self.most_problems + 1:
                self.problems.append(Problem(self.message, self.item, None, "more of this message was refused as well"))
            return
        shown = None if metric is None else metric[:MAX_LENGTH].encode("utf-8", "replace").decode()
        self.problems.append(Problem(self.message, self.item, shown, reason))

    def leave_out(self, site: str, device: str, metric: str, unit: str | None, reason: str) -> None:
        """Refuse a part that is no reading, in a format whose payloads hold such parts as a matter of course.

        A state that is never a number would fill the list of rejects, so it is told the first time only; a metric
        that has been a number is refused each time.
        """
        if self.keys.find((site, device, metric, unit)) is not None or self.keys.is_news(site, device, metric):
            self.refuse(reason, metric)

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

    def log(self, entry: LogEntry) -> None:
        """Append a log entry; readings that follow come after it."""
        self.entries.append((len(self.key), self.message, entry))

    def add_all(self, numbers: bytes, time: int, values: Iterable[float], seq: int = NO_SEQ) -> None:
        """Append a reading for each of the keys with these numbers, which `values` must be as many as."""
        self.key.frombytes(numbers)
        self.value.fromlist(list(values))
        self.run.append(len(numbers) // _NUMBER_BYTES)
        self.time.append(time)
        self.seq.append(seq)

    def add_objects(self, layout: Layout, times: list[int], values: list[float]) -> None:
        """Append the objects of the current message, all of them: for each its time, and all their values in order."""
        count = len(layout.sizes)
        self.begins.frombytes((layout.starts + len(self.key)).tobytes())
        self.messages.frombytes(np.full(count, self.message, np.int64).tobytes())
        self.items.frombytes(np.arange(count, dtype=np.int64).tobytes())
        self.key.frombytes(layout.numbers)
        self.value.fromlist(values)
        self.run.frombytes(layout.runs)
        self.time.fromlist(times)
        self.seq.frombytes(_NO_SEQ_BYTES * count)

    def add(self, key: int, time: int, value: float, seq: int = NO_SEQ) -> None:
        """Append a reading."""
        self.key.append(key)
        self.value.append(value)
        self.run.append(1)
        self.time.append(time)
        self.seq.append(seq)


class Arrival(NamedTuple):
    """What is known when a message arrives, beside its bytes."""

    received_at: int
    """Ns UTC."""
    latest: int
    """Stamps after this, in ns UTC, are refused."""
    client: str | None = None
    """MQTT client id of the sender, where the broker tells it."""


Route: TypeAlias = Callable[[bytes, Arrival, Rows], None]
"""Reads payloads of one topic. Raises PayloadError when nothing of the payload can be read."""

MachineOf: TypeAlias = Callable[[str, str], Machine]
"""The machine under a device, by site and name; `machine.UNKNOWN` where nothing is known."""

FindRoute: TypeAlias = Callable[[str], Route | None]
"""An adapter's door: the route for a topic, None if the topic is not its own."""


class Memory(Protocol):
    """What an adapter learned from messages and needs for later ones; bounded in size."""

    @property
    def revision(self) -> int:
        """Grows when something was learned without which later messages could not be read."""
        ...

    def save(self) -> object:
        """All of it, as values that JSON can hold."""
        ...

    def restore(self, saved: object) -> None:
        """Take back what `save` gave; anything else may raise LookupError, TypeError or ValueError."""
        ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """One payload format."""

    route: FindRoute
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an adapter is built with."""

    options: Options
    is_read: FindRoute
    """The route that an adapter further up in the table has for a topic."""
    forget_routes: Callable[[], None]
    """To be called when the adapter reads other topics than before."""
    machine_of: MachineOf
    """What is known about the machine under a device."""


BuildAdapter: TypeAlias = Callable[[Surroundings], Adapter]


def no_reading(_payload: bytes, _arrival: Arrival, _rows: Rows) -> None:
    """The route of topics that belong to a format but hold no readings: commands, logs, state of its own software."""


def unreadable(reason: str) -> Route:
    """The route of a topic that can hold nothing we could take."""

    def refuse(_payload: bytes, _arrival: Arrival, _rows: Rows) -> None:
        raise PayloadError(reason)

    return refuse
