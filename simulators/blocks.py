"""Readings as columns, and how messages of many devices become one stream in order of sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.tape import FloatArray, TimeArray

IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Block:
    """Readings as columns of one length, in the order they are sent; rows of one `message` follow each other.

    `device`, `metric` and `unit` are positions in the simulation's lists; `time` (the device's stamp) and `sent` are
    ns UTC; `message` numbers the messages of this block from 0.
    """

    device: IntArray
    metric: IntArray
    unit: IntArray
    time: TimeArray
    sent: TimeArray
    value: FloatArray
    message: TimeArray

    def __len__(self) -> int:
        return len(self.time)

    def only(self, rows: BoolArray) -> Block:
        """Those rows; whole messages, if the choice is one of devices."""
        if rows.all():
            return self
        return Block(
            self.device[rows],
            self.metric[rows],
            self.unit[rows],
            self.time[rows],
            self.sent[rows],
            self.value[rows],
            self.message[rows],
        )


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one width: `device`, `time`, `sent` are (n,), the others (n, n_channels); `present` None: all there.

    Messages of one device are in the order they leave it.
    """

    device: IntArray
    time: TimeArray
    sent: TimeArray
    values: FloatArray
    metric: IntArray
    unit: IntArray
    present: BoolArray | None = None


def in_order(parts: Sequence[Messages], begin: int, until: int, devices: int) -> Block:
    """One block of all messages, sent in [begin, until), by moment of sending; equal moments in order of device."""
    parts = [part for part in parts if len(part.time)]
    if not parts:
        empty, no_time = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return Block(empty, empty, empty, no_time, no_time, np.zeros(0), no_time)
    counts = np.concatenate([_counts(part) for part in parts])
    sent = np.concatenate([part.sent for part in parts])
    device = np.concatenate([part.device for part in parts])
    order = _order(sent, device, begin, until, devices)
    order = order[counts[order] > 0]
    taken, first = counts[order], (np.cumsum(counts) - counts)[order]
    message = np.repeat(np.arange(len(order)), taken)
    row = np.arange(len(message)) + (first - (np.cumsum(taken) - taken))[message]
    by_row = order[message]
    time = np.concatenate([part.time for part in parts])
    return Block(
        device[by_row],
        np.concatenate([_flat(part.metric, part.present) for part in parts])[row],
        np.concatenate([_flat(part.unit, part.present) for part in parts])[row],
        time[by_row],
        sent[by_row],
        np.concatenate([_flat(part.values, part.present) for part in parts])[row],
        message,
    )


def _counts(part: Messages) -> TimeArray:
    if part.present is None:
        return np.full(len(part.time), part.values.shape[1])
    return np.asarray(part.present.sum(axis=1), np.int64)


def _order(sent: TimeArray, device: IntArray, begin: int, until: int, devices: int) -> TimeArray:
    """Positions by (sent, device), stable; as one number where that fits, which sorts long runs in no time."""
    if (until - begin) * devices < 2**63:
        return np.argsort((sent - begin) * devices + device, kind="stable")
    return np.lexsort((device, sent))


def _flat(table: NDArray[np.generic], present: BoolArray | None) -> NDArray[np.generic]:
    return table.reshape(-1) if present is None else table[present]
