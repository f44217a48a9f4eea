"""Fills a spool as the service would and tells every step that is done, until it is killed: at a fault point, if named.

python -m tests.ingest.spool_child FILE [FAULT_POINT NTH]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

from ingest.inbox import inbox_file
from ingest.keyed import KeyedBatch
from ingest.spool import Consumer, FaultPoint, Spool

ROWS = 40


def batch(number: int) -> KeyedBatch:
    """The batch whose every value is its number."""
    ones = np.ones(ROWS, np.int64)
    names = (("s", "d", "t"),)
    units = ((None, "missing", None),)
    key = np.zeros(ROWS, np.int32)
    values = np.full(ROWS, float(number))
    return KeyedBatch(names, units, key, np.arange(ROWS), values, np.zeros(ROWS, np.uint8), ones * number, -ones)


def tell(what: str, number: int) -> None:
    sys.stdout.write(f"{what} {number}\n")
    sys.stdout.flush()


def main(path: str, point: str = "", nth: str = "1") -> None:
    seen = 0

    def fault(now: FaultPoint) -> None:
        nonlocal seen
        seen += now == point
        if now == point and seen == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    local = inbox_file(Path(path))
    local.open()
    spool = Spool(local, fault=fault)
    spool.open()
    number = spool.last
    while True:
        number += 1
        assert spool.append(batch(number)) == number
        tell("append", number)
        if number % 3 == 0:
            spool.mark(Consumer.STORE, number - 1)
            tell("store", number - 1)
        if number % 5 == 0:
            spool.save_checkpoint(number, str(number).encode())
            tell("engine", number)


if __name__ == "__main__":
    main(*sys.argv[1:])
