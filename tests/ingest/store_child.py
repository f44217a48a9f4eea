"""Writes to an embedded store and tells every batch that is confirmed, until it is killed.

python -m tests.ingest.store_child FILE FIRST
"""

from __future__ import annotations

import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from ingest.stores.sqlite import SqliteStore
from tests.ingest.telemetry import START, Row, S, readings_of, scores_of

ROWS = 200


def rows(number: int) -> list[Row]:
    """The readings of a batch: its number as value, at times of its own, over several series."""
    return [(("plant", f"device-{n % 7}", "t"), (number * ROWS + n) * 60 * S, float(number)) for n in range(ROWS)]


def main(path: str, first: str) -> None:
    store = SqliteStore(Path(path), retention=timedelta(days=365))
    store.prepare()
    for number in count(int(first)):
        store.write(readings_of(rows(number)))
        store.write_scores(scores_of(rows(number)))
        store.maintain(START)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
