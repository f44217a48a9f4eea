"""Whether faults are found on machines that run in several ways, and how often these ways themselves raise alerts.

    forewarn bench regimes [--devices N]

Devices with three metrics a minute, over nine weeks: they run on and on, stop at night, at night and at weekends, for
some hours at any time, every quarter of an hour, or run at three loads. In the ninth week, while it runs, each has a
fault: for eight hours vibration is up by 1.5 mm/s (ten times its slow scatter), by 3 mm/s, or temperature by 6 °C, or
vibration grows by 2 mm/s over four days. Printed are how many are found, and how long after they begin in the median;
and alerts a device-month before that, of which the default budget accepts one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np
from numpy.random import Generator

from benchmarks._machines import DAY, HOUR, MINUTES, WEEK, WEEKS, raised, usual
from ingest.reading import BoolArray, FloatArray

BEGIN = (WEEKS - 1) * WEEK + 2 * DAY + 9 * HOUR + 30
"""Wednesday morning of the last week."""
MONTH = 30.44 * DAY
AMBIENT, COOLS = 22.0, 60.0
"""Temperature of a machine that stands still, and minutes in which it gets two thirds nearer."""
FAULTS: Mapping[str, tuple[int, tuple[float, float, float], bool]] = {
    "+1.5 mm/s": (8 * HOUR, (0.0, 0.0, 1.5), False),
    "+3 mm/s": (8 * HOUR, (0.0, 0.0, 3.0), False),
    "+6 °C": (8 * HOUR, (6.0, 0.0, 0.0), False),
    "to +2 mm/s": (4 * DAY, (0.0, 0.0, 2.0), True),
}
"""Minutes, rise of each metric, and whether it grows."""


def _stop(values: FloatArray, still: BoolArray, rng: Generator, cools: bool = True) -> BoolArray:
    """Let the device stand still in these minutes; where it runs."""
    values[2, still] = np.abs(rng.normal(0.05, 0.02, int(still.sum())))
    if cools:
        level = float(np.median(values[0]))
        lost, towards = 0.0, np.where(still, AMBIENT - level, 0.0)
        for minute in range(MINUTES):
            lost += (towards[minute] - lost) / COOLS
            values[0, minute] += lost
    return ~still


def _spells(rng: Generator, shortest: int, longest: int) -> BoolArray:
    """On and off in turn, each for so many minutes."""
    lengths = rng.integers(shortest, longest, MINUTES // shortest + 1)
    return np.asarray(np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)[:MINUTES])


def _loads(values: FloatArray, rng: Generator) -> BoolArray:
    lengths = rng.integers(200, 900, MINUTES // 200 + 1)
    load = np.repeat(rng.choice([0.5, 1.0, 1.5], len(lengths)), lengths)[:MINUTES]
    values[2] *= load
    values[0] += 8.0 * (load - 1.0)
    return np.ones(MINUTES, np.bool_)


_MINUTE = np.arange(MINUTES)
_NIGHT = (_MINUTE % DAY < 7 * HOUR) | (_MINUTE % DAY >= 18 * HOUR)
_WEEKEND = _MINUTE % WEEK >= 5 * DAY
WAYS: Mapping[str, Callable[[FloatArray, Generator], BoolArray]] = {
    "on and on": lambda _values, _rng: np.ones(MINUTES, np.bool_),
    "not at night": lambda values, rng: _stop(values, _NIGHT, rng),
    "nor at weekends": lambda values, rng: _stop(values, _NIGHT | _WEEKEND, rng),
    "for hours, at any time": lambda values, rng: _stop(values, _spells(rng, 120, 720), rng),
    "for a quarter of an hour": lambda values, rng: _stop(values, _spells(rng, 10, 25), rng, cools=False),
    "at three loads": _loads,
}


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="forewarn bench regimes", description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=6, help="devices of each kind (default 6)")
    devices = parser.parse_args(arguments).devices
    print("runs".ljust(26) + "".join(name.rjust(18) for name in FAULTS) + "  alerts a device-month")
    for name in WAYS:
        cells, false = [], 0.0
        for fault in FAULTS:
            delays, false = count(name, fault, devices)
            cells.append(f"{len(delays)} of {devices}" + (f", {median(delays):.0f} min" if delays else ""))
        print(name.ljust(26) + "".join(cell.rjust(18) for cell in cells) + f"{false:23.2f}", flush=True)
    return 0


def count(name: str, fault: str, devices: int) -> tuple[list[int], float]:
    """After how many minutes each fault that was found was so, and alerts a device-month before."""
    rng = np.random.default_rng(3)
    minutes, rises, grows = FAULTS[fault]
    course = np.linspace(0.0, 1.0, minutes) if grows else np.ones(minutes)
    made = []
    for _ in range(devices):
        values = usual(rng)
        runs = WAYS[name](values, rng)[BEGIN : BEGIN + minutes]
        values[:, BEGIN : BEGIN + minutes] += np.array(rises)[:, None] * (course * runs)
        made.append(values)
    before, delays = 0, dict[str, int]()
    for minute, device in raised(made):
        before += minute < BEGIN
        if BEGIN <= minute < BEGIN + minutes:
            delays.setdefault(device, minute - BEGIN)
    return list(delays.values()), before / (devices * BEGIN / MONTH)
