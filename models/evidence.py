"""Puts the p-values on a device together, and follows whether they are confirmed and how long they last.

Tests of the same readings depend on each other. Their weighted harmonic mean is a p-value all the same, nearly so, and
keeps its power where one of many sees something: Wilson, "The harmonic mean p-value for combining dependent tests",
PNAS 116, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys
from models.calibration import MIN_P

WHOLE = 0.5
"""Weight of the device's score as a whole; the other half is shared by its metrics, each on its own."""
NOVELTY = 0.7
"""Weight of where the device has been before, beside how far its metrics are off."""
LEAST_NOVELTY = 5e-3
"""Being where it never was says no more than this: a new state alone wakes nobody, it only ranks."""
UNUSUAL = 5e-3
"""A p-value up to here is not quiet: as high as one may be that opens an alert, and below what a new state alone can
make."""
QUIET = 10
"""Quiet rows after which the next unusual one begins something new."""
CONFIRMING = 1
"""So many of the two rows before have to be as rare as a row for it to count: none, one or both."""


def of_device(together: FloatArray, whole: FloatArray, rarest: FloatArray, novelty: FloatArray) -> FloatArray:
    """p-values of rows of devices; columns of one length.

    `together` is the score of all metrics, NaN where there is none, and `whole` its p-value, NaN while not known;
    `rarest` is the mean of 1/p over the metrics, and `novelty` the p-value of the state.

    >>> of_device(np.array([3.0]), np.array([0.5]), np.array([1e6]), np.array([1.0])).round(8)
    array([6.67e-06])
    """
    p_value = np.empty(len(whole))
    _of_device(together, whole, rarest, novelty, MIN_P, p_value)
    return p_value


@compiled
def _of_device(
    together: FloatArray, whole: FloatArray, rarest: FloatArray, novelty: FloatArray, least: float, out: FloatArray
) -> None:
    for row in range(len(out)):
        metrics = rarest[row]
        if not np.isnan(together[row]):
            metrics = WHOLE / np.fmin(whole[row], 1.0) + (1.0 - WHOLE) * rarest[row]
        known = NOVELTY / max(novelty[row], LEAST_NOVELTY) + (1.0 - NOVELTY) * metrics
        out[row] = min(max(1.0 / known, least), 1.0)


class Course(NamedTuple):
    """What came before each row; columns of one length."""

    confirmed: FloatArray
    """The highest p-value that this row and `CONFIRMING` of the two before it keep to."""
    quiet: NDArray[np.int64]
    """Rows since the last unusual one."""
    since: TimeArray
    """Time at which the present stretch of unusual rows began, if one lasts."""


class _Device(Protocol):
    """A record of the state."""

    last: FloatArray
    quiet: int
    since: int


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
        course = Course(np.empty(len(p_value)), np.empty(len(p_value), np.int64), np.empty(len(p_value), np.int64))
        _follow(self._state.records, device, time, p_value, course)
        return course

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per device."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], devices: IntArray) -> None:
        """Take back a saved state; saved row i belongs to device `devices[i]`."""
        self._state.restore(saved, devices)


@compiled
def _follow(records: Sequence[_Device], device: Keys, time: TimeArray, p_value: FloatArray, course: Course) -> None:
    for row in range(len(device)):
        state, p = records[device[row]], p_value[row]
        last, before = state.last[0], state.last[1]
        course.confirmed[row] = max(p, (0.0, min(last, before), max(last, before))[CONFIRMING])
        state.last[0], state.last[1] = p, last
        if p > UNUSUAL:
            state.quiet += 1
        else:
            if state.quiet >= QUIET:
                state.since = time[row]
            state.quiet = 0
        course.quiet[row], course.since[row] = state.quiet, state.since
