"""A column of a table that somebody may want to read: looked up by number when they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import eq
from typing import Any, TypeVar, overload

import numpy as np

from ingest.reading import IntArray, TimeArray

T = TypeVar("T")

MAX_TABLES = 8
"""Tables that are remembered; there are a few, of which each is used for long."""


class ByNumber(Sequence[T]):
    """`every[number]` for each of `numbers`, in that order; `every` only grows.

    Whoever remembers something by number need not touch what stands there. Equal to any sequence of the same things.

    >>> ByNumber(["a", "b", "c"], np.array([2, 0])) == ("c", "a")
    True
    """

    __slots__ = ("every", "numbers")

    def __init__(self, every: list[T], numbers: IntArray | TimeArray) -> None:
        self.every, self.numbers = every, numbers

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> ByNumber[T]: ...
    def __getitem__(self, place: int | slice) -> T | ByNumber[T]:
        if isinstance(place, slice):
            return ByNumber(self.every, self.numbers[place])
        return self.every[int(self.numbers[place])]

    def __iter__(self) -> Iterator[T]:
        return map(self.every.__getitem__, self.numbers.tolist())

    def __len__(self) -> int:
        return len(self.numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"ByNumber({list(self)!r})"


class Renumbered:
    """What the things in tables of others are called by somebody who has numbers of their own: asked for once each."""

    def __init__(self) -> None:
        self._tables: dict[int, tuple[list[Any], TimeArray]] = {}
        """A table, and the number here of each place there, -1 if it is not known."""

    def of(self, those: ByNumber[Any], number_of: Callable[[int], int]) -> TimeArray:
        """A number for each of those; `number_of` tells it for a place in their table."""
        every, known = self._tables.get(id(those.every), (those.every, np.zeros(0, np.int64)))
        if len(known) < len(every):
            if len(self._tables) >= MAX_TABLES:
                self._tables.clear()
            known = np.concatenate([known, np.full(len(every) - len(known), -1)])
            self._tables[id(every)] = every, known
        found = known[those.numbers]
        unknown = those.numbers[found < 0].tolist()
        for place in unknown:
            known[place] = number_of(place)
        return known[those.numbers] if unknown else found
