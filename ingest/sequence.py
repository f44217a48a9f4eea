"""Knows a repeated message by the device's own count where it carries no time (contract, section 3).

A message redelivered has the same `seq` and says the same. A device that restarts counts from 0 again and says
something else; what it counted before is then forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from zlib import crc32

import numpy as np

from ingest.keyed import KeyedBatch
from ingest.reading import NS_PER_SECOND, BoolArray, Quality, TimeArray

REMEMBERED = 64
"""Messages per device: three times what clients usually keep in flight unacknowledged."""
LATELY_NS = 600 * NS_PER_SECOND
"""A broker redelivers within minutes of a reconnect; the same count an hour later is another message."""
RESTART_BACK = 16
"""A count this far back with other values is no slip but a device that restarted."""
MAX_DEVICES = 1 << 17
"""Devices remembered; beyond, those that spoke longest ago are forgotten."""

DeviceName: TypeAlias = tuple[str, str]
_Seen: TypeAlias = dict[int, tuple[int, int]]


class Sequences:
    """The counts that devices sent lately, each with what was said and when."""

    def __init__(self) -> None:
        self._devices: dict[DeviceName, _Seen] = {}

    def is_repeated(self, device: DeviceName, seq: int, content: int, at: int) -> bool:
        """Whether a message of `device` that arrived at `at` (ns UTC) came before; it is remembered either way.

        `content` is the same number for the same values.
        """
        seen = self._devices.pop(device, {})
        self._devices[device] = seen  # now the last in order
        if len(self._devices) > MAX_DEVICES:
            del self._devices[next(iter(self._devices))]
        known = seen.get(seq)
        if known is not None and at - known[1] <= LATELY_NS:
            newest = next(reversed(seen))
            if known[0] == content or not (seq == 0 or newest - seq >= RESTART_BACK):
                return True
            seen.clear()
        seen.pop(seq, None)
        seen[seq] = (content, at)
        if len(seen) > REMEMBERED:
            del seen[next(iter(seen))]
        return False

    def repeated(self, batch: KeyedBatch, begins: Sequence[int] | TimeArray) -> BoolArray:
        """Rows of messages that came before, shape (n,). `begins` holds the first row of every message, ascending."""
        repeated = np.zeros(len(batch), np.bool_)
        counted = (batch.seq >= 0) & (batch.quality & np.uint8(Quality.STAMPED_ON_ARRIVAL) != 0)
        if not counted.any():
            return repeated
        firsts = np.asarray(begins).tolist()
        for first, end in zip(firsts, [*firsts[1:], len(batch)], strict=True):
            if first < end and counted[first]:
                rows = slice(first, end)
                site, device, _ = batch.names[batch.key[first]]
                at = int(batch.received_at[first])
                repeated[rows] = self.is_repeated((site, device), int(batch.seq[first]), _content(batch, rows), at)
        return repeated

    def remember(self, batch: KeyedBatch) -> None:
        """Take in readings that were accepted earlier, as after a restart."""
        if bool((batch.seq >= 0).any()):
            names = [batch.names[key][:2] for key in batch.key.tolist()]
            marks = list(zip(names, batch.seq.tolist(), batch.received_at.tolist(), strict=True))
            self.repeated(batch, [0] + [row for row in range(1, len(marks)) if marks[row] != marks[row - 1]])

    def save(self) -> list[list[object]]:
        """What is remembered, as plain values: site, device, and seq, content, arrival of each message."""
        return [[*device, [[seq, *known] for seq, known in seen.items()]] for device, seen in self._devices.items()]

    def restore(self, saved: Sequence[Sequence[object]]) -> None:
        """Take back what `save` gave."""
        for site, device, seen in saved:
            assert isinstance(seen, list)
            self._devices[str(site), str(device)] = {seq: (content, at) for seq, content, at in seen}


def _content(batch: KeyedBatch, rows: slice) -> int:
    """A number for what a message says, the same in every process."""
    metrics = "\0".join(batch.names[key][2] for key in batch.key[rows].tolist())
    return crc32(batch.value[rows].tobytes(), crc32(metrics.encode("utf-8", "replace")))
