"""What every payload encoder is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Quantity:
    """A metric with its unit, as the registry spells them."""

    metric: str
    unit: str


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """A device as its messages name it."""

    site: str
    name: str
    quantities: Sequence[Quantity]
    utc_offset_h: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a device measured at `time` (its own stamp, ns UTC); values and units by metric."""

    time: int
    values: Mapping[str, float]
    units: Mapping[str, str]
    backlog: bool = False
    """Measured while the link was down."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int | None = None
    """Where the format's specification says which; else whoever publishes decides."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A recording from `time` (ns UTC, its first sample) on: `counts` times `scale`, in `unit`, `rate_hz` a second."""

    time: int
    metric: str
    unit: str
    rate_hz: float
    scale: float
    counts: Sequence[int]


@runtime_checkable
class Recording(Protocol):
    """An encoder that can send waveforms."""

    def encode_wave(self, wave: Wave) -> Iterator[Outgoing]:
        """A recording as messages."""
        ...


@runtime_checkable
class Commanded(Protocol):
    """An encoder that can be told something: its session subscribes to the topic of its commands."""

    def commands(self) -> str:
        """The topic its commands come on, without wildcards."""
        ...

    def answer(self, command: bytes, time: int) -> Iterator[Outgoing]:
        """What it sends, at `time` (ns UTC), because of that command; nothing if it does not understand it."""
        ...


class Encoder(Protocol):
    """How one device speaks. It may keep state (sequence numbers, what was sent last): one object per device."""

    def will(self) -> Outgoing | None:
        """What the broker shall say when the device is gone; None where the format has none."""
        ...

    def hello(self, time: int) -> Iterator[Outgoing]:
        """What it sends on connecting at `time` (ns UTC): births, discovery, availability."""
        ...

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """A sample as messages."""
        ...

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """What it sends before it leaves of its own will."""
        ...
