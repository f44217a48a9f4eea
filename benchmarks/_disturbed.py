"""Copies of recorded faults, each with one thing that happens to data on its way: the same trouble is in all of them.

A disturbance takes the columns of a recording and of its truth, and chance from a seed. What it does is of the size
that sites show; a copy of the set NAME is the set NAME-DISTURBANCE, judged like NAME.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

from benchmarks._recorded import TRUTH, readings_of
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND
from ingest.tables import open_table
from ingest.times import format_times, parse_times

Columns: TypeAlias = dict[str, list[str]]
"""Texts of a table by the names of its columns, all of one length."""

NEEDED = ("time", "site", "device", "metric", "value")
MOST_DAYS = 900
"""A copy is shifted by so many days at most, either way."""
CROPPED, CROPPED_SHARE = 150, 0.1
"""So many instants are missing at the beginning at most, of all at most this share."""
FACTORS, ZEROS = (0.01, 0.3, 7.0, 100.0), (0.0, 5.0, -40.0)
"""Other units, and other zeros."""
LOST = 0.05
"""Share of the readings that is lost one by one, …"""
HOLES, HOLE = 2, 20
"""… and how often nothing comes for so many instants."""
TWICE = 0.05
"""Share of the readings that comes twice."""
LATE, LATEST = 0.03, 200
"""Share of the readings that comes late, by so many rows at most."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Readings in order of arrival, and what was wrong."""

    readings: Columns
    truth: Columns

    def taking(self, rows: Iterable[int]) -> Recording:
        """The same with these readings only, in this order."""
        chosen = list(rows)
        return Recording({name: [texts[i] for i in chosen] for name, texts in self.readings.items()}, self.truth)

    def instants(self) -> list[str]:
        """Their distinct times, in order."""
        return list(dict.fromkeys(self.readings["time"]))


Disturbance: TypeAlias = Callable[[Recording, Random], Recording]


def shifted(of: Recording, rng: Random) -> Recording:
    """At another time of another day."""
    by = rng.randint(-MOST_DAYS * 86_400, MOST_DAYS * 86_400) * NS_PER_SECOND
    readings = of.readings | {"time": _moved(of.readings["time"], by)}
    return Recording(readings, of.truth | {name: _moved(of.truth[name], by) for name in ("start", "end")})


def cropped(of: Recording, rng: Random) -> Recording:
    """Without its beginning."""
    instants = of.instants()
    missing = set(instants[: min(rng.randint(1, CROPPED), int(CROPPED_SHARE * len(instants)))])
    return of.taking(i for i, time in enumerate(of.readings["time"]) if time not in missing)


def rescaled(of: Recording, rng: Random) -> Recording:
    """Every metric in another unit, with another zero."""
    metrics, values = of.readings["metric"], of.readings["value"]
    units = {metric: (rng.choice(FACTORS), rng.choice(ZEROS)) for metric in dict.fromkeys(metrics)}
    other = [_rescaled(value, *units[metric]) for metric, value in zip(metrics, values, strict=True)]
    return Recording(of.readings | {"value": other}, of.truth)


def renamed(of: Recording, rng: Random) -> Recording:
    """Other names, and the readings of an instant in another order."""
    readings, truth = dict(of.readings), dict(of.truth)
    for column in ("site", "device", "metric"):
        known = list(dict.fromkeys(of.readings[column]))
        names = dict(zip(known, rng.sample([f"{column}-{i}" for i in range(len(known))], len(known)), strict=True))
        readings[column] = [names[name] for name in of.readings[column]]
        truth[column] = [names.get(name, name) for name in of.truth[column]]
    place = {time: number for number, time in enumerate(of.instants())}
    order = sorted((place[time], rng.random(), row) for row, time in enumerate(readings["time"]))
    return Recording(readings, truth).taking(row for _, _, row in order)


def gaps(of: Recording, rng: Random) -> Recording:
    """Readings are lost, one by one and all for a while."""
    instants = of.instants()
    holes = [rng.randrange(len(instants)) for _ in range(HOLES)]
    missing = {time for begin in holes for time in instants[begin : begin + HOLE]}
    times = of.readings["time"]
    return of.taking(i for i, time in enumerate(times) if time not in missing and rng.random() >= LOST)


def duplicates(of: Recording, rng: Random) -> Recording:
    """Some readings come twice."""
    return of.taking(i for i in range(len(of.readings["time"])) for _ in range(1 + (rng.random() < TWICE)))


def late(of: Recording, rng: Random) -> Recording:
    """Some readings come after later ones."""
    rows = range(len(of.readings["time"]))
    arrival = [row + (rng.randint(1, LATEST) if rng.random() < LATE else 0) for row in rows]
    return of.taking(sorted(rows, key=arrival.__getitem__))


DISTURBANCES: Mapping[str, Disturbance] = {
    each.__name__: each for each in (shifted, cropped, rescaled, renamed, gaps, duplicates, late)
}


def disturbed(sets: Mapping[str, Sequence[Path]], out: Path, seed: int) -> dict[str, list[Path]]:
    """The truth files of the copies of each set, written below `out`, each set before its copies.

    Raises InputError if a recording is not in the long form, with a row for each reading.
    """
    found: dict[str, list[Path]] = {}
    for name, truths in sets.items():
        found[name] = list(truths)
        for truth in truths:
            recording = _read(truth)
            for kind, disturb in DISTURBANCES.items():
                copy = disturb(recording, Random(f"{seed} {kind} {truth.name}"))
                found.setdefault(f"{name}-{kind}", []).append(_write(copy, out / f"{name}-{kind}" / truth.name))
    return found


def _read(truth: Path) -> Recording:
    path = readings_of(truth)
    readings = _columns(path)
    missing = [name for name in NEEDED if name not in readings]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}; only the long form can be disturbed")
    return Recording(readings, _columns(truth))


def _columns(path: Path) -> Columns:
    with open_table(path) as file:
        rows = csv.reader(file)
        names = next(rows)
        kept = [row for row in rows if row]
    return {name: [row[column] for row in kept] for column, name in enumerate(names)}


def _write(copy: Recording, truth: Path) -> Path:
    truth.parent.mkdir(parents=True, exist_ok=True)
    readings = truth.with_name(truth.name.removesuffix(TRUTH) + ".csv")
    for path, columns in ((readings, copy.readings), (truth, copy.truth)):
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([list(columns), *zip(*columns.values(), strict=True)])
    return truth


def _moved(times: Sequence[str], by: int) -> list[str]:
    found, bad = parse_times(times)
    if bad:
        raise InputError(f"bench: {next(iter(bad.values()))}")
    return format_times(found + by)


def _rescaled(value: str, factor: float, zero: float) -> str:
    try:
        return repr(float(value) * factor + zero)
    except ValueError:
        return value
