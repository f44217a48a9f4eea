"""A device that is given other firmware: from a moment on it speaks another format, after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulators.payloads.encoder import Encoder, Outgoing, Sample


@dataclass(slots=True)
class Flashed:
    """Speaks as `before`, in [begin, end) (ns UTC, its own clock) as `after`."""

    before: Encoder
    after: Encoder
    begin: int
    end: int
    _now: Encoder = field(init=False)

    def __post_init__(self) -> None:
        self._now = self.before

    def boot(self, time: int) -> None:
        """Start with the firmware that it has at `time`: will and greeting are of that."""
        self._now = self._at(time)

    def will(self) -> Outgoing | None:
        """As the firmware of the moment has it."""
        return self._now.will()

    def hello(self, time: int) -> Iterator[Outgoing]:
        """The greeting of the firmware it has then."""
        self.boot(time)
        yield from self._now.hello(time)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """A sample; where nobody restarted it, it leaves in the old way and greets in the new one first."""
        wanted = self._at(sample.time)
        if wanted is not self._now:
            yield from self._now.goodbye(sample.time)
            yield from self.hello(sample.time)
        yield from wanted.encode(sample)

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """The farewell of the firmware of the moment."""
        yield from self._now.goodbye(time)

    def _at(self, time: int) -> Encoder:
        return self.after if self.begin <= time < self.end else self.before
