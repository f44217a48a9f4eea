"""Where each message of `_killsite` was seen, so that one that is missing in the end tells where it was lost.

    publisher: acknowledged ─▶ service: read ─▶ committed ─▶ confirmed by the store    (seconds of CLOCK_MONOTONIC)

mosquitto acknowledges a message before it saves it. Killed within those milliseconds it has lost what it could not send
on, and that is all that is excused here, by what it left and what arrived: the file that the broker left does not hold
the message, no service had committed, and so acknowledged, it, and a service that listened had read every byte that had
arrived over the connection that ended then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ingest.times import format_time

Message: TypeAlias = tuple[str, int]
"""Device and event time in ns UTC."""

READ, COMMITTED, CONFIRMED = "read", "committed", "confirmed"
STAGES = (READ, COMMITTED, CONFIRMED)
ENDED = "ended"
"""A connection to the broker did, with so many bytes that had arrived and were not read."""


class Trail:
    """Appends what was seen to a file, at once: the process may be killed at any moment."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def note(self, at: float, words: Iterable[str]) -> None:
        """A line for each of `words`, seen at `at`."""
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(f"{at:.6f} {word}\n" for word in words).encode())


@dataclass(frozen=True, slots=True)
class BrokerKill:
    """One kill of the broker: when, when it ran again, and the file that it left."""

    at: float
    up_at: float
    listening: bool
    """Whether the service listened,"""
    listens_at: float
    """and when it did again."""
    left: bytes


@dataclass(frozen=True)
class Seen:
    """What is known of all messages."""

    acknowledged: list[float] = field(default_factory=list)
    """By number of the message, as far as any was acknowledged."""
    stages: dict[str, dict[Message, float]] = field(default_factory=lambda: {stage: {} for stage in STAGES})
    """When each message was first seen there."""
    ends: list[tuple[float, int]] = field(default_factory=list)
    """When a connection to the broker ended, and how many bytes that had arrived were not read."""

    @classmethod
    def of(cls, publisher: Path, service: Path) -> Seen:
        """From the files that publisher and service wrote."""
        seen = cls()
        for at, word in _lines(publisher):
            seen.acknowledged.extend([at] * (int(word) - len(seen.acknowledged)))
        for at, word in _lines(service):
            stage, *names = word.split(" ")
            if stage == ENDED:
                seen.ends.append((at, int(names[0])))
            else:
                seen.stages[stage].setdefault((names[0], int(names[1])), at)
        return seen

    def all_was_read(self, kill: BrokerKill) -> bool:
        """Whether connections ended with that kill, and nothing that had arrived over them was left unread."""
        unread = [left for at, left in self.ends if kill.at <= at <= kill.listens_at]
        return bool(unread) and not any(unread)

    def acknowledged_at(self, number: int) -> float | None:
        """When the broker acknowledged a message to its publisher, None if it never did."""
        return self.acknowledged[number] if number < len(self.acknowledged) else None


def _lines(path: Path) -> Iterator[tuple[float, str]]:
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            at, _, word = line.partition(" ")
            yield float(at), word


def kill_of(acknowledged_at: float, kills: Iterable[BrokerKill]) -> BrokerKill | None:
    """The first kill of the broker after it acknowledged: what it sent until it ran again, it sent before the kill."""
    return next((kill for kill in kills if acknowledged_at <= kill.up_at), None)


def lost_by_broker(
    number: int, message: Message, payload: bytes, seen: Seen, kills: Iterable[BrokerKill]
) -> BrokerKill | None:
    """The kill with which the broker itself lost a message that it had acknowledged, None if there is no such."""
    at = seen.acknowledged_at(number)
    kill = None if at is None or message in seen.stages[COMMITTED] else kill_of(at, kills)
    if kill is None or payload in kill.left:
        return None
    if kill.listening and (message in seen.stages[READ] or not seen.all_was_read(kill)):
        return None
    return kill


def trail_of(number: int, message: Message, payload: bytes, seen: Seen, kills: Iterable[BrokerKill]) -> str:
    """All that is known of one message, in a line."""
    device, time = message
    at = seen.acknowledged_at(number)
    told = [f"{device} {format_time(time)}:", "never acknowledged" if at is None else f"acknowledged at {at:.4f}"]
    kill = None if at is None else kill_of(at, kills)
    if kill is not None:
        held = "held" if payload in kill.left else "not held"
        listened = "listened" if kill.listening else "was away"
        told.append(f"broker killed at {kill.at:.4f}, the service {listened}, {held} by the file that it left")
    found: Mapping[str, float] = {
        stage: seen.stages[stage][message] for stage in STAGES if message in seen.stages[stage]
    }
    told += [f"{stage} at {when:.4f}" for stage, when in found.items()] or ["never read by a service"]
    return f"{told[0]} {', '.join(told[1:])}"
