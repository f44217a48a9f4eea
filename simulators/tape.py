"""Random numbers by position: number k of a tape is the same, whoever asks for it, whenever, in whatever order.

Counter-based generation after Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (2011), by
numpy's Philox. It is what makes a simulation independent of how it is cut into batches and shared among processes.
"""

from __future__ import annotations

import hashlib
import threading

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.int64]
BLOCK = 512
"""Numbers made at once: enough to spread the cost of a generator, few enough to waste little at the ends."""


class _Philox(threading.local):
    """One generator a thread, set to a key and a position: ten times cheaper than a new one."""

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bits)

    def at(self, key: NDArray[np.uint64], block: int) -> np.random.Generator:
        self._bits.state = {
            "bit_generator": "Philox",
            "state": {"counter": np.array([0, 0, 0, block], np.uint64), "key": key},
            "buffer": _EMPTY,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._generator


_EMPTY = np.zeros(4, np.uint64)
_philox = _Philox()


class Tape:
    """Independent numbers under a key, addressed by an index from 0 to 2^63."""

    __slots__ = ("_cached", "_key", "_uniform")

    def __init__(self, *key: object, uniform: bool = False) -> None:
        text = "\x1f".join(str(part) for part in key)
        self._key = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), "<u8").astype(np.uint64)
        self._uniform = uniform
        self._cached: dict[int, FloatArray] = {}

    def take(self, start: int, stop: int) -> FloatArray:
        """Numbers `start` … `stop` - 1: standard normal, or uniform in [0, 1) if the tape was made so.

        >>> tape = Tape(7, "pump-1", "noise")
        >>> bool((tape.take(1000, 1100)[24:] == tape.take(1024, 1100)).all())
        True
        """
        first, last = start // BLOCK, (stop - 1) // BLOCK
        if first == last:
            return self._block(first)[start - first * BLOCK : stop - first * BLOCK]
        parts = [self._block(number) for number in range(first, last + 1)]
        return np.concatenate(parts)[start - first * BLOCK : stop - first * BLOCK]

    def at(self, index: TimeArray) -> FloatArray:
        """The numbers at those indices, shape as given."""
        if not len(index):
            return np.zeros(0)
        first = int(index.min())
        return self.take(first, int(index.max()) + 1)[index - first]

    def one(self, index: int) -> float:
        """A single number."""
        return float(self.take(index, index + 1)[0])

    def _block(self, number: int) -> FloatArray:
        block = self._cached.get(number)
        if block is None:
            generator = _philox.at(self._key, number)
            block = generator.random(BLOCK) if self._uniform else generator.standard_normal(BLOCK)
            if len(self._cached) >= 8:
                self._cached.pop(next(iter(self._cached)))
            self._cached[number] = block
        return block

    def __getstate__(self) -> tuple[NDArray[np.uint64], bool]:
        return self._key, self._uniform

    def __setstate__(self, state: tuple[NDArray[np.uint64], bool]) -> None:
        self._key, self._uniform = state
        self._cached = {}
