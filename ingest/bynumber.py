"""A column of a table that somebody may want to read: looked up by number when they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import eq
from typing import TypeVar, overload

from ingest.reading import IntArray

T = TypeVar("T")


class ByNumber(Sequence[T]):
    """`every[number]` for each of `numbers`, in that order; `every` only grows.

    Whoever remembers something by number need not touch what stands there. Equal to any sequence of the same things.

    >>> import numpy as np
    >>> ByNumber(["a", "b", "c"], np.array([2, 0])) == ("c", "a")
    True
    """

    __slots__ = ("every", "numbers")

    def __init__(self, every: list[T], numbers: IntArray) -> None:
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
