"""Memory that is asked for before it is needed: the results are those without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ingest.compiled import compiled
from ingest.prefetch import LINE, prefetch
from ingest.rows import StateTable

WIDE = 100


class _Row(Protocol):
    kept: int


@compiled
def add_up(records: Sequence[_Row], ahead: int) -> int:
    total = 0
    for row in range(len(records)):
        if row + ahead < len(records):
            prefetch(records[row + ahead], 0)
            prefetch(records[row + ahead], WIDE // 2 * LINE)
        total += records[row].kept
    return total


def test_a_loop_that_fetches_ahead_reads_the_same() -> None:
    table = StateTable({"kept": (np.int64, (), 0), "rest": (np.float64, (WIDE * LINE // 8,), 0.0)})
    table.resize(50)
    table["kept"][:50] = np.arange(50)
    assert [add_up(table.records[:50], ahead) for ahead in (1, 8, 64)] == [sum(range(50))] * 3
