"""How often people are told of what comes every day or every week at its hour, and whether faults are still found.

    forewarn bench recurring [--devices N]

Devices with three metrics a minute, over nine weeks. Each does something else that is no fault: it is washed down on
Wednesdays, run for a test on Thursdays, starts hard on working days, is defrosted every six hours, is stopped at
weekends, or does nothing. In the ninth week each has two faults of an hour, the second twice as large, at hours at
which nothing else happens. Printed are alerts by week up to then, and how many of each fault were found, as shipped and
with each time told.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.random import Generator

import alerts.recurring
from benchmarks._machines import DAY, HOUR, MINUTES, WEEK, WEEKS, raised, usual
from ingest.reading import FloatArray

FAULTS = tuple((WEEKS - 1) * WEEK + 4 * DAY + hour * HOUR for hour in (14, 20))
"""Friday of the last week; the second is twice as large."""


def _at(rng: Generator, first: int, every: int, spread: float) -> list[int]:
    """When something begins that comes again and again, in minutes, some of them early or late."""
    return [first + k + round(rng.normal(0.0, spread)) for k in range(0, MINUTES - first - every // 2, every)]


def _add(values: FloatArray, begins: Sequence[int], minutes: int, rises: Sequence[float], rng: Generator) -> None:
    for begin in begins:
        values[:, begin : begin + minutes] += np.array(rises)[:, None] * rng.normal(1.0, 0.1)


def _washed(values: FloatArray, rng: Generator) -> None:
    _add(values, _at(rng, 2 * DAY + 10 * HOUR, WEEK, 10), 90, (-8.0, 35.0, 0.0), rng)


def _tested(values: FloatArray, rng: Generator) -> None:
    _add(values, _at(rng, 3 * DAY + 9 * HOUR, WEEK, 10), 30, (12.0, 0.0, 4.0), rng)


def _started(values: FloatArray, rng: Generator) -> None:
    for day in range(5):
        _add(values, _at(rng, day * DAY + 7 * HOUR, WEEK, 10), 15, (0.0, 0.0, 3.0), rng)


def _defrosted(values: FloatArray, rng: Generator) -> None:
    _add(values, _at(rng, 2 * HOUR, 6 * HOUR, 5), 20, (10.0, 0.0, 0.0), rng)


def _stopped(values: FloatArray, rng: Generator) -> None:
    for begin in _at(rng, 5 * DAY + 16 * HOUR, WEEK, 10):
        still = slice(begin, begin + 37 * HOUR)
        values[2, still] = np.abs(rng.normal(0.05, 0.02, values[2, still].shape))
        values[0, still] = 22.0 + (values[0, still] - 22.0) * np.exp(-np.arange(values[0, still].size) / 120.0)


KINDS: Mapping[str, Callable[[FloatArray, Generator], None]] = {
    "washed on Wednesdays": _washed,
    "tested on Thursdays": _tested,
    "started on working days": _started,
    "defrosted every six hours": _defrosted,
    "stopped at weekends": _stopped,
    "nothing": lambda _values, _rng: None,
}


def main(arguments: Sequence[str]) -> int:
    """Print a table each."""
    parser = argparse.ArgumentParser(prog="forewarn bench recurring", description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=5, help="devices of each kind (default 5)")
    devices = parser.parse_args(arguments).devices
    shipped = alerts.recurring.PERIODS
    try:
        for title, periods in (("as shipped", shipped), ("each time told", ())):
            alerts.recurring.PERIODS = periods
            print(f"{title.ljust(28)} alerts by week{' ' * 20}faults found, larger ones")
            for number, name in enumerate(KINDS):
                weeks, found = count(name, devices, number)
                faults = "".join(f"{one:9d} of {devices}" for one in found)
                print(f"{name.ljust(28)} {' '.join(f'{one:3d}' for one in weeks)}{faults}", flush=True)
            print()
    finally:
        alerts.recurring.PERIODS = shipped
    return 0


def count(name: str, devices: int, seed: int) -> tuple[list[int], list[int]]:
    """Alerts of each week of devices of a kind, all but the last week, and how many of each fault were found."""
    rng = np.random.default_rng(seed)
    weeks, found = [0] * (WEEKS - 1), set()
    for minute, device in raised([_device(KINDS[name], rng) for _ in range(devices)]):
        if minute // WEEK < WEEKS - 1:
            weeks[minute // WEEK] += 1
        found |= {(fault, device) for fault in FAULTS if fault <= minute < fault + HOUR}
    return weeks, [sum(fault == which for which, _ in found) for fault in FAULTS]


def _device(habit: Callable[[FloatArray, Generator], None], rng: Generator) -> FloatArray:
    values = usual(rng)
    habit(values, rng)
    for fault, times in zip(FAULTS, (1.0, 2.0), strict=True):
        _add(values, [fault], HOUR, (6.0 * times, 0.0, 1.5 * times), rng)
    return values
