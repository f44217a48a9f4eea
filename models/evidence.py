"""Puts the p-values on a device together, and follows whether they are confirmed and how long they last.

Tests of the same readings depend on each other. Their weighted harmonic mean is a p-value all the same, nearly so, and
keeps its power where one of many sees something: Wilson, "The harmonic mean p-value for combining dependent tests",
PNAS 116, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from ingest.runs import run_ends, run_starts, shifted
from models.blocks import Keys
from models.calibration import MIN_P

WHOLE = 0.5
"""Weight of the device's score as a whole; the other half is shared by its metrics, each on its own."""
NOVELTY = 0.7
"""Weight of where the device has been before, beside how far its metrics are off."""
LEAST_NOVELTY = 5e-3
"""Being where it never was says no more than this: a new state alone wakes nobody, it only ranks."""
SLOW = 0.3
"""Weight of where a metric has drifted over days, beside its readings."""
UNUSUAL = 5e-3
"""A p-value up to here is not quiet: as high as one may be that opens an alert, and below what a new state alone can
make."""
QUIET = 10
"""Quiet rows after which the next unusual one begins something new."""


def with_drift(fast: FloatArray, slow: FloatArray) -> FloatArray:
    """p-value of a metric, from that of its readings and that of its drift.

    >>> with_drift(np.array([0.7]), np.array([3e-6])).round(8)
    array([9.99e-06])
    """
    return np.asarray(1.0 / ((1.0 - SLOW) / fast + SLOW / slow))


def of_metrics(whole: FloatArray, rarest: FloatArray) -> FloatArray:
    """p-value of how far a device's metrics are off; `rarest` is the mean of 1/p over the metrics.

    >>> of_metrics(np.array([0.5]), np.array([1e6]))
    array([1.999996e-06])
    """
    return np.asarray(1.0 / (WHOLE / whole + (1.0 - WHOLE) * rarest))


def together(metrics: FloatArray, novelty: FloatArray) -> FloatArray:
    """p-value of a device, from that of its metrics and that of its state."""
    known = NOVELTY / np.maximum(novelty, LEAST_NOVELTY) + (1.0 - NOVELTY) / metrics
    return np.asarray(np.clip(1.0 / known, MIN_P, 1.0))


class Course(NamedTuple):
    """What came before each row; columns of one length."""

    confirmed: FloatArray
    """The highest p-value that this row and one of the two before it keep to."""
    quiet: Keys
    """Rows since the last unusual one."""
    since: TimeArray
    """Time at which the present stretch of unusual rows began, if one lasts."""


class Evidence:
    """The last p-values of every device, and its present stretch of unusual ones."""

    def __init__(self) -> None:
        self._state = StateTable(
            {"last": (np.float64, (2,), 1.0), "quiet": (np.int64, (), QUIET), "since": (np.int64, (), 0)}
        )

    def resize(self, n: int) -> None:
        """Make room for that many devices."""
        self._state.resize(n)

    def follow(self, device: Keys, time: TimeArray, p_value: FloatArray) -> Course:
        """Take in rows, in order of each device's time."""
        order = np.argsort(device, kind="stable")
        keys, p = device[order], p_value[order]
        starts = run_starts(keys)
        first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
        quiet, since = self._stretches(keys, time[order], p, first)
        found = Course(self._confirmed(keys, p, first), quiet, since)
        self._keep(keys, p, quiet, since)
        back = np.empty(len(order), np.intp)
        back[order] = np.arange(len(order))
        return Course(found.confirmed[back], found.quiet[back], found.since[back])

    def _before(self, keys: Keys, p: FloatArray, first: Keys, back: int) -> FloatArray:
        """The p-value `back` rows before each; `last` holds the last one first."""
        place = np.arange(len(p)) - first
        held = self._state["last"][keys, np.maximum(back - 1 - place, 0)]
        return np.where(place >= back, np.roll(p, back), held)

    def _confirmed(self, keys: Keys, p: FloatArray, first: Keys) -> FloatArray:
        earlier = np.minimum(self._before(keys, p, first, 1), self._before(keys, p, first, 2))
        return np.asarray(np.maximum(p, earlier))

    def _stretches(self, keys: Keys, time: TimeArray, p: FloatArray, first: Keys) -> tuple[Keys, TimeArray]:
        place, unusual = np.arange(len(p)), p <= UNUSUAL
        last = np.maximum.accumulate(np.where(unusual, place, -1)) if len(p) else place
        inside = last >= first
        quiet = np.where(inside, place - last, self._state["quiet"][keys] + place - first + 1)
        before = np.where(place > first, shifted(quiet, 0), self._state["quiet"][keys])
        begins = unusual & (before >= QUIET)
        begun = np.maximum.accumulate(np.where(begins, place, -1)) if len(p) else place
        return quiet, np.where(begun >= first, time[np.maximum(begun, 0)], self._state["since"][keys])

    def _keep(self, keys: Keys, p: FloatArray, quiet: Keys, since: TimeArray) -> None:
        if not len(keys):
            return
        ends = np.flatnonzero(run_ends(keys))
        several = (ends > 0) & (keys[np.maximum(ends - 1, 0)] == keys[ends])
        known = keys[ends]
        older = np.where(several, p[np.maximum(ends - 1, 0)], self._state["last"][known, 0])
        self._state["last"][known] = np.stack([p[ends], older], axis=1)
        self._state["quiet"][known], self._state["since"][known] = quiet[ends], since[ends]

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per device."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], devices: IntArray) -> None:
        """Take back a saved state; saved row i belongs to device `devices[i]`."""
        self._state.restore(saved, devices)
