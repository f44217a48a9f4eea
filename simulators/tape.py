"""Random numbers by position: number k of a tape is the same, whoever asks for it, whenever, in whatever order.

Counter-based generation after Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (2011), by
numpy's Philox. It is what makes a simulation independent of how it is cut into batches and shared among processes.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.int64]
Key = list[int]
"""Two 64-bit numbers."""
BLOCK = 512
"""Numbers made at once: enough to spread the cost of a generator, few enough to waste little at the ends."""


class _Philox(threading.local):
    """One generator a thread, set to a key and a position: ten times cheaper than a new one."""

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bits)

    def at(self, key: Key, block: int) -> np.random.Generator:
        state: Any = {
            "bit_generator": "Philox",
            "state": {"counter": [0, 0, 0, block], "key": key},  # lists: numpy takes them faster than arrays
            "buffer": _EMPTY,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._bits.state = state
        return self._generator


_EMPTY = [0, 0, 0, 0]
_philox = _Philox()


def _key_of(parts: Sequence[object]) -> Key:
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")]


class Tapes:
    """Tapes side by side, one a device: row i of every answer is what `Tape(*keys[i])` says."""

    __slots__ = ("_cached", "_keys", "_uniform")
    _KEPT = 2
    """Blocks kept: neighbouring spans of time meet in at most two."""

    def __init__(self, keys: Sequence[Sequence[object]], uniform: bool = False) -> None:
        self._keys = [_key_of(key) for key in keys]
        self._uniform = uniform
        self._cached: dict[int, FloatArray] = {}

    def take(self, start: int, stop: int) -> FloatArray:
        """Numbers `start` … `stop` - 1 of each: standard normal, or uniform in [0, 1) if made so; (n_tapes, n)."""
        first, last = start // BLOCK, (stop - 1) // BLOCK
        if first == last:
            return self._block(first)[:, start - first * BLOCK : stop - first * BLOCK]
        parts = [self._block(number) for number in range(first, last + 1)]
        return np.concatenate(parts, axis=1)[:, start - first * BLOCK : stop - first * BLOCK]

    def at(self, index: TimeArray) -> FloatArray:
        """The numbers at those indices, (n_tapes, n), a row for each tape or one row for all."""
        if not index.size:
            return np.zeros((len(self._keys), 0))
        first = int(index.min())
        return gather(self.take(first, int(index.max()) + 1), index - first)

    def one(self, index: int) -> FloatArray:
        """A single number of each, (n_tapes, 1)."""
        return self.take(index, index + 1)

    def _block(self, number: int) -> FloatArray:
        block = self._cached.pop(number, None)
        if block is None:
            block = np.empty((len(self._keys), BLOCK))
            for row, key in zip(block, self._keys, strict=True):
                generator = _philox.at(key, number)
                if self._uniform:
                    generator.random(out=row)
                else:
                    generator.standard_normal(out=row)
            if len(self._cached) >= self._KEPT:
                self._cached.pop(next(iter(self._cached)))
        self._cached[number] = block
        return block

    def __getstate__(self) -> tuple[list[Key], bool]:
        return self._keys, self._uniform

    def __setstate__(self, state: tuple[list[Key], bool]) -> None:
        self._keys, self._uniform = state
        self._cached = {}


class Tape:
    """Independent numbers under a key, addressed by an index from 0 to 2^63."""

    __slots__ = ("_row",)

    def __init__(self, *key: object, uniform: bool = False) -> None:
        self._row = Tapes([key], uniform)

    def take(self, start: int, stop: int) -> FloatArray:
        """Numbers `start` … `stop` - 1: standard normal, or uniform in [0, 1) if the tape was made so.

        >>> tape = Tape(7, "pump-1", "noise")
        >>> bool((tape.take(1000, 1100)[24:] == tape.take(1024, 1100)).all())
        True
        """
        return np.asarray(self._row.take(start, stop)[0])

    def at(self, index: TimeArray) -> FloatArray:
        """The numbers at those indices, shape as given."""
        return np.asarray(self._row.at(index[None, :])[0])

    def one(self, index: int) -> float:
        """A single number."""
        return float(self.take(index, index + 1)[0])


def gather(table: FloatArray, index: NDArray[np.signedinteger], ahead: int = 0) -> FloatArray:
    """`table[…, index + ahead]` row by row; where one of the two has a single row (or is flat), it serves all rows."""
    if table.ndim == 1:
        return np.asarray(table[ahead:][index])
    if len(table) == 1:
        return np.asarray(table[0, ahead:][index])
    if len(index) == 1:
        return np.asarray(table[:, ahead:][:, index[0]])
    table = np.ascontiguousarray(table)
    offset = np.arange(len(table), dtype=np.intp)[:, None] * table.shape[1] + ahead
    return np.asarray(table.reshape(-1)[index + offset])
