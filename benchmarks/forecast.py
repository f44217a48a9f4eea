"""How well forecasts keep their word: on wear whose crossing is known, and on series that go nowhere.

    forewarn bench forecast [--series N]

Everything runs through the engine, reading by reading, with one limit. Of wear: how many series were warned of, how
long before the crossing, and in how many of the forecasts told (opened, and told anew while they last) the crossing lay
in the interval, which promises 80 %. Of the others: forecasts per device-month, which `alarms.budget` allows 1 of.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median

import numpy as np

from alerts.alert import Escalated, Fact, Kind, Opened, Revised
from benchmarks._wear import LIMIT, NORMAL, SHAPES, STEPS_PER_DAY, FloatArray, wear
from forewarn.engine import Engine, EngineConfig
from ingest.reading import NS_PER_DAY, Quality, ReadingBatch
from ingest.registry import Registry
from models.detectors.limits import LimitRule

START = 20_000 * NS_PER_DAY
LIVES = (20, 45, 90)
NOISES = (0.15, 0.5)
NORMAL_DAYS = 120
MONTH = 30.44
BEYOND = (0.5, 1.5)
"""How far above the highest level ever seen the limit of a normal series lies, in spans of its level."""


@dataclass(slots=True)
class Tally:
    """What became of some series that wear."""

    series: int = 0
    found: int = 0
    leads: list[float] = field(default_factory=list)
    """Days from the first forecast to the crossing, as a share of the time from the onset."""
    first: list[bool] = field(default_factory=list)
    """Whether the crossing lay in the first interval."""
    every: list[bool] = field(default_factory=list)
    sooner: list[bool] = field(default_factory=list)
    """Whether the crossing came before the interval."""
    early: int = 0
    """Forecasts before the wear began."""


def main(arguments: Sequence[str]) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="forewarn bench forecast", description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=40, help="series of each kind (default 40)")
    series = parser.parse_args(arguments).series
    print("wear                  noise  found  lead   in the first  in every  crossed sooner  before any wear")
    for shape in SHAPES:
        for noise in NOISES:
            print(_line(shape, noise, _of_wear(shape, noise, series)), flush=True)
    print("\nnormal               forecasts per device-month, the limit beyond the highest level by")
    print("                     " + "".join(f"{share:g} spans".rjust(12) for share in BEYOND))
    for name in NORMAL:
        rates = [_of_normal(name, share, series) for share in BEYOND]
        print(name.ljust(21) + "".join(f"{rate:.4f}".rjust(12) for rate in rates), flush=True)
    return 0


def _line(shape: str, noise: float, tally: Tally) -> str:
    shares = [mean(found) if found else float("nan") for found in (tally.first, tally.every, tally.sooner)]
    lead = median(tally.leads) if tally.leads else float("nan")
    return (
        f"{shape.ljust(20)} {noise:5.2f}  {tally.found / tally.series:5.0%}  {lead:4.0%}   "
        f"{shares[0]:12.0%}  {shares[1]:8.0%}  {shares[2]:14.0%}  {tally.early:15d}"
    )


def _of_wear(shape: str, noise: float, series: int) -> Tally:
    tally = Tally()
    for life in LIVES:
        for schedule in (False, True):
            rng = np.random.default_rng([life, schedule, round(100 * noise), list(SHAPES).index(shape)])
            made = wear(rng, series, shape, life, noise, schedule)
            until = int(made.crosses * STEPS_PER_DAY) + 1
            told: dict[str, list[tuple[float, float, float]]] = {}
            for device, at, earliest, latest in forecasts(made.values[:, :until], LIMIT):
                told.setdefault(device, []).append((at, earliest, latest))
            tally.series += series
            for of_one in told.values():
                real = [one for one in of_one if one[0] > made.begins]
                tally.early += len(of_one) - len(real)
                if real:
                    tally.found += 1
                    tally.leads.append((made.crosses - real[0][0]) / (made.crosses - made.begins))
                    tally.first.append(real[0][1] <= made.crosses <= real[0][2])
                tally.every += [early <= made.crosses <= late for _, early, late in real]
                tally.sooner += [made.crosses < early for _, early, _ in real]
    return tally


def _of_normal(name: str, beyond: float, series: int) -> float:
    rng = np.random.default_rng([list(NORMAL).index(name), 7])
    values = NORMAL[name](rng, series, NORMAL_DAYS)
    level = values.reshape(series, -1, 3).mean(axis=2)
    top, low = level.max(axis=1), level.min(axis=1)
    scaled = (values - top[:, None]) / (top - low)[:, None]  # every series to a span of 1 below 0
    opened = {(device, at) for device, at, _, _ in forecasts(scaled, beyond, opened_only=True)}
    return len(opened) / (series * NORMAL_DAYS / MONTH)


def forecasts(values: FloatArray, limit: float, opened_only: bool = False) -> Iterator[tuple[str, float, float, float]]:
    """(device, day, earliest day, latest day) of every forecast that was told; a series a row, a reading an hour."""
    registry, m = Registry(), len(values)
    numbers = np.array([registry.series("bench", f"machine-{i}", "level") for i in range(m)], np.int32)
    engine = Engine(registry, EngineConfig(limits=(LimitRule("level", "critical", high=limit),)))
    device: dict[str, str] = {}
    for first in range(0, values.shape[1], STEPS_PER_DAY):
        part = values[:, first : first + STEPS_PER_DAY]
        at = START + (first + np.arange(part.shape[1])) * (NS_PER_DAY // STEPS_PER_DAY)
        batch = ReadingBatch.of(
            np.tile(numbers, part.shape[1]), np.repeat(at, m), part.T.reshape(-1), int(Quality.RECORDED)
        )
        for event in engine.process(batch).events:
            if isinstance(event, Opened) and event.alert.kind is Kind.FORECAST:
                device[event.alert.id] = event.alert.device
                yield event.alert.device, *_told(event.alert.raised_at, event.alert.evidence)
            elif isinstance(event, Escalated | Revised) and event.alert_id in device and not opened_only:
                yield device[event.alert_id], *_told(event.at, event.evidence)


def _told(at: int, facts: Mapping[str, Fact]) -> tuple[float, float, float]:
    return (
        (at - START) / NS_PER_DAY,
        (int(facts["earliest_at"] or 0) - START) / NS_PER_DAY,
        (int(facts["latest_at"] or 0) - START) / NS_PER_DAY,
    )
