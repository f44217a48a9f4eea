"""What a store of telemetry is: it keeps readings and scores by name, and gives back one series at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores
from ingest.reading import FloatArray, TimeArray


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that the store will never take, and why; the rest of its batch was kept."""

    row: int
    """Its place in the batch that was written."""
    reason: str


@dataclass(frozen=True, slots=True)
class Points:
    """Readings of one series, ascending by time: columns of one length; `time` in ns UTC."""

    time: TimeArray
    value: FloatArray

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.time)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Readings of one series per interval, ascending: columns of one length; an interval without readings is left out.

    `time` is where the interval begins, a whole multiple of it since 1970, in ns UTC.
    """

    time: TimeArray
    low: FloatArray
    mean: FloatArray
    high: FloatArray
    count: TimeArray

    def __len__(self) -> int:
        """Number of intervals that hold readings."""
        return len(self.time)


@dataclass(frozen=True, slots=True)
class ScorePoints:
    """Scores of one series, ascending by time: columns of one length; the expected band is NaN where there is none."""

    time: TimeArray
    score: FloatArray
    p_value: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        """Number of scores."""
        return len(self.time)


class TelemetryStore(Protocol):
    """Keeps readings and scores; one thread writes, many may read.

    A reading is known by (site, device, metric, time): the value written last is kept. Every call returns or raises
    within a time limit: RetryableError if the store is away or busy, RejectedError if it refuses for good (a wrong
    token, a damaged file). Ranges of time are ns UTC, start inclusive, end exclusive.
    """

    def prepare(self) -> None:
        """Make what is not there yet (tables, a database, its retention), where the server allows it."""

    def prepare_to_read(self) -> None:
        """Be ready for reading alone, beside a service that writes: makes and changes nothing."""

    def ping(self) -> None:
        """Return if the store answers."""

    def write(self, readings: KeyedBatch) -> list[Refused]:
        """Keep readings; the rows that are refused for good come back, all others are kept on return."""

    def write_scores(self, scores: KeyedScores) -> list[Refused]:
        """Keep scores, as `write` does."""

    def readings(self, site: str, device: str, metric: str, start: int, end: int, limit: int) -> Points:
        """The first `limit` readings of that range; none if the series is not known."""

    def aggregate(
        self, site: str, device: str, metric: str, start: int, end: int, interval: int, limit: int
    ) -> Buckets:
        """The first `limit` intervals (of `interval` ns) that hold readings of that range; readings outside of the
        range do not count, also where they lie in its first or last interval.
        """

    def scores(self, site: str, device: str, metric: str, start: int, end: int, limit: int) -> ScorePoints:
        """The first `limit` scores of that range."""

    def maintain(self, now: int) -> None:
        """Do a small step of upkeep, retention say; called every few seconds."""

    def close(self) -> None:
        """Let go of files and connections."""
