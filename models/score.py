"""What a detector says about readings: numbers, not verdicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of judged readings as columns of one length, in order of arrival.

    `row` is the reading's row in its batch, `series` its series number, `time` event time in ns UTC. A higher `score`
    is more anomalous; `p_value` in (0, 1] is calibrated on the series' own past: P(p_value ≤ a) ≈ a on normal data.
    `expected`, `low` and `high` are the band in which the reading was expected, in the series' unit, NaN while there
    is not enough data.
    """

    row: IntArray
    series: IntArray
    time: TimeArray
    value: FloatArray
    score: FloatArray
    p_value: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        """Number of scores."""
        return len(self.series)

    def at_rows(self, rows: NDArray[np.intp]) -> Scores:
        """The same scores as rows of a larger batch: score i belongs to its row `rows[i]`."""
        return replace(self, row=rows.astype(np.int32))

    @classmethod
    def empty(cls) -> Scores:
        """No scores."""
        return cls(
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
            *(np.zeros(0, np.float64) for _ in range(6)),
        )


@dataclass(frozen=True, slots=True)
class DeviceScores:
    """Scores of devices with several metrics as wholes, as columns of one length, in order of arrival."""

    device: NDArray[np.signedinteger[Any]]
    time: TimeArray
    score: FloatArray
    p_value: FloatArray

    def __len__(self) -> int:
        """Number of scores."""
        return len(self.device)

    @classmethod
    def empty(cls) -> DeviceScores:
        """No scores."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
