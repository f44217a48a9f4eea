"""Entries of the spool on their way from one thread to the next, in memory while there is room.

What finds no room is not lost: the reader notices the gap and reads it from the spool.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One or more entries of the spool: those behind `after` up to and with `position`."""

    after: int
    position: int
    rows: int
    value: T


class Backlog(Generic[T]):
    """A queue of items in order of their positions, bounded by rows; one thread pushes, one takes."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._items: deque[Item[T]] = deque()
        self._rows = 0
        self._changed = threading.Condition()

    def push(self, item: Item[T]) -> bool:
        """Append an item; False if there is no room for it."""
        with self._changed:
            if self._items and self._rows + item.rows > self._max_rows:
                return False
            self._items.append(item)
            self._rows += item.rows
            self._changed.notify()
            return True

    def take(self, done: int, max_rows: int, timeout_s: float) -> list[Item[T]]:
        """The items that follow position `done` without a gap, `max_rows` rows of them but at least one.

        They stay here until a later call says that `done` passed them, so that a reader may fail and ask again. Nothing
        if there is none after `timeout_s`, or if the next ones lie in the spool; then `gap` tells up to where.
        """
        with self._changed:
            self._forget(done)
            if not self._items:
                self._changed.wait(timeout_s)
                self._forget(done)
            taken: list[Item[T]] = []
            for item in self._items:
                if item.after > done or (taken and max_rows < item.rows):
                    break
                max_rows -= item.rows
                done = item.position
                taken.append(item)
            return taken

    def gap(self, done: int, last: int) -> int:
        """Up to which position the reader has to read from the spool, whose newest entry is `last`."""
        with self._changed:
            self._forget(done)
            return self._items[0].after if self._items else last

    def _forget(self, done: int) -> None:
        while self._items and self._items[0].position <= done:
            self._rows -= self._items.popleft().rows

    def waiting(self) -> list[Item[T]]:
        """What is in the queue now, left there."""
        with self._changed:
            return list(self._items)

    def wake(self) -> None:
        """End a `take` that waits."""
        with self._changed:
            self._changed.notify()
