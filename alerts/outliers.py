"""Remembers the reading that an alert is really about, where it was back in its band when the alert was confirmed.

An alert takes two rare rows of three, and the averages stay rare for some rows after a lone spike: the row that opens
the alert then shows a reading like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray
from models.bank import Verdicts

CONFIRMED_BY = 2
"""Rows before the one that opens an alert by which it may be confirmed."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A rare reading outside its band."""

    number: int
    """Which row of its device it led."""
    series: int
    at: int
    """Event time in ns."""
    facts: tuple[float, ...]
    """As a row of `models.bank.Verdicts.facts`."""


def outside(facts: FloatArray) -> BoolArray:
    """Where the reading is outside its band; `facts` as `models.bank.Verdicts.facts`.

    >>> outside(np.array([[33, 20, 15, 25, 20, 1], [25, 20, 15, 25, 20, 1]])).tolist()
    [True, False]
    """
    return np.asarray((facts[:, 0] < facts[:, 2]) | (facts[:, 0] > facts[:, 3]))


class Outliers:
    """The last outlier of every device, for as long as it may confirm an alert."""

    def __init__(self) -> None:
        self._kept: dict[int, Outlier] = {}

    def before(self, i: int, verdicts: Verdicts, rows: NDArray[np.intp]) -> Outlier | None:
        """The last one in the rows that confirm verdict i, of the same leader; `rows` are those of the batch."""
        device, number = int(verdicts.device[i]), int(verdicts.number[i])
        own = rows[(verdicts.device[rows] == device) & (verdicts.number[rows] < number)]
        found = _outlier(int(own[-1]), verdicts) if len(own) else self._kept.get(device)
        if found is None or number - found.number > CONFIRMED_BY or found.series != int(verdicts.leader[i]):
            return None
        return found

    def keep(self, verdicts: Verdicts, rows: NDArray[np.intp]) -> None:
        """The batch is over: keep what may still confirm an alert of the next one."""
        found = {int(verdicts.device[i]): i for i in rows.tolist()}
        self._kept |= {device: _outlier(i, verdicts) for device, i in found.items()}
        if not self._kept:
            return
        mine = np.flatnonzero(np.isin(verdicts.device, list(self._kept)))[::-1]
        devices, newest = np.unique(verdicts.device[mine], return_index=True)
        for device, number in zip(devices.tolist(), verdicts.number[mine[newest]].tolist(), strict=True):
            if number + 1 - self._kept[device].number > CONFIRMED_BY:
                del self._kept[device]

    def save(self) -> list[tuple[int, int, int, int, tuple[float, ...]]]:
        """(device number, row, series number, time, facts) of every outlier."""
        return [(device, one.number, one.series, one.at, one.facts) for device, one in self._kept.items()]

    def restore(self, saved: Iterable[tuple[int, int, int, int, Iterable[float]]]) -> None:
        """Take back what `save` gave."""
        self._kept = {device: Outlier(number, series, at, tuple(facts)) for device, number, series, at, facts in saved}


def _outlier(i: int, verdicts: Verdicts) -> Outlier:
    number, series, at = (int(getattr(verdicts, name)[i]) for name in ("number", "leader", "time"))
    return Outlier(number, series, at, tuple(verdicts.facts[i].tolist()))
